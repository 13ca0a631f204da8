"""Where delivery days start, and what a file does that is older than all before."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from c360_assets.assets.domain_tables import delivery_days
from c360_assets.automation.instance import prepare_home
from c360_assets.automation.jobs import LOAD
from c360_assets.automation.runs import launch, open_instance
from c360_assets.configuration import load_tenant
from c360_assets.definitions import build
from c360_assets.ingest import delivery_days as days_of_deliveries
from c360_assets.ingest.delivery_days import first_day
from c360_assets.ingest.odd_files import outside
from c360_assets.tenant.local_time import today
from c360_assets.tenant.models import Tenant
from c360_assets_tests.automation.tenants import DAY, LOYALTY, land, tiny_tenant
from c360_assets_tests.automation.test_readiness import loaded

SHOP = dg.AssetKey(["domain", "Shop_Customers"])
OLD = date(2019, 5, 4)


def tenant_without_first_day(root: Path) -> Tenant:
    return tiny_tenant(root, first_day="null")


def start(tenant: Tenant) -> date:
    return delivery_days(tenant).start.date()


def test_nothing_landed_starts_today(tmp_path: Path) -> None:
    tenant = tenant_without_first_day(tmp_path)
    assert start(tenant) == today(tenant)


def test_the_earliest_file_or_load_starts(tmp_path: Path) -> None:
    tenant = tenant_without_first_day(tmp_path)
    land(tmp_path, "shop", DAY)
    assert start(tenant) == DAY
    loaded(tmp_path, "Loyalty:Members", DAY - timedelta(days=3))
    assert start(tenant) == DAY - timedelta(days=3), "its file may have gone since"
    land(tmp_path, "loyalty", OLD)
    assert start(tenant) == OLD
    assert outside(tenant, tenant.feeds[0]) == []


def test_first_day_is_kept_to(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    land(tmp_path, "shop", OLD)
    assert start(tenant) == date(2026, 3, 1)


def test_a_misspelt_year_starts_no_calendar(tmp_path: Path) -> None:
    tenant = tenant_without_first_day(tmp_path)
    land(tmp_path, "shop", DAY)
    (tmp_path / "landing/shop/customers-02160302.csv").write_text("customer_id\n")
    assert start(tenant) == DAY
    feed = tenant.feed("Shop:Customers")
    assert feed is not None
    assert [file.relative for file in outside(tenant, feed)] == ["shop/customers-02160302.csv"]


def test_a_remote_place_is_not_asked(tmp_path: Path) -> None:
    tenant_without_first_day(tmp_path)
    address = "format: csv, address: 'sftp://127.0.0.1:9/drop'"
    (tmp_path / "feeds/loyalty/members.yaml").write_text(
        LOYALTY.replace("format: csv", address), "utf-8"
    )
    assert start(load_tenant(tmp_path)) == date(2020, 1, 1)


def test_files_without_a_date_may_be_of_any_day_asked_for(tmp_path: Path) -> None:
    """`c360 run --date` says of which day they are."""
    tenant_without_first_day(tmp_path)
    (tmp_path / "feeds/loyalty/members.yaml").write_text(
        LOYALTY.replace("'loyalty/members-'yyyyMMdd'*.csv'", "'loyalty/members.csv'"), "utf-8"
    )
    tenant = load_tenant(tmp_path)
    land(tmp_path, "shop", DAY)
    assert start(tenant) == date(2020, 1, 1)
    assert [first_day(tenant, feed).year for feed in tenant.feeds] == [2020, 1970]


def test_it_is_looked_for_when_definitions_load_and_not_by_ticks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = tenant_without_first_day(tmp_path)
    definitions = build(tenant)

    def refuse(*_: object) -> None:
        raise AssertionError("looked for again")

    monkeypatch.setattr(days_of_deliveries, "_landed_days", refuse)
    land(tmp_path, "shop", DAY)
    with dg.DagsterInstance.ephemeral() as instance:
        for sensor in definitions.sensors or []:
            assert isinstance(sensor, dg.SensorDefinition)
            sensor.evaluate_tick(dg.build_sensor_context(instance=instance))


def test_an_older_file_is_loaded_and_the_days_that_were_there_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", "")
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    tenant = tenant_without_first_day(tmp_path)
    with open_instance() as instance:
        for day in (DAY, OLD):
            land(tmp_path, "shop", day)
            outcome = launch(instance, build(tenant), LOAD, asset_keys=[SHOP], days=(day, day))
            assert outcome.success, outcome.failed_steps
        assert instance.get_materialized_partitions(SHOP) == {OLD.isoformat(), DAY.isoformat()}
        first, *_ = delivery_days(tenant).get_partition_keys()
    assert first == OLD.isoformat()

"""What the UI shows of a load: each file's counts, also of days that failed, and never a value."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from c360_assets.assets.domain_tables import NOTHING_LOADED
from c360_assets.automation.instance import prepare_home
from c360_assets.automation.jobs import LOAD
from c360_assets.automation.runs import launch, open_instance
from c360_assets.definitions import build
from c360_assets.step_failures import message_of
from c360_assets_tests.automation.tenants import CANARY_EMAIL, DAY, land, tiny_tenant

SHOP = dg.AssetKey(["domain", "Shop_Customers"])


def test_each_file_of_a_load_is_shown_with_its_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    tenant = tiny_tenant(tmp_path)
    for day in (DAY, DAY + timedelta(days=1)):
        land(tmp_path, "shop", day)
    (bad,) = (tmp_path / "landing").rglob(f"*{DAY + timedelta(days=1):%Y%m%d}*")
    bad.write_text(bad.read_text() + "too,few\n")
    with open_instance() as instance:
        outcome = launch(
            instance, build(tenant), LOAD, asset_keys=[SHOP], days=(DAY, DAY + timedelta(days=1))
        )
        assert not outcome.success
        found = dg.AssetRecordsFilter(asset_key=SHOP)
        (loaded,) = instance.fetch_materializations(found, limit=9).records
        (failed,) = instance.fetch_observations(found, limit=9).records
        pages = [
            record.event_log_entry.asset_materialization or record.event_log_entry.asset_observation
            for record in (loaded, failed)
        ]
    rows = [page.metadata["ingest details"].records for page in pages if page is not None]  # type: ignore[attr-defined]
    assert [page.partition for page in pages if page is not None] == ["2026-03-02", "2026-03-03"]
    assert [
        (r["outcome"], r["rejected"], r["error log"]) for (record,) in rows for r in [record.data]
    ] == [
        ("loaded", 0, ""),
        ("failed error_threshold", 1, "logs/Shop_Customers.2026-03-03.row_errors.csv"),
    ]
    assert all(
        r.data["read"] == r.data["loaded"] + r.data["rejected"] + r.data["replaced"]
        for r in rows[0]
    )
    assert CANARY_EMAIL not in str(rows)


def test_each_day_of_a_range_shows_its_own_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    tenant = tiny_tenant(tmp_path)
    last = DAY + timedelta(days=2)
    land(tmp_path, "shop", DAY)
    land(tmp_path, "shop", last, ["c9,gus@example.com,Gus,Gray,1"])
    with open_instance() as instance:
        outcome = launch(instance, build(tenant), LOAD, asset_keys=[SHOP], days=(DAY, last))
        assert outcome.success, outcome.failed_steps
        assert [table.reused for table in outcome.tables] == [False]
        shown = {
            page.partition: [
                page.metadata[name].value for name in ("files", "rows_loaded", "delivery")
            ]
            for record in instance.fetch_materializations(SHOP, limit=9).records
            if (page := record.event_log_entry.asset_materialization)
        }
    assert shown == {
        "2026-03-02": [1, 5, "loaded"],
        "2026-03-03": [0, 0, NOTHING_LOADED],
        "2026-03-04": [1, 1, "loaded"],
    }
    assert outcome.warnings == [
        "Shop:Customers: no file is there for 1 of 3 delivery days, such as 2026-03-03; they are "
        "shown as materialized, `delivery` says so"
    ]


def test_of_a_range_only_days_with_wrong_files_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    tenant = tiny_tenant(tmp_path)
    last = DAY + timedelta(days=2)
    land(tmp_path, "shop", DAY)
    land(tmp_path, "shop", last, ["too,few"])
    with open_instance() as instance:
        outcome = launch(instance, build(tenant), LOAD, asset_keys=[SHOP], days=(DAY, last))
        assert not outcome.success
        assert instance.get_materialized_partitions(SHOP) == {"2026-03-02", "2026-03-03"}


def test_a_load_that_names_no_days_says_where_to_choose_them(tmp_path: Path) -> None:
    job = build(tiny_tenant(tmp_path)).resolve_job_def(LOAD)
    result = job.execute_in_process(asset_selection=[SHOP], raise_on_error=False)
    failure = result.failure_data_for_node("domain__Shop_Customers")
    said = message_of(failure.error if failure else None)
    assert said.startswith("Shop:Customers: the run was started without delivery days; choose")

"""Feeds of other places, looked at by ticks: seldom, without stopping the others, and saying what
is to be done."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.console import Console

from c360_assets.automation import pending as pending_days
from c360_assets.automation.readiness import readiness
from c360_assets.automation.sensors import landing_sensor, stitch_sensor
from c360_assets.configuration import load_tenant
from c360_assets.ingest import remote as couriers
from c360_assets.reporting.status import read_status
from c360_assets.reporting.status_screen import render_status
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse
from c360_assets_tests.automation.tenants import DAY, LOYALTY, land, tiny_tenant
from c360_assets_tests.automation.test_readiness import loaded
from c360_assets_tests.automation.test_sensors import asked
from c360_assets_tests.automation.test_waiting import alerts, at
from c360_assets_tests.ingest.servers import s3_server

GONE = "sftp://127.0.0.1:9/drop"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "PAUSE", 0.01)
    monkeypatch.setattr(pending_days, "_last_looks", {})


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were looked at, in order; a look is shared for no longer than a tick
    says."""
    seen: list[str] = []
    system = couriers.open_place

    def counted(address: str) -> Any:
        seen.append(address)
        return system(address)

    monkeypatch.setattr(couriers, "open_place", counted)
    monkeypatch.setattr(couriers, "SECONDS_BETWEEN_LOOKS", 0.0)
    return seen


def remote(root: Path, address: str, workflow: str = "") -> Tenant:
    """The tiny tenant whose loyalty files are at `address`."""
    tiny_tenant(root, workflow)
    (root / "feeds/loyalty/members.yaml").write_text(
        LOYALTY.replace("format: csv", f"format: csv, address: '{address}'"), "utf-8"
    )
    return load_tenant(root)


def tick(tenant: Tenant, instance: dg.DagsterInstance, name: str) -> list[dg.RunRequest] | str:
    feed = tenant.feed(name)
    assert feed is not None
    return asked(landing_sensor(tenant, feed), instance)


def test_a_place_that_fails_stops_no_other_feed(
    tmp_path: Path, instance: dg.DagsterInstance, looks: list[str]
) -> None:
    tenant = remote(tmp_path, GONE)
    land(tmp_path, "shop", DAY)
    for _ in range(3):
        said = str(tick(tenant, instance, "Loyalty:Members"))
        assert said.startswith(
            "feed Loyalty:Members: files.address sftp://127.0.0.1/drop cannot be reached"
        )
        assert "check the address and the network" in said
        assert isinstance(tick(tenant, instance, "Shop:Customers"), list)
        waiting = str(asked(stitch_sensor(tenant), instance))
        assert (
            "Loyalty:Members (feed Loyalty:Members: files.address sftp://127.0.0.1/drop "
            "cannot be reached"
        ) in waiting
    assert len(looks) == couriers.ATTEMPTS, (
        "one look, tried again as often as a fetch does, for all ticks"
    )
    (told,) = alerts(tmp_path)
    assert (told["kind"], told["feed"]) == ("unreachable", "Loyalty:Members")
    assert "someone" not in str(told)


def test_a_place_that_fails_is_looked_at_again_later(
    tmp_path: Path, instance: dg.DagsterInstance, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_days, "SECONDS_AFTER_FAILURE", 0.0)
    tenant = remote(tmp_path, GONE)
    for _ in range(2):
        tick(tenant, instance, "Loyalty:Members")
    assert len(looks) == 2 * couriers.ATTEMPTS


@pytest.mark.parametrize(
    ("loyalty", "day_loaded", "expected"),
    [
        ("", False, "missing"),
        ("", True, "there"),
        ("wait: 0h", False, "without"),
        ("wait: 0h, stop: true", False, "missing"),
    ],
)
def test_readiness_of_a_place_that_fails(
    tmp_path: Path, loyalty: str, day_loaded: bool, expected: str
) -> None:
    tenant = remote(tmp_path, GONE, f"feeds: {{Loyalty:Members: {{{loyalty}}}}}")
    loaded(tmp_path, "Shop:Customers", DAY)
    if day_loaded:
        loaded(tmp_path, "Loyalty:Members", DAY)
    ready = readiness(tenant, Warehouse.open(tmp_path / "warehouse"), DAY, at("12:00"))
    found = "missing" if ready.missing else "without" if ready.without else "there"
    assert found == expected


def test_status_names_the_place_and_goes_on(tmp_path: Path) -> None:
    remote(tmp_path, GONE)
    land(tmp_path, "shop", DAY)
    found = read_status(tmp_path, datetime.now(UTC))
    loyalty, shop = found.feeds
    assert (shop.waiting_days, shop.problem, loyalty.waiting_days) == (1, "", 0)
    assert "cannot be reached" in loyalty.problem
    page = StringIO()
    render_status(found, Console(file=page, width=300))
    assert "sftp://127.0.0.1/drop cannot be reached" in page.getvalue()


def test_ticks_share_a_look(
    tmp_path: Path, instance: dg.DagsterInstance, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    with s3_server() as address:
        for key, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(key, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="brand")
        tenant = remote(tmp_path, "s3://brand/drop")
        assert "nothing new" in str(tick(tenant, instance, "Loyalty:Members"))
        client.put_object(
            Bucket="brand",
            Key=f"drop/loyalty/members-{DAY:%Y%m%d}.csv",
            Body=b"member,mail,name,surname\nm1,,A,B\n",
        )
        for _ in range(3):
            assert "nothing new" in str(tick(tenant, instance, "Loyalty:Members"))
            asked(stitch_sensor(tenant), instance)
        assert len(looks) == 1
        monkeypatch.setattr(pending_days, "interval", lambda: 0)
        assert isinstance(tick(tenant, instance, "Loyalty:Members"), list)
        assert len(looks) == 2
        assert not (tmp_path / "cache").exists(), "a tick lists, the run fetches"
        monkeypatch.setattr(pending_days, "interval", lambda: 30)
        loaded(tmp_path, "Loyalty:Members", DAY)
        tick(tenant, instance, "Loyalty:Members")
        assert len(looks) == 3, "what a load has changed is looked at anew"

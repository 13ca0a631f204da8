"""A missed freshness policy is alerted of, unless its cause was told, and told to be met again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from c360_assets.automation import sensors
from c360_assets.automation.alerts import Alert, raise_alert
from c360_assets.automation.overdue import FAILED, SHOWN, _message
from c360_assets.automation.sensors import stitch_sensor
from c360_assets_tests.automation.tenants import DAY, tiny_tenant
from c360_assets_tests.automation.test_sensors import asked
from c360_assets_tests.automation.test_waiting import alerts, at

SHOP = dg.AssetKey(["domain", "Shop_Customers"])
DATABASE = dg.AssetKey(["customer_360_database"])


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setattr(sensors, "now", lambda _: at("05:00"))
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def judged(instance: dg.DagsterInstance, key: dg.AssetKey, state: FreshnessState) -> None:
    """As Dagster's daemon writes down how fresh an asset is."""
    change = FreshnessStateChange(
        key=key,
        new_state=state,
        previous_state=FreshnessState.UNKNOWN,
        state_change_timestamp=at("04:59").timestamp(),
    )
    instance._report_runless_asset_event(change)


def told(root: Path) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["feed"]) for entry in alerts(root)]


def test_an_asset_that_is_too_old_is_told_once_and_again_when_it_is_fresh(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    assert FreshnessState.FAIL.value == FAILED
    tenant = tiny_tenant(tmp_path, as_of="today")
    sensor = stitch_sensor(tenant)
    judged(instance, SHOP, FreshnessState.WARN)
    asked(sensor, instance)
    assert "overdue" not in str(told(tmp_path))
    judged(instance, SHOP, FreshnessState.FAIL)
    judged(instance, DATABASE, FreshnessState.FAIL)
    for _ in range(2):
        asked(sensor, instance)
    assert told(tmp_path) == [("overdue", ""), ("overdue", "Shop:Customers")]
    judged(instance, SHOP, FreshnessState.PASS)
    for _ in range(2):
        asked(sensor, instance)
    assert told(tmp_path)[2:] == [("recovered", "Shop:Customers")]


@pytest.mark.parametrize(
    ("kind", "feed", "key", "is_told"),
    [
        ("load_failed", "Shop:Customers", SHOP, False),
        ("missing", "Loyalty:Members", SHOP, True),
        ("missing", "Loyalty:Members", DATABASE, False),
        ("configuration", "", DATABASE, True),
    ],
)
def test_what_has_a_cause_that_was_told_is_not_told_twice(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    kind: str,
    feed: str,
    key: dg.AssetKey,
    is_told: bool,
) -> None:
    tenant = tiny_tenant(tmp_path, as_of="today")
    raise_alert(tenant, Alert(kind, feed, DAY, "its cause"))  # type: ignore[arg-type]
    judged(instance, key, FreshnessState.FAIL)
    asked(stitch_sensor(tenant), instance)
    assert ("overdue" in [kind for kind, _ in told(tmp_path)]) == is_told


@pytest.mark.parametrize("feed", ["", "Shop:Customers"])
def test_what_a_message_leaves_out_is_counted(feed: str) -> None:
    assets = [f"asset_{n}" for n in range(SHOWN + 2)]
    assert " more" not in _message(feed, assets[:SHOWN])
    assert f"asset_{SHOWN - 1} and 2 more" in _message(feed, assets)

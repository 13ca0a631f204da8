"""What `c360 status` says of the service, and of feeds on a narrow terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
)
from rich.console import Console

from c360_assets.automation.instance import prepare_home
from c360_assets.automation.runs import open_instance
from c360_assets.automation.switched_off import switched_off
from c360_assets.automation.watch import watch
from c360_assets.errors import C360Error
from c360_assets.reporting.status import Status, read_status
from c360_assets.reporting.status_screen import render_status
from c360_assets.reporting.summary import CheckWarning
from c360_assets.tenant.local_time import now
from c360_assets.warehouse.heartbeat import beat
from c360_assets_tests.automation.tenants import DAY, tiny_tenant
from c360_assets_tests.automation.test_waiting import alerts


def _note(instance: dg.DagsterInstance, sensor: str, status: InstigatorStatus) -> None:
    """Note a sensor as the button of the UI does."""
    location = RegisteredCodeLocationOrigin("c360")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), sensor)
    data = SensorInstigatorData(min_interval=30)
    kind = InstigatorType.SENSOR
    instance.add_instigator_state(InstigatorState(origin, kind, status, data))


def _page(status: Status, width: int) -> str:
    page = StringIO()
    render_status(status, Console(file=page, width=width))
    return page.getvalue()


def test_status_names_what_is_switched_off_in_the_ui(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", "")
    tenant = tiny_tenant(tmp_path)
    assert switched_off(tenant) == []
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    with open_instance() as instance:
        _note(instance, "stitch_sensor", InstigatorStatus.STOPPED)
        _note(instance, "landing_Shop_Customers", InstigatorStatus.STOPPED)
        _note(instance, "landing_Gone_Feed", InstigatorStatus.STOPPED)
        _note(instance, "landing_Loyalty_Members", InstigatorStatus.RUNNING)
    off = switched_off(tenant)
    assert off == ["landing_Shop_Customers", "stitch_sensor"]
    page = _page(read_status(tmp_path, datetime.now(UTC), off), 300)
    assert "Switched off  landing_Shop_Customers, stitch_sensor (in the UI" in page
    assert "Switched off" not in _page(read_status(tmp_path, datetime.now(UTC)), 300)


def _switch(instance: dg.DagsterInstance, sensor: str, status: InstigatorStatus) -> None:
    """Switch a sensor that was noted before."""
    (state,) = [s for s in instance.all_instigator_state() if s.instigator_name == sensor]
    instance.update_instigator_state(state.with_status(status))


@pytest.mark.parametrize("is_own", [True, False])
def test_watch_tells_what_is_switched_off_and_when_it_is_on_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    root = tmp_path / "tenant"
    root.mkdir()
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", str(root))
    tenant = tiny_tenant(root, "activation: {cron: '30 6 * * *'}")
    if not is_own:
        (tmp_path / "home").mkdir()
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(root)))
    beat(root, "tick")

    def look() -> list[tuple[str, str]]:
        seen = watch(tenant, now(tenant), timedelta(minutes=10), timedelta(hours=2))
        return [(alert.kind, alert.message) for alert in seen.alerts]

    with open_instance() as instance:
        assert look() == []
        for name in ("stitch_sensor", "activation_schedule"):
            _note(instance, name, InstigatorStatus.STOPPED)
        message = "switched off in the UI: {}; nothing begins by them"
        both = [("switched_off", message.format("activation_schedule, stitch_sensor"))]
        assert [look(), look()] == [both, both]
        _switch(instance, "stitch_sensor", InstigatorStatus.RUNNING)
        assert look() == [("switched_off", message.format("activation_schedule"))]
        _switch(instance, "activation_schedule", InstigatorStatus.RUNNING)
        assert look() == []
    kinds = [(entry["kind"], entry.get("of")) for entry in alerts(root)]
    assert kinds == [("switched_off", None)] * 2 + [("recovered", "switched_off")]


def test_a_storage_that_does_not_answer_is_no_sign_that_all_is_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "gone"))
    tenant = tiny_tenant(tmp_path)
    with pytest.raises(C360Error, match="does not answer"):
        switched_off(tenant)
    beat(tmp_path, "tick")
    seen = watch(tenant, now(tenant), timedelta(minutes=10), timedelta(hours=2))
    assert [alert.kind for alert in seen.alerts] == ["silent"]


def test_checks_of_the_database_that_warn_are_named(tmp_path: Path) -> None:
    tiny_tenant(tmp_path)
    warning = CheckWarning("CV-A04", "Are addresses complete?", 4, 5, 80.0)
    status = replace(read_status(tmp_path, datetime.now(UTC)), check_warnings=[warning])
    assert "! CV-A04  Are addresses complete?  no: 4 of 5 (80.0 %)" in _page(status, 100)


def test_a_narrow_terminal_cuts_no_day_and_no_number(tmp_path: Path) -> None:
    tiny_tenant(tmp_path)
    status = read_status(tmp_path, datetime.now(UTC))
    counts: dict[str, Any] = {"last_day": DAY, "rows": 1234567, "late_files": 9}
    late = [replace(feed, **counts) for feed in status.feeds]
    page = _page(replace(status, feeds=late), 72)
    assert page.count(DAY.isoformat()) == len(late)
    assert page.count("1,234,567") == len(late)


def test_a_narrow_terminal_breaks_a_feed_where_its_source_ends(tmp_path: Path) -> None:
    tiny_tenant(tmp_path)
    lines = _page(read_status(tmp_path, datetime.now(UTC)), width=60).splitlines()
    (place,) = [n for n, line in enumerate(lines) if line.startswith("Loyalty:")]
    assert lines[place + 1].split()[0] == "Members"

"""What `c360 status` says of the service, and of feeds on a narrow terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
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
from c360_assets.reporting.status import Status, read_status, render_status
from c360_assets_tests.automation.tenants import DAY, tiny_tenant


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


def test_a_narrow_terminal_cuts_no_day_and_no_number(tmp_path: Path) -> None:
    tiny_tenant(tmp_path)
    status = read_status(tmp_path, datetime.now(UTC))
    counts: dict[str, Any] = {"last_day": DAY, "rows": 1234567, "late_files": 9}
    late = [replace(feed, **counts) for feed in status.feeds]
    page = _page(replace(status, feeds=late), 72)
    assert page.count(DAY.isoformat()) == len(late)
    assert page.count("1,234,567") == len(late)

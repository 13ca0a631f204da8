"""Feeds that are late or never come: how long a day waits, what it does then, and who is told."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from c360_assets.automation import sensors
from c360_assets.automation.activation_time import expected_at, last_due, was_due
from c360_assets.automation.alerts import raise_all
from c360_assets.automation.attempts import attempts_on
from c360_assets.automation.due import Due
from c360_assets.automation.due_stages import activation_due
from c360_assets.automation.jobs import STITCH
from c360_assets.automation.readiness import Readiness, readiness
from c360_assets.automation.sensors import stitch_sensor
from c360_assets.run_tags import LANDED_TAG
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse
from c360_assets_tests.automation.tenants import DAY, LOYALTY, land, tiny_tenant
from c360_assets_tests.automation.test_readiness import loaded
from c360_assets_tests.automation.test_sensors import asked, ran

ZONE = ZoneInfo("America/New_York")


def at(clock: str, days: int = 0) -> datetime:
    return datetime.fromisoformat(f"{DAY + timedelta(days=days)} {clock}").replace(tzinfo=ZONE)


def tenant_with(root: Path, loyalty: str, **tenant: str) -> Tenant:
    """The tiny tenant with an entry for the loyalty feed; the shop's file of the day was loaded at
    06:00, before 06:30."""
    declared = tiny_tenant(root, f"feeds: {{Loyalty:Members: {{{loyalty}}}}}", **tenant)
    loaded(root, "Shop:Customers", DAY)
    return declared


def verdict(tenant: Tenant, moment: datetime) -> str:
    ready = readiness(tenant, Warehouse.open(tenant.root / "warehouse"), moment.date(), moment)
    feed = "Loyalty:Members"
    if feed in ready.without:
        return "goes on"
    return "stopped" if feed in ready.stopped else "waits" if feed in ready.missing else "there"


@pytest.mark.parametrize(
    ("loyalty", "clock", "expected"),
    [
        ("", "23:59", "waits"),  # no wait given: without end
        ("stop: true", "23:59", "waits"),
        ("wait: 2h", "08:29", "waits"),
        ("wait: 2h", "08:30", "goes on"),
        ("wait: 0h", "06:29", "waits"),
        ("wait: 0h", "06:30", "goes on"),
        ("wait: 30m, stop: true", "06:59", "waits"),
        ("wait: 30m, stop: true", "07:00", "stopped"),
        ("wait: 2h, every: week", "00:01", "waits"),  # never delivered
        ("required: false", "00:01", "there"),  # not looked at
    ],
)
def test_the_wait_begins_with_the_activation(
    tmp_path: Path, loyalty: str, clock: str, expected: str
) -> None:
    assert verdict(tenant_with(tmp_path, loyalty), at(clock)) == expected


@pytest.mark.parametrize(("clock", "expected"), [("12:59", "waits"), ("13:00", "goes on")])
def test_a_day_whose_first_file_is_late_waits_from_then_on(
    tmp_path: Path, clock: str, expected: str
) -> None:
    tenant = tiny_tenant(
        tmp_path, "{activation: {cron: '0 3 * * *'}, feeds: {Loyalty:Members: {wait: 7h}}}"
    )
    loaded(tmp_path, "Shop:Customers", DAY)  # at 06:00
    assert verdict(tenant, at(clock)) == expected


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 6 * * *", "2026-03-02 06:30"),
        ("0 0 * * *", "2026-03-02 00:00"),
        ("30 6 * * 3", "2026-03-04 06:30"),
    ],
)
def test_a_day_is_expected_when_its_activation_is_due(
    tmp_path: Path, cron: str, expected: str
) -> None:
    tenant = tiny_tenant(tmp_path, f"activation: {{cron: '{cron}'}}")
    assert f"{expected_at(tenant, DAY).astimezone(ZONE):%Y-%m-%d %H:%M}" == expected


@pytest.mark.parametrize(
    ("timezone", "cron", "day", "expected", "in_utc"),
    [
        # A skipped half hour, as long after the change; a doubled one, the second.
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04", "02:45", "2026-10-03 15:45"),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-05", "01:45", "2026-04-04 15:15"),
        ("America/New_York", "30 2 * * *", "2026-03-08", "03:30", "2026-03-08 07:30"),
        ("America/New_York", "30 1 * * *", "2026-11-01", "01:30", "2026-11-01 06:30"),
        # The hour before midnight comes twice, midnight itself not at all.
        ("Asia/Beirut", "30 23 * * *", "2026-10-24", "23:30", "2026-10-24 20:30"),
        ("America/Havana", "30 0 * * *", "2026-11-01", "00:30", "2026-11-01 04:30"),
        ("America/Santiago", "30 0 * * *", "2026-09-06", "01:30", "2026-09-06 04:30"),
        ("Asia/Kathmandu", "30 6 * * *", "2026-03-08", "06:30", "2026-03-08 00:45"),
    ],
)
def test_clocks_that_change_leave_a_day_its_activation(
    tmp_path: Path, timezone: str, cron: str, day: str, expected: str, in_utc: str
) -> None:
    """Midnight is never the day before: a wait that began there would be over too soon."""
    tenant = tiny_tenant(tmp_path, f"activation: {{cron: '{cron}'}}", timezone=timezone)
    due = expected_at(tenant, date.fromisoformat(day))
    assert f"{due.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}" == f"{day} {expected}"
    assert f"{due.astimezone(UTC):%Y-%m-%d %H:%M}" == in_utc
    second = timedelta(seconds=1)
    assert last_due(tenant, due) == last_due(tenant, due + timedelta(hours=1)) == due
    assert timedelta(hours=23) < due - last_due(tenant, due - second) <= timedelta(hours=25)
    clock = ZoneInfo(timezone)
    assert was_due(tenant, due.astimezone(clock))
    assert not was_due(tenant, (due - second).astimezone(clock))


def test_clocks_that_change_make_no_wait_longer(tmp_path: Path) -> None:
    """On 8 March 2026 New York's clocks go from 2 to 3 in the morning."""
    tenant = tiny_tenant(
        tmp_path,
        "{activation: {cron: '0 1 * * *'}, feeds: {Loyalty:Members: {wait: 2h}}}",
        as_of="today",
    )
    loaded(tmp_path, "Shop:Customers", DAY + timedelta(days=5))
    assert [verdict(tenant, at(clock, 6)) for clock in ("03:59", "04:00")] == ["waits", "goes on"]


def test_nothing_is_gone_on_with_before_anything_is_loaded(tmp_path: Path) -> None:
    assert (
        verdict(
            tiny_tenant(tmp_path, "feeds: {Loyalty:Members: {wait: 0h}}", as_of="today"),
            at("23:00"),
        )
        == "waits"
    )


def test_what_has_landed_is_loaded_first_but_not_what_was_refused(tmp_path: Path) -> None:
    tenant = tenant_with(tmp_path, "wait: 0h")
    land(tmp_path, "loyalty", DAY)
    assert verdict(tenant, at("23:00")) == "waits"
    refuse(tenant)
    assert verdict(tenant, at("23:00")) == "goes on"


def refuse(tenant: Tenant) -> None:
    """Record the loyalty feed's landed files of the day as failed."""
    from c360_assets.ingest.landing import pending
    from c360_assets.warehouse.ledger import LedgerEntry, read_ledger, record
    from c360_assets.warehouse.session import open_session

    feed = tenant.feed("Loyalty:Members")
    assert feed is not None
    (day,) = pending(tenant, feed, read_ledger(Warehouse.open(tenant.root / "warehouse")))
    with open_session(tenant.root / "warehouse") as session:
        entries = [
            LedgerEntry(
                *(
                    feed.name,
                    DAY,
                    f.relative,
                    f.sha256,
                    f.size,
                    f.mtime_ns,
                    day.attempt,
                    5,
                    0,
                    5,
                    0,
                    "failed",
                ),
                *("columns", "a column is missing", "run", datetime(2026, 3, 2, 11, tzinfo=ZONE)),
            )
            for f in day.files
        ]
        record(session, entries)
        session.commit()


@pytest.mark.parametrize(("wait", "expected"), [("", "goes on"), ("wait: 2h, stop: true", "waits")])
def test_optional_files_are_waited_for_only_if_a_wait_is_given(
    tmp_path: Path, wait: str, expected: str
) -> None:
    tenant_with(tmp_path, wait)
    feed = tmp_path / "feeds/loyalty/members.yaml"
    feed.write_text(LOYALTY.replace("format: csv", "format: csv, optional: true"), "utf-8")
    from c360_assets.configuration import load_tenant

    assert verdict(load_tenant(tmp_path), at("07:00")) == expected
    assert verdict(load_tenant(tmp_path), at("08:30")) == "goes on"


def alerts(root: Path) -> list[dict[str, Any]]:
    path = root / "logs/alerts.jsonl"
    return (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )


def told(root: Path) -> list[tuple[str, str, str]]:
    return [(line["feed"], line["day"], line["kind"]) for line in alerts(root)]


MISSING, STOPPED = (
    ("Loyalty:Members", "2026-03-02", "missing"),
    ("Loyalty:Members", "2026-03-02", "stopped"),
)


@pytest.mark.parametrize(
    ("loyalty", "stitched", "expected"),
    [
        ("wait: 2h, notify: true, stop: false", True, [MISSING]),
        ("wait: 2h, notify: true, stop: true", False, [STOPPED]),
        ("wait: 2h, notify: false, stop: false", True, []),
        ("wait: 2h, notify: false, stop: true", False, [STOPPED]),
        ("notify: true", False, []),
    ],
)
def test_the_matrix_of_missing_files(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    loyalty: str,
    stitched: bool,
    expected: list[tuple[str, str, str]],
) -> None:
    tenant = tenant_with(tmp_path, loyalty)
    monkeypatch.setattr(sensors, "now", lambda _: at("08:00"))
    assert isinstance(asked(stitch_sensor(tenant), instance), str)
    assert told(tmp_path) == []
    monkeypatch.setattr(sensors, "now", lambda _: at("09:00"))
    for _ in range(3):
        answer = asked(stitch_sensor(tenant), instance)
        assert isinstance(answer, list) is stitched
        assert told(tmp_path) == expected
    if isinstance(answer, list):
        assert answer[0].tags["c360/without"] == "Loyalty:Members"
        ran(instance, STITCH, {LANDED_TAG: answer[0].tags[LANDED_TAG]}, dg.DagsterRunStatus.SUCCESS)
        assert "going on without Loyalty:Members (nothing delivered yet)" in str(
            asked(stitch_sensor(tenant), instance)
        )
    elif expected:
        assert "deliver its file, or go on without it by `c360 run`" in str(answer)
        assert "does not begin without" in alerts(tmp_path)[0]["message"]
    loaded(tmp_path, "Loyalty:Members", DAY)
    (request,) = asked(stitch_sensor(tenant), instance)
    assert isinstance(request, dg.RunRequest), "a file that comes after all is stitched"
    assert "c360/without" not in request.tags


def test_the_next_day_is_told_again(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = tenant_with(tmp_path, "wait: 0h", as_of="today")
    loaded(tmp_path, "Shop:Customers", DAY + timedelta(days=1))
    for days in (0, 0, 1, 1):
        monkeypatch.setattr(sensors, "now", lambda _, days=days: at("09:00", days))
        assert isinstance(asked(stitch_sensor(tenant), instance), list)
    assert told(tmp_path) == [MISSING, ("Loyalty:Members", "2026-03-03", "missing")]


def activation_at(tenant: Tenant, instance: dg.DagsterInstance, moment: datetime) -> Due:
    return activation_due(
        tenant,
        Warehouse.open(tenant.root / "warehouse"),
        moment,
        attempts_on(instance),
        publish_stale=False,
    )


@pytest.mark.parametrize(
    ("loyalty", "expected"),
    [
        ("", [("Loyalty:Members", "2026-03-02", "late")]),
        ("notify: false", []),
        ("wait: 2h", []),
        ("wait: 0h, stop: true", []),
    ],
)
def test_an_activation_that_is_late_names_the_feed_once(
    tmp_path: Path, instance: dg.DagsterInstance, loyalty: str, expected: list[tuple[str, str, str]]
) -> None:
    tenant = tenant_with(tmp_path, loyalty)
    for _ in range(2):
        due = activation_at(tenant, instance, at("06:30"))
        raise_all(tenant, due.alerts)
        assert due.reason
        assert not due.runs
    assert told(tmp_path) == expected


def test_an_activation_says_whom_it_goes_on_without(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    tenant = tenant_with(tmp_path, "wait: 1h")
    ready: Readiness = readiness(tenant, Warehouse.open(tmp_path / "warehouse"), DAY, at("08:00"))
    ran(instance, STITCH, {LANDED_TAG: ready.digest}, dg.DagsterRunStatus.SUCCESS)
    due = activation_at(tenant, instance, at("08:00"))
    (run,) = due.runs
    assert run.tags["c360/without"] == "Loyalty:Members"
    assert due.alerts == []

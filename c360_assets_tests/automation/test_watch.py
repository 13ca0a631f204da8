"""`c360 watch`: a look from outside, an alert once for each cause, and word when it is gone."""

from __future__ import annotations

import os
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from c360_assets.automation.watch import watch
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.heartbeat import FOLDER, beat
from c360_assets_tests.automation.tenants import tiny_tenant
from c360_assets_tests.automation.test_waiting import alerts
from c360_assets_tests.day.command import c360_here

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 8, 12, 0, tzinfo=ZONE)  # the day on which clocks go forward
TICK, PUBLISH = timedelta(minutes=10), timedelta(hours=2)


def beaten(root: Path, sign: str, at: datetime) -> None:
    beat(root, sign)  # type: ignore[arg-type]
    os.utime(root / FOLDER / sign, (at.timestamp(), at.timestamp()))


def seen(tenant: Tenant, at: datetime) -> list[str]:
    return [alert.kind for alert in watch(tenant, at, TICK, PUBLISH).alerts]


@pytest.mark.parametrize(
    ("ticked", "published", "expected"),
    [
        (NOW, NOW, []),
        (NOW - TICK, NOW, []),
        (NOW - TICK - timedelta(seconds=1), NOW, ["silent"]),
        (None, NOW, ["silent"]),
        (NOW, datetime(2026, 3, 8, 6, 30, tzinfo=ZONE), []),
        (NOW, datetime(2026, 3, 8, 6, 29, tzinfo=ZONE), ["unpublished"]),
        (NOW, datetime(2026, 3, 7, 6, 31, tzinfo=ZONE), ["unpublished"]),
    ],
)
def test_silence_and_a_late_publication_are_told(
    tmp_path: Path, ticked: datetime | None, published: datetime, expected: list[str]
) -> None:
    tenant = tiny_tenant(tmp_path, as_of="today")
    if ticked is not None:
        beaten(tmp_path, "tick", ticked)
    beaten(tmp_path, "published", published)
    assert [seen(tenant, NOW), seen(tenant, NOW)] == [expected, expected]
    assert [entry["kind"] for entry in alerts(tmp_path)] == expected, "each is raised once"


@pytest.mark.parametrize(("hour", "expected"), [(8, []), (9, ["unpublished"])])
def test_a_publication_may_take_its_time(tmp_path: Path, hour: int, expected: list[str]) -> None:
    tenant = tiny_tenant(tmp_path, as_of="today")
    at = NOW.replace(hour=hour)
    beaten(tmp_path, "tick", at)
    beaten(tmp_path, "published", datetime(2026, 3, 7, 6, 31, tzinfo=ZONE))
    assert seen(tenant, at) == expected


@pytest.mark.parametrize(("clock", "expected"), [("04:29", []), ("04:30", ["unpublished"])])
def test_clocks_that_change_leave_it_as_much_time(
    tmp_path: Path, clock: str, expected: list[str]
) -> None:
    """Between half past one and half past four of that morning there are two hours."""
    tenant = tiny_tenant(tmp_path, "activation: {cron: '30 1 * * *'}", as_of="today")
    at = datetime.combine(NOW, time.fromisoformat(clock), ZONE)
    beaten(tmp_path, "tick", at)
    beaten(tmp_path, "published", datetime(2026, 3, 7, 1, 31, tzinfo=ZONE))
    assert seen(tenant, at) == expected


def test_a_new_service_is_not_overdue(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, as_of="today")
    beaten(tmp_path, "tick", NOW)
    beaten(tmp_path, "began", NOW - timedelta(hours=1))
    assert seen(tenant, NOW) == []
    beaten(tmp_path, "tick", NOW + timedelta(days=1))
    assert seen(tenant, NOW + timedelta(days=1)) == ["unpublished"]


def test_a_service_that_is_well_again_is_told_once_and_may_fall_silent_again(
    tmp_path: Path,
) -> None:
    tenant = tiny_tenant(tmp_path)
    for _ in range(2):
        assert seen(tenant, datetime.now(ZONE)) == ["silent"]
    beaten(tmp_path, "tick", datetime.now(ZONE) + timedelta(seconds=2))
    for _ in range(2):
        assert seen(tenant, datetime.now(ZONE)) == []
    beaten(tmp_path, "tick", datetime.now(ZONE) - timedelta(hours=1))
    assert seen(tenant, datetime.now(ZONE)) == ["silent"]
    assert [(entry["kind"], entry.get("of")) for entry in alerts(tmp_path)] == [
        ("silent", None),
        ("recovered", "silent"),
        ("silent", None),
    ]


def test_signs_from_before_the_clock_was_set_back_are_none_of_life(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, as_of="today")
    for sign, at in (("tick", 9), ("published", 9), ("began", -9)):
        beaten(tmp_path, sign, NOW + timedelta(days=at))
    for _ in range(2):
        assert seen(tenant, NOW) == ["silent", "unpublished"]
    beaten(tmp_path, "tick", NOW)
    assert seen(tenant, NOW) == ["unpublished"]
    told = [entry["kind"] for entry in alerts(tmp_path)]
    assert told == ["silent", "unpublished"], "each is raised once, and none told to be over"


def test_the_verb_says_what_it_saw_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_tenant(tmp_path)
    said = c360_here(monkeypatch, "watch", "--tenant", tmp_path)
    assert (said.code, "no sensor of the service has ever looked" in said.text) == (1, True)
    assert "no publication is expected" in said.text
    beat(tmp_path, "tick")
    assert c360_here(monkeypatch, "watch", "--tenant", tmp_path).code == 0
    wrong = c360_here(monkeypatch, "watch", "--tenant", tmp_path, "--tick-within", "soon")
    assert (wrong.code, "such as 10m" in wrong.text) == (2, True)

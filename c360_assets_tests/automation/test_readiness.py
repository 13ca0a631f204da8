"""Which required feed a workflow day still waits for, in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from c360_assets.automation.readiness import Readiness, readiness
from c360_assets.warehouse.ledger import LedgerEntry, record
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant

LOADED_AT = datetime(2026, 3, 2, 11, tzinfo=UTC)


def loaded(
    root: Path,
    feed: str,
    day: date,
    status: str = "loaded",
    attempt: int = 1,
    at: datetime = LOADED_AT,
) -> None:
    path = f"{feed}-{day}.csv"
    entry = LedgerEntry(feed, day, path, "00", 1, 1, attempt, 1, 1, 0, 0, status, "", "", "run", at)  # type: ignore[arg-type]
    with open_session(root / "warehouse") as session:
        record(session, [entry])
        session.commit()


def state(root: Path, workflow: str = "", today: date = DAY, **tenant: str) -> Readiness:
    declared = tiny_tenant(root, workflow, **tenant)
    return readiness(declared, Warehouse.open(root / "warehouse"), today)


def test_nothing_landed(tmp_path: Path) -> None:
    ready = state(tmp_path)
    assert not ready.complete
    assert ready.required == ["Loyalty:Members", "Shop:Customers"]
    assert "Loyalty:Members (nothing delivered yet)" in ready.sentence()
    assert "0 of 2" in ready.sentence()


def test_names_who_is_missing_and_since_when(tmp_path: Path) -> None:
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY - timedelta(days=1))
    sentence = state(tmp_path).sentence()
    assert sentence.startswith(
        "2026-03-02: waiting since 2026-03-02 06:00 for Loyalty:Members (last delivery 2026-03-01)"
    )
    assert "1 of 2 required feeds loaded" in sentence


def test_complete_and_digest_follows_what_is_loaded(tmp_path: Path) -> None:
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)
    first = state(tmp_path)
    assert first.complete
    assert state(tmp_path).digest == first.digest
    loaded(tmp_path, "Shop:Customers", DAY, attempt=2)
    assert state(tmp_path).digest != first.digest


def test_a_landed_file_that_is_not_loaded_holds_the_day(tmp_path: Path) -> None:
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)
    land(tmp_path, "loyalty", DAY)
    assert state(tmp_path).missing == {"Loyalty:Members": "landed, not loaded yet"}


def test_a_failed_day_is_not_loaded(tmp_path: Path) -> None:
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY, status="failed")
    assert list(state(tmp_path).missing) == ["Loyalty:Members"]


def test_the_day_is_the_last_delivery_or_today(tmp_path: Path) -> None:
    loaded(tmp_path, "Shop:Customers", DAY)
    later = DAY + timedelta(days=9)
    assert state(tmp_path, today=later).day == DAY
    assert state(tmp_path, today=later, as_of="today").day == later


@pytest.mark.parametrize(
    ("workflow", "missing"),
    [
        ("feeds: {Loyalty:Members: {required: false}}", False),
        ("feeds: {Loyalty:Members: {every: week}}", False),
        ("feeds: {Loyalty:Members: {offset: 1d}}", False),
        ("feeds: {Loyalty:Members: {offset: 2d}}", True),
        ("", True),
    ],
)
def test_the_workflow_says_what_a_day_needs(tmp_path: Path, workflow: str, missing: bool) -> None:
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY - timedelta(days=1))
    assert ("Loyalty:Members" in state(tmp_path, workflow).missing) is missing

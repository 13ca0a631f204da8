"""What a look at the landing folder costs, counted: what the ledger knows is not asked again, and
what a process remembers of earlier looks can be lost."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from c360_assets.automation import run_command
from c360_assets.automation.attempts import Attempts
from c360_assets.automation.day_options import DayOptions
from c360_assets.automation.due import Due
from c360_assets.automation.due_loads import loads_due
from c360_assets.automation.due_stages import stitch_due
from c360_assets.errors import C360Error
from c360_assets.ingest import known_files
from c360_assets.ingest.landing import pending
from c360_assets.ingest.odd_files import odd_entries, unclaimed
from c360_assets.tenant import listing
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse import ledger as ledger_module
from c360_assets.warehouse.ledger import LEDGER, read_ledger
from c360_assets.warehouse.session import open_session
from c360_assets_tests.automation.tenants import (
    DAY,
    days,
    land,
    shop,
    tiny_tenant,
    warehouse,
)
from c360_assets_tests.automation.test_sensors import known

LOADED = 30
NEXT = DAY + timedelta(days=LOADED)


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    """A tenant of which a month of both feeds is loaded."""
    made = tiny_tenant(tmp_path)
    for day in days(LOADED):
        land(tmp_path, "shop", day)
        land(tmp_path, "loyalty", day)
    for feed in made.feeds:
        known(made, feed)
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every name that is held against a pattern."""
    names: list[str] = []
    match = FilePattern.match

    def counted(self: FilePattern, path: str) -> Any:
        names.append(path)
        return match(self, path)

    monkeypatch.setattr(FilePattern, "match", counted)
    return names


def look(tenant: Tenant) -> Due:
    return loads_due(tenant, shop(tenant), warehouse(tenant), NEXT, lambda *_: Attempts(0, 0, 0))


def forget() -> None:
    """As a process that has just begun."""
    known_files._last.clear()
    ledger_module._last.clear()


def test_files_that_are_loaded_are_not_asked_for_their_names(
    tenant: Tenant, asked: list[str]
) -> None:
    forget()
    assert "nothing new" in look(tenant).reason
    at = datetime(2026, 4, 2, 12, tzinfo=ZoneInfo("America/New_York"))
    stitch_due(tenant, warehouse(tenant), at, lambda *_: Attempts(0, 1, 0))
    assert asked == []
    land(tenant.root, "shop", NEXT)
    (run,) = look(tenant).runs
    assert asked == [f"shop/customers-{NEXT:%Y%m%d}.csv"]
    forget()
    assert look(tenant).runs == [run], "nothing is lost with what a process remembers"


def test_a_second_file_of_a_loaded_day_brings_the_first_with_it(tenant: Tenant) -> None:
    first = land(tenant.root, "shop", DAY)
    second = first.with_name(f"customers-{DAY:%Y%m%d}-b.csv")
    second.write_text("customer_id,email,first,last,visits\nz,z@example.com,Zoe,Zorn,1\n")
    (load,) = pending(tenant, shop(tenant), read_ledger(warehouse(tenant)))
    assert [file.path.name for file in load.files] == [second.name, first.name]
    assert (load.day, load.attempt) == (DAY, 2)
    assert all(file.sha256 for file in load.files)


def test_a_copied_folder_is_read_once_and_not_at_every_look(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    digest = known_files.file_digest

    def noted(path: Path) -> str:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(known_files, "file_digest", noted)
    for file in (tenant.root / "landing/shop").iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))
    for _ in range(3):
        assert "nothing new" in look(tenant).reason
    assert len(read) == LOADED


def test_feeds_in_one_folder_share_a_look(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[str] = []
    walk = listing._walked

    def noted(*args: Any) -> Any:
        walked.append(args[1])
        return walk(*args)

    monkeypatch.setattr(listing, "_walked", noted)
    with listing.one_look():
        for _ in range(2):
            odd_entries(tenant, shop(tenant))
            assert unclaimed(tenant) == []
    assert sorted(walked) == ["", "loyalty", "shop"]
    odd_entries(tenant, shop(tenant))
    assert len(walked) == 4, "the next look sees what has landed since"


@pytest.mark.parametrize(
    ("hours", "options", "refused"),
    [
        (-30, DayOptions(), True),
        (-30, DayOptions(stage="activate"), True),
        (-30, DayOptions(as_of=date(2026, 3, 1)), False),
        (-30, DayOptions(stage="load"), False),
        (0, DayOptions(), False),
    ],
)
def test_a_clock_set_back_publishes_no_earlier_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int, options: DayOptions, refused: bool
) -> None:
    tenant = tiny_tenant(tmp_path, as_of="today")
    land(tmp_path, "shop", DAY)
    known(tenant, shop(tenant))  # at eleven o'clock UTC of the second of March
    at = datetime(2026, 3, 2, 11, tzinfo=UTC) + timedelta(hours=hours)
    monkeypatch.setattr(run_command, "now", lambda _tenant: at)
    if not refused:
        run_command._refuse_clock_set_back(tenant, options, warehouse(tenant))
        return
    with pytest.raises(C360Error, match="set the clock, or say which day it is with --as-of"):
        run_command._refuse_clock_set_back(tenant, options, warehouse(tenant))


def test_a_ledger_that_another_process_wrote_is_seen(tenant: Tenant) -> None:
    before = read_ledger(warehouse(tenant)).height
    with open_session(tenant.root / "warehouse") as session:
        session.bind(LEDGER)
        session.write(LEDGER, f"SELECT * FROM {LEDGER} LIMIT 1")
        session.commit()
    assert (before, read_ledger(warehouse(tenant)).height) == (2 * LOADED, 1)

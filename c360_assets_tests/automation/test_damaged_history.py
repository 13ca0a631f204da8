"""Files of Dagster's SQLite storage that a disk has damaged: named, with the remedy, by every verb
that opens them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from c360_assets.automation.damaged_history import damaged_history
from c360_assets.automation.instance import prepare_home
from c360_assets.automation.runs import open_instance
from c360_assets.errors import C360Error

RUNS, EVENTS, SWITCHES = "history/runs.db", "history/runs/index.db", "schedules/schedules.db"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DAGSTER_HOME", "C360_TENANT_DIR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    home = prepare_home(tmp_path)
    with open_instance() as instance:
        assert instance.get_runs() == []
        assert instance.all_asset_keys() == []  # makes the index
    return home


def test_it_is_named_and_may_be_moved_away(home: Path) -> None:
    for name in (RUNS, SWITCHES, EVENTS):
        file = home / name
        file.write_bytes(b"\x5a" * 5000)
        with (
            pytest.raises(C360Error, match=f"{file} is damaged .*: move it away and run again"),
            open_instance() as instance,
        ):
            instance.all_asset_keys()
        file.unlink()
        with open_instance() as instance:
            assert instance.all_asset_keys() == []


def test_a_page_that_was_lost_is_found(home: Path) -> None:
    file = home / RUNS
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert str(file) in damaged_history(home, sqlite3.DatabaseError("malformed"))


@pytest.mark.parametrize(
    "error",
    [
        None,
        ValueError("malformed"),
        sqlite3.OperationalError("database is locked"),
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.DatabaseError("no such thing"),
    ],
)
def test_whole_files_are_not_blamed(home: Path, error: Exception | None) -> None:
    assert damaged_history(home, error) == ""

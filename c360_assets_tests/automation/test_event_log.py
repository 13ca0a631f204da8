"""The file of a run's events: a copy of an empty one, and as Dagster itself would begin it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import text

import c360_assets
from c360_assets.automation.event_log import TRIED, EventLog


def _opened(log: SqliteEventLogStorage, run: str) -> dict[str, list[tuple[object, ...]]]:
    with log.run_connection(run):
        pass
    asked = {
        "tables": "SELECT type, name, sql FROM sqlite_master ORDER BY type, name",
        "revision": "SELECT * FROM alembic_version",
        "journal": "PRAGMA journal_mode",
        "events": "SELECT * FROM event_logs",
    }
    with closing(sqlite3.connect(log.path_for_shard(run))) as con:
        return {what: con.execute(sql).fetchall() for what, sql in asked.items()}


def test_files_of_runs_begin_as_dagster_begins_them(tmp_path: Path) -> None:
    theirs = _opened(SqliteEventLogStorage(str(tmp_path / "theirs")), "one")
    assert len(theirs["tables"]) > 10
    assert theirs["revision"]
    log = EventLog(str(tmp_path / "ours"))
    for run in ("one", "two"):
        assert _opened(log, run) == theirs
    log.dispose()
    assert {file.suffix for file in (tmp_path / "ours").iterdir()} <= {".db", ".db-wal", ".db-shm"}


def test_what_another_process_began_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it was there before, or came between looking and writing."""
    one, other = (EventLog(str(tmp_path)) for _ in range(2))
    for run, is_seen in (("before", True), ("between", False)):
        with one.run_connection(run) as connection:
            connection.execute(text("INSERT INTO event_logs (run_id, event) VALUES ('r', 'first')"))
        with monkeypatch.context() as patch:
            if not is_seen:
                patch.setattr(Path, "exists", lambda path: path.name != "between.db")
            with other.run_connection(run) as connection:
                events = connection.execute(text("SELECT event FROM event_logs")).fetchall()
        assert events == [("first",)]


def test_the_private_modules_are_of_a_version_that_was_tried() -> None:
    """With another version: run the tests of this file and of test_daemon.py, then add it."""
    assert dagster.__version__ in TRIED


def test_one_place_names_private_modules_of_dagster() -> None:
    package = Path(c360_assets.__file__).parent
    private = re.compile(r"\bdagster(_\w+)?\._|\bdagster_shared\b")
    naming = [
        file.name
        for file in sorted(package.rglob("*"))
        if file.suffix in (".py", ".yaml") and private.search(file.read_text("utf-8"))
    ]
    assert naming == ["event_log.py"]


def test_what_the_index_has_is_asked_until_it_is_there(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path))
    added = ("later", "asset_keys.later")
    for is_there in (False, True):
        with log.index_connection() as connection:
            asked = [
                log.has_table("asset_event_tags"),
                log._has_asset_key_col_on_connection(connection, "last_materialization_timestamp"),
                log.has_table("later"),
                log._has_asset_key_col_on_connection(connection, "later"),
            ]
            connection.execute(text("CREATE TABLE IF NOT EXISTS later (one TEXT)"))
            if not is_there:
                connection.execute(text("ALTER TABLE asset_keys ADD COLUMN later TEXT"))
        assert asked == [True, True, is_there, is_there]
        assert log._there.isdisjoint(added) is not is_there
    log.dispose()

"""A file of the orchestrator is read without a trace, whatever its folder is called."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from c360_assets.warehouse.sqlite_reading import sqlite_reader

ROWS = "SELECT name FROM runs ORDER BY name"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "é #%41 [x]? *" / "runs.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("CREATE TABLE runs (name TEXT)")
        con.execute("INSERT INTO runs VALUES ('first')")
        con.commit()
    return path


def test_nothing_is_left_beside_a_file_that_nobody_has_open(file: Path) -> None:
    with sqlite_reader(file) as con:
        assert con.execute(ROWS).fetchall() == [("first",)]
    assert list(file.parent.iterdir()) == [file]


def test_what_a_writer_has_only_in_its_log_is_read(file: Path) -> None:
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("INSERT INTO runs VALUES ('second')")
        writer.commit()
        with sqlite_reader(file) as con:
            assert con.execute(ROWS).fetchall() == [("first",), ("second",)]
    assert list(file.parent.iterdir()) == [file], "the writer removes its log as ever"


def test_nothing_can_be_written(file: Path) -> None:
    with sqlite_reader(file) as con, pytest.raises(sqlite3.OperationalError, match="readonly"):
        con.execute("INSERT INTO runs VALUES ('third')")

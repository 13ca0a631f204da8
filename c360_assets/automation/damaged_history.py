"""Which of the files of Dagster's SQLite storage is damaged, asked where an error has come out of
it.

They hold the history of runs and what the UI's switches say, and no table. Reading them otherwise
belongs to `warehouse.sqlite_reading`, data files to `warehouse.damaged_data`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from c360_assets.automation.switched_off import SCHEDULES
from c360_assets.automation.unnamed_runs import RUNS
from c360_assets.warehouse.sqlite_reading import sqlite_reader

EVENTS = Path("history") / "runs"  # the index, and a file for each run
# A file that is locked, or for which there is no room, is whole.
PASSING = ("locked", "full", "readonly", "unable to open", "disk i/o")


def damaged_history(home: Path, error: BaseException | None) -> str:
    """A sentence where a damaged file below a Dagster home is behind an error, else empty.

    Reads the files to their end, unless SQLite has nothing to do with the error.
    """
    if not _is_of_sqlite(error):
        return ""
    files = [home / RUNS, home / SCHEDULES, *sorted((home / EVENTS).glob("*.db"))]
    for file in files:
        problem = _problem(file) if file.is_file() else ""
        if problem:
            return (
                f"{file} is damaged ({problem}): move it away and run again, or put it back from "
                "your last backup; it holds the history of runs and the switches of the UI, no "
                "table, and what is published stays"
            )
    return ""


def _is_of_sqlite(error: BaseException | None) -> bool:
    """Whether an error has one of SQLite behind it that says that a file is not as it wrote it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        is_passing = any(word in str(error).lower() for word in PASSING)
        if isinstance(error, sqlite3.DatabaseError) and not is_passing:
            return True
        error = error.__cause__ or error.__context__
    return False


def _problem(file: Path) -> str:
    """What SQLite says of a file; '' where it is whole."""
    try:
        with sqlite_reader(file) as con:
            ((verdict,),) = con.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        text = str(error)
        is_passing = any(word in text.lower() for word in PASSING)
        return "" if is_passing else text
    return "" if verdict == "ok" else "its pages do not fit together"

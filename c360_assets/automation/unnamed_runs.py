"""Runs that began and that no process has named as its own, as Dagster's file of runs has them.

Read without Dagster, which takes seconds to import: a verb asks at its start. What becomes of such
a run is for `runs` to say. A home that stores runs elsewhere has a daemon of its own to ask.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from c360_assets.warehouse.running import named_runs
from c360_assets.warehouse.sqlite_reading import sqlite_reader

# Where Dagster's SQLite storage keeps runs, below a home.
RUNS = Path("history") / "runs.db"
# From when on a run that has begun should have a process; a time of the file is in UTC.
BEGUN = """
SELECT run_id FROM runs
WHERE status IN ('STARTING', 'STARTED', 'CANCELING')
  AND update_timestamp < datetime('now', '-15 seconds')
"""


def has_unnamed_runs(root: Path) -> bool:
    """Whether a run of the tenant at `root` began a while ago and is no process's."""
    file = root.resolve() / ".dagster" / RUNS
    if not file.exists():
        return False
    try:
        with sqlite_reader(file) as con:
            begun = {run_id for (run_id,) in con.execute(BEGUN)}
    except sqlite3.Error:  # laid out otherwise, or being made
        return False
    return not begun <= named_runs(root)

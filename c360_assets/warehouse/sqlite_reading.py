"""SQLite files of the orchestrator, read beside its own processes and without a trace.

Writing to them belongs to Dagster, and to `privacy.erase_files`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote


@contextmanager
def sqlite_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads the file, whatever signs its path has.

    A reader of a file that nobody has open would leave a write-ahead log and its index beside it,
    since only a writer may remove them. Where no log is there, the file holds all, and is read as
    one that does not change.

    Raises:
        sqlite3.Error: the file cannot be opened; a statement fails, also since a writer came.
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    address = f"file:{quote(str(path))}?mode=ro{'' if has_log else '&immutable=1'}"
    with closing(sqlite3.connect(address, uri=True)) as con:
        yield con

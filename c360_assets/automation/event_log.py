"""Dagster's SQLite storage with connections that stay open between two events.

Dagster's own opens the file and makes an engine anew for every event, which is more than half of
what an event costs, and a quarter of the CPU of a day on which little changed. It also reads all
its migrations to begin the file of a run; here that file is a copy of an empty one. What is stored,
and where, is Dagster's. A home with its own `dagster.yaml`, for PostgreSQL, does not come here.

The one place that names private modules of Dagster, whose public API has no storage: its own guide
names these modules in `dagster.yaml`. `TRIED` are the versions that they are known to fit; without
this storage, `storage` in `dagster.yaml` taken out, all goes on as before.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.pool import NullPool, QueuePool

TRIED = ("1.13.27",)
# Each run has a file of its own beside the index; a process writes to one run at a time.
OPEN_FILES = 4
BUSY_SECONDS = 60


class EventLog(SqliteEventLogStorage):
    """The event log with one open connection a file, for the files that were used last."""

    _empty: ClassVar[bytes] = b""

    def __init__(self, base_dir: str) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._there: set[str] = set()  # tables and columns of the index
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                if not self._begin(Path(self.path_for_shard(shard))):
                    self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _begin(self, path: Path) -> bool:
        """Put the file of a run at `path`, whole from its first instant; False where one is."""
        if path.exists():
            return False
        copy = path.with_name(f".{path.stem}.{os.getpid()}")
        copy.write_bytes(self._empty_file())
        try:
            # A link does not take the place of what another process began meanwhile.
            with suppress(FileExistsError):
                path.hardlink_to(copy)
                return True
            return False
        finally:
            copy.unlink()

    def _empty_file(self) -> bytes:
        """The file of a run without events, as this version of Dagster begins it."""
        if not EventLog._empty:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "empty.db")
                self._initdb(create_engine(f"sqlite:///{file}", poolclass=NullPool))
                EventLog._empty = file.read_bytes()
        return EventLog._empty

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                # Whoever holds the lock has the connection, whichever thread that is.
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            )
            sqlalchemy_event.listen(engine, "connect", _leave_writing_to_the_system)
        self._engines[shard] = engine
        if len(self._engines) > OPEN_FILES:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        return self._is_there(table_name, lambda: super(EventLog, self).has_table(table_name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        ask = super()._has_asset_key_col_on_connection
        return self._is_there(f"asset_keys.{column_name}", lambda: ask(conn, column_name))

    def _is_there(self, name: str, ask: Callable[[], bool]) -> bool:
        """Whether the index has a table or column, which Dagster asks for every event of an asset;
        no version of it takes one away from a file that is in use."""
        if name not in self._there and ask():
            self._there.add(name)
        return name in self._there

    def dispose(self) -> None:
        super().dispose()
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _leave_writing_to_the_system(connection: sqlite3.Connection, _record: object) -> None:
    """Do not wait for the disk after each event.

    With Dagster's journal mode (WAL) a kill loses nothing by it, and a loss of power the last lines
    of a log at most.
    """
    connection.execute("PRAGMA synchronous=NORMAL")


class TenantStorage(DagsterSqliteStorage):
    """Runs, events and ticks of one tenant below its Dagster home, where Dagster keeps them."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLog(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> TenantStorage:
        return cls(inst_data=inst_data, **config_value)

"""A session for one SELECT of a tenant, in an engine of its own that reads the tables bound in it,
nothing else, and writes none.

The rows go on as a table in memory, which the session that asked stores. What the SELECT may say is
`allowed_sql`; this stands behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from c360_assets.warehouse.delta import file_source, typed
from c360_assets.warehouse.engine import lock
from c360_assets.warehouse.files import working_folder
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.read_only_names import read_only_path
from c360_assets.warehouse.readers import reading
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

ROWS = "_c360_tenant_rows"


class LockedSession(Session):
    """Sees the tables of `owner`, pending ones too. Names are bound first, then `lock` closes the
    engine for good."""

    def __init__(self, con: duckdb.DuckDBPyConnection, owner: Session) -> None:
        super().__init__(con, owner.warehouse, owner.timezone, owner.run_id)
        self.pending = owner.pending
        self.owner = owner
        self.paths: set[str] = set()

    def bind(self, table: str, as_name: str | None = None) -> None:
        """As `Session.bind`, over files that cannot be written through the view."""
        state = self.built(table)
        name = as_name or table.rsplit("/", 1)[-1]
        in_memory = self.owner.in_memory(table)
        if in_memory is None:
            paths = [read_only_path(file) for file in self.warehouse.files(table, state)]
            self.paths.update(paths)
            source = file_source(state.columns, paths)
        else:
            self.register(f"_c360_memory_{name}", in_memory)
            memory = quote_ident(f"_c360_memory_{name}")
            source = f"({typed(state.columns, memory)})"
        self.execute(f"CREATE OR REPLACE TEMP VIEW {quote_ident(name)} AS SELECT * FROM {source}")

    def lock(self) -> None:
        """From here on the engine opens no file but those bound, and its settings stay as they
        are."""
        lock(self.con, sorted(self.paths))


@contextmanager
def locked_session(owner: Session) -> Iterator[LockedSession]:
    """A session beside `owner` for one SELECT of a tenant; `lock` it once its names are bound."""
    with own_engine(owner.warehouse.root.parent) as con:
        yield LockedSession(con, owner)


@contextmanager
def own_engine(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine in memory that reads files through `read_only_files`, for the tenant at `root`,
    whose tables stay readable meanwhile.

    Its spill folder, the one place where SQL could write after `lock`, is its own and goes with it.
    """
    from c360_assets.warehouse.read_only_files import ReadOnlyFiles

    with (
        working_folder(root) as parent,
        reading(root),
        TemporaryDirectory(dir=parent, prefix="spill-", ignore_cleanup_errors=True) as folder,
        duckdb.connect(":memory:", config={"temp_directory": folder}) as con,
    ):
        con.register_filesystem(ReadOnlyFiles())
        yield con


def store(
    locked: LockedSession, select: str, owner: Session, table: str, *, fingerprint: str
) -> TableState:
    """Run a SELECT in the locked engine and write its rows as `table` of `owner`, pending there.

    Raises duckdb.Error as the SELECT does: it is run to its end first, so that its errors keep
    their kind.
    """
    columns = locked.stored_columns(select)
    rows = typed(columns, f"(\n{select}\n)")
    locked.execute(f"CREATE OR REPLACE TEMP TABLE {ROWS} AS {rows}")
    reader = locked.con.sql(f"SELECT * FROM {ROWS}").to_arrow_reader()
    owner.con.register(ROWS, reader)
    try:
        # Arrow has no name for some types, such as JSON, so the types go beside the rows.
        return owner.write(table, f"SELECT * FROM {ROWS}", fingerprint=fingerprint, columns=columns)
    finally:
        owner.con.unregister(ROWS)

"""Building without writing: a session whose tables live in memory, for previews and for the
difference a build would make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from c360_assets.warehouse.delta import typed
from c360_assets.warehouse.digest import digest_sql
from c360_assets.warehouse.files import working_folder
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.readers import reading
from c360_assets.warehouse.session import Session, Warehouse
from c360_assets.warehouse.sql import quote_ident

NOT_STORED = -1


class ScratchSession(Session):
    """Reads the warehouse as it is; what is written goes to temporary tables and is gone with the
    session."""

    def bind(self, table: str, as_name: str | None = None) -> None:
        if table not in self.pending:
            super().bind(table, as_name)
            return
        name = quote_ident(as_name or table.rsplit("/", 1)[-1])
        self.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {_scratch(table)}")

    def write(
        self,
        table: str,
        source: str | pl.DataFrame,
        *,
        fingerprint: str = "",
        figures: Mapping[str, Any] | None = None,
        columns: dict[str, str] | None = None,
    ) -> TableState:
        if isinstance(source, pl.DataFrame):
            self.register("_c360_frame", source)
            source = "SELECT * FROM _c360_frame"
        columns = columns or self.stored_columns(source)
        self.execute(
            f"CREATE OR REPLACE TEMP TABLE {_scratch(table)} AS {typed(columns, f'({source})')}"
        )
        ((rows, digest),) = self.rows(digest_sql(table, columns, _scratch(table)))
        state = TableState(NOT_STORED, digest, fingerprint, rows, columns, dict(figures or {}))
        self.pending[table] = state
        return state

    def in_memory(self, table: str) -> pa.Table | None:
        if table not in self.pending:
            return None
        return self.con.sql(f"SELECT * FROM {_scratch(table)}").to_arrow_table()

    def commit(self, **meta: Any) -> None:
        """Nothing is kept."""


def _scratch(table: str) -> str:
    return quote_ident(f"_c360_scratch_{table}")


@contextmanager
def open_scratch(root: Path, timezone: str) -> Iterator[ScratchSession]:
    """A scratch session over the warehouse of the tenant at `root`."""
    with working_folder(root) as spill, reading(root):
        con = duckdb.connect(":memory:", config={"temp_directory": str(spill)})
        try:
            yield ScratchSession(con, Warehouse.open(root / "warehouse"), timezone)
        finally:
            con.close()

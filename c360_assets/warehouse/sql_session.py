"""SQL on one connection of DuckDB, with the settings that every connection of the platform has.

Which tables it reads belongs to its user: `session` has those of a warehouse, a worker of a cluster
a part of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from c360_assets.warehouse.engine import make_safe
from c360_assets.warehouse.sql import quote_literal


class SqlSession:
    """A connection whose `TimeZone` is the tenant's."""

    def __init__(self, con: duckdb.DuckDBPyConnection, timezone: str = "UTC") -> None:
        self.con = con
        self.timezone = timezone
        make_safe(con)
        con.execute(f"SET TimeZone = {quote_literal(timezone)}")

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement for its effect."""
        self.con.execute(sql, list(params)).fetchall()

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query that returns few."""
        return self.con.execute(sql, list(params)).fetchall()

    def frame(self, sql: str, params: Sequence[Any] = ()) -> pl.DataFrame:
        """A query's result as a Polars frame."""
        return self.con.sql(sql, params=list(params) or None).pl()

    def register(self, name: str, frame: pl.DataFrame | pa.Table) -> None:
        """Give SQL of this session the name `name` for a frame (no copy)."""
        self.con.register(name, frame.to_arrow() if isinstance(frame, pl.DataFrame) else frame)

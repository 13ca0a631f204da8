"""Binds a tenant's SELECT on empty tables, which shows unknown tables and columns and misfit types
before any run.

Which tables there are, and what a problem means to a person, belongs to the stages.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.statement import StatementError, error_line


def create_empty(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str]) -> None:
    """Make `name` an empty table of `columns` (name -> type)."""
    columns_sql = ", ".join(f"{quote_ident(column)} {kind}" for column, kind in columns.items())
    con.execute(f"CREATE OR REPLACE TABLE {quote_ident(name)} ({columns_sql})").fetchall()


def bound_columns(con: duckdb.DuckDBPyConnection, select: str) -> list[tuple[str, str]]:
    """Name and type of each column of a SELECT, as many as there are.

    Raises StatementError with the line in `select` when DuckDB cannot bind it.
    """
    try:
        # What stands before the SELECT is on a line of its own, which does not count.
        described = con.execute(f"DESCRIBE\n{select}").fetchall()
    except duckdb.Error as error:
        line = error_line(error)
        description = str(error).split("\n\n", 1)[0].strip()
        raise StatementError(description, None if line is None else line - 1) from None
    return [(row[0], row[1]) for row in described]

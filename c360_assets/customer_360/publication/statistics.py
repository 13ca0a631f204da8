"""Statistics of every column of a database, computed on the file that is about to be published.

Completeness, number of different values, an example where the column holds nothing personal. Which tables are published is
`publish`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from c360_assets.semantics.tables import ColumnSpec
from c360_assets.warehouse.parallel import together
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

TABLE = "column_statistics"
# Above this many rows different values are estimated (HyperLogLog: the same whatever the threads).
EXACT_ROWS = 100_000
KEYS = ("pk", "_pk", "_uuid_pk", "ck", "rep_pk", "pk1", "pk2")


@dataclass(frozen=True)
class Described:
    """A table to describe: where it is, its columns and what they mean; `blank` are columns known to have no values."""

    schema: str
    name: str
    columns: Mapping[str, str]
    meaning: Mapping[str, ColumnSpec]
    blank: frozenset[str] = frozenset()


SCHEMA: dict[str, pl.DataType] = {
    **{name: pl.String() for name in ("run_id", "schema", "table", "column", "type", "semantic")},
    "pii": pl.Boolean(),
    "rows": pl.Int64(),
    "completion": pl.Float64(),
    "cardinality": pl.Int64(),
    "uniqueness": pl.Float64(),
    "is_estimate": pl.Boolean(),
    "example": pl.String(),
}


def fill_statistics(
    session: Session, database: str, run_id: str, tables: Sequence[Described]
) -> None:
    """Fill `reports.column_statistics` of the attached `database` with a row per column of `tables`."""
    sizes = {
        (schema, name): size
        for schema, name, size in session.rows(
            f"SELECT schema_name, table_name, estimated_size FROM duckdb_tables() WHERE database_name = {quote_literal(database)}"
        )
    }
    for table in tables:
        if (place := (table.schema, table.name)) not in sizes:  # a view
            ((sizes[place],),) = session.rows(f"SELECT count(*) FROM {_source(database, table)}")

    def described(own: Session, table: Described) -> list[tuple[object, ...]]:
        return _described(own, database, run_id, table, sizes[table.schema, table.name])

    largest_first = sorted(
        range(len(tables)), key=lambda i: sizes[tables[i].schema, tables[i].name], reverse=True
    )
    rows = dict(
        zip(
            largest_first,
            together(session, described, [tables[i] for i in largest_first]),
            strict=True,
        )
    )
    found = [row for i in range(len(tables)) for row in rows[i]]
    session.register("_c360_statistics", pl.DataFrame(found, schema=SCHEMA, orient="row"))
    session.execute(f"INSERT INTO {database}.reports.{TABLE} SELECT * FROM _c360_statistics")


def _described(
    session: Session, database: str, run_id: str, table: Described, size: int
) -> list[tuple[object, ...]]:
    """The rows of one table, which one query counts; `size` is about its number of rows."""
    is_estimate = size > EXACT_ROWS
    distinct = (
        "least(approx_count_distinct({0}), count({0}))" if is_estimate else "count(DISTINCT {0})"
    )
    parts = ["count(*)"]
    for column in table.columns:
        if column in table.blank:
            parts += ["0", "0", "NULL"]
            continue
        name = quote_ident(column)
        shown = f"min({name})::VARCHAR" if _is_shown(column, table.meaning[column]) else "NULL"
        parts += [f"count({name})", distinct.format(name), shown]
    values: tuple[Any, ...] = (0, *(None,) * (len(parts) - 1))
    if size:
        (values,) = session.rows(f"SELECT {', '.join(parts)} FROM {_source(database, table)}")
    rows = values[0]
    return [
        (run_id, table.schema, table.name, column, type_, table.meaning[column].semantic, table.meaning[column].pii, rows,
         round(known / rows, 4) if rows else None, different if rows else 0, round(different / rows, 4) if rows else None,
         is_estimate, example)
        for (column, type_), known, different, example in zip(
            table.columns.items(), values[1::3], values[2::3], values[3::3], strict=True
        )
    ]  # fmt: skip


def _source(database: str, table: Described) -> str:
    return f"{database}.{quote_ident(table.schema)}.{quote_ident(table.name)}"


def _is_shown(column: str, meaning: ColumnSpec) -> bool:
    """Whether a value may stand as an example: nothing personal, and no key, which may be anything."""
    return not meaning.pii and column not in KEYS and not column.startswith(("fk_", "blv_"))

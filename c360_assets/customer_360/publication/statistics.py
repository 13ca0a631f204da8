"""Statistics of every column of a database, computed on the file that is about to be published.

Completeness, number of different values, an example where the column holds nothing personal. Which
tables are published is `publish`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
# Up to this many rows the different values are listed: to plan a DISTINCT takes some
# milliseconds, and tables have hundreds of columns.
LISTED_ROWS = 10_000
KEYS = ("pk", "_pk", "_uuid_pk", "ck", "rep_pk", "pk1", "pk2")


@dataclass(frozen=True)
class Described:
    """A table to describe: where it is, its columns and what they mean; `blank` are columns known
    to have no values.
    """

    schema: str
    name: str
    columns: Mapping[str, str]
    meaning: Mapping[str, ColumnSpec]
    blank: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ColumnStatistics:
    """A row of the table."""

    run_id: str
    schema: str
    table: str
    column: str
    type: str
    semantic: str
    pii: bool
    rows: int
    completion: float | None
    cardinality: int
    uniqueness: float | None
    is_estimate: bool
    example: str | None


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
    """Fill `reports.column_statistics` of the attached `database` with a row per column of
    `tables`.
    """
    sizes = _sizes(session, database, tables)

    def described(own: Session, number: int) -> list[ColumnStatistics]:
        return _described(own, database, run_id, tables[number], sizes[number])

    largest_first = sorted(range(len(tables)), key=lambda number: sizes[number], reverse=True)
    statistics = together(session, described, largest_first)
    by_table = dict(zip(largest_first, statistics, strict=True))
    rows = [vars(row) for number in range(len(tables)) for row in by_table[number]]
    session.register("_c360_statistics", pl.DataFrame(rows, schema=SCHEMA))
    session.execute(f"INSERT INTO {database}.reports.{TABLE} SELECT * FROM _c360_statistics")


def statistics_of(session: Session, database: str) -> pl.DataFrame:
    """All rows of the attached `database`."""
    return session.frame(f"SELECT * FROM {database}.reports.{TABLE}")


def keep_statistics(
    session: Session, database: str, known: pl.DataFrame, tables: Collection[tuple[str, str]]
) -> None:
    """Add the rows `known` of `tables`, by schema and name, as rows of this run."""
    names = pl.DataFrame(
        sorted(tables), schema={"schema": pl.String, "table": pl.String}, orient="row"
    )
    rows = known.join(names, on=["schema", "table"], how="semi")
    rows = rows.with_columns(run_id=pl.lit(session.run_id))
    session.register("_c360_statistics", rows.select(list(SCHEMA)))
    session.execute(f"INSERT INTO {database}.reports.{TABLE} SELECT * FROM _c360_statistics")


def _sizes(session: Session, database: str, tables: Sequence[Described]) -> list[int]:
    """About how many rows each table has, as the engine keeps it; a view's are counted."""
    known = session.rows(
        "SELECT schema_name, table_name, estimated_size FROM duckdb_tables() "
        f"WHERE database_name = {quote_literal(database)}"
    )
    estimates = {(schema, name): size for schema, name, size in known}
    sizes = []
    for table in tables:
        size = estimates.get((table.schema, table.name))
        if size is None:
            ((size,),) = session.rows(f"SELECT count(*) FROM {_source(database, table)}")
        sizes.append(size)
    return sizes


def _described(
    session: Session, database: str, run_id: str, table: Described, size: int
) -> list[ColumnStatistics]:
    """The rows of one table, which one query counts; `size` is about its number of rows."""
    is_estimate = size > EXACT_ROWS
    parts = ["count(*)"]
    for column in table.columns:
        if column in table.blank:
            parts += ["0", "0", "NULL"]
        else:
            parts += counts_sql(column, size, example=_may_show(column, table.meaning[column]))
    rows = 0
    # Three per column, in the order of `counts_sql`; an empty table need not be read.
    counts: list[Any] = [None] * (len(parts) - 1)
    if size:
        query = f"SELECT {', '.join(parts)} FROM {_source(database, table)}"
        ((rows, *counts),) = session.rows(query)
    described = []
    for place, (column, type_) in enumerate(table.columns.items()):
        known, different, example = counts[3 * place : 3 * place + 3]
        meaning = table.meaning[column]
        described.append(
            ColumnStatistics(
                run_id=run_id,
                schema=table.schema,
                table=table.name,
                column=column,
                type=type_,
                semantic=meaning.semantic,
                pii=meaning.pii,
                rows=rows,
                completion=round(known / rows, 4) if rows else None,
                cardinality=different if rows else 0,
                uniqueness=round(different / rows, 4) if rows else None,
                is_estimate=is_estimate,
                example=example,
            )
        )
    return described


def counts_sql(column: str, size: int, *, example: bool) -> tuple[str, str, str]:
    """Expressions of a column: how many values, how many different ones, and an `example` where
    one may be shown; `size` is about how many rows the table has."""
    name = quote_ident(column)
    distinct = f"count(DISTINCT {name})"
    if size <= LISTED_ROWS:
        distinct = f"len(list_distinct(list({name})))"
    elif size > EXACT_ROWS:
        distinct = f"least(approx_count_distinct({name}), count({name}))"
    return f"count({name})", distinct, f"min({name})::VARCHAR" if example else "NULL"


def _source(database: str, table: Described) -> str:
    return f"{database}.{quote_ident(table.schema)}.{quote_ident(table.name)}"


def _may_show(column: str, meaning: ColumnSpec) -> bool:
    """Whether a value may stand as an example: nothing personal, and no key: it may be anything."""
    return not meaning.pii and column not in KEYS and not column.startswith(("fk_", "blv_"))

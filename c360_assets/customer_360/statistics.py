"""Statistics of every column of a database, computed on the file that is about to be published.

Completeness, number of different values, an example where the column holds nothing personal. Which tables are published is
`publish`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from c360_assets.semantics.tables import ColumnSpec
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

TABLE = "column_statistics"
# Above this many rows different values are estimated (HyperLogLog: the same whatever the threads).
EXACT_ROWS = 100_000
KEYS = ("pk", "_pk", "_uuid_pk", "ck", "rep_pk", "pk1", "pk2")


@dataclass(frozen=True)
class Described:
    """A table to describe: where it is, its columns and what they mean."""

    schema: str
    name: str
    columns: Mapping[str, str]
    meaning: Mapping[str, ColumnSpec]


def fill_statistics(session: Session, database: str, run_id: str, tables: Sequence[Described]) -> None:
    """Fill `reports.column_statistics` of the attached `database` with a row per column of `tables`."""
    target = f"{database}.reports.{TABLE}"
    for table in tables:
        source = f"{database}.{quote_ident(table.schema)}.{quote_ident(table.name)}"
        ((rows,),) = session.rows(f"SELECT count(*) FROM {source}")
        distinct = "count(DISTINCT {0})" if rows <= EXACT_ROWS else "least(approx_count_distinct({0}), count({0}))"
        parts, selects = [], []
        for number, (column, type_) in enumerate(table.columns.items()):
            name, spec = quote_ident(column), table.meaning[column]
            shown = not spec.pii and column not in KEYS and not column.startswith(("fk_", "blv_"))
            parts += [f"count({name}) AS known_{number}", f"{distinct.format(name)} AS different_{number}"]
            parts.append(f"{f'min({name})::VARCHAR' if shown else 'NULL::VARCHAR'} AS example_{number}")
            told = [run_id, table.schema, table.name, column, type_, spec.semantic]
            selects.append(
                f"SELECT {', '.join(quote_literal(value) for value in told)}, {spec.pii}, rows, "
                f"round(known_{number} / nullif(rows, 0), 4), different_{number}, "
                f"round(different_{number} / nullif(rows, 0), 4), {rows > EXACT_ROWS}, example_{number} FROM counted"
            )
        counted = f"SELECT count(*) AS rows, {', '.join(parts)} FROM {source}"
        session.execute(f"INSERT INTO {target} WITH counted AS MATERIALIZED ({counted}) {' UNION ALL '.join(selects)}")

"""Which casts of a statement some values do not fit, counted without naming a value.

What is said of a statement that failed is `sql_errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from c360_assets.warehouse.session import Session
from c360_assets.warehouse.statement import DIALECT
from c360_assets.wording import counted


def misfits(session: Session, sql: str) -> Iterator[str]:
    """A sentence for each CAST over one table in `sql` that some of its values do not fit."""
    try:
        query = sqlglot.parse_one(sql, read=DIALECT)
    except SqlglotError:
        return
    for scope in traverse_scope(query):
        tables = [table for table in scope.sources.values() if isinstance(table, exp.Table)]
        if len(scope.sources) == 1 and tables:
            for cast in _strict_casts(scope):
                yield from _misfit(session, cast, tables[0])


def _strict_casts(scope: Scope) -> list[exp.Cast]:
    casts = scope.find_all(exp.Cast)
    return list(dict.fromkeys(cast for cast in casts if not isinstance(cast, exp.TryCast)))


def _misfit(session: Session, cast: exp.Cast, table: exp.Table) -> Iterator[str]:
    """The sentence for one cast of values of `table`; none where it cannot be counted."""
    columns = list(dict.fromkeys(column.name for column in cast.find_all(exp.Column)))
    if not columns:
        return
    value = cast.this.sql(dialect=DIALECT)
    wanted = cast.to.sql(dialect=DIALECT)
    misfit = f"TRY_CAST({value} AS {wanted}) IS NULL"
    source = table.sql(dialect=DIALECT)
    counts = f"SELECT count_if({misfit}), count(*) FROM {source} WHERE ({value}) IS NOT NULL"
    with suppress(duckdb.Error):  # an aggregate, or a value that itself cannot be computed
        ((failed, known),) = session.rows(counts)
        if failed:
            names = ", ".join(columns)
            fit = "does not fit" if failed == 1 else "do not fit"
            yield f"{failed} of {counted(known, 'value')} of {names} in {table.name} {fit} {wanted}"

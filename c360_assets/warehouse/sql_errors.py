"""Why a statement failed on the data, told without the engine's text: that quotes values of rows.

Which file the statement is from, and what is to be done about it, its caller knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from c360_assets.warehouse.session import Session

DIALECT = "duckdb"
KINDS: dict[type[duckdb.Error], str] = {
    duckdb.ConversionException: "a value does not fit the type it is cast to",
    duckdb.OutOfRangeException: "a number is out of range",
    duckdb.BinderException: "a column it names does not exist or has another type; run `c360 check`",
    duckdb.CatalogException: "a table or function it names does not exist; run `c360 check`",
    duckdb.OutOfMemoryException: "not enough memory",
}
SHOWN = 3
REMEDY = "declare the type of the field in its feed, where such rows are told as they load, or use TRY_CAST in SQL of your own"


def reason(session: Session, sql: str, error: duckdb.Error) -> str:
    """What went wrong with the SELECT `sql`, whose names are still bound; the casts that failed
    with their columns and counts."""
    if isinstance(error, duckdb.ConversionException):
        found = list(misfits(session, sql))
        if found:
            more = [f"{len(found) - SHOWN} more casts failed"] if len(found) > SHOWN else []
            return "; ".join([*found[:SHOWN], *more, REMEDY])
    return KINDS.get(type(error), type(error).__name__)


def misfits(session: Session, sql: str) -> Iterator[str]:
    """A sentence for each CAST over one table in `sql` that some of its values do not fit."""
    try:
        query = sqlglot.parse_one(sql, read=DIALECT)
    except SqlglotError:
        return
    for scope in traverse_scope(query):
        sources = [source for source in scope.sources.values() if isinstance(source, exp.Table)]
        if len(scope.sources) != 1 or not sources:
            continue
        table = sources[0].sql(dialect=DIALECT)
        for cast in dict.fromkeys(
            c for c in scope.find_all(exp.Cast) if not isinstance(c, exp.TryCast)
        ):
            columns = dict.fromkeys(column.name for column in cast.find_all(exp.Column))
            value, wanted = cast.this.sql(dialect=DIALECT), cast.to.sql(dialect=DIALECT)
            if not columns:
                continue
            with suppress(duckdb.Error):  # an aggregate, or a value that itself cannot be computed
                ((bad, known),) = session.rows(
                    f"SELECT count_if(TRY_CAST({value} AS {wanted}) IS NULL), count(*) FROM {table} WHERE ({value}) IS NOT NULL"
                )
                if bad:
                    yield f"{bad} of {known} values of {', '.join(columns)} in {sources[0].name} do not fit {wanted}"

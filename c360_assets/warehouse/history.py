"""Tables that remember runs: rows are appended, and the newest are kept.

What a row tells belongs to the stages.

They tell about runs, so they are in `digest.RUN_TABLES`, and digests leave them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import polars as pl

from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Schema = Mapping[str, pl.DataType]
KEPT_ROWS = 20_000
_STORED = "_c360_history"


def append_history(
    session: Session,
    table: str,
    schema: Schema,
    rows: Sequence[DataclassInstance],
    *,
    order_by: str = "",
) -> TableState:
    """Write `table` with the rows, dataclasses whose fields are the columns of `schema`, after
    those it has.

    Of all, the last `KEPT_ROWS` are kept: as stored, or in the order of `order_by` (SQL). Pending
    until commit.
    """
    fresh = pl.DataFrame([asdict(row) for row in rows], schema=dict(schema))
    earlier = earlier_rows(session, table, schema, f"ORDER BY {order_by}" if order_by else "")
    return session.write(table, pl.concat([earlier, fresh]).tail(KEPT_ROWS))


def earlier_rows(session: Session, table: str, schema: Schema, clauses: str) -> pl.DataFrame:
    """The stored rows of `table` in the shape of `schema`, chosen and ordered by the SQL `clauses`.

    A column that was added to the schema since is empty in them.
    """
    state = session.state(table)
    if state is None:
        return pl.DataFrame(schema=dict(schema))
    session.bind(table, _STORED)
    columns = [
        quote_ident(name) if name in state.columns else f"NULL AS {quote_ident(name)}"
        for name in schema
    ]
    stored = session.frame(f"SELECT {', '.join(columns)} FROM {_STORED} {clauses}")
    return stored.cast(dict(schema))  # type: ignore[arg-type]

"""The run history of custom domain tables: reused, succeeded or failed. Building them belongs to `custom_tables`.

The history tells about runs, so digests leave it out.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.custom_tables import build_custom_table, custom_table_name, fingerprint_of
from c360_assets.tenant.models import CustomTable, Tenant
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session

HISTORY = "custom_table_run"
KEPT_ROWS = 20_000
SCHEMA: dict[str, pl.DataType] = {
    "run_id": pl.String(),
    "table": pl.String(),
    "outcome": pl.String(),
    "rows": pl.Int64(),
    "seconds": pl.Float64(),
    "error": pl.String(),
    "finished_at": pl.Datetime("us", "UTC"),
}


def run_custom_table(
    session: Session, tenant: Tenant, table: CustomTable, *, force: bool = False
) -> tuple[TableState, str]:
    """Make a custom table current and return its state with the outcome, which is recorded; commits.

    Reuses the stored table where its SQL and the content of its inputs are unchanged. Raises C360Error as `build_custom_table`
    does; the table then stays as it was.
    """
    begun = time.monotonic()
    try:
        state, outcome = session.state(custom_table_name(table)), "reused"
        if state is None or force or state.fingerprint != fingerprint_of(session, tenant, table):
            state, outcome = build_custom_table(session, tenant, table), "succeeded"
    except C360Error as error:
        session.pending.clear()
        _record(session, table, "failed", None, begun, str(error))
        session.commit()
        raise
    _record(session, table, outcome, state.rows, begun, None)
    session.commit()
    return state, outcome


def _record(
    session: Session,
    table: CustomTable,
    outcome: str,
    rows: int | None,
    begun: float,
    error: str | None,
) -> None:
    row = (
        session.run_id,
        table.name,
        outcome,
        rows,
        round(time.monotonic() - begun, 3),
        error,
        datetime.now(UTC),
    )
    history = pl.DataFrame([row], schema=SCHEMA, orient="row")
    if session.state(HISTORY) is not None:
        session.bind(HISTORY, "_c360_history")
        earlier = session.frame("SELECT * FROM _c360_history ORDER BY finished_at, run_id")
        history = pl.concat(
            [earlier.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()), history]
        )
    session.write(HISTORY, history.tail(KEPT_ROWS))

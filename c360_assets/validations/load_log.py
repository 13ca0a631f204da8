"""What the load of a feed says about its keys: rows without one, and rows that were replaced.

A row is replaced by another of its key. Read from the ledger and the logs of rejected rows, which
loading wrote; nothing is loaded or rejected here.
"""

from __future__ import annotations

import polars as pl

from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.spreadsheets import read_marked_csv


def load_log(session: Session, tenant: Tenant, table: SourceTable) -> dict[str, int]:
    """`without_key`: rows rejected for an empty key; `replaced`: good rows that do not stand.

    Both over all loaded delivery days, so that days loaded in one run or in several give the same
    numbers. A later version of a record replaces an earlier one too. Zero for a table that no feed
    loads.
    """
    feed = tenant.feed(table.name)
    if table.custom or feed is None:
        return {"without_key": 0, "replaced": 0}
    attempts = session_ledger(session).filter(
        (pl.col("feed") == table.name) & (pl.col("status") != "failed")
    )
    newest_attempt = pl.col("attempt").max().over("delivery_day")
    newest = attempts.filter(pl.col("attempt") == newest_attempt)
    if feed.load == "truncate_and_upsert":
        # Such a table shows its newest delivery day only.
        newest = newest.filter(pl.col("delivery_day") == pl.col("delivery_day").max())
    # Rows of people who were forgotten are read, and neither loaded nor rejected.
    delivered = int(newest["rows_loaded"].sum()) + int(newest["rows_replaced"].sum())
    state = session.state(table.asset)
    stand = state.rows if state else 0
    return {
        "without_key": _rows_without_key(tenant, table),
        "replaced": max(delivered - stand, 0),
    }


def _rows_without_key(tenant: Tenant, table: SourceTable) -> int:
    rows = 0
    for path in sorted((tenant.root / "logs").glob(f"{table.physical}.*.error_types.csv")):
        types = {"error_type": pl.String, "rows": pl.Int64}
        log = read_marked_csv(path, schema_overrides=types)
        rows += int(log.filter(pl.col("error_type") == "missing_primary_key")["rows"].sum())
    return rows

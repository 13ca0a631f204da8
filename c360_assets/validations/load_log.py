"""What the load of a feed says about its keys: rows without one, and rows that another row of their
key replaced.

Read from the ledger and the logs of rejected rows, which loading wrote; nothing is loaded or
rejected here.
"""

from __future__ import annotations

import polars as pl

from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import Session


def load_log(session: Session, tenant: Tenant, table: SourceTable) -> dict[str, int]:
    """`without_key`: rows rejected because their key was empty; `replaced`: good rows delivered
    that do not stand.

    Both over all loaded delivery days, so that days loaded in one run or in several give the same
    numbers. A later version of a record replaces an earlier one too. Zero for a table that no feed
    loads.
    """
    feed = tenant.feed(table.name)
    if table.custom or feed is None:
        return {"without_key": 0, "replaced": 0}
    mine = session_ledger(session).filter(
        (pl.col("feed") == table.name) & (pl.col("status") != "failed")
    )
    newest = mine.filter(pl.col("attempt") == pl.col("attempt").max().over("delivery_day"))
    if feed.load == "truncate_and_upsert":  # shows its newest delivery day only
        newest = newest.filter(pl.col("delivery_day") == pl.col("delivery_day").max())
    good = int(newest["rows_read"].sum()) - int(newest["rows_rejected"].sum())
    state = session.state(table.asset)
    without = 0
    for path in sorted((tenant.root / "logs").glob(f"{table.physical}.*.error_types.csv")):
        log = pl.read_csv(path, schema_overrides={"error_type": pl.String, "rows": pl.Int64})
        without += int(log.filter(pl.col("error_type") == "missing_primary_key")["rows"].sum())
    return {"without_key": without, "replaced": max(good - (state.rows if state else 0), 0)}

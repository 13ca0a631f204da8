"""The ledger `ingest_files`: which file of which delivery day was loaded, when, and how it went.

One row per feed, delivery day, attempt and file. It decides what is loaded; versions of Delta
tables and the orchestrator's partitions never do. It is a run table: it tells about runs and is
left out of digests. Deciding what to load belongs to `ingest`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session, Warehouse

LEDGER = "ingest_files"
SCHEMA: dict[str, pl.DataType] = {
    "feed": pl.String(),
    "delivery_day": pl.Date(),
    "path": pl.String(),
    "sha256": pl.String(),
    "size": pl.Int64(),
    "mtime_ns": pl.Int64(),
    "attempt": pl.Int64(),
    "rows_read": pl.Int64(),
    "rows_loaded": pl.Int64(),
    "rows_rejected": pl.Int64(),
    "rows_replaced": pl.Int64(),
    "status": pl.String(),
    "kind": pl.String(),
    "message": pl.String(),
    "run_id": pl.String(),
    "loaded_at": pl.Datetime("us", "UTC"),
}
Status = Literal["loaded", "failed", "empty"]


@dataclass(frozen=True)
class LedgerEntry:
    """One file of one attempt at a delivery day.

    `path` is relative to `landing/`; `kind` is the class of a failure in a word, `message` its
    text, neither with a value.
    """

    feed: str
    delivery_day: date
    path: str
    sha256: str
    size: int
    mtime_ns: int
    attempt: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_replaced: int
    status: Status
    kind: str
    message: str
    run_id: str
    loaded_at: datetime


def empty_ledger() -> pl.DataFrame:
    return pl.DataFrame(schema=SCHEMA)


def read_ledger(warehouse: Warehouse, state: TableState | None = None) -> pl.DataFrame:
    """The ledger at the version that the manifest (or `state`) names, by feed, day, attempt and
    path.

    Reads the files directly, without an engine, so that a sensor may ask every few seconds.
    """
    state = state or warehouse.state(LEDGER)
    if state is None or not state.rows:
        return empty_ledger()
    if not _last or _last[0][0] != state.digest:
        files = warehouse.files(LEDGER, state)
        _last[:] = [(state.digest, _read(files, is_copy=warehouse.is_shared))]
    return _last[0][1]


# The content that was read last, by its digest: each of many sensors asks for it at each tick.
_last: list[tuple[str, pl.DataFrame]] = []


def _read(files: list[str], *, is_copy: bool) -> pl.DataFrame:
    try:
        table = pl.read_parquet(files, glob=False)
    except (OSError, pl.exceptions.PolarsError):
        remedy = "put back the folder warehouse/ of your last backup"
        if is_copy:
            remedy = "delete it, as it is a copy of a file of the bucket"
        raise C360Error(
            f"{files[0]} is missing or damaged, which says what is loaded: {remedy}, then run "
            "again; what is published stays"
        ) from None
    return table.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()).sort(
        "feed", "delivery_day", "attempt", "path"
    )


def last_delivery(warehouse: Warehouse, but_for: Collection[str]) -> date | None:
    """The newest delivery day that was loaded, of any feed but those; None before the first
    load."""
    loaded = read_ledger(warehouse).filter(pl.col("status") != "failed")
    loaded = loaded.filter(~pl.col("feed").is_in(list(but_for)))
    return max(loaded["delivery_day"].to_list(), default=None)


def session_ledger(session: Session) -> pl.DataFrame:
    """The ledger as `session` sees it, its own uncommitted entries included."""
    return read_ledger(session.warehouse, session.state(LEDGER))


def record(session: Session, entries: Sequence[LedgerEntry]) -> TableState:
    """Put `entries` in place of what the ledger holds for the same attempts.

    Pending until the session's commit.
    """
    new = pl.DataFrame([vars(entry) for entry in entries], schema=SCHEMA)
    attempts = ["feed", "delivery_day", "attempt"]
    kept = session_ledger(session).join(new.select(attempts).unique(), on=attempts, how="anti")
    whole = pl.concat([kept, new]).sort("feed", "delivery_day", "attempt", "path")
    return session.write(LEDGER, whole)

"""Rows of text of which some leave out what the first row of their block says, made whole.

Before rows are cast, counted and given keys: what comes later sees each row as if its file said all
of it, so that an error in a first row is one of its whole block, and a row that names a person on
its first row only is found by that person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from c360_assets.ingest.casts import present_text
from c360_assets.ingest.formats.batches import Batch
from c360_assets.tenant.feeds import FillDownConfig
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session

UNFILLED = "_c360_unfilled"  # rows that wait for those of their files that come before them
WITHOUT_FIRST = "no_first_row"
UNREAD = "chr(0)"  # no value of a file


def filled_batches(
    session: Session, feed: FeedConfig, fill_down: FillDownConfig, batches: Iterable[Batch]
) -> Iterator[Batch]:
    """The rows of `batches` with the columns filled down. A file's rows may stand in several
    batches, so all are read first."""
    kinds: list[frozenset[int]] = []
    for batch in batches:
        if batch.typed in kinds:
            table = f"{UNFILLED}_{kinds.index(batch.typed)}"
            session.execute(f"INSERT INTO {table} BY NAME {batch.sql}")
        else:
            table = f"{UNFILLED}_{len(kinds)}"
            session.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {batch.sql}")
            kinds.append(batch.typed)
    for place, typed in enumerate(kinds):
        table = f"{UNFILLED}_{place}"
        yield Batch(_filled_sql(feed, fill_down, table), typed)
        session.execute(f"DROP TABLE {table}")


def _filled_sql(feed: FeedConfig, fill_down: FillDownConfig, table: str) -> str:
    """From rows of text to the same with each block's values, and an error where it has no first
    row."""
    numbers = {name: f"r{number}" for number, name in enumerate(feed.outputs)}
    by = numbers[fill_down.by]
    own = _present(feed, by)
    filled = ", ".join(
        f"coalesce({_present(feed, raw)}, first_value({raw}) OVER block) AS {raw}"
        for raw in (numbers[name] for name in fill_down.filled)
    )
    return f"""
        WITH marked AS (
            SELECT *, CASE WHEN _reject IS NOT NULL THEN {UNREAD} ELSE {own} END AS _mark
            FROM {table}),
        begun AS (
            SELECT *, last_value(_mark IGNORE NULLS) OVER (
                PARTITION BY _file ORDER BY _row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS _before FROM marked),
        blocks AS (
            SELECT *, count(*) FILTER (_mark IS NOT NULL AND _mark IS DISTINCT FROM _before) OVER (
                PARTITION BY _file ORDER BY _row ROWS UNBOUNDED PRECEDING) AS _block FROM begun),
        filled AS (
            SELECT * REPLACE ({filled}) FROM blocks
            WINDOW block AS (PARTITION BY _file, _block ORDER BY _row))
        SELECT * EXCLUDE (_mark, _before, _block) REPLACE (
            CASE WHEN _reject IS NULL AND {own} IS NULL THEN '{WITHOUT_FIRST}' ELSE _reject END
            AS _reject)
        FROM filled"""


def _present(feed: FeedConfig, raw: str) -> str:
    return present_text(feed, raw, f"nullif(trim({raw}), '')")

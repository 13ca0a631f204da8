"""The incoming table of a load: every row of its files, typed, with its key and its first error.

Rows come as text from `formats`; which of them stand in the domain table is for `upsert`. What an
error means for its delivery day is decided in `load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import polars as pl

from c360_assets.ingest import upsert
from c360_assets.ingest.casts import AS_TEXT, cast_for, typed_sql
from c360_assets.ingest.fill_down import filled_batches
from c360_assets.ingest.formats.batches import Batch
from c360_assets.tenant.feeds import RowNumberConfig
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

INCOMING = "_c360_incoming"
UNCOUNTED = "_c360_uncounted"  # rows that wait for those of their files that come after them
DELIVERY_YEARS = "_c360_file_years"
LOGGED_CHARACTERS = 10_000
# What the incoming table holds beside the domain table's columns: the number of the row's file,
# its place and line there, its error with field and text, and how many of its values were rounded,
# or are one of two that their text may mean.
OWN_COLUMNS = {
    "_file": "INTEGER",
    "_row": "BIGINT",
    "_line": "BIGINT",
    "_error": "VARCHAR",
    "_field": "VARCHAR",
    "_raw": "VARCHAR",
    "_rounded": "BIGINT",
    "_guessed": "BIGINT",
}
# What a row of values has beside them before it has a key.
JUDGED_COLUMNS = {
    "_file": "INTEGER",
    "_row": "BIGINT",
    "_line": "BIGINT",
    "_reject": "VARCHAR",
    "_cast": "VARCHAR",
    "_text": "VARCHAR",
    "_rounded": "BIGINT",
    "_guessed": "BIGINT",
}


class FileCounts(NamedTuple):
    """How many rows of file number `file` were read and rejected, and how many values rounded and
    guessed."""

    file: int
    read: int
    rejected: int
    rounded: int
    guessed: int


def fill_incoming(
    session: Session,
    tenant_id: UUID,
    feed: FeedConfig,
    delivery_years: Sequence[int],
    batches: Iterable[Batch],
) -> None:
    """Make the incoming table of the rows of `batches`.

    `delivery_years`: of the files, by number.
    """
    _create_tables(session, feed, delivery_years)
    if feed.fill_down is not None:
        batches = filled_batches(session, feed, feed.fill_down, batches)
    for batch in batches:
        judged = _judged_sql(feed, batch)
        if feed.row_number is None:
            session.execute(f"INSERT INTO {INCOMING} {_keyed_sql(tenant_id, feed, judged)}")
        else:
            session.execute(f"INSERT INTO {UNCOUNTED} {judged}")
    if feed.row_number is not None:
        counted = _counted_sql(feed.row_number)
        session.execute(f"INSERT INTO {INCOMING} {_keyed_sql(tenant_id, feed, counted)}")
        session.execute(f"DROP TABLE {UNCOUNTED}")


def _create_tables(session: Session, feed: FeedConfig, delivery_years: Sequence[int]) -> None:
    # `_updated` depends on the rows of all files of a day, and is given when they are counted.
    columns = {
        name: sql_type
        for name, sql_type in (upsert.columns_of(feed) | OWN_COLUMNS).items()
        if name != "_updated"
    }
    columns_sql = ", ".join(f"{quote_ident(name)} {kind}" for name, kind in columns.items())
    session.execute(f"CREATE OR REPLACE TEMP TABLE {INCOMING} ({columns_sql})")
    if feed.row_number is not None:
        judged = {name: columns[name] for name in feed.outputs} | JUDGED_COLUMNS
        judged_sql = ", ".join(f"{quote_ident(name)} {kind}" for name, kind in judged.items())
        session.execute(f"CREATE OR REPLACE TEMP TABLE {UNCOUNTED} ({judged_sql})")
    years = pl.DataFrame(
        {"_file": range(len(delivery_years)), "_year": delivery_years},
        schema={"_file": pl.Int32, "_year": pl.Int32},
    )
    session.register(DELIVERY_YEARS, years)


def count_rows(session: Session) -> list[FileCounts]:
    counts = session.rows(f"""
        SELECT _file, count(*), count(_error),
               coalesce(sum(_rounded), 0)::BIGINT, coalesce(sum(_guessed), 0)::BIGINT
        FROM {INCOMING} GROUP BY _file""")
    return [FileCounts(*row) for row in counts]


def rejected_rows(session: Session) -> pl.DataFrame:
    """One row per rejected row, as the error log of a day holds it, with the file's number."""
    return session.frame(f"""
        SELECT _file, _line AS line_no, _field AS field, _error AS error_type,
               left(_raw, {LOGGED_CHARACTERS}) AS raw_value
        FROM {INCOMING} WHERE _error IS NOT NULL""")


def _counted_sql(row_number: RowNumberConfig) -> str:
    """From judged rows to the same with the column that counts them."""
    within = ", ".join(map(quote_ident, ("_file", *row_number.within)))
    return (
        f"SELECT *, row_number() OVER (PARTITION BY {within} ORDER BY _row) "
        f"AS {quote_ident(row_number.column)} FROM {UNCOUNTED}"
    )


def _judged_sql(feed: FeedConfig, batch: Batch) -> str:
    """From rows of text to rows of values, with the first field that holds none of its type."""
    casts = [
        cast_for(feed, field, number, "_year", typed=number in batch.typed)
        for number, field in enumerate(feed.fields.values())
    ]
    with_years = f"({batch.sql}) JOIN {DELIVERY_YEARS} USING (_file)"
    values = ", ".join(
        f"v{number} AS {quote_ident(name)}" for number, name in enumerate(feed.outputs)
    )
    rounded = [cast.rounded for cast in casts]
    guessed = [cast.guessed for cast in casts]
    failed_casts = _failed_casts(feed)
    field_names = [quote_literal(name) for name in feed.fields]
    wrong_field = _first_that_holds(
        {condition: field_names[number] for number, condition in failed_casts.items()}
    )
    wrong_text = _first_that_holds(
        {condition: f"r{number}" for number, condition in failed_casts.items()}
    )
    return f"""
        SELECT {values}, _file, _row, _line, _reject, {wrong_field} AS _cast,
               coalesce(_record, {wrong_text}) AS _text, {_values_where(rounded)} AS _rounded,
               {_values_where(guessed)} AS _guessed
        FROM ({typed_sql(casts, with_years)})"""


def _keyed_sql(tenant_id: UUID, feed: FeedConfig, judged: str) -> str:
    """From judged rows, counted where the feed counts them, to those of the incoming table: with
    key, first error and UUID."""
    types = upsert.columns_of(feed)
    key = upsert.key_sql({name: types[name] for name in feed.primary_key})
    columns = ", ".join(quote_ident(name) for name in feed.columns)
    return f"""
        WITH keyed AS (SELECT *, {key} AS _pk FROM ({judged})),
        erred AS (
            SELECT *, CASE WHEN _reject IS NOT NULL THEN _reject
                           WHEN _cast IS NOT NULL THEN 'cast_error'
                           WHEN _pk IS NULL THEN 'missing_primary_key' END AS _error
            FROM keyed),
        hashed AS (
            SELECT *, CASE WHEN _error IS NULL
                           THEN {upsert.uuid_digest_sql(tenant_id, feed.name)} END AS _digest
            FROM erred)
        SELECT {columns}, _pk, {upsert.uuid_sql("_digest")},
               _file, _row, _line, _error, _cast, _text,
               CASE WHEN _error IS NULL THEN _rounded ELSE 0 END,
               CASE WHEN _error IS NULL THEN _guessed ELSE 0 END
        FROM hashed"""


def _failed_casts(feed: FeedConfig) -> dict[int, str]:
    """By field number, the SQL for "there is a text, and it is no value of the field's type"."""
    return {
        number: f"t{number} IS NOT NULL AND v{number} IS NULL"
        for number, field in enumerate(feed.fields.values())
        if field.type not in AS_TEXT
    }


def _values_where(conditions: Sequence[str | None]) -> str:
    """SQL for of how many values of a row the condition holds, where there is one."""
    counted = [f"coalesce(({each})::INTEGER, 0)" for each in conditions if each]
    return " + ".join(counted) or "0"


def _first_that_holds(values: dict[str, str]) -> str:
    """SQL for the value (condition -> value) of the first condition that holds."""
    if not values:
        return "NULL::VARCHAR"
    branches = " ".join(f"WHEN {condition} THEN {value}" for condition, value in values.items())
    return f"CASE {branches} END"

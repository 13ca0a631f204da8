"""Which row stands for each primary key: system columns, order among rows, a table's new content.

Pure SQL text over named relations; running it belongs to `load`. The order depends on delivery
days, attempts and places in files only, so one load or ten, in any split, give the same table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.casts import key_text, sql_type
from c360_assets.semantics.column_types import DAY_BITS, INSTANT, SYSTEM_COLUMNS
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.wording import counted

EPOCH = date(1970, 1, 1)
# `_updated` holds, from its highest bits down: the delivery day, the attempt, the row's place.
ATTEMPT_BITS = 35
# Below every 64-bit value: a missing last-updated value loses against any other.
LOWEST = "-9223372036854775809::HUGEINT"
STEP = 1 << 63
MISSING_PART = "\\N"
# Parts of a key of several columns, and what is escaped in them.
KEY_PART = re.compile(r"((?:[^\\|]|\\.)*)(?:\||$)", re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def columns_of(feed: FeedConfig) -> dict[str, str]:
    """The domain table's columns and types, in order."""
    return {name: sql_type(feed, item) for name, item in feed.columns.items()} | SYSTEM_COLUMNS


def key_sql(parts: dict[str, str]) -> str:
    """SQL for `_pk` over columns (name -> type); NULL where the key is missing.

    One part is its value's text. Several are joined by `|`, with `\\` and `|` escaped and a missing
    part written `\\N`.
    """
    texts = [key_text(column, kind) for column, kind in parts.items()]
    if len(texts) == 1:
        return f"nullif({texts[0]}, '')"
    escaped = [
        f"coalesce(replace(replace({text}, '\\', '\\\\'), '|', '\\|'), '\\N')" for text in texts
    ]
    missing = " AND ".join(f"coalesce({text}, '') = ''" for text in texts)
    return f"CASE WHEN NOT ({missing}) THEN {' || chr(124) || '.join(escaped)} END"


def key_values(pk: str, count: int) -> list[str | None]:
    """The values of the `count` key columns of a `_pk`, None for a missing part."""
    if count == 1:
        return [pk]
    parts = KEY_PART.findall(pk)[:count]
    return [None if part == MISSING_PART else ESCAPED.sub(r"\1", part) for part in parts]


def key_of(values: Sequence[str | None]) -> str:
    """The `_pk` of these values of the key columns."""
    if len(values) == 1:
        return values[0] or ""
    escaped = [
        MISSING_PART if value is None else value.replace("\\", "\\\\").replace("|", "\\|")
        for value in values
    ]
    return "|".join(escaped)


def uuid_digest_sql(tenant_id: UUID, datasource: str) -> str:
    """SQL for the SHA-1 (hex) behind `_uuid_pk`.

    It is of datasource, unit separator and `_pk` in the tenant's namespace.
    """
    name = f"encode({quote_literal(datasource)} || chr(31) || _pk)"
    return f"sha1(from_hex({quote_literal(tenant_id.hex)}) || {name})"


def uuid_sql(digest: str) -> str:
    """SQL for the version 5 UUID (RFC 4122) of the SHA-1 in column `digest`."""
    variant = f"translate(substr({digest}, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab')"
    return (
        f"substr({digest}, 1, 8) || '-' || substr({digest}, 9, 4) || "
        f"'-5' || substr({digest}, 14, 3) || '-' || {variant} || "
        f"substr({digest}, 18, 3) || '-' || substr({digest}, 21, 12)"
    )


def updated_base(day: date, attempt: int, offset: int) -> int:
    """What `_updated` of a file's rows counts from: add the row's place in the file (from 1).

    `offset` is the number of data rows in the day's files before it. Raises C360Error past 255
    attempts at one day.
    """
    if attempt >= 1 << (DAY_BITS - ATTEMPT_BITS):
        raise C360Error(
            f"delivery day {day} was loaded {counted(attempt - 1, 'time')}, which is the limit; "
            "put the rows into a new day's file"
        )
    return ((day - EPOCH).days << DAY_BITS) + (attempt << ATTEMPT_BITS) + offset


def with_first_places(ledger: pl.DataFrame) -> pl.DataFrame:
    """A ledger, or a part of it, with `_updated` of the first row of each file."""
    day = pl.col("delivery_day").cast(pl.Int32).cast(pl.Int64)
    attempt = pl.struct("feed", "delivery_day", "attempt")
    rows_before = pl.col("rows_read").cum_sum().over(attempt) - pl.col("rows_read")
    base = day * (1 << DAY_BITS) + pl.col("attempt") * (1 << ATTEMPT_BITS) + rows_before
    return ledger.with_columns(_updated=base + 1)


def rank_sql(feed: FeedConfig) -> str:
    """SQL for the place of a row among those of its key, of which the greatest stands.

    The last-updated value decides, then `_updated`. Both are packed into one integer, which is
    unique per row, so that a plain maximum decides.
    """
    if feed.last_updated == "auto":
        return "_updated::HUGEINT"
    column = quote_ident(feed.last_updated)
    kind = columns_of(feed)[feed.last_updated]
    value = f"epoch_us({column})" if kind == INSTANT else column
    return f"coalesce({value}::HUGEINT, {LOWEST}) * {STEP}::HUGEINT + _updated"


def fresh_sql(feed: FeedConfig, placed: str, stored: str) -> str:
    """`_pk` and `_updated` of the rows of `placed` that stand.

    They are the best of their key, and no row of `stored` beats them. `_updated` names a row, and
    is read back from the lower bits of its rank.
    """
    rank = rank_sql(feed)
    return f"""
        SELECT best._pk, (best._rank & {STEP - 1}::HUGEINT)::BIGINT AS _updated
        FROM (SELECT _pk, max({rank}) AS _rank FROM {placed} GROUP BY _pk) best
        ANTI JOIN (SELECT _pk, {rank} AS _rank FROM {stored}) s
             ON s._pk = best._pk AND s._rank > best._rank"""

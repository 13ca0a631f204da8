"""Values of a load that a system wrote for another place, as what they say, and how many lost
letters.

What is garbled is decided in `semantics.garbled`, which looks at one text at a time: it is asked
once for each different value that may be.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from c360_assets.semantics.garbled import ESCAPED, ESCAPES, LOST, MISREAD, mended_text
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

MENDED = "_c360_mended"
IN_A_WORD = r"\pL[?]+\pL"


def mend_texts(session: Session, table: str, columns: Sequence[str]) -> dict[str, int]:
    """Mend the garbled values of text columns of a temporary table; column -> how many, of those
    that had any."""
    suspects = _holding(session, table, {column: _is_suspect(column) for column in columns})
    return {column: count for column in suspects if (count := _mend(session, table, column))}


def with_lost_letters(
    session: Session, table: str, columns: Sequence[str], names: Sequence[str]
) -> dict[str, int]:
    """Of text columns of a table, how many values hold what stands for a lost letter, of those that
    had any. In `names`, whose values ask nothing, that is also a `?` within a word."""
    conditions = {column: f"contains({quote_ident(column)}, '{LOST}')" for column in columns}
    for column in names:
        name = quote_ident(column)
        conditions[column] = (
            f"CASE WHEN {conditions[column]} THEN TRUE"
            f" WHEN contains({name}, '?') THEN regexp_matches({name}, '{IN_A_WORD}') END"
        )
    return _holding(session, table, conditions)


def _holding(session: Session, table: str, conditions: dict[str, str]) -> dict[str, int]:
    """Column -> in how many rows its condition holds, of those in which it does."""
    if not conditions:
        return {}
    counts = ", ".join(f"count_if({condition})" for condition in conditions.values())
    (found,) = session.rows(f"SELECT {counts} FROM {table}")
    return {column: n for column, n in zip(conditions, found, strict=True) if n}


def _mend(session: Session, table: str, column: str) -> int:
    name = quote_ident(column)
    suspects = session.frame(
        f"SELECT DISTINCT {name} AS garbled FROM {table} WHERE {_is_suspect(column)} ORDER BY ALL"
    )
    mended = suspects.with_columns(
        text=pl.col("garbled").map_elements(mended_text, return_dtype=pl.String)
    ).filter(pl.col("text") != pl.col("garbled"))
    if not mended.height:
        return 0
    session.register(MENDED, mended)
    ((count,),) = session.rows(
        f"UPDATE {table} SET {name} = text FROM {MENDED} WHERE {name} = garbled"
    )
    session.con.unregister(MENDED)
    return int(count)


def _is_suspect(column: str) -> str:
    """SQL for whether a value may be garbled.

    A value that has none of the signs costs next to nothing: branches of CASE are computed for the
    rows that come to them, both sides of AND and OR for all.
    """
    name = quote_ident(column)
    is_escaped = " OR ".join(f"contains({name}, {quote_literal(sign)})" for sign in ESCAPES)
    either = quote_literal(f"{MISREAD}|{ESCAPED}")
    return (
        f"CASE WHEN strlen({name}) > length({name}) THEN regexp_matches({name}, {either})"
        f" WHEN {is_escaped} THEN regexp_matches({name}, {quote_literal(ESCAPED)})"
        " ELSE FALSE END"
    )

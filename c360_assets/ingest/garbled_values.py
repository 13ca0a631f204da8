"""Values of a load whose UTF-8 was once read as another encoding, as they were written.

What is garbled is decided in `semantics.garbled`, which looks at one text at a time: it is asked
once for each different value that may be.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from c360_assets.semantics.garbled import SUSPECT, mended_text
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

MENDED = "_c360_mended"


def mend_texts(session: Session, table: str, columns: Sequence[str]) -> dict[str, int]:
    """Mend the garbled values of text columns of a temporary table; column -> how many, of those
    that had any."""
    suspects = _suspects(session, table, columns)
    return {column: count for column in suspects if (count := _mend(session, table, column))}


def _suspects(session: Session, table: str, columns: Sequence[str]) -> list[str]:
    """The columns in which a value may be garbled. Text of ASCII alone is not looked into."""
    if not columns:
        return []
    found = ", ".join(f"coalesce(bool_or({_is_suspect(column)}), FALSE)" for column in columns)
    (holds,) = session.rows(f"SELECT {found} FROM {table}")
    return [column for column, suspect in zip(columns, holds, strict=True) if suspect]


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
    name = quote_ident(column)
    return f"strlen({name}) > length({name}) AND regexp_matches({name}, {quote_literal(SUSPECT)})"

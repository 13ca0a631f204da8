"""Words of a purpose or a brand that no statement of consent says: written otherwise, nobody has
agreed by them, and all that is sent would be emptied."""

from __future__ import annotations

from collections.abc import Mapping

from c360_assets.customer_360.publication.consent import said
from c360_assets.semantics.closest import instead_of
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

MOST_SHOWN = 20


def unsaid(session: Session, table: str, words: Mapping[str, str]) -> str | None:
    """Which of the words no statement of the table says, and what they say instead; None where one
    says all of them, or the table is empty."""
    if not words:
        return None
    each = said(words)
    counts = ", ".join(f"count(*) FILTER (WHERE {one})" for one in [*each, " AND ".join(each)])
    ((rows, *matches, of_all),) = session.rows(
        f"SELECT count(*), {counts} FROM {quote_ident(table)}"
    )
    if of_all or not rows:
        return None
    missing = [column for column, count in zip(words, matches, strict=True) if not count]
    if not missing:
        together = " and ".join(f"{column} {value}" for column, value in words.items())
        return f"no statement of {table} is of {together} at once"
    return "; ".join(
        f"no statement of {table} has the {column} {words[column]}: "
        f"{_instead(session, table, column, words[column])}"
        for column in missing
    )


def _instead(session: Session, table: str, column: str, word: str) -> str:
    name = quote_ident(column)
    found = session.rows(
        f"SELECT DISTINCT trim({name}) FROM {quote_ident(table)} "
        f"WHERE trim({name}) <> '' ORDER BY 1 LIMIT {MOST_SHOWN}"
    )
    return instead_of(word, [value for (value,) in found], none="none has one")

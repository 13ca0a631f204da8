"""The primary key of a feed, proposed from a sample: one column, or two that are unique together.

What a column is (its type, its tags) is decided in `columns`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from c360_assets.ingest.suggest.columns import IDENTIFIER_NAME, Column
from c360_assets.semantics.tags import without_marks

CANDIDATES = 5
# Columns whose pairs are tried; each pair is a pass over the sample.
PAIRED = 6


@dataclass(frozen=True)
class ProposedKey:
    """Output names of the key's columns, and what to say of them."""

    columns: list[str]
    notes: list[str]


def propose_primary_key(columns: list[Column], frame: pl.DataFrame) -> ProposedKey:
    usable = [column for column in columns if _can_identify(column)]
    candidates = sorted(usable, key=_order_of_candidates)[:CANDIDATES]
    shares = ", ".join(f"{column.output} {100 * column.unique:.1f}" for column in candidates)
    notes = [f"candidates, percent unique without gaps: {shares}"]
    single = _unique_column(candidates)
    if single is not None:
        return ProposedKey([single.output], notes)
    identifiers = [column for column in usable if is_identifier(column) and column.unique > 0]
    pair = _unique_pair(identifiers[:PAIRED], frame)
    if pair:
        notes.append("no single column is unique; these two are together")
        return ProposedKey(pair, notes)
    pair = _unique_pair(_most_varied(usable, frame), frame)
    if pair:
        notes.append("no single column is unique; these two are together in this sample")
        return ProposedKey(pair, notes)
    notes.append("NO COLUMN IS UNIQUE in the sample: name the columns that identify a row")
    return ProposedKey([(candidates or columns)[0].output], notes)


def _can_identify(column: Column) -> bool:
    return column.type in {"string", "integer"} and not column.decimal_commas


def _order_of_candidates(column: Column) -> tuple[float, bool, bool]:
    # Names and contact data repeat and change: they are candidates only where nothing else is.
    return -column.unique, not is_identifier(column), bool(column.tags)


def is_identifier(column: Column) -> bool:
    """Whether a column is called like an identifier."""
    names = (column.output, without_marks(column.name))
    return any(IDENTIFIER_NAME.search(name) for name in names)


def _unique_column(candidates: list[Column]) -> Column | None:
    """The first unique one: an identifier, else one without a tag, else any."""
    unique = [column for column in candidates if column.unique == 1.0]
    identifiers = [column for column in unique if is_identifier(column)]
    untagged = [column for column in unique if not column.tags]
    preferred = identifiers or untagged or unique
    return preferred[0] if preferred else None


def _unique_pair(columns: Iterable[Column], frame: pl.DataFrame) -> list[str]:
    """The output names of the first two columns that are unique together, [] where none are."""
    for first, second in combinations(columns, 2):
        if frame.select(first.name, second.name).is_unique().all():
            return [first.output, second.output]
    return []


def _most_varied(usable: list[Column], frame: pl.DataFrame) -> list[Column]:
    """Columns without gaps, those with most values first; identifiers and texts first in ties."""
    without_gaps = [
        column for column in usable if not frame[column.name].null_count() and column.unique < 1.0
    ]

    def order(column: Column) -> tuple[int, bool, bool]:
        values = frame[column.name].n_unique()
        return -values, not is_identifier(column), column.type != "string"

    return sorted(without_gaps, key=order)[:PAIRED]

"""What columns without names are, by the values that stand beside one another in a row of persons.

A file without a header says nothing of its columns. Beside e-mail addresses, days of birth, numbers
as they are dialled and given names are told by their looks, and a surname by standing beside one.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_names import NO_NAME
from c360_assets.ingest.suggest.column_tags import EMAILS, guess_by_values
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.header_words import Guess
from c360_assets.semantics.nicknames import known_given_names
from c360_assets.semantics.text import fold_upper

# Numbers with the zero that is dialled before them at home; more zeros fill a number up.
DIALLED = r"^0[1-9][ /-]?\d(?:[ /-]?\d){6,9}$"
WORDS = r"^[^\W\d_][^\d@#_]{1,40}$"
YEAR = r"(1[89]\d\d|20\d\d)"
LAST_BORN, LEAST_SPREAD = 2015, 30
KNOWN = 0.4  # share of different values that are given names of the shipped list


def guess_unnamed(columns: Sequence[Column], frame: pl.DataFrame) -> dict[str, Guess]:
    """The guess of each unnamed column that has one, by the column's name."""
    unnamed = [column for column in columns if NO_NAME.fullmatch(column.name)]
    found: dict[str, Guess] = {}
    for column in unnamed:
        guess = guess_by_values(frame[column.name])
        if guess is not None:
            found[column.name] = guess
    if not any(guess.tag == "email" for guess in found.values()):
        return found
    for column in unnamed:
        if column.name not in found and (tag := _tag(column, present(frame[column.name]))):
            found[column.name] = Guess(tag)
    given = [n for n, column in enumerate(columns) if found.get(column.name) == GIVEN_NAME]
    for place in (place for n in given[:1] for place in (n + 1, n - 1)):
        if 0 <= place < len(columns) and _may_be_surnames(columns[place], frame, found):
            found[columns[place].name] = Guess("surname")
            break
    return found


GIVEN_NAME = Guess("given-name")


def _tag(column: Column, values: pl.Series) -> str | None:
    if values.is_empty():
        return None
    if column.type in {"date", "datetime"}:
        years = values.cast(pl.String).str.extract(YEAR).cast(pl.Int64).drop_nulls()
        return "birthdate" if _are_years_of_birth(years) else None
    texts = values.cast(pl.String)
    if column.type != "string":
        return None
    if _share(texts, DIALLED) >= EMAILS and texts.n_unique() > len(texts) / 2:
        return "phone"
    different = texts.unique()
    folded = different.to_frame("name").select(fold_upper(pl.col("name"))).to_series()
    known = folded.is_in(sorted(known_given_names())).sum()
    if _share(texts, WORDS) >= EMAILS and known >= KNOWN * len(different):
        return "given-name"
    return None


def _are_years_of_birth(years: pl.Series) -> bool:
    if years.is_empty():
        return False
    first, last = years.min(), years.max()
    assert isinstance(first, int)
    assert isinstance(last, int)
    return last <= LAST_BORN and last - first >= LEAST_SPREAD


def _may_be_surnames(column: Column, frame: pl.DataFrame, found: dict[str, Guess]) -> bool:
    texts = present(frame[column.name])
    is_text = column.type == "string" and column.name not in found and not texts.is_empty()
    return is_text and NO_NAME.fullmatch(column.name) is not None and _share(texts, WORDS) >= EMAILS


def _share(texts: pl.Series, look: str) -> float:
    return float(texts.str.contains(look).sum()) / len(texts)

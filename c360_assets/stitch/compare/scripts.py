"""Names in other scripts than the Latin one: how they are spelt and how they sound in it.

Further spellings beside the name as it is written, never instead of it: two Chinese names that are
spelt alike in Latin letters stay two names. Transliteration is the library `anyascii`'s. What an
agreement of spellings is worth is `comparisons`.
"""

from __future__ import annotations

import re

import polars as pl
from anyascii import anyascii

OTHER_SCRIPT = r"[^\p{Latin}\P{L}]"  # as both engines read it
HEBREW = re.compile("[\u05d0-\u05ea]")
# How one sound is written in the Latin spelling of other scripts, longer texts first.
_SOUNDS = {
    "SHCH": "S", "SCH": "S", "TCH": "C", "TSCH": "C", "DZH": "J", "PH": "F", "KH": "H", "ZH": "J",
    "CH": "C", "SH": "S", "TS": "C", "TZ": "C", "CK": "K", "KS": "X", "OU": "U", "MP": "B",
    "NT": "D", "GK": "G", "Q": "K", "W": "V", "Z": "S", "CA": "K", "CO": "K", "CU": "K",
}  # fmt: skip
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SILENT = "[AEIOUYHJ' ]"
_NAMES = ("given", "surname")


def with_latin_names(records: pl.DataFrame) -> pl.DataFrame:
    """Adds `<name>_latin` of `given` and `surname`, NULL where the name is in Latin letters, and
    `<name>_sounds`, its consonants; both NULL in all records where no name is in another script."""
    is_foreign = {
        name: records[name].str.contains(OTHER_SCRIPT).fill_null(False) for name in _NAMES
    }
    if not any(foreign.any() for foreign in is_foreign.values()):
        nothing = pl.lit(None, dtype=pl.String)
        empty = [nothing.alias(f"{name}_{form}") for name in _NAMES for form in ("latin", "sounds")]
        return records.with_columns(empty)
    spellings = [_latin(records[name], is_foreign[name]) for name in _NAMES]
    records = records.with_columns(spellings)
    return records.with_columns(
        _sounds(pl.coalesce(f"{name}_latin", name)).alias(f"{name}_sounds") for name in _NAMES
    )


def one_spelling(column: str) -> pl.Expr:
    """The text by which records are counted that hold one name in whatever script; other columns
    are as they are."""
    if column not in _NAMES:
        return pl.col(column)
    return pl.coalesce(f"{column}_chinese", f"{column}_latin", column).alias(column)


def _latin(names: pl.Series, is_foreign: pl.Series) -> pl.Series:
    """The Latin spelling of the foreign names, each different one spelt once."""
    distinct = names.filter(is_foreign).unique()
    spelt = pl.Series([_spelt(name) for name in distinct], dtype=pl.String)
    latin = names.replace_strict(distinct, spelt, default=None, return_dtype=pl.String)
    return latin.alias(f"{names.name}_latin")


def _spelt(name: str) -> str | None:
    letters = "".join(filter(str.isalpha, anyascii(name).upper()))
    # Its kaf is a K far more often: Cohen, Carmel.
    letters = re.sub("KH+", "K", letters) if HEBREW.search(name) else letters
    return letters or None


def _sounds(latin: pl.Expr) -> pl.Expr:
    doubled = [letter * 2 for letter in _LETTERS]
    single = latin.str.replace_many(doubled, list(_LETTERS))
    sounds = single.str.replace_many(list(_SOUNDS), list(_SOUNDS.values()), leftmost=True)
    return sounds.str.replace_all(_SILENT, "").replace("", None)

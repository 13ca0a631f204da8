"""Chinese names in Latin letters: one form for the ways in which they are spelt.

A name is ZHANG XIN in China's own spelling and CHANG HSIN in Taiwan's passports, its given name
one word, two, or joined by a hyphen. Only what is compared, beside the names as they are written:
several names have one form. Other scripts, and other spellings of this one, are `scripts`.
"""

from __future__ import annotations

import polars as pl
from anyascii import anyascii

HAN = r"\p{Han}"
# Of both spellings; longer texts first, those that others are made into before these.
_CONSONANTS = {
    "SSU": "SI", "TZU": "CI", "HS": "S", "SH": "S", "ZH": "C", "CH": "C", "TS": "C", "TZ": "C",
    "NG": "N", "X": "S", "J": "C", "Q": "C", "Z": "C", "R": "C", "B": "P", "D": "T", "G": "K",
}  # fmt: skip
_VOWELS = {
    "IEN": "IAN", "YEN": "YAN", "YOU": "YU", "LYU": "LU", "UEI": "UI", "UO": "O", "KE": "KO",
    "HE": "HO", "EH": "E", "IH": "I", "ON": "UN", "EE": "I", "YI": "I", "WU": "U",
}  # fmt: skip
_TWO_SYLLABLES = r"^\p{L}{1,6}[ -]\p{L}{1,6}$"
_NAMES = ("given", "surname")


def with_chinese_spellings(records: pl.DataFrame) -> pl.DataFrame:
    """Adds `<name>_chinese` of `given` and `surname`, NULL in all records where no name is in
    Chinese letters, and puts syllables of a given name together that such a name has.

    Reads and changes `given`, `whole_given`, `middle`. Needs all records.
    """
    is_han = {name: records[name].str.contains(HAN).fill_null(False) for name in _NAMES}
    if not any(han.any() for han in is_han.values()):
        nothing = pl.lit(None, dtype=pl.String)
        return records.with_columns(nothing.alias(f"{name}_chinese") for name in _NAMES)
    known = _form(_spelt(records["given"].filter(is_han["given"]))).unique()
    records = _with_syllables_together(records, known)
    spellings = []
    for name, han in is_han.items():
        latin = records[name].str.contains(r"^[\p{Latin}' -]+$").fill_null(False)
        spelt = records[name].zip_with(latin, pl.Series([None], dtype=pl.String))
        spelt = _spelt(records[name].filter(han), records[name]).zip_with(han, spelt)
        spellings.append(_form(spelt).alias(f"{name}_chinese"))
    return records.with_columns(spellings)


def _with_syllables_together(records: pl.DataFrame, known: pl.Series) -> pl.DataFrame:
    """Given names WEN KUAN and WEN-KUAN as WENKUAN, where a record has it in Chinese letters."""
    several = records.select("whole_given").unique().drop_nulls()
    several = several.filter(pl.col("whole_given").str.contains(_TWO_SYLLABLES))
    in_one = several["whole_given"].str.replace("[ -]", "")
    found = several.with_columns(in_one=in_one).filter(_form(in_one).is_in(known.implode()))
    joined = records.join(found, on="whole_given", how="left", maintain_order="left")
    is_found = pl.col("in_one").is_not_null()
    return joined.with_columns(
        given=pl.coalesce("in_one", "given"),
        whole_given=pl.coalesce("in_one", "whole_given"),
        middle=pl.when(~is_found).then("middle"),
    ).drop("in_one")


def _spelt(names: pl.Series, of: pl.Series | None = None) -> pl.Series:
    """The names in Latin letters, each different one spelt once; `of`: the names to be spelt, by
    default these."""
    distinct = names.unique().drop_nulls()
    spelt = pl.Series([anyascii(name).upper() for name in distinct], dtype=pl.String)
    of = names if of is None else of
    return of.replace_strict(distinct, spelt, default=None, return_dtype=pl.String)


def _form(latin: pl.Series) -> pl.Series:
    """The one form of names that are spelt in Latin letters."""
    form = latin.str.replace_all(r"[^\p{L}]", "")
    for sounds in (_CONSONANTS, _VOWELS):
        form = form.str.replace_many(list(sounds), list(sounds.values()), leftmost=True)
    return form.replace("", None)

"""The small reference tables behind value normalisation, read from `data/*.csv`.

This module only loads and reshapes data. Expressions that use it live in `names`, `contacts` and `addresses`; the
blocklist has a module of its own, and nicknames come from a package (`nicknames`).
"""

import csv
from functools import cache
from importlib.resources import files


def read_rows(name: str) -> list[dict[str, str]]:
    """Rows of one CSV of the `data` folder beside this module."""
    text = files("c360_assets.semantics").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def street_abbreviations() -> dict[str, str]:
    """Every accepted spelling of a US street suffix, the full word included, to its abbreviation (`STREET -> ST`).

    Used by householding, which compares the short forms.
    """
    rows = read_rows("street_suffixes.csv")
    table = {
        spelling: row["abbreviation"] for row in rows for spelling in row["other_spellings"].split()
    }
    # MDW abbreviates MEADOW and is also written for MEADOWS: as an abbreviation it stands for itself.
    return table | {
        spelling: row["abbreviation"]
        for row in rows
        for spelling in (row["word"], row["abbreviation"])
    }


@cache
def address_expansions() -> dict[str, str]:
    """Address token to the full word Stitch compares (`ST -> STREET`, `W -> WEST`, `STE -> SUITE`, `1ST -> FIRST`)."""
    rows = read_rows("street_suffixes.csv")
    table = {row["token"]: row["word"] for row in read_rows("address_words.csv")}
    table |= {row["abbreviation"]: row["word"] for row in rows}
    # Written out, the ambiguous MDW is MEADOWS, the commoner street name.
    table |= {spelling: row["word"] for row in rows for spelling in row["other_spellings"].split()}
    return {token: word for token, word in table.items() if token != word}


@cache
def unit_words() -> tuple[str, ...]:
    """Words, short and full, that announce a unit within a building (`APT`, `APARTMENT`, ...)."""
    rows = [row for row in read_rows("address_words.csv") if row["kind"] == "unit"]
    return tuple(sorted({row["token"] for row in rows} | {row["word"] for row in rows}))


@cache
def household_unit_words() -> tuple[str, ...]:
    """Unit words that householding drops from an address as whole tokens."""
    return tuple(row["word"] for row in read_rows("household_unit_words.csv"))


@cache
def state_codes() -> dict[str, str]:
    """Upper-case name or known misspelling of a US state, territory or military region to its two-letter code."""
    table: dict[str, str] = {}
    for row in read_rows("states.csv"):
        for name in (row["name"], *filter(None, row["other_spellings"].split("|"))):
            table[name] = row["code"]
    return table


@cache
def generational_suffixes() -> dict[str, str]:
    """Suffix token to its canonical form (`JUNIOR -> JR`)."""
    return {row["token"]: row["suffix"] for row in read_rows("generational_suffixes.csv")}


@cache
def titles() -> dict[str, str | None]:
    """Form of address to the gender it implies, None where it implies none."""
    return {row["title"]: row["gender"] or None for row in read_rows("titles.csv")}


@cache
def genders() -> dict[str, str | None]:
    """Accepted gender value to F, M, X, or None."""
    return {row["value"]: row["gender"] or None for row in read_rows("genders.csv")}

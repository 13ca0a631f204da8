"""The small reference tables behind value normalisation, read from `data/*.csv`.

This module only loads and reshapes data. Expressions that use it live in `names`, `contacts` and
`addresses`; the blocklist has a module of its own, and nicknames come from a package (`nicknames`).
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


def read_rows(name: str) -> list[dict[str, str]]:
    """Rows of one CSV of the `data` folder beside this module."""
    text = files("c360_assets.semantics").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def street_abbreviations() -> dict[str, str]:
    """Every accepted spelling of a US street suffix to its abbreviation (`STREET -> ST`).

    The full word and the abbreviation are spellings too. Used by householding, which compares the
    short forms.
    """
    rows = read_rows("street_suffixes.csv")
    table: dict[str, str] = {}
    for row in rows:
        for spelling in row["other_spellings"].split():
            table[spelling] = row["abbreviation"]
    # MDW abbreviates MEADOW and is also written for MEADOWS: as an abbreviation it stands for
    # itself, so these come last.
    for row in rows:
        table[row["word"]] = row["abbreviation"]
        table[row["abbreviation"]] = row["abbreviation"]
    return table


@cache
def address_expansions() -> dict[str, str]:
    """Address token to the full word that Stitch compares.

    `ST -> STREET`, `W -> WEST`, `STE -> SUITE`, `1ST -> FIRST`.
    """
    rows = read_rows("street_suffixes.csv")
    table = {row["token"]: row["word"] for row in read_rows("address_words.csv")}
    table |= {row["abbreviation"]: row["word"] for row in rows}
    # Written out, the ambiguous MDW is MEADOWS, the commoner street name.
    for row in rows:
        for spelling in row["other_spellings"].split():
            table[spelling] = row["word"]
    return {token: word for token, word in table.items() if token != word}


@cache
def unit_words() -> tuple[str, ...]:
    """Words, short and full, that announce a unit within a building (`APT`, `APARTMENT`, ...)."""
    rows = [row for row in read_rows("address_words.csv") if row["kind"] == "unit"]
    short = {row["token"] for row in rows}
    full = {row["word"] for row in rows}
    return tuple(sorted(short | full))


@cache
def household_unit_words() -> tuple[str, ...]:
    """Unit words that householding drops from an address as whole tokens."""
    return tuple(row["word"] for row in read_rows("household_unit_words.csv"))


@cache
def state_codes() -> dict[str, str]:
    """Upper-case name of a US state, territory or military region to its two-letter code.

    Known misspellings count as names.
    """
    table: dict[str, str] = {}
    for row in read_rows("states.csv"):
        other_spellings = filter(None, row["other_spellings"].split("|"))
        for name in (row["name"], *other_spellings):
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
def han_surnames() -> tuple[str, ...]:
    """Surnames of China and Japan, the longer ones first."""
    surnames = {row["surname"] for row in read_rows("han_surnames.csv")}
    return tuple(sorted(surnames, key=lambda surname: (-len(surname), surname)))


@cache
def genders() -> dict[str, str | None]:
    """Accepted gender value to F, M, X, or None."""
    return {row["value"]: row["gender"] or None for row in read_rows("genders.csv")}


@dataclass(frozen=True)
class TruthWords:
    """How a language writes that something is so, and that it is not, in lower case."""

    true: frozenset[str]
    false: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.true | self.false


@cache
def truth_words() -> dict[str, TruthWords]:
    """Words of boolean fields by language; none means true in one and false in another."""
    return {
        row["language"]: TruthWords(
            frozenset(row["true"].split("|")), frozenset(row["false"].split("|"))
        )
        for row in read_rows("truth_words.csv")
    }


@dataclass(frozen=True)
class OrderStates:
    """How a language says that an order was cancelled, or never became one, that it was returned or
    paid back, and that an offer was taken (`won`), in lower case."""

    cancelled: frozenset[str]
    returned: frozenset[str]
    won: frozenset[str]


@cache
def order_states() -> dict[str, OrderStates]:
    """Words for what became of an order, by language. Waiting and on its way are purchases."""
    return {
        row["language"]: OrderStates(
            frozenset(row["cancelled"].split("|")),
            frozenset(row["returned"].split("|")),
            frozenset(filter(None, row["won"].split("|"))),
        )
        for row in read_rows("order_states.csv")
    }


@cache
def extension_words() -> frozenset[str]:
    """Words that announce the extension of a phone number, in lower case."""
    return frozenset(row["word"] for row in read_rows("extension_words.csv"))

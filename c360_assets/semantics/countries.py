"""Countries and their subdivisions: what a text names, and where a tenant is at home.

Tables of names come from ISO 3166 and CLDR (`data/README.md`). How phone numbers of a country are
read is `phone_plans`; how its streets are written is `streets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import polars as pl

from c360_assets.semantics.lookups import read_rows
from c360_assets.semantics.text import fold_upper, on_distinct

# But a slash, which is no part of a name: "N/A".
_NO_LETTER_OR_DIGIT = r"[^\p{L}\p{N}/]"
# What a whole address holds in the United States, and where it is not known what is usual.
ADDRESS_PARTS = ("address", "city", "state", "postal")
# Namibia's code stands for "not available" far more often than for Namibia.
_NO_CODE = "NA"


@dataclass(frozen=True)
class Home:
    """The country whose ways of writing hold where a record does not name another one.

    `country` is its ISO 3166 code, `phone_region` the code of the country whose numbering plan
    reads phone numbers.
    """

    country: str
    phone_region: str


@cache
def country_names() -> Mapping[str, str]:
    """Name or code of a country, folded and without what is no letter or digit -> ISO code."""
    table: dict[str, str] = {}
    for row in read_rows("countries.csv"):
        for name in (row["numeric"], row["alpha3"], row["code"], *row["names"].split("|")):
            table[_bare_text(name)] = row["code"]
    del table[_NO_CODE]
    return table


@dataclass(frozen=True)
class CountryFacts:
    """What is known of a country beside its names.

    `timezone` is empty where there are several, `first_in_dates` is day, month or year, by which
    dates of digits begin there, empty where it is not known. `address_needs` are the columns of a
    whole address there, of address, city, state and postal.
    """

    timezone: str
    first_in_dates: str
    address_needs: tuple[str, ...]


@cache
def country_facts(code: str) -> CountryFacts:
    """By the ISO code; empty facts of a country that is not known."""
    for row in read_rows("countries.csv"):
        if row["code"] == code:
            return CountryFacts(
                row["timezone"], row["date_order"], tuple(row["address_needs"].split())
            )
    return CountryFacts("", "", ADDRESS_PARTS)


@cache
def country_codes() -> frozenset[str]:
    """All ISO 3166 codes of two letters."""
    return frozenset(row["code"] for row in read_rows("countries.csv"))


def country_code(expr: pl.Expr) -> pl.Expr:
    """The ISO code of a country named in any usual way; NULL for anything else."""

    def code_of(value: pl.Expr) -> pl.Expr:
        bare = fold_upper(value).str.replace_all(_NO_LETTER_OR_DIGIT, "")
        return bare.replace_strict(dict(country_names()), default=None, return_dtype=pl.String)

    return on_distinct(expr, code_of)


@cache
def _subdivisions() -> Mapping[str, Mapping[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for row in read_rows("subdivisions.csv"):
        table = tables.setdefault(row["country"], {})
        for name in row["names"].split("|"):
            table[_bare_text(name)] = row["code"]
        # "AU-NSW" is how ISO writes it.
        table[_bare_text(row["country"] + row["code"])] = row["code"]
    return tables


def subdivision_names(country: str) -> Mapping[str, str]:
    """Bare name of a state or province of a country -> the code that ISO 3166-2 gives it.

    Bare as those of `country_names`. Empty for the United States, whose table is `state_codes`.
    """
    return _subdivisions().get(country, {})


def subdivision_code(value: pl.Expr, country: str) -> pl.Expr:
    """The code of a state or province of `country` that a folded text names, else NULL."""
    bare = value.str.replace_all(_NO_LETTER_OR_DIGIT, "")
    names = dict(subdivision_names(country))
    return bare.replace_strict(names, default=None, return_dtype=pl.String)


def _bare_text(name: str) -> str:
    return "".join(character for character in name if character.isalnum())

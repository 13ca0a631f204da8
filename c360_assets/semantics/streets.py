"""How streets are written in the countries of the world: short words, and words in one.

The table `data/street_words.csv` holds the words of each language, `data/street_languages.csv` the
languages of each country. The United States have a table of their own (`lookups`), which countries
that write English use too. What else an address consists of is `addresses`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import polars as pl

from c360_assets.semantics.lookups import address_expansions, read_rows

ENGLISH = "en"
_ENGLISH_UNITS = ("APT", "STE", "FL", "RM", "BLDG")


@dataclass(frozen=True)
class Rewriting:
    """A replacement within words, as a regular expression."""

    pattern: str
    replacement: str


def _word_in_one(*pairs: tuple[str, str]) -> list[Rewriting]:
    """Short endings of compounds, and what joins them: HAUPTSTR., HAUPT-STRASSE."""
    rules = []
    for short, word in pairs:
        rules.append(Rewriting(rf"(\p{{L}}{{2}}){short}([ .,;0-9]|$)", f"${{1}}{word}${{2}}"))
        rules.append(Rewriting(rf"(\p{{L}}{{2}})[ -]({word})([ .,;]|$)", r"${1}${2}${3}"))
    return rules


# Language -> what is rewritten, in this order, before words are looked up; over capitals.
_COMPOUNDS: dict[str, list[Rewriting]] = {
    "de": [
        Rewriting(r"(\p{L})-(\p{L})", r"${1} ${2}"),
        Rewriting(r"(^|[ ])STR(?:[.]|[ ]|$)", r"${1}STRASSE "),
        *_word_in_one((r"STR(?:[.]|ASZE)?", "STRASSE"), (r"PL[.]", "PLATZ")),
    ],
    "nl": [
        Rewriting(r"(^|[ ])STR(?:[.]|[ ]|$)", r"${1}STRAAT "),
        *_word_in_one((r"STR[.]?", "STRAAT"), (r"PLN[.]?", "PLEIN"), (r"LN[.]", "LAAN")),
    ],
    "sv": _word_in_one((r"G[.]", "GATAN"), (r"V[.]", "VAGEN")),
    "da": _word_in_one((r"GD?[.]", "GADE"), (r"V[.]", "VEJ")),
    "nb": _word_in_one((r"GT?[.]", "GATE"), (r"(?:V[.]|VEG)", "VEI")),
    "fi": _word_in_one((r"K[.]", "KATU"), (r"T[.]", "TIE")),
    # "R.AUGUSTA", "C/MAYOR": one letter and the name.
    "pt": [Rewriting(r"^R[.] ?(\p{L})", r"R ${1}")],
    "fr": [
        Rewriting(r"(\p{L})-(\p{L})", r"${1} ${2}"),
        Rewriting(r"(^|[ ])R[.] ?(\p{L}{2})", r"${1}R ${2}"),
    ],
    "it": [Rewriting(r"^V[.] ?(\p{L}{4})", r"VIA ${1}")],
    "es": [Rewriting(r"^C[/.] ?(\p{L})", r"CALLE ${1}")],
    "ca": [Rewriting(r"^C[/.] ?(\p{L})", r"CARRER ${1}")],
}


@cache
def languages_of(country: str) -> tuple[str, ...]:
    """The languages that streets of a country are written in, the commonest first."""
    for row in read_rows("street_languages.csv"):
        if row["country"] == country:
            return tuple(row["languages"].split())
    return ()


@cache
def rewritings(country: str) -> tuple[Rewriting, ...]:
    """What is rewritten within the words of an address in capitals."""
    rules: list[Rewriting] = []
    for language in languages_of(country):
        rules += _COMPOUNDS.get(language, [])
    return tuple(rules)


@dataclass(frozen=True)
class StreetWords:
    """Word as written -> word that is compared, empty where it is left out.

    `later` holds after the first word, which in some languages is the name of the street; `first`
    is for the first word.
    """

    first: dict[str, str]
    later: dict[str, str]


@cache
def street_words(country: str) -> StreetWords:
    """The words of a country's streets in capitals, those of its commonest language first."""
    first: dict[str, str] = {}
    later: dict[str, str] = {}
    rows = read_rows("street_words.csv")
    expansions = address_expansions()
    for language in languages_of(country):
        for row in rows:
            if row["language"] != language:
                continue
            if row["place"] != "later":
                first.setdefault(row["token"], row["word"])
            if row["place"] != "first":
                later.setdefault(row["token"], row["word"])
        if language == ENGLISH:
            # Before languages that are less common there: ST is no saint in Toronto.
            later = expansions | later
    if not languages_of(country):
        later = expansions
    later = {token: expansions[token] for token in _ENGLISH_UNITS} | later
    return StreetWords(first, later)


def rewritten(text: pl.Expr, country: str) -> pl.Expr:
    """An address in capitals with each rewriting of its country."""
    for rule in rewritings(country):
        text = text.str.replace_all(rule.pattern, rule.replacement)
    return text

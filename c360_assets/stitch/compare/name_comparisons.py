"""Comparisons of given names, surnames and middle names, of names in each other's field, and of how
many records hold an equal name.

Rarity is told by frequency bins, which are levels of their own. Names inside e-mail addresses are
in `contact_comparisons`.
"""

from __future__ import annotations

from dataclasses import dataclass

from c360_assets.stitch.compare.comparison_levels import Comparison, Fact, Level
from c360_assets.stitch.compare.surname_words import (
    IS_NEARLY_PART,
    SHARES_A_WORD,
    is_part,
)
from c360_assets.stitch.compare.value_sql import (
    alike_in_latin,
    bins,
    ends_in_latin,
    equal_in_latin,
    similar,
    similar_in_latin,
    typing_error,
)

NAME_U = (1e-4, 2e-4, 3e-4, 3e-4, 2e-4, 5e-5, 1e-5, 1e-6)


def _equal(column: str) -> str:
    """One name, in whatever scripts."""
    return f"a.{column} = b.{column} OR {equal_in_latin(column)}"


GIVEN = Comparison(
    "given_name",
    (("given",),),
    (
        *bins("equal", _equal("given"), "given_bin", 0.78, NAME_U, "share"),
        Level(
            "nickname",
            "(a.variants IS NOT NULL OR b.variants IS NOT NULL)"
            " AND list_has_any(coalesce(a.variants, [a.given]), coalesce(b.variants, [b.given]))",
            0.05,
            2e-3,
            h_from="random",
        ),
        Level(
            "initial",
            "(length(a.given) = 1 OR length(b.given) = 1) AND a.given[:1] = b.given[:1]",
            0.06,
            4e-3,
            h_from="random",
        ),
        # An error makes a rare string of a name; DANIEL and DANIELLE are more often two people.
        Level(
            "similar, established",
            f"a.established AND b.established AND {similar('given')}",
            0.01,
            4e-3,
            h_from="random",
        ),
        Level(
            "similar",
            f"{similar('given')} OR {similar_in_latin('given')}",
            0.06,
            4e-3,
            h_from="random",
        ),
        Level(
            "alike",
            "jaro_winkler_similarity(a.given, b.given) >= 0.85"
            " OR least(length(a.given), length(b.given)) >= 6"
            f" AND damerau_levenshtein(a.given, b.given) <= 2 OR {alike_in_latin('given')}",
            0.015,
            0.02,
            h_from="random",
        ),
        Level(
            "different, rare", "NOT (a.established AND b.established)", 0.02, 0.4, h_from="random"
        ),
        Level("different, established", "TRUE", 0.005, 0.57, h_from="random"),
    ),
    "NOT swapped AND NOT middle_as_given",
    only_column="given",
)


def _parts(which: str, *, from_first: bool) -> tuple[Level, ...]:
    """A surname that is part of the other, by how common it is."""
    rare, usual, common = (is_part(least, from_first=from_first) for least in (4, 3, 1))
    return (
        Level(f"{which} of the other, rare", rare, 0.003, 1e-4),
        Level(f"{which} of the other", usual, 0.003, 3e-4),
        Level(f"{which} of the other, common", common, 0.003, 5e-4),
    )


# Two surnames that share a word are alike as wholes whatever else is in them.
SIMILAR_SURNAMES = (
    f"{IS_NEARLY_PART} OR {typing_error('a.surname', 'b.surname')} OR NOT {SHARES_A_WORD}"
    f" AND ({similar('surname')} OR {similar_in_latin('surname')} OR {ends_in_latin('surname')})"
)
SURNAME = Comparison(
    "surname",
    (("surname",),),
    (
        *bins("equal", _equal("surname"), "surname_bin", 0.86, NAME_U, "learned"),
        # Half of a double name, or a maiden name beside it. Which of the two people go by alone
        # differs by country: RUIZ SOLER is RUIZ in Spain and SOLER in Portugal.
        *_parts("first word", from_first=True),
        *_parts("further word", from_first=False),
        Level("similar", SIMILAR_SURNAMES, 0.08, 3e-3),
        # Each has a word that the other lacks: RUIZ SOLER and RUIZ VEGA.
        Level("shares a word", SHARES_A_WORD, 0.005, 1e-3),
        Level("different", "TRUE", 0.04, 0.99),
    ),
    "NOT swapped",
    only_column="surname",
)


def _names_alike(one: str, other: str, variants: str) -> str:
    """Two names in each other's field: equal, one of the words of the surname, of one first word,
    Jaro-Winkler >= .92, a typing error or a nickname."""
    return (
        f"({one} = {other} OR contains(' ' || {one} || ' ', ' ' || {other} || ' ')"
        f" OR split_part({one}, ' ', 1) = split_part({other}, ' ', 1)"
        f" OR jaro_winkler_similarity({one}, {other}) >= 0.92"
        f" OR {typing_error(one, other)}"
        f" OR coalesce(list_contains({variants}, {one}), FALSE))"
    )


# A full name that begins with the surname gives away where it ends only by the other record:
# NAGY ANNA and MARIA, ANNA MARIA and NAGY.
SWAPPED = Fact(
    "swapped",
    (("given", "surname"),),
    "a.whole_given_code = b.surname_code OR a.surname_code = b.whole_given_code"
    " OR a.given_code = b.surname_code OR a.surname_code = b.given_code",
    "a.whole_given <> b.whole_given AND a.surname <> b.surname"
    " AND length(a.whole_given) > 1 AND length(b.whole_given) > 1"
    " AND (a.whole_given = b.surname"
    f" AND {_names_alike('a.surname', 'b.whole_given', 'b.variants')}"
    " OR a.surname = b.whole_given"
    f" AND {_names_alike('b.surname', 'a.whole_given', 'a.variants')}"
    " OR a.whole_given || ' ' || a.surname = b.surname || ' ' || b.whole_given"
    " OR a.surname || ' ' || a.whole_given = b.whole_given || ' ' || b.surname)",
)


def _goes_by_middle_name(one: str, other: str) -> str:
    """The middle name of `other` is the given name of `one`, who has no further name that is none
    of the other's: JEAN MARIE is not MARIE CLAIRE, and may be MARIE or MARIE J."""
    is_given = f"{one}.middle IN ({other}.given, {other}.given[:1])"
    follows = f"suffix({other}.whole_given, ' ' || {one}.whole_given)"
    return (
        f"({one}.given = {other}.middle AND length({one}.given) > 1"
        f" AND ({one}.middle IS NULL OR {is_given} OR {follows}))"
    )


MIDDLE_AS_GIVEN = Fact(
    "middle_as_given",
    (("given", "surname"),),
    "a.given_code = b.middle_code OR a.middle_code = b.given_code",
    "a.given <> b.given AND (length(a.given) > 1 OR length(b.given) > 1)"
    f" AND ({_goes_by_middle_name('a', 'b')} OR {_goes_by_middle_name('b', 'a')})",
)


def _is_further_name(one: str, other: str) -> str:
    """The middle name of `one` stands anywhere among the names of `other`: KARL WILHELM may be KARL
    FRIEDRICH WILHELM."""
    return f"contains(' ' || {other}.whole_given || ' ', ' ' || {one}.middle || ' ')"


MIDDLE = Comparison(
    "middle_name",
    (("middle",),),
    (
        Level("equal", "a.middle = b.middle", 0.635, 0.02, h_from="random"),
        Level(
            "initial fits",
            "(length(a.middle) = 1 OR length(b.middle) = 1) AND a.middle[:1] = b.middle[:1]",
            0.3,
            0.06,
            h_from="random",
        ),
        Level(
            "similar",
            f"{similar('middle')}"
            " OR (a.middle_variants IS NOT NULL OR b.middle_variants IS NOT NULL)"
            " AND list_has_any(coalesce(a.middle_variants, [a.middle]),"
            " coalesce(b.middle_variants, [b.middle]))"
            f" OR {_is_further_name('a', 'b')} OR {_is_further_name('b', 'a')}",
            0.04,
            4e-3,
            h_from="random",
        ),
        # JOSE LUIS and JOSE ANTONIO are brothers. A word that nobody is called by is a maiden name,
        # or a slip.
        Level(
            "another name",
            "a.middle_established AND b.middle_established",
            0.005,
            0.6,
            h_from="random",
            fixed_m=True,
        ),
        Level("contradicts", "TRUE", 0.02, 0.32, h_from="random"),
    ),
    f"NOT middle_as_given AND {GIVEN.is_at('equal', 'nickname', 'initial', 'similar', 'alike')}",
)
SWAP = Comparison(
    "name_swap",
    (("given", "surname"),),
    (
        Level(
            "swapped, common", "swapped AND a.name_rarity <= 7", 0.004, 1e-6, "blocked", "random"
        ),
        Level("swapped, rare", "swapped", 0.008, 1e-7, "blocked", "random"),
        # Somebody who goes by the middle name.
        Level("middle name as given", "middle_as_given", 0.006, 1e-4, h_from="random"),
        Level("straight", "TRUE", 0.982, 1.0),
    ),
)
NAMES_EQUAL = f"({GIVEN.is_at('equal')} AND {SURNAME.is_at('equal')})"


@dataclass(frozen=True)
class _NameRarity:
    """Pairs of one name, by how many records would hold it if its two parts were independent."""

    label: str
    least_expected: float
    below_expected: float


NAME_RARITIES = (
    _NameRarity("rare", 0.0, 0.1),
    _NameRarity("uncommon", 0.1, 1.0),
    _NameRarity("common", 1.0, 1e9),
)
# Of one name in two scripts either says how many hold it.
HOLDERS = "least(a.name_n, b.name_n)"
EXPECTED_HOLDERS = "least(a.name_expected, b.name_expected)"
NAME_COUNT_LEVELS = (
    # As many contacts as people: whoever shares nothing but this name is somebody else.
    Level("a crowd", "a.crowd OR b.crowd", 0.01, 0.05, "conditional", "random"),
    Level("two", f"{HOLDERS} <= 2", 0.25, 0.25, "conditional", "random"),
    Level("three", f"{HOLDERS} <= 3", 0.2, 0.2, "conditional", "random"),
    Level("four", f"{HOLDERS} <= 4", 0.15, 0.15, "conditional", "random"),
    Level("five or six", f"{HOLDERS} <= 6", 0.15, 0.15, "conditional", "random"),
    Level("up to nine", f"{HOLDERS} <= 9", 0.1, 0.1, "conditional", "random"),
    Level("up to fifteen", f"{HOLDERS} <= 15", 0.1, 0.1, "conditional", "random"),
    Level("more", "TRUE", 0.05, 0.05, "conditional", "random"),
)


def _name_count(rarity: _NameRarity) -> Comparison:
    """How many records hold the name that both records hold.

    One person has few records: two records that alone hold a name are more often one person than
    two of ten. How common the parts of the name are counts as the frequency bins of the names
    already, so the count is looked at for names alike in that.
    """
    return Comparison(
        f"name_count_{rarity.label}",
        (("given", "surname"),),
        NAME_COUNT_LEVELS,
        f"{NAMES_EQUAL} AND {EXPECTED_HOLDERS} >= {rarity.least_expected}"
        f" AND {EXPECTED_HOLDERS} < {rarity.below_expected}",
        context=True,
    )


NAME_COUNTS = tuple(_name_count(rarity) for rarity in NAME_RARITIES)

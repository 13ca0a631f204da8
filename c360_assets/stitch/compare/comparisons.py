"""The table of comparisons and their ordinal levels, as SQL over two records a and b.

Belongs here: what a level means, in which order levels are tried, the starting values of the model.
What comparisons and levels are made of belongs in `comparison_levels`, fitting in `match_model`,
candidate pairs in `candidate_pairs`. Level 0 of every comparison is "missing on a side": no
evidence, never a disagreement.

An agreement pattern packs all levels of a pair into one BIGINT, each a digit of its own base, so
that the model runs on distinct patterns instead of pairs. Frequency bins of a value are levels of
their own. Fields that depend on each other are told apart by what is already known (design of
three-class matching): the place counts only where the address does not agree, e-mail similarity of
records with equal names is apart, names inside an e-mail address count only where that record lacks
the name, gender only where the given names do not tell it, middle names only where the given names
agree.
"""

from __future__ import annotations

from c360_assets.stitch.compare.comparison_levels import Comparison, Level
from c360_assets.stitch.compare.contact_comparisons import (
    ADDRESS,
    DOMAIN_TYPO,
    EMAIL,
    EMAIL_OF_EQUAL_NAMES,
    EMAIL_SHARED,
    IN_EMAIL,
    LOGIN_FROM_NAMES,
    PHONE,
    PHONE_SHARED,
    PLACE,
)
from c360_assets.stitch.compare.name_comparisons import (
    GIVEN,
    MIDDLE,
    MIDDLE_AS_GIVEN,
    NAME_COUNTS,
    SURNAME,
    SWAP,
    SWAPPED,
)
from c360_assets.stitch.compare.organisations import TELLING_WORDS, WORD_CODES
from c360_assets.stitch.compare.value_sql import bins
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.warehouse.sql import quote_ident, quote_literal

BIRTHDATE = Comparison(
    "birthdate",
    (("birthdate",),),
    (
        Level(
            "equal",
            "a.birthdate = b.birthdate AND NOT a.usual_birthdate",
            0.75,
            4e-5,
            "total",
            "share",
        ),
        Level("equal, usual date", "a.birthdate = b.birthdate", 0.05, 1e-4, "total", "share"),
        Level(
            "day and month swapped",
            "a.year = b.year AND a.month = b.day AND a.day = b.month",
            0.03,
            4e-5,
            h_from="random",
        ),
        Level(
            "one edit",
            "(a.year = b.year AND (a.month = b.month OR a.day = b.day)"
            " OR a.month = b.month AND a.day = b.day)"
            " AND damerau_levenshtein(a.birthdate, b.birthdate) = 1",
            0.08,
            1e-3,
            h_from="random",
        ),
        # Typed in where nobody knows the day: it contradicts no other.
        Level(
            "a usual date", "a.usual_birthdate <> b.usual_birthdate", 0.02, 0.01, h_from="random"
        ),
        Level(
            "same year or same day",
            "a.year = b.year OR a.month = b.month AND a.day = b.day",
            0.05,
            0.02,
            h_from="random",
        ),
        Level("near", "abs(a.year - b.year) <= 1", 0.01, 0.03, h_from="random"),
        Level("different", "TRUE", 0.03, 0.95, h_from="random"),
    ),
)
GENDER = Comparison(
    "gender",
    (("gender",),),
    (
        Level("equal", "a.gender = b.gender", 0.97, 0.5, h_from="random"),
        Level("different", "TRUE", 0.03, 0.5, h_from="random"),
    ),
    f"NOT {GIVEN.is_at('equal')}",
)
SUFFIX = Comparison(
    "generational_suffix",
    (("suffix",),),
    (
        Level("equal", "a.suffix = b.suffix", 0.99, 0.4, h_from="random", fixed_m=True),
        Level("different", "TRUE", 0.01, 0.6, h_from="random", fixed_m=True),
    ),
)
# A record without a person is of an organisation: its company is its name, told apart by words.
SHARED_WORDS = (
    "coalesce(list_sum(list_transform(list_intersect(a.org_codes, b.org_codes),"
    f" lambda word: word % {WORD_CODES})), 0)"
)
ALL_WORDS = f"(a.org_weight + b.org_weight - {SHARED_WORDS})"
ORGANISATION = Comparison(
    "organisation",
    (("org",),),
    (
        Level(
            "equal",
            f"a.org = b.org AND a.org_weight >= {TELLING_WORDS}",
            0.5,
            5e-7,
            h_from="random",
        ),
        Level("equal, usual words", "a.org = b.org", 0.1, 1e-5, h_from="random"),
        Level(
            "nearly all words", f"{SHARED_WORDS} >= 0.75 * {ALL_WORDS}", 0.1, 2e-6, h_from="random"
        ),
        Level(
            "one edit",
            "replace(a.org, ' ', '') = replace(b.org, ' ', '')"
            " OR least(length(a.org), length(b.org)) >= 5"
            " AND abs(length(a.org) - length(b.org)) <= 1"
            " AND damerau_levenshtein(a.org, b.org) = 1",
            0.1,
            2e-6,
            h_from="random",
        ),
        Level(
            "the words of the other",
            f"{SHARED_WORDS} >= 0.95 * least(a.org_weight, b.org_weight)",
            0.1,
            1e-4,
            h_from="random",
        ),
        Level(
            "half of the words", f"{SHARED_WORDS} >= 0.4 * {ALL_WORDS}", 0.05, 2e-4, h_from="random"
        ),
        Level("different", "TRUE", 0.05, 0.99, h_from="random"),
    ),
    only_column="org",
)
# No evidence by itself: who writes from an organisation shares its phone and address, and is not
# it.
KIND = Comparison(
    "kind",
    ((),),
    (
        Level(
            "an organisation and a person",
            "a.org IS NULL OR b.org IS NULL",
            1.0,
            1.0,
            fixed_m=True,
        ),
    ),
    "a.org IS NOT NULL AND (b.given IS NOT NULL OR b.surname IS NOT NULL)"
    " OR b.org IS NOT NULL AND (a.given IS NOT NULL OR a.surname IS NOT NULL)",
    context=True,
)
COMPANY = Comparison(
    "company",
    (("company",),),
    (
        *bins(
            "equal",
            "a.company = b.company",
            "company_bin",
            0.8,
            (0.02, 0.02, 0.01, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5),
            "learned",
        ),
        Level("similar", "jaro_winkler_similarity(a.company, b.company) >= 0.9", 0.05, 1e-3),
        Level("different", "TRUE", 0.15, 0.93),
    ),
    "a.org IS NULL OR b.org IS NULL",
)
# Foreign keys as evidence for the model, beside the rule that equal ones decide a pair: pairs with
# an equal key show EM what one person's records look like, and where a person rarely has two values
# of one key, different ones tell people apart.
KEYS = Comparison(
    "foreign_keys",
    ((),),
    (
        Level("equal", "fk_state = 1", 0.7, 1e-7, "blocked", h=0.02),
        Level("different", "TRUE", 0.3, 1.0, h=0.98),
    ),
    "fk_state > 0",
)
# What a pair can be compared on is evidence too: relatives meet in blocks through surname and home,
# so pairs that hold an address on both sides are relatives more often than the class sizes alone
# say.
HELD = Comparison(
    "home_held",
    ((),),
    (
        Level(
            "a home and a workplace",
            "a.at_work <> b.at_work AND a.org IS NULL AND b.org IS NULL",
            0.05,
            0.1,
            h=0.05,
        ),
        Level(
            "address on both sides",
            "a.address IS NOT NULL AND b.address IS NOT NULL",
            0.3,
            0.3,
            h=0.5,
        ),
        Level(
            "place on both sides",
            "a.postal IS NOT NULL AND b.postal IS NOT NULL"
            " OR a.city IS NOT NULL AND b.city IS NOT NULL",
            0.2,
            0.2,
            h=0.3,
        ),
        Level("none", "TRUE", 0.5, 0.5, h_from="person", h=0.2),
    ),
    context=True,
)
COMPARISONS: tuple[Comparison, ...] = (
    SWAP,
    GIVEN,
    MIDDLE,
    SURNAME,
    ADDRESS,
    BIRTHDATE,
    EMAIL,
    EMAIL_OF_EQUAL_NAMES,
    *NAME_COUNTS,
    PHONE,
    PLACE,
    GENDER,
    SUFFIX,
    COMPANY,
    ORGANISATION,
    KIND,
    *IN_EMAIL,
    KEYS,
    HELD,
)
FACTS = (
    SWAPPED,
    MIDDLE_AS_GIVEN,
    EMAIL_SHARED,
    PHONE_SHARED,
    LOGIN_FROM_NAMES,
    DOMAIN_TYPO,
)
COMPARISON_BY_NAME = {comparison.name: comparison for comparison in COMPARISONS}


def _place_values() -> dict[str, int]:
    """What a step of a comparison's level adds to a packed agreement pattern."""
    values = {}
    value = 1
    for comparison in COMPARISONS:
        values[comparison.name] = value
        value *= comparison.n_states
    assert value < 2**63
    return values


PLACE_VALUES = _place_values()


def key_state(column: str) -> str:
    """The state of a key of a pair that holds it: 1 equal, 2 different.

    A representative may hold several foreign keys.
    """
    left = quote_ident(f"a_{column}")
    right = quote_ident(f"b_{column}")
    separator = quote_literal(KEY_SEPARATOR)
    several = f"contains({left}, {separator}) OR contains({right}, {separator})"
    left_keys = f"string_split({left}, {separator})"
    right_keys = f"string_split({right}, {separator})"
    return (
        f"CASE WHEN {left} = {right} THEN 1"
        f" WHEN ({several}) AND list_has_any({left_keys}, {right_keys}) THEN 1 ELSE 2 END"
    )

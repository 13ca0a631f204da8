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

from dataclasses import dataclass

from c360_assets.stitch.compare.comparison_levels import Comparison, Fact, HSource, Level, USource
from c360_assets.stitch.compare.comparison_records import TELLING_WORDS, WORD_CODES
from c360_assets.stitch.compare.names_in_email import (
    FULL_NAME_LEVELS,
    GIVEN_LEVELS,
    INITIAL_LEVELS,
    LACKS_BOTH_NAMES,
    LACKS_GIVEN,
    LACKS_SURNAME,
    NO_NAME_IN_EMAIL,
    SURNAME_LEVELS,
)
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.warehouse.sql import quote_ident, quote_literal


def _similar(column: str) -> str:
    """Jaro-Winkler >= .92 or one edit (from four letters on), behind cheap guards."""
    a = f"a.{column}"
    b = f"b.{column}"
    return (
        f"(abs(length({a}) - length({b})) <= 3 AND jaro_winkler_similarity({a}, {b}) >= 0.92"
        f" OR least(length({a}), length({b})) >= 4 AND abs(length({a}) - length({b})) <= 1"
        f" AND jaro_winkler_similarity({a}, {b}) >= 0.7 AND damerau_levenshtein({a}, {b}) = 1)"
    )


def _in_latin(column: str) -> str:
    """One of the values is in another script: both as they are spelt in Latin letters."""
    return (
        f"(a.{column}_latin IS NULL) <> (b.{column}_latin IS NULL)"
        f" AND coalesce(a.{column}_latin, a.{column})"
    )


def _equal_in_latin(column: str) -> str:
    return f"({_in_latin(column)} = coalesce(b.{column}_latin, b.{column}))"


def _similar_in_latin(column: str) -> str:
    """Each script is spelt in several ways: by sound, or its consonants alone."""
    a = f"coalesce(a.{column}_latin, a.{column})"
    b = f"coalesce(b.{column}_latin, b.{column})"
    return (
        f"((a.{column}_latin IS NULL) <> (b.{column}_latin IS NULL)"
        f" AND (jaro_winkler_similarity({a}, {b}) >= 0.88"
        f" OR length(a.{column}_sounds) >= 3 AND a.{column}_sounds = b.{column}_sounds))"
    )


def _one_edit(column: str, ends: int, least: float) -> str:
    """One edit between values alike by Jaro-Winkler, which costs little where neither ends agree.

    An edit leaves the first or the last `ends` characters as they are in texts of more than twice
    that many.
    """
    a = f"a.{column}"
    b = f"b.{column}"
    return (
        f"(a.{column}_head = b.{column}_head OR a.{column}_tail = b.{column}_tail"
        f" OR greatest(length({a}), length({b})) <= {2 * ends})"
        f" AND abs(length({a}) - length({b})) <= 1"
        f" AND jaro_winkler_similarity({a}, {b}) >= {least}"
        f" AND damerau_levenshtein({a}, {b}) = 1"
    )


def _bins(
    label: str,
    sql: str,
    column: str,
    m: float,
    u: tuple[float, ...],
    h_from: HSource,
    u_from: USource = "total",
) -> tuple[Level, ...]:
    """An equal value as one level per frequency bin (1 = the most common); data share out `m`."""
    m_of_bin = m / len(u)
    levels = []
    for bin_number, u_of_bin in enumerate(u, 1):
        condition = f"{sql} AND a.{column} = {bin_number}"
        label_of_bin = f"{label} {bin_number}"
        levels.append(Level(label_of_bin, condition, m_of_bin, u_of_bin, u_from, h_from))
    return tuple(levels)


NAME_U = (1e-4, 2e-4, 3e-4, 3e-4, 2e-4, 5e-5, 1e-5, 1e-6)

GIVEN = Comparison(
    "given_name",
    (("given",),),
    (
        *_bins("equal", "a.given = b.given", "given_bin", 0.78, NAME_U, "share"),
        Level(
            "nickname",
            "(a.variants IS NOT NULL OR b.variants IS NOT NULL)"
            " AND list_has_any(coalesce(a.variants, [a.given]), coalesce(b.variants, [b.given]))"
            f" OR {_equal_in_latin('given')}",
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
            f"a.established AND b.established AND {_similar('given')}",
            0.01,
            4e-3,
            h_from="random",
        ),
        Level(
            "similar",
            f"{_similar('given')} OR {_similar_in_latin('given')}",
            0.06,
            4e-3,
            h_from="random",
        ),
        Level(
            "alike",
            "jaro_winkler_similarity(a.given, b.given) >= 0.85"
            " OR least(length(a.given), length(b.given)) >= 6"
            " AND damerau_levenshtein(a.given, b.given) <= 2",
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
SURNAME = Comparison(
    "surname",
    (("surname",),),
    (
        *_bins("equal", "a.surname = b.surname", "surname_bin", 0.86, NAME_U, "learned"),
        Level(
            "shares a token",
            "(a.surname_tokens IS NOT NULL OR b.surname_tokens IS NOT NULL)"
            " AND list_has_any(coalesce(a.surname_tokens, [a.surname]),"
            " coalesce(b.surname_tokens, [b.surname]))",
            0.02,
            1e-3,
        ),
        Level(
            "similar",
            f"{_similar('surname')} OR {_equal_in_latin('surname')}"
            f" OR {_similar_in_latin('surname')}",
            0.08,
            3e-3,
        ),
        Level("different", "TRUE", 0.04, 0.99),
    ),
    "NOT swapped",
    only_column="surname",
)


def _names_alike(one: str, other: str, variants: str) -> str:
    """Two names in each other's field: equal, by the rule of `_similar`, or one by a nickname."""
    return (
        f"({one} = {other} OR jaro_winkler_similarity({one}, {other}) >= 0.92"
        f" OR least(length({one}), length({other})) >= 4"
        f" AND abs(length({one}) - length({other})) <= 1"
        f" AND jaro_winkler_similarity({one}, {other}) >= 0.7"
        f" AND damerau_levenshtein({one}, {other}) = 1"
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
MIDDLE = Comparison(
    "middle_name",
    (("middle",),),
    (
        Level("equal", "a.middle = b.middle", 0.6, 0.02, h_from="random"),
        Level(
            "initial fits",
            "(length(a.middle) = 1 OR length(b.middle) = 1) AND a.middle[:1] = b.middle[:1]",
            0.3,
            0.06,
            h_from="random",
        ),
        Level("similar", _similar("middle"), 0.04, 4e-3, h_from="random"),
        Level("contradicts", "TRUE", 0.06, 0.92, h_from="random"),
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
ELSEWHERE = "a.postal <> b.postal AND coalesce(a.city <> b.city, TRUE)"
ADDRESS = Comparison(
    "address",
    (("address",),),
    (
        Level("the same line elsewhere", f"a.building = b.building AND {ELSEWHERE}", 0.003, 5e-5),
        Level("equal, few", "a.address = b.address AND a.address_n <= 6", 0.5, 1e-6, "blocked"),
        Level("equal, many", "a.address = b.address", 0.1, 5e-6, "blocked"),
        Level(
            "equal up to unit",
            "a.building = b.building AND (a.unit IS NULL OR b.unit IS NULL)",
            0.06,
            2e-6,
        ),
        Level("same building, other unit", "a.building = b.building", 0.02, 4e-6),
        Level(
            "like street",
            "a.house = b.house AND jaro_winkler_similarity(a.street, b.street) >= 0.9",
            0.1,
            1e-5,
        ),
        Level("same street or number", "a.street = b.street OR a.house = b.house", 0.05, 0.01),
        Level("different", "TRUE", 0.17, 0.989),
    ),
)
BIRTHDATE = Comparison(
    "birthdate",
    (("birthdate",),),
    (
        Level(
            "equal",
            "a.birthdate = b.birthdate AND a.birthdate_n <= 20",
            0.75,
            4e-5,
            "total",
            "share",
        ),
        Level("equal, common", "a.birthdate = b.birthdate", 0.05, 1e-4, "total", "share"),
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
NAME_COUNT_LEVELS = (
    # As many contacts as people: whoever shares nothing but this name is somebody else.
    Level("a crowd", "a.crowd", 0.01, 0.05, "conditional", "random"),
    Level("two", "a.name_n <= 2", 0.25, 0.25, "conditional", "random"),
    Level("three", "a.name_n <= 3", 0.2, 0.2, "conditional", "random"),
    Level("four", "a.name_n <= 4", 0.15, 0.15, "conditional", "random"),
    Level("five or six", "a.name_n <= 6", 0.15, 0.15, "conditional", "random"),
    Level("up to nine", "a.name_n <= 9", 0.1, 0.1, "conditional", "random"),
    Level("up to fifteen", "a.name_n <= 15", 0.1, 0.1, "conditional", "random"),
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
        f"{NAMES_EQUAL} AND a.name_expected >= {rarity.least_expected}"
        f" AND a.name_expected < {rarity.below_expected}",
        context=True,
    )


NAME_COUNTS = tuple(_name_count(rarity) for rarity in NAME_RARITIES)


def _shared(one: str, several: str) -> Fact:
    """An equal value among several; only few records have more than one."""
    return Fact(
        f"{one}_shared",
        ((one,),),
        f"a.{one}_code <> b.{one}_code AND (a.{several}_held OR b.{several}_held)",
        f"list_has_any(coalesce(a.{several}, [a.{one}]), coalesce(b.{several}, [b.{one}]))",
    )


EMAIL_SHARED = _shared("email", "emails")
EMAIL_EQUAL = "(a.email_code = b.email_code OR email_shared)"
EMAIL_LOGIN = "a.login_code = b.login_code"
# Two people of one name hold logins that differ in a digit or a dot; an edit in the letters is
# mostly an error.
EMAIL_TYPO = f"a.domain = b.domain AND {_one_edit('login', 3, 0.85)} AND a.letters <> b.letters"
LOGIN_FROM_NAMES = Fact(
    "login_from_names",
    (("email",),),
    f"{EMAIL_LOGIN} AND NOT {EMAIL_EQUAL} AND NOT {NAMES_EQUAL}",
    "contains(a.letters, a.surname) OR contains(b.letters, b.surname)"
    " OR contains(a.letters, b.surname)",
)
EMAIL = Comparison(
    "email",
    (("email",),),
    (
        Level("equal, few", f"{EMAIL_EQUAL} AND a.email_n <= 6", 0.55, 5e-7, "blocked", h=0.03),
        Level("equal, many", EMAIL_EQUAL, 0.05, 1e-6, "blocked", h=0.02),
        # A login made of names that both records share says no more than the names do.
        Level(
            "equal login",
            f"{EMAIL_LOGIN} AND NOT login_from_names AND NOT ({NAMES_EQUAL})",
            0.04,
            2e-6,
            "blocked or random",
            h=0.01,
        ),
        Level("one edit", f"{EMAIL_TYPO} AND NOT ({NAMES_EQUAL})", 0.05, 1e-6, h=0.01),
        Level("different", "TRUE", 0.31, 1.0, h=0.93),
    ),
)
EMAIL_OF_EQUAL_NAMES = Comparison(
    "email_of_equal_names",
    (("email",),),
    (
        Level("equal login", EMAIL_LOGIN, 0.15, 0.03, "conditional", "random"),
        Level("one edit", EMAIL_TYPO, 0.15, 0.005, "conditional", "random"),
        Level("different", "TRUE", 0.7, 0.965, "conditional", "random"),
    ),
    f"{NAMES_EQUAL} AND NOT {EMAIL_EQUAL}",
)
PHONE_SHARED = _shared("phone", "phones")
PHONE_EQUAL = "(a.phone_code = b.phone_code OR phone_shared)"
# Of numbers that count on, two that differ in a digit are two.
PHONE_TYPO = f"NOT (a.phone_numbered AND b.phone_numbered) AND {_one_edit('phone', 4, 0.85)}"
PHONE = Comparison(
    "phone",
    (("phone",),),
    (
        Level("equal, few", f"{PHONE_EQUAL} AND a.phone_n <= 6", 0.5, 2e-6, "blocked", h=0.25),
        Level("equal, many", PHONE_EQUAL, 0.1, 5e-6, "blocked", h=0.1),
        Level("last seven equal", "right(a.phone, 7) = right(b.phone, 7)", 0.01, 2e-7),
        Level("one edit", PHONE_TYPO, 0.04, 5e-6),
        Level("different", "TRUE", 0.35, 1.0, h=0.6),
    ),
)
NO_ADDRESS_AGREEMENT = f"NOT {ADDRESS.is_at('equal', 'same building', 'like')}"
CITY_EQUAL = "a.city = b.city AND (a.state IS NULL OR b.state IS NULL OR a.state = b.state)"
PLACE = Comparison(
    "place",
    (("postal",), ("city",)),
    (
        Level(
            "postal equal, rare", "a.postal = b.postal AND a.postal_bin >= 6", 0.25, 2e-5, "total"
        ),
        Level("postal equal", "a.postal = b.postal AND a.postal_bin >= 4", 0.35, 3e-4, "total"),
        Level("postal equal, common", "a.postal = b.postal", 0.1, 1e-3, "total"),
        Level(
            "city equal, rare",
            f"{CITY_EQUAL} AND a.city_bin >= 4",
            0.05,
            2e-3,
        ),
        Level(
            "city equal",
            CITY_EQUAL,
            0.05,
            0.01,
        ),
        Level("area equal", "a.area = b.area", 0.03, 0.01),
        Level("state equal", "a.state = b.state", 0.05, 0.05),
        Level("different", "TRUE", 0.12, 0.93),
    ),
    NO_ADDRESS_AGREEMENT,
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
        *_bins(
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


EMAIL_DIFFERS = f"NOT coalesce({EMAIL_EQUAL}, FALSE)"
# Three comparisons by what the login's record lacks.
NAMES_IN_EMAIL = Comparison(
    "names_in_email",
    (),
    (*FULL_NAME_LEVELS, *INITIAL_LEVELS, *SURNAME_LEVELS, *GIVEN_LEVELS, NO_NAME_IN_EMAIL),
    f"{LACKS_BOTH_NAMES} AND {EMAIL_DIFFERS}",
    ("given", "surname"),
)
SURNAME_IN_EMAIL = Comparison(
    "surname_in_email",
    (),
    (*SURNAME_LEVELS, NO_NAME_IN_EMAIL),
    f"{LACKS_SURNAME} AND {EMAIL_DIFFERS}",
    ("surname",),
)
GIVEN_NAME_IN_EMAIL = Comparison(
    "given_name_in_email",
    (),
    (*GIVEN_LEVELS, NO_NAME_IN_EMAIL),
    f"NOT ({LACKS_SURNAME}) AND {LACKS_GIVEN} AND {EMAIL_DIFFERS}",
    ("given",),
)
IN_EMAIL = (NAMES_IN_EMAIL, SURNAME_IN_EMAIL, GIVEN_NAME_IN_EMAIL)
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
FACTS = (SWAPPED, MIDDLE_AS_GIVEN, EMAIL_SHARED, PHONE_SHARED, LOGIN_FROM_NAMES)
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

"""Comparison: the table of features and their ordinal levels, and the SQL that gives a pair its level pattern.

Belongs here: what a level means, in which order levels are tried, the starting values of the model. What features and levels
are made of belongs in `levels`, fitting in `model`, candidate pairs in `blocking`. Level 0 of every feature is "missing on a
side": no evidence, never a disagreement.

A pattern packs all levels of a pair into one BIGINT, so that the model runs on distinct patterns instead of pairs. Frequency
bins of a value are levels of their own. Features that depend on each other are one feature (design of three-class matching):
the place counts only where the address does not agree, e-mail similarity of records with equal names is apart, names inside an
e-mail address count only where that record lacks the name, gender only where the given names do not tell it.
"""

from __future__ import annotations

from c360_assets.stitch.compare.comparison_levels import Fact, Feature, HSource, Level, USource
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.warehouse.sql import quote_ident, quote_literal


def _similar(column: str) -> str:
    """Jaro-Winkler >= .92 or one edit (from four letters on), behind cheap guards."""
    a, b = f"a.{column}", f"b.{column}"
    return (
        f"(abs(length({a}) - length({b})) <= 3 AND jaro_winkler_similarity({a}, {b}) >= 0.92"
        f" OR least(length({a}), length({b})) >= 4 AND abs(length({a}) - length({b})) <= 1"
        f" AND jaro_winkler_similarity({a}, {b}) >= 0.7 AND damerau_levenshtein({a}, {b}) = 1)"
    )


def _one_edit(column: str, ends: int, least: float) -> str:
    """One edit between values that are alike by Jaro-Winkler, which costs little where neither ends agree.

    An edit leaves the first or the last `ends` characters as they are in texts of more than twice that many.
    """
    a, b = f"a.{column}", f"b.{column}"
    return (
        f"(a.{column}_head = b.{column}_head OR a.{column}_tail = b.{column}_tail"
        f" OR greatest(length({a}), length({b})) <= {2 * ends})"
        f" AND abs(length({a}) - length({b})) <= 1 AND jaro_winkler_similarity({a}, {b}) >= {least}"
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
    """An equal value as one level per frequency bin (1 = the most common), `m` shared out by the data later."""
    return tuple(
        Level(f"{label} {n}", f"{sql} AND a.{column} = {n}", m / len(u), share, u_from, h_from)
        for n, share in enumerate(u, 1)
    )


NAME_U = (1e-4, 2e-4, 3e-4, 3e-4, 2e-4, 5e-5, 1e-5, 1e-6)

GIVEN = Feature(
    "given_name",
    (("given",),),
    (
        *_bins("equal", "a.given = b.given", "given_bin", 0.78, NAME_U, "share"),
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
            "(length(a.given) = 1 OR length(b.given) = 1) AND a.given[:1] = b.given[:1]"
            " OR split_part(a.given, ' ', 1) = split_part(b.given, ' ', 1) AND length(split_part(a.given, ' ', 1)) > 1",
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
        Level("similar", _similar("given"), 0.06, 4e-3, h_from="random"),
        Level(
            "alike",
            "jaro_winkler_similarity(a.given, b.given) >= 0.85"
            " OR least(length(a.given), length(b.given)) >= 6 AND damerau_levenshtein(a.given, b.given) <= 2",
            0.015,
            0.02,
            h_from="random",
        ),
        Level(
            "different, rare", "NOT (a.established AND b.established)", 0.02, 0.4, h_from="random"
        ),
        Level("different, established", "TRUE", 0.005, 0.57, h_from="random"),
    ),
    "NOT swapped",
    by="given",
)
SURNAME = Feature(
    "surname",
    (("surname",),),
    (
        *_bins("equal", "a.surname = b.surname", "surname_bin", 0.86, NAME_U, "learned"),
        Level(
            "shares a token",
            "(a.surname_tokens IS NOT NULL OR b.surname_tokens IS NOT NULL)"
            " AND list_has_any(coalesce(a.surname_tokens, [a.surname]), coalesce(b.surname_tokens, [b.surname]))",
            0.02,
            1e-3,
        ),
        Level("similar", _similar("surname"), 0.08, 3e-3),
        Level("different", "TRUE", 0.04, 0.99),
    ),
    "NOT swapped",
    by="surname",
)
SWAPPED = Fact(
    "swapped",
    (("given", "surname"),),
    "a.given_code = b.surname_code OR a.surname_code = b.given_code",
    "a.given <> b.given AND a.surname <> b.surname AND length(a.given) > 1 AND length(b.given) > 1 AND ("
    "(a.given = b.surname AND (a.surname = b.given OR jaro_winkler_similarity(a.surname, b.given) >= 0.92))"
    " OR (a.surname = b.given AND jaro_winkler_similarity(a.given, b.surname) >= 0.92))",
)
SWAP = Feature(
    "name_swap",
    (("given", "surname"),),
    (
        Level(
            "swapped, common", "swapped AND a.name_rarity <= 7", 0.004, 1e-6, "blocked", "random"
        ),
        Level("swapped, rare", "swapped", 0.008, 1e-7, "blocked", "random"),
        Level("straight", "TRUE", 0.988, 1.0),
    ),
)
ELSEWHERE = "a.postal <> b.postal AND coalesce(a.city <> b.city, TRUE)"
ADDRESS = Feature(
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
BIRTHDATE = Feature(
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
            "(a.year = b.year AND (a.month = b.month OR a.day = b.day) OR a.month = b.month AND a.day = b.day)"
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
NAMES_EQUAL = f"({GIVEN.at('equal')} AND {SURNAME.at('equal')})"


def _name_counts() -> tuple[Feature, ...]:
    """How many records hold the name that both records hold, by how many would if given names and surnames were independent.

    One person has few records: two records that alone hold a name are more often one person than two of ten. How common the
    parts of the name are counts as the frequency bins of the names already, so the count is looked at for names alike in that.
    """
    features = []
    for name, least, below in (("rare", 0.0, 0.1), ("uncommon", 0.1, 1.0), ("common", 1.0, 1e9)):
        levels = (
            Level(label, f"a.name_n <= {most}", share, share, "conditional", "random")
            for label, most, share in (
                ("two", 2, 0.25),
                ("three", 3, 0.2),
                ("four", 4, 0.15),
                ("five or six", 6, 0.15),
                ("up to nine", 9, 0.1),
                ("up to fifteen", 15, 0.1),
            )
        )
        present = f"{NAMES_EQUAL} AND a.name_expected >= {least} AND a.name_expected < {below}"
        more = Level("more", "TRUE", 0.05, 0.05, "conditional", "random")
        features.append(
            Feature(
                f"name_count_{name}",
                (("given", "surname"),),
                (*levels, more),
                present,
                context=True,
            )
        )
    return tuple(features)


NAME_COUNTS = _name_counts()


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
# Two people of one name hold logins that differ in a digit or a dot; an edit in the letters is mostly an error.
EMAIL_TYPO = f"a.domain = b.domain AND {_one_edit('login', 3, 0.85)} AND a.letters <> b.letters"
LOGIN_FROM_NAMES = Fact(
    "login_from_names",
    (("email",),),
    f"{EMAIL_LOGIN} AND NOT {EMAIL_EQUAL} AND NOT {NAMES_EQUAL}",
    "contains(a.letters, a.surname) OR contains(b.letters, b.surname) OR contains(a.letters, b.surname)",
)
EMAIL = Feature(
    "email",
    (("email",),),
    (
        Level("equal, few", f"{EMAIL_EQUAL} AND a.email_n <= 6", 0.55, 5e-7, "blocked", h=0.03),
        Level("equal, many", EMAIL_EQUAL, 0.05, 1e-6, "blocked", h=0.02),
        # A login made of names that both records share says no more than the names do: two addresses.
        Level(
            "equal login",
            f"{EMAIL_LOGIN} AND NOT login_from_names AND NOT ({NAMES_EQUAL})",
            0.04,
            2e-6,
            h=0.01,
        ),
        Level("one edit", f"{EMAIL_TYPO} AND NOT ({NAMES_EQUAL})", 0.05, 1e-6, h=0.01),
        Level("different", "TRUE", 0.31, 1.0, h=0.93),
    ),
)
EMAIL_OF_EQUAL_NAMES = Feature(
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
PHONE = Feature(
    "phone",
    (("phone",),),
    (
        Level("equal, few", f"{PHONE_EQUAL} AND a.phone_n <= 6", 0.5, 2e-6, "blocked", h=0.25),
        Level("equal, many", PHONE_EQUAL, 0.1, 5e-6, "blocked", h=0.1),
        Level("last seven equal", "right(a.phone, 7) = right(b.phone, 7)", 0.01, 2e-7),
        Level("one edit", _one_edit("phone", 4, 0.85), 0.04, 5e-6),
        Level("different", "TRUE", 0.35, 1.0, h=0.6),
    ),
)
NO_ADDRESS_AGREEMENT = f"NOT {ADDRESS.at('equal', 'same building', 'like')}"
PLACE = Feature(
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
            "a.city = b.city AND (a.state IS NULL OR b.state IS NULL OR a.state = b.state) AND a.city_bin >= 4",
            0.05,
            2e-3,
        ),
        Level(
            "city equal",
            "a.city = b.city AND (a.state IS NULL OR b.state IS NULL OR a.state = b.state)",
            0.05,
            0.01,
        ),
        Level("area equal", "a.area = b.area", 0.03, 0.01),
        Level("state equal", "a.state = b.state", 0.05, 0.05),
        Level("different", "TRUE", 0.12, 0.93),
    ),
    NO_ADDRESS_AGREEMENT,
)
GENDER = Feature(
    "gender",
    (("gender",),),
    (
        Level("equal", "a.gender = b.gender", 0.97, 0.5, h_from="random"),
        Level("different", "TRUE", 0.03, 0.5, h_from="random"),
    ),
    f"NOT {GIVEN.at('equal')}",
)
SUFFIX = Feature(
    "generational_suffix",
    (("suffix",),),
    (
        Level("equal", "a.suffix = b.suffix", 0.99, 0.4, h_from="random", fixed_m=True),
        Level("different", "TRUE", 0.01, 0.6, h_from="random", fixed_m=True),
    ),
)
COMPANY = Feature(
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
)


def _either(condition: str) -> str:
    """The condition with a as the record whose login is read, or with b as that record."""
    other = condition.replace("a.", "@.").replace("b.", "a.").replace("@.", "b.")
    return f"(({condition}) OR ({other}))"


def _names_in_email() -> tuple[Feature, ...]:
    """Names of one record inside the login of the other, where the other lacks them; rarity of the name as bins.

    Three features by what the login's record lacks: both names, the surname only, the given name only. Their m is counted, not
    learned: how often a login holds its owner's names is seen on the records that have both (`model.own_names`).
    """
    rarity = "greatest(coalesce(a.name_rarity, 0), coalesce(b.name_rarity, 0))"
    surname_bin = "greatest(coalesce(a.surname_bin, 0), coalesce(b.surname_bin, 0))"
    given_bin = "greatest(coalesce(a.given_bin, 0), coalesce(b.given_bin, 0))"
    full = _either(
        "a.given IS NULL AND (contains(a.letters, b.given || b.surname) OR contains(a.letters, b.surname || b.given))"
    )
    initial = _either(
        "a.given IS NULL AND (a.letters = b.given[:1] || b.surname OR a.letters = b.surname || b.given[:1])"
    )
    surname = _either(
        "a.surname IS NULL AND length(b.surname) >= 4 AND contains(a.letters, b.surname)"
    )
    given = _either("a.given IS NULL AND length(b.given) >= 3 AND contains(a.letters, b.given)")
    surnames = [
        Level(f"surname {n}", f"{surname} AND {surname_bin} <= {n}", 0.05, u, fixed_m=True)
        for n, u in ((2, 1e-3), (4, 4e-4), (5, 5e-5))
    ]
    surnames.append(Level("surname, rare", surname, 0.05, 5e-6, fixed_m=True))
    givens = [
        Level(
            f"given name {n}",
            f"{given} AND {given_bin} <= {n}",
            0.05,
            u,
            h_from="random",
            fixed_m=True,
        )
        for n, u in ((3, 2e-3), (4, 4e-4))
    ]
    givens.append(Level("given name, rare", given, 0.03, 3e-5, h_from="random", fixed_m=True))
    both = [
        Level(
            f"given name and surname {n}",
            f"{full} AND {rarity} <= {n}",
            0.08,
            u,
            "spelled",
            "random",
            fixed_m=True,
        )
        for n, u in ((6, 2e-6), (8, 1e-6), (10, 3e-7))
    ]
    both.append(
        Level("given name and surname, rare", full, 0.08, 1e-7, "spelled", "random", fixed_m=True)
    )
    both += [
        Level(
            f"initial and surname {n}",
            f"{initial} AND {surname_bin} <= {n}",
            0.05,
            u,
            "spelled",
            "random",
            fixed_m=True,
        )
        for n, u in ((2, 4e-5), (3, 2e-5), (4, 1e-5))
    ]
    both.append(
        Level("initial and surname, rare", initial, 0.05, 2e-6, "spelled", "random", fixed_m=True)
    )
    nothing = Level("nothing", "TRUE", 0.3, 0.99, fixed_m=True)
    differ = f"NOT coalesce({EMAIL_EQUAL}, FALSE)"
    no_names = _either(
        "a.letters IS NOT NULL AND a.given IS NULL AND a.surname IS NULL AND length(b.surname) > 1 AND length(b.given) > 1"
    )
    no_surname = _either(
        "a.letters IS NOT NULL AND a.surname IS NULL AND b.surname IS NOT NULL"
        " AND (a.given IS NOT NULL OR b.given IS NULL OR length(b.given) = 1)"
    )
    no_given = _either(
        "a.letters IS NOT NULL AND a.given IS NULL AND length(b.given) > 1 AND (a.surname IS NOT NULL OR b.surname IS NULL)"
    )
    return (
        Feature(
            "names_in_email",
            (),
            (*both, *surnames, *givens, nothing),
            f"{no_names} AND {differ}",
            ("given", "surname"),
        ),
        Feature(
            "surname_in_email", (), (*surnames, nothing), f"{no_surname} AND {differ}", ("surname",)
        ),
        Feature(
            "given_name_in_email",
            (),
            (*givens, nothing),
            f"NOT ({no_surname}) AND {no_given} AND {differ}",
            ("given",),
        ),
    )


IN_EMAIL = _names_in_email()
# Foreign keys as evidence for the model, beside the rule that equal ones decide a pair: pairs with an equal key show EM what one
# person's records look like, and where a person rarely has two values of one key, different ones tell people apart.
KEYS = Feature(
    "foreign_keys",
    ((),),
    (
        Level("equal", "fk_state = 1", 0.7, 1e-7, "blocked", h=0.02),
        Level("different", "TRUE", 0.3, 1.0, h=0.98),
    ),
    "fk_state > 0",
)
# What a pair can be compared on is evidence too: relatives meet in blocks through surname and home, so pairs that hold an
# address on both sides are relatives more often than the class sizes alone say.
HELD = Feature(
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
            "a.postal IS NOT NULL AND b.postal IS NOT NULL OR a.city IS NOT NULL AND b.city IS NOT NULL",
            0.2,
            0.2,
            h=0.3,
        ),
        Level("none", "TRUE", 0.5, 0.5, h_from="person", h=0.2),
    ),
    context=True,
)
FEATURES: tuple[Feature, ...] = (
    SWAP,
    GIVEN,
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
    *IN_EMAIL,
    KEYS,
    HELD,
)
FACTS = (SWAPPED, EMAIL_SHARED, PHONE_SHARED, LOGIN_FROM_NAMES)
SHIFTS = {f.name: sum(g.bits for g in FEATURES[:n]) for n, f in enumerate(FEATURES)}
assert sum(f.bits for f in FEATURES) < 63


def key_state(column: str) -> str:
    """The state of a key of a pair that holds it: 1 equal, 2 different. A representative may hold several foreign keys."""
    a, b, by = quote_ident(f"a_{column}"), quote_ident(f"b_{column}"), quote_literal(KEY_SEPARATOR)
    return (
        f"CASE WHEN {a} = {b} THEN 1 WHEN (contains({a}, {by}) OR contains({b}, {by}))"
        f" AND list_has_any(string_split({a}, {by}), string_split({b}, {by})) THEN 1 ELSE 2 END"
    )

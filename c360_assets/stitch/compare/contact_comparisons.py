"""Comparisons of addresses and places, e-mails, phones, and of names inside an e-mail address.

A contact that few hold says more than one of a crowd; what equal names say already is not said
again by a login that is made of them.
"""

from __future__ import annotations

from c360_assets.stitch.compare.comparison_levels import Comparison, Fact, Level
from c360_assets.stitch.compare.name_comparisons import NAMES_EQUAL
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
from c360_assets.stitch.compare.value_sql import one_edit

# Whoever buys for a company has two of each contact: where one record is of a workplace and the
# other of none, contacts that differ say nothing.
ONE_SPHERE = "a.at_work = b.at_work"
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
    f"{ONE_SPHERE} OR a.address = b.address OR a.building = b.building",
)


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
# Few write the domain of many with an error: GMIAL.COM.
DOMAIN_TYPO = Fact(
    "mistyped_domain",
    (("email",),),
    f"{EMAIL_LOGIN} AND a.email_code <> b.email_code"
    " AND greatest(a.domain_n, b.domain_n) >= 5 * least(a.domain_n, b.domain_n)",
    "damerau_levenshtein(a.email, b.email) = 1",
)
# Of a company or a family, logins made one way differ as the names of their owners do: an edit of
# an initial, or of a name, is none.
OWN_INITIALS = (
    "a.given[:1] <> b.given[:1]"
    " AND (a.login[:1] = a.given[:1] AND b.login[:1] = b.given[:1]"
    " OR a.letters[-1:] = a.given[:1] AND b.letters[-1:] = b.given[:1])"
)
OWN_NAMES = (
    "a.given <> b.given AND a.established AND b.established"
    " AND contains(a.letters, a.given) AND contains(b.letters, b.given)"
)
# Two people of one name hold logins that differ in a digit or a dot; an edit in the letters is
# mostly an error.
EMAIL_TYPO = (
    f"a.domain = b.domain AND {one_edit('login', 3, 0.85)} AND a.letters <> b.letters"
    f" AND NOT coalesce({OWN_INITIALS} OR {OWN_NAMES}, FALSE)"
)
ONE_EDIT = f"(mistyped_domain OR {EMAIL_TYPO})"
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
        Level("one edit", f"{ONE_EDIT} AND NOT ({NAMES_EQUAL})", 0.05, 1e-6, h=0.01),
        # A login made of names that both records share says no more than the names do.
        Level(
            "equal login",
            f"{EMAIL_LOGIN} AND NOT login_from_names AND NOT ({NAMES_EQUAL})",
            0.04,
            2e-6,
            "blocked or random",
            h=0.01,
        ),
        Level("different", "TRUE", 0.31, 1.0, h=0.93),
    ),
    f"{ONE_SPHERE} OR {EMAIL_EQUAL} OR {EMAIL_LOGIN}",
)
EMAIL_OF_EQUAL_NAMES = Comparison(
    "email_of_equal_names",
    (("email",),),
    (
        Level("one edit", ONE_EDIT, 0.15, 0.005, "conditional", "random"),
        Level("equal login", EMAIL_LOGIN, 0.15, 0.03, "conditional", "random"),
        Level("different", "TRUE", 0.7, 0.965, "conditional", "random"),
    ),
    f"{NAMES_EQUAL} AND NOT {EMAIL_EQUAL} AND ({ONE_SPHERE} OR {EMAIL_LOGIN})",
)
PHONE_SHARED = _shared("phone", "phones")
PHONE_EQUAL = "(a.phone_code = b.phone_code OR phone_shared)"
# Of numbers that count on, two that differ in a digit are two.
PHONE_TYPO = f"NOT (a.phone_numbered AND b.phone_numbered) AND {one_edit('phone', 4, 0.85)}"
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
    f"{ONE_SPHERE} OR {PHONE_EQUAL}",
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
    f"{NO_ADDRESS_AGREEMENT} AND ({ONE_SPHERE} OR a.postal = b.postal OR {CITY_EQUAL})",
)
EMAIL_DIFFERS = f"NOT coalesce({EMAIL_EQUAL} OR mistyped_domain, FALSE)"
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

"""The global blocklist: values that are never evidence, whatever the tenant (`data/blocklist.csv`).

A value matches as a whole, never by a word inside it (a surname Travel is ignored, Travelstead is
not). E-mail patterns name a local part, a domain, or a word that is either the local part or the
whole value. Lists of one tenant and values found by counting belong to `stitch`.
"""

from functools import cache

import polars as pl

from c360_assets.semantics.contact_marks import CONTACT_MACROS
from c360_assets.semantics.lookups import read_rows


@cache
def blocked_values(
    semantic: str, match: str = "whole", allow_business_email: bool = False
) -> tuple[str, ...]:
    """Blocked values of a semantic in upper case, those of all semantics included, sorted.

    `match` picks the kind of an e-mail pattern: whole, local, domain or word. With
    `allow_business_email` the shorter list is meant, which lets `INFO@` and its like pass.
    """
    values = set()
    for row in read_rows("blocklist.csv"):
        applies = row["match"] == match and row["semantic"] in (semantic, "*")
        is_allowed = allow_business_email and row["business"] == "true"
        if applies and not is_allowed:
            values.add(row["value"])
    return tuple(sorted(values))


def is_blocked(semantic: str, expr: pl.Expr, allow_business_email: bool = False) -> pl.Expr:
    """Whether a normalised String value is on the global list; false for NULL."""

    def among(value: pl.Expr, match: str) -> pl.Expr:
        return value.is_in(blocked_values(semantic, match, allow_business_email)).fill_null(False)

    is_listed = among(expr, "whole")
    if semantic != "email":
        return is_listed
    local = expr.str.extract("^([^@]*)@")
    domain = expr.str.extract("@([^@]*)$")
    return (
        is_listed
        | among(expr, "word")
        | among(local, "word")
        | among(local, "local")
        | among(domain, "domain")
    )


def _sql_list(values: tuple[str, ...]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def _email_macro(name: str, allow_business_email: bool) -> str:
    def blocked(match: str) -> str:
        return _sql_list(blocked_values("email", match, allow_business_email)) or "NULL"

    address = "regexp_replace(upper(email_text(v)), '\\+[^@]*@', '@', 'g')"
    login = f"split_part({address}, '@', 1)"
    domain = f"split_part({address}, '@', 2)"
    return (
        f"CREATE OR REPLACE TEMP MACRO {name}(v) AS CASE WHEN v IS NULL THEN NULL "
        "WHEN NOT contains(v, '@') THEN FALSE "
        f"ELSE coalesce({address} IN ({blocked('whole')}), FALSE) "
        f"OR coalesce({login} IN ({blocked('word')}), FALSE) "
        f"OR coalesce({login} IN ({blocked('local')}), FALSE) "
        f"OR coalesce({domain} IN ({blocked('domain')}), FALSE) END"
    )


def _phone_macro() -> str:
    return (
        "CREATE OR REPLACE TEMP MACRO phone_blocked(v) AS CASE WHEN v IS NULL THEN NULL "
        f"ELSE coalesce(right(phone_digits(v), 10), '') IN ({_sql_list(blocked_values('phone'))}) END"
    )


def _value_macro() -> str:
    named = {row["semantic"] for row in read_rows("blocklist.csv")}
    semantics = sorted(named - {"*", "email", "phone"})
    cases = " ".join(
        f"WHEN semantic = '{name}' THEN upper(trim(v)) IN ({_sql_list(blocked_values(name))})"
        for name in semantics
    )
    return (
        "CREATE OR REPLACE TEMP MACRO value_blocked(semantic, v) AS CASE WHEN v IS NULL THEN NULL "
        f"{cases} ELSE upper(trim(v)) IN ({_sql_list(blocked_values(''))}) END"
    )


# DuckDB statements for the reports, which look at raw values: of e-mail addresses and phones the
# marks of exports are taken off, other values are trimmed and upper-cased. A value without `@` is an
# invalid e-mail there, not a blocked one.
BLOCKLIST_MACROS: list[str] = [
    *CONTACT_MACROS,
    _email_macro("email_blocked", False),
    _email_macro("email_blocked_business", True),
    _phone_macro(),
    _value_macro(),
]

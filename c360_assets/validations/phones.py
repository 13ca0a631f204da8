"""Phone numbers held against the numbering plan of a country that is not North American.

The plans are those of the `phonenumbers` library, a port of Google's libphonenumber. It judges one
number at a time, so it is asked once for each different number that has a possible form, never for
each row. Form is `semantics.validity`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import polars as pl

from c360_assets.semantics.phone_plans import home_plan, phone_plan_macros
from c360_assets.semantics.validity import VALIDITY_MACROS
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.sql_session import SqlSession

PLANS = ("nanp", "any")
INVALID = "_c360_invalid_phones"


def functions_of_contacts(tenant: Tenant) -> tuple[str, ...]:
    """The statements that create the functions which conditions on contacts use.

    `phone_as_compared` is what reports compare: of a number and its digits.
    """
    plan = home_plan(tenant.home)
    compared = "right(digits, 10)" if plan is None else "coalesce(phone_compared(v), '')"
    return (
        *VALIDITY_MACROS,
        *phone_plan_macros(plan),
        f"CREATE OR REPLACE TEMP MACRO phone_as_compared(v, digits) AS {compared}",
    )


def prepare_functions(session: SqlSession, tenant: Tenant) -> None:
    """Give the session the functions that conditions on contacts use."""
    for statement in functions_of_contacts(tenant):
        session.execute(statement)


def judge_phones(session: SqlSession, region: str, values: Sequence[str]) -> None:
    """Teach `phone_valid` the numbering plan of a region for the numbers of the SELECTs `values`.

    Each SELECT is of one text column. Replaces the session's macro by one that also looks into the
    list of numbers that the plan does not have. Nothing to do for the plans that the macro knows
    itself.
    """
    if region in PLANS or not values:
        return
    _write_invalid_numbers(session, region, values)
    (own,) = (macro for macro in VALIDITY_MACROS if " phone_valid(" in macro)
    session.execute(own.replace(" phone_valid(", " phone_formed("))
    number = "CASE WHEN contains({0}, '+') THEN '+' ELSE '' END || phone_digits({0})"
    first = number.format("phone_values(v)[1]")
    others = f"list_transform(phone_values(v)[2:], lambda part: {number.format('part')})"
    invalid = f"(SELECT coalesce(list(number), []) FROM {INVALID})"
    # A list is searched from its start: that is for the few fields of several numbers.
    is_in_plan = (
        f"coalesce(({first}) NOT IN (SELECT number FROM {INVALID}), TRUE)"
        f" AND (len(phone_values(v)) < 2 OR NOT list_has_any({others}, {invalid}))"
    )
    session.execute(
        "CREATE OR REPLACE TEMP MACRO phone_valid(v, region) AS"
        f" phone_formed(v, region) AND {is_in_plan}"
    )


def _write_invalid_numbers(session: SqlSession, region: str, values: Sequence[str]) -> None:
    """Keep the possible numbers that are in no plan as a temporary table."""
    session.execute(f"DROP TABLE IF EXISTS temp.{INVALID}")
    possible = "phone_valid(v, 'any') AND coalesce(phone_digits(v), '') <> ''"
    frame = session.frame(
        "SELECT DISTINCT contains(v, '+') AS plus, phone_digits(v) AS digits"
        f" FROM (SELECT unnest(phone_values(v)) AS v FROM ({' UNION ALL '.join(values)}) AS t(v))"
        f" WHERE {possible} ORDER BY ALL"
    )
    invalid = [not in_plan(digits, region, plus) for plus, digits in frame.iter_rows()]
    session.register(f"{INVALID}_frame", frame.filter(pl.Series(invalid, dtype=pl.Boolean)))
    session.execute(
        f"CREATE TEMP TABLE {INVALID} AS"
        " SELECT CASE WHEN plus THEN '+' ELSE '' END || digits AS number"
        f" FROM {INVALID}_frame"
    )
    session.con.unregister(f"{INVALID}_frame")


def in_plan(digits: str, region: str, international: bool) -> bool:
    """Whether the digits are a number of the region's plan.

    With a `+` before them (`international`), of any country's.
    """
    # Imported here, as it loads its tables, which most tenants never need.
    import phonenumbers

    text = f"+{digits}" if international else digits
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def plan_sql(value: str, region: str) -> str:
    """SQL that says whether a number has the general form of the region's plan.

    For drill-downs, which cannot ask the library. A number of another country counts as having it.
    Empty for the plans that `phone_valid` knows.
    """
    if region in PLANS:
        return ""
    import phonenumbers

    plan: Any = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    pattern = re.sub(r"\s", "", plan.general_desc.national_number_pattern)
    code = plan.country_code
    prefix = plan.national_prefix or ""
    digits = f"phone_digits({value})"
    return (
        f"(regexp_full_match({digits}, '(?:(?:00)?{code}|{prefix})?(?:{pattern})')"
        f" OR (contains({value}, '+') AND NOT starts_with({digits}, '{code}')))"
    )

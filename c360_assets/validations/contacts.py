"""What reports need of an e-mail address or phone number, computed once a row: its parts, and
whether it is well formed.

What is well formed is `semantics.validity`'s to say. Its tests are written for any value; here the
usual shapes are recognised by cheaper ones that imply it, and only the rest is asked.
"""

from __future__ import annotations

from c360_assets.semantics.blocklist import blocked_values
from c360_assets.warehouse.sql import quote_literal

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
# Without counted repetitions, which are slow: no part of an address of 64 characters is longer than
# its limit.
USUAL_EMAIL = (
    rf"^(?:{_ATOM}\.)*{_ATOM}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z]+$"
)
USUAL_LENGTH = 64
USUAL_PHONE = "^[0-9 +.()/-]+$"
USUAL_NUMBER = "^1?[2-9][0-9]{2}[2-9][0-9]{6}$"
WRITTEN = " +.()/-"


def parts(semantic: str, name: str, value: str) -> dict[str, str]:
    """The part of the value in SQL `value` that reports compare, as a column by name.

    `<name>_address` is an e-mail address in capitals without its `+tag`, as the blocklist is read;
    `<name>_digits` the digits of a phone number without its extension, empty where there are none.
    """
    if semantic == "email":
        upper = f"upper(trim({value}))"
        untagged = f"regexp_replace({upper}, '\\+[^@]*@', '@', 'g')"
        return {
            f"{name}_address": f"CASE WHEN contains({value}, '+') THEN {untagged} ELSE {upper} END"
        }
    digits = value
    for character in WRITTEN:
        digits = f"replace({digits}, '{character}', '')"
    usual = f"regexp_matches({value}, '{USUAL_PHONE}')"
    return {
        f"{name}_digits": f"CASE WHEN {usual} THEN {digits} ELSE coalesce(phone_digits({value}), '') END"
    }


def well_formed(semantic: str, name: str) -> str:
    """Whether the value in the column `name` is well formed, over it and its parts; `{region}` is
    the plan, as a literal.
    """
    if semantic == "email":
        usual = f"length({name}) <= {USUAL_LENGTH} AND regexp_matches({name}, {quote_literal(USUAL_EMAIL)})"
        return f"CASE WHEN {usual} THEN TRUE ELSE email_valid({name}) END"
    blocked = "|".join(value for value in blocked_values("phone") if value.isdigit())
    usual = (
        f"{{region}} = 'nanp' AND regexp_matches({name}, '{USUAL_PHONE}') AND regexp_matches({name}_digits, '{USUAL_NUMBER}')"
        f" AND NOT regexp_matches({name}_digits, '({blocked})$')"
    )
    return f"CASE WHEN {usual} THEN TRUE ELSE phone_valid({name}, {{region}}) END"

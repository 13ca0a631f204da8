"""What reports need of an e-mail address or phone number: its parts, and whether it is well formed.

Both are computed once a row. What is well formed is `semantics.validity`'s to say. Its tests are
written for any value; here the usual shapes are recognised by cheaper ones that imply it, and only
the rest is asked.
"""

from __future__ import annotations

from c360_assets.semantics.blocklist import blocked_values
from c360_assets.semantics.contact_marks import USUAL_PHONE
from c360_assets.warehouse.sql import quote_literal

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
# Without counted repetitions, which are slow: no part of an address of 64 characters is longer than
# its limit.
USUAL_EMAIL = (
    rf"^(?:{_ATOM}\.)*{_ATOM}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z]+$"
)
USUAL_LENGTH = 64
USUAL_NUMBER = "^1?[2-9][0-9]{2}[2-9][0-9]{6}$"
WRITTEN = " +.()/-"
"""Characters that are written between the digits of a usual number."""


def parts(semantic: str, name: str, value: str) -> dict[str, str]:
    """The part of the value in SQL `value` that reports compare, as a column by name.

    `<name>_address` is an e-mail address in capitals without its `+tag`, as the blocklist is read;
    `<name>_digits` the digits of a phone number without its extension, empty where there are none.
    """
    if semantic == "email":
        upper = f"upper(coalesce(email_text({value}), ''))"
        untagged = f"regexp_replace({upper}, '\\+[^@]*@', '@', 'g')"
        address = f"CASE WHEN contains({value}, '+') THEN {untagged} ELSE {upper} END"
        return {f"{name}_address": address}
    digits = value
    for character in WRITTEN:
        digits = f"replace({digits}, '{character}', '')"
    usual = f"regexp_matches({value}, '{USUAL_PHONE}')"
    other_digits = f"coalesce(phone_digits({value}), '')"
    return {f"{name}_digits": f"CASE WHEN {usual} THEN {digits} ELSE {other_digits} END"}


def well_formed(semantic: str, name: str) -> str:
    """Whether the value in the column `name` is well formed, over it and its parts.

    `{region}` is the numbering plan, as a literal.
    """
    if semantic == "email":
        pattern = quote_literal(USUAL_EMAIL)
        usual = f"length({name}) <= {USUAL_LENGTH} AND regexp_matches({name}, {pattern})"
        return f"CASE WHEN {usual} THEN TRUE ELSE email_valid({name}) END"
    placeholders = "|".join(value for value in blocked_values("phone") if value.isdigit())
    usual = (
        f"{{region}} = 'nanp' AND regexp_matches({name}, '{USUAL_PHONE}')"
        f" AND regexp_matches({name}_digits, '{USUAL_NUMBER}')"
        f" AND NOT regexp_matches({name}_digits, '({placeholders})$')"
    )
    return f"CASE WHEN {usual} THEN TRUE ELSE phone_valid({name}, {{region}}) END"

"""Addresses in the form in which a receiver matches them: its published normalisation, then SHA-256
in hexadecimal.

google: e-mails without white space, lower case, without dots before @gmail.com and
@googlemail.com; phones as +, country and number. meta: e-mails trimmed and lower case; phones as
digits with the country, without + and leading zeros. plain: e-mails trimmed and lower case; phones
as google. Each is an expression over a text, so that a list of any length is one statement.
"""

from __future__ import annotations

from functools import cache

import phonenumbers

# Where a 0 before a national number is part of it.
KEEPS_ZERO = frozenset({"IT", "SM", "VA"})
GMAIL = "'@(gmail|googlemail)\\.com$'"


@cache
def _country_code(country: str | None) -> str:
    """The calling code; a tenant that names no country is taken to be North American."""
    if country is None:
        return "1"
    return str(phonenumbers.country_code_for_region(country.upper()) or "")


def phone_e164(phone: str, country: str | None) -> str:
    """The phone `phone` (SQL) as +, country and number; NULL where nothing can be made of it."""
    digits = f"regexp_replace({phone}, '[^0-9]', '', 'g')"
    code = _country_code(country)
    is_international = f"starts_with(trim({phone}), '+')"
    cases = [f"WHEN {is_international} THEN '+' || {digits}"]
    if code == "1":
        cases.append(f"WHEN length({digits}) = 10 THEN '+1' || {digits}")
        national = f"WHEN length({digits}) = 11 AND starts_with({digits}, '1') THEN '+' || {digits}"
        cases.append(national)
    elif country is not None and code:
        cases.append(f"WHEN starts_with({digits}, '00') THEN '+' || substr({digits}, 3)")
        if country.upper() not in KEEPS_ZERO:
            trunk = f"WHEN starts_with({digits}, '0') THEN '+{code}' || ltrim({digits}, '0')"
            cases.append(trunk)
        cases.append(f"WHEN length({digits}) >= 5 THEN '+{code}' || {digits}")
    return f"CASE {' '.join(cases)} END"


def hashed(column: str, kind: str, form: str, country: str | None) -> str:
    """The hash of an address: `kind` email or phone, `form` google, meta or plain."""
    return f"sha256({normalised(column, kind, form, country)})"


def normalised(column: str, kind: str, form: str, country: str | None) -> str:
    if kind == "phone":
        e164 = phone_e164(column, country)
        return f"ltrim({e164}, '+0')" if form == "meta" else e164
    lower = f"lower(trim({column}))"
    if form != "google":
        return lower
    compact = f"regexp_replace(lower({column}), '\\s', '', 'g')"
    local = f"replace(split_part({compact}, '@', 1), '.', '')"
    return (
        f"CASE WHEN regexp_matches({compact}, {GMAIL}) "
        f"THEN {local} || '@' || split_part({compact}, '@', 2) ELSE {compact} END"
    )

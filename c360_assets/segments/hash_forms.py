"""Addresses in the form in which a receiver matches them: its published normalisation, then SHA-256
in hexadecimal.

google: e-mails without white space, lower case, without dots before @gmail.com and
@googlemail.com; phones as +, country and number. meta: e-mails trimmed and lower case; phones as
digits with the country, without + and leading zeros. plain: e-mails trimmed and lower case; phones
as google. Each is an expression over a text, so that a list of any length is one statement.
"""

from __future__ import annotations

GMAIL = "'@(gmail|googlemail)\\.com$'"


def phone_e164(phone: str, country: str | None) -> str:
    """The phone `phone` (SQL) as +, country and number; NULL where nothing can be made of it.

    With a country by its numbering plan, for which the session has the macro `phone_international`.
    """
    if country is not None:
        return f"'+' || phone_international({phone})"
    digits = f"regexp_replace({phone}, '[^0-9]', '', 'g')"
    return (
        f"CASE WHEN starts_with(trim({phone}), '+') THEN '+' || {digits}"
        f" WHEN length({digits}) = 10 THEN '+1' || {digits}"
        f" WHEN length({digits}) = 11 AND starts_with({digits}, '1') THEN '+' || {digits} END"
    )


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

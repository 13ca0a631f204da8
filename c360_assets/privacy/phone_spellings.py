"""How people write a phone number: a search for one spelling alone overlooks the others."""

from __future__ import annotations

from itertools import product

# What stands between the groups of a number.
BETWEEN = ("", " ", "-", ".", "/")


def phone_spellings(form: str, region: str) -> set[str]:
    """The usual spellings of a cleaned number (digits) at home in `region`, such as `601 234 567`
    and `+48 601-234-567`; none of digits that are no number there.
    """
    import phonenumbers

    spelt: set[str] = set()
    for text, (code, between) in product((form, f"+{form}"), product((False, True), BETWEEN)):
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if not phonenumbers.is_valid_number(number):
            continue
        formats = phonenumbers.PhoneNumberFormat
        written = phonenumbers.format_number(
            number, formats.INTERNATIONAL if code else formats.NATIONAL
        )
        groups = written.replace("-", " ").replace("(", "").replace(")", "").split()
        spelt |= {written, between.join(groups)}
        if code:
            # The code is mostly apart, and two zeros stand for the plus.
            apart = f"{groups[0]} {between.join(groups[1:])}"
            spelt |= {apart, apart.replace("+", "00"), between.join(groups).replace("+", "00")}
    return spelt

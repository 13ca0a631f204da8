"""The way in to value normalisation: which function cleans which semantic.

Rules live in `names`, `contacts` and `addresses`; this module only lists them, so that a blocklist
entry, a separation key and a record's value always pass through the same function.
"""

from collections.abc import Callable

import polars as pl

from c360_assets.semantics.addresses import (
    clean_address,
    clean_city,
    clean_postal,
    clean_state,
    po_box,
    with_lost_zeros,
)
from c360_assets.semantics.contact_marks import email_values, phone_values
from c360_assets.semantics.contacts import clean_email, clean_phone, email_login
from c360_assets.semantics.countries import Home
from c360_assets.semantics.names import (
    clean_company,
    clean_gender,
    clean_name,
    clean_suffix,
    clean_surname,
    gender_from_title,
    generational_suffix,
    name_number,
    split_full_name,
)
from c360_assets.semantics.phone_plans import compared, home_plan
from c360_assets.semantics.text import in_plain_digits, missing_to_null

__all__ = [
    "CLEANERS",
    "MULTI_VALUED",
    "clean_address",
    "clean_city",
    "clean_company",
    "clean_date",
    "clean_email",
    "clean_gender",
    "clean_key",
    "clean_name",
    "clean_phone",
    "clean_postal",
    "clean_state",
    "clean_suffix",
    "clean_surname",
    "cleaner",
    "email_login",
    "email_values",
    "gender_from_title",
    "generational_suffix",
    "name_number",
    "phone_values",
    "po_box",
    "split_full_name",
    "with_lost_zeros",
]


# A spreadsheet's marks for texts around a key, and the brackets that some programs put around a
# GUID: `'6500012`, `="6500012"`, `{6F9619FF-…}`.
KEY_MARKS = """^'|^="|"$|^[{]|[}]$"""
# A number of nine digits or more, as states give them to people, whose last sign may be a letter.
# Signs between the digits are no part of it: `111.444.777-35` is `11144477735`.
LONG_NUMBER = "^(?:[0-9][./ -]?){8,}[0-9A-Z]$"
BETWEEN_DIGITS = "[./ -]"


def clean_key(expr: pl.Expr) -> pl.Expr:
    """A foreign, blocking or separation key compared without case, a spreadsheet's marks and the
    signs between the digits of a long number; digits of all scripts are one."""
    plain = unmarked_key(expr).map_batches(_plain_key, return_dtype=pl.String, is_elementwise=True)
    return missing_to_null(plain)


def unmarked_key(expr: pl.Expr) -> pl.Expr:
    """A key without blanks and a spreadsheet's marks around it."""
    return expr.str.strip_chars().str.replace_all(KEY_MARKS, "")


def _plain_key(values: pl.Series) -> pl.Series:
    """Keys in upper case and digits of ASCII, long numbers without signs between them."""
    keys = in_plain_digits(values).str.to_uppercase()
    is_long = keys.str.contains(LONG_NUMBER).fill_null(False)
    if not is_long.any():
        return keys
    joined = keys.filter(is_long).str.replace_all(BETWEEN_DIGITS, "")
    return keys.scatter(is_long.arg_true(), joined)


def clean_date(expr: pl.Expr) -> pl.Expr:
    """ISO text of a date, from ISO text with or without a time; NULL when it is no date."""
    return (
        expr.str.strip_chars()
        .str.head(10)
        .str.to_date("%Y-%m-%d", strict=False)
        .dt.to_string("%Y-%m-%d")
    )


MULTI_VALUED = ("email", "phone")

CLEANERS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "given-name": clean_name,
    "surname": clean_surname,
    "full-name": clean_name,
    "generational-suffix": clean_suffix,
    "gender": clean_gender,
    "birthdate": clean_date,
    "email": clean_email,
    "phone": clean_phone,
    "address": clean_address,
    "city": clean_city,
    "state": clean_state,
    "postal": clean_postal,
    "company": clean_company,
}


def cleaner(semantic: str, home: Home | None = None) -> Callable[[pl.Expr], pl.Expr]:
    """The function that cleans values of a semantic, which is spelt as its tag (`given-name`).

    Phones, states and streets are read as they are written at home. Keys and custom tags are
    cleaned by `clean_key`.
    """
    if home is not None:
        local: dict[str, Callable[[pl.Expr], pl.Expr]] = {
            "phone": lambda value: compared(value, home_plan(home)),
            "state": lambda value: clean_state(value, country=home.country),
            "address": lambda value: clean_address(value, country=home.country),
        }
        if semantic in local:
            return local[semantic]
    return CLEANERS.get(semantic.removeprefix("sk-"), clean_key)

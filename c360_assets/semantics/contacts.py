"""E-mail addresses and phone numbers as they are compared, as Polars expressions.

Cleaning keeps what can be compared; whether a value is well-formed is `validity`, whether it is
junk is `blocklist`.
"""

import polars as pl

from c360_assets.semantics.text import missing_to_null

# "Derek <derek@example.com>" and "mailto:derek@example.com" are both that address.
_ADDRESS = r"([^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+)"
# An extension is cut before the last ten digits are taken, else "415-290-5727 x12" would be another
# number.
EXTENSION = r"(?i)\s*(?:extension|ext|x)[.:]?\s*[0-9]+\s*$"


def split_values(expr: pl.Expr) -> pl.Expr:
    """The single values of a consolidated column as List(String), blanks included.

    NULL stays NULL.
    """
    return expr.str.replace_all(";", ",", literal=True).str.split(",")


def clean_email(expr: pl.Expr) -> pl.Expr:
    """Local part and domain in upper case without `+tag`; NULL without both parts.

    Dots in the local part stay.
    """
    address = expr.str.extract(_ADDRESS).str.to_uppercase()
    address = address.str.replace(r"\+[^@]*@", "@")
    return address.str.strip_chars(".'").str.extract("^([^@]+@[^@]+)$")


def email_login(expr: pl.Expr) -> pl.Expr:
    """Local part of a cleaned e-mail address."""
    return expr.str.extract("^([^@]+)@")


def clean_phone(expr: pl.Expr) -> pl.Expr:
    """The last ten digits, all of them where there are fewer; NULL without digits."""
    digits = expr.str.replace(EXTENSION, "").str.replace_all("[^0-9]", "")
    return missing_to_null(digits.str.tail(10))

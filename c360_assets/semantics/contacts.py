"""E-mail addresses and phone numbers as they are compared, as Polars expressions.

Marks of exports are taken off, and the values of a field told apart, by `contact_marks`. Cleaning
keeps what can be compared; whether a value is well-formed is `validity`, whether it is junk is
`blocklist`.
"""

import polars as pl

from c360_assets.semantics.contact_marks import email_text, phone_digits

# "Derek <derek@example.com>" and "mailto:derek@example.com" are both that address.
_ADDRESS = r"([^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+)"


def clean_email(expr: pl.Expr) -> pl.Expr:
    """Local part and domain in upper case without `+tag`; NULL without both parts.

    Dots in the local part stay.
    """
    address = email_text(expr).str.extract(_ADDRESS).str.to_uppercase()
    address = address.str.replace(r"\+[^@]*@", "@")
    return address.str.strip_chars(".'").str.extract("^([^@]+@[^@]+)$")


def email_login(expr: pl.Expr) -> pl.Expr:
    """Local part of a cleaned e-mail address."""
    return expr.str.extract("^([^@]+)@")


def clean_phone(expr: pl.Expr) -> pl.Expr:
    """The last ten digits, all of them where there are fewer; NULL without digits."""
    return phone_digits(expr).str.tail(10)

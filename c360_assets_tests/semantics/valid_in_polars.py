"""Whether e-mail addresses and phone numbers are valid, computed a second time in Polars."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from c360_assets.semantics.contact_marks import email_values, phone_values
from c360_assets.semantics.validity import (
    EMAIL_LENGTH,
    EMAIL_PATTERN,
    LOCAL_LENGTH,
    number_valid,
)


def email_valid(expr: pl.Expr) -> pl.Expr:
    """Boolean: each address of the field is well formed and not too long, marks of exports off."""
    return _every(email_values(expr), _address_valid)


def phone_valid(expr: pl.Expr, region: str = "nanp") -> pl.Expr:
    """Boolean: each number of the field is valid in the region."""
    return _every(phone_values(expr), lambda value: number_valid(value, region))


def _every(values: pl.Expr, is_valid: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Whether a field has values and each is valid; NULL without a field."""
    n_invalid = values.list.eval(~is_valid(pl.element()).fill_null(False)).list.sum()
    return (values.list.len() > 0) & (n_invalid == 0)


def _address_valid(value: pl.Expr) -> pl.Expr:
    local_part = value.str.split("@").list.first()
    fits = value.str.len_chars() <= EMAIL_LENGTH
    local_fits = local_part.str.len_chars() <= LOCAL_LENGTH
    return fits & local_fits & value.str.contains(EMAIL_PATTERN)

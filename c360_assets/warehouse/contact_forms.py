"""The form in which e-mail addresses and phone numbers are compared between places.

A field may hold several; each spelling that cleans to the same is the same. Cleaning itself is of
`semantics`.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from c360_assets.semantics.normalize import (
    clean_email,
    clean_phone,
    email_values,
    phone_values,
)

SPLIT: dict[str, Callable[[pl.Expr], pl.Expr]] = {"email": email_values, "phone": phone_values}
CLEAN: dict[str, Callable[[pl.Expr], pl.Expr]] = {"email": clean_email, "phone": clean_phone}
SHORTEST_PHONE = 7  # digits; fewer identify nobody


def contact_forms(kind: str, values: pl.Series) -> pl.DataFrame:
    """Columns value and form: each distinct value with the forms of the contacts in it."""
    distinct = values.cast(pl.String).drop_nulls().unique().rename("value").to_frame()
    several = distinct.with_columns(form=SPLIT[kind](pl.col("value"))).explode("form")
    forms = several.with_columns(form=CLEAN[kind](pl.col("form"))).drop_nulls("form")
    if kind == "phone":
        forms = forms.filter(pl.col("form").str.len_chars() >= SHORTEST_PHONE)
    return forms.unique(maintain_order=True)

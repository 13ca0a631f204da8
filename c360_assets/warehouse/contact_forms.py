"""The form in which e-mail addresses and phone numbers are compared between places.

A field may hold several; each spelling that cleans to the same is the same. Cleaning itself is of
`semantics`.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from c360_assets.semantics.countries import Home
from c360_assets.semantics.normalize import (
    clean_email,
    clean_phone,
    cleaner,
    email_values,
    phone_values,
)

SPLIT: dict[str, Callable[[pl.Expr], pl.Expr]] = {"email": email_values, "phone": phone_values}
CLEAN: dict[str, Callable[[pl.Expr], pl.Expr]] = {"email": clean_email, "phone": clean_phone}
SHORTEST_PHONE = 7  # digits; fewer identify nobody


def contact_forms(kind: str, values: pl.Series, home: Home | None = None) -> pl.DataFrame:
    """Columns value and form: each distinct value with the forms of the contacts in it.

    A phone number has two: its last ten digits, which no setting changes, and as the numbering plan
    of `home` reads it, in which `030 555` and `+49 30 555` are one.
    """
    distinct = values.cast(pl.String).drop_nulls().unique().rename("value").to_frame()
    several = distinct.with_columns(form=SPLIT[kind](pl.col("value"))).explode("form")
    ways = [CLEAN[kind]]
    if kind == "phone" and home is not None:
        ways.append(cleaner(kind, home))
    cleaned = [several.with_columns(form=clean(pl.col("form"))) for clean in ways]
    forms = pl.concat(cleaned).drop_nulls("form")
    if kind == "phone":
        forms = forms.filter(pl.col("form").str.len_chars() >= SHORTEST_PHONE)
    return forms.unique(maintain_order=True)

"""Retail tenants for the tests of Stitch: people of the demo generator, in four sources of
different completeness.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from c360_assets.demo.people import make_people
from c360_assets.demo.values import load_values

SOURCES = {  # share of the people, and of each group of fields, that the source holds
    "Shop:Customers": (
        0.7,
        {"given_name": 1.0, "surname": 1.0, "email": 0.98, "phone": 0.5, "address": 0.8},
    ),
    "Till:Customers": (
        0.5,
        {"given_name": 0.9, "surname": 0.9, "email": 0.3, "phone": 0.5, "address": 0.3},
    ),
    "Club:Members": (
        0.4,
        {
            "given_name": 1.0,
            "surname": 1.0,
            "email": 0.9,
            "phone": 0.7,
            "address": 0.6,
            "birthdate": 0.9,
        },
    ),
    "News:Readers": (0.3, {"given_name": 0.4, "surname": 0.2, "email": 1.0}),
}

# Column of a record -> column of the demo's people.
ADDRESS = {
    "address": "street_line",
    "address2": "unit",
    "city": "city",
    "state": "state",
    "postal": "zip",
}


@cache
def retail(people: int = 1000, seed: int = 3) -> pl.DataFrame:
    """Records as they are landed: datasource, pk, semantic columns, and `person`, the truth."""
    rng = np.random.default_rng(seed)
    everyone = make_people(rng, load_values(), 0, people)
    parts = []
    for source, (share, held) in SOURCES.items():
        known = everyone.filter(pl.Series(rng.random(everyone.height) < share))
        n = known.height
        uses_nick = pl.Series(rng.random(n) < 0.15)
        is_old = pl.Series(rng.random(n) < 0.1)
        fields = _fields(source, uses_nick, is_old)
        has_address = pl.Series(rng.random(n) < held.get("address", 0.0))
        kept = {}
        for name, value in fields.items():
            if name in ADDRESS:
                is_held = has_address
            else:
                is_held = pl.Series(rng.random(n) < held.get(name, 0.0))
            kept[name] = pl.when(is_held).then(value)
        parts.append(
            known.select(
                datasource=pl.lit(source),
                pk=pl.col("person").cast(pl.String),
                person="person",
                **kept,
            )
        )
    return pl.concat(parts)


def _fields(source: str, uses_nick: pl.Series, is_old: pl.Series) -> dict[str, pl.Expr]:
    """What the source writes down of a person; old records hold former names and addresses."""
    numbers = ("landline", "mobile") if source.startswith("Till") else ("mobile", "landline")
    former_surname = pl.coalesce("former_surname", "surname")
    old_email = pl.coalesce("old_email", "email")
    email = pl.coalesce("email", "family_email")
    fields = {
        "given_name": pl.when(uses_nick).then("nick").otherwise("given"),
        "surname": pl.when(is_old).then(former_surname).otherwise("surname"),
        "email": pl.when(is_old).then(old_email).otherwise(email),
        "phone": pl.coalesce(numbers),
        "birthdate": pl.col("birthdate").cast(pl.String),
    }
    for name, column in ADDRESS.items():
        fields[name] = pl.when(is_old).then(f"former_{column}").otherwise(column)
    return fields

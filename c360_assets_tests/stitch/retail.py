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


@cache
def retail(people: int = 1000, seed: int = 3) -> pl.DataFrame:
    """Records as they are landed: datasource, pk, semantic columns, and `person`, the truth."""
    rng = np.random.default_rng(seed)
    who = make_people(rng, load_values(), 0, people)
    parts = []
    for source, (share, held) in SOURCES.items():
        known = who.filter(pl.Series(rng.random(who.height) < share))
        n = known.height
        nick, old = (pl.Series(rng.random(n) < p) for p in (0.15, 0.1))
        fields = {
            "given_name": pl.when(nick).then("nick").otherwise("given"),
            "surname": pl.when(old)
            .then(pl.coalesce("former_surname", "surname"))
            .otherwise("surname"),
            "email": pl.when(old)
            .then(pl.coalesce("old_email", "email"))
            .otherwise(pl.coalesce("email", "family_email")),
            "phone": pl.coalesce("landline", "mobile")
            if source.startswith("Till")
            else pl.coalesce("mobile", "landline"),
            "birthdate": pl.col("birthdate").cast(pl.String),
        }
        for name, value in (
            ("address", "street_line"),
            ("address2", "unit"),
            ("city", "city"),
            ("state", "state"),
            ("postal", "zip"),
        ):
            fields[name] = pl.when(old).then(f"former_{value}").otherwise(value)
        home = pl.Series(rng.random(n) < held.get("address", 0.0))
        kept = {
            name: pl.when(
                home
                if name in ("address", "address2", "city", "state", "postal")
                else pl.Series(rng.random(n) < p)
            ).then(value)
            for name, value, p in (
                (name, value, held.get(name, 0.0)) for name, value in fields.items()
            )
        }
        parts.append(
            known.select(
                datasource=pl.lit(source),
                pk=pl.col("person").cast(pl.String),
                person="person",
                **kept,
            )
        )
    return pl.concat(parts)

"""Which records hold the contacts of a workplace: phones, addresses and domains that people of one
company share.

Whoever buys for a company has two of each contact, one at work and one at home. A company alone
says nothing of it: many give their employer beside their contacts at home.
"""

from __future__ import annotations

import polars as pl

CONTACTS = ("phone", "address", "domain")
COLLEAGUES = 2  # of different surnames hold a contact of a workplace at least


def at_work(records: pl.DataFrame) -> pl.Series:
    """Whether each record holds a contact that people of its company share, and mostly they.

    Reads `company`, `surname` and the contacts. Needs all records.
    """
    found = pl.Series("at_work", [False]).new_from_index(0, records.height)
    if not records["company"].count():
        return found
    for contact in CONTACTS:
        held = records.select("company", "surname", contact).filter(pl.col(contact).is_not_null())
        of_company = (
            held.drop_nulls("company")
            .group_by("company", contact)
            .agg(holders=pl.len(), people=pl.col("surname").drop_nulls().n_unique())
        )
        of_all = held.group_by(contact).len("all_holders")
        shared = of_company.join(of_all, on=contact).filter(
            pl.col("people") >= COLLEAGUES, pl.col("holders") * 2 > pl.col("all_holders")
        )
        values = shared.select("company", contact, is_shared=pl.lit(True))
        joined = records.select("company", contact).join(
            values, on=["company", contact], how="left", maintain_order="left"
        )
        found = found | joined["is_shared"].fill_null(False)
    return found.alias("at_work")

"""Cells of rows of others, or of nobody, that name somebody who was forgotten, as they land again:
emptied, as forgetting emptied them.

A note is known by an e-mail address or phone number in it, and as the text that was emptied before.
Rows of the people themselves are left out or blanked in `forgotten`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import polars as pl

from c360_assets.ingest import upsert
from c360_assets.ingest.forgotten_values import ForgottenValues, column_text
from c360_assets.ingest.incoming import INCOMING
from c360_assets.ingest.personal_columns import CONTACTS, Meaning
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import Suppression

CELLS = "_c360_forgotten_cells"
SHORTEST = 8
# An address or number within a text.
WITHIN = {
    "email": r"[^\s,;:|\"'<>()\[\]{}]+@[^\s,;:|\"'<>()\[\]{}]+",
    "phone": r"\+?\d(?:[ ()/.\-]{0,3}\d){6,14}",
}
Naming = Literal["cell", "email", "phone"]
KEYS: tuple[Naming, ...] = ("cell", "email")  # a number in a key may be any
EVERYTHING: tuple[Naming, ...] = ("cell", *CONTACTS)
HITS_SCHEMA = {"value": pl.String, "allowed_from": pl.String}


def empty_cells(
    session: Session, suppression: Suppression, tenant: Tenant, feed: FeedConfig, meaning: Meaning
) -> dict[int, int]:
    """Empty such cells of the incoming table; number of the file -> how many.

    The session has the delivery days of the files as `_c360_days`.
    """
    counts: dict[int, int] = {}
    for column in _free_columns(feed, meaning):
        values = _distinct(session, column)
        # A value with a tag, such as a street, may be that of others by now; a note is what it was.
        kinds = CONTACTS if meaning.tags.get(column) else EVERYTHING
        hits = cell_hits(session, suppression, tenant, values, kinds)
        if hits.is_empty():
            continue
        for file, cells in _empty(session, column, hits):
            counts[file] = counts.get(file, 0) + cells
    return counts


def naming_keys(
    session: Session, suppression: Suppression, tenant: Tenant, feed: FeedConfig, meaning: Meaning
) -> Iterator[ForgottenValues]:
    """Keys without a tag that name somebody by an e-mail address, or stood in an emptied text: a
    row cannot stand without its key."""
    known = _known_columns(meaning)
    types = upsert.columns_of(feed)
    for column in feed.primary_key:
        if types[column] != "VARCHAR" or column in known:
            continue
        hits = cell_hits(session, suppression, tenant, _distinct(session, column), KEYS)
        if hits.height:
            hits = hits.with_columns(mode=pl.lit("delete"))
            yield ForgottenValues("record", column_text(column), hits)


def is_worth_knowing(text: str) -> bool:
    """Whether an emptied text says who somebody is: a word alone may be anyone's."""
    return len(text) >= SHORTEST and any(sign.isspace() or sign.isdigit() for sign in text)


def _free_columns(feed: FeedConfig, meaning: Meaning) -> list[str]:
    """Texts that are no key, and no contact, by which the row itself is known."""
    known = {*feed.primary_key, *_known_columns(meaning)}
    types = upsert.columns_of(feed)
    return [name for name, type_ in types.items() if type_ == "VARCHAR" and name not in known]


def _known_columns(meaning: Meaning) -> set[str]:
    contacts = {name for kind in CONTACTS for name in meaning.contacts[kind]}
    return {*contacts, *meaning.hashed, *(name for name, _ in meaning.foreign_keys)}


def _distinct(session: Session, column: str) -> pl.Series:
    name = quote_ident(column)
    rows = session.frame(
        f"SELECT DISTINCT {name} AS value FROM {INCOMING} WHERE length({name}) >= 7"
    )
    return rows["value"].cast(pl.String)


def cell_hits(
    session: Session,
    suppression: Suppression,
    tenant: Tenant,
    values: pl.Series,
    kinds: Sequence[Naming] = EVERYTHING,
) -> pl.DataFrame:
    """Columns value and allowed_from: the texts that name somebody who was forgotten, or were
    emptied once. The last is the day of delivery from which the text may stand."""
    texts = values.rename("value").to_frame()
    found = [pl.DataFrame(schema=HITS_SCHEMA)]
    for kind in kinds:
        if not suppression.has(kind):
            continue
        if kind == "cell":
            found.append(suppression.hits(session.con, kind, values).select(*HITS_SCHEMA))
            continue
        parts = texts.with_columns(part=pl.col("value").str.extract_all(WITHIN[kind]))
        parts = parts.explode("part").drop_nulls("part")
        # What ends a sentence is no part of an address.
        parts = parts.with_columns(part=pl.col("part").str.strip_chars(".!?"))
        forms = contact_forms(kind, parts["part"].unique(), tenant.home)
        hits = suppression.hits(session.con, kind, forms["form"])
        named = forms.join(hits.rename({"value": "form"}), on="form").select(
            pl.col("value").alias("part"), "allowed_from"
        )
        found.append(parts.join(named, on="part").select(*HITS_SCHEMA))
    # Of several the one counts that never comes in again.
    return pl.concat(found).group_by("value").agg(pl.col("allowed_from").min()).sort("value")


def _empty(session: Session, column: str, hits: pl.DataFrame) -> list[tuple[int, int]]:
    session.register("_c360_cells", hits)
    rows = (
        f"SELECT i._file, i._row FROM {INCOMING} i "
        f"JOIN _c360_cells h ON {column_text(column)} = h.value "
        "JOIN _c360_days d ON d._file = i._file "
        "WHERE h.allowed_from = '' OR d.day < h.allowed_from"
    )
    session.execute(f"CREATE OR REPLACE TEMP TABLE {CELLS} AS {rows}")
    session.con.unregister("_c360_cells")
    counts = session.rows(f"SELECT _file, count(*) FROM {CELLS} GROUP BY _file ORDER BY _file")
    session.execute(
        f"UPDATE {INCOMING} SET {quote_ident(column)} = NULL "
        f"WHERE (_file, _row) IN (SELECT (_file, _row) FROM {CELLS})"
    )
    session.execute(f"DROP TABLE {CELLS}")
    return [(file, count) for file, count in counts]

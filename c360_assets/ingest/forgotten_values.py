"""Which values of a table's rows the memory of who was forgotten knows, column by column.

One question for rows that land and for rows that are stored: the first are judged in `forgotten`,
the others in the room `privacy`. The memory itself is `warehouse.suppression`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import duckdb
import polars as pl

from c360_assets.ingest.personal_columns import CONTACTS, Meaning, foreign_key_form
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import Kind, Suppression, foreign_key_text, record_text

REQUEST_ID = "compliance/request-id"
LISTED_VALUE = "blv/value"


@dataclass(frozen=True)
class ForgottenValues:
    """Texts of one column that were forgotten, as one kind of identifier.

    `hits` has the columns value, mode, allowed_from: a row with that text is somebody's who was
    forgotten, unless it was delivered on the day `allowed_from` or later.
    """

    kind: Kind
    column: str
    hits: pl.DataFrame


def forgotten_values(
    con: duckdb.DuckDBPyConnection,
    suppression: Suppression,
    tenant: Tenant,
    meaning: Meaning,
    source: str,
    columns: Collection[str],
) -> Iterator[ForgottenValues]:
    """What the memory knows of the FROM item `source`, which has these columns and `_pk`."""
    texts = _texts(con, tenant, meaning, source, columns, suppression)
    for kind, column, forms in texts:
        found = known(con, suppression, kind, column, forms)
        if found is not None:
            yield found


def known(
    con: duckdb.DuckDBPyConnection,
    suppression: Suppression,
    kind: Kind,
    column: str,
    texts: pl.DataFrame,
) -> ForgottenValues | None:
    """Those of the values of a column of which a text was forgotten; `texts`: value, text."""
    hits = suppression.hits(con, kind, texts["text"])
    if hits.is_empty():
        return None
    named = texts.join(hits.rename({"value": "text"}), on="text")
    # An address or number alone never blanks a row: the row is another one than was kept.
    mode = pl.col("mode") if kind in ("record", "fk") else pl.lit("delete")
    return ForgottenValues(kind, column, named.select("value", "allowed_from", mode=mode))


def key_texts(forms: pl.DataFrame, tag: str) -> pl.DataFrame:
    """Columns value and text of foreign keys, of columns value and form."""
    prefix = pl.lit(foreign_key_text(tag, ""))
    return forms.select("value", text=prefix + pl.col("form"))


def _texts(
    con: duckdb.DuckDBPyConnection,
    tenant: Tenant,
    meaning: Meaning,
    source: str,
    columns: Collection[str],
    suppression: Suppression,
) -> Iterator[tuple[Kind, str, pl.DataFrame]]:
    """Kind, column, and each distinct value with the text that is hashed of it."""
    prefix = pl.lit(record_text(meaning.table.name, ""))
    keys = _distinct(con, source, "_pk").to_frame()
    yield "record", "_pk", keys.with_columns(text=prefix + pl.col("value"))
    if meaning.is_requests:
        for column in _tagged(meaning, REQUEST_ID, columns):
            ids = _distinct(con, source, column)
            yield "request", column, pl.DataFrame({"value": ids, "text": ids})
        return
    if suppression.has("fk"):
        for column, tag in meaning.foreign_keys:
            if column in columns:
                yield "fk", column, _foreign_keys(con, tenant, source, column, tag)
    for kind in CONTACTS:
        if not suppression.has(kind):
            continue
        own = [column for column in meaning.contacts[kind] if column in columns]
        for column in [*own, *_tagged(meaning, LISTED_VALUE, columns)]:
            forms = contact_forms(kind, _distinct(con, source, column), tenant.home)
            yield kind, column, forms.rename({"form": "text"})


def _tagged(meaning: Meaning, tag: str, columns: Collection[str]) -> list[str]:
    return [name for name, tags in meaning.tags.items() if tag in tags and name in columns]


def _foreign_keys(
    con: duckdb.DuckDBPyConnection, tenant: Tenant, source: str, column: str, tag: str
) -> pl.DataFrame:
    text = f"CAST({quote_ident(column)} AS VARCHAR)"
    form = foreign_key_form(tenant, column, tag)
    forms = con.sql(
        f"SELECT DISTINCT {text} AS value, {form} AS form FROM {source} WHERE {form} IS NOT NULL"
    ).pl()
    return key_texts(forms, tag)


def _distinct(con: duckdb.DuckDBPyConnection, source: str, column: str) -> pl.Series:
    name = quote_ident(column)
    return con.sql(
        f"SELECT DISTINCT CAST({name} AS VARCHAR) AS value FROM {source} WHERE {name} IS NOT NULL"
    ).pl()["value"]

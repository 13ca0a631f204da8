"""Which values of a table's rows the memory of who was forgotten knows, column by column.

One question for rows that land and for rows that are stored: the first are judged in `forgotten`,
the others in the room `privacy`. The memory itself is `warehouse.suppression`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import duckdb
import polars as pl

from c360_assets.ingest.personal_columns import CONTACTS, Meaning, computed_key_form
from c360_assets.semantics.normalize import BETWEEN_DIGITS, LONG_NUMBER, unmarked_key
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
    forgotten, unless it was delivered on the day `allowed_from` or later. `text_sql` gives the text
    of a row.
    """

    kind: Kind
    text_sql: str
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
    for kind, text_sql, forms in texts:
        found = known(con, suppression, kind, text_sql, forms)
        if found is not None:
            yield found


def known(
    con: duckdb.DuckDBPyConnection,
    suppression: Suppression,
    kind: Kind,
    text_sql: str,
    texts: pl.DataFrame,
) -> ForgottenValues | None:
    """Those of the values of a column of which a text was forgotten; `texts`: value, text."""
    hits = suppression.hits(con, kind, texts["text"])
    if hits.is_empty():
        return None
    named = texts.join(hits.rename({"value": "text"}), on="text")
    # An address or number alone never blanks a row: the row is another one than was kept.
    mode = pl.col("mode") if kind in ("record", "fk") else pl.lit("delete")
    return ForgottenValues(kind, text_sql, named.select("value", "allowed_from", mode=mode))


def key_texts(forms: pl.DataFrame, tag: str) -> pl.DataFrame:
    """Columns value and text of foreign keys, of columns value and form.

    Long numbers have a second text, with the signs between their digits: by an earlier version they
    were remembered so.
    """
    prefix = pl.lit(foreign_key_text(tag, ""))
    with_signs = unmarked_key(pl.col("value")).str.to_uppercase()
    joined = with_signs.str.replace_all(BETWEEN_DIGITS, "")
    is_joined = with_signs.str.contains(LONG_NUMBER) & (joined == pl.col("form"))
    earlier = forms.filter(is_joined & (with_signs != pl.col("form")))
    return pl.concat(
        [
            forms.select("value", text=prefix + pl.col("form")),
            earlier.select("value", text=prefix + with_signs),
        ]
    )


def _texts(
    con: duckdb.DuckDBPyConnection,
    tenant: Tenant,
    meaning: Meaning,
    source: str,
    columns: Collection[str],
    suppression: Suppression,
) -> Iterator[tuple[Kind, str, pl.DataFrame]]:
    """Kind, SQL of a text, and each distinct value of it with what is hashed of it."""
    prefix = pl.lit(record_text(meaning.table.name, ""))
    keys = _distinct(con, source, column_text("_pk")).to_frame()
    yield "record", column_text("_pk"), keys.with_columns(text=prefix + pl.col("value"))
    if meaning.is_requests:
        for column in _tagged(meaning, REQUEST_ID, columns):
            ids = _distinct(con, source, column_text(column))
            yield "request", column_text(column), pl.DataFrame({"value": ids, "text": ids})
        return
    if suppression.has("fk"):
        named = [(quote_ident(name), tag) for name, tag in meaning.foreign_keys if name in columns]
        # Of a row that was not judged yet it may not be computable.
        computed = [(f"TRY({sql})", tag) for sql, tag in meaning.computed_keys]
        for sql, tag in [*named, *computed]:
            text = f"CAST({sql} AS VARCHAR)"
            keys_of_tag = _foreign_keys(con, tenant, source, sql, tag)
            if keys_of_tag is not None:
                yield "fk", text, keys_of_tag
    for kind in CONTACTS:
        if not suppression.has(kind):
            continue
        own = [column for column in meaning.contacts[kind] if column in columns]
        for column in [*own, *_tagged(meaning, LISTED_VALUE, columns)]:
            text = column_text(column)
            forms = contact_forms(kind, _distinct(con, source, text), tenant.home)
            yield kind, text, forms.rename({"form": "text"})


def column_text(column: str) -> str:
    """SQL for the text of a column."""
    return f"CAST({quote_ident(column)} AS VARCHAR)"


def _tagged(meaning: Meaning, tag: str, columns: Collection[str]) -> list[str]:
    return [name for name, tags in meaning.tags.items() if tag in tags and name in columns]


def _foreign_keys(
    con: duckdb.DuckDBPyConnection, tenant: Tenant, source: str, sql: str, tag: str
) -> pl.DataFrame | None:
    """The keys that the rows of `source` name; None where they lack a column that the SQL reads."""
    form = computed_key_form(tenant, sql, tag)
    try:
        forms = con.sql(
            f"SELECT DISTINCT CAST({sql} AS VARCHAR) AS value, {form} AS form FROM {source} "
            f"WHERE {form} IS NOT NULL"
        ).pl()
    except duckdb.BinderException:
        return None
    return key_texts(forms, tag)


def _distinct(con: duckdb.DuckDBPyConnection, source: str, text: str) -> pl.Series:
    return con.sql(f"SELECT DISTINCT {text} AS value FROM {source} WHERE {text} IS NOT NULL").pl()[
        "value"
    ]

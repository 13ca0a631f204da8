"""Identifiers held against the memory of who was forgotten: known already, or let in again.

The memory itself is `warehouse.suppression`; rows are held against it in `ingest.forgotten` and
`forgotten_rows`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import duckdb
import polars as pl

from c360_assets.ingest.personal_columns import CONTACTS, foreign_key_form, meanings
from c360_assets.ingest.upsert import key_values
from c360_assets.privacy.identifiers import Identifiers
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.suppression import (
    Kind,
    Suppression,
    foreign_key_text,
    hashes,
    record_text,
    replace_lines,
)


def already_forgotten(session: Session, tenant: Tenant, asked: Identifiers) -> list[str]:
    """Receipts by which somebody of these identifiers was forgotten earlier."""
    suppression = Suppression.of(tenant.root)
    if suppression.is_empty:
        return []
    con = session.con
    ids = pl.Series("value", list(asked.amperity_ids), dtype=pl.String)
    looked = [suppression.hits(con, "person", ids)]
    for kind, values in _hashed_values(con, asked, tenant).items():
        looked.append(suppression.hits(con, kind, values))
    return sorted({receipt for hits in looked for receipt in hits["receipt"]})


def let_in(
    tenant: Tenant, asked: Identifiers, day: date, foreign_keys: Sequence[tuple[str, str]] = ()
) -> int:
    """Let identifiers that were forgotten come in again with deliveries from a day on; how many.

    `foreign_keys` are (tag, value); those within the key of a source row are let in with it. The
    caller owns the tenant.
    """
    suppression = Suppression.of(tenant.root)
    lines = suppression.lines
    changed = 0
    with duckdb.connect() as con:
        for kind, values in _hashed_values(con, asked, tenant, foreign_keys).items():
            for name, key in suppression.keys.items():
                digests = hashes(con, key, kind, values).implode()
                is_meant = (
                    (pl.col("kind") == kind)
                    & (pl.col("key") == name)
                    & pl.col("hash").is_in(digests)
                )
                changed += lines.filter(is_meant).height
                allowed = pl.when(is_meant).then(pl.lit(day.isoformat())).otherwise("allowed_from")
                lines = lines.with_columns(allowed_from=allowed)
    if changed:
        replace_lines(tenant.root, lines)
    return changed


def _hashed_values(
    con: duckdb.DuckDBPyConnection,
    asked: Identifiers,
    tenant: Tenant,
    foreign_keys: Sequence[tuple[str, str]] = (),
) -> dict[Kind, pl.Series]:
    """Identifiers by kind, in the form in which they are hashed."""
    keys = [*foreign_keys, *_foreign_keys_within(asked, tenant)]
    texts = [record_text(datasource, pk) for datasource, pk in asked.source_keys]
    values: dict[Kind, pl.Series] = {
        "record": pl.Series("value", texts, dtype=pl.String),
        "fk": pl.Series("value", _foreign_key_texts(con, tenant, keys), dtype=pl.String),
    }
    for kind in CONTACTS:
        spelt = pl.Series("value", list(asked.contacts(kind)), dtype=pl.String)
        values[kind] = contact_forms(kind, spelt, tenant.home)["form"]
    return values


def _foreign_keys_within(asked: Identifiers, tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Tag and value of the foreign keys that are part of the key of a source row."""
    for meaning in meanings(tenant).values():
        table = meaning.table
        tags = dict(meaning.foreign_keys)
        for datasource, pk in asked.source_keys:
            if datasource not in (table.name, table.physical):
                continue
            values = key_values(pk, len(table.primary_key))
            for column, value in zip(table.primary_key, values, strict=False):
                if column in tags and value:
                    yield tags[column], value


def _foreign_key_texts(
    con: duckdb.DuckDBPyConnection, tenant: Tenant, keys: Sequence[tuple[str, str]]
) -> list[str]:
    texts = []
    for tag, value in keys:
        form = foreign_key_form(tenant, "value", tag)
        rows = con.execute(f"SELECT {form} FROM (SELECT ? AS value)", [value]).fetchall()
        texts += [foreign_key_text(tag, compared) for (compared,) in rows if compared]
    return texts

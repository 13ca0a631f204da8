"""Identifiers held against the memory of who was forgotten: known already, or let in again.

The memory itself is `warehouse.suppression`; rows are held against it in `ingest.forgotten` and
`forgotten_rows`.
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from c360_assets.ingest.personal_columns import CONTACTS
from c360_assets.privacy.people import Identifiers
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.suppression import (
    Kind,
    Suppression,
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
    for kind, values in _hashed_values(asked, tenant).items():
        looked.append(suppression.hits(con, kind, values))
    return sorted({receipt for hits in looked for receipt in hits["receipt"]})


def let_in(tenant: Tenant, asked: Identifiers, day: date) -> int:
    """Let identifiers that were forgotten come in again with deliveries from a day on; how many.

    The caller owns the tenant.
    """
    suppression = Suppression.of(tenant.root)
    lines = suppression.lines
    changed = 0
    with duckdb.connect() as con:
        for kind, values in _hashed_values(asked, tenant).items():
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


def _hashed_values(asked: Identifiers, tenant: Tenant) -> dict[Kind, pl.Series]:
    """Identifiers by kind, in the form in which they are hashed."""
    texts = [record_text(datasource, pk) for datasource, pk in asked.source_keys]
    values: dict[Kind, pl.Series] = {"record": pl.Series("value", texts, dtype=pl.String)}
    for kind in CONTACTS:
        spelt = pl.Series("value", list(asked.contacts(kind)), dtype=pl.String)
        values[kind] = contact_forms(kind, spelt, tenant.home)["form"]
    return values

"""Configuration that a tenant lands as data: the managed blocklist and its own nicknames.

Found by their tags (`blv/…`, `nicknames/…`), read at their pinned versions. What the values do belongs to `blocklist` and
`semantics.nicknames`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from c360_assets.semantics.nicknames import nickname_map
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

Wanted = Mapping[str, tuple[str, ...]]
BLOCKLIST: Wanted = {
    "datasource": ("blv/datasource", "blv/data-source"),
    "semantic": ("blv/semantic",),
    "value": ("blv/value",),
}
NICKNAMES: Wanted = {
    "canonical_name": ("nicknames/canonical-name",),
    "nickname": ("nicknames/nickname",),
}


def configuration_tables(tenant: Tenant) -> list[SourceTable]:
    """Tables that configure Stitch; each is an input of it although none holds a customer record."""
    return [
        t for t in tenant.tables if any(_fields(t, wanted) for wanted in (BLOCKLIST, NICKNAMES))
    ]


def managed_blocklist(session: Session, tenant: Tenant) -> pl.DataFrame | None:
    """The managed blocklist (datasource, semantic, value, is_preprocessed), None where the tenant has none."""
    return _rows(session, tenant, BLOCKLIST, {"is_preprocessed": "blv/is-preprocessed"})


def tenant_nicknames(session: Session, tenant: Tenant) -> pl.DataFrame | None:
    """The shipped nicknames with the tenant's additions and removals, None where it has none."""
    rows = _rows(session, tenant, NICKNAMES, {"update_type": "nicknames/update-type"})
    if rows is None:
        return None
    pairs = rows.drop_nulls(["canonical_name", "nickname"]).unique()
    removed = (
        pl.col("update_type").str.strip_chars().str.to_uppercase().eq_missing(pl.lit("REMOVE"))
    )
    return nickname_map(
        pairs.filter(~removed).select("canonical_name", "nickname").rows(),
        pairs.filter(removed).select("canonical_name", "nickname").rows(),
    )


def _fields(table: SourceTable, wanted: Wanted) -> dict[str, str]:
    """Column -> field of the table, empty unless the table tags every wanted column."""
    found = {
        column: field
        for column, tags in wanted.items()
        for field in (f for tag in tags for f in table.columns_with(tag)[:1])
    }
    return found if len(found) == len(wanted) else {}


def _rows(
    session: Session, tenant: Tenant, wanted: Wanted, optional: dict[str, str]
) -> pl.DataFrame | None:
    frames = []
    for table in tenant.tables:
        fields = _fields(table, wanted)
        if not fields or session.state(table.asset) is None:
            continue
        extra = {
            column: next(iter(table.columns_with(tag)), None) for column, tag in optional.items()
        }
        name = f"_configuration_{table.physical}"
        session.bind(table.asset, name)
        values = [
            f"trim(CAST({quote_ident(field)} AS VARCHAR)) AS {column}"
            for column, field in fields.items()
        ]
        values += [
            f"CAST({quote_ident(f) if f else 'NULL'} AS VARCHAR) AS {column}"
            for column, f in extra.items()
        ]
        frames.append(
            session.frame(
                f"SELECT DISTINCT {', '.join(values)} FROM {quote_ident(name)} ORDER BY ALL"
            )
        )
    return pl.concat(frames).unique(maintain_order=True) if frames else None

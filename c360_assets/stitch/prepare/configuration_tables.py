"""Configuration that a tenant lands as data: the managed blocklist and its own nicknames.

Found by their tags (`blv/…`, `nicknames/…`), read at their pinned versions. What the values do
belongs to `blocklist` and `semantics.nicknames`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from c360_assets.semantics.nicknames import nickname_map
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

# Column -> the tags that may mark it.
TagsOfColumns = Mapping[str, tuple[str, ...]]
BLOCKLIST: TagsOfColumns = {
    "datasource": ("blv/datasource", "blv/data-source"),
    "semantic": ("blv/semantic",),
    "value": ("blv/value",),
}
NICKNAMES: TagsOfColumns = {
    "canonical_name": ("nicknames/canonical-name",),
    "nickname": ("nicknames/nickname",),
}


def configuration_tables(tenant: Tenant) -> list[SourceTable]:
    """Tables that configure Stitch.

    Each is an input of it although none holds a customer record.
    """
    return [
        table for table in tenant.tables if _fields(table, BLOCKLIST) or _fields(table, NICKNAMES)
    ]


def managed_blocklist(session: Session, tenant: Tenant) -> pl.DataFrame | None:
    """The managed blocklist, None where the tenant has none.

    Columns: datasource, semantic, value, is_preprocessed.
    """
    return _rows(session, tenant, BLOCKLIST, {"is_preprocessed": "blv/is-preprocessed"})


def tenant_nicknames(session: Session, tenant: Tenant) -> pl.DataFrame | None:
    """The shipped nicknames with the tenant's additions and removals, None where it has none."""
    rows = _rows(session, tenant, NICKNAMES, {"update_type": "nicknames/update-type"})
    if rows is None:
        return None
    pairs = rows.drop_nulls(["canonical_name", "nickname"]).unique()
    update_type = pl.col("update_type").str.strip_chars().str.to_uppercase()
    is_removed = update_type.eq_missing(pl.lit("REMOVE"))
    added = pairs.filter(~is_removed).select("canonical_name", "nickname")
    removed = pairs.filter(is_removed).select("canonical_name", "nickname")
    return nickname_map(added.rows(), removed.rows())


def _fields(table: SourceTable, required: TagsOfColumns) -> dict[str, str]:
    """Column -> field of the table, empty unless the table tags every required column."""
    fields: dict[str, str] = {}
    for column, tags in required.items():
        for tag in tags:
            tagged = table.columns_with(tag)
            if tagged:
                fields[column] = tagged[0]
    return fields if len(fields) == len(required) else {}


def _rows(
    session: Session, tenant: Tenant, required: TagsOfColumns, optional: dict[str, str]
) -> pl.DataFrame | None:
    frames = []
    for table in tenant.tables:
        fields = _fields(table, required)
        if not fields or session.state(table.asset) is None:
            continue
        columns_sql = [
            f"trim(CAST({quote_ident(field)} AS VARCHAR)) AS {column}"
            for column, field in fields.items()
        ]
        for column, tag in optional.items():
            tagged = table.columns_with(tag)
            value = quote_ident(tagged[0]) if tagged else "NULL"
            columns_sql.append(f"CAST({value} AS VARCHAR) AS {column}")
        name = f"_configuration_{table.physical}"
        session.bind(table.asset, name)
        frames.append(
            session.frame(
                f"SELECT DISTINCT {', '.join(columns_sql)} FROM {quote_ident(name)} ORDER BY ALL"
            )
        )
    return pl.concat(frames).unique(maintain_order=True) if frames else None

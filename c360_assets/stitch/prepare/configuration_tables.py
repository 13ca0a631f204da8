"""Configuration that a tenant lands as data: the managed blocklist, its own nicknames, labels.

Found by their tags (`blv/…`, `nicknames/…`, `sl/…`), read at their pinned versions. What the values
do belongs to `blocklist`, `semantics.nicknames` and `label_tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from c360_assets.semantics.nicknames import nickname_map
from c360_assets.stitch.prepare.list_warnings import nickname_warnings
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

LABEL_PREFIX = "sl/"
PREFIXES = ("blv/", "nicknames/", LABEL_PREFIX)
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
        table
        for table in tenant.tables
        if _fields(table, BLOCKLIST) or _fields(table, NICKNAMES) or is_label_table(table)
    ]


def fields_of_lists(table: SourceTable) -> dict[str, list[str]]:
    """Field -> tags of it by which a table configures Stitch, in the order of the fields."""
    fields = {
        field: sorted(tag for tag in tags if tag.startswith(PREFIXES))
        for field, tags in table.tags.items()
    }
    return {field: tags for field, tags in fields.items() if tags}


def is_label_table(table: SourceTable) -> bool:
    """Whether the table holds what people decided about records."""
    return any(tag.startswith(LABEL_PREFIX) for tag in table.all_tags)


def managed_blocklist(session: Session, tenant: Tenant) -> pl.DataFrame | None:
    """The managed blocklist, None where the tenant has none.

    Columns: datasource, semantic, value, is_preprocessed.
    """
    return tagged_rows(session, tenant, BLOCKLIST, {"is_preprocessed": "blv/is-preprocessed"})


@dataclass(frozen=True)
class TenantNicknames:
    """The shipped nicknames with the tenant's additions and removals, None where it has none, and
    what to warn of."""

    names: pl.DataFrame | None
    warnings: list[str]


def tenant_nicknames(session: Session, tenant: Tenant) -> TenantNicknames:
    """The nicknames of a tenant's own tables, on top of the shipped ones."""
    rows = tagged_rows(session, tenant, NICKNAMES, {"update_type": "nicknames/update-type"})
    if rows is None:
        return TenantNicknames(None, [])
    warnings = nickname_warnings(rows, nickname_map())
    has_names = pl.all_horizontal(pl.col("canonical_name", "nickname").fill_null("") != "")
    pairs = rows.filter(has_names).unique()
    update_type = pl.col("update_type").str.strip_chars().str.to_uppercase()
    is_removed = update_type.eq_missing(pl.lit("REMOVE"))
    added = pairs.filter(~is_removed).select("canonical_name", "nickname")
    removed = pairs.filter(is_removed).select("canonical_name", "nickname")
    return TenantNicknames(nickname_map(added.rows(), removed.rows()), warnings)


def _fields(table: SourceTable, required: TagsOfColumns) -> dict[str, str]:
    """Column -> field of the table, empty unless the table tags every required column."""
    fields: dict[str, str] = {}
    for column, tags in required.items():
        for tag in tags:
            tagged = table.columns_with(tag)
            if tagged:
                fields[column] = tagged[0]
    return fields if len(fields) == len(required) else {}


def tagged_rows(
    session: Session,
    tenant: Tenant,
    required: TagsOfColumns,
    optional: Mapping[str, str] | None = None,
    *,
    table_column: str = "",
) -> pl.DataFrame | None:
    """The distinct rows of all tables that tag every required column, None where none does.

    Columns: those of `required` trimmed, of `optional` (column -> tag) as they are, and the name of
    the table where `table_column` names a column for it.
    """
    frames = []
    for table in tenant.tables:
        fields = _fields(table, required)
        if not fields or session.state(table.asset) is None:
            continue
        columns_sql = [
            f"trim(CAST({quote_ident(field)} AS VARCHAR)) AS {column}"
            for column, field in fields.items()
        ]
        if table_column:
            columns_sql.insert(0, f"{quote_literal(table.name)} AS {table_column}")
        for column, tag in (optional or {}).items():
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

"""Stitched domain tables: a domain table with the `amperity_id` of each row.

Which tables get one and how a row finds its id. Profile tables are part of `unified_coalesced`;
interaction tables are linked by a foreign key they share with it. Building `unified_coalesced`
belongs to `tables`.
"""

from __future__ import annotations

from c360_assets.stitch.prepare.union import column_name
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

# Views that `bind_unified` makes and `stitched_sql` reads.
UNIFIED = "_stitched_unified"
REMOVED = "_stitched_removed"


def stitched_tables(tenant: Tenant) -> list[SourceTable]:
    """Tables that have a stitched version.

    Those that Stitch reads, and every other with a foreign key that one of them has.
    """
    profiles = tenant.stitched_tables
    shared: set[str] = set()
    for table in profiles:
        shared.update(foreign_keys(table))
    return [
        table
        for table in tenant.tables
        if table in profiles or shared.intersection(foreign_keys(table))
    ]


def foreign_keys(table: SourceTable) -> dict[str, str]:
    """Foreign-key tag -> the first field that carries it."""
    fields: dict[str, str] = {}
    for field, tags in table.tags.items():
        for tag in tags:
            if tag.startswith("fk-"):
                fields.setdefault(tag, field)
    return fields


def bind_unified(session: Session) -> None:
    """Make `unified_coalesced`, and the values that Stitch took out of it, readable for
    `stitched_sql`.
    """
    session.bind("unified_coalesced", UNIFIED)
    session.bind("stitch_removed_values", REMOVED)


def stitched_sql(session: Session, tenant: Tenant, table: SourceTable) -> str:
    """A SELECT: the rows of the domain table and `amperity_id`, after `bind_unified`.

    A profile row has the id of its record. An interaction row has an id when its table carries
    exactly one foreign key and the value belongs to exactly one id in `unified_coalesced`;
    otherwise NULL, since two candidates are no answer. A value that is blocklisted (N/A, or one of
    the tenant's lists) is nobody's, although one record may hold it.
    """
    source = f"_stitched_{table.physical}"
    session.bind(table.asset, source)
    name = quote_ident(source)
    if table in tenant.stitched_tables:
        return _profile_sql(table, name)
    keys = foreign_keys(table)
    unified_columns = {row[0] for row in session.rows(f"DESCRIBE {UNIFIED}")}
    if len(keys) == 1:
        ((tag, field),) = keys.items()
        if column_name(tag) in unified_columns:
            is_exact = is_case_sensitive(tag, tenant.stitch.bad_values.case_sensitive_fks)
            return _interaction_sql(name, tag, field, is_exact)
    return f"SELECT *, CAST(NULL AS VARCHAR) AS amperity_id FROM {name}"


def _profile_sql(table: SourceTable, name: str) -> str:
    return (
        f"SELECT d.*, u.amperity_id FROM {name} AS d "
        f"LEFT JOIN (SELECT pk, amperity_id FROM {UNIFIED} "
        f"WHERE datasource = {quote_literal(table.name)}) AS u ON u.pk = d._pk"
    )


def _interaction_sql(name: str, tag: str, field: str, is_exact: bool) -> str:
    key = key_form(f"d.{quote_ident(field)}", is_exact)
    unified_key = key_form(quote_ident(column_name(tag)), is_exact)
    removed = f"SELECT datasource, pk FROM {REMOVED} WHERE semantic = {quote_literal(tag)}"
    links = (
        f"SELECT {unified_key} AS link, min(amperity_id) AS amperity_id "
        f"FROM {UNIFIED} ANTI JOIN ({removed}) USING (datasource, pk) "
        f"WHERE {unified_key} IS NOT NULL GROUP BY 1 HAVING count(DISTINCT amperity_id) = 1"
    )
    return f"SELECT d.*, l.amperity_id FROM {name} AS d LEFT JOIN ({links}) AS l ON l.link = {key}"


def is_case_sensitive(tag: str, case_sensitive: list[str]) -> bool:
    """Whether a foreign key was listed as case-sensitive, by tag, column or bare namespace."""
    names = {name.replace("_", "-").removeprefix("fk-") for name in case_sensitive}
    return tag.removeprefix("fk-") in names


def key_form(expression: str, is_exact: bool) -> str:
    """The form in which foreign-key values are compared, NULL for a blank one."""
    trimmed = f"nullif(trim(CAST({expression} AS VARCHAR)), '')"
    return trimmed if is_exact else f"upper({trimmed})"

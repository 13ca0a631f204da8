"""Stitched domain tables: a domain table with the `amperity_id` of each row.

Which tables get one and how a row finds its id. Profile tables are part of `unified_coalesced`;
interaction tables are linked by a foreign key they share with it. Building `unified_coalesced`
belongs to `tables`.
"""

from __future__ import annotations

from c360_assets.semantics.normalize import KEY_MARKS
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
    ids = ids_sql(session, tenant, table)
    if ids is None:
        return f"SELECT *, CAST(NULL AS VARCHAR) AS amperity_id FROM {name}"
    return (
        f"SELECT d.*, i.amperity_id FROM {name} AS d "
        f"LEFT JOIN ({ids}) AS i ON i.link = {_link_of(tenant, table)}"
    )


def ids_sql(session: Session, tenant: Tenant, table: SourceTable) -> str | None:
    """A SELECT of all that the stitched version of a table takes from Stitch, after `bind_unified`:
    `link`, by which a row finds its id, and `amperity_id`. None where no row has an id.
    """
    if table in tenant.stitched_tables:
        datasource = quote_literal(table.name)
        return f"SELECT pk AS link, amperity_id FROM {UNIFIED} WHERE datasource = {datasource}"
    keys = foreign_keys(table)
    if len(keys) != 1:
        return None
    (tag,) = keys
    if column_name(tag) not in {row[0] for row in session.rows(f"DESCRIBE {UNIFIED}")}:
        return None
    link = _form_of_key(quote_ident(column_name(tag)), tag, tenant)
    removed = f"SELECT datasource, pk FROM {REMOVED} WHERE semantic = {quote_literal(tag)}"
    return (
        f"SELECT {link} AS link, min(amperity_id) AS amperity_id "
        f"FROM {UNIFIED} ANTI JOIN ({removed}) USING (datasource, pk) "
        f"WHERE {link} IS NOT NULL GROUP BY 1 HAVING count(DISTINCT amperity_id) = 1"
    )


def _link_of(tenant: Tenant, table: SourceTable) -> str:
    """By what a row `d` of a table finds its id."""
    if table in tenant.stitched_tables:
        return "d._pk"
    ((tag, field),) = foreign_keys(table).items()
    return _form_of_key(f"d.{quote_ident(field)}", tag, tenant)


def _form_of_key(expression: str, tag: str, tenant: Tenant) -> str:
    return key_form(expression, is_case_sensitive(tag, tenant.stitch.bad_values.case_sensitive_fks))


def is_case_sensitive(tag: str, case_sensitive: list[str]) -> bool:
    """Whether a foreign key was listed as case-sensitive, by tag, column or bare namespace."""
    names = {name.replace("_", "-").removeprefix("fk-") for name in case_sensitive}
    return tag.removeprefix("fk-") in names


def key_form(expression: str, is_exact: bool) -> str:
    """The form in which foreign-key values are compared, NULL for a blank one: as
    `normalize.clean_key`, or as it is."""
    trimmed = f"trim(CAST({expression} AS VARCHAR))"
    if is_exact:
        return f"nullif({trimmed}, '')"
    unmarked = f"regexp_replace({trimmed}, {quote_literal(KEY_MARKS)}, '', 'g')"
    return f"upper(nullif(trim({unmarked}), ''))"

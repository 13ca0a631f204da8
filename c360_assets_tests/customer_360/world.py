"""A small world for these tests: a tenant, a warehouse in a temporary folder, tables written from
rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from c360_assets.customer_360.publication.publish import PublishDatabase, published_facts
from c360_assets.customer_360.rendering.gathered_tables import BY_NAME, columns_of
from c360_assets.customer_360.tables.build import DatabaseTable, build_table
from c360_assets.customer_360.tables.databases import Database, databases
from c360_assets.customer_360.tables.graph import TableNode, in_order, plan
from c360_assets.semantics.tables import table_spec
from c360_assets.tenant.models import (
    CustomTable,
    CustomTableConfig,
    DatabaseConfig,
    DatabaseOptions,
    FeedConfig,
    MergePolicy,
    SqlFile,
    Tenant,
    TenantConfig,
)
from c360_assets.warehouse import recipe
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

AS_OF = date(2026, 6, 30)
UNIFIED = {
    **dict.fromkeys(("amperity_id", "datasource", "pk", "ck"), "VARCHAR"),
    **dict.fromkeys(
        ("given_name", "surname", "full_name", "title", "generational_suffix", "email", "phone"),
        "VARCHAR",
    ),
    **dict.fromkeys(
        ("address", "address2", "city", "state", "postal", "country", "company", "gender"),
        "VARCHAR",
    ),
    "birthdate": "DATE",
    **dict.fromkeys(("create_dt", "update_dt"), "TIMESTAMPTZ"),
    "component_id": "BIGINT",
    **dict.fromkeys(("rep_ds", "rep_pk"), "VARCHAR"),
    "is_supersized": "BOOLEAN",
    "supersized_id": "BIGINT",
    **dict.fromkeys(
        ("has_blv", "blv_address", "blv_email", "blv_given_name", "blv_phone", "blv_surname"),
        "BOOLEAN",
    ),
}


def plan_all(tenant: Tenant) -> list[TableNode]:
    """The tables of every database, each after what it reads."""
    return in_order({node.table: node for database in databases(tenant) for node in database.nodes})


def make_tenant(
    root: Path,
    *,
    options: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    feeds: Sequence[FeedConfig] = (),
    custom: Sequence[CustomTable] = (),
    database: dict[str, str] | None = None,
    timezone: str = "UTC",
    databases: dict[str, dict[str, Any]] | None = None,
    policies: dict[str, dict[str, Any]] | None = None,
) -> Tenant:
    """A tenant of the given configuration; `database` maps a table to the SQL of the tenant's
    `database/` folder."""
    return Tenant(
        root=root,
        config=TenantConfig(
            id=UUID("00000000-0000-4000-8000-000000000001"),
            timezone=timezone,
            customer_360=DatabaseOptions.model_validate(options or {}),
            databases={
                n: DatabaseConfig.model_validate(d)
                for n, d in {"customer_360": {"primary": True}, **(databases or {})}.items()
            },
        ),
        feeds=list(feeds),
        custom_tables=list(custom),
        merge_policy=MergePolicy.model_validate(policy or {}),
        merge_policies={
            file: MergePolicy.model_validate(item) for file, item in (policies or {}).items()
        },
        database_sql={
            n: SqlFile(n, root / "database" / f"{n}.sql", text)
            for n, text in (database or {}).items()
        },
    )


def feed(
    name: str, fields: dict[str, dict[str, Any]], *, key: str = "id", stitch: bool = False
) -> FeedConfig:
    source, _, feed_name = name.partition(":")
    return FeedConfig.model_validate(
        {
            "source": source,
            "feed": feed_name,
            "files": {"pattern": "'x'"},
            "primary_key": [key],
            "stitch": stitch,
            "fields": {key: {}, **fields},
        }
    )


def custom_table(root: Path, name: str, sql: str, **config: Any) -> CustomTable:
    settings = CustomTableConfig.model_validate({"primary_key": ["id"], **config})
    return CustomTable(name, settings, SqlFile(name, root / "domain_tables" / f"{name}.sql", sql))


def value(item: Any, type_: str) -> str:
    return f"CAST({quote_literal(None if item is None else str(item))} AS {type_})"


def put(
    session: Session, table: str, columns: dict[str, str], rows: Sequence[dict[str, Any]]
) -> None:
    """Write `rows` as the whole content of `table`; a column a row does not give is NULL."""
    unknown = {key for row in rows for key in row} - set(columns)
    assert not unknown, unknown
    selects = [
        "SELECT "
        + ", ".join(f"{value(row.get(c), t)} AS {quote_ident(c)}" for c, t in columns.items())
        for row in rows
    ]
    empty = (
        "SELECT "
        + ", ".join(f"CAST(NULL AS {t}) AS {quote_ident(c)}" for c, t in columns.items())
        + " WHERE FALSE"
    )
    session.write(table, " UNION ALL ".join(selects) or empty)


def put_unified(session: Session, rows: Sequence[dict[str, Any]], **more: str) -> None:
    """Write `unified_coalesced`; rows without a key get one from their position."""
    keyed = [{"datasource": "CRM", "pk": str(n), **row} for n, row in enumerate(rows)]
    put(session, "unified_coalesced", {**UNIFIED, **more}, keyed)


def put_households(session: Session, of_person: dict[str, str]) -> None:
    """Write `stitch_households`: person -> household."""
    documented = table_spec("stitch_households").columns
    columns = {name: column.type for name, column in documented.items()}
    rows = [
        {"amperity_id": person, "stitch_household_id": household}
        for person, household in of_person.items()
    ]
    put(session, "stitch_households", columns, rows)


def put_gathered(
    session: Session, tenant: Tenant, table: str, rows: Sequence[dict[str, Any]]
) -> None:
    """Write a gathered table (order items, consent, ...) directly, as if its sources had been
    loaded."""
    columns = columns_of(tenant, BY_NAME[table])
    keyed = [
        {"datasource": "POS", "pk": str(n), **row} if "pk" in columns else row
        for n, row in enumerate(rows)
    ]
    put(session, table, columns, keyed)


def node_of(tenant: Tenant, name: str) -> TableNode:
    return next(n for n in plan(tenant) if n.name == name)


def build_all(
    session: Session,
    tenant: Tenant,
    *wanted: str,
    as_of: date = AS_OF,
    only: Sequence[str] | None = None,
) -> None:
    """Build in order every table that is not there yet (the test wrote the others): all, those that
    `wanted` read, or `only`."""
    nodes = plan(tenant)
    needed = set(wanted) or {node.table for node in nodes}
    for node in reversed(nodes):
        if node.table in needed:
            needed |= set(node.deps)
    for node in nodes:
        if (
            (node.name in only)
            if only is not None
            else (node.table in needed and session.state(node.table) is None)
        ):
            build_table(session, node, as_of=as_of)


def is_current(session: Session, node: TableNode, as_of: date) -> bool:
    return recipe.is_current(session, DatabaseTable(node), as_of)


def publish_database(
    session: Session, tenant: Tenant, *, as_of: date, database: Database | None = None
) -> dict[str, Any]:
    """Publish a database, the group's unless given; the figures that are remembered of it."""
    chosen = database or databases(tenant)[0]
    make_current(session, PublishDatabase(chosen), RunContext(as_of))
    return published_facts(session, chosen.name)


def unpublished(session: Session, tenant: Tenant) -> list[str]:
    """Names of the databases whose published file does not show what is built now."""
    recipes = [PublishDatabase(database) for database in databases(tenant)]
    return [r.database.name for r in recipes if not recipe.is_current(session, r, AS_OF)]


def is_published(session: Session, tenant: Tenant) -> bool:
    return not unpublished(session, tenant)


def table(
    session: Session, name: str, columns: str = "*", where: str = "TRUE", order: str = "ALL"
) -> list[dict[str, Any]]:
    """Rows of a built table as dictionaries."""
    session.bind(name, "_seen")
    return session.frame(f"SELECT {columns} FROM _seen WHERE {where} ORDER BY {order}").to_dicts()


def one(session: Session, name: str, columns: str = "*", where: str = "TRUE") -> dict[str, Any]:
    (row,) = table(session, name, columns, where)
    return row


def with_policy(tenant: Tenant, **policy: Any) -> Tenant:
    return replace(tenant, merge_policy=MergePolicy.model_validate(policy))

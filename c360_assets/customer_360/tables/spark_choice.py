"""Which tables of the database a cluster computes, and why the others stay on this machine.

What decides about their SQL is `warehouse.spark_choice`; how one is computed there belongs to
`on_spark`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.databases import databases
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.references import statement
from c360_assets.errors import Problem
from c360_assets.tenant.engine import TablesOnSpark
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.spark_choice import OF_YOUR_OWN, Schemas, differences, told_of_choice


def why_here(node: TableNode, tables: TablesOnSpark, schemas: Schemas) -> str | None:
    """Why the table is computed on this machine; None where the cluster does it.

    Types are looked at where `schemas` has all that the SQL of a tenant reads; the shipped SQL has
    been compared.
    """
    if tables == "none":
        return "engine.tables is none"
    if tables == "shipped" and node.is_tenants_sql:
        return OF_YOUR_OWN
    return next(_differences(node, schemas), None)


def _differences(node: TableNode, schemas: Schemas) -> Iterator[str]:
    names = {called for called, _ in node.binds} | ({node.name} if node.core is not None else set())
    are_types_asked = node.is_tenants_sql and names <= schemas.keys()
    known = {**schemas, RUN_CONTEXT: {"as_of": "DATE"}} if are_types_asked else None
    if node.core is not None:
        yield from _differences(node.core, schemas)
    yield from differences(statement(node.sql, node.file), known)


def told_of_tables(tenant: Tenant, schemas: Callable[[TableNode], Schemas]) -> list[Problem]:
    """A warning with the number of tables that the cluster computes, and the names of those that
    stay, by reason; none where it computes none. `schemas` is asked what is known of what a table
    reads."""
    engine = tenant.config.engine
    if engine.type == "local" or engine.tables == "none":
        return []
    nodes = {node.table: node for database in databases(tenant) for node in database.nodes}
    reasons = {table: why_here(node, engine.tables, schemas(node)) for table, node in nodes.items()}
    message = told_of_choice("table", " of the database", reasons)
    is_local = (engine.master or "").startswith("local[")
    if tenant.config.warehouse is None and not is_local:
        message += f"; all its workers must find {tenant.root.resolve() / 'warehouse'} by this path"
    remedy = "docs/spark.md says what runs where"
    return [Problem("warning", "tenant.yaml", message, key="engine.tables", remedy=remedy)]

"""Which tables of the database a cluster computes, and why the others stay on this machine.

What is seen of a table's SQL decides, by the rules of `lints` and `spark_differences`. How one is
computed there belongs to `on_spark`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.databases import databases
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.lints import reads_clock, unknown_to_spark
from c360_assets.customer_360.tables.references import statement
from c360_assets.customer_360.tables.spark_differences import known_differences
from c360_assets.customer_360.tables.spark_types import differences_of_types
from c360_assets.errors import Problem
from c360_assets.tenant.engine import TablesOnSpark
from c360_assets.tenant.models import Tenant
from c360_assets.wording import counted

Schemas: TypeAlias = Mapping[str, Mapping[str, str]]  # what the SQL reads -> column -> type


def why_here(node: TableNode, tables: TablesOnSpark, schemas: Schemas) -> str | None:
    """Why the table is computed on this machine; None where the cluster does it.

    Types are looked at where `schemas` has all that the SQL of a tenant reads; the shipped SQL has
    been compared.
    """
    if tables == "none":
        return "engine.tables is none"
    if tables == "shipped" and node.is_tenants_sql:
        return "is SQL of your own, which `tables: all` takes there too"
    return next(_differences(node, schemas), None)


def _differences(node: TableNode, schemas: Schemas) -> Iterator[str]:
    read = statement(node.sql, node.file)
    yield from known_differences(read.query)
    yield from unknown_to_spark(read.query, read.text)
    if reads_clock(read.query):
        yield "reads the machine's clock or chance"
    if node.core is not None:
        yield from _differences(node.core, schemas)
    names = {called for called, _ in node.binds} | ({node.name} if node.core is not None else set())
    if node.is_tenants_sql and names <= schemas.keys():
        yield from differences_of_types(node.sql, {**schemas, RUN_CONTEXT: {"as_of": "DATE"}})


def told_of_tables(tenant: Tenant, schemas: Callable[[TableNode], Schemas]) -> list[Problem]:
    """A warning with the number of tables that the cluster computes, and the names of those that
    stay, by reason; none where it computes none. `schemas` is asked what is known of what a table
    reads."""
    engine = tenant.config.engine
    if engine.type == "local" or engine.tables == "none":
        return []
    nodes = {node.table: node for database in databases(tenant) for node in database.nodes}
    by_reason: dict[str, list[str]] = {}
    for table, node in sorted(nodes.items()):
        reason = why_here(node, engine.tables, schemas(node))
        if reason is not None:
            by_reason.setdefault(reason, []).append(table)
    here = sum(map(len, by_reason.values()))
    message = (
        f"Spark computes {len(nodes) - here} of {counted(len(nodes), 'table')} of the database"
    )
    if here:
        message += f"; this machine computes {here}: {_listed(by_reason)}"
    is_local = (engine.master or "").startswith("local[")
    if tenant.config.warehouse is None and not is_local:
        message += f"; all its workers must find {tenant.root.resolve() / 'warehouse'} by this path"
    remedy = "docs/spark.md says what runs where"
    return [Problem("warning", "tenant.yaml", message, key="engine.tables", remedy=remedy)]


def _listed(by_reason: dict[str, list[str]]) -> str:
    parts = []
    for reason, tables in by_reason.items():
        each = "each " if len(tables) > 1 else ""
        parts.append(f"{', '.join(tables)} ({each}{reason})")
    return "; ".join(parts)

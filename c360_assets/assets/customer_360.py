"""Assets of the customer 360 tables: one per table of each of the tenant's databases, its dependencies read from its SQL.

The SQL and how it is run belong to `customer_360`.
"""

import time

import dagster as dg

from c360_assets.assets.activation import run_facts
from c360_assets.assets.metadata import Result, asset_key, documented, materialized, state_schema
from c360_assets.assets.resources import WarehouseResource, as_of_date, forced
from c360_assets.customer_360.tables.build import build_table
from c360_assets.customer_360.tables.databases import databases, plan_all
from c360_assets.customer_360.tables.graph import TableNode, lineage
from c360_assets.customer_360.tables.run_records import record_failure
from c360_assets.errors import C360Error
from c360_assets.tenant.models import Tenant

GROUP = "customer_360"


def customer_360_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """One asset per table that `plan_all` names; a table of a filtered database stands below the database's name."""
    owners: dict[str, list[str]] = {}
    for database in databases(tenant):
        for node in database.nodes:
            owners.setdefault(node.table, []).append(database.name)
    return [_table(tenant, node, owners[node.table]) for node in plan_all(tenant)]


def _table(tenant: Tenant, node: TableNode, owners: list[str]) -> dg.AssetsDefinition:
    arguments = {"description": f"Defined by the tenant in {node.file}.", **documented(node.name)}

    @dg.asset(
        key=asset_key(node.table),
        deps=[asset_key(table) for table in node.deps],
        group_name=GROUP,
        kinds={"deltalake", "duckdb", "sql"},
        **arguments,
    )
    def database_table(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        with warehouse.session(context) as session:
            as_of = as_of_date(tenant, context, session.warehouse)
            started = time.time()
            try:
                built = build_table(session, node, as_of=as_of, force=forced(context))
            except C360Error as error:
                record_failure(
                    session,
                    node,
                    str(error),
                    started,
                    owners=owners,
                    facts=run_facts(context),
                    as_of=as_of,
                )
                raise
            session.commit()
            schemas = {
                table: state.columns
                for table in node.deps
                if (state := session.state(table)) is not None
            }
        return materialized(
            node.table,
            built.state,
            reused=built.reused,
            schema=state_schema(node.name, built.state),
            lineage=lineage(node, schemas),
        )

    return database_table

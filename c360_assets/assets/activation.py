"""The asset of the published database. What is published belongs to `customer_360.publish`, how to `warehouse.activated`."""

import dagster as dg

from c360_assets.assets.metadata import Result, asset_key
from c360_assets.assets.resources import WarehouseResource, as_of_date, forced
from c360_assets.customer_360.graph import plan
from c360_assets.customer_360.publish import publish_database
from c360_assets.tenant.models import Tenant

GROUP = "activation"
DATABASE = "customer_360_database"


def activation_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """The database `activated/customer_360.duckdb`, after every table of the customer 360 stage."""

    @dg.asset(
        name=DATABASE,
        deps=[asset_key(node.table) for node in plan(tenant)],
        group_name=GROUP,
        kinds={"duckdb"},
        description="The published database, one DuckDB file: built aside, then put in place in one step. Readers see the last "
        "published one, whole, always.",
    )
    def customer_360_database(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        raise NotImplementedError

    return [customer_360_database]

"""The assets of the published database: the file, and the checks made before it replaces the last one.

What is published belongs to `customer_360.publish`, how to `warehouse.activated`.
"""

from collections.abc import Iterator

import dagster as dg

from c360_assets.assets.metadata import Result, asset_key, counts, documented, materialized
from c360_assets.assets.resources import WarehouseResource, as_of_date, forced
from c360_assets.customer_360.graph import plan
from c360_assets.customer_360.publish import META, is_published, publish_database
from c360_assets.customer_360.validations import TABLE
from c360_assets.tenant.models import Tenant
from c360_assets.validations.reports import report_specs
from c360_assets.warehouse.activated import database_path

GROUP = "activation"
DATABASE = "customer_360_database"
DESCRIPTION = (
    "The published database, one DuckDB file: built aside, checked, then put in place in one step. Readers see the last "
    "published one, whole, always; earlier ones are kept."
)


def activation_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """The database `activated/customer_360.duckdb` and its checks, after every table of the customer 360 stage."""
    deps = [asset_key(node.table) for node in plan(tenant)]
    specs = [
        dg.AssetSpec(TABLE, deps=deps, kinds={"deltalake", "duckdb"}, **documented(TABLE)),
        dg.AssetSpec(DATABASE, deps=[*deps, TABLE], kinds={"duckdb"}, description=DESCRIPTION),
    ]

    @dg.multi_asset(name=DATABASE, specs=specs, group_name=GROUP, can_subset=False)
    def customer_360_database(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Result]:
        with warehouse.session(context) as session:
            reused = is_published(session, tenant, report_specs()) and not forced(context)
            if not reused:
                as_of = as_of_date(tenant, context.run.tags, session.warehouse)
                publish_database(session, tenant, as_of=as_of, specs=report_specs())
            published, checked = session.warehouse.manifest.meta[META], session.state(TABLE)
        yield materialized(TABLE, checked, reused=reused)
        path = dg.MetadataValue.path(str(database_path(tenant.root)))
        yield dg.MaterializeResult(asset_key=DATABASE, metadata={"path": path, "reused": reused, **counts(published)})

    return [customer_360_database]

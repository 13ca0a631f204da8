"""A job whose engine fails with an error that quotes a value. Without postponed annotations, which
Dagster cannot read."""

from pathlib import Path

import dagster as dg
from dagster_duckdb import DuckDBResource

from c360_assets.assets.resources import TenantLock, WarehouseResource
from c360_assets.run_options import RunOptions


def broken(root: Path) -> dg.Definitions:
    """A job `broken` over the tenant at `root`, which casts the last customer's name to a
    number."""

    @dg.asset
    def cast_a_name(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> None:
        with warehouse.session(context) as session:
            session.bind("domain/Shop_Customers")
            session.rows("SELECT max(first)::INTEGER FROM Shop_Customers")

    duckdb = DuckDBResource(database=":memory:")
    warehouse = WarehouseResource(
        lock=TenantLock(root=str(root)),
        duckdb=duckdb,
        options=RunOptions(),
        root=str(root),
        timezone="UTC",
    )
    jobs = [dg.define_asset_job("broken")]
    return dg.Definitions(
        [cast_a_name],
        resources={"warehouse": warehouse},
        jobs=jobs,
        executor=dg.in_process_executor,
    )

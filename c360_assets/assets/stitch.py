"""The asset of Stitch: one step that makes all its tables current together, since they are one generation.

What is computed belongs to `stitch`.
"""

from collections.abc import Iterator

import dagster as dg

from c360_assets.assets.domain_tables import ensure_tables
from c360_assets.assets.metadata import Result, asset_key, documented, materialized, source_schema
from c360_assets.assets.resources import WarehouseResource, as_of_date, forced, refitted
from c360_assets.stitch.prepare.configuration_tables import configuration_tables
from c360_assets.stitch.publish.stitched_domain_tables import stitched_tables
from c360_assets.stitch.tenant_run import run_stitch, stitch_tables
from c360_assets.tenant.models import Tenant

GROUP = "stitch"


def stitch_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """The multi-asset of Stitch; none where no table is made available to it."""
    if not tenant.stitched_tables:
        return []
    copies = {t.stitched_asset: t for t in stitched_tables(tenant)}
    read = {t.asset for t in (*tenant.stitched_tables, *configuration_tables(tenant))}
    deps = [asset_key(name) for name in sorted(read)]
    specs = [
        dg.AssetSpec(name, deps=deps, kinds={"deltalake", "polars"}, **documented(name))
        for name in stitch_tables()
    ]
    specs += [
        dg.AssetSpec(
            asset_key(name),
            deps=[asset_key(name) for name in sorted(read | {table.asset})],
            kinds={"deltalake", "duckdb"},
            description=f"{table.name} as loaded, with the amperity_id of each record where Stitch gives one.",
            metadata={"dagster/column_schema": source_schema(table)},
        )
        for name, table in copies.items()
    ]

    @dg.multi_asset(name="stitch", specs=specs, group_name=GROUP, can_subset=False)
    def stitch(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Result]:
        with warehouse.session(context) as session:
            ensure_tables(session, tenant)
            as_of = as_of_date(tenant, context, session.warehouse)
            run = run_stitch(
                session,
                tenant,
                run_id=context.run.run_id,
                as_of=as_of,
                force=forced(context),
                refit=refitted(context),
                progress=context.log.info,
            )
            session.commit(**run.meta)
        for warning in run.warnings:
            context.log.warning(warning)
        for name in ("/".join(spec.key.path) for spec in specs):
            state = run.states.get(name)
            schema = source_schema(copies[name], state) if state and name in copies else None
            more = {"model": state.figures["model"]} if state and "model" in state.figures else None
            yield materialized(
                name, state, reused=name not in run.written, schema=schema, more=more
            )

    return [stitch]

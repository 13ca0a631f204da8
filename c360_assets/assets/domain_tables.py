"""Assets of domain tables: one per feed, partitioned by delivery day, and one per custom domain table.

How files become rows belongs to `ingest`.
"""

from datetime import date

import dagster as dg

from c360_assets.assets.metadata import Result, asset_key, counts, materialized, source_schema
from c360_assets.assets.resources import WarehouseResource, forced
from c360_assets.errors import C360Error
from c360_assets.ingest.custom_runs import run_custom_table
from c360_assets.ingest.custom_tables import dependencies, lineage, ordered
from c360_assets.ingest.landing import pending
from c360_assets.ingest.load import DayResult, FeedLoad, ensure_table, load_feed
from c360_assets.tenant.models import CustomTable, FeedConfig, SourceTable, Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import Session

GROUP = "domain_tables"
THRESHOLD_TAG = "c360/error_threshold"


def delivery_days(tenant: Tenant) -> dg.DailyPartitionsDefinition:
    """The delivery days of all feeds, today included: one definition, since feeds of unlike ones could not share a job."""
    return dg.DailyPartitionsDefinition(tenant.config.first_day.isoformat(), timezone=tenant.config.timezone, end_offset=1)


def domain_table_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """Feeds in order of name, then custom tables in the order in which they build on each other."""
    days = delivery_days(tenant)
    sources = {t.physical: t for t in tenant.tables}
    feeds = [_feed(tenant, f, sources[f.physical], days) for f in sorted(tenant.feeds, key=lambda f: f.name)]
    return feeds + [_custom(tenant, c, sources[c.physical]) for c in ordered(tenant)]


def ensure_tables(session: Session, tenant: Tenant) -> None:
    """Give every feed's table the declared columns: empty where it was never loaded, new columns NULL where it was."""
    for feed in tenant.feeds:
        ensure_table(session, feed)


def _feed(tenant: Tenant, feed: FeedConfig, source: SourceTable, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_key(source.asset),
        group_name=GROUP,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=feed.description or f"Records of {feed.name}.",
        metadata={"dagster/column_schema": source_schema(source), "pattern": feed.files.pattern, "load": feed.load},
        kinds={"deltalake", feed.files.format},
    )
    def feed_table(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        first, last = (date.fromisoformat(key) for key in (context.partition_keys[0], context.partition_keys[-1]))
        accepted = context.run.tags.get(THRESHOLD_TAG)
        with warehouse.session(context) as session:
            news = [d for d in pending(tenant, feed, session_ledger(session), last) if d.day >= first]
            threshold = int(accepted) if accepted else None
            load = load_feed(session, tenant, feed, news, threshold_override=threshold)
            session.commit()
            _tell(context, load, source)
        figures = {name: getattr(load, name) for name in COUNTS}
        return materialized(source.asset, load.state, reused=not news, schema=source_schema(source, load.state), figures=figures)

    return feed_table


COUNTS = ("files", "rows_read", "rows_loaded", "rows_rejected", "rows_replaced")


def _tell(context: dg.AssetExecutionContext, load: FeedLoad, source: SourceTable) -> None:
    """Log warnings. If days failed, mark the good ones as materialized and raise with what is wrong with the others."""
    for day in load.days:
        for warning in day.warnings:
            context.log.warning(f"{load.feed}: {warning}")
    if not load.failed:
        return
    for day in (d for d in load.days if d.status != "failed"):
        context.log_event(_day_event(load, day, source))
    raise C360Error("\n".join(day.message for day in load.failed))


def _day_event(load: FeedLoad, day: DayResult, source: SourceTable) -> dg.AssetMaterialization:
    figures = counts({name: getattr(day, name) for name in COUNTS if name != "files"})
    metadata = {"dagster/row_count": load.state.rows, "digest": load.state.digest, **figures}
    return dg.AssetMaterialization(asset_key(source.asset), partition=day.day.isoformat(), metadata=metadata)


def _custom(tenant: Tenant, table: CustomTable, source: SourceTable) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_key(source.asset),
        deps=[dg.AssetKey(["domain", name]) for name in dependencies(tenant, table)],
        group_name=GROUP,
        description=table.config.description or f"Custom domain table, defined in domain_tables/{table.sql.path.name}.",
        metadata={"dagster/column_schema": source_schema(source)},
        kinds={"deltalake", "duckdb", "sql"},
    )
    def custom_table(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        with warehouse.session(context) as session:
            ensure_tables(session, tenant)
            state, outcome = run_custom_table(session, tenant, table, force=forced(context))
        traced = {column: [(f"domain/{name}", c) for name, c in pairs] for column, pairs in lineage(tenant, table).items()}
        schema = source_schema(source, state)
        return materialized(source.asset, state, reused=outcome == "reused", schema=schema, lineage=traced)

    return custom_table

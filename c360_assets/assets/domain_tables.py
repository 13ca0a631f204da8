"""Assets of domain tables: one per feed, partitioned by delivery day, and one per custom domain table.

How files become rows belongs to `ingest`.
"""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from c360_assets.assets.metadata import Result, asset_key, counts, materialized, source_schema
from c360_assets.assets.resources import WarehouseResource, forced, run_options
from c360_assets.errors import C360Error
from c360_assets.ingest.custom_runs import run_custom_table
from c360_assets.ingest.custom_tables import dependencies, lineage, ordered
from c360_assets.ingest.delivery_days import first_delivery_day
from c360_assets.ingest.landing import pending
from c360_assets.ingest.load import DayResult, FeedLoad, ensure_table, load_feed
from c360_assets.tenant.models import CustomTable, FeedConfig, SourceTable, Tenant
from c360_assets.validations.block_if import stop_if_blocked
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import Session, Warehouse

GROUP = "domain_tables"


def delivery_days(tenant: Tenant) -> dg.DailyPartitionsDefinition:
    """The delivery days of all feeds, today included.

    One definition, since feeds of unlike ones could not share a job. Made when Dagster loads the
    definitions: a file of an earlier day that lands later moves the start at the next load, as the
    process of the run that reads it does.
    """
    first = first_delivery_day(tenant, Warehouse.open(tenant.root / "warehouse"))
    return dg.DailyPartitionsDefinition(
        first.isoformat(), timezone=tenant.config.timezone, end_offset=1
    )


def domain_table_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """Feeds in order of name, then custom tables in the order in which they build on each other."""
    days = delivery_days(tenant)
    sources = {t.physical: t for t in tenant.tables}
    feeds = [
        _feed(tenant, f, sources[f.physical], days)
        for f in sorted(tenant.feeds, key=lambda f: f.name)
    ]
    return feeds + [_custom(tenant, c, sources[c.physical]) for c in ordered(tenant)]


def ensure_tables(session: Session, tenant: Tenant) -> None:
    """Give every feed's table the declared columns: empty where it was never loaded, new columns NULL where it was."""
    for feed in tenant.feeds:
        ensure_table(session, feed)


def _feed(
    tenant: Tenant, feed: FeedConfig, source: SourceTable, days: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_key(source.asset),
        group_name=GROUP,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=feed.description or f"Records of {feed.name}.",
        metadata={
            "dagster/column_schema": source_schema(source),
            "pattern": feed.files.pattern,
            "load": feed.load,
        },
        kinds={"deltalake", feed.files.format},
    )
    def feed_table(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        first, last = (
            date.fromisoformat(key)
            for key in (context.partition_keys[0], context.partition_keys[-1])
        )
        threshold = run_options(context).error_threshold
        with warehouse.session(context) as session:
            news = [
                d for d in pending(tenant, feed, session_ledger(session), last) if d.day >= first
            ]
            load = load_feed(session, tenant, feed, news, threshold_override=threshold)
            if news:
                stop_if_blocked(session, tenant, feed)
            session.commit()
            _tell(context, tenant, load, source)
        figures = {name: getattr(load, name) for name in COUNTS}
        details = {DETAILS: _details(tenant, load.days)} if load.days else {}
        schema = source_schema(source, load.state)
        return materialized(
            source.asset, load.state, reused=not news, schema=schema, figures=figures, more=details
        )

    return feed_table


COUNTS = ("files", "rows_read", "rows_loaded", "rows_rejected", "rows_replaced")
DETAILS = "ingest details"
SHOWN_FILES = 200


def _details(tenant: Tenant, days: Sequence[DayResult]) -> dg.TableMetadataValue:
    """What became of each file, failed and newest days first; counts only."""
    ordered = sorted(days, key=lambda d: (d.status != "failed", -d.day.toordinal()))
    records = [
        dg.TableRecord(
            {
                "day": day.day.isoformat(),
                "file": item.file.relative,
                "outcome": f"{day.status} {day.kind}".strip(),
                "read": item.read,
                "loaded": item.loaded,
                "rejected": item.rejected,
                "replaced": item.replaced,
                "error log": day.logs[0].relative_to(tenant.root).as_posix() if day.logs else "",
            }
        )
        for day in ordered
        for item in day.files
    ]
    return dg.MetadataValue.table(records[:SHOWN_FILES])


def _tell(
    context: dg.AssetExecutionContext, tenant: Tenant, load: FeedLoad, source: SourceTable
) -> None:
    """Log warnings. If days failed, mark the good ones as materialized, show the details of all, and raise with what is wrong."""
    for day in load.days:
        for warning in day.warnings:
            context.log.warning(f"{load.feed}: {warning}")
    if not load.failed:
        return
    for day in load.days:
        context.log_event(_day_event(tenant, load, day, source))
    raise C360Error("\n".join(day.message for day in load.failed))


def _day_event(
    tenant: Tenant, load: FeedLoad, day: DayResult, source: SourceTable
) -> dg.AssetMaterialization | dg.AssetObservation:
    figures = counts({name: getattr(day, name) for name in COUNTS if name != "files"})
    metadata = {**figures, DETAILS: _details(tenant, [day])}
    if day.status == "failed":
        return dg.AssetObservation(
            asset_key(source.asset), partition=day.day.isoformat(), metadata=metadata
        )
    metadata |= {"dagster/row_count": load.state.rows, "digest": load.state.digest}
    return dg.AssetMaterialization(
        asset_key(source.asset), partition=day.day.isoformat(), metadata=metadata
    )


def _custom(tenant: Tenant, table: CustomTable, source: SourceTable) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_key(source.asset),
        deps=[dg.AssetKey(["domain", name]) for name in dependencies(tenant, table)],
        group_name=GROUP,
        description=table.config.description
        or f"Custom domain table, defined in domain_tables/{table.sql.path.name}.",
        metadata={"dagster/column_schema": source_schema(source)},
        kinds={"deltalake", "duckdb", "sql"},
    )
    def custom_table(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        with warehouse.session(context) as session:
            ensure_tables(session, tenant)
            state, outcome = run_custom_table(session, tenant, table, force=forced(context))
        traced = {
            column: [(f"domain/{name}", c) for name, c in pairs]
            for column, pairs in lineage(tenant, table).items()
        }
        schema = source_schema(source, state)
        return materialized(
            source.asset, state, reused=outcome == "reused", schema=schema, lineage=traced
        )

    return custom_table

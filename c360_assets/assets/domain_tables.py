"""Assets of domain tables: one per feed, partitioned by delivery day, and how custom domain tables
are shown.

How files become rows belongs to `ingest`. Feeds are loaded by the ledger, all else is made by
recipes.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from c360_assets.assets.display import Display
from c360_assets.assets.metadata import Result, asset_key, materialized, source_schema
from c360_assets.assets.resources import WarehouseResource, run_options
from c360_assets.errors import C360Error
from c360_assets.ingest.custom_runs import STAGE as GROUP
from c360_assets.ingest.custom_runs import CustomDomainTable
from c360_assets.ingest.custom_tables import lineage
from c360_assets.ingest.delivery_days import first_delivery_day
from c360_assets.ingest.landing import pending
from c360_assets.ingest.load import DayResult, FeedLoad, load_feed
from c360_assets.ingest.read_again import DayLoad, days_without_files, not_there_messages
from c360_assets.run_tags import FEED_TAG
from c360_assets.tenant.models import FeedConfig, SourceTable, Tenant
from c360_assets.validations.block_if import stop_if_blocked
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.recipe import Outcome
from c360_assets.warehouse.session import Session, Warehouse
from c360_assets.warehouse.statement import read_statement
from c360_assets.wording import counted


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


def feed_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """The domain tables of feeds, in order of name."""
    days = delivery_days(tenant)
    sources = {table.physical: table for table in tenant.tables}
    feeds = sorted(tenant.feeds, key=lambda feed: feed.name)
    return [_feed(tenant, feed, sources[feed.physical], days) for feed in feeds]


def _feed(
    tenant: Tenant, feed: FeedConfig, source: SourceTable, days: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_key(source.asset),
        group_name=GROUP,
        owners=_owners(tenant, feed),
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
        first, last = _chosen_days(context, feed)
        threshold = run_options(context).error_threshold
        with warehouse.session(context) as session:
            ledger = session_ledger(session)
            # A person who materializes a partition means that day, whether it was loaded or not.
            is_by_hand = FEED_TAG not in context.run.tags
            again_from = first if is_by_hand or run_options(context).force else None
            days = pending(tenant, feed, ledger, last, again_from=again_from)
            news = [d for d in days if d.day >= first or d.new_columns]
            if is_by_hand:
                for message in not_there_messages(tenant, feed, ledger, first, last):
                    context.log.warning(message)
                _tell_days_without_files(context, feed, ledger, news)
            load = load_feed(session, tenant, feed, news, threshold_override=threshold)
            if load.days:
                stop_if_blocked(session, tenant, feed)
            session.commit()
            _tell(context, tenant, load, source)
        for day in load.days:
            key = day.day.isoformat()
            if key in context.partition_keys:
                context.add_asset_metadata(_day_figures(tenant, [day]), partition_key=key)
            else:  # read again, for a column that was declared since
                context.log_event(_day_event(tenant, load, key, day, source))
        return materialized(
            source.asset,
            load.state,
            reused=not load.days,
            schema=source_schema(source, load.state),
            figures=_day_figures(tenant, []),
            more={DELIVERY: NOTHING_LOADED},
        )

    return feed_table


def _chosen_days(context: dg.AssetExecutionContext, feed: FeedConfig) -> tuple[date, date]:
    """The first and last delivery day of the run. Raises dg.Failure where it was started without,
    as the launchpad lets people do."""
    if not (context.has_partition_key or context.has_partition_key_range):
        raise dg.Failure(
            f"{feed.name}: the run was started without delivery days; choose them under Partition "
            "in the launchpad, or use Materialize on the table's page, or `c360 load`",
            allow_retries=False,
        )
    days = context.partition_keys
    return date.fromisoformat(days[0]), date.fromisoformat(days[-1])


def _tell_days_without_files(
    context: dg.AssetExecutionContext,
    feed: FeedConfig,
    ledger: pl.DataFrame,
    news: Sequence[DayLoad],
) -> None:
    """Warn of days of which no file is there or was loaded.

    Dagster shows every day of a run that succeeded as materialized: of a backfill it would call a
    day that is not failed.
    """
    days = map(date.fromisoformat, context.partition_keys)
    without = days_without_files(feed, ledger, news, days)
    if without:
        context.log.warning(
            f"{feed.name}: no file is there for {len(without):,} of "
            f"{counted(len(context.partition_keys), 'delivery day')}, such as {without[0]}; they "
            f"are shown as materialized, `{DELIVERY}` says so"
        )


def _owners(tenant: Tenant, feed: FeedConfig) -> list[str]:
    owner = feed.owner or tenant.config.owner
    return [owner] if owner is not None else []


COUNTS = ("rows_read", "rows_loaded", "rows_rejected", "rows_replaced")
DETAILS = "ingest details"
DELIVERY = "delivery"  # what became of a day, in words
NOTHING_LOADED = "nothing was loaded for this day: no file of it, or none that is to be read again"
SHOWN_FILES = 200


def _day_figures(tenant: Tenant, days: Sequence[DayResult]) -> dict[str, Any]:
    """What became of the files of one day: `days` is it, or empty where it has none to load."""
    figures: dict[str, Any] = {"files": sum(len(day.files) for day in days)}
    figures |= {name: sum(getattr(day, name) for day in days) for name in COUNTS}
    if not days:
        return figures
    outcome = "failed" if any(day.status == "failed" for day in days) else "loaded"
    return figures | {DELIVERY: outcome, DETAILS: _details(tenant, days)}


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
    """Log warnings.

    If days failed, mark the others as materialized, show the details of all, and raise with what is
    wrong. Of a run that fails, Dagster would call every day failed, also one without files.
    """
    for day in load.days:
        for warning in day.warnings:
            context.log.warning(f"{load.feed}: {warning}")
    if not load.failed:
        return
    loaded = {day.day.isoformat(): day for day in load.days}
    for key in dict.fromkeys([*loaded, *context.partition_keys]):
        context.log_event(_day_event(tenant, load, key, loaded.get(key), source))
    raise C360Error("\n".join(day.message for day in load.failed))


def _day_event(
    tenant: Tenant, load: FeedLoad, partition: str, day: DayResult | None, source: SourceTable
) -> dg.AssetMaterialization | dg.AssetObservation:
    """The event of one delivery day; `day` is None where it had nothing to load."""
    key = asset_key(source.asset)
    metadata: dict[str, Any] = {DELIVERY: NOTHING_LOADED}
    metadata |= _day_figures(tenant, [day] if day is not None else [])
    if day is not None and day.status == "failed":
        return dg.AssetObservation(key, partition=partition, metadata=metadata)
    metadata |= {"dagster/row_count": load.state.rows, "digest": load.state.digest}
    return dg.AssetMaterialization(key, partition=partition, metadata=metadata)


class CustomTableDisplay(Display):
    """A custom domain table: its columns with their tags, and where each comes from."""

    kinds = frozenset({"deltalake", "duckdb", "sql"})
    recipe: CustomDomainTable

    @property
    def source(self) -> SourceTable:
        """The table as the tenant's other declarations see it."""
        physical = self.recipe.table.physical
        return next(table for table in self.tenant.tables if table.physical == physical)

    def code(self) -> Sequence[str]:
        """Its SQL alone: code that changes makes no custom table anew."""
        return [read_statement(self.recipe.table.sql.text).canonical]

    def about(self, asset: str) -> dict[str, Any]:
        table = self.recipe.table
        default = f"Custom domain table, defined in domain_tables/{table.sql.path.name}."
        return {
            "description": table.config.description or default,
            "metadata": {"dagster/column_schema": source_schema(self.source)},
        }

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        (name,) = self.recipe.tables
        state = outcome.states[name]
        sources = {
            column: [(f"domain/{table}", source) for table, source in pairs]
            for column, pairs in lineage(self.tenant, self.recipe.table).items()
        }
        schema = source_schema(self.source, state)
        yield materialized(name, state, reused=outcome.reused, schema=schema, lineage=sources)

"""Where a brand wants a finding to stop a feed: `block_if` in the feed's file.

A load that makes one of the named figures greater than allowed is given up as a whole: the rows
from before stay, the other feeds go on. Without `block_if` reports stop nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.models import FeedConfig, SourceTable, Tenant
from c360_assets.validations.reports import BY_ID, columns, reason_against
from c360_assets.warehouse.session import Session


def stop_if_blocked(session: Session, tenant: Tenant, feed: FeedConfig) -> None:
    """Raise C360Error if a figure of the feed's table in this session is greater than allowed."""
    if not feed.block_if:
        return
    # Who reads the settings only need not import what makes reports.
    from c360_assets.validations.run import table_figures

    figures = _figures_of_all_days(table_figures(session, tenant, _table_of(tenant, feed)))
    values = {f"{report_id}.{metric}": value for report_id, metric, value in figures.iter_rows()}
    exceeded = [
        f"{key} is {values[key]:g}, allowed {limit:g}"
        for key, limit in feed.block_if.items()
        if values.get(key, 0) > limit
    ]
    if exceeded:
        file = tenant.places.get(feed.name, "its file")
        raise C360Error(
            f"{feed.name}: stopped by block_if of {file}: {'; '.join(exceeded)}. "
            "Nothing of this load is kept; deliver better files, or raise the limit and load again"
        )


def _table_of(tenant: Tenant, feed: FeedConfig) -> SourceTable:
    return next(table for table in tenant.tables if table.name == feed.name and not table.custom)


def _figures_of_all_days(figures: pl.DataFrame) -> pl.DataFrame:
    """Report, metric and value of the figures about the whole table, not about one day."""
    whole = figures.filter(pl.col("day").is_null(), pl.col("value").is_not_null())
    return whole.select("report_id", "metric", "value")


def check_block_if(check: ConfigCheck) -> None:
    """Keys of `block_if` must name a figure of a report that applies to the feed."""
    for feed in check.tenant.feeds:
        for key in feed.block_if:
            _check_figure(check, feed, key)


def _check_figure(check: ConfigCheck, feed: FeedConfig, key: str) -> None:
    report_id, metric = key.split(".")
    file = check.file_of(feed)
    path = ("block_if", key)
    report = BY_ID.get(report_id)
    if report is None:
        remedy = f"there are {', '.join(sorted(BY_ID))}"
        check.error(file, path, f"there is no report {report_id}", remedy)
        return
    tenant = check.tenant
    reason = reason_against(report, _table_of(tenant, feed), tenant.config.extra_validations)
    if reason:
        message = f"{report_id} does not apply to this feed: {reason}"
        check.error(file, path, message, "tag the column, or remove the key")
        return
    figures = [column.name for column in columns(report) if column.type != "VARCHAR"]
    if metric not in figures:
        message = f"{report_id} has no figure {metric}"
        check.error(file, path, message, f"it has {', '.join(figures)}")


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (check_block_if,)

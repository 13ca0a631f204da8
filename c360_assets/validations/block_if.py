"""Where a brand wants a finding to stop a feed: `block_if` in the feed's file, off by default.

A load that makes one of the named figures greater than allowed is given up as a whole: the rows
from before stay, the other feeds go on. Without `block_if` reports stop nothing.
"""

from __future__ import annotations

import polars as pl

from c360_assets.errors import C360Error, Problem
from c360_assets.tenant.findings import Findings
from c360_assets.tenant.models import FeedConfig, SourceTable, Tenant
from c360_assets.validations.reports import BY_ID, columns, reason_against
from c360_assets.validations.run import table_figures
from c360_assets.warehouse.session import Session


def stop_if_blocked(session: Session, tenant: Tenant, feed: FeedConfig) -> None:
    """Raise C360Error if a figure of the feed's table is greater than `block_if` allows.

    The figures are those of the table as it is in this session, before the load is committed.
    """
    if not feed.block_if:
        return
    figures = _figures(session, tenant, feed)
    exceeded = [
        f"{key} is {figures[key]:g}, allowed {most:g}"
        for key, most in feed.block_if.items()
        if figures.get(key, 0) > most
    ]
    if exceeded:
        place = tenant.places.get(feed.name, "its file")
        raise C360Error(
            f"{feed.name}: stopped by block_if of {place}: {'; '.join(exceeded)}. "
            "Nothing of this load is kept; deliver better files, or raise the limit and load again"
        )


def _figures(session: Session, tenant: Tenant, feed: FeedConfig) -> dict[str, float]:
    """`report.metric` -> its value over the whole table."""
    tables = [table for table in tenant.tables if not table.custom]
    table = next(table for table in tables if table.physical == feed.physical)
    whole = table_figures(session, tenant, table).filter(
        pl.col("day").is_null() & pl.col("value").is_not_null()
    )
    rows = whole.select("report_id", "metric", "value").iter_rows()
    return {f"{report_id}.{metric}": value for report_id, metric, value in rows}


def check_blocking(tenant: Tenant) -> list[Problem]:
    """Keys of `block_if` that name no figure of a report which applies to the feed."""
    findings = Findings(tenant)
    tables = {table.physical: table for table in tenant.tables if not table.custom}
    for feed in tenant.feeds:
        for key in feed.block_if:
            wrong = _wrong_key(key, tables[feed.physical], tenant.config.extra_validations)
            if wrong is not None:
                message, remedy = wrong
                findings.error(findings.place(feed), ("block_if", key), message, remedy)
    return findings.problems


def _wrong_key(key: str, table: SourceTable, extra: bool) -> tuple[str, str] | None:
    """Why a key names no figure of the table, and what to do; None where it names one."""
    report_id, metric = key.split(".")
    report = BY_ID.get(report_id)
    if report is None:
        return f"there is no report {report_id}", f"there are {', '.join(sorted(BY_ID))}"
    reason = reason_against(report, table, extra)
    if reason:
        message = f"{report_id} does not apply to this feed: {reason}"
        return message, "tag the column, or remove the key"
    numbers = [column.name for column in columns(report) if column.type != "VARCHAR"]
    if metric not in numbers:
        return f"{report_id} has no figure {metric}", f"it has {', '.join(numbers)}"
    return None

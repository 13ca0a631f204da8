"""Where a brand wants a finding to stop a feed: `block_if` in the feed's file. Off unless it is
written there.

A load that makes one of the named figures greater than allowed is given up as a whole: the rows
from before stay, the other feeds go on. Without `block_if` reports stop nothing.
"""

from __future__ import annotations

from c360_assets.errors import C360Error, Problem
from c360_assets.tenant.findings import Findings
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.validations.reports import BY_ID, columns, reason_against
from c360_assets.validations.run import table_figures
from c360_assets.warehouse.session import Session


def stop_if_blocked(session: Session, tenant: Tenant, feed: FeedConfig) -> None:
    """Raise C360Error if a figure of the feed's table, as it is in this session, is greater than
    `block_if` allows.
    """
    if not feed.block_if:
        return
    table = next(t for t in tenant.tables if t.physical == feed.physical and not t.custom)
    found = table_figures(session, tenant, table)
    values = {
        f"{report_id}.{metric}": value
        for report_id, metric, day, value in found.select(
            "report_id", "metric", "day", "value"
        ).iter_rows()
        if day is None and value is not None
    }
    over = [
        f"{key} is {values[key]:g}, allowed {most:g}"
        for key, most in feed.block_if.items()
        if values.get(key, 0) > most
    ]
    if over:
        raise C360Error(
            f"{feed.name}: stopped by block_if of {tenant.places.get(feed.name, 'its file')}: {'; '.join(over)}. "
            "Nothing of this load is kept; deliver better files, or raise the limit and load again"
        )


def check_blocking(tenant: Tenant) -> list[Problem]:
    """Keys of `block_if` that name no figure of a report which applies to the feed."""
    found = Findings(tenant)
    tables = {t.physical: t for t in tenant.tables if not t.custom}
    for feed in tenant.feeds:
        for key in feed.block_if:
            report_id, metric = key.split(".")
            report = BY_ID.get(report_id)
            place, path = found.place(feed), ("block_if", key)
            if report is None:
                found.error(
                    place,
                    path,
                    f"there is no report {report_id}",
                    f"there are {', '.join(sorted(BY_ID))}",
                )
            elif why := reason_against(
                report, tables[feed.physical], tenant.config.extra_validations
            ):
                found.error(
                    place,
                    path,
                    f"{report_id} does not apply to this feed: {why}",
                    "tag the column, or remove the key",
                )
            elif metric not in (names := [c.name for c in columns(report) if c.type != "VARCHAR"]):
                found.error(
                    place, path, f"{report_id} has no figure {metric}", f"it has {', '.join(names)}"
                )
    return found.problems

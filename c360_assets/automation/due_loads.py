"""Which loads of a feed are due: one run per range of delivery days that landed, are whole and are
not in the ledger.

Which days those are is for `pending` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from c360_assets.automation.alerts import Alert
from c360_assets.automation.due import MAX_ATTEMPTS, Due, DueRun, feed_alerts
from c360_assets.automation.pending import arriving, is_refused, pending_days
from c360_assets.automation.readiness import workflow
from c360_assets.ingest.arrival import settle_seconds
from c360_assets.ingest.odd_files import odd_entries
from c360_assets.ingest.read_again import DayLoad
from c360_assets.run_tags import FEED_TAG, LANDED_TAG, LOAD
from c360_assets.tenant.listing import one_look
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse

if TYPE_CHECKING:
    from c360_assets.automation.attempts import Lookup


def contiguous(days: Sequence[DayLoad]) -> list[list[DayLoad]]:
    """Days in order, cut wherever a day lies between: a range marks every day in it as loaded."""
    ranges: list[list[DayLoad]] = []
    for load in sorted(days, key=lambda load: load.day):
        if not ranges or load.day - ranges[-1][-1].day > timedelta(days=1):
            ranges.append([])
        ranges[-1].append(load)
    return ranges


def load_run(feed: FeedConfig, days: Sequence[DayLoad], failed: int = 0) -> DueRun:
    """The run that loads `days`, which have no gap, after `failed` attempts."""
    landed = fingerprint(feed.name, [_content(load) for load in days])[:16]
    return DueRun(
        job=LOAD,
        key=f"load:{feed.name}:{landed}:{failed}",
        tags={FEED_TAG: feed.name, LANDED_TAG: landed},
        feed=feed,
        days=days,
    )


def _content(load: DayLoad) -> list[object]:
    files = [(file.relative, file.sha256) for file in load.files]
    return [load.day, load.attempt, files, *load.new_columns]


def load_runs(feed: FeedConfig, days: Sequence[DayLoad]) -> list[DueRun]:
    """The runs that load `days` at once, as a person asks for them: whatever failed before."""
    return [load_run(feed, part) for part in contiguous(days)]


def loads_due(
    tenant: Tenant, feed: FeedConfig, warehouse: Warehouse, today: date, attempts: Lookup
) -> Due:
    """The loads of what has landed up to `today` and is not in the ledger.

    One run per contiguous range of days. Days that failed to load wait for a person or another
    delivery.
    """
    with one_look():
        return _loads_due(tenant, feed, warehouse, today, attempts)


def _loads_due(
    tenant: Tenant, feed: FeedConfig, warehouse: Warehouse, today: date, attempts: Lookup
) -> Due:
    ledger = read_ledger(warehouse)
    pending = pending_days(tenant, feed, ledger, today)
    if pending.problem:
        return Due(
            reason=f"{pending.problem}; looked at again in a few minutes, the other feeds go on",
            alerts=feed_alerts(tenant, feed, "unreachable", today, pending.problem),
        )
    odd = _odd_entries(tenant, feed, today)
    if not pending.days:
        reason = f"nothing new of {feed.name} below {_place(feed)} up to {today}"
        return replace(odd, reason=reason)
    return _combined(feed, [odd, *_parts_due(tenant, feed, ledger, pending.days, attempts)])


def _parts_due(
    tenant: Tenant,
    feed: FeedConfig,
    ledger: pl.DataFrame,
    days: Sequence[DayLoad],
    attempts: Lookup,
) -> list[Due]:
    """What is due of days that are not loaded: those that failed, are arriving, or are whole."""
    refused = [load for load in days if is_refused(ledger, feed, load)]
    new = [load for load in days if load not in refused]
    unfinished = arriving(tenant, feed, new)
    whole = [load for load in new if load not in unfinished]
    parts = [_refused(tenant, feed, ledger, load) for load in refused]
    parts += [_arriving(feed, load) for load in unfinished]
    parts += [_load_due(tenant, feed, part, attempts) for part in contiguous(whole)]
    return parts


def _odd_entries(tenant: Tenant, feed: FeedConfig, today: date) -> Due:
    """Entries that look like files of the feed and are none: alerted of, the files go on."""
    problems = odd_entries(tenant, feed)
    if not problems:
        return Due()
    return Due(alerts=feed_alerts(tenant, feed, "odd_entry", today, "; ".join(problems)))


def _arriving(feed: FeedConfig, load: DayLoad) -> Due:
    settle = settle_seconds(feed)
    return Due(
        reason=(
            f"a file of {load.day} is still being written, or has not stayed as it is for "
            f"{settle:g} seconds (files.settle)"
        )
    )


def _combined(feed: FeedConfig, parts: Sequence[Due]) -> Due:
    runs: list[DueRun] = []
    alerts: list[Alert] = []
    reasons: list[str] = []
    for part in parts:
        runs += part.runs
        alerts += part.alerts
        if part.reason:
            reasons.append(part.reason)
    return Due(runs, f"{feed.name}: {'; '.join(reasons)}", alerts)


def _load_due(tenant: Tenant, feed: FeedConfig, days: Sequence[DayLoad], attempts: Lookup) -> Due:
    """Whether a contiguous range of days is to be loaded now."""
    first, last = days[0].day, days[-1].day
    name = f"{first}" if first == last else f"{first} to {last}"
    before = attempts(load_run(feed, days).tags, [LOAD])
    if before.unfinished:
        return Due(reason=f"a load of {name} is queued or running")
    if before.failed >= MAX_ATTEMPTS:
        message = f"the load of {feed.name}, {name}, {before.sentence}"
        return Due(
            reason=f"the load of {name} {before.sentence}",
            alerts=feed_alerts(tenant, feed, "load_failed", last, message),
        )
    return Due(runs=[load_run(feed, days, before.failed)])


def _refused(tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, load: DayLoad) -> Due:
    failures = ledger.filter(
        pl.col("feed") == feed.name,
        pl.col("delivery_day") == load.day,
        pl.col("status") == "failed",
    )
    last = failures.filter(pl.col("attempt") == pl.col("attempt").max())
    reason = last["message"][0]
    message = f"{load.day} of {feed.name} was not loaded: {reason}"
    file = _named_file(reason, last["path"].to_list())
    failed = Alert("load_failed", feed.name, load.day, message, file)
    return Due(
        reason=(
            f"{load.day} failed to load and has not been delivered again; "
            "`c360 load` tries once more"
        ),
        alerts=[failed] if workflow(tenant, feed).notify else [],
    )


def _named_file(message: str, paths: Sequence[str]) -> str:
    """Which of a day's files a message is about; '' where it names none of several."""
    if len(paths) == 1:
        return paths[0]
    # One may be called as another with more behind it.
    named = [path for path in paths if path in message]
    return max(named, key=len, default="")


def _place(feed: FeedConfig) -> str:
    """The feed's address without what may stand before a host: a user."""
    scheme, separator, rest = feed.files.address.partition("://")
    if not separator:
        return feed.files.address
    return f"{scheme}://{rest.rpartition('@')[2]}"

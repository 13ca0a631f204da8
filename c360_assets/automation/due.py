"""What is due: the loads of a feed, Stitch, and the activation.

The one answer that sensors, the schedule and `c360 run` share: the runs to start, each with the
tags by which it is found again, or the reason why there is none, and what a person is to be alerted
of. Looks at what is and keeps nothing. Starts no run and raises no alert, and does not know the
orchestrator, so that a day with nothing to do never imports it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from c360_assets.automation.activation_time import was_due
from c360_assets.automation.alert_texts import Kind
from c360_assets.automation.alerts import Alert
from c360_assets.automation.pending import arriving, is_refused, pending_days
from c360_assets.automation.readiness import Readiness, readiness, workflow
from c360_assets.ingest.arrival import settle_seconds
from c360_assets.ingest.odd_files import odd_entries
from c360_assets.ingest.read_again import DayLoad
from c360_assets.run_tags import (
    ACTIVATE,
    COMPLETE_TAG,
    DAY,
    DAY_TAG,
    FEED_TAG,
    LANDED_TAG,
    LOAD,
    STALE_TAG,
    STITCH,
    WITHOUT_TAG,
)
from c360_assets.tenant.listing import one_look
from c360_assets.tenant.local_time import now
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse

if TYPE_CHECKING:
    from c360_assets.automation.attempts import Attempts, Lookup

MAX_ATTEMPTS = 3
# The schedule's own request must be visible before the sensor looks, or both would activate a day.
SCHEDULE_FIRST = timedelta(minutes=2)
TAG_LENGTH = 200


@dataclass(frozen=True)
class DueRun:
    """A run that is to be started.

    `key` stays the same however often one asks, until an attempt fails. `feed` and its `days`,
    which have no gap, are set for a load only. `as_of` is what "today" means in the run, None
    where `tenant.yaml` says it.
    """

    job: str
    key: str
    tags: Mapping[str, str]
    as_of: date | None = None
    feed: FeedConfig | None = None
    days: Sequence[DayLoad] = ()


@dataclass(frozen=True)
class Due:
    """The runs that are due, or the reason why none is. `warning` is for the asker's log, `is_done`
    says that what was asked for has been done of all that is loaded.
    """

    runs: Sequence[DueRun] = ()
    reason: str = ""
    alerts: Sequence[Alert] = ()
    warning: str = ""
    is_done: bool = False


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
            alerts=_feed_alerts(tenant, feed, "unreachable", today, pending.problem),
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
    return Due(alerts=_feed_alerts(tenant, feed, "odd_entry", today, "; ".join(problems)))


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
            alerts=_feed_alerts(tenant, feed, "load_failed", last, message),
        )
    return Due(runs=[load_run(feed, days, before.failed)])


def _refused(tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, load: DayLoad) -> Due:
    failures = ledger.filter(
        pl.col("feed") == feed.name,
        pl.col("delivery_day") == load.day,
        pl.col("status") == "failed",
    )
    last = failures.sort("attempt", "path").row(-1, named=True)
    message = f"{load.day} of {feed.name} was not loaded: {last['message']}"
    failed = Alert("load_failed", feed.name, load.day, message, last["path"])
    return Due(
        reason=(
            f"{load.day} failed to load and has not been delivered again; "
            "`c360 load` tries once more"
        ),
        alerts=[failed] if workflow(tenant, feed).notify else [],
    )


def _place(feed: FeedConfig) -> str:
    """The feed's address without what may stand before a host: a user."""
    scheme, separator, rest = feed.files.address.partition("://")
    if not separator:
        return feed.files.address
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _feed_alerts(
    tenant: Tenant, feed: FeedConfig, kind: Kind, day: date, message: str
) -> list[Alert]:
    """The alert, if the feed's entry in `workflow.yaml` wants alerts."""
    if not workflow(tenant, feed).notify:
        return []
    return [Alert(kind, feed.name, day, message)]


def stitch_due(tenant: Tenant, warehouse: Warehouse, at: datetime, attempts: Lookup) -> Due:
    """One Stitch run once every required feed of the workflow day is loaded or waited for.

    `at` is local.
    """
    ready = readiness(tenant, warehouse, at.date(), at)
    if not ready.required:
        return Due(
            reason="no feed is required: set `stitch: true` in a feed, or list one in workflow.yaml"
        )
    alerts = _missing_alerts(tenant, ready)
    if not ready.complete:
        return Due(reason=ready.sentence(), alerts=alerts)
    before = _stitch_attempts(ready, attempts)
    note = f" ({ready.sentence()})" if ready.without else ""
    if before.succeeded:
        reason = f"{ready.day}: Stitch has read everything that is loaded{note}"
        return Due(reason=reason, alerts=alerts, is_done=True)
    if before.unfinished:
        return Due(reason=f"{ready.day}: Stitch is queued or running{note}", alerts=alerts)
    if _waits_for_tomorrow(tenant, at.date(), attempts):
        reason = (
            f"{at.date()}: activated already, what was loaded since waits for the next day's "
            "Stitch (`activation: {late: again}` in workflow.yaml runs it at once)"
        )
        return Due(reason=reason, alerts=alerts)
    if before.failed >= MAX_ATTEMPTS:
        message = f"{ready.day}: Stitch {before.sentence}"
        failure = Alert("stitch_failed", "", ready.day, message)
        return Due(reason=message, alerts=[*alerts, failure])
    run = DueRun(
        job=STITCH,
        key=f"stitch:{ready.digest}:{before.failed}",
        tags={LANDED_TAG: ready.digest, **_without_tag(ready)},
        as_of=_as_of(tenant, ready.day),
    )
    return Due(runs=[run], alerts=alerts, warning=ready.sentence() if ready.without else "")


def _missing_alerts(tenant: Tenant, ready: Readiness) -> list[Alert]:
    """Of the feeds whose wait is over.

    A day that does not begin is never silent. Nobody is alerted of optional files.
    """
    alerts = []
    for feed in tenant.feeds:
        if feed.name in ready.without and not feed.files.optional:
            lack = ready.describe({feed.name: ready.without[feed.name]})
            message = f"{ready.day} goes on without {lack}"
            alerts += _feed_alerts(tenant, feed, "missing", ready.day, message)
        elif feed.name in ready.stopped:
            lack = ready.describe({feed.name: ready.missing[feed.name]})
            message = f"{ready.day} does not begin without {lack}"
            alerts.append(Alert("stopped", feed.name, ready.day, message))
    return alerts


def _waits_for_tomorrow(tenant: Tenant, today: date, attempts: Lookup) -> bool:
    """Whether the day is done with, so that files which come now are too late for it.

    It is not where the activation did without Stitch, or a person's run without a feed.
    """
    if tenant.workflow.activation.late == "again":
        return False
    activated = attempts({DAY_TAG: today.isoformat(), COMPLETE_TAG: "yes"}, [ACTIVATE, DAY])
    return activated.succeeded > 0


def _stitch_attempts(ready: Readiness, attempts: Lookup) -> Attempts:
    """Runs of Stitch that have read exactly what is loaded."""
    return attempts({LANDED_TAG: ready.digest}, [STITCH, DAY])


def activation_due(
    tenant: Tenant,
    warehouse: Warehouse,
    at: datetime,
    attempts: Lookup,
    *,
    publish_stale: bool,
) -> Due:
    """Today's activation: once per local day, after the day's Stitch.

    `at` is local. With `publish_stale` it does not wait for Stitch. While Stitch is late, each feed
    to blame is named in one alert.
    """
    day = at.date()
    before = _activation_attempts(day, attempts)
    if before.succeeded and tenant.workflow.activation.late == "again":
        return _activation_again_due(tenant, warehouse, at, attempts)
    if before.succeeded:
        return Due(reason=f"{day}: activated already")
    if before.unfinished:
        return Due(reason=f"{day}: activation is queued or running")
    if before.failed >= MAX_ATTEMPTS:
        message = f"{day}: activation {before.sentence}; the earlier database stays published"
        return Due(reason=message, alerts=[Alert("activation_failed", "", day, message)])
    ready = readiness(tenant, warehouse, day, at)
    why_late = _why_stitch_is_late(ready, attempts)
    alerts = _late_alerts(tenant, ready, day, why_late) if why_late else []
    if why_late and not publish_stale:
        return Due(reason=f"{day}: not activated, Stitch is not done ({why_late})", alerts=alerts)
    if why_late:
        stage_tags = {STALE_TAG: why_late[:TAG_LENGTH]}
    else:
        stage_tags = _complete_tags(ready)
    run = DueRun(
        job=ACTIVATE,
        key=f"activate:{day}:{before.failed}",
        tags={DAY_TAG: day.isoformat(), **stage_tags, **_without_tag(ready)},
        as_of=_as_of(tenant, day),
    )
    return Due(runs=[run], alerts=alerts)


def _activation_again_due(
    tenant: Tenant, warehouse: Warehouse, at: datetime, attempts: Lookup
) -> Due:
    """Another activation of the day, once Stitch has read what came after the first."""
    day = at.date()
    ready = readiness(tenant, warehouse, day, at)
    tags = {DAY_TAG: day.isoformat(), **_complete_tags(ready)}
    before = attempts(tags, [ACTIVATE, DAY])
    if before.succeeded:
        return Due(reason=f"{day}: activated already")
    if before.unfinished:
        return Due(reason=f"{day}: activation is queued or running")
    why_late = _why_stitch_is_late(ready, attempts)
    if why_late:
        return Due(reason=f"{day}: activated already, and again once Stitch is done ({why_late})")
    if before.failed >= MAX_ATTEMPTS:
        message = f"{day}: activation {before.sentence}; the earlier one stays published"
        return Due(reason=message, alerts=[Alert("activation_failed", "", day, message)])
    run = DueRun(
        job=ACTIVATE,
        key=f"activate:{day}:{ready.digest}:{before.failed}",
        tags={**tags, **_without_tag(ready)},
        as_of=_as_of(tenant, day),
    )
    return Due(runs=[run])


def _complete_tags(ready: Readiness) -> dict[str, str]:
    """The tags of an activation that publishes a complete day, and of which files."""
    return {COMPLETE_TAG: "yes", LANDED_TAG: ready.digest}


def late_activation_due(
    tenant: Tenant, warehouse: Warehouse, at: datetime, attempts: Lookup
) -> Due:
    """Today's activation where Stitch was later than the schedule. `at` is local."""
    if not was_due(tenant, at, SCHEDULE_FIRST):
        cron = tenant.workflow.activation.cron
        return Due(reason=f"the activation schedule ({cron}) has not been due yet today")
    due = activation_due(tenant, warehouse, at, attempts, publish_stale=False)
    return replace(due, alerts=[*_activated_alerts(tenant, at.date(), attempts), *due.alerts])


def _activated_alerts(tenant: Tenant, day: date, attempts: Lookup) -> list[Alert]:
    """The alert that the day is activated, if `workflow.yaml` wants it."""
    if not tenant.workflow.alerts.success or not _activation_attempts(day, attempts).succeeded:
        return []
    return [Alert("succeeded", "", day, f"{day}: activated, the database is published")]


def _activation_attempts(day: date, attempts: Lookup) -> Attempts:
    return attempts({DAY_TAG: day.isoformat()}, [ACTIVATE, DAY])


def _late_alerts(tenant: Tenant, ready: Readiness, day: date, why_late: str) -> list[Alert]:
    """Whom today's activation waits for: each missing feed, or Stitch itself.

    A feed with a `wait` may be late until it is over, and then has an alert of its own.
    """
    alerts = [Alert("late", "", day, why_late)] if ready.complete else []
    for name, lack in ready.missing.items():
        feed = tenant.feed(name)
        if feed is None or name in ready.until or name in ready.stopped:
            continue
        blamed = ready.describe({name: lack})
        message = f"Stitch is not done, the activation waits for {blamed}"
        alerts += _feed_alerts(tenant, feed, "late", day, message)
    return alerts


def _why_stitch_is_late(ready: Readiness, attempts: Lookup) -> str:
    """Why today's Stitch has not succeeded; '' when it has."""
    if not ready.complete:
        return ready.sentence()
    before = _stitch_attempts(ready, attempts)
    if before.succeeded:
        return ""
    return f"{ready.day}: Stitch {before.sentence if before.failed else 'has not run yet'}"


def tags_of_stage(
    tenant: Tenant, warehouse: Warehouse, *, stitches: bool, publishes: bool, as_of: date
) -> dict[str, str]:
    """The tags of a run that a person starts: by them it counts as what sensors find due.

    A run that publishes stands for today's activation if that is due and it looks at today.
    """
    at = now(tenant)
    tags = {}
    is_complete = False
    if stitches:
        ready = readiness(tenant, warehouse, at.date())
        is_complete = ready.complete
        tags[LANDED_TAG] = ready.digest
    looks_at_today = as_of == at.date() or _as_of(tenant, at.date()) is None
    if publishes and looks_at_today and was_due(tenant, at):
        tags[DAY_TAG] = at.date().isoformat()
        if is_complete:
            tags[COMPLETE_TAG] = "yes"
    return tags


def _as_of(tenant: Tenant, day: date) -> date | None:
    """What "today" means in a run of `day`; None where figures stand at the last delivery."""
    return None if tenant.config.as_of == "last_delivery" else day


def _without_tag(ready: Readiness) -> dict[str, str]:
    """The tag that names the required feeds which a run goes on without."""
    if not ready.without:
        return {}
    return {WITHOUT_TAG: ", ".join(sorted(ready.without))[:TAG_LENGTH]}

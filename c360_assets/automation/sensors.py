"""Sensors: a file lands, a day is complete, a Stitch was late. Stateless: each looks at what is, and says why it waits.

Whether a day is complete is `readiness`'s to say, the clock is `schedules`'. What a run does belongs to `assets`. What a person
has to do something about is an alert besides.
"""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from c360_assets.automation.activation import (
    activation,
    activation_tick_passed,
    as_of_tag,
    without_tag,
)
from c360_assets.automation.alerts import Kind, alert, send_again
from c360_assets.automation.evaluations import MAX_TRIES, Answer, now, tick
from c360_assets.automation.jobs import ACTIVATE, DAY, LOAD, STITCH, load_keys, summary_keys
from c360_assets.automation.pending import interval, news, refused
from c360_assets.automation.readiness import Readiness, local_today, readiness, workflow
from c360_assets.automation.runs import tried
from c360_assets.ingest.landing import DayLoad, LandedFile
from c360_assets.run_tags import DAY_TAG, FEED_TAG, LANDED_TAG
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse

SETTLED_SECONDS = 3
ON = dg.DefaultSensorStatus.RUNNING
SCHEDULE_FIRST = timedelta(minutes=2)


def sensors(tenant: Tenant) -> list[dg.SensorDefinition]:
    """One landing sensor per feed, the Stitch sensor, and the one that activates late."""
    return [
        *(landing_sensor(tenant, f) for f in tenant.feeds),
        stitch_sensor(tenant),
        activation_sensor(tenant),
    ]


def _warehouse(tenant: Tenant) -> Warehouse:
    return Warehouse.open(tenant.root / "warehouse")


def landing_sensor(tenant: Tenant, feed: FeedConfig) -> dg.SensorDefinition:
    """Asks for a load of what has landed and is not in the ledger: one run per contiguous range of days."""

    @dg.sensor(
        name=f"landing_{feed.physical}",
        job_name=LOAD,
        description=f"Loads {feed.name} when its files land.",
        minimum_interval_seconds=interval(),
        default_status=ON,
    )
    @tick
    def landing(context: dg.SensorEvaluationContext) -> Answer:
        today = local_today(tenant)
        ledger = read_ledger(_warehouse(tenant))
        found = news(tenant, feed, ledger, today)
        if found.problem:
            _tell(tenant, feed, "unreachable", today, found.problem)
            return dg.SkipReason(
                f"{found.problem}; looked at again in a few minutes, the other feeds go on"
            )
        days = found.days
        if not days:
            return dg.SkipReason(f"nothing new of {feed.name} below {_place(feed)} up to {today}")
        failed = [d for d in days if refused(ledger, feed, d)]
        for d in failed:
            _tell(tenant, feed, "load_failed", d.day, _why_refused(ledger, feed, d))
        reasons = [
            f"{d.day} failed to load and has not been delivered again; `c360 load` tries once more"
            for d in failed
        ]
        requests = []
        for part in contiguous([d for d in days if d not in failed]):
            landed = fingerprint(
                feed.name,
                [(d.day, d.attempt, [(f.relative, f.sha256) for f in d.files]) for d in part],
            )[:16]
            before = tried(context.instance, {FEED_TAG: feed.name, LANDED_TAG: landed}, [LOAD])
            name = f"{part[0].day}" if len(part) == 1 else f"{part[0].day} to {part[-1].day}"
            if before.unfinished:
                reasons.append(f"a load of {name} is queued or running")
            elif before.failed >= MAX_TRIES:
                reasons.append(f"the load of {name} {before.sentence}")
                _tell(
                    tenant,
                    feed,
                    "load_failed",
                    part[-1].day,
                    f"the load of {feed.name}, {name}, {before.sentence}",
                )
            elif any(_settling(f) for d in part for f in d.files):
                reasons.append(f"a file of {name} is still being written")
            else:
                requests.append(_load_request(tenant, feed, part, landed, before.failed))
        return requests or dg.SkipReason(f"{feed.name}: {'; '.join(reasons)}")

    return landing


def _settling(file: LandedFile) -> bool:
    """Whether the file is still being written, as far as one can see: it changed a moment ago."""
    return file.changed() or 0 <= time.time() - file.mtime_ns / 1e9 < SETTLED_SECONDS


def _place(feed: FeedConfig) -> str:
    """The feed's address without what may stand before a host: a user."""
    scheme, mark, rest = feed.files.address.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else feed.files.address


def _why_refused(ledger: pl.DataFrame, feed: FeedConfig, day: DayLoad) -> str:
    mine = ledger.filter(
        (pl.col("feed") == feed.name)
        & (pl.col("delivery_day") == day.day)
        & (pl.col("status") == "failed")
    )
    return f"{day.day} of {feed.name} was not loaded: {mine.sort('attempt', 'path')['message'].to_list()[-1]}"


def _tell(tenant: Tenant, feed: FeedConfig, kind: Kind, day: date, message: str) -> None:
    """Alert of a feed, if its entry in `workflow.yaml` wants alerts."""
    if workflow(tenant, feed).notify:
        alert(tenant, kind, feed.name, day, message)


def _load_request(
    tenant: Tenant, feed: FeedConfig, part: list[DayLoad], landed: str, failed: int
) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"load:{feed.name}:{landed}:{failed}",
        asset_selection=[*load_keys(tenant, feed), *summary_keys(tenant)],
        tags={
            FEED_TAG: feed.name,
            LANDED_TAG: landed,
            ASSET_PARTITION_RANGE_START_TAG: part[0].day.isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: part[-1].day.isoformat(),
        },
    )


def contiguous(days: list[DayLoad]) -> list[list[DayLoad]]:
    """Days in order, cut wherever a day lies between: a range marks every day in it as loaded."""
    parts: list[list[DayLoad]] = []
    for load in sorted(days, key=lambda d: d.day):
        if not parts or load.day - parts[-1][-1].day > timedelta(days=1):
            parts.append([])
        parts[-1].append(load)
    return parts


def stitch_sensor(tenant: Tenant) -> dg.SensorDefinition:
    """Asks for one Stitch run when every required feed of the workflow day has landed and loaded."""

    @dg.sensor(
        name="stitch_sensor",
        job_name=STITCH,
        description="Runs reports, Stitch and its tables once the required feeds of the workflow day are loaded or waited for.",
        minimum_interval_seconds=interval(),
        default_status=ON,
    )
    @tick
    def stitch(context: dg.SensorEvaluationContext) -> Answer:
        at = now(tenant)
        send_again(tenant)
        _alert_slow(tenant, context.instance, at)
        ready = readiness(tenant, _warehouse(tenant), at.date(), at)
        if not ready.required:
            return dg.SkipReason(
                "no feed is required: set `stitch: true` in a feed, or list one in workflow.yaml"
            )
        _alert_missing(tenant, ready)
        if not ready.complete:
            return dg.SkipReason(ready.sentence())
        note = f" ({ready.sentence()})" if ready.without else ""
        before = tried(context.instance, {LANDED_TAG: ready.digest}, [STITCH, DAY])
        if before.succeeded:
            return dg.SkipReason(f"{ready.day}: Stitch has read everything that is loaded{note}")
        if before.unfinished:
            return dg.SkipReason(f"{ready.day}: Stitch is queued or running{note}")
        if before.failed >= MAX_TRIES:
            alert(tenant, "stitch_failed", "", ready.day, f"{ready.day}: Stitch {before.sentence}")
            return dg.SkipReason(f"{ready.day}: Stitch {before.sentence}")
        if ready.without:
            context.log.warning(ready.sentence())
        tags = {LANDED_TAG: ready.digest, **as_of_tag(tenant, ready.day), **without_tag(ready)}
        return dg.RunRequest(run_key=f"stitch:{ready.digest}:{before.failed}", tags=tags)

    return stitch


def _alert_missing(tenant: Tenant, ready: Readiness) -> None:
    """Alert of the feeds whose wait is over. A day that does not begin is never silent, nor are optional files ever told."""
    for feed in tenant.feeds:
        if feed.name in ready.without and not feed.files.optional:
            message = (
                f"{ready.day} goes on without {ready.who({feed.name: ready.without[feed.name]})}"
            )
            _tell(tenant, feed, "missing", ready.day, message)
        elif feed.name in ready.stopped:
            message = f"{ready.day} does not begin without {ready.who({feed.name: ready.missing[feed.name]})}"
            alert(tenant, "stopped", feed.name, ready.day, message)


def _alert_slow(tenant: Tenant, instance: dg.DagsterInstance, at: datetime) -> None:
    """Alert of a run that takes longer than `workflow.yaml` allows."""
    if tenant.workflow.alerts.runtime is None:
        return
    longest = duration(tenant.workflow.alerts.runtime)
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        if (
            record.start_time
            and (took := at - datetime.fromtimestamp(record.start_time, at.tzinfo)) > longest
        ):
            run = record.dagster_run
            message = f"run {run.run_id[:8]} of job {run.job_name} has been going for {took.total_seconds() / 60:.0f} minutes"
            alert(tenant, "runtime", "", at.date(), message)


def activation_sensor(tenant: Tenant) -> dg.SensorDefinition:
    """Activates as soon as a Stitch that was later than the clock is done."""

    @dg.sensor(
        name="late_activation_sensor",
        job_name=ACTIVATE,
        description="Builds and publishes the database when the day's Stitch was later than the activation schedule.",
        minimum_interval_seconds=interval(),
        default_status=ON,
    )
    @tick
    def late_activation(context: dg.SensorEvaluationContext) -> Answer:
        at = now(tenant)
        # The schedule's own request must be visible first, or both would activate the same day.
        if not activation_tick_passed(tenant, at - SCHEDULE_FIRST):
            return dg.SkipReason(
                f"the activation schedule ({tenant.workflow.activation.cron}) has not been due yet today"
            )
        day = at.date()
        if (
            tenant.workflow.alerts.success
            and tried(context.instance, {DAY_TAG: day.isoformat()}, [ACTIVATE, DAY]).succeeded
        ):
            alert(tenant, "succeeded", "", day, f"{day}: activated, the database is published")
        return activation(context.instance, tenant, _warehouse(tenant), at, publish_stale=False)

    return late_activation

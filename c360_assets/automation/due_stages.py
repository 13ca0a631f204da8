"""Whether the day's Stitch and its activation are due, and by which tags a run counts as them.

Which feeds the day waits for is for `readiness` to say.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from c360_assets.automation.activation_time import was_due
from c360_assets.automation.alerts import Alert
from c360_assets.automation.due import MAX_ATTEMPTS, Due, DueRun, feed_alerts
from c360_assets.automation.readiness import Readiness, readiness
from c360_assets.run_tags import (
    ACTIVATE,
    COMPLETE_TAG,
    DAY,
    DAY_TAG,
    LANDED_TAG,
    STALE_TAG,
    STITCH,
    WITHOUT_TAG,
)
from c360_assets.tenant.local_time import now
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse

if TYPE_CHECKING:
    from c360_assets.automation.attempts import Attempts, Lookup

# The schedule's own request must be visible before the sensor looks, or both would activate a day.
SCHEDULE_FIRST = timedelta(minutes=2)
# What is loaded is seen by the next tick of the sensor, after those of all other sensors.
STITCH_BEGINS = timedelta(minutes=5)
TAG_LENGTH = 200


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
            alerts += feed_alerts(tenant, feed, "missing", ready.day, message)
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
        return _activation_failed(day, before)
    ready = readiness(tenant, warehouse, day, at)
    why_late = _why_stitch_is_late(ready, attempts)
    alerts = []
    if why_late and not _is_on_its_way(ready, at, attempts):
        alerts = _late_alerts(tenant, ready, day, why_late)
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
        return _activation_failed(day, before)
    run = DueRun(
        job=ACTIVATE,
        key=f"activate:{day}:{ready.digest}:{before.failed}",
        tags={**tags, **_without_tag(ready)},
        as_of=_as_of(tenant, day),
    )
    return Due(runs=[run])


def _activation_failed(day: date, before: Attempts) -> Due:
    """Left to a person; what is published depends on where it failed."""
    message = f"{day}: activation {before.sentence}"
    if before.only_receivers_failed:
        message += "; the database is published, these receivers did not take it"
    else:
        message += "; the earlier database stays published"
    return Due(reason=message, alerts=[Alert("activation_failed", "", day, message)])


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


def _is_on_its_way(ready: Readiness, at: datetime, attempts: Lookup) -> bool:
    """Whether the day's Stitch is running, or will be in a moment, and nobody need be told."""
    before = _stitch_attempts(ready, attempts)
    if not ready.complete or before.failed or ready.last_load is None:
        return False
    return before.unfinished > 0 or at - ready.last_load < STITCH_BEGINS


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
        alerts += feed_alerts(tenant, feed, "late", day, message)
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

"""Whether the database is to be activated now: asked alike by the schedule and by the sensor that catches up.

Once per local day: after the day's Stitch, unless the tenant prefers to publish what there is. While Stitch is late, each feed
to blame is named in one alert.
"""

from __future__ import annotations

from datetime import date, datetime

import dagster as dg
from dagster._utils.schedules import get_latest_completed_cron_tick

from c360_assets.automation.alerts import alert
from c360_assets.automation.evaluations import MAX_TRIES, now
from c360_assets.automation.jobs import ACTIVATE, DAY, STITCH
from c360_assets.automation.readiness import Readiness, readiness, workflow
from c360_assets.automation.runs import tried
from c360_assets.run_tags import AS_OF_TAG, DAY_TAG, LANDED_TAG, STALE_TAG, WITHOUT_TAG
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse


def activation(
    instance: dg.DagsterInstance,
    tenant: Tenant,
    warehouse: Warehouse,
    at: datetime,
    *,
    publish_stale: bool,
) -> dg.RunRequest | dg.SkipReason:
    """A request for today's activation, or why there is none. `at` is local; `publish_stale` publishes before Stitch too."""
    day = at.date()
    before = tried(instance, {DAY_TAG: day.isoformat()}, [ACTIVATE, DAY])
    if before.succeeded:
        return dg.SkipReason(f"{day}: activated already")
    if before.unfinished:
        return dg.SkipReason(f"{day}: activation is queued or running")
    if before.failed >= MAX_TRIES:
        return dg.SkipReason(
            f"{day}: activation {before.sentence}; the earlier database stays published"
        )
    ready = readiness(tenant, warehouse, day, at)
    late = _why_late(instance, ready)
    if late:
        _alert_late(tenant, ready, day, late)
    if late and not publish_stale:
        return dg.SkipReason(f"{day}: not activated, Stitch is not done ({late})")
    stale = {STALE_TAG: late[:200]} if late else {}
    tags = {DAY_TAG: day.isoformat(), **as_of_tag(tenant, day), **stale, **without_tag(ready)}
    return dg.RunRequest(run_key=f"activate:{day}:{before.failed}", tags=tags)


def as_of_tag(tenant: Tenant, day: date) -> dict[str, str]:
    """The tag that fixes what "today" means in a run; a tenant whose figures stand at the last delivery needs none."""
    return {} if tenant.config.as_of == "last_delivery" else {AS_OF_TAG: day.isoformat()}


def without_tag(ready: Readiness) -> dict[str, str]:
    """The tag that names the required feeds which a run goes on without."""
    return {WITHOUT_TAG: ", ".join(sorted(ready.without))[:200]} if ready.without else {}


def _alert_late(tenant: Tenant, ready: Readiness, day: date, late: str) -> None:
    """Say whom today's activation waits for: each missing feed, or Stitch itself.

    A feed with a `wait` may be late until it is over, and then has an alert of its own.
    """
    if ready.complete:
        alert(tenant, "late", "", day, late)
    for name, what in ready.missing.items():
        feed = tenant.feed(name)
        if (
            feed is not None
            and workflow(tenant, feed).notify
            and name not in ready.until
            and name not in ready.stopped
        ):
            alert(
                tenant,
                "late",
                name,
                day,
                f"Stitch is not done, the activation waits for {ready.who({name: what})}",
            )


def _why_late(instance: dg.DagsterInstance, ready: Readiness) -> str:
    """Why today's Stitch has not succeeded, '' when it has."""
    if not ready.complete:
        return ready.sentence()
    stitched = tried(instance, {LANDED_TAG: ready.digest}, [STITCH, DAY])
    if stitched.succeeded:
        return ""
    return f"{ready.day}: Stitch " + (stitched.sentence if stitched.failed else "has not run yet")


def activation_tick_passed(tenant: Tenant, at: datetime) -> bool:
    """Whether the activation schedule has been due on the local day of `at`."""
    last = get_latest_completed_cron_tick(
        tenant.workflow.activation.cron, at, tenant.config.timezone
    )
    return last is not None and last.astimezone(at.tzinfo).date() == at.date()


def day_tags(tenant: Tenant, as_of: date) -> dict[str, str]:
    """Tags of an activation that a person starts: it stands for today's if it is due and looks at today."""
    at = now(tenant)
    today = tenant.config.as_of == "last_delivery" or as_of == at.date()
    return {DAY_TAG: at.date().isoformat()} if today and activation_tick_passed(tenant, at) else {}

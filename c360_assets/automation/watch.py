"""A look at the service from outside of it: does it tick, is it switched on, and was the database
published in time?

For cron, so it works while the orchestrator is down. What ticks and publications leave
behind is `warehouse.heartbeat`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from c360_assets.automation.activation_time import last_due
from c360_assets.automation.alerts import Alert, raise_all, send_again
from c360_assets.automation.recoveries import Look, tell_recoveries
from c360_assets.automation.switched_off import switched_off
from c360_assets.errors import C360Error
from c360_assets.tenant.local_time import zone
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.heartbeat import is_ahead, last_beat
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import Warehouse
from c360_assets.warehouse.storage_errors import storage_problem


@dataclass(frozen=True)
class Watched:
    """What was seen: sentences of what is well, and alerts of what is not."""

    well: list[str] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)


def watch(
    tenant: Tenant, at: datetime, tick_within: timedelta, publish_within: timedelta
) -> Watched:
    """Look at the moment `at` (local), raise what is to be alerted of, and tell of recoveries."""
    seen = Watched()
    for found in (
        _tick(tenant, at, tick_within),
        _switches(tenant, at),
        *_publication(tenant, at, publish_within),
    ):
        if isinstance(found, Alert):
            seen.alerts.append(found)
        else:
            seen.well.append(found)
    try:
        raise_all(tenant, seen.alerts)
        send_again(tenant)
        tell_recoveries(Look(tenant, Warehouse.open(tenant.root / "warehouse"), at))
    except OSError as error:
        problem = storage_problem(error)
        if not problem:
            raise
        seen.alerts.append(Alert("silent", "", at.date(), problem))
    return seen


def _tick(tenant: Tenant, at: datetime, within: timedelta) -> Alert | str:
    """Whether some sensor has looked lately."""
    last = last_beat(tenant.root, "tick")
    if last is None:
        return Alert("silent", "", at.date(), "no sensor of the service has ever looked")
    moment = f"{last.astimezone(zone(tenant)):%Y-%m-%d %H:%M}"
    if is_ahead(last, at):
        message = f"no sensor of the service has looked since the clock was set back from {moment}"
        return Alert("silent", "", at.date(), message)
    if at - last > within:
        message = f"no sensor of the service has looked since {moment}"
        return Alert("silent", "", at.date(), message)
    return f"the service looked at {moment}"


def _switches(tenant: Tenant, at: datetime) -> Alert | str:
    """Whether every sensor and schedule is on: of one that is off nothing begins, and the others
    tick all the same."""
    try:
        off = switched_off(tenant)
    except C360Error as error:
        return Alert("silent", "", at.date(), str(error))
    if off:
        message = f"switched off in the UI: {', '.join(off)}; nothing begins by them"
        return Alert("switched_off", "", at.date(), message)
    return "no sensor or schedule is switched off"


def _publication(tenant: Tenant, at: datetime, within: timedelta) -> Iterator[Alert | str]:
    """Whether what was last due has been published, once it had the time to be."""
    if tenant.config.as_of == "last_delivery":
        yield "no publication is expected of today: figures stand at the last delivery (as_of)"
        return
    # In UTC: clocks that change in between leave no less time, and no more.
    due = last_due(tenant, at.astimezone(UTC) - within).astimezone(zone(tenant))
    began = last_beat(tenant.root, "began")
    last = _last_publication(tenant, at)
    if last is not None and last >= due:
        published_at = f"{last.astimezone(zone(tenant)):%Y-%m-%d %H:%M}"
        yield f"published at {published_at}, due at {due:%Y-%m-%d %H:%M}"
    elif last is None and (began is None or began > due):
        yield "nothing was published yet, and nothing has been due since the service began"
    else:
        when = "never" if last is None else f"{last.astimezone(zone(tenant)):%Y-%m-%d %H:%M}"
        message = f"nothing was published since {due:%Y-%m-%d %H:%M}, when it was due; last: {when}"
        yield Alert("unpublished", "", due.date(), message)


def _last_publication(tenant: Tenant, at: datetime) -> datetime | None:
    """When the database was last published, or found to be current, as far as that is past."""
    times = [last_beat(tenant.root, "published")]
    place = place_of(tenant)
    # Whoever watches asks no other machine: what is published there has had its beat.
    published = None if place.is_remote else place.published()
    if published is not None:
        times.append(published.written_at)
    past = [time for time in times if time is not None and not is_ahead(time, at)]
    return max(past, default=None)

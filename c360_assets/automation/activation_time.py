"""When the activation is due, by the cron expression of `workflow.yaml` and the tenant's clock.

The line is read by the clock on the wall, and only then is it asked which moment that is: on a day
on which clocks change, croniter given a zone finds a time of the day before, or of an hour that
Dagster's schedule passes over. A time that clocks show twice is the one that Dagster takes: the
second where clocks change by night, as in most places, the first where they do so at midnight. One
that they skip is as long after the change as it would have been after the skipped hour's begin,
which is never before Dagster's schedule.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from itertools import dropwhile
from zoneinfo import ZoneInfo

from croniter import croniter

from c360_assets.tenant.local_time import zone
from c360_assets.tenant.models import Tenant

# The hours in which Dagster takes the second of two times.
SECOND_HOURS = range(1, 4)
LONGEST_SETBACK = timedelta(hours=3)  # of clocks, and more than any


def expected_at(tenant: Tenant, day: date) -> datetime:
    """The first moment from the beginning of `day` on at which the activation is due, in UTC."""
    just_before = datetime.combine(day, time_of_day()) - timedelta(seconds=1)  # midnight counts
    ticks = croniter(tenant.workflow.activation.cron, just_before)
    return _moment(ticks.get_next(datetime), zone(tenant))


def last_due(tenant: Tenant, at: datetime) -> datetime:
    """The last moment up to `at` at which the activation was due, in UTC."""
    return next(dropwhile(lambda moment: moment > at, _backwards(tenant, at)))


def was_due(tenant: Tenant, at: datetime, ago: timedelta = timedelta()) -> bool:
    """Whether the activation has been due on the local day of `at`, for at least `ago`."""
    return expected_at(tenant, at.date()) + ago <= at


def _backwards(tenant: Tenant, at: datetime) -> Iterator[datetime]:
    """The moments of the line, the newest first, from one on that is not before the last due."""
    clock = zone(tenant)
    shown = at.astimezone(clock).replace(tzinfo=None)
    # In an hour that clocks show again, they show less than they did at the last due.
    ticks = croniter(tenant.workflow.activation.cron, shown + LONGEST_SETBACK)
    while True:
        yield _moment(ticks.get_prev(datetime), clock)


def _moment(shown: datetime, clock: ZoneInfo) -> datetime:
    """The moment at which clocks show this time, in UTC."""
    first, second = (shown.replace(tzinfo=clock, fold=fold).astimezone(UTC) for fold in (0, 1))
    # In a skipped hour the first one is the later.
    return max(first, second) if shown.hour in SECOND_HOURS else first

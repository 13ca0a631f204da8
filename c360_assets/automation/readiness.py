"""Whether a workflow day is complete: which required feeds have landed and loaded, who is missing since when, and for how long.

Reads the tenant's declarations, the landing folder and the ledger of loaded files, nothing of Dagster: neither partition
status nor table versions say what is loaded. What is asked for when a day is complete belongs to `sensors` and `schedules`.

A missing feed is waited for without end unless `workflow.yaml` gives it a `wait`. The wait begins with the day's activation,
or with the load of the day's first file if that was later, so that a day delivered as a whole too late still gets it. When it
is over the day goes on without the feed, or with `stop` stays where it is until the file has come. What has landed is always
loaded first, but files that were refused count as missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from zoneinfo import ZoneInfo

import polars as pl

from c360_assets.automation.pending import News, news, refused
from c360_assets.tenant.durations import duration, rhythm_days, whole_days
from c360_assets.tenant.models import FeedConfig, Tenant, WorkflowFeed
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse

NOT_LOADED = "landed, not loaded yet"


@dataclass(frozen=True)
class Readiness:
    """The state of a workflow day. `digest` names everything that has been loaded, whichever day it is of.

    `missing` are the feeds that keep the day from going on, `without` those it goes on without; both say what the feed lacks.
    `stopped` are the missing ones whose wait is over, `until` the local time at which the wait of each other one ends.
    """

    day: date
    required: list[str]
    missing: dict[str, str]
    since: datetime | None  # when the first file of the day was loaded
    digest: str
    without: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    until: dict[str, datetime] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return not self.missing

    def sentence(self) -> str:
        """What the day waits for, or goes on without."""
        done = len(self.required) - len(self.missing) - len(self.without)
        loaded = f"{done} of {len(self.required)} required feeds loaded"
        if not self.complete:
            since = f" since {self.since:%Y-%m-%d %H:%M}" if self.since else ""
            return f"{self.day}: waiting{since} for {self.who(self.missing)}; {loaded}"
        if self.without:
            return f"{self.day}: going on without {self.who(self.without)}; {loaded}"
        return f"{self.day}: all {len(self.required)} required feeds are loaded"

    def who(self, feeds: dict[str, str]) -> str:
        """`feeds` with what each lacks, and when its wait ends."""
        return "; ".join(
            f"{feed} ({what}{self._wait(feed)})" for feed, what in sorted(feeds.items())
        )

    def _wait(self, feed: str) -> str:
        if feed in self.stopped:
            return "; its wait is over: deliver its file, or go on without it by `c360 run`"
        return f"; waited for until {self.until[feed]:%Y-%m-%d %H:%M}" if feed in self.until else ""


def local_today(tenant: Tenant, at: datetime | None = None) -> date:
    zone = ZoneInfo(tenant.config.timezone)
    return (at.astimezone(zone) if at else datetime.now(zone)).date()


def workflow(tenant: Tenant, feed: FeedConfig) -> WorkflowFeed:
    """What the workflow expects of a feed: as listed in `workflow.yaml`, else required if Stitch reads it and its files are
    not optional."""
    return tenant.workflow.feeds.get(feed.name) or WorkflowFeed(
        required=feed.stitch and not feed.files.optional
    )


def readiness(
    tenant: Tenant, warehouse: Warehouse, today: date, at: datetime | None = None
) -> Readiness:
    """How complete the workflow day is at the moment `at`; without a moment no wait is over.

    The day is `today`, or for a tenant whose figures stand at its last delivery the newest day that any required feed has
    landed. A place that cannot be looked at makes its feed missing, unless the day of that feed is loaded.
    """
    ledger = read_ledger(warehouse)
    done = ledger.filter(pl.col("status") != "failed")
    feeds = [f for f in tenant.feeds if workflow(tenant, f).required]
    found = {f.name: news(tenant, f, ledger, today) for f in feeds}
    loaded = {
        f.name: done.filter(pl.col("feed") == f.name)["delivery_day"].unique().sort().to_list()
        for f in feeds
    }
    day = today
    if tenant.config.as_of == "last_delivery":
        landed = [d.day for item in found.values() for d in item.days]
        day = max((d for days in (landed, *loaded.values()) for d in days), default=today)
    zone = ZoneInfo(tenant.config.timezone)
    first = done.filter(pl.col("delivery_day") == day)["loaded_at"].min()
    since = first.astimezone(zone) if isinstance(first, datetime) else None
    content = done.select("feed", "delivery_day", "attempt", "path", "sha256").sort(pl.all()).rows()
    state = Readiness(day, [f.name for f in feeds], {}, since, fingerprint(content)[:16])
    for feed in feeds:
        expected = workflow(tenant, feed)
        what = _lacks(
            expected,
            day,
            _unread(ledger, feed, found[feed.name]),
            found[feed.name].problem,
            loaded[feed.name],
        )
        if what:
            # A tenant of which nothing is loaded has no day that could go on.
            _judge(state, tenant, feed, what, at if content else None)
    return state


def _unread(ledger: pl.DataFrame, feed: FeedConfig, found: News) -> dict[date, str]:
    """The landed days of a feed that are not loaded, and why."""
    return {
        d.day: "delivered, failed to load" if refused(ledger, feed, d) else NOT_LOADED
        for d in found.days
    }


def _lacks(
    expected: WorkflowFeed, day: date, unread: dict[date, str], problem: str, loaded: Sequence[date]
) -> str:
    due = day - timedelta(days=whole_days(expected.offset))
    first = due - timedelta(days=rhythm_days(expected.every) - 1)
    states = {what for d, what in unread.items() if d <= due}
    if states:
        return NOT_LOADED if NOT_LOADED in states else states.pop()
    if any(first <= d <= due for d in loaded):
        return ""
    return problem or (f"last delivery {max(loaded)}" if loaded else "nothing delivered yet")


def _judge(
    state: Readiness, tenant: Tenant, feed: FeedConfig, what: str, at: datetime | None
) -> None:
    """Put a feed that lacks something where it belongs: waited for, stopping the day, or gone on without."""
    expected, until = workflow(tenant, feed), None
    if what != NOT_LOADED and (expected.wait is not None or feed.files.optional):
        begin = max(d for d in (expected_at(tenant, state.day), state.since) if d is not None)
        # Counted in UTC: clocks that change in between make no wait longer or shorter.
        until = begin.astimezone(UTC) + duration(expected.wait or "0s")
    if until is None or at is None or at < until:
        state.missing[feed.name] = what
        if until is not None:
            state.until[feed.name] = until.astimezone(ZoneInfo(tenant.config.timezone))
    elif expected.stop and not feed.files.optional:
        state.missing[feed.name] = what
        state.stopped.append(feed.name)
    else:
        state.without[feed.name] = what


def expected_at(tenant: Tenant, day: date) -> datetime:
    """When the day's files are expected: the first time from the day's beginning on that the activation is due."""
    # Dagster takes seconds to import, and only a day whose feeds have a wait needs its clock.
    from dagster._utils.schedules import get_next_cron_tick

    begin = datetime.combine(day, clock(), ZoneInfo(tenant.config.timezone)) - timedelta(seconds=1)
    return get_next_cron_tick(tenant.workflow.activation.cron, begin, tenant.config.timezone)

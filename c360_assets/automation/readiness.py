"""Whether a workflow day is complete: which required feeds have landed and loaded, who is missing
since when, and for how long.

Reads the tenant's declarations, the landing folder and the ledger of loaded files, nothing of
Dagster: neither partition status nor table versions say what is loaded. What is due when a day is
complete belongs to `due_stages`.

A missing feed is waited for without end unless `workflow.yaml` gives it a `wait`. The wait begins
with the day's activation, or with the load of the day's first file if that was later, so that a day
delivered as a whole too late still gets it. When it is over the day goes on without the feed, or
with `stop` stays where it is until the file has come. What has landed is always loaded first, but
files that were refused count as missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import polars as pl

from c360_assets.automation.activation_time import expected_at
from c360_assets.automation.pending import PendingDays, is_refused, pending_days
from c360_assets.ingest.day_feeds import day_feeds, required_feeds
from c360_assets.tenant.durations import duration, rhythm_days, whole_days
from c360_assets.tenant.listing import one_look
from c360_assets.tenant.local_time import zone
from c360_assets.tenant.models import FeedConfig, Tenant, WorkflowFeed
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse

NOT_LOADED = "landed, not loaded yet"
REFUSED = "delivered, failed to load"


@dataclass(frozen=True)
class Readiness:
    """The state of a workflow day.

    `digest` names all that has been loaded, of any day, of the feeds that the day is made of: those
    that Stitch depends on or that are required.

    `missing` are the feeds that keep the day from going on, `without` those it goes on without;
    both say what the feed lacks. `stopped` are the missing ones whose wait is over, `until` the
    local time at which the wait of each other one ends.
    """

    day: date
    required: list[str]
    missing: dict[str, str]
    since: datetime | None  # when the first file of the day was loaded
    last_load: datetime | None  # when the newest file that the day is made of was loaded
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
            return f"{self.day}: waiting{since} for {self.describe(self.missing)}; {loaded}"
        if self.without:
            return f"{self.day}: going on without {self.describe(self.without)}; {loaded}"
        return f"{self.day}: all {len(self.required)} required feeds are loaded"

    def describe(self, feeds: Mapping[str, str]) -> str:
        """`feeds` with what each lacks, and when its wait ends."""
        return "; ".join(
            f"{feed} ({lack}{self._wait(feed)})" for feed, lack in sorted(feeds.items())
        )

    def _wait(self, feed: str) -> str:
        if feed in self.stopped:
            return "; its wait is over: deliver its file, or go on without it by `c360 run`"
        if feed in self.until:
            return f"; waited for until {self.until[feed]:%Y-%m-%d %H:%M}"
        return ""


def workflow(tenant: Tenant, feed: FeedConfig) -> WorkflowFeed:
    """What the workflow expects of a feed."""
    return day_feeds(tenant).feeds[feed.name].expected


@dataclass(frozen=True)
class _FeedState:
    """What is known of a required feed: days that landed and are not loaded, and days that are."""

    feed: FeedConfig
    pending: PendingDays
    loaded: list[date]


def readiness(
    tenant: Tenant, warehouse: Warehouse, today: date, at: datetime | None = None
) -> Readiness:
    """How complete the workflow day is at the moment `at`; without a moment no wait is over.

    A place that cannot be looked at makes its feed missing, unless the day of that feed is loaded.
    """
    ledger = read_ledger(warehouse)
    loaded_files = ledger.filter(pl.col("status") != "failed")
    loaded_days = _days_by_feed(loaded_files)
    with one_look():
        states = [
            _FeedState(
                feed, pending_days(tenant, feed, ledger, today), loaded_days.get(feed.name, [])
            )
            for feed in required_feeds(tenant)
        ]
    day = _workflow_day(tenant, states, today)
    part_of_day = day_feeds(tenant).of_stitch | {state.feed.name for state in states}
    ready = Readiness(
        day=day,
        required=[state.feed.name for state in states],
        missing={},
        since=_first_load(tenant, loaded_files, day),
        last_load=_last_load(loaded_files, part_of_day),
        digest=_digest(ledger, loaded_files, part_of_day),
    )
    # A tenant of which nothing is loaded has no day that could go on.
    moment = at if loaded_files.height else None
    for state in states:
        lack = _lack(tenant, ledger, state, day)
        if lack:
            _judge(ready, tenant, state.feed, lack, moment)
    return ready


def _days_by_feed(files: pl.DataFrame) -> dict[str, list[date]]:
    """Feed -> the days that are loaded, in order."""
    days = files.group_by("feed").agg(pl.col("delivery_day").unique().sort())
    return dict(days.iter_rows())


# The digest that was asked for last: of what is loaded it changes with a load only.
_last_digest: list[tuple[pl.DataFrame, frozenset[str], str]] = []


def _digest(ledger: pl.DataFrame, loaded_files: pl.DataFrame, feeds: frozenset[str]) -> str:
    """A digest of all that is loaded of some feeds."""
    if _last_digest and _last_digest[0][0] is ledger and _last_digest[0][1] == feeds:
        return _last_digest[0][2]
    columns = ["feed", "delivery_day", "attempt", "path", "sha256"]
    content = loaded_files.filter(pl.col("feed").is_in(feeds)).select(columns).sort(pl.all())
    # By column: the ledger of years has a hundred thousand rows.
    digest = sha256(content.write_csv().encode()).hexdigest()[:16]
    _last_digest[:] = [(ledger, feeds, digest)]
    return digest


def _workflow_day(tenant: Tenant, states: Sequence[_FeedState], today: date) -> date:
    """`today`, or where figures stand at the last delivery the newest day of a required feed."""
    if tenant.config.as_of != "last_delivery":
        return today
    days = []
    for state in states:
        days += [load.day for load in state.pending.days] + state.loaded
    return max(days, default=today)


def _first_load(tenant: Tenant, loaded_files: pl.DataFrame, day: date) -> datetime | None:
    """When the first file of the day was loaded, by the tenant's clock."""
    first = loaded_files.filter(pl.col("delivery_day") == day)["loaded_at"].min()
    return first.astimezone(zone(tenant)) if isinstance(first, datetime) else None


def _last_load(loaded_files: pl.DataFrame, feeds: frozenset[str]) -> datetime | None:
    last = loaded_files.filter(pl.col("feed").is_in(feeds))["loaded_at"].max()
    return last if isinstance(last, datetime) else None


def _lack(tenant: Tenant, ledger: pl.DataFrame, state: _FeedState, day: date) -> str:
    """What a required feed lacks of the workflow day; '' for nothing."""
    expected = workflow(tenant, state.feed)
    last = day - timedelta(days=whole_days(expected.offset))
    first = last - timedelta(days=rhythm_days(expected.every) - 1)
    landed = [load for load in state.pending.days if load.day <= last]
    if landed:
        all_refused = all(is_refused(ledger, state.feed, load) for load in landed)
        return REFUSED if all_refused else NOT_LOADED
    if any(first <= loaded <= last for loaded in state.loaded):
        return ""
    if state.pending.problem:
        return state.pending.problem
    return f"last delivery {state.loaded[-1]}" if state.loaded else "nothing delivered yet"


def _judge(
    ready: Readiness, tenant: Tenant, feed: FeedConfig, lack: str, at: datetime | None
) -> None:
    """Put a feed that lacks something where it belongs.

    It is waited for, stops the day, or is gone on without.
    """
    expected = workflow(tenant, feed)
    until = _end_of_wait(ready, tenant, feed)
    is_over = until is None or (at is not None and at >= until)
    # What has landed is loaded, however late it came.
    if until is None or (is_over and lack == NOT_LOADED):
        ready.missing[feed.name] = lack
    elif not is_over:
        ready.missing[feed.name] = lack
        ready.until[feed.name] = until.astimezone(zone(tenant))
    elif expected.stop and not feed.files.optional:
        ready.missing[feed.name] = lack
        ready.stopped.append(feed.name)
    else:
        ready.without[feed.name] = lack


def _end_of_wait(ready: Readiness, tenant: Tenant, feed: FeedConfig) -> datetime | None:
    """When the wait for a feed is over, in UTC; None where it is waited for without end."""
    wait = workflow(tenant, feed).wait
    if wait is None and not feed.files.optional:
        return None
    begin = expected_at(tenant, ready.day)
    if ready.since is not None:
        begin = max(begin, ready.since.astimezone(UTC))
    # Counted in UTC: clocks that change in between make no wait longer or shorter.
    return begin + duration(wait or "0s")

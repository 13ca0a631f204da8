"""Whether a workflow day is complete: which required feeds have landed and loaded, and who is missing since when.

Reads the tenant's declarations, the landing folder and the ledger of loaded files, nothing of Dagster: neither partition
status nor table versions say what is loaded. What is asked for when a day is complete belongs to `sensors` and `schedules`.
A required feed is waited for without end; `wait`, `notify` and `stop` of `workflow.yaml` are not judged yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from c360_assets.ingest.landing import pending
from c360_assets.tenant.models import FeedConfig, Tenant, WorkflowFeed
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse

PERIODS = {"hour": 1, "day": 1, "week": 7, "month": 31}


@dataclass(frozen=True)
class Readiness:
    """The state of a workflow day. `digest` names everything that has been loaded, whichever day it is of."""

    day: date
    required: list[str]
    missing: dict[str, str]  # feed -> what it lacks, in words
    since: datetime | None  # when the first file of the day was loaded
    digest: str

    @property
    def complete(self) -> bool:
        return not self.missing

    def sentence(self) -> str:
        """What the day waits for."""
        if self.complete:
            return f"{self.day}: all {len(self.required)} required feeds are loaded"
        since = f" since {self.since:%Y-%m-%d %H:%M}" if self.since else ""
        done = len(self.required) - len(self.missing)
        who = "; ".join(f"{feed} ({what})" for feed, what in sorted(self.missing.items()))
        return f"{self.day}: waiting{since} for {who}; {done} of {len(self.required)} required feeds loaded"


def local_today(tenant: Tenant, at: datetime | None = None) -> date:
    zone = ZoneInfo(tenant.config.timezone)
    return (at.astimezone(zone) if at else datetime.now(zone)).date()


def workflow(tenant: Tenant, feed: FeedConfig) -> WorkflowFeed:
    """What the workflow expects of a feed: as listed in `workflow.yaml`, else required if Stitch reads it."""
    return tenant.workflow.feeds.get(feed.name) or WorkflowFeed(required=feed.stitch)


def readiness(tenant: Tenant, warehouse: Warehouse, today: date) -> Readiness:
    """How complete the workflow day is.

    The day is `today`, or for a tenant whose figures stand at its last delivery the newest day that any required feed has
    landed.
    """
    ledger = read_ledger(warehouse)
    done = ledger.filter(pl.col("status") != "failed")
    feeds = [f for f in tenant.feeds if workflow(tenant, f).required]
    waiting = {f.name: [d.day for d in pending(tenant, f, ledger, today)] for f in feeds}
    loaded = {f.name: done.filter(pl.col("feed") == f.name)["delivery_day"].unique().sort().to_list() for f in feeds}
    day = today
    if tenant.config.as_of == "last_delivery":
        day = max((d for days in (*waiting.values(), *loaded.values()) for d in days), default=today)
    missing = {f.name: what for f in feeds if (what := _lacks(workflow(tenant, f), day, waiting[f.name], loaded[f.name]))}
    first = done.filter(pl.col("delivery_day") == day)["loaded_at"].min()
    since = first.astimezone(ZoneInfo(tenant.config.timezone)) if isinstance(first, datetime) else None
    content = done.select("feed", "delivery_day", "attempt", "path", "sha256").sort(pl.all()).rows()
    return Readiness(day, [f.name for f in feeds], missing, since, fingerprint(content)[:16])


def _lacks(expected: WorkflowFeed, day: date, waiting: Sequence[date], loaded: Sequence[date]) -> str:
    due = day - timedelta(days=days_of(expected.offset))
    first = due - timedelta(days=max(days_of(expected.every), 1) - 1)
    if any(d <= due for d in waiting):
        return "landed, not loaded yet"
    if any(first <= d <= due for d in loaded):
        return ""
    return f"last delivery {max(loaded)}" if loaded else "nothing delivered yet"


def days_of(text: str) -> int:
    """A period such as `day`, `2d`, `1 week` or `36h` in whole days, rounded up."""
    match = re.fullmatch(r"\s*(\d+)?\s*(h|d|w|m|hour|day|week|month)s?\s*", text.lower())
    if not match:
        return 1
    number = int(match[1]) if match[1] else 1
    unit = next(name for name in PERIODS if name.startswith(match[2]))
    return -(-number // 24) if unit == "hour" else number * PERIODS[unit]

"""What of a feed is news, as a tick wants to know it: remote places are asked seldom, and one that fails is an answer.

A tick lists remote files; the run that it asks for fetches them. Finding and fetching files belongs to `ingest`. What follows
from the answer is for `sensors` and `readiness` to say.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landing import DayLoad, pending
from c360_assets.tenant.models import FeedConfig, Tenant

# A place that does not answer holds a tick for a minute, so it is left alone for a while.
SECONDS_AFTER_FAILURE = 300.0
_seen: dict[tuple[str, str], tuple[float, Any, News]] = {}


def interval() -> int:
    """Seconds between two ticks of a sensor; tests shorten it."""
    return int(os.environ.get("C360_SENSOR_SECONDS", "30"))


@dataclass(frozen=True)
class News:
    """Delivery days that are not loaded. `problem` says why the feed's place could not be looked at, and what to do."""

    days: list[DayLoad] = field(default_factory=list)
    problem: str = ""


def news(tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, today: date) -> News:
    """The feed's news up to `today`. All ticks of a process share one look at a remote place per interval."""
    if "://" not in feed.files.address:
        return _look(tenant, feed, ledger, today)
    own = ledger.filter(pl.col("feed") == feed.name)
    key, state = (str(tenant.root), feed.name), (feed, today, own.height, own["loaded_at"].max())
    at, seen, found = _seen.get(key, (0.0, None, News()))
    fresh = time.monotonic() - at < (SECONDS_AFTER_FAILURE if found.problem else interval())
    if not fresh or (seen != state and not found.problem):
        found = _look(tenant, feed, ledger, today)
        _seen[key] = time.monotonic(), state, found
    return found


def _look(tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, today: date) -> News:
    try:
        return News(pending(tenant, feed, ledger, today, fetched=False))
    except LoadError as error:
        return News(problem=str(error))


def refused(ledger: pl.DataFrame, feed: FeedConfig, day: DayLoad) -> bool:
    """Whether exactly these files failed to load in the last attempt: only a new delivery, or a person, changes that."""
    last = ledger.filter((pl.col("feed") == feed.name) & (pl.col("delivery_day") == day.day))
    last = last.filter(
        (pl.col("attempt") == pl.col("attempt").max()) & (pl.col("status") == "failed")
    )
    return set(last.select("path", "sha256").iter_rows()) == {
        (f.relative, f.sha256) for f in day.files
    }

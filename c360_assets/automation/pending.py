"""Which delivery days of a feed are not loaded, as a tick wants to know it.

Remote places are asked seldom, and one that fails is an answer. A tick lists remote files; the run
that it asks for fetches them. Finding and fetching files belongs to `ingest`. What follows from the
answer is for `due_loads` and `readiness` to say.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from c360_assets.ingest.arrival import seconds_to_settle, settle_seconds
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landed_files import LandedFile
from c360_assets.ingest.landing import pending
from c360_assets.ingest.read_again import DayLoad
from c360_assets.tenant.models import FeedConfig, Tenant

# A place that does not answer holds a tick for a minute, so it is left alone for a while.
SECONDS_AFTER_FAILURE = 300.0


def interval() -> int:
    """Seconds between two ticks of a sensor; tests shorten it."""
    return int(os.environ.get("C360_SENSOR_SECONDS", "30"))


@dataclass(frozen=True)
class PendingDays:
    """Delivery days that are not loaded.

    `problem` says why the feed's place could not be looked at, and what to do.
    """

    days: tuple[DayLoad, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class _Look:
    """A look at a remote place: when (by a steady clock), what it depended on, the answer."""

    at: float
    inputs: Any
    answer: PendingDays

    def is_usable(self, inputs: Any) -> bool:
        """Whether it answers a tick that would look with `inputs`."""
        age = time.monotonic() - self.at
        if self.answer.problem:
            return age < SECONDS_AFTER_FAILURE
        return age < interval() and self.inputs == inputs


_last_looks: dict[tuple[str, str], _Look] = {}


def pending_days(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, today: date
) -> PendingDays:
    """The feed's days up to `today` that are not loaded.

    All ticks of a process share one look at a remote place per interval.
    """
    if "://" not in feed.files.address:
        return _look(tenant, feed, ledger, today)
    own = ledger.filter(pl.col("feed") == feed.name)
    inputs = (feed, today, own.height, own["loaded_at"].max())
    place = (str(tenant.root), feed.name)
    last = _last_looks.get(place)
    if last is None or not last.is_usable(inputs):
        last = _Look(time.monotonic(), inputs, _look(tenant, feed, ledger, today))
        _last_looks[place] = last
    return last.answer


def _look(tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, today: date) -> PendingDays:
    try:
        return PendingDays(tuple(pending(tenant, feed, ledger, today, fetched=False)))
    except LoadError as error:
        return PendingDays(problem=str(error))


# What the last tick saw of each feed's files that are not loaded: path -> size and time.
_seen: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}


def arriving(tenant: Tenant, feed: FeedConfig, days: Sequence[DayLoad]) -> list[DayLoad]:
    """The days of which a file is not whole yet, as far as one can see.

    A file must be old enough, and be as the tick before saw it: a time may be of another clock, or
    be set back by whoever copies.
    """
    key = (str(tenant.root), feed.name)
    before = _seen.get(key, {})
    _seen[key] = {file.relative: (file.size, file.mtime_ns) for load in days for file in load.files}
    if settle_seconds(feed) == 0 or feed.files.done is not None:
        return []
    return [load for load in days if any(_is_arriving(feed, file, before) for file in load.files)]


def _is_arriving(feed: FeedConfig, file: LandedFile, before: Mapping[str, tuple[int, int]]) -> bool:
    if before.get(file.relative) != (file.size, file.mtime_ns):
        return True
    return seconds_to_settle(feed, file) > 0


def is_refused(ledger: pl.DataFrame, feed: FeedConfig, day: DayLoad) -> bool:
    """Whether exactly these files failed to load in the last attempt.

    Then only a new delivery, or a person, changes that.
    """
    attempts = ledger.filter(
        pl.col("feed") == feed.name,
        pl.col("delivery_day") == day.day,
    )
    failed = attempts.filter(
        pl.col("attempt") == pl.col("attempt").max(),
        pl.col("status") == "failed",
    )
    failed_files = set(failed.select("path", "sha256").iter_rows())
    return failed_files == {(file.relative, file.sha256) for file in day.files}

"""When the cause of an earlier alert is gone, so that whoever was alerted may rest.

A question for each kind, answered from what is there now. Raising and telling belong to `alerts`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from c360_assets.automation.alerts import open_alerts, tell_recovery
from c360_assets.automation.pending import pending_days
from c360_assets.automation.readiness import workflow
from c360_assets.automation.switched_off import switched_off
from c360_assets.errors import C360Error
from c360_assets.ingest.odd_files import odd_entries
from c360_assets.tenant.changed_files import changed_files
from c360_assets.tenant.durations import rhythm_days, whole_days
from c360_assets.tenant.local_time import zone
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.heartbeat import is_ahead, last_beat
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse


@dataclass(frozen=True)
class Look:
    """What recoveries are told from.

    `running` are ids of runs that go on, `overdue` names (`_subject`) of what is older than it may
    be; both None where only an orchestrator could tell, and nobody has asked it.
    """

    tenant: Tenant
    warehouse: Warehouse
    at: datetime
    stitch_is_done: bool | None = None
    running: Collection[str] | None = None
    overdue: Collection[str] | None = None

    @property
    def ledger(self) -> pl.DataFrame:
        return read_ledger(self.warehouse)

    def feed(self, entry: Mapping[str, Any]) -> FeedConfig | None:
        return self.tenant.feed(entry["feed"])


# Of an alert's entry, the sentence that tells of the recovery; '' while the cause is there.
Question = Callable[[Look, Mapping[str, Any]], str]


def tell_recoveries(look: Look) -> int:
    """Tell of each alert whose cause is gone, and return of how many."""
    told = 0
    for entry in open_alerts(look.tenant):
        question = QUESTIONS.get(entry["kind"])
        message = question(look, entry) if question is not None else ""
        if message:
            tell_recovery(look.tenant, entry, message)
            told += 1
    return told


def _delivered(look: Look, entry: Mapping[str, Any]) -> str:
    """Of a delivery that did not come: it is loaded."""
    feed = look.feed(entry)
    if feed is None:
        return f"{entry['feed']} is no feed any more"
    expected = workflow(look.tenant, feed)
    last = date.fromisoformat(entry["day"]) - timedelta(days=whole_days(expected.offset))
    first = last - timedelta(days=rhythm_days(expected.every) - 1)
    return _loaded(look, feed, first, last)


def _day_loaded(look: Look, entry: Mapping[str, Any]) -> str:
    """Of a day that failed to load: its newest attempt did not."""
    feed = look.feed(entry)
    if feed is None:
        return f"{entry['feed']} is no feed any more"
    day = date.fromisoformat(entry["day"])
    return _loaded(look, feed, day, day)


def _loaded(look: Look, feed: FeedConfig, first: date, last: date) -> str:
    attempts = look.ledger.filter(
        pl.col("feed") == feed.name, pl.col("delivery_day").is_between(first, last)
    )
    newest = attempts.filter(pl.col("attempt") == pl.col("attempt").max().over("delivery_day"))
    loaded = newest.filter(pl.col("status") != "failed").sort("loaded_at")
    if loaded.is_empty():
        return ""
    file = loaded.row(-1, named=True)
    return f"{feed.name}: {file['path']} of {file['delivery_day']} is loaded"


def _reachable(look: Look, entry: Mapping[str, Any]) -> str:
    feed = look.feed(entry)
    if feed is None:
        return f"{entry['feed']} is no feed any more"
    pending = pending_days(look.tenant, feed, look.ledger, look.at.date())
    return "" if pending.problem else f"the place of {feed.name} answers again"


def _no_odd_entry(look: Look, entry: Mapping[str, Any]) -> str:
    feed = look.feed(entry)
    if feed is not None and odd_entries(look.tenant, feed):
        return ""
    return f"what was no file is gone from the folder of {entry['feed']}"


def _stitch_done(look: Look, entry: Mapping[str, Any]) -> str:
    return "Stitch has read everything that is loaded" if look.stitch_is_done else ""


def _activated(look: Look, entry: Mapping[str, Any]) -> str:
    """Something was published since, so nothing waits any more; or the feed it waited for came."""
    published = last_beat(look.tenant.root, "published")
    if published is None or not _is_since(look, entry, published):
        return _delivered(look, entry) if entry["feed"] else ""
    return f"published at {published.astimezone(zone(look.tenant)):%Y-%m-%d %H:%M}"


def _is_since(look: Look, entry: Mapping[str, Any], moment: datetime) -> bool:
    """Whether a moment is after the alert, and no time of a clock that was set back since."""
    return moment > datetime.fromisoformat(entry["at"]) and not is_ahead(moment, look.at)


def _run_ended(look: Look, entry: Mapping[str, Any]) -> str:
    run = entry["message"].split(" ")[1]
    if look.running is None or any(run_id.startswith(run) for run_id in look.running):
        return ""
    return f"run {run} has ended"


def _configuration_read(look: Look, entry: Mapping[str, Any]) -> str:
    return "" if changed_files(look.tenant) else "the service has read the configuration"


def _ticking(look: Look, entry: Mapping[str, Any]) -> str:
    tick = last_beat(look.tenant.root, "tick")
    if tick is None or not _is_since(look, entry, tick):
        return ""
    return f"the service works again since {tick.astimezone(zone(look.tenant)):%Y-%m-%d %H:%M}"


def _switched_on(look: Look, entry: Mapping[str, Any]) -> str:
    try:
        off = switched_off(look.tenant)
    except C360Error:
        return ""
    return "" if off else "every sensor and schedule is switched on again"


def _fresh(look: Look, entry: Mapping[str, Any]) -> str:
    if look.overdue is None or entry["feed"] in look.overdue:
        return ""
    return f"{entry['feed'] or 'what the activation makes'} is as fresh as it should be"


QUESTIONS: Mapping[str, Question] = {
    "missing": _delivered,
    "stopped": _delivered,
    "late": _activated,
    "load_failed": _day_loaded,
    "unreachable": _reachable,
    "odd_entry": _no_odd_entry,
    "stitch_failed": _stitch_done,
    "activation_failed": _activated,
    "overdue": _fresh,
    "runtime": _run_ended,
    "configuration": _configuration_read,
    "silent": _ticking,
    "switched_off": _switched_on,
    "unpublished": _activated,
}

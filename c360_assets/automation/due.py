"""The answer to "what is due": the one that sensors, the schedule and `c360 run` share.

It holds the runs to start, each with the tags by which it is found again, or the reason why there
is none, and what a person is to be alerted of. Which loads are due is for `due_loads` to say, which
Stitch and which activation for `due_stages`. They look at what is and keep nothing, start no run
and raise no alert, and do not know the orchestrator, so that a day with nothing to do never imports
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from c360_assets.automation.alert_texts import Kind
from c360_assets.automation.alerts import Alert
from c360_assets.automation.readiness import workflow
from c360_assets.ingest.read_again import DayLoad
from c360_assets.tenant.models import FeedConfig, Tenant

MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class DueRun:
    """A run that is to be started.

    `key` stays the same however often one asks, until an attempt fails. `feed` and its `days`,
    which have no gap, are set for a load only. `as_of` is what "today" means in the run, None
    where `tenant.yaml` says it.
    """

    job: str
    key: str
    tags: Mapping[str, str]
    as_of: date | None = None
    feed: FeedConfig | None = None
    days: Sequence[DayLoad] = ()


@dataclass(frozen=True)
class Due:
    """The runs that are due, or the reason why none is. `warning` is for the asker's log, `is_done`
    says that what was asked for has been done of all that is loaded.
    """

    runs: Sequence[DueRun] = ()
    reason: str = ""
    alerts: Sequence[Alert] = ()
    warning: str = ""
    is_done: bool = False


def feed_alerts(
    tenant: Tenant, feed: FeedConfig, kind: Kind, day: date, message: str
) -> list[Alert]:
    """The alert, if the feed's entry in `workflow.yaml` wants alerts."""
    if not workflow(tenant, feed).notify:
        return []
    return [Alert(kind, feed.name, day, message)]

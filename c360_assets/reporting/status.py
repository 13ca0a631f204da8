"""What is loaded, stitched, published and due next, read from the ledger and the manifest.

Looks and changes nothing. Whether a day is complete for Stitch is decided by `automation`; this
page shows the facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.publication.lakes import published_names
from c360_assets.errors import C360Error
from c360_assets.ingest.day_feeds import DayFeed, day_feeds
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landed_files import is_remote
from c360_assets.ingest.landing import pending
from c360_assets.ingest.odd_files import (
    odd_entries,
    of_no_feed_or_several,
    outside_messages,
    unmarked,
)
from c360_assets.reporting.receivers import ReceiverStatus, receiver_statuses
from c360_assets.reporting.stitch_quality import quality_json
from c360_assets.reporting.summary import CheckWarning, check_warnings
from c360_assets.reporting.unseen import unseen_by_stitch
from c360_assets.tenant.listing import one_look
from c360_assets.tenant.local_time import zone
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import RUN_TABLES
from c360_assets.warehouse.last_run import LastRun, last_run
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.place import place_of as bucket_of
from c360_assets.warehouse.publications import GROUP, Place, place_of
from c360_assets.warehouse.session import Warehouse, open_session

ALERTS_SHOWN = timedelta(days=7)
MOST_ALERTS = 10


@dataclass(frozen=True)
class FeedStatus:
    """One feed: its newest delivery, counts over its last attempts, days that wait to be loaded.

    `late_files` were loaded after the database was published, so that it does not hold them.
    `odd_entries` say what in the landing folder looks like a file and is none, `unmarked_files`
    wait for their mark.
    """

    feed: str
    last_day: date | None
    last_file: str
    rows: int
    rejected: int
    failed_days: int
    waiting_days: int
    message: str
    required: bool
    required_because: str
    late_files: int
    odd_entries: list[str]
    unmarked_files: int
    problem: str
    """Why the place of its files could not be looked at, and what to do; empty where it could."""


@dataclass(frozen=True)
class Status:
    """What `c360 status` shows, and the keys of its `--json`.

    `last_run` is None before the first. `unseen` counts by feed the rows that Stitch has not seen.
    `tables` is where the tables are: a folder or a bucket. `published` is empty where nothing is,
    and so are the `others`, databases by name; `not_looked_at` says why a place could not be.
    `odd_files` tells of files in `landing/` that no feed takes, or several, or whose day is not yet
    or too long ago; `receivers` of what
    each destination has of the tables that are published.
    `check_warnings` are the checks of the database `customer_360` that warn. `removed` tells of
    tables that the settings no longer have; `alerts` are those of the last days, the newest first;
    `switched_off` are sensors and schedules that begin nothing.
    """

    tenant: str
    last_run: LastRun | None
    feeds: list[FeedStatus]
    odd_files: list[str]
    stitch: dict[str, Any]
    unseen: dict[str, int]
    tables: str
    removed: str
    published: dict[str, Any]
    check_warnings: list[CheckWarning]
    others: dict[str, dict[str, Any]]
    not_looked_at: list[str]
    receivers: list[ReceiverStatus]
    activation_cron: str
    late: str
    timezone: str
    retention: dict[str, str | int]
    alerts: list[dict[str, Any]]
    switched_off: list[str]


def read_status(
    root: Path, now: datetime, switched_off: Sequence[str] = (), removed: str = ""
) -> Status:
    """The state of the tenant at `root`; `now` is compared with times of publication. `removed` is
    a sentence about tables that the settings no longer have, empty where there are none."""
    tenant = load_tenant(root)
    warehouse = Warehouse.open(root / "warehouse")
    ledger = read_ledger(warehouse)
    now = now.astimezone(zone(tenant))
    bucket = bucket_of(root)
    publications, not_looked_at = _publications(tenant, now)
    published = publications.pop(GROUP)
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        warnings = check_warnings(session)
        receivers = receiver_statuses(session, tenant)
    with one_look():
        feeds = _feed_statuses(tenant, ledger, published)
        odd_files = of_no_feed_or_several(tenant)
        # To look at another machine costs a request.
        for feed in (feed for feed in tenant.feeds if not is_remote(feed)):
            odd_files += outside_messages(tenant, feed, ledger)
    return Status(
        tenant=tenant.config.name,
        last_run=last_run(root),
        feeds=feeds,
        odd_files=odd_files,
        stitch=_stitch_figures(warehouse),
        unseen=unseen_by_stitch(tenant, warehouse),
        tables=bucket.address if bucket is not None else str(warehouse.root),
        removed=removed,
        published=published,
        check_warnings=warnings if published else [],
        others=publications,
        not_looked_at=not_looked_at,
        receivers=receivers,
        activation_cron=tenant.workflow.activation.cron,
        late=tenant.workflow.activation.late,
        timezone=tenant.config.timezone,
        retention=tenant.config.retention.model_dump(),
        alerts=_recent_alerts(tenant, now),
        switched_off=list(switched_off),
    )


def _stitch_figures(warehouse: Warehouse) -> dict[str, Any]:
    records = warehouse.state("unified_coalesced")
    generation = warehouse.state("stitch_generation")
    return {
        "generation": warehouse.manifest.meta.get("stitch_generation", 0),
        "source_records": records.rows if records else 0,
        "people": records.figures.get("amperity_ids", 0) if records else 0,
        "warnings": generation.figures.get("warnings", []) if generation else [],
        "quality": quality_json(records.figures if records else {}),
    }


def _publications(tenant: Tenant, now: datetime) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What is published of every database, and a sentence for each place that does not answer."""
    publications: dict[str, dict[str, Any]] = {}
    problems = []
    for name in published_names(tenant):
        publications[name] = {}
        try:
            publications[name] = _publication(place_of(tenant, name), now)
        except C360Error as error:
            problems.append(f"{name}: {error}")
    return publications, problems


def _publication(place: Place, now: datetime) -> dict[str, Any]:
    """Where the published database is, since when, and how many earlier ones are kept.

    Times are of the zone of `now`.
    """
    published = place.published()
    if published is None:
        return {}
    published_at = published.written_at.astimezone(now.tzinfo)
    return {
        "path": place.shown,
        "at": published_at,
        "age_hours": (now - published.written_at).total_seconds() / 3600,
        "kept": place.count_kept(),
    }


def _recent_alerts(tenant: Tenant, now: datetime) -> list[dict[str, Any]]:
    """The alerts that were raised lately, the newest first."""
    path = tenant.root / tenant.workflow.alerts.file
    if not path.exists():
        return []
    lines = path.read_text("utf-8", "replace").splitlines()
    read = [_recent_alert(line, now) for line in lines]
    alerts = [alert for alert in read if alert is not None]
    alerts.sort(key=lambda alert: alert["at"], reverse=True)
    return alerts[:MOST_ALERTS]


def _recent_alert(line: str, now: datetime) -> dict[str, Any] | None:
    """The alert of one line of the file; None where it is old, or where the line holds none."""
    try:
        alert: dict[str, Any] = json.loads(line)
        is_recent = now - datetime.fromisoformat(alert["at"]) < ALERTS_SHOWN
        is_complete = alert["kind"] and alert["message"]
    except (ValueError, KeyError, TypeError):
        # Other programs may append to the file, and a line may be cut off by a full disk.
        return None
    return alert if is_recent and is_complete else None


def _feed_statuses(
    tenant: Tenant, ledger: pl.DataFrame, published: dict[str, Any]
) -> list[FeedStatus]:
    expected = day_feeds(tenant)
    late: dict[str, int] = {}
    if published:
        counts = _files_since(ledger, published["at"]).group_by("feed").len()
        late = dict(counts.filter(pl.col("feed").is_in(expected.of_stitch)).iter_rows())
    return [
        _feed_status(tenant, ledger, day_feed, late.get(name, 0))
        for name, day_feed in expected.feeds.items()
    ]


def _files_since(ledger: pl.DataFrame, published_at: datetime) -> pl.DataFrame:
    """The files that were first loaded after the database was published, once each.

    A late file has its whole day loaded again; the day's other files are nothing new.
    """
    file = ["feed", "path", "sha256"]
    loaded = ledger.filter(pl.col("status") == "loaded")
    first = loaded.group_by(file).agg(pl.col("loaded_at").min())
    return first.filter(pl.col("loaded_at") > published_at.astimezone(UTC))


def _feed_status(
    tenant: Tenant, ledger: pl.DataFrame, day_feed: DayFeed, late_files: int
) -> FeedStatus:
    name = day_feed.feed
    feed = tenant.feed(name)
    assert feed is not None
    waiting_days = 0
    problem = ""
    try:
        waiting_days = len(pending(tenant, feed, ledger, fetched=False))
    except LoadError as error:
        problem = str(error)
    attempts = ledger.filter(pl.col("feed") == name)
    newest_attempt = pl.col("attempt").max().over("delivery_day")
    latest = attempts.filter(pl.col("attempt") == newest_attempt)
    # A day that failed delivered nothing.
    last = latest.filter(pl.col("status") == "loaded").sort("delivery_day", "path").tail(1)
    failed = latest.filter(pl.col("status") == "failed").sort("delivery_day")
    return FeedStatus(
        feed=name,
        last_day=last["delivery_day"].item() if last.height else None,
        last_file=last["path"].item() if last.height else "",
        rows=int(latest["rows_read"].sum()),
        rejected=int(latest["rows_rejected"].sum()),
        failed_days=failed["delivery_day"].n_unique(),
        waiting_days=waiting_days,
        message=failed["message"].to_list()[-1] if failed.height else "",
        required=day_feed.expected.required,
        required_because=day_feed.reason,
        late_files=late_files,
        odd_entries=odd_entries(tenant, feed),
        unmarked_files=len(unmarked(tenant, feed)),
        problem=problem,
    )


def digest_lines(root: Path) -> Iterator[str]:
    """One line per table: name, rows, content digest. Tables that tell about runs are left out."""
    tables = Warehouse.open(root / "warehouse").manifest.tables
    shown = {name: state for name, state in sorted(tables.items()) if name not in RUN_TABLES}
    width = max((len(name) for name in shown), default=0)
    for name, state in shown.items():
        yield f"{name:<{width}}  {state.rows:>10}  {state.digest}"

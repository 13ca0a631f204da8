"""Loading as the command line runs it: what has landed of the chosen feeds, one after another.

Which runs that takes is for `due` to say; what a run does belongs to `assets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from c360_assets.automation.day_options import DayOptions
from c360_assets.automation.launcher import Launcher
from c360_assets.errors import C360Error
from c360_assets.ingest.failures import OVER_THRESHOLD, LoadError
from c360_assets.ingest.landing import (
    DayLoad,
    landed,
    not_there_messages,
    outside,
    pending,
    shared,
    today,
    unclaimed,
)
from c360_assets.reporting.summary import FeedLoaded
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse

if TYPE_CHECKING:
    from c360_assets.automation.runs import RunOutcome

SHOWN_WARNINGS = 3  # of one feed
# What steps of reports are called. They look at all feeds' tables, so one broken feed fails them
# all; what fails there is told when the reports run again.
VALIDATES = "validate_"


@dataclass
class Loading:
    """What became of the feeds. `unread` are those of which nothing could be read."""

    feeds: list[FeedLoaded] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def add(
        self,
        feed: FeedConfig,
        warnings: Sequence[str],
        failures: Sequence[str],
        *,
        is_unread: bool,
    ) -> None:
        self.warnings += warnings
        self.failures += failures
        if is_unread:
            self.unread.append(feed.name)


@dataclass(frozen=True)
class _Arrived:
    """What has landed of a feed and is not loaded. `is_unread`: its place cannot be reached."""

    feed: FeedConfig
    days: Sequence[DayLoad] = ()
    warnings: Sequence[str] = ()
    failures: Sequence[str] = ()
    is_unread: bool = False


@dataclass(frozen=True)
class _Loaded:
    """What became of one feed."""

    figures: FeedLoaded
    warnings: list[str]
    failures: list[str]
    is_unread: bool


def load_feeds(
    tenant: Tenant, options: DayOptions, warehouse: Warehouse, launcher: Launcher
) -> Loading:
    """Load what has landed of the chosen feeds.

    Raises C360Error for a feed that does not exist, and when nothing has ever landed.
    """
    ledger = read_ledger(warehouse)
    arrivals = [_arrived(tenant, feed, ledger, options) for feed in _chosen(tenant, options)]
    loading = Loading()
    for arrived in arrivals:
        loading.add(arrived.feed, arrived.warnings, arrived.failures, is_unread=arrived.is_unread)
    to_load = [arrived for arrived in arrivals if arrived.days]
    if ledger.is_empty() and not to_load and not loading.failures:
        raise C360Error(
            f"nothing has landed: no file below {tenant.root / 'landing'} matches a feed's "
            "pattern; drop files there, or correct `files.pattern` in feeds/"
        )
    loading.warnings += _folder_warnings(tenant)
    for arrived in to_load:
        loaded = _load_feed(tenant, arrived, options, warehouse, launcher)
        loading.feeds.append(loaded.figures)
        loading.add(arrived.feed, loaded.warnings, loaded.failures, is_unread=loaded.is_unread)
    return loading


def _chosen(tenant: Tenant, options: DayOptions) -> list[FeedConfig]:
    feeds = sorted(tenant.feeds, key=lambda feed: feed.name)
    if not options.feeds:
        return feeds
    names = [feed.name for feed in feeds]
    unknown = [name for name in options.feeds if tenant.feed(name) is None]
    if unknown:
        raise C360Error(f"no feed {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [tenant.feed(name) for name in options.feeds]
    return [feed for feed in feeds if feed in chosen]


def _arrived(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, options: DayOptions
) -> _Arrived:
    """The feed's delivery days to load; a place that cannot be reached fails this feed alone."""
    warnings = []
    try:
        days = pending(tenant, feed, ledger, options.through, again_from=options.first)
        was_loaded = feed.name in ledger["feed"]
        if not was_loaded and not days and not landed(tenant, feed):
            warnings.append(f"{feed.name}: no file has landed yet (pattern {feed.files.pattern})")
        ignored = outside(tenant, feed, options.through)
    except LoadError as error:
        return _Arrived(feed, warnings=warnings, failures=[str(error)], is_unread=True)
    if ignored and options.through is None:
        warnings.append(
            f"{feed.name}: {len(ignored)} files of days outside the calendar are not loaded, "
            f"such as {ignored[0].relative}"
        )
    if options.first is not None:
        last = options.through or today(tenant)
        warnings += not_there_messages(tenant, feed, ledger, options.first, last)
        days = [load for load in days if load.day >= options.first or load.new_columns]
    return _Arrived(feed, days, warnings)


def _folder_warnings(tenant: Tenant) -> list[str]:
    """Of files below `landing/` that no feed takes, and of those that several take."""
    warnings = []
    strays = unclaimed(tenant)
    if strays:
        warnings.append(
            f"{len(strays)} files below landing/ belong to no feed and are not loaded, such as "
            f"{strays[0]}; correct `files.pattern` of their feed, or add one "
            "(`c360 feed suggest FILE`)"
        )
    taken_twice = shared(tenant)
    if taken_twice:
        path, feeds = next(iter(taken_twice.items()))
        warnings.append(
            f"{len(taken_twice)} files below landing/ belong to several feeds and are loaded by "
            f"each, such as {path} ({', '.join(feeds)}); correct `files.pattern` of one, unless "
            "that is meant"
        )
    return warnings


def _load_feed(
    tenant: Tenant,
    arrived: _Arrived,
    options: DayOptions,
    warehouse: Warehouse,
    launcher: Launcher,
) -> _Loaded:
    feed = arrived.feed
    launcher.reporter.doing(f"loading {feed.name}: {len(arrived.days)} delivery days")
    outcomes = _run_loads(tenant, arrived, options, launcher)
    warehouse.reload()
    run_ids = [outcome.run_id for outcome in outcomes]
    files = read_ledger(warehouse).filter(
        pl.col("feed") == feed.name, pl.col("run_id").is_in(run_ids)
    )
    failed = files.filter(pl.col("status") == "failed")
    figures = _figures(feed, files, failed)
    launcher.reporter.done(
        f"loaded {feed.name}: {figures.loaded:,} rows of {figures.files} files, "
        f"{figures.rejected:,} rejected"
    )
    warnings: list[str] = []
    failures: list[str] = []
    for outcome in outcomes:
        warnings += outcome.warnings
        failures += _load_failures(outcome)
    ended_early = any(_ended_early(outcome) for outcome in outcomes)
    # A day over its threshold is refused and the rest goes on; one that could not be read at all
    # holds up publishing.
    unreadable = failed.filter(pl.col("kind") != OVER_THRESHOLD)
    return _Loaded(
        figures=figures,
        warnings=_shown_warnings(feed, warnings),
        failures=failures,
        is_unread=unreadable.height > 0 or (ended_early and failed.is_empty()),
    )


def _run_loads(
    tenant: Tenant, arrived: _Arrived, options: DayOptions, launcher: Launcher
) -> list[RunOutcome]:
    """One run per contiguous range of days."""
    from c360_assets.automation.due import load_runs
    from c360_assets.automation.jobs import load_keys
    from c360_assets.run_options import RunOptions

    # Days that are asked for by --from are read again; the run has to know.
    run_options = RunOptions(error_threshold=options.threshold, force=options.first is not None)
    return [
        launcher.launch(
            run.job,
            load_keys(tenant, arrived.feed),
            run.tags,
            run_options,
            days=(run.days[0].day, run.days[-1].day),
        )
        for run in load_runs(arrived.feed, arrived.days)
    ]


def _load_failures(outcome: RunOutcome) -> list[str]:
    """What failed in a run apart from reports."""
    return [message for step, message in outcome.failed_steps if not step.startswith(VALIDATES)]


def _ended_early(outcome: RunOutcome) -> bool:
    """Whether a run ended before it had loaded its feed."""
    only_reports_failed = bool(outcome.failed_steps) and not _load_failures(outcome)
    return not outcome.success and not only_reports_failed


def _figures(feed: FeedConfig, files: pl.DataFrame, failed: pl.DataFrame) -> FeedLoaded:
    failed_days = failed["delivery_day"].unique().sort().to_list()
    problem = f"not loaded: {', '.join(map(str, failed_days))}" if failed_days else None
    return FeedLoaded(
        feed=feed.name,
        days=files["delivery_day"].n_unique(),
        files=files.height,
        read=int(files["rows_read"].sum()),
        loaded=int(files["rows_loaded"].sum()),
        rejected=int(files["rows_rejected"].sum()),
        problem=problem,
    )


def _shown_warnings(feed: FeedConfig, warnings: Sequence[str]) -> list[str]:
    """The first warnings of a feed, and how many more there are."""
    own = [warning for warning in warnings if warning.startswith(f"{feed.name}: ")]
    more = len(own) - SHOWN_WARNINGS
    if more <= 0:
        return own
    note = f"{feed.name}: {more} more warnings; the run in the UI has them"
    return [*own[:SHOWN_WARNINGS], note]

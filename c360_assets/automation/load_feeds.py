"""Loading as the command line runs it: what has landed of the chosen feeds, one after another.

Which runs that takes is for `due_loads` to say; what a run does belongs to `assets`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from c360_assets.automation.day_options import DayOptions
from c360_assets.automation.launcher import Launcher
from c360_assets.errors import C360Error
from c360_assets.ingest.arrival import is_open_for_writing, seconds_to_settle, settle_seconds
from c360_assets.ingest.delivery_days import EARLIEST_DAY
from c360_assets.ingest.domain_table import check_layout, domain_table
from c360_assets.ingest.failures import OVER_THRESHOLD, LoadError
from c360_assets.ingest.known_files import known_files
from c360_assets.ingest.landed_files import LandedFile, landed
from c360_assets.ingest.landing import pending, today
from c360_assets.ingest.odd_files import (
    odd_entries,
    of_no_feed_or_several,
    outside_messages,
    unmarked,
)
from c360_assets.ingest.read_again import DayLoad, days_without_files, not_there_messages
from c360_assets.ingest.read_otherwise import otherwise_messages
from c360_assets.reporting.progress import Reporter
from c360_assets.reporting.summary import FeedLoaded
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.listing import one_look
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse
from c360_assets.wording import counted

if TYPE_CHECKING:
    from c360_assets.automation.runs import RunOutcome

SECONDS_BETWEEN_LOOKS = 5.0
SHOWN_WARNINGS = 3  # of one feed
# What steps of reports are called. They look at all feeds' tables, so one broken feed fails them
# all; what fails there is told when the reports run again.
VALIDATES = "validate_"


@dataclass
class Loading:
    """What became of the feeds.

    `unread` are those of which nothing could be read, `left` files that are still being written.
    """

    feeds: list[FeedLoaded] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

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
    loading = Loading()
    arrivals = _whole_arrivals(tenant, ledger, options, launcher.reporter, loading)
    for arrived in arrivals:
        loading.add(arrived.feed, arrived.warnings, arrived.failures, is_unread=arrived.is_unread)
        if not arrived.days:
            loading.failures += _layout_problems(arrived.feed, warehouse)
            loading.warnings += _read_otherwise(arrived.feed, warehouse, ledger)
    to_load = [arrived for arrived in arrivals if arrived.days]
    if ledger.is_empty() and not to_load:
        _refuse_nothing(tenant, loading)
    loading.warnings += _folder_warnings(tenant)
    for arrived in to_load:
        loaded = _load_feed(tenant, arrived, options, warehouse, launcher)
        loading.feeds.append(loaded.figures)
        loading.add(arrived.feed, loaded.warnings, loaded.failures, is_unread=loaded.is_unread)
    return loading


def _layout_problems(feed: FeedConfig, warehouse: Warehouse) -> list[str]:
    """Why the next delivery of a feed will not load: a changed type or key of its table."""
    stored = warehouse.state(domain_table(feed))
    if stored is None:
        return []
    try:
        check_layout(feed, stored)
    except LoadError as error:
        return [str(error)]
    return []


def _read_otherwise(feed: FeedConfig, warehouse: Warehouse, ledger: pl.DataFrame) -> list[str]:
    """What to say of a feed whose rows were read with other settings, while nothing is loaded."""
    days = known_files(ledger, feed).loaded_attempts
    messages = otherwise_messages(feed, warehouse.state(domain_table(feed)), days)
    return [f"{feed.name}: {message}" for message in messages]


def _refuse_nothing(tenant: Tenant, loading: Loading) -> None:
    """Raise C360Error where nothing has ever landed; what failed is told by itself."""
    if loading.left:
        raise C360Error("nothing was loaded: all that has landed is still being written")
    if loading.failures:
        return
    problems = _folder_warnings(tenant)
    found = f"; {problems[0]}" if problems else ""
    raise C360Error(
        f"nothing has landed: no file below {tenant.root / 'landing'} matches a feed's "
        f"pattern; drop files there, or correct `files.pattern` in feeds/{found}"
    )


def _whole_arrivals(
    tenant: Tenant,
    ledger: pl.DataFrame,
    options: DayOptions,
    reporter: Reporter,
    loading: Loading,
) -> list[_Arrived]:
    """What has landed of each chosen feed, without days of which a file is still being written.

    Files that changed a moment ago are waited for, each feed's for at most its `files.settle`.
    """
    # At the first run a person has just put the files there. Then only a file that a process has
    # open is known to be unfinished.
    is_first_run = ledger.is_empty()
    feeds = _chosen(tenant, options)
    with one_look():
        arrivals = {feed.name: _arrived(tenant, feed, ledger, options) for feed in feeds}
    began = time.monotonic()
    waits = _waits(arrivals, began, is_first_run)
    if waits:
        reporter.done(_waiting_message(waits))
    while waits:
        time.sleep(min(SECONDS_BETWEEN_LOOKS, *waits.values()))
        for name in waits:
            arrived = arrivals[name]
            # To look again is to read whole files: only where one has changed.
            if any(file.changed() for load in arrived.days for file in load.files):
                arrivals[name] = _arrived(tenant, arrived.feed, ledger, options)
        waits = _waits(arrivals, began, is_first_run)
    return [_without_unfinished(a, is_first_run, loading) for a in arrivals.values()]


def _waits(arrivals: Mapping[str, _Arrived], began: float, is_first_run: bool) -> dict[str, float]:
    """Feed -> seconds for which its files are still to be waited for, of those that are."""
    waits = {}
    waited = time.monotonic() - began
    for name, arrived in arrivals.items():
        left = settle_seconds(arrived.feed) - waited
        seconds = min(_seconds_to_wait(arrived, is_first_run), left)
        if seconds > 0:
            waits[name] = seconds
    return waits


def _waiting_message(waits: Mapping[str, float]) -> str:
    return (
        f"waiting up to {max(waits.values()):.0f} s for files of {', '.join(waits)} that changed "
        "a moment ago and may still be written (files.settle)"
    )


def _seconds_to_wait(arrived: _Arrived, is_first_run: bool) -> float:
    """How long until every file of the feed may be whole; 0 where all are."""
    files = [file for load in arrived.days for file in load.files]
    return max((_seconds_to_whole(arrived.feed, file, is_first_run) for file in files), default=0.0)


def _seconds_to_whole(feed: FeedConfig, file: LandedFile, is_first_run: bool) -> float:
    seconds = seconds_to_settle(feed, file)
    if seconds > 0 and is_first_run and not is_open_for_writing(file.path):
        return 0.0
    return seconds


def _without_unfinished(arrived: _Arrived, is_first_run: bool, loading: Loading) -> _Arrived:
    """Without the days of which a file is still being written; they are named in `loading`."""
    feed = arrived.feed
    whole = []
    left = []
    for load in arrived.days:
        unfinished = [
            file.relative for file in load.files if _seconds_to_whole(feed, file, is_first_run) > 0
        ]
        left += unfinished
        if not unfinished:
            whole.append(load)
    if left:
        loading.left += left
        loading.warnings.append(
            f"{feed.name}: {counted(len(left), 'file is', 'files are')} still being written, such "
            f"as {left[0]}: all of their days is left, run again when they are complete"
        )
    return replace(arrived, days=whole)


def _chosen(tenant: Tenant, options: DayOptions) -> list[FeedConfig]:
    feeds = sorted(tenant.feeds, key=lambda feed: feed.name)
    if not options.feeds:
        return feeds
    names = [feed.name for feed in feeds]
    for name in options.feeds:
        if tenant.feed(name) is None:
            raise C360Error(f"there is no feed {name}; {instead_of(name, names)}")
    chosen = [tenant.feed(name) for name in options.feeds]
    return [feed for feed in feeds if feed in chosen]


def _arrived(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, options: DayOptions
) -> _Arrived:
    """The feed's delivery days to load; a place that cannot be reached fails this feed alone."""
    with one_look():
        return _looked_at(tenant, feed, ledger, options)


def _looked_at(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, options: DayOptions
) -> _Arrived:
    warnings = []
    try:
        days = pending(tenant, feed, ledger, options.through, again_from=options.first)
        if not days and _is_unknown(tenant, feed, ledger):
            warnings.append(f"{feed.name}: no file has landed yet (pattern {feed.files.pattern})")
        if options.through is None:
            warnings += outside_messages(tenant, feed, ledger)
    except LoadError as error:
        return _Arrived(feed, warnings=warnings, failures=[str(error)], is_unread=True)
    if options.first is not None:
        last = options.through or today(tenant)
        warnings += not_there_messages(tenant, feed, ledger, options.first, last)
        days = [load for load in days if load.day >= options.first or load.new_columns]
        warnings += _without_files(feed, ledger, options, days)
    return _Arrived(feed, days, warnings)


def _without_files(
    feed: FeedConfig, ledger: pl.DataFrame, options: DayOptions, loads: Sequence[DayLoad]
) -> list[str]:
    """What to say of days that a person asked for and of which no file is there or was loaded.

    An end of the range that was left open is where the files begin or end.
    """
    known = {load.day for load in loads} | set(known_files(ledger, feed).loaded_attempts)
    if not known or not FilePattern(feed.files.pattern).has_date:
        return []
    first = options.first or min(known)
    first = min(known) if first == EARLIEST_DAY else first
    last = options.through or max(known)
    asked = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    without = days_without_files(feed, ledger, loads, asked)
    if not without:
        return []
    return [
        f"{feed.name}: no file is there for {len(without):,} of the "
        f"{counted(len(asked), 'delivery day')} "
        f"{first} to {last}, such as {without[0]}"
    ]


def _is_unknown(tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame) -> bool:
    """Whether nothing of the feed has ever landed, not even files that wait for their mark."""
    if known_files(ledger, feed).loaded_attempts or landed(tenant, feed):
        return False
    return not unmarked(tenant, feed)


def _folder_warnings(tenant: Tenant) -> list[str]:
    """Of files below `landing/` that no feed takes, and of those that several take."""
    with one_look():
        return _warnings_of_folders(tenant)


def _warnings_of_folders(tenant: Tenant) -> list[str]:
    warnings = []
    for feed in sorted(tenant.feeds, key=lambda feed: feed.name):
        warnings += odd_entries(tenant, feed)
        waiting = unmarked(tenant, feed)
        if waiting:
            warnings.append(
                f"{feed.name}: {counted(len(waiting), 'file waits', 'files wait')} for a mark "
                f"{feed.files.done}, such as {waiting[0]} (files.done)"
            )
    return [*warnings, *of_no_feed_or_several(tenant)]


def _load_feed(
    tenant: Tenant,
    arrived: _Arrived,
    options: DayOptions,
    warehouse: Warehouse,
    launcher: Launcher,
) -> _Loaded:
    feed = arrived.feed
    launcher.reporter.doing(f"loading {feed.name}: {counted(len(arrived.days), 'delivery day')}")
    outcomes = _run_loads(tenant, arrived, options, launcher)
    warehouse.reload()
    run_ids = [outcome.run_id for outcome in outcomes]
    files = read_ledger(warehouse).filter(
        pl.col("feed") == feed.name, pl.col("run_id").is_in(run_ids)
    )
    failed = files.filter(pl.col("status") == "failed")
    figures = _figures(feed, files, failed)
    launcher.reporter.done(_what_was_loaded(figures, files, failed))
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


def _what_was_loaded(figures: FeedLoaded, files: pl.DataFrame, failed: pl.DataFrame) -> str:
    """The line of a feed that was looked at; a day that failed is counted as not loaded."""
    days = failed["delivery_day"].n_unique()
    not_loaded = f"{counted(days, 'delivery day')} failed"
    if days and len(failed) == len(files):
        rows = counted(figures.rejected, "row")
        return f"did not load {figures.feed}: {not_loaded}, {rows} rejected"
    loaded = files.filter(pl.col("status") != "failed")
    rejected = int(loaded["rows_rejected"].sum())
    text = (
        f"loaded {figures.feed}: {counted(figures.loaded, 'row')} of {counted(len(loaded), 'file')}"
    )
    return f"{text}, {rejected:,} rejected" + (f"; {not_loaded}" if days else "")


def _run_loads(
    tenant: Tenant, arrived: _Arrived, options: DayOptions, launcher: Launcher
) -> list[RunOutcome]:
    """One run per contiguous range of days."""
    from c360_assets.automation.due_loads import load_runs
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
        replaced=int(files["rows_replaced"].sum()),
        problem=problem,
    )


def _shown_warnings(feed: FeedConfig, warnings: Sequence[str]) -> list[str]:
    """The first warnings of a feed, and how many more there are."""
    own = [warning for warning in warnings if warning.startswith(f"{feed.name}: ")]
    more = len(own) - SHOWN_WARNINGS
    if more <= 0:
        return own
    note = f"{feed.name}: {counted(more, 'more warning')}; the run in the UI has them"
    return [*own[:SHOWN_WARNINGS], note]

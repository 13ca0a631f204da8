"""The day as the command line runs it: load what landed, then compute what is not current, as Dagster runs of this process.

Decides what to run and in which order; what each run does belongs to `assets`, how a run is started and followed to `runs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

import polars as pl

from c360_assets.automation.instance import prepare_home
from c360_assets.automation.plan import Plan, plan
from c360_assets.configuration import load_tenant
from c360_assets.customer_360.destinations import due
from c360_assets.customer_360.publication.publish import is_published
from c360_assets.errors import C360Error
from c360_assets.ingest.failures import OVER_THRESHOLD, LoadError
from c360_assets.ingest.landing import DayLoad, landed, outside, pending, shared, unclaimed
from c360_assets.reporting.progress import Reporter
from c360_assets.reporting.summary import SHOWN, DayReport, FeedLoaded, Summary, summarize
from c360_assets.run_tags import FEED_TAG, FORCE_TAG, LANDED_TAG, REFIT_TAG, RUN_TAG, THRESHOLD_TAG
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.validations.summary import report_specs
from c360_assets.warehouse.ledger import last_delivery, read_ledger
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Warehouse, open_session

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance, Definitions

    from c360_assets.automation.runs import RunOutcome, TableDone

SHOWN_WARNINGS = 3  # of one feed
PUBLISHING = ("run", "activate")
DATABASE = "customer_360_database"
VALIDATES = "validate_"  # what steps of reports are called; they look at all feeds' tables, so one broken feed fails them all


@dataclass(frozen=True)
class DayOptions:
    """What a person asked for. `stage` is a key of `plan.STAGES`; empty lists mean all."""

    stage: str = "run"
    through: date | None = None
    first: date | None = None
    as_of: date | None = None
    feeds: list[str] = field(default_factory=list)
    only: list[str] = field(default_factory=list)
    force: bool = False
    refit: bool = False
    threshold: int | None = None


def run_day(
    root: Path, options: DayOptions, reporter: Reporter, build: Callable[[Tenant], Definitions]
) -> Summary:
    """Run a stage, or the whole day, of the tenant at `root` and return its summary.

    `build` makes the tenant's definitions; it is called only when something has to run.
    Raises ConfigError for a broken configuration and C360Error when there is nothing to work on; what fails inside a run is in
    the summary's failures.
    """
    tenant = load_tenant(root)
    prepare_home(root)
    with tenant_lock(root, f"`c360 {options.stage}`", reporter.done), ExitStack() as stack:
        return _Day(tenant, options, reporter, build, stack).run()


class _Day:
    """One day on its way through loading, planning, building and publishing."""

    def __init__(
        self,
        tenant: Tenant,
        options: DayOptions,
        reporter: Reporter,
        build: Callable[[Tenant], Definitions],
        stack: ExitStack,
    ) -> None:
        self.tenant, self.options, self.reporter, self.build, self.stack = (
            tenant,
            options,
            reporter,
            build,
            stack,
        )
        self.dagster: tuple[DagsterInstance, Definitions] | None = None
        self.warehouse = Warehouse.open(tenant.root / "warehouse")
        self.tags = {RUN_TAG: uuid4().hex[:12]}
        self.feeds: list[FeedLoaded] = []
        self.warnings: list[str] = []
        self.failures: list[str] = []
        self.unreadable: list[str] = []
        self.owed: list[
            str
        ] = []  # destinations that lack what is published, as one failed or the run was killed before it
        self.published_now = False

    def run(self) -> Summary:
        before = dict(self.warehouse.manifest.tables)
        if self.options.stage in ("load", "run"):
            self._load()
        elif not self.warehouse.manifest.tables:
            raise C360Error(
                "nothing is loaded yet; `c360 load` loads what landed, `c360 run` runs the whole day"
            )
        as_of = self._as_of()
        todo, publish = self._plan(as_of)
        self._compute(todo, publish, as_of)
        self.warehouse.reload()
        return self._summary(as_of, before, todo)

    def _load(self) -> None:
        ledger = read_ledger(self.warehouse)
        known = set(ledger["feed"].unique())
        news = [
            (feed, days) for feed in self._chosen() if (days := self._news(feed, ledger, known))
        ]
        if not news and not known and not self.failures:
            raise C360Error(
                f"nothing has landed: no file below {self.tenant.root / 'landing'} matches a feed's pattern; "
                "drop files there, or mend `files.pattern` in feeds/"
            )
        if strays := unclaimed(self.tenant):
            self.warnings.append(
                f"{len(strays)} files below landing/ belong to no feed and are not loaded, such as {strays[0]}; "
                "mend `files.pattern` of their feed, or add one (`c360 feed suggest FILE`)"
            )
        if twice := shared(self.tenant):
            path, feeds = next(iter(twice.items()))
            self.warnings.append(
                f"{len(twice)} files below landing/ belong to several feeds and are loaded by each, such as {path} "
                f"({', '.join(feeds)}); mend `files.pattern` of one, unless that is meant"
            )
        for feed, days in news:
            self._load_feed(feed, days)

    def _news(self, feed: FeedConfig, ledger: pl.DataFrame, known: set[str]) -> list[DayLoad]:
        """The feed's delivery days to load; a place that cannot be reached is a failure of this feed alone."""
        try:
            days = pending(self.tenant, feed, ledger, self.options.through)
            if feed.name not in known and not days and not landed(self.tenant, feed):
                self.warnings.append(
                    f"{feed.name}: no file has landed yet (pattern {feed.files.pattern})"
                )
            late = outside(self.tenant, feed, self.options.through)
        except LoadError as error:
            self.failures.append(str(error))
            self.unreadable.append(feed.name)
            return []
        if late and self.options.through is None:
            what = f"{len(late)} files of days outside the calendar are not loaded, such as {late[0].relative}"
            self.warnings.append(f"{feed.name}: {what}")
        return [d for d in days if self.options.first is None or d.day >= self.options.first]

    def _chosen(self) -> list[FeedConfig]:
        feeds = sorted(self.tenant.feeds, key=lambda f: f.name)
        if not self.options.feeds:
            return feeds
        chosen = [self.tenant.feed(name) for name in self.options.feeds]
        unknown = [
            name for name, feed in zip(self.options.feeds, chosen, strict=True) if feed is None
        ]
        if unknown:
            raise C360Error(
                f"no feed {', '.join(unknown)}; there are {', '.join(f.name for f in feeds)}"
            )
        return [f for f in feeds if f in chosen]

    def _load_feed(self, feed: FeedConfig, days: Sequence[DayLoad]) -> None:
        from c360_assets.automation.jobs import LOAD, load_keys
        from c360_assets.automation.sensors import contiguous

        self.reporter.doing(f"loading {feed.name}: {len(days)} delivery days")
        tags = {**self.tags, FEED_TAG: feed.name}
        if self.options.threshold is not None:
            tags[THRESHOLD_TAG] = str(self.options.threshold)
        outcomes = []
        for part in contiguous(list(days)):
            outcome = self._launch(
                LOAD, load_keys(self.tenant, feed), tags, days=(part[0].day, part[-1].day)
            )
            outcomes.append(outcome)
            self.failures += [
                message for step, message in outcome.failed_steps if not step.startswith(VALIDATES)
            ]
        told = [
            warning
            for outcome in outcomes
            for warning in outcome.warnings
            if warning.startswith(f"{feed.name}: ")
        ]
        self.warnings += told[:SHOWN_WARNINGS]
        if len(told) > SHOWN_WARNINGS:
            self.warnings.append(
                f"{feed.name}: {len(told) - SHOWN_WARNINGS} more warnings; the run in the UI has them"
            )
        self.warehouse.reload()
        ledger = read_ledger(self.warehouse).filter(
            pl.col("feed") == feed.name, pl.col("run_id").is_in([o.run_id for o in outcomes])
        )
        failed = ledger.filter(pl.col("status") == "failed")
        stopped = any(_stopped_loading(outcome) for outcome in outcomes) and not failed.height
        # A day over its threshold is refused and the rest goes on; one that could not be read at all holds up publishing.
        if stopped or failed.filter(pl.col("kind") != OVER_THRESHOLD).height:
            self.unreadable.append(feed.name)
        loaded = FeedLoaded(
            feed=feed.name,
            days=ledger["delivery_day"].n_unique(),
            files=ledger.height,
            read=int(ledger["rows_read"].sum()),
            loaded=int(ledger["rows_loaded"].sum()),
            rejected=int(ledger["rows_rejected"].sum()),
            problem=f"not loaded: {', '.join(map(str, failed['delivery_day'].unique().sort()))}"
            if failed.height
            else None,
        )
        self.feeds.append(loaded)
        self.reporter.done(
            f"loaded {feed.name}: {loaded.loaded:,} rows of {loaded.files} files, {loaded.rejected:,} rejected"
        )

    def _as_of(self) -> date:
        """`--as-of`, else `--date`, else what `tenant.yaml` says."""
        if asked := self.options.as_of or self.options.through:
            return asked
        if self.tenant.config.as_of == "last_delivery" and (day := last_delivery(self.warehouse)):
            return day
        return datetime.now(ZoneInfo(self.tenant.config.timezone)).date()

    def _plan(self, as_of: date) -> tuple[Plan, bool]:
        """What is not current, and whether the database is to be published."""
        wanted = self.options.stage in PUBLISHING and not self.options.only
        with open_session(self.warehouse.root, self.tenant.config.timezone) as session:
            todo = plan(
                session,
                self.tenant,
                self.options.stage,
                as_of,
                force=self.options.force or self.options.refit,
            )
            if self.options.only:
                todo.stale = _named(todo.stale + todo.current, self.options.only)
            self.owed = (
                due(session, self.tenant)
                if wanted and database_path(self.tenant.root).exists()
                else []
            )
            publish = wanted and bool(
                todo.stale
                or not is_published(session, self.tenant, report_specs(session, self.tenant))
            )
        required = sorted(f for f in self.unreadable if self._required(f))
        if publish and required:
            self.failures.append(
                f"not published: {', '.join(required)} could not be read, and nothing is published without (workflow.yaml)"
            )
            return Plan(), False
        return todo, publish

    def _required(self, name: str) -> bool:
        from c360_assets.automation.readiness import workflow

        feed = self.tenant.feed(name)
        return feed is not None and workflow(self.tenant, feed).required

    def _compute(self, todo: Plan, publish: bool, as_of: date) -> None:
        if not todo.stale and not publish and not self.owed:
            return
        from c360_assets.automation.jobs import ACTIVATE, DAY, STITCH, VALIDATE

        job = {"run": DAY, "activate": ACTIVATE, "validate": VALIDATE}.get(
            self.options.stage, STITCH
        )
        sent = list(self.tenant.destinations) if publish else self.owed
        tables = [
            *todo.stale,
            *([DATABASE] if publish else []),
            *(f"destination/{name}" for name in sent),
        ]
        self.reporter.doing(f"{len(tables)} tables to compute")
        outcome = self._launch(job, tables, self._stage_tags(as_of, publish), as_of=as_of)
        self.failures += [f"{step}: {message}" for step, message in outcome.failed_steps]
        self.warnings += [
            warning for warning in outcome.warnings if warning.startswith("database ")
        ]
        if any(done.table == "stitch_model" and not done.reused for done in outcome.tables):
            self.warehouse.reload()
            state = self.warehouse.state("stitch_model")
            self.reporter.done(f"match model: {state.figures['model'] if state else 'none'}")
        self.published_now = any(
            done.table == DATABASE and not done.reused for done in outcome.tables
        )

    def _stage_tags(self, as_of: date, publish: bool) -> dict[str, str]:
        """The tags by which sensors and the schedule see that this run did their work."""
        from c360_assets.automation.activation import day_tags
        from c360_assets.automation.readiness import readiness

        tags = dict(self.tags)
        if self.options.force:
            tags[FORCE_TAG] = "true"
        if self.options.refit:
            tags[REFIT_TAG] = "true"
        if self.options.stage in ("run", "stitch"):
            today = datetime.now(ZoneInfo(self.tenant.config.timezone)).date()
            tags[LANDED_TAG] = readiness(self.tenant, self.warehouse, today).digest
        return tags | (day_tags(self.tenant, as_of) if publish else {})

    def _launch(
        self,
        job: str,
        tables: Sequence[str | AssetKey],
        tags: Mapping[str, str],
        *,
        days: tuple[date, date] | None = None,
        as_of: date | None = None,
    ) -> RunOutcome:
        """Start a run whose assets are those of `tables` (warehouse names or asset keys), whole steps at a time."""
        # Dagster takes seconds to import; a day with nothing to do never does.
        from c360_assets.automation.runs import launch, open_instance
        from c360_assets.automation.steps import whole_steps

        if self.dagster is None:
            self.reporter.doing("starting Dagster")
            self.dagster = self.stack.enter_context(open_instance()), self.build(self.tenant)
        instance, definitions = self.dagster
        keys = whole_steps(definitions, tables)
        return launch(
            instance,
            definitions,
            job,
            asset_keys=keys,
            days=days,
            tags=tags,
            as_of=as_of,
            progress=self._progress,
        )

    def _progress(self, event: TableDone | str) -> None:
        if isinstance(event, str):
            self.reporter.doing(event)
        elif event.table not in SHOWN:
            self.reporter.doing(f"{event.table} is current")
        else:
            rows = "" if event.rows is None else f"{event.rows:,} rows"
            word = "reused" if event.reused else "built"
            self.reporter.done(f"{word} {event.table}: {rows}, {event.seconds:.1f} s")

    def _summary(self, as_of: date, before: Mapping[str, object], todo: Plan) -> Summary:
        now = self.warehouse.manifest.tables
        written = {name for name, state in now.items() if before.get(name) != state}
        planned = [
            *todo.stale,
            *todo.current,
        ]  # reports that a load has made are current by the time of the plan
        built = [name for name in planned if name in written]
        reused = [name for name in planned if name not in written]
        path = database_path(self.tenant.root)
        report = DayReport(
            as_of=as_of,
            feeds=self.feeds,
            built=built,
            reused=reused,
            failures=self.failures,
            warnings=self.warnings,
            published=path if path.exists() and self.options.stage in PUBLISHING else None,
            published_now=self.published_now,
            seconds=self.reporter.seconds,
        )
        with open_session(self.warehouse.root, self.tenant.config.timezone) as session:
            return summarize(session, report)


def _stopped_loading(outcome: RunOutcome) -> bool:
    """Whether a run ended before it had loaded its feed: a failed report on what is loaded is told when the reports run again."""
    return not outcome.success and not (
        outcome.failed_steps and all(s.startswith(VALIDATES) for s, _ in outcome.failed_steps)
    )


def _named(tables: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those of `tables` that were asked for by warehouse name or by the last part of it."""
    found = [t for t in tables if t in wanted or t.rsplit("/", 1)[-1] in wanted]
    missing = sorted(set(wanted) - set(found) - {t.rsplit("/", 1)[-1] for t in found})
    if missing:
        raise C360Error(f"no table {', '.join(missing)}; there are {', '.join(sorted(tables))}")
    return found

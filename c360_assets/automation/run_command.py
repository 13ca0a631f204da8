"""The day as the command line runs it: load what landed, plan, compute what is not current, sum up.

Decides what to run and in which order. What each run does belongs to `assets`, how one is started
to `launcher`, loading to `load_feeds`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from c360_assets.automation.day_options import DayOptions
from c360_assets.automation.instance import mark_dead_runs, prepare_home
from c360_assets.automation.launcher import Launcher
from c360_assets.automation.load_feeds import Loading, load_feeds
from c360_assets.automation.plan import (
    computes_tables,
    matches,
    not_current_before,
    plan,
    publishes,
)
from c360_assets.automation.tidy import tidy
from c360_assets.configuration import load_tenant
from c360_assets.customer_360.destinations import (
    SendDestination,
    destination_asset,
    receiving_tables,
)
from c360_assets.customer_360.destinations import due as lacking_destinations
from c360_assets.errors import C360Error
from c360_assets.ingest.day_feeds import required_feeds
from c360_assets.ingest.delivery_days import as_of_date
from c360_assets.privacy.enforce import enforce
from c360_assets.remarks import NO_CUSTOMERS
from c360_assets.reporting.progress import Reporter
from c360_assets.reporting.summary import DayReport, SentList, SentTables, Summary, summarize
from c360_assets.run_tags import ACTIVATE, DAY, STITCH, VALIDATE
from c360_assets.segments.campaign_recipes import due_campaigns
from c360_assets.segments.send_record import SENDS, sends_since
from c360_assets.semantics.closest import instead_of
from c360_assets.step_failures import failure_of
from c360_assets.tenant.local_time import now
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.cluster_place import refuse_unreachable
from c360_assets.warehouse.heartbeat import beat
from c360_assets.warehouse.last_run import GENERATION, LastRun, changed_tables, note_run
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import Session, Warehouse, open_session
from c360_assets.warehouse.storage_errors import require_room
from c360_assets.wording import counted

if TYPE_CHECKING:
    from dagster import Definitions

    from c360_assets.reporting.validations import Validations

LOADING = ("load", "run")
STITCHING = ("stitch", "run")
PUBLISHING = ("activate", "run")
JOBS = {"validate": VALIDATE, "stitch": STITCH, "activate": ACTIVATE, "run": DAY}
DATABASE = "customer_360_database"
# Machines that share a folder may be apart by that much.
CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True)
class _Work:
    """What is to be computed, and what is current.

    `stale` and `current` are warehouse names of tables, `destinations` those to send to,
    `campaigns` the assets of the campaigns to send.
    """

    stale: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    publish: bool = False
    destinations: list[str] = field(default_factory=list)
    campaigns: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Computed:
    """How computing went. `published` is whether the database was built anew, `sent_to` names the
    destinations that received tables.
    """

    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    published: bool = False
    sent_to: list[str] = field(default_factory=list)


def run_day(
    root: Path,
    options: DayOptions,
    reporter: Reporter,
    build: Callable[[Tenant], Definitions],
    checked: Tenant | None = None,
) -> Summary:
    """Run a stage, or the whole day, of the tenant at `root` and return its summary.

    `build` makes the tenant's definitions; it is called only when something has to run. `checked`
    is the tenant where it has been read just now and has no errors. Raises ConfigError for a broken
    configuration and C360Error when there is nothing to work on; what fails inside a run is in the
    summary's failures.
    """
    tenant = checked or load_tenant(root)
    require_room(root)
    if matches(options.stage) or computes_tables(tenant, options.stage):
        refuse_unreachable(tenant.config.engine)
    prepare_home(root)
    mark_dead_runs(root)
    holder = f"`c360 {options.stage}`"
    began = datetime.now(UTC)
    with tenant_lock(root, holder, reporter.done), ExitStack() as stack:
        for sentence in enforce(tenant):
            reporter.done(sentence)
        warehouse = Warehouse.open(root / "warehouse")
        _refuse_clock_set_back(tenant, options, warehouse)
        launcher = Launcher(tenant, reporter, build, stack)
        before = dict(warehouse.manifest.tables)
        _refuse_needless_new_ids(warehouse, options)
        loading = _load(tenant, options, warehouse, launcher)
        loading.warnings.extend(_take_ids_over(tenant, options, warehouse, reporter))
        as_of = as_of_date(tenant, warehouse, options.as_of or options.through)
        work = _plan(tenant, options, warehouse, loading, as_of)
        computed = _compute(tenant, options, warehouse, work, as_of, launcher)
        warehouse.reload()
        # Before the versions go that this run has replaced.
        sent_lists, sent_tables = _sent(tenant, warehouse, before.get(SENDS), computed.sent_to)
        if launcher.instance is not None:
            tidy(tenant, launcher.instance)
        changed = changed_tables(before, warehouse.manifest.tables)
        planned = [*work.stale, *work.current]
        place = place_of(tenant)
        shows_database = options.stage in PUBLISHING and place.is_published()
        report = DayReport(
            as_of=as_of,
            is_forced=options.force or options.refit,
            feeds=loading.feeds,
            # Reports that a load has made are current by the time of the plan.
            built=[name for name in planned if name in changed],
            reused=[name for name in planned if name not in changed],
            failures=[*loading.failures, *work.failures, *computed.failures],
            warnings=[*loading.warnings, *work.warnings, *computed.warnings],
            published=place.shown if shows_database else None,
            published_now=computed.published,
            sent_tables=sent_tables,
            sent=sent_lists,
            seconds=reporter.seconds,
        )
        if shows_database and not options.only and not report.failures:
            beat(root, "published")
        note_run(root, _noted(options, report, began, stitched=GENERATION in changed))
        with open_session(warehouse.root, tenant.config.timezone) as session:
            return summarize(session, report)


def _sent(
    tenant: Tenant, warehouse: Warehouse, sends_before: TableState | None, destinations: list[str]
) -> tuple[list[SentList], list[SentTables]]:
    """The lists of campaigns that were sent since, and what each of the destinations received."""
    with open_session(warehouse.root, tenant.config.timezone) as session:
        lists = [SentList.of(send) for send in sends_since(session, sends_before)]
        tables = [
            SentTables(name, SendDestination(tenant, name).received(session)["rows"])
            for name in destinations
        ]
    return lists, tables


def _noted(options: DayOptions, report: DayReport, began: datetime, *, stitched: bool) -> LastRun:
    """What `c360 status` says of the run until the next one."""
    given = {"force": options.force, "refit": options.refit, "new-ids": options.new_ids}
    return LastRun(
        what=f"`c360 {options.stage}`",
        began=began.isoformat(timespec="seconds"),
        seconds=round(report.seconds, 1),
        options=[f"--{name}" for name, is_given in given.items() if is_given]
        + [f"--only {name}" for name in options.only],
        files=sum(feed.files for feed in report.feeds),
        rows=sum(feed.loaded for feed in report.feeds),
        stitched=stitched,
        built=len(report.built),
        reused=len(report.reused),
        published=report.published_now,
        failures=len(report.failures),
        messages=report.failures,
    )


def _refuse_clock_set_back(tenant: Tenant, options: DayOptions, warehouse: Warehouse) -> None:
    """Raise C360Error where "today" would be a day before what was done already.

    The published database would stand at an earlier day, and nobody would see why.
    """
    is_told = options.as_of is not None or options.through is not None
    if is_told or options.stage not in PUBLISHING or tenant.config.as_of != "today":
        return
    at = now(tenant)
    last_load = read_ledger(warehouse)["loaded_at"].max()
    if isinstance(last_load, datetime) and last_load - at > CLOCKS_DIFFER:
        raise C360Error(
            f"the clock of this machine says {at:%Y-%m-%d %H:%M}, and files were loaded at "
            f"{last_load.astimezone(at.tzinfo):%Y-%m-%d %H:%M}: set the clock, or say which day it "
            "is with --as-of; nothing was changed"
        )


def validate_tables(
    root: Path,
    reporter: Reporter,
    build: Callable[[Tenant], Definitions],
    *,
    feed: str | None = None,
    force: bool = False,
) -> tuple[Validations, list[str]]:
    """Run the reports that are not current.

    Returns what is stored then, on all tables or on `feed`, and what failed on the way. Raises
    C360Error when nothing is loaded, or for a table without reports.
    """
    from c360_assets.reporting.validation_page import page_path, write_page
    from c360_assets.reporting.validations import read_validations

    summary = run_day(root, DayOptions(stage="validate", force=force), reporter, build)
    tenant = load_tenant(root)
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        validations = read_validations(session, tenant, feed)
        if not page_path(root).exists():
            write_page(session, tenant)
    return validations, summary.report.failures


def _load(tenant: Tenant, options: DayOptions, warehouse: Warehouse, launcher: Launcher) -> Loading:
    if options.stage in LOADING:
        return load_feeds(tenant, options, warehouse, launcher)
    if not warehouse.manifest.tables:
        raise C360Error(
            "nothing is loaded yet; `c360 load` loads what landed, `c360 run` runs the whole day"
        )
    return Loading()


def _refuse_needless_new_ids(warehouse: Warehouse, options: DayOptions) -> None:
    """A run that finds all current would not come to say it."""
    if options.new_ids and warehouse.state("unified_coalesced") is not None:
        raise C360Error(
            "`--new-ids` is for a warehouse that has lost its ids, and this one knows them; "
            "leave it out"
        )


def _take_ids_over(
    tenant: Tenant, options: DayOptions, warehouse: Warehouse, reporter: Reporter
) -> list[str]:
    """Make the ids of a file those that Stitch goes on with; what to warn of.

    Raises C360Error where the file does not fit, and where a stage needs ids that are lost.
    """
    if options.ids_from is None:
        return []
    from c360_assets.stitch.previous import take_over

    with open_session(warehouse.root, tenant.config.timezone) as session:
        taken = take_over(session, tenant, options.ids_from)
    warehouse.reload()
    reporter.done(
        f"took over generation {taken.generation} with {counted(taken.records, 'record')} from "
        f"{Path(options.ids_from).name}"
    )
    if not taken.not_loaded:
        return []
    return [
        f"of the {counted(taken.records, 'record')} of {Path(options.ids_from).name} "
        f"{counted(taken.not_loaded, 'is', 'are')} not loaded: ids end unless other records hold "
        "them"
    ]


def _ids_problem(tenant: Tenant, options: DayOptions, session: Session) -> str:
    """Why a stage that needs ids cannot go on; empty where it can."""
    if options.stage not in (*STITCHING, *PUBLISHING) or options.new_ids:
        return ""
    from c360_assets.stitch.previous import ids_problem

    return ids_problem(session, tenant)


def _plan(
    tenant: Tenant, options: DayOptions, warehouse: Warehouse, loading: Loading, as_of: date
) -> _Work:
    """What is not current, and whether the database is to be published."""
    recompute = options.force or options.refit
    may_publish = options.stage in PUBLISHING and not options.only
    with open_session(warehouse.root, tenant.config.timezone) as session:
        problem = _ids_problem(tenant, options, session)
        if problem and options.stage != "run":
            raise C360Error(problem)
        if problem:
            return _Work(failures=[problem])
        planned = plan(session, tenant, options.stage, as_of, force=recompute)
        behind = not_current_before(session, tenant, options.stage, as_of)
        stale = planned.stale
        if options.only:
            stale = _named(planned.stale + planned.current, options.only)
        publish = may_publish and publishes(planned)
        # One failed, or the run was killed before it: it lacks what is published.
        has_database = may_publish and place_of(tenant).is_published()
        lacking = lacking_destinations(session, tenant) if has_database else []
        campaigns = due_campaigns(session, tenant, as_of, publish) if may_publish else []
    unread = _required_feeds(tenant, loading.unread)
    if publish and unread:
        failure = (
            f"not published: {', '.join(unread)} could not be read, and nothing is published "
            "without (workflow.yaml)"
        )
        return _Work(destinations=lacking, failures=[failure])
    destinations = receiving_tables(tenant) if publish else lacking
    failures = _without_customers(tenant, options)
    warnings = [_taken_as_it_stands(behind)] if behind else []
    return _Work(stale, planned.current, publish, destinations, campaigns, failures, warnings)


def _taken_as_it_stands(behind: Sequence[str]) -> str:
    return (
        f"{', '.join(behind)}: not made anew since data or settings changed, and published as "
        "before; `c360 run` makes all current"
    )


def _without_customers(tenant: Tenant, options: DayOptions) -> list[str]:
    """What to say first where every step that needs Stitch fails, as it has nothing to read."""
    if options.stage not in (*STITCHING, *PUBLISHING) or tenant.stitched_tables:
        return []
    return [NO_CUSTOMERS]


def _named(tables: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those of `tables` that were asked for by warehouse name or by the last part of it."""
    short_names = {table: table.rpartition("/")[2] for table in tables}
    named = [name for name in tables if name in wanted or short_names[name] in wanted]
    known = {*named, *(short_names[name] for name in named)}
    for name in sorted(set(wanted) - known):
        remedy = instead_of(name, sorted({*tables, *short_names.values()}))
        raise C360Error(f"there is no table {name}; {remedy}")
    return named


def _required_feeds(tenant: Tenant, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return sorted(feed.name for feed in required_feeds(tenant) if feed.name in names)


def _compute(
    tenant: Tenant,
    options: DayOptions,
    warehouse: Warehouse,
    work: _Work,
    as_of: date,
    launcher: Launcher,
) -> _Computed:
    """Compute what is not current, in one run."""
    tables = _tables_to_compute(work)
    if not tables:
        return _Computed()
    from dagster import AssetKey

    from c360_assets.automation.due_stages import tags_of_stage
    from c360_assets.run_options import RunOptions

    launcher.reporter.doing(f"{counted(len(tables), 'table')} to compute")
    outcome = launcher.launch(
        JOBS[options.stage],
        [AssetKey(table.split("/")) for table in tables],
        tags_of_stage(
            tenant,
            warehouse,
            stitches=options.stage in STITCHING,
            publishes=work.publish,
            as_of=as_of,
        ),
        RunOptions(
            force=options.force,
            refit=options.refit,
            new_ids=options.new_ids,
            as_of=as_of.isoformat(),
        ),
    )
    built = {done.table for done in outcome.tables if not done.reused}
    if "stitch_model" in built:
        launcher.reporter.done(f"match model: {_match_model(warehouse)}")
    return _Computed(
        warnings=list(outcome.warnings),
        failures=[failure_of(step, message) for step, message in outcome.failed_steps],
        published=DATABASE in built,
        sent_to=[name for name in work.destinations if destination_asset(name) in built],
    )


def _match_model(warehouse: Warehouse) -> str:
    """Which model gave the scores of the run that has just ended."""
    warehouse.reload()
    state = warehouse.state("stitch_model")
    return str(state.figures["model"]) if state else "none"


def _tables_to_compute(work: _Work) -> list[str]:
    database = [DATABASE] if work.publish else []
    destinations = [destination_asset(name) for name in work.destinations]
    return [*work.stale, *database, *destinations, *work.campaigns]

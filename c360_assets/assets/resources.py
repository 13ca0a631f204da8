"""What a run holds while it works: the tenant's lock, its options, and warehouse sessions whose
errors are safe to show.

Assets ask `WarehouseResource` for a session. What a session can do belongs to `warehouse`; which
run may start when, and with which options, belongs to `automation`.
"""

# No postponed annotations: Dagster reads those of a resource's fields as they stand.

import errno
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
from dagster_duckdb import DuckDBResource
from pydantic import PrivateAttr

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.publication.publish import PUBLISHED
from c360_assets.errors import C360Error
from c360_assets.ingest import delivery_days
from c360_assets.privacy.enforce import enforce
from c360_assets.run_options import RESOURCE, RunOptions
from c360_assets.run_tags import OWNER_TAG, job_in_words
from c360_assets.step_failures import failure_of, message_of
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.cluster_place import end_kept
from c360_assets.warehouse.damaged_data import damage
from c360_assets.warehouse.digest import RUN_TABLES
from c360_assets.warehouse.last_run import GENERATION, LastRun, changed_tables, note_run
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.place import place_of
from c360_assets.warehouse.processes import owner_mark
from c360_assets.warehouse.running import running
from c360_assets.warehouse.session import Session, Warehouse, private_folder
from c360_assets.warehouse.storage_errors import storage_problem
from c360_assets.warehouse.suppression import privacy_folder

INTERRUPTED = "Query interrupted"  # what the engine says when a signal arrives
WITHHELD = "its text may quote customer data and is kept in logs/errors.log"
# What a step is given: one that makes assets, or one that a person starts to check them again.
StepContext = dg.AssetExecutionContext | dg.AssetCheckExecutionContext
PACKAGE = Path(__file__).resolve().parents[1]


class TenantLock(dg.ConfigurableResource[Any]):
    """The tenant's lock, taken once per run and held to its end.

    The run is tagged with the process that holds it. Its steps stand at the day on which it took
    the lock, also those that begin after midnight.
    """

    root: str
    _taken_at: datetime | None = PrivateAttr(default=None)

    @property
    def taken_at(self) -> datetime:
        """When the run took the lock."""
        assert self._taken_at is not None
        return self._taken_at

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["TenantLock"]:
        run, log, instance = context.run, context.log, context.instance
        assert run is not None
        assert log is not None
        assert instance is not None
        instance.add_run_tags(run.run_id, {OWNER_TAG: owner_mark(run.run_id)})
        holder = f"run {run.run_id[:8]} of {job_in_words(run.job_name)}"
        root = Path(self.root)
        with running(root, run.run_id), tenant_lock(root, holder, waiting=log.info):
            self._taken_at = datetime.now(UTC)
            if privacy_folder(root).is_dir() or place_of(root) is not None:
                for sentence in enforce(load_tenant(root)):
                    log.info(sentence)
            before = Warehouse.open(root / "warehouse").manifest
            try:
                yield self
            finally:
                end_kept()
            # Where the warehouse is does not answer any more: its steps have told so.
            with suppress(C360Error):
                _note(root, context, self.taken_at, before)


def _note(root: Path, context: dg.InitResourceContext, began: datetime, before: Manifest) -> None:
    """Keep what the run was, for `c360 status`; a verb that began it says more when it is done."""
    run, instance = context.run, context.instance
    assert run is not None
    assert instance is not None
    warehouse = Warehouse.open(root / "warehouse")
    after = warehouse.manifest
    changed = changed_tables(before.tables, after.tables) - RUN_TABLES
    config: Any = run.run_config
    given = config.get("resources", {}).get(RESOURCE, {}).get("config", {})
    failed = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    loaded = read_ledger(warehouse).filter(pl.col("run_id") == run.run_id)
    last = LastRun(
        what=job_in_words(run.job_name),
        began=began.isoformat(timespec="seconds"),
        seconds=round((datetime.now(UTC) - began).total_seconds(), 1),
        options=sorted(name for name, value in given.items() if value is True),
        files=loaded.height,
        rows=int(loaded["rows_loaded"].sum()),
        stitched=GENERATION in changed,
        built=len(changed),
        published=before.meta.get(PUBLISHED) != after.meta.get(PUBLISHED),
        failures=len(failed),
        messages=[_failure(event.dagster_event) for event in failed],
    )
    note_run(root, last)


def _failure(event: dg.DagsterEvent | None) -> str:
    assert event is not None
    return failure_of(event.step_key or "", message_of(event.step_failure_data.error))


class WarehouseResource(dg.ConfigurableResource[Any]):
    """Opens sessions on the tenant's warehouse.

    Depends on the lock, so that no session exists without it, and on the run's options, so that
    every job that has a session shows them in the Launchpad.
    """

    lock: TenantLock
    duckdb: DuckDBResource
    options: RunOptions
    # As dependencies, not as settings: the Launchpad would offer them to be changed for a run.
    root: dg.ResourceDependency[str]
    timezone: dg.ResourceDependency[str]

    @contextmanager
    def session(self, context: StepContext) -> Iterator[Session]:
        """A session that is closed whatever happens.

        What escapes the block has no values, and is a failure of the step as `shown_as_failure`
        makes one.
        """
        root = Path(self.root)
        with shown_as_failure():
            private_folder(root / ".tmp")
            private_folder(root / "warehouse")
        with (
            shown_as_failure(),
            safe_errors(root / "logs"),
            self.duckdb.get_connection() as con,
        ):
            warehouse = Warehouse.open(root / "warehouse")
            try:
                yield Session(con, warehouse, self.timezone, context.run.run_id)
            finally:
                con.close()  # the resource itself closes only when nothing was raised


def tenant_resources(tenant: Tenant) -> dict[str, Any]:
    """The resources of the tenant's assets, by the names by which asset functions ask for them."""
    root = str(tenant.root.resolve())
    duckdb = DuckDBResource(
        database=":memory:", connection_config={"temp_directory": f"{root}/.tmp"}
    )
    # Left open until a run starts: whoever starts it may fill in its options.
    options = RunOptions.configure_at_launch()
    warehouse = WarehouseResource(
        lock=TenantLock(root=root),
        duckdb=duckdb,
        options=options,
        root=root,
        timezone=tenant.config.timezone,
    )
    return {RESOURCE: options, "warehouse": warehouse}


def run_options(context: StepContext) -> RunOptions:
    """What this run was asked to do otherwise than usual."""
    options: RunOptions = context.resources.warehouse.options
    return options


def forced(context: StepContext) -> bool:
    """Whether this run was asked to compute again what is current."""
    return run_options(context).force


def refitted(context: StepContext) -> bool:
    """Whether this run was asked to fit the match model anew."""
    return run_options(context).refit


def gives_new_ids(context: StepContext) -> bool:
    """Whether this run may give everybody a new id, where the earlier ones are lost."""
    return run_options(context).new_ids


def as_of_date(tenant: Tenant, context: StepContext, warehouse: Warehouse) -> date:
    """The date that "today" means in this run's figures, the same in all of its steps.

    Raises C360Error where the run's option is no date.
    """
    asked = run_options(context).as_of_day
    taken_at = context.resources.warehouse.lock.taken_at
    return delivery_days.as_of_date(tenant, warehouse, asked, taken_at)


@contextmanager
def shown_as_failure() -> Iterator[None]:
    """Raise what a person can correct as `dg.Failure`, whose text the UI shows first.

    Of any other exception it shows Dagster's own words, then a trace of Dagster's code, then this.
    """
    try:
        yield
    except C360Error as error:
        raise dg.Failure(str(error)) from None
    except OSError as error:
        problem = storage_problem(error)
        if not problem:
            raise
        raise dg.Failure(problem) from None


@contextmanager
def safe_errors(logs: Path) -> Iterator[None]:
    """Turn any exception into a C360Error whose text cannot quote a value.

    Engines quote the value that they could not convert, and the orchestrator keeps exception texts,
    chained ones included, for ever. So a C360Error passes without its chain, and of any other
    exception only its class and the place in our code are told; the whole text goes to
    `logs/errors.log`, which only the owner may read.

    A signal that arrives within a query is an error of the engine, which forgets the orchestrator's
    own: it is raised again, so that the run stops and does not go on with other tables.
    """
    try:
        yield
    except C360Error as error:
        error.__cause__ = None
        raise error from None
    except Exception as error:
        if isinstance(error, RuntimeError) and str(error) == INTERRUPTED:
            raise dg.DagsterExecutionInterruptedError from None
        problem = storage_problem(error) if _is_of_the_machine(error) else ""
        if problem:
            raise C360Error(problem) from None
        _keep(error, logs)
        damaged = damage(logs.parent / "warehouse", error)
        if damaged:
            raise C360Error(damaged) from None
        raise C360Error(f"{type(error).__name__} at {_place(error)}; {WITHHELD}") from None


def _is_of_the_machine(error: Exception) -> bool:
    """Whether an error is of this machine, and not of another that refuses something likewise."""
    if isinstance(error, OSError):
        return error.filename is not None or error.errno == errno.EMFILE
    return isinstance(error, MemoryError | duckdb.OutOfMemoryException)


def _place(error: Exception) -> str:
    """The innermost file and line of our own code that the error passed."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(PACKAGE):
            return f"{file.relative_to(PACKAGE)}:{frame.lineno}"
    return "unknown place"


def _keep(error: Exception, logs: Path) -> None:
    private_folder(logs)
    handle = os.open(logs / "errors.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)) + "\n")

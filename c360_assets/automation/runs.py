"""Runs on the tenant's instance: start one in this process, follow it, and clear away those whose
process died.

What a job holds belongs to `jobs`, which run is due to `due`, what became of earlier ones to
`attempts`.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
from dagster import DagsterEventType as Kind
from filelock import FileLock

from c360_assets.automation.attempts import UNFINISHED
from c360_assets.automation.damaged_history import damaged_history
from c360_assets.automation.instance import names_another_home, tenant_root
from c360_assets.automation.instance_owner import claim
from c360_assets.errors import C360Error
from c360_assets.run_options import RunOptions
from c360_assets.run_tags import OWNER_TAG, RANGE_END_TAG, RANGE_START_TAG, job_in_words
from c360_assets.step_failures import message_of
from c360_assets.warehouse.last_run import note_dead_run
from c360_assets.warehouse.processes import owner_is_elsewhere, owner_is_gone, owner_mark
from c360_assets.warehouse.running import dead_runs, forget_runs, running

# By this tag the UI's job pages find their runs; Dagster sets it on runs that its daemon starts.
# `c360` is the location's name in workspace.yaml.
REPOSITORY_TAG = {".dagster/repository": "__repository__@c360"}
# Dagster says by this tag of a run which code server started it.
GRPC_INFO_TAG = ".dagster/grpc_info"
QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}
# A run names its process when its first resource is made, a moment after it is started.
SECONDS_TO_NAME_AN_OWNER = 600.0
# Until then a server that does not answer may be one of another container, whose run is alive.
SECONDS_TO_COME_TO_LIFE = 15.0
KILLED = "The process of this run ended without a word: it was killed, or the machine stopped."


@dataclass(frozen=True)
class TableDone:
    """A table that a run has just made current.

    `seconds` since the step began or since its previous table.
    """

    table: str
    rows: int | None
    reused: bool
    seconds: float


Progress = Callable[[TableDone | str], None]


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    `failed_steps` pairs a step with what stopped it, `warnings` is what steps warned of.
    """

    run_id: str
    success: bool
    failed_steps: list[tuple[str, str]] = field(default_factory=list)
    tables: list[TableDone] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The instance of `DAGSTER_HOME`, on which runs of dead processes have been marked failed.

    Raises C360Error where it holds another tenant's runs, a storage that the environment names does
    not answer, or the files of the tenant's own are found damaged, also within the block.

    Dagster makes its SQLite tables when an instance is first opened. Two processes that do so at
    the same moment leave it broken for good, hence the lock.
    """
    home = Path(os.environ["DAGSTER_HOME"])
    try:
        with FileLock(home / ".opening.lock"):
            instance = _instance()
        with instance:
            claim(instance, tenant_root())
            reconcile(instance)
            yield instance
    except Exception as error:
        damaged = damaged_history(home, error)
        if not damaged:
            raise
        raise C360Error(damaged) from None


def _instance() -> dg.DagsterInstance:
    try:
        return dg.DagsterInstance.get()
    except Exception as error:
        if not names_another_home(tenant_root()):
            raise
        # Its own text may quote the storage's address, and so a password.
        raise C360Error(
            f"the storage of Dagster cannot be opened ({type(error).__name__}): is its server up, "
            "and are the variables set that dagster.yaml in DAGSTER_HOME names?"
        ) from None


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags that make a run materialize every day from `first` to `last`."""
    return {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}


def launch(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    job_name: str,
    *,
    asset_keys: Sequence[dg.AssetKey] | None = None,
    days: tuple[date, date] | None = None,
    tags: Mapping[str, str] | None = None,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> RunOutcome:
    """Run a job in this process on the persistent instance.

    The UI shows it under the job's name. `days` is the inclusive range of delivery days of a
    partitioned job: one run, whose assets are materialized for every day in it. `progress` hears
    each finished table and each line that a step logs, while the run goes on. Never raises for a
    failing step.
    """
    run_id = str(uuid4())
    days_tags = range_tags(*days) if days is not None else {}
    own_tags = {OWNER_TAG: owner_mark(run_id), **REPOSITORY_TAG, **days_tags}
    options_config = options.run_config() if options is not None else {}
    follower = _Follower(progress)
    instance.add_event_listener(run_id, follower)
    job = definitions.resolve_job_def(job_name)
    if asset_keys is not None:
        # Said here, as a selection of assets alone would run their checks too, as further steps.
        job = job.get_subset(asset_selection=set(asset_keys), asset_check_selection=set())
    with running(tenant_root(), run_id):
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            run_config={"loggers": QUIET, **options_config},
            tags={**(tags or {}), **own_tags},
            raise_on_error=False,
        )
    return RunOutcome(run_id, result.success, follower.failed, follower.tables, follower.warnings)


class _Follower:
    """Hears the events of one run as they are stored."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.tables: list[TableDone] = []
        self.failed: list[tuple[str, str]] = []
        self.warnings: list[str] = []
        self.since = time.monotonic()

    def __call__(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            self._logged(int(entry.level), entry.user_message)
        elif event.event_type == Kind.STEP_START:
            self.since = time.monotonic()
        elif event.event_type == Kind.ASSET_MATERIALIZATION:
            self._table(event.step_materialization_data.materialization)
        elif event.event_type == Kind.STEP_FAILURE:
            self.failed.append((event.step_key or "", message_of(event.step_failure_data.error)))
        elif event.event_type == Kind.RUN_FAILURE and not self.failed:
            message = message_of(event.job_failure_data.error) or event.message or ""
            self.failed.append(("run", message))

    def _logged(self, level: int, message: str) -> None:
        if level == logging.WARNING:
            self.warnings.append(message)
        if self.progress is not None and level >= logging.INFO:
            self.progress(message)

    def _table(self, item: dg.AssetMaterialization) -> None:
        table = "/".join(item.asset_key.path)
        if any(done.table == table for done in self.tables):
            return  # one event per delivery day, the same table each time
        rows = item.metadata.get("dagster/row_count")
        reused = item.metadata.get("reused")
        now = time.monotonic()
        done = TableDone(
            table=table,
            rows=int(rows.value) if rows else None,  # type: ignore[arg-type]
            reused=bool(reused and reused.value),
            seconds=now - self.since,
        )
        self.since = now
        self.tables.append(done)
        if self.progress is not None:
            self.progress(done)


def reconcile(instance: dg.DagsterInstance) -> int:
    """Mark unfinished runs whose process no longer exists as failed, and return how many.

    Only a run that names itself as owner of its tags is judged: running a run again copies its
    tags, dead process and all. A run of another boot of this machine is dead whatever its process
    id, one of another container if its file beside the lock is free. A run that no process has
    named as its own died before one could if that is long ago, or if what started it is gone.
    """
    begun = [status for status in UNFINISHED if status != dg.DagsterRunStatus.QUEUED]
    root = tenant_root()
    let_go = dead_runs(root)
    dead = 0
    undecided = set()
    for record in instance.get_run_records(dg.RunsFilter(statuses=begun)):
        run = record.dagster_run
        mark = run.tags.get(OWNER_TAG)
        is_let_go = run.run_id in let_go and owner_is_elsewhere(mark, run.run_id)
        if is_let_go or owner_is_gone(mark, run.run_id) or _has_no_owner(record):
            instance.report_run_failed(run, KILLED)
            note_dead_run(root, job_in_words(run.job_name), record.create_timestamp, KILLED)
            dead += 1
        else:
            undecided.add(run.run_id)
    # A process that is just ending has let its file go and still lives: the next verb asks again.
    forget_runs(root, [run_id for run_id in let_go if run_id not in undecided])
    return dead


def _has_no_owner(record: dg.RunRecord) -> bool:
    """Whether a run was started and no process has named itself as its owner, nor will."""
    run = record.dagster_run
    if run.tags.get(OWNER_TAG, "").split(" ")[0] == run.run_id:
        return False
    seconds = time.time() - record.update_timestamp.timestamp()
    if run.status == dg.DagsterRunStatus.STARTED and seconds > SECONDS_TO_NAME_AN_OWNER:
        return True
    return seconds > SECONDS_TO_COME_TO_LIFE and _server_is_gone(run)


def _server_is_gone(run: dg.DagsterRun) -> bool:
    """Whether the code server on this machine that started a run does not answer any more."""
    address = json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket")
    if address is None:
        return False
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            return True
    return False

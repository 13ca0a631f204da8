"""Runs of Dagster that are too old: removed, or slimmed to what tells which partitions are there.

A run that holds the latest materialization of a partition stays, since without it the partition
would count as never materialized. Reporting that materialization again without a run would give it
a new time, and call the asset fresh. So such a run keeps its row and those events only.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy
from dagster import DagsterEventType as Kind

from c360_assets.automation.attempts import FAILED
from c360_assets.run_tags import ACTIVATE, DAY, STITCH
from c360_assets.warehouse.tidy import Removed

FINISHED = [dg.DagsterRunStatus.SUCCESS, *FAILED]
# What is due is told from the last success of these, whatever its age.
REMEMBERED_JOBS = (STITCH, ACTIVATE, DAY)
KIND = "runs of Dagster and their events"

# Tables of Dagster's storage, whose own definitions are private. It has no public way to remove
# some events of a run.
EVENTS = sqlalchemy.table(
    "event_logs",
    *map(sqlalchemy.column, ("id", "run_id", "dagster_event_type", "asset_key", "partition")),
)
CHECK_RESULTS = sqlalchemy.table(
    "asset_check_executions",
    *map(sqlalchemy.column, ("id", "asset_key", "check_name")),
    sqlalchemy.column("create_timestamp", sqlalchemy.DateTime()),
)


def remove_old_runs(
    instance: dg.DagsterInstance,
    before: datetime,
    since: datetime | None = None,
    *,
    dry_run: bool = False,
) -> Removed:
    """Remove or slim finished runs that were created before a moment, and after `since`."""
    storage = instance.event_log_storage
    if not hasattr(storage, "index_connection"):
        return Removed(KIND, 0, 0)  # a storage without SQL, such as one in memory
    old = dg.RunsFilter(statuses=FINISHED, created_before=before, created_after=since)
    count = 0
    size = 0
    records = instance.get_run_records(old)
    if not records:
        return Removed(KIND, 0, 0)
    remembered = _remembered_runs(instance)
    latest_events = _latest_materializations(storage)
    for record in records:
        run_id = record.dagster_run.run_id
        if run_id in remembered:
            continue
        events = _event_files(instance, run_id)
        kept = latest_events.get(run_id, [])
        if kept and not events:
            continue  # slimmed before
        size += sum(file.stat().st_size for file in events)
        count += 1
        if not dry_run:
            _remove(instance, storage, run_id, kept)
    if count and not dry_run:
        _remove_check_results(storage, before)
    return Removed(KIND, count, size)


def _remove(instance: dg.DagsterInstance, storage: Any, run_id: str, kept: list[int]) -> None:
    """Remove a run, or all of its events but those to keep."""
    if kept:
        _slim(storage, run_id, kept)
    else:
        instance.delete_run(run_id)
    for file in _event_files(instance, run_id):
        file.unlink(missing_ok=True)


def _remembered_runs(instance: dg.DagsterInstance) -> set[str]:
    remembered: set[str] = set()
    for job in REMEMBERED_JOBS:
        succeeded = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])
        remembered |= {run.run_id for run in instance.get_runs(succeeded, limit=1)}
    return remembered


def _latest_materializations(storage: Any) -> dict[str, list[int]]:
    """Run -> the ids of those of its materializations after which none of their partition came."""
    events = EVENTS.c
    newest = (
        sqlalchemy.select(sqlalchemy.func.max(events.id))
        .where(events.dagster_event_type == Kind.ASSET_MATERIALIZATION.value)
        .group_by(events.asset_key, events.partition)
    )
    query = sqlalchemy.select(events.run_id, events.id).where(events.id.in_(newest))
    latest: dict[str, list[int]] = defaultdict(list)
    with storage.index_connection() as connection:
        for run_id, event_id in connection.execute(query):
            latest[run_id].append(event_id)
    return latest


def _slim(storage: Any, run_id: str, kept: list[int]) -> None:
    """Remove all events of the run but some."""
    events = EVENTS.c
    with storage.index_connection() as connection:
        connection.execute(EVENTS.delete().where(events.run_id == run_id, events.id.not_in(kept)))


def _remove_check_results(storage: Any, before: datetime) -> None:
    """Results of asset checks that have a newer one. Removing a run leaves them behind."""
    results = CHECK_RESULTS.c
    newest = sqlalchemy.select(sqlalchemy.func.max(results.id)).group_by(
        results.asset_key, results.check_name
    )
    moment = before.astimezone(UTC).replace(tzinfo=None)
    with storage.index_connection() as connection:
        connection.execute(
            CHECK_RESULTS.delete().where(
                results.create_timestamp < moment, results.id.not_in(newest)
            )
        )


def _event_files(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    """The files of the run's own events, which Dagster's storage in SQLite empties but leaves."""
    folder = Path(instance.storage_directory()).parent / "history" / "runs"
    return sorted(folder.glob(f"{run_id}.db*"))

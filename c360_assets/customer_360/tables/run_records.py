"""What is remembered of each build of a database: the run, its tables, its warnings; published in
schema `reports`.

Records tell about runs, so digests leave them out. A failed table is recorded when it fails, and
with it its database; a run that succeeds when its database is published. What is checked belongs to
`checks`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import polars as pl

from c360_assets.customer_360.tables.databases import Database
from c360_assets.warehouse.history import append_history
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.recipe import RunContext
from c360_assets.warehouse.session import Session

MOMENT = pl.Datetime("us", "UTC")
RUNS: dict[str, pl.DataType] = {
    "run_id": pl.String(),
    "database": pl.String(),
    "mode": pl.String(),
    "trigger": pl.String(),
    "as_of": pl.Date(),
    "stitch_generation": pl.Int64(),
    "started_at": MOMENT,
    "finished_at": MOMENT,
    "status": pl.String(),
    "profile_count": pl.Int64(),
    "error": pl.String(),
}
TABLE_RUNS: dict[str, pl.DataType] = {
    "run_id": pl.String(),
    "table": pl.String(),
    "outcome": pl.String(),
    "rows": pl.Int64(),
    "rows_before": pl.Int64(),
    "seconds": pl.Float64(),
    "delta_version": pl.Int64(),
    "fingerprint": pl.String(),
    "error": pl.String(),
}
WARNINGS: dict[str, pl.DataType] = {
    "run_id": pl.String(),
    "database": pl.String(),
    "table": pl.String(),
    "field": pl.String(),
    "kind": pl.String(),
    "count": pl.Int64(),
}
TABLES: Mapping[str, Mapping[str, pl.DataType]] = {
    "database_run": RUNS,
    "database_table_run": TABLE_RUNS,
    "database_warning": WARNINGS,
}
# A number of profiles that moves by more than this many per cent between two publications is worth
# a look.
PROFILE_CHANGE = 20


@dataclass(frozen=True)
class DatabaseRun:
    """A row of `database_run`."""

    run_id: str
    database: str
    mode: str
    trigger: str
    as_of: date
    stitch_generation: int | None
    started_at: datetime
    finished_at: datetime
    status: str
    profile_count: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class TableRun:
    """A row of `database_table_run`."""

    run_id: str
    table: str
    outcome: str
    rows: int | None
    rows_before: int | None
    seconds: float | None
    delta_version: int | None = None
    fingerprint: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class DatabaseWarning:
    """A row of `database_warning`."""

    run_id: str
    database: str
    table: str
    field: str | None
    kind: str
    count: int


@dataclass(frozen=True)
class Publication:
    """What there is to remember of a database that is about to be published.

    `profiles_before` and `profiles` are numbers of profiles at the last publication and now;
    `warned` the checks that warn (validation_id, table, finding_count).
    """

    database: Database
    profiles_before: int | None
    profiles: int
    warned: pl.DataFrame


def with_run_facts(
    state: TableState, before: TableState | None, run_id: str, started: float
) -> TableState:
    """A built table's state with what its run is remembered by; `started` is a time of
    `time.time()`.
    """
    facts = {
        "run_id": run_id,
        "started_at": _moment(started).isoformat(timespec="milliseconds"),
        "seconds": round(time.time() - started, 3),
        "rows_before": before.rows if before is not None else None,
    }
    return replace(state, figures={**state.figures, **facts})


def record_failed_table(session: Session, table: str, error: str, started: float) -> None:
    """Append that a table could not be built, and why (pending until commit)."""
    before = session.state(table)
    row = TableRun(
        run_id=session.run_id,
        table=table,
        outcome="failed",
        rows=None,
        rows_before=before.rows if before is not None else None,
        seconds=round(time.time() - started, 3),
        error=error,
    )
    append_history(session, "database_table_run", TABLE_RUNS, [row])


def record_refusal(
    session: Session, database: str, error: str, started: float, run: RunContext
) -> None:
    """Append that a run did not publish a database, and why (pending until commit).

    The first reason of a run is kept.
    """
    if session.run_id and session.state("database_run") is not None:
        session.bind("database_run", "_c360_runs")
        known = session.rows(
            "SELECT 1 FROM _c360_runs WHERE run_id = ? AND database = ?", [session.run_id, database]
        )
        if known:
            return
    row = _database_run(session, database, run, started, "failed")
    append_history(session, "database_run", RUNS, [replace(row, error=error)])


def record_run(session: Session, publication: Publication, run: RunContext) -> None:
    """Append the records of a database that is about to be published (pending until commit)."""
    database = publication.database
    states = {node.table: session.state(node.table) for node in database.nodes}
    built = {table: state for table, state in states.items() if state is not None}
    starts = [
        datetime.fromisoformat(state.figures["started_at"]).timestamp()
        for state in built.values()
        if _is_of_run(state, session.run_id)
    ]
    # Where nothing was built anew, the run began with publishing.
    started = min(starts, default=time.time())
    row = _database_run(session, database.name, run, started, "succeeded")
    row = replace(row, profile_count=publication.profiles)
    append_history(session, "database_run", RUNS, [row])
    table_runs = [_table_run(session.run_id, table, state) for table, state in built.items()]
    append_history(session, "database_table_run", TABLE_RUNS, table_runs)
    warnings = list(_warnings(session.run_id, publication))
    append_history(session, "database_warning", WARNINGS, warnings)


def _database_run(
    session: Session, database: str, run: RunContext, started: float, status: str
) -> DatabaseRun:
    return DatabaseRun(
        run_id=session.run_id,
        database=database,
        mode=run.mode,
        trigger=run.trigger,
        as_of=run.as_of,
        stitch_generation=_generation(session),
        started_at=_moment(started),
        finished_at=_moment(time.time()),
        status=status,
    )


def _is_of_run(state: TableState, run_id: str) -> bool:
    """Whether the table was built by this run, and not reused."""
    return bool(run_id) and state.figures.get("run_id") == run_id


def _table_run(run_id: str, table: str, state: TableState) -> TableRun:
    is_built = _is_of_run(state, run_id)
    figures = state.figures if is_built else {}
    return TableRun(
        run_id=run_id,
        table=table,
        outcome="succeeded" if is_built else "reused",
        rows=state.rows,
        rows_before=figures.get("rows_before", state.rows),
        seconds=figures.get("seconds"),
        delta_version=state.version,
        fingerprint=state.fingerprint,
    )


def _warnings(run_id: str, publication: Publication) -> Iterator[DatabaseWarning]:
    name = publication.database.name
    for id_, table, count in publication.warned.iter_rows():
        yield DatabaseWarning(run_id, name, table, _field(id_), id_, count)
    before = publication.profiles_before
    if not before:
        return
    change = publication.profiles - before
    if abs(change) * 100 > PROFILE_CHANGE * before:
        yield DatabaseWarning(run_id, name, "customer_360", None, "CV-R02.profile_change", change)


def _field(id_: str) -> str | None:
    """The column that a promise of the tenant's own table is about, such as
    `db/unique.table.column`.
    """
    return id_.rsplit(".", 1)[-1] if id_.startswith("db/") else None


def _generation(session: Session) -> int | None:
    generation = session.warehouse.manifest.meta.get("stitch_generation")
    return generation if isinstance(generation, int) else None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""What is remembered of each build of a database: the run, its tables, its warnings; published in schema `reports`.

Records tell about runs, so digests leave them out. A failed table is recorded when it fails, and with it its database; a run
that succeeds when its database is published. What is checked belongs to `validations`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import polars as pl

from c360_assets.customer_360.tables.databases import Database
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.warehouse.manifest import TableState
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
KEPT_ROWS = 20_000
# A number of profiles that moves by more than this many per cent between two publications is worth a look.
PROFILE_CHANGE = 20


@dataclass(frozen=True)
class RunFacts:
    """How the run came about: `mode` normal or full, `trigger` who asked for it."""

    mode: str = "normal"
    trigger: str = "cli"


def noted(
    session: Session, table: str, state: TableState, before: TableState | None, started: float
) -> TableState:
    """A built table's state with what its run is remembered by; `started` is a time of `time.time()`."""
    told = {
        "run_id": session.run_id,
        "started_at": _moment(started).isoformat(timespec="milliseconds"),
        "seconds": round(time.time() - started, 3),
        "rows_before": before.rows if before is not None else None,
    }
    state = replace(state, figures={**state.figures, **told})
    session.pending[table] = state
    return state


def record_failure(
    session: Session,
    node: TableNode,
    error: str,
    started: float,
    *,
    owners: Iterable[str] = (),
    facts: RunFacts | None = None,
    as_of: date | None = None,
) -> None:
    """Remember and commit that a table could not be built, and so its databases `owners`; what else was pending is dropped."""
    session.pending.clear()
    before = session.state(node.table)
    row = (session.run_id, node.table, "failed", None, before.rows if before else None, round(time.time() - started, 3),
           None, None, error)  # fmt: skip
    _append(session, "database_table_run", [row])
    for name in owners:
        record_refusal(session, name, error, started, facts or RunFacts(), as_of)
    session.commit()


def record_refusal(
    session: Session, database: str, error: str, started: float, facts: RunFacts, as_of: date | None
) -> None:
    """Append that a run did not publish a database, and why (pending until commit). The first reason of a run is kept."""
    if session.run_id and session.state("database_run") is not None:
        session.bind("database_run", "_c360_runs")
        known = session.rows(
            "SELECT 1 FROM _c360_runs WHERE run_id = ? AND database = ?", [session.run_id, database]
        )
        if known:
            return
    row = (session.run_id, database, facts.mode, facts.trigger, as_of, _generation(session), _moment(started),
           _moment(time.time()), "failed", None, error)  # fmt: skip
    _append(session, "database_run", [row])


def _generation(session: Session) -> int | None:
    generation = session.warehouse.manifest.meta.get("stitch_generation")
    return generation if isinstance(generation, int) else None


def record_run(
    session: Session,
    database: Database,
    facts: RunFacts,
    *,
    as_of: date,
    before: int | None,
    profiles: int,
    warned: pl.DataFrame,
) -> None:
    """Append the records of a database that is about to be published (pending until commit).

    `before` and `profiles` are numbers of profiles at the last publication and now, `warned` the checks that warn
    (validation_id, table, finding_count).
    """
    now = time.time()
    states = {node.table: session.state(node.table) for node in database.nodes}
    rows: list[tuple[object, ...]] = []
    started = _moment(now)
    for table, state in states.items():
        if state is None:
            continue
        mine = bool(session.run_id) and state.figures.get("run_id") == session.run_id
        figures = state.figures if mine else {}
        if mine:
            started = min(started, datetime.fromisoformat(figures["started_at"]))
        rows.append((session.run_id, table, "succeeded" if mine else "reused", state.rows, figures.get("rows_before", state.rows),
                     figures.get("seconds"), state.version, state.fingerprint, None))  # fmt: skip
    run = (session.run_id, database.name, facts.mode, facts.trigger, as_of, _generation(session),
           started, _moment(now), "succeeded", profiles, None)  # fmt: skip
    warnings: list[tuple[object, ...]] = [(session.run_id, database.name, table, _field(id_), id_, count)
                for id_, table, count in warned.iter_rows()]  # fmt: skip
    if before and abs(profiles - before) * 100 > PROFILE_CHANGE * before:
        warnings.append(
            (
                session.run_id,
                database.name,
                "customer_360",
                None,
                "CV-R02.profile_change",
                profiles - before,
            )
        )
    _append(session, "database_run", [run])
    _append(session, "database_table_run", rows)
    _append(session, "database_warning", warnings)


def _field(id_: str) -> str | None:
    """The column that a promise of the tenant's own table is about, such as `db/unique.table.column`."""
    return id_.rsplit(".", 1)[-1] if id_.startswith("db/") else None


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _append(session: Session, table: str, rows: list[tuple[object, ...]]) -> None:
    fresh = pl.DataFrame(rows, schema=dict(TABLES[table]), orient="row")
    if session.state(table) is not None:
        session.bind(table, "_c360_recorded")
        earlier = session.frame("SELECT * FROM _c360_recorded")
        # A column that was added since is empty in earlier rows.
        earlier = earlier.with_columns(
            pl.lit(None).alias(name) for name in TABLES[table] if name not in earlier.columns
        )
        fresh = pl.concat(
            [earlier.select(pl.col(name).cast(kind) for name, kind in TABLES[table].items()), fresh]
        )
    session.write(table, fresh.tail(KEPT_ROWS))

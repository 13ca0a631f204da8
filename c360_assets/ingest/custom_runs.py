"""Custom domain tables as recipes, and the history of their runs: reused, succeeded or failed.

Their SQL, what it reads and how it runs belong to `custom_tables`. The history tells about runs, so
digests leave it out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from c360_assets.ingest.custom_on_spark import CustomTableWriter, write_custom_table_here
from c360_assets.ingest.custom_tables import (
    custom_table_name,
    dependencies,
    fingerprint_of,
    ordered,
)
from c360_assets.ingest.forgotten_stored import leave_out_computed
from c360_assets.tenant.models import CustomTable, Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.history import append_history
from c360_assets.warehouse.recipe import Built, Recipe, RunContext
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.suppression import Suppression

STAGE = "domain_tables"
HISTORY = "custom_table_run"
SCHEMA: dict[str, pl.DataType] = {
    "run_id": pl.String(),
    "table": pl.String(),
    "outcome": pl.String(),
    "rows": pl.Int64(),
    "seconds": pl.Float64(),
    "error": pl.String(),
    "finished_at": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True)
class CustomTableRun:
    """A row of the history."""

    run_id: str
    table: str
    outcome: str
    rows: int | None
    seconds: float
    error: str | None
    finished_at: datetime


class CustomDomainTable(Recipe):
    """One custom domain table: reused where its SQL and the content of its inputs are unchanged.

    `write` runs the SQL, by default here.
    """

    stage = STAGE

    def __init__(
        self, tenant: Tenant, table: CustomTable, write: CustomTableWriter | None = None
    ) -> None:
        inputs = [f"domain/{name}" for name in dependencies(tenant, table)]
        super().__init__([custom_table_name(table)], inputs)
        self.tenant = tenant
        self.table = table
        self._write = write or write_custom_table_here

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        own = fingerprint_of(session, self.tenant, self.table)
        # Who was let in again is in the table from then on.
        let_in = Suppression.of(self.tenant.root).let_in_digest
        return fingerprint(own, let_in) if let_in else own

    def build(self, session: Session, run: RunContext) -> Built:
        """Raises C360Error as `build_custom_table` does; the table then stays as it was."""
        warnings = [*self._write(session, self.tenant, self.table)]
        warnings += leave_out_computed(session, self.tenant, self.table)
        session.keep(self.tables[0], fingerprint=self.fingerprint(session, run.as_of) or "")
        return Built(warnings=warnings)

    def record_success(self, session: Session, started: float, *, reused: bool) -> None:
        state = session.state(self.tables[0])
        rows = state.rows if state is not None else None
        self._record(session, "reused" if reused else "succeeded", rows, started, None)

    def record_failure(
        self, session: Session, run: RunContext, started: float, message: str
    ) -> None:
        self._record(session, "failed", None, started, message)

    def _record(
        self, session: Session, outcome: str, rows: int | None, started: float, error: str | None
    ) -> None:
        row = CustomTableRun(
            run_id=session.run_id,
            table=self.table.name,
            outcome=outcome,
            rows=rows,
            seconds=round(time.time() - started, 3),
            error=error,
            finished_at=datetime.now(UTC),
        )
        append_history(session, HISTORY, SCHEMA, [row], order_by="finished_at, run_id")


def custom_table_recipes(
    tenant: Tenant, write: CustomTableWriter | None = None
) -> list[CustomDomainTable]:
    """The custom domain tables, each after those that it reads."""
    return [CustomDomainTable(tenant, table, write) for table in ordered(tenant)]

"""How Stitch is shown in Dagster: its tables are one generation, made current in one step with the
stitched domain tables.

What is computed belongs to `stitch`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from c360_assets.assets.display import Display
from c360_assets.assets.metadata import Result, materialized, source_schema
from c360_assets.reporting.stitch_report import PAGE, write_report
from c360_assets.stitch.tenant_run import StitchedDomainTable
from c360_assets.warehouse.recipe import Outcome
from c360_assets.warehouse.session import Session


class StitchDisplay(Display):
    """Tables of Stitch; the match model says whether it was kept or fitted, and why."""

    kinds = frozenset({"deltalake", "polars"})

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        if not outcome.reused or not (self.tenant.root / "reports" / PAGE).exists():
            write_report(session, self.tenant)
        for table in self.recipe.tables:
            state = outcome.states.get(table)
            more: dict[str, Any] | None = None
            if state is not None and "model" in state.figures:
                more = {"model": state.figures["model"]}
            if state is not None and "warnings" in state.figures:
                warnings = state.figures["warnings"]
                more = {"warnings": len(warnings), "warning_texts": "\n".join(warnings)}
            yield materialized(table, state, reused=outcome.reused, more=more)


class StitchedTableDisplay(Display):
    """A stitched domain table: the columns of its feed with their tags."""

    recipe: StitchedDomainTable

    def about(self, asset: str) -> dict[str, Any]:
        table = self.recipe.table
        return {
            "description": (
                f"{table.name} as loaded, "
                "with the amperity_id of each record where Stitch gives one."
            ),
            "metadata": {"dagster/column_schema": source_schema(table)},
        }

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        (name,) = self.recipe.tables
        state = outcome.states.get(name)
        schema: dg.TableSchema | None = None
        if state is not None:
            schema = source_schema(self.recipe.table, state)
        yield materialized(name, state, reused=outcome.reused, schema=schema)

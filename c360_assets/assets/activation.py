"""How the published databases are shown in Dagster: the files, the checks made before they replace
the last ones, deliveries.

What is published belongs to `customer_360.publication`, how to `warehouse.published_file`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import dagster as dg

from c360_assets.assets.database_checks import check_results, check_specs
from c360_assets.assets.display import Display
from c360_assets.assets.metadata import (
    Result,
    asset_key,
    counts,
    documented,
    materialized,
    state_schema,
)
from c360_assets.customer_360.checks.run_data_checks import TABLE, validate_database
from c360_assets.customer_360.destinations import SendDestination
from c360_assets.customer_360.publication.publish import PublishDatabase, published_facts
from c360_assets.customer_360.tables.build import DatabaseTable
from c360_assets.errors import C360Error
from c360_assets.recipes import recipes
from c360_assets.run_tags import ACTIVATE
from c360_assets.segments.recipe import ComputeSegments
from c360_assets.warehouse.heartbeat import beat
from c360_assets.warehouse.recipe import Outcome, Recipe, RunContext, is_current
from c360_assets.warehouse.session import Session

FORMATS = {
    "duckdb": "one DuckDB file",
    "delta": "Delta tables and a pointer to the version of each",
    "parquet": "Parquet files and a pointer to them",
}
KINDS = {"duckdb": "duckdb", "delta": "deltalake", "parquet": "parquet"}
DESCRIPTION = (
    "The published database, {}: built aside, checked, then put in place in one step. "
    "Readers see the last published one, whole, always; earlier ones are kept."
)

SHOWN_TABLES = 5  # in a message


class PublicationDisplay(Display):
    """A published database and the table of its checks."""

    recipe: PublishDatabase

    def _spec(self, asset: str, reads: Any) -> dg.AssetSpec:
        spec = super()._spec(asset, reads)
        kinds = {KINDS[self._format]}
        return spec.replace_attributes(kinds=kinds) if asset in self.recipe.outputs else spec

    @property
    def _format(self) -> str:
        return self.tenant.published_as(self.recipe.database.name).format

    def about(self, asset: str) -> dict[str, Any]:
        if asset in self.recipe.tables:
            return documented(TABLE)
        key = self.recipe.database.key
        rows = "" if key is None else f" It holds the rows of {key} only."
        return {"description": DESCRIPTION.format(FORMATS[self._format]) + rows}

    def checks(self) -> list[dg.AssetCheckSpec]:
        return check_specs(self.recipe.database)

    def check_results(self, session: Session) -> Iterator[dg.AssetCheckResult]:
        return check_results(session, self.recipe.database)

    def write_checks(self, session: Session, run: RunContext) -> None:
        # One that stops publication is answered as the others are.
        with suppress(C360Error):
            validate_database(session, self.recipe.database, as_of=run.as_of)

    def require(self, session: Session, run: RunContext) -> None:
        """A file never shows tables of unlike days, or of another Stitch than others in it."""
        stale = [
            recipe.tables[0]
            for recipe in recipes(self.tenant)
            if self._is_shown(recipe) and not is_current(session, recipe, run.as_of)
        ]
        if stale:
            more = f" and {len(stale) - SHOWN_TABLES} more" if len(stale) > SHOWN_TABLES else ""
            raise C360Error(
                f"not published: {', '.join(stale[:SHOWN_TABLES])}{more} would not be those of "
                f"{run.as_of} and of what they are made from; run the job `{ACTIVATE}`, or "
                "materialize them too"
            )

    def _is_shown(self, recipe: Recipe) -> bool:
        """Whether the recipe makes tables of the database from those of Stitch and sources."""
        database = self.recipe.database
        if isinstance(recipe, DatabaseTable):
            return recipe.node.table in {node.table for node in database.nodes}
        return isinstance(recipe, ComputeSegments) and recipe.database.name == database.name

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        database = self.recipe.database
        (table,) = self.recipe.tables
        (output,) = self.recipe.outputs
        checked = outcome.states[table]
        schema = state_schema(TABLE, checked)
        yield materialized(table, checked, reused=outcome.reused, schema=schema)
        metadata = {
            "path": dg.MetadataValue.path(self.recipe.path),
            "reused": outcome.reused,
            **counts(published_facts(session, database.name)),
        }
        # Also where nothing had to be written: it is current, and whoever watches wants to know.
        beat(self.tenant.root, "published")
        yield dg.MaterializeResult(asset_key=asset_key(output), metadata=metadata)


class DestinationDisplay(Display):
    """What one receiver has.

    A step of its own, so that its failure takes nothing with it and it can be tried again alone.
    """

    recipe: SendDestination

    def code(self) -> Sequence[str]:
        """None: what was sent is not sent again because of code that changed."""
        return []

    def _spec(self, asset: str, reads: Any) -> dg.AssetSpec:
        config = self.recipe.config
        kind = "postgres" if config.type == "postgres" else config.format
        return super()._spec(asset, reads).replace_attributes(kinds={kind})

    def about(self, asset: str) -> dict[str, Any]:
        tables = ", ".join(self.recipe.config.tables)
        return {
            "description": (
                f"Columns allowed in destinations.yaml, of {tables}, sent after each publication."
            )
        }

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        (output,) = self.recipe.outputs
        rows = self.recipe.received(session)["rows"]
        metadata = {"dagster/row_count": sum(rows.values()), "reused": outcome.reused}
        yield dg.MaterializeResult(asset_key=asset_key(output), metadata=metadata)

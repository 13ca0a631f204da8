"""How the published databases are shown in Dagster: the files, the checks made before they replace
the last ones, deliveries.

What is published belongs to `customer_360.publication`, how to `warehouse.published_file`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from c360_assets.assets.display import Display, Shown
from c360_assets.assets.metadata import (
    asset_key,
    counts,
    documented,
    materialized,
    state_schema,
)
from c360_assets.customer_360.checks.data_checks import CHECKS
from c360_assets.customer_360.checks.run_data_checks import TABLE
from c360_assets.customer_360.destinations import SendDestination
from c360_assets.customer_360.publication.publish import PublishDatabase, published_facts
from c360_assets.customer_360.tables.databases import Database
from c360_assets.warehouse.recipe import Outcome
from c360_assets.warehouse.session import Session

DESCRIPTION = (
    "The published database, one DuckDB file: built aside, checked, then put in place in one step. "
    "Readers see the last published one, whole, always; earlier ones are kept."
)


class PublicationDisplay(Display):
    """A published file and the table of its checks."""

    recipe: PublishDatabase

    def _spec(self, asset: str, reads: Any) -> dg.AssetSpec:
        spec = super()._spec(asset, reads)
        return spec.replace_attributes(kinds={"duckdb"}) if asset in self.recipe.outputs else spec

    def about(self, asset: str) -> dict[str, Any]:
        if asset in self.recipe.tables:
            return documented(TABLE)
        key = self.recipe.database.key
        rows = "" if key is None else f" It holds the rows of {key} only."
        return {"description": DESCRIPTION + rows}

    def checks(self) -> list[dg.AssetCheckSpec]:
        return check_specs(self.recipe.database)

    def results(self, session: Session, outcome: Outcome) -> Iterator[Shown]:
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
        yield dg.MaterializeResult(asset_key=asset_key(output), metadata=metadata)
        yield from check_results(session, database)


class DestinationDisplay(Display):
    """What one receiver has.

    A step of its own, so that its failure takes nothing with it and it can be tried again alone.
    """

    recipe: SendDestination

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

    def results(self, session: Session, outcome: Outcome) -> Iterator[Shown]:
        (output,) = self.recipe.outputs
        rows = self.recipe.received(session)["rows"]
        metadata = {"dagster/row_count": sum(rows.values()), "reused": outcome.reused}
        yield dg.MaterializeResult(asset_key=asset_key(output), metadata=metadata)


def check_specs(database: Database) -> list[dg.AssetCheckSpec]:
    """One check for each numbered validation, and those of what the tenant's tables promise.

    They warn and stop nothing.
    """
    asset = asset_key(database.own(TABLE))
    return [
        dg.AssetCheckSpec(_slug(number), asset=asset, description=text, blocking=False)
        for number, text in _numbers().items()
    ]


def check_results(session: Session, database: Database) -> Iterator[dg.AssetCheckResult]:
    """What the last validation of the database found: counts and shares under names that stay, so
    that they plot.
    """
    session.bind(database.own(TABLE), "_c360_found")
    rows = session.rows(
        "SELECT validation_id, finding_count, finding_pct, status FROM _c360_found "
        "ORDER BY validation_id"
    )
    for number in _numbers():
        figures: dict[str, float] = {}
        warnings = []
        for id_, count, percent, status in rows:
            if id_.split(".")[0] != number:
                continue
            if count is not None:
                figures[f"{id_} findings"] = float(count)
            if percent is not None:
                figures[f"{id_} %"] = float(percent)
            if status == "warning":
                warnings.append(f"{id_}: {count:,} ({percent:.1f} %)")
        description = "; ".join(warnings) or None
        if not figures:
            description = "not applicable: the tenant has no such data"
        yield dg.AssetCheckResult(
            asset_key=asset_key(database.own(TABLE)),
            check_name=_slug(number),
            passed=not warnings,
            severity=dg.AssetCheckSeverity.WARN,
            description=description,
            metadata=figures,
        )


def _numbers() -> dict[str, str]:
    """Number of a validation -> what it asks.

    Validations of one number ask the same of several columns.
    """
    questions: dict[str, list[str]] = {}
    for check in CHECKS:
        questions.setdefault(check.id.split(".")[0], []).append(check.question)
    texts = {
        number: f"{number}: {' '.join(dict.fromkeys(asked))}" for number, asked in questions.items()
    }
    promises = {
        "db/required": "must have a value in every row",
        "db/unique": "must not repeat a value",
    }
    for number, promise in promises.items():
        texts[number] = f"Columns that database/*.yaml says {promise}"
    return texts


def _slug(number: str) -> str:
    return number.replace("-", "_").replace("/", "_")

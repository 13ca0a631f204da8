"""How the tables of the databases are shown in Dagster: with the columns that each column is
computed from.

The SQL and how it is run belong to `customer_360`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from c360_assets.assets.display import Display
from c360_assets.assets.metadata import Result, documented, materialized, state_schema
from c360_assets.customer_360.publication.publish import STAGE as ACTIVATION
from c360_assets.customer_360.tables.build import STAGE as TABLES
from c360_assets.customer_360.tables.build import DatabaseTable
from c360_assets.customer_360.tables.graph import lineage
from c360_assets.ingest.custom_runs import STAGE as CUSTOM_TABLES
from c360_assets.segments.table_names import STAGE as SEGMENTS
from c360_assets.stitch.tenant_run import STAGE as STITCH
from c360_assets.validations.run import STAGE as REPORTS
from c360_assets.warehouse.recipe import Outcome
from c360_assets.warehouse.session import Session

# Groups that other assets are in.
STAGES = frozenset({CUSTOM_TABLES, REPORTS, STITCH, TABLES, SEGMENTS, ACTIVATION})


class DatabaseTableDisplay(Display):
    """One table of a database.

    One of a filtered database stands below the database's name, and in a group of that name.
    """

    kinds = frozenset({"deltalake", "duckdb", "sql"})
    recipe: DatabaseTable

    @property
    def group(self) -> str:
        """That of the database whose own table it is; a shared table is the group's."""
        database, _, _ = self.recipe.node.table.rpartition("/")
        if database not in self.tenant.config.databases:
            return self.recipe.stage
        return database_group(database)

    def code(self) -> Sequence[str]:
        return [*super().code(), self.recipe.node.canonical]

    def about(self, asset: str) -> dict[str, Any]:
        node = self.recipe.node
        return {"description": f"Defined by the tenant in {node.file}.", **documented(node.name)}

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        node = self.recipe.node
        state = outcome.states[node.table]
        inputs = {table: session.state(table) for table in node.deps}
        schemas = {table: known.columns for table, known in inputs.items() if known is not None}
        yield materialized(
            node.table,
            state,
            reused=outcome.reused,
            schema=state_schema(node.name, state),
            lineage=lineage(node, schemas),
        )


def database_group(database: str) -> str:
    """The Dagster group of a database's own tables; no stage's, whatever the database's name is."""
    return f"{database}_database" if database in STAGES else database

"""How the tables of the databases are shown in Dagster: with the columns that each column is
computed from.

The SQL and how it is run belong to `customer_360`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from c360_assets.assets.display import Display, Shown
from c360_assets.assets.metadata import documented, materialized, state_schema
from c360_assets.customer_360.tables.build import DatabaseTable
from c360_assets.customer_360.tables.graph import lineage
from c360_assets.warehouse.recipe import Outcome
from c360_assets.warehouse.session import Session


class DatabaseTableDisplay(Display):
    """One table of a database; that of a filtered database stands below the database's name."""

    kinds = frozenset({"deltalake", "duckdb", "sql"})
    recipe: DatabaseTable

    def about(self, asset: str) -> dict[str, Any]:
        node = self.recipe.node
        return {"description": f"Defined by the tenant in {node.file}.", **documented(node.name)}

    def results(self, session: Session, outcome: Outcome) -> Iterator[Shown]:
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

"""Settings of the SQL engine that hold on every connection of the platform. What is run on one belongs to its user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from c360_assets.warehouse.sql import quote_literal

if TYPE_CHECKING:
    import duckdb

# DuckDB 2.0 fails with "did not return a BoundFunctionExpression" when it folds a long OR over a column whose statistics say
# that every value is NULL, and a column that a brand has not filled yet is an everyday thing.
UNSAFE_OPTIMIZERS = "statistics_propagation"


def make_safe(con: duckdb.DuckDBPyConnection) -> None:
    """Set on a connection what every connection of the platform needs, whoever opened it."""
    con.execute(f"SET disabled_optimizers = {quote_literal(UNSAFE_OPTIMIZERS)}")

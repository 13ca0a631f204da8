"""Settings of the SQL engine that hold on every connection of the platform. What is run on one
belongs to its user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from c360_assets.warehouse.sql import quote_literal

if TYPE_CHECKING:
    import duckdb

# DuckDB 2.0 fails with "did not return a BoundFunctionExpression" when it folds a long OR over a
# column whose statistics say that every value is NULL, and a column that a brand has not filled yet
# is an everyday thing.
UNSAFE_OPTIMIZERS = "statistics_propagation"
LOCKS = """
    SET python_enable_replacements = false;
    SET autoload_known_extensions = false;
    SET autoinstall_known_extensions = false;
    SET enable_external_access = false;
    SET lock_configuration = true;
"""


def make_safe(con: duckdb.DuckDBPyConnection) -> None:
    """Set on a connection what every connection of the platform needs, whoever opened it."""
    con.execute(f"SET disabled_optimizers = {quote_literal(UNSAFE_OPTIMIZERS)}")


def lock(con: duckdb.DuckDBPyConnection, paths: Iterable[str] = ()) -> None:
    """Close the engine behind `con` for good: it opens no file but `paths` and its spill folder,
    and takes no setting.

    The time zone and every other setting come before. DuckDB lets SQL write to the paths too, so
    they must be of a file system that cannot write: `read_only_files`.
    """
    listed = ", ".join(quote_literal(path) for path in paths)
    con.execute(f"SET allowed_paths = [{listed}]")
    con.execute(LOCKS)

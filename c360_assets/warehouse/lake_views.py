"""A publication of a lake as a database of an engine: views over its files, under the names and
types that its tables have in a published DuckDB file.

What it consists of is told by `lake_document`.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from c360_assets.warehouse.delta import nothing, typed
from c360_assets.warehouse.lake_document import Document, LakeTable
from c360_assets.warehouse.lake_storage import LakeStorage
from c360_assets.warehouse.sql import quote_ident, quote_literal, quote_path

PLACEHOLDER = "published"  # what the database is called in its views and functions


def attach_document(
    con: duckdb.DuckDBPyConnection, storage: LakeStorage, document: Document, name: str
) -> list[str]:
    """Attach a publication as the database `name`: tables, views and functions.

    Returns the paths that a locked engine has to be allowed.
    """
    paths = attach_lake(con, storage, document.tables, name)
    # Beside: there the names in their SQL are those of this database.
    with con.cursor() as own:
        own.execute(f"USE {quote_ident(name)}")
        for table in document.tables:
            if table.view:
                create_schema(own, name, table.schema)
                target = ".".join(map(quote_ident, (name, *table.key)))
                own.execute(f"CREATE VIEW {target} AS {table.view}")
                _comment(own, name, table)
    create_functions(con, document.functions, name)
    return paths


def create_functions(con: duckdb.DuckDBPyConnection, statements: Iterable[str], name: str) -> None:
    """Create the functions of a publication in the database `name`; each may call those before."""
    with con.cursor() as own:
        own.execute(f"USE {quote_ident(name)}")
        for statement in statements:
            own.execute(statement.replace(f"{PLACEHOLDER}.", f"{quote_ident(name)}.", 1))


def attach_lake(
    con: duckdb.DuckDBPyConnection,
    storage: LakeStorage,
    tables: Iterable[LakeTable],
    name: str,
) -> list[str]:
    """Attach a database of views over the files of tables. Returns the paths of the files."""
    storage.connect(con)
    con.execute(f"ATTACH ':memory:' AS {quote_ident(name)}")
    paths = []
    for table in tables:
        if not table.view:
            create_schema(con, name, table.schema)
            paths += create_view(con, storage, name, table)
    return paths


def detach_lake(con: duckdb.DuckDBPyConnection, name: str) -> None:
    con.execute(f"DETACH {quote_ident(name)}")


def create_schema(con: duckdb.DuckDBPyConnection, name: str, schema: str) -> None:
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_ident(name)}.{quote_ident(schema)}")


def create_view(
    con: duckdb.DuckDBPyConnection, storage: LakeStorage, name: str, table: LakeTable
) -> list[str]:
    """A view over the files of a table, with what people read about it; returns their paths."""
    target = ".".join(map(quote_ident, (name, *table.key)))
    con.execute(f"CREATE VIEW {target} AS {table_select(storage, table)}")
    _comment(con, name, table)
    return [storage.read_only(file) for file in table.files]


def table_select(storage: LakeStorage, table: LakeTable) -> str:
    """A SELECT of the rows of a table in the types that it has."""
    if not table.files:
        return nothing(table.types)
    paths = ", ".join(quote_path(storage.read_only(file)) for file in table.files)
    return typed(table.types, f"read_parquet([{paths}])")


def _comment(con: duckdb.DuckDBPyConnection, name: str, table: LakeTable) -> None:
    target = ".".join(map(quote_ident, (name, *table.key)))
    statements = []
    if table.description:
        statements.append(f"COMMENT ON VIEW {target} IS {quote_literal(table.description)}")
    for column in table.columns:
        if column.description:
            place = f"{target}.{quote_ident(column.name)}"
            statements.append(f"COMMENT ON COLUMN {place} IS {quote_literal(column.description)}")
    if statements:
        con.execute("; ".join(["BEGIN", *statements, "COMMIT"]))

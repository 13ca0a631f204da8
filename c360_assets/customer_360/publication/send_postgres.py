"""Sends tables to PostgreSQL: every table replaced in one transaction.

What may leave is decided by `customer_360.destinations`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from c360_assets.customer_360.publication.postgres_connection import postgres
from c360_assets.errors import C360Error
from c360_assets.tenant.models import DestinationConfig
from c360_assets.warehouse.sql import quote_ident, quote_literal

NESTED_TYPES = ("STRUCT", "MAP", "UNION")
# What a table is called until it is in place. PostgreSQL cuts longer names off, in silence.
FRESH = "__c360_new"
LONGEST_IDENTIFIER = 63  # bytes
LONGEST_NAME = LONGEST_IDENTIFIER - len(FRESH)
# The column by which rows of a table of changes are read in the order in which they came.
CHANGE = "change"


def send_to_postgres(
    con: duckdb.DuckDBPyConnection, config: DestinationConfig, queries: Mapping[str, str]
) -> dict[str, int]:
    """Replace the content of every table by the rows of its query, in one transaction; returns rows
    by table.

    A table keeps its grants, and the views that read none of the columns that go. Raises C360Error,
    or what the driver raises.
    """
    address = os.environ.get(config.url_env or "")
    if not address:
        raise C360Error(
            f"the environment variable {config.url_env} (url_env in destinations.yaml) is not set; "
            "put PostgreSQL's address there"
        )
    for table, query in queries.items():
        _check_types(con, table, query)
    rows: dict[str, int] = {}
    with postgres(address) as receiver:
        with receiver.cursor() as cursor:
            ensure_schema(cursor, config.schema_name)
            for table, query in queries.items():
                target = config.tables[table].name or table
                fresh = f"{target}{FRESH}"
                # DuckDB may wait for ever to close a connection on which an unread result is open.
                with con.sql(query).to_arrow_reader() as reader:
                    rows[table] = cursor.adbc_ingest(
                        fresh, reader, mode="create", db_schema_name=config.schema_name
                    )
                replace_table(cursor, config.schema_name, fresh, target)
        receiver.commit()
    return rows


def ensure_schema(cursor: Any, schema: str) -> None:
    """IF NOT EXISTS would ask for the right to make schemas even where this one is there."""
    cursor.execute(
        "SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE') "
        f"FROM pg_namespace WHERE nspname = {quote_literal(schema)}"
    )
    privileges = cursor.fetchall()
    if not privileges:
        cursor.execute(f"CREATE SCHEMA {quote_ident(schema)}")
    elif privileges == [(False,)]:
        raise C360Error(
            f"its user may not make tables in schema {schema}: grant it USAGE and CREATE there"
        )


def _check_types(con: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    columns = con.execute(f"DESCRIBE {query}").fetchall()
    nested = [
        f"{column} is {type_.split('(')[0]}"
        for column, type_, *_ in columns
        if type_.startswith(NESTED_TYPES)
    ]
    if nested:
        raise C360Error(
            f"{table}: {', '.join(nested)}, which PostgreSQL cannot take: cast it to JSON, "
            "or leave it out of `columns`"
        )


def replace_table(cursor: Any, schema: str, fresh: str, target: str) -> None:
    """Give `target` the rows of `fresh`, and its columns where those have changed."""
    old = _columns(cursor, schema, target)
    if not old:
        cursor.execute(f"ALTER TABLE {_table(schema, fresh)} RENAME TO {quote_ident(target)}")
        return
    new = _columns(cursor, schema, fresh)
    cursor.execute(f"TRUNCATE {_table(schema, target)}")
    changes = [f"DROP COLUMN {quote_ident(name)}" for name in old if name not in new]
    changes += _added(old, new)
    changes += [
        f"ALTER COLUMN {quote_ident(name)} TYPE {type_} USING NULL"
        for name, type_ in new.items()
        if old.get(name, type_) != type_
    ]
    _alter(cursor, schema, target, changes)
    _move(cursor, schema, fresh, target, list(new))


def add_to_table(cursor: Any, schema: str, fresh: str, target: str, instead_of: str) -> None:
    """Give `target` the rows of `fresh` in place of those that `instead_of` selects; columns that
    only one of the two has are empty in the rows of the other.
    """
    old = _columns(cursor, schema, target)
    new = _columns(cursor, schema, fresh)
    if not old:
        columns = ", ".join(f"{quote_ident(name)} {type_}" for name, type_ in new.items())
        cursor.execute(f"CREATE TABLE {_table(schema, target)} ({columns})")
        old = new
    cursor.execute(f"DELETE FROM {_table(schema, target)} WHERE {instead_of}")
    changes = _added(old, new)
    if CHANGE not in old:
        changes.append(f"ADD COLUMN {CHANGE} BIGINT GENERATED ALWAYS AS IDENTITY")
    _alter(cursor, schema, target, changes)
    _move(cursor, schema, fresh, target, list(new))


def _added(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    missing = {name: type_ for name, type_ in new.items() if name not in old}
    return [f"ADD COLUMN {quote_ident(name)} {type_}" for name, type_ in missing.items()]


def _alter(cursor: Any, schema: str, table: str, changes: Sequence[str]) -> None:
    if changes:
        cursor.execute(f"ALTER TABLE {_table(schema, table)} {', '.join(changes)}")


def _move(cursor: Any, schema: str, fresh: str, target: str, columns: Sequence[str]) -> None:
    listed = ", ".join(map(quote_ident, columns))
    cursor.execute(
        f"INSERT INTO {_table(schema, target)} ({listed}) "
        f"SELECT {listed} FROM {_table(schema, fresh)}"
    )
    cursor.execute(f"DROP TABLE {_table(schema, fresh)}")


def _table(schema: str, table: str) -> str:
    return f"{quote_ident(schema)}.{quote_ident(table)}"


def _columns(cursor: Any, schema: str, table: str) -> dict[str, str]:
    """Column -> type of a table, in order; empty where there is no such table."""
    cursor.execute(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
        f"WHERE attrelid = to_regclass({quote_literal(_table(schema, table))}) "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return dict(cursor.fetchall())

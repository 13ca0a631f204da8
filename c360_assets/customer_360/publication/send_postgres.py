"""Sends tables to PostgreSQL: every table replaced in one transaction.

What may leave is decided by `customer_360.destinations`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import duckdb

from c360_assets.errors import C360Error
from c360_assets.tenant.models import DestinationConfig
from c360_assets.warehouse.sql import quote_ident, quote_literal

NESTED_TYPES = ("STRUCT", "MAP", "UNION")
# What a table is called until it is in place. PostgreSQL cuts longer names off, in silence.
FRESH = "__c360_new"
LONGEST_NAME = 63 - len(FRESH)  # bytes


def send_to_postgres(
    con: duckdb.DuckDBPyConnection, config: DestinationConfig, queries: Mapping[str, str]
) -> dict[str, int]:
    """Replace the content of every table by the rows of its query, in one transaction; returns rows
    by table.

    A table of the same columns keeps its grants and views. Raises C360Error, or what the driver
    raises.
    """
    # Optional, and takes a while to import.
    from adbc_driver_postgresql import dbapi

    address = os.environ.get(config.url_env or "")
    if not address:
        raise C360Error(
            f"the environment variable {config.url_env} is not set; put PostgreSQL's address there"
        )
    for table, query in queries.items():
        _check_types(con, table, query)
    rows: dict[str, int] = {}
    with dbapi.connect(address) as receiver:
        with receiver.cursor() as cursor:
            _ensure_schema(cursor, config.schema_name)
            for table, query in queries.items():
                target = config.tables[table].name or table
                fresh = f"{target}{FRESH}"
                # DuckDB may wait for ever to close a connection on which an unread result is open.
                with con.sql(query).to_arrow_reader() as reader:
                    rows[table] = cursor.adbc_ingest(
                        fresh, reader, mode="create", db_schema_name=config.schema_name
                    )
                _replace_table(cursor, config.schema_name, fresh, target)
        receiver.commit()
    return rows


def _ensure_schema(cursor: Any, schema: str) -> None:
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


def _replace_table(cursor: Any, schema: str, fresh: str, target: str) -> None:
    """Give `target` the rows of `fresh`, and its columns where those have changed."""
    new_table = f"{quote_ident(schema)}.{quote_ident(fresh)}"
    old_table = f"{quote_ident(schema)}.{quote_ident(target)}"
    if _columns(cursor, schema, fresh) == _columns(cursor, schema, target):
        cursor.execute(f"TRUNCATE {old_table}")
        cursor.execute(f"INSERT INTO {old_table} SELECT * FROM {new_table}")
        cursor.execute(f"DROP TABLE {new_table}")
        return
    cursor.execute(f"DROP TABLE IF EXISTS {old_table}")
    cursor.execute(f"ALTER TABLE {new_table} RENAME TO {quote_ident(target)}")


def _columns(cursor: Any, schema: str, table: str) -> list[tuple[Any, ...]]:
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = {quote_literal(schema)} AND table_name = {quote_literal(table)} "
        "ORDER BY ordinal_position"
    )
    return list(cursor.fetchall())

"""Custom domain tables: the tenant's own SELECT statements over domain tables, checked, ordered,
built and traced.

The SQL and its declaration are read by `tenant`; how Stitch and later stages use the table is
theirs. What the SQL may say, and the engine that it runs in, is of `warehouse`; here is which
tables it may name, and what its result must have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb

from c360_assets.errors import C360Error, ConfigError, Problem
from c360_assets.ingest.upsert import columns_of, key_sql, uuid_digest_sql, uuid_sql
from c360_assets.semantics.closest import closest
from c360_assets.semantics.column_types import SYSTEM_COLUMNS
from c360_assets.tenant.models import CustomTable, Tenant
from c360_assets.warehouse.allowed_sql import allowed_statement
from c360_assets.warehouse.binding import bound_columns, create_empty
from c360_assets.warehouse.delta import Content, not_stored
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.engine import lock
from c360_assets.warehouse.lineage import (
    CircleError,
    column_origins,
    reading_order,
    row_expressions,
)
from c360_assets.warehouse.locked_session import LockedSession, locked_session, store
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, repeated
from c360_assets.warehouse.sql_errors import reason
from c360_assets.warehouse.statement import Statement, StatementError, TableReference
from c360_assets.wording import counted

BUILT = "_c360_custom"
SHOWN_KEYS = 5


def custom_table_name(table: CustomTable) -> str:
    return f"domain/{table.physical}"


class Reading(NamedTuple):
    """A custom table's statement, and the physical names of the domain and custom tables it reads,
    by name."""

    statement: Statement
    tables: list[str]


def reading_of(tenant: Tenant, table: CustomTable) -> Reading:
    """Raises ConfigError where the SQL is no single SELECT, says what is not allowed, or names an
    unknown table."""
    file = file_of(tenant, table)
    statement = allowed_statement(table.sql.text, file, key=table.name)
    known = {other.physical.lower(): other.physical for other in tenant.tables}
    problems = [
        _unknown_table(reference, file, table, known.values())
        for reference in statement.tables
        if reference.schema or reference.name.lower() not in known
    ]
    if problems:
        raise ConfigError(problems)
    names = {known[reference.name.lower()] for reference in statement.tables}
    return Reading(statement, sorted(names))


def _unknown_table(
    reference: TableReference, file: str, table: CustomTable, known: Iterable[str]
) -> Problem:
    name = f"{reference.schema}.{reference.name}" if reference.schema else reference.name
    near = closest(reference.name, known)
    remedy = (
        f"did you mean {near}?"
        if near
        else "name feeds as Source_Feed and custom tables by their name"
    )
    message = f"there is no domain table {name}"
    return Problem("error", file, message, reference.line, table.name, remedy)


def dependencies(tenant: Tenant, table: CustomTable) -> list[str]:
    """The physical names of the domain and custom tables that the SQL reads, by name. Raises
    ConfigError."""
    return reading_of(tenant, table).tables


def ordered(tenant: Tenant) -> list[CustomTable]:
    """The custom tables, each after those it reads; by name where that leaves a choice. Raises
    ConfigError for a circle."""
    tables = {table.physical: table for table in tenant.custom_tables}
    reads: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for name, table in tables.items():
        try:
            reads[name] = reading_of(tenant, table).tables
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    try:
        return [tables[name] for name in reading_order(reads)]
    except CircleError as error:
        raise ConfigError([_circle_problem(tenant, tables, error)]) from None


def _circle_problem(
    tenant: Tenant, tables: Mapping[str, CustomTable], error: CircleError
) -> Problem:
    first = tables[min(error.path)]
    message = f"custom tables read each other in a circle: {' -> '.join(reversed(error.path))}"
    return Problem("error", file_of(tenant, first), message, remedy="take one reference out")


def fingerprint_of(session: Session, tenant: Tenant, table: CustomTable) -> str:
    """Equal as long as the SQL, the key and the content of every table it reads are: then the built
    table is reused.

    Raises C360Error when a table it reads was not built.
    """
    reading = reading_of(tenant, table)
    inputs = {}
    for name in reading.tables:
        state = session.state(f"domain/{name}")
        if state is None:
            raise C360Error(
                f"custom table {table.name} reads {name}, which has not been loaded yet"
            )
        inputs[name] = (state.digest, state.columns)
    return fingerprint(
        "custom",
        reading.statement.canonical,
        table.config.primary_key,
        tenant.config.id,
        session.timezone,
        inputs,
    )


def build_custom_table(session: Session, tenant: Tenant, table: CustomTable) -> TableState:
    """Run the SQL over the current domain tables and write the result with its system columns.
    Pending until commit.

    Raises C360Error when the SQL fails, or when its primary key is empty or not unique: the text
    tells counts and the first characters of hashed keys.
    """
    current = fingerprint_of(session, tenant, table)
    with _named_inputs(session, tenant, table) as (locked, select):
        locked.execute(f"CREATE OR REPLACE TEMP TABLE {BUILT}_rows AS {select}")
        described = _described(locked, f"SELECT * FROM {BUILT}_rows")
        rows = with_system_columns(tenant, table, described, f"{BUILT}_rows")
        locked.execute(f"CREATE OR REPLACE TEMP TABLE {BUILT} AS {rows}")
        _check_key(locked, table, file_of(tenant, table))
        rows = f"SELECT * FROM {BUILT}"
        return store(locked, rows, session, custom_table_name(table), fingerprint=current)


def columns_here(session: Session, tenant: Tenant, table: CustomTable) -> dict[str, str]:
    """Every column of the result with the type that this machine stores, without running the SQL.

    Raises C360Error where the SQL does not fit the tables.
    """
    with _named_inputs(session, tenant, table) as (locked, select):
        return locked.stored_columns(select)


def store_computed(
    session: Session, tenant: Tenant, table: CustomTable, content: Content
) -> TableState:
    """Make rows of the SQL, with their system columns, those of the table that were computed and
    written elsewhere. Pending until commit.

    Raises C360Error as `build_custom_table` does.
    """
    current = fingerprint_of(session, tenant, table)
    asset = custom_table_name(table)
    source = session.warehouse.content_source(asset, content)
    session.execute(f"CREATE OR REPLACE TEMP VIEW {BUILT} AS SELECT * FROM {source}")
    try:
        _check_key(session, table, file_of(tenant, table))
    finally:
        session.execute(f"DROP VIEW IF EXISTS temp.{BUILT}")
    return session.take(asset, content, fingerprint=current)


@contextmanager
def _named_inputs(
    session: Session, tenant: Tenant, table: CustomTable
) -> Iterator[tuple[LockedSession, str]]:
    """A locked session in which the SELECT of the table, given with it, can be run. What fails
    there on the data is a C360Error."""
    reading = reading_of(tenant, table)
    select = reading.statement.text
    with locked_session(session) as locked:
        for name in reading.tables:
            locked.bind(f"domain/{name}", name)
        locked.lock()
        try:
            yield locked, select
        except duckdb.Error as error:
            why = reason(locked, select, error)
            file = file_of(tenant, table)
            raise C360Error(f"{file}: {table.name} failed on the data: {why}") from None


def _described(session: Session, select: str) -> dict[str, str]:
    """Column -> type of a SELECT."""
    return {row[0]: row[1] for row in session.rows(f"DESCRIBE {select}")}


def with_system_columns(
    tenant: Tenant, table: CustomTable, described: Mapping[str, str], source: str
) -> str:
    """A SELECT of the rows of the FROM item `source`, whose columns are `described`, with the
    system columns of the table in place of any others."""
    columns = {name: kind for name, kind in described.items() if name.lower() not in SYSTEM_COLUMNS}
    file = file_of(tenant, table)
    unfit = not_stored(columns)
    if unfit:
        raise C360Error(f"{file}: {unfit[0]}")
    written = {name.lower(): name for name in columns}
    missing = [name for name in table.config.primary_key if name.lower() not in written]
    if missing:
        raise C360Error(f"{file}: the result has no column {missing[0]}, which is in primary_key")
    key_columns = [written[name.lower()] for name in table.config.primary_key]
    key = key_sql({name: columns[name] for name in key_columns})
    columns_sql = ", ".join(quote_ident(name) for name in columns)
    digest = uuid_digest_sql(tenant.config.id, table.name)
    return f"""
        SELECT {columns_sql}, _pk, {uuid_sql("_digest")} AS _uuid_pk, 0::BIGINT AS _updated
        FROM (
            SELECT *, {digest} AS _digest
            FROM (SELECT {columns_sql}, {key} AS _pk FROM {source})
        )"""


def _check_key(session: Session, table: CustomTable, file: str) -> None:
    ((empty, keys, rows),) = session.rows(
        f"SELECT count(*) FILTER (WHERE _pk IS NULL), count(DISTINCT _pk), count(_pk) FROM {BUILT}"
    )
    if not empty and keys == rows:
        return
    shared = session.rows(
        f"SELECT sha256(_pk)[1:12] AS h, count(*) FROM {BUILT} WHERE _pk IS NOT NULL "
        "GROUP BY _pk HAVING count(*) > 1 ORDER BY 2 DESC, h"
    )
    examples = ", ".join(
        f"{hashed} ({counted(count, 'row')})" for hashed, count in shared[:SHOWN_KEYS]
    )
    shown = f"; hashed keys: {examples}" if examples else ""
    key = ", ".join(table.config.primary_key)
    raise C360Error(
        f"{file}: primary key {key} of custom table {table.name} is empty in "
        f"{counted(empty, 'row')} and shared by {counted(len(shared), 'key')}{shown}; choose "
        "columns that are unique, or keep one row per key in the SQL"
    )


def check_sql(tenant: Tenant) -> list[Problem]:
    """Bind the SQL of every custom table against the declared schemas on empty tables: unknown
    tables and columns, wrong types, circles, and declared columns that the result lacks, with the
    line in the SQL file where there is one."""
    return list(_Schemas(tenant).problems)


def readings(tenant: Tenant) -> dict[str, tuple[Reading, dict[str, dict[str, str]]]]:
    """Custom table -> its statement, and the columns with types of each table that it reads; of
    those tables for which all of it is known."""
    found = _Schemas(tenant)
    return {
        name: (reading, {read: found.columns[read] for read in reading.tables})
        for name, reading in found.readings.items()
        if found.columns.keys() >= set(reading.tables)
    }


def schemas(tenant: Tenant) -> dict[str, dict[str, str]]:
    """Physical table name -> column -> DuckDB type, of all domain and custom tables that can be
    bound."""
    return _Schemas(tenant).columns


def lineage(tenant: Tenant, table: CustomTable) -> dict[str, list[tuple[str, str]]]:
    """Column of the result -> the (physical table, column) pairs it is computed from, sorted."""
    known = schemas(tenant)
    physical = {name.lower(): name for name in known}
    origins = column_origins(reading_of(tenant, table).statement.text, known)
    columns = [name for name in known.get(table.physical, {}) if name not in SYSTEM_COLUMNS]
    return {
        column: sorted(
            (physical.get(name, name), source) for name, source in origins.get(column, [])
        )
        for column in columns
    }


def computed_columns(tenant: Tenant, table: CustomTable) -> dict[str, list[tuple[str, str]]]:
    """Column of the result -> (physical feed table, SQL over its columns) of each way in which it
    is computed from one row of one feed, through other custom tables too."""
    known = schemas(tenant)
    physical = {name.lower(): name for name in known}
    views = {other.physical: reading_of(tenant, other).statement.text for other in ordered(tenant)}
    own = views.pop(table.physical)
    return {
        column: [(physical.get(name, name), sql) for name, sql in ways]
        for column, ways in row_expressions(own, known, views).items()
    }


class _Schemas:
    """Empty tables with the declared columns, on which each custom table's SQL is bound in
    order."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.columns: dict[str, dict[str, str]] = {f.physical: columns_of(f) for f in tenant.feeds}
        self.problems: list[Problem] = []
        self.tables = {table.physical: table for table in tenant.custom_tables}
        self.readings = self._readings()
        self._bind_all([(name, self.readings[name]) for name in self._order()])

    def _order(self) -> list[str]:
        """The tables in the order in which they read each other, without those in a circle."""
        reads = {name: reading.tables for name, reading in self.readings.items()}
        while True:
            try:
                return reading_order(reads)
            except CircleError as error:
                self.problems.append(_circle_problem(self.tenant, self.tables, error))
                # What is in the circle is told; all others can still be bound.
                reads = {name: read for name, read in reads.items() if name not in error.path}

    def _readings(self) -> dict[str, Reading]:
        readings: dict[str, Reading] = {}
        for name, table in self.tables.items():
            try:
                readings[name] = reading_of(self.tenant, table)
            except ConfigError as error:
                self.problems += error.problems
        return readings

    def _bind_all(self, readings: Iterable[tuple[str, Reading]]) -> None:
        with duckdb.connect(":memory:") as con:
            lock(con)
            for name, columns in self.columns.items():
                create_empty(con, name, columns)
            for name, reading in readings:
                # One that reads a table with a problem has none of its own to tell.
                if all(read in self.columns for read in reading.tables):
                    self._bind(con, self.tables[name], reading.statement)

    def _bind(
        self, con: duckdb.DuckDBPyConnection, table: CustomTable, statement: Statement
    ) -> None:
        file = file_of(self.tenant, table)
        try:
            described = bound_columns(con, statement.text)
        except StatementError as error:
            problem = Problem("error", file, error.message, error.line, table.name)
            self.problems.append(problem)
            return
        given = [(name, kind) for name, kind in described if name.lower() not in SYSTEM_COLUMNS]
        misfits = [*repeated(name for name, _ in given), *not_stored(dict(given))]
        if misfits:
            self.problems += [Problem("error", file, text, key=table.name) for text in misfits]
            return
        self.columns[table.physical] = dict(given) | SYSTEM_COLUMNS
        create_empty(con, table.physical, self.columns[table.physical])
        present = {name.lower() for name, _ in given}
        self._require(table, "primary_key", table.config.primary_key, present)
        self._require(table, "fields", table.config.fields, present)

    def _require(
        self, table: CustomTable, key: str, names: Iterable[str], present: set[str]
    ) -> None:
        declaration = file_of(self.tenant, table, ".yaml")
        remedy = f"add it to the SELECT or take it out of {key}"
        for name in names:
            if name.lower() not in present:
                message = f"the SQL of {table.name} gives no column {name}"
                self.problems.append(Problem("error", declaration, message, key=key, remedy=remedy))


def file_of(tenant: Tenant, table: CustomTable, suffix: str = ".sql") -> str:
    path: Path = table.sql.path.with_suffix(suffix)
    try:
        return path.relative_to(tenant.root).as_posix()
    except ValueError:
        return path.as_posix()

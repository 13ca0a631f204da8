"""Reading the published database and printing what it answers.

Opens it read-only, whatever its format. How it is written belongs to `warehouse.published_file` and
`warehouse.published_lake`, what stands where to `warehouse.publications`; the SQL that builds a
table comes from `customer_360` and the tenant's own files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
from rich.console import Console

from c360_assets.configuration import load_tenant
from c360_assets.errors import C360Error, ConfigError, Problem
from c360_assets.reporting.rows import print_rows
from c360_assets.reporting.terminal import Output, emit
from c360_assets.semantics.closest import closest, instead_of
from c360_assets.tenant.customer_360 import GROUP
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.allowed_sql import CATALOGUE_TABLES, QUESTIONS, allowed_statement
from c360_assets.warehouse.delta import file_source
from c360_assets.warehouse.engine import lock, make_safe
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.locked_session import own_engine
from c360_assets.warehouse.place import has_warehouse
from c360_assets.warehouse.publications import Publication, place_of
from c360_assets.warehouse.read_only_names import read_only_path
from c360_assets.warehouse.remote_failures import quoted_failure
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets.warehouse.spreadsheets import marked
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.warehouse.statement import Statement
from c360_assets.warehouse.storage_errors import unwritten
from c360_assets.warehouse.suppression import privacy_folder
from c360_assets.warehouse.unopened import unopened
from c360_assets.wording import counted

if TYPE_CHECKING:
    from c360_assets.customer_360.tables.databases import Database

# A question needs nothing of what builds a database, which takes longer to import than to answer:
# the functions that do need it import it.
SHOWN_ROWS = 100
# Where the tables of sources are, in the warehouse and in what is published.
SOURCES = "domain"
# What a question is called where an error names a file.
QUESTION = "query"
SOURCE_SCHEMA = """
    SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? AND schema_name = 'domain'
"""
OWN_FUNCTIONS = """
    SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE NOT internal
"""
# How the rows of a question are printed.
ResultFormat = Literal["table", "csv", "excel", "json"]
# Each table by the three names that it goes by.
PUBLISHED_TABLES = """
    SELECT table_name, concat_ws('.', table_schema, table_name),
      concat_ws('.', table_catalog, table_schema, table_name)
    FROM information_schema.tables
    WHERE table_catalog = current_database()
"""


def database_named(tenant: Tenant, name: str) -> Database:
    """The database of that name; the primary one by its own name too. Raises C360Error when there
    is none."""
    from c360_assets.customer_360.tables.databases import databases

    by_name = {database.name: database for database in databases(tenant)}
    return by_name[published_name(tenant, name)]


def published_name(tenant: Tenant, name: str) -> str:
    """Under which name a database of tenant.yaml is published. Raises C360Error when there is none.

    The primary one is published as `customer_360` whatever tenant.yaml calls it.
    """
    configured = tenant.config.databases
    primary = next((key for key, config in configured.items() if config.primary), GROUP)
    names = [GROUP, *(key for key in configured if key != primary)]
    published = GROUP if name == primary else name
    if published not in names:
        raise C360Error(f"no database {name}; {instead_of(name, names)}")
    return published


@contextmanager
def open_published(
    root: Path,
    database: str = GROUP,
    number: int | None = None,
    *,
    or_warehouse: bool = False,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A published database of the tenant at `root`, or a kept file of it, read-only, in the
    tenant's time zone.

    With `or_warehouse`, before anything was published, the tables of the warehouse. Raises
    C360Error when there is no such database, nothing has been published, and for a query that
    fails.
    """
    tenant = load_tenant(root)
    name = published_name(tenant, database)
    publication = _publication(tenant, name, number)
    from_warehouse = or_warehouse and publication is None and has_warehouse(root)
    if publication is None and not from_warehouse:
        place = place_of(tenant, name).shown
        raise C360Error(f"nothing is published yet: {place} does not exist; run `c360 run` first")
    with own_engine(root) as con:
        if publication is None:
            attach_warehouse(con, tenant)
        else:
            attach_published(con, publication, name, tenant.config.timezone)
        try:
            yield con
        except duckdb.Error as error:
            if publication is not None and quoted_failure(str(error)):
                raise unopened(publication.name, error) from None
            raise C360Error(str(error).strip()) from None


def _publication(tenant: Tenant, name: str, number: int | None) -> Publication | None:
    """What is published of a database, None where nothing is; with a number, the kept one."""
    place = place_of(tenant, name)
    if number is None:
        return place.published()
    keep_forgotten(tenant, "a look at a kept database")
    for publication in place.kept():
        if publication.number == number:
            return publication
    raise C360Error(f"no database number {number} is kept; `c360 database history` lists them")


def keep_forgotten(tenant: Tenant, what: str) -> None:
    """Nobody who was forgotten is in a kept file that is read next."""
    if privacy_folder(tenant.root).is_dir():
        with tenant_lock(tenant.root, what):
            _enforce(tenant)


def _enforce(tenant: Tenant) -> None:
    from c360_assets.privacy.enforce import enforce

    enforce(tenant)


def attach_published(
    con: duckdb.DuckDBPyConnection, publication: Publication, called: str, timezone: str
) -> None:
    """Open a publication as the database `called` in an engine that can write nothing and open no
    other file; its tables need no prefix.

    Raises C360Error when it cannot be opened.
    """
    name = quote_ident(called)
    try:
        paths = publication.attach_locked(con, called)
    except duckdb.Error as error:
        raise unopened(publication.name, error) from None
    con.execute(f"SET TimeZone = {quote_literal(timezone)}")
    make_safe(con)
    # So that the SQL which builds a table runs here as printed; a database of chosen tables may
    # have no source table.
    search_path = f"{name}.main"
    for (schema,) in con.execute(SOURCE_SCHEMA, [called]).fetchall():
        search_path += f",{name}.{schema}"
    con.execute(f"SET search_path = {quote_literal(search_path)}")
    lock(con, paths)


def attach_warehouse(con: duckdb.DuckDBPyConnection, tenant: Tenant) -> None:
    """Views of the warehouse's tables under the names that they have once they are published, and
    the functions that are published with them, in an engine that can write nothing and open no
    other file."""
    from c360_assets.customer_360.rendering.render import macro_statements

    warehouse = Warehouse.open(tenant.root / "warehouse")
    allowed: set[str] = set()
    con.execute(f"SET TimeZone = {quote_literal(tenant.config.timezone)}")
    for statement in macro_statements(home=tenant.home):
        con.execute(statement)
    for table, state in sorted(warehouse.manifest.tables.items()):
        schema, _, name = table.rpartition("/")
        schema_sql = quote_ident(schema or "main")
        paths = [read_only_path(file) for file in warehouse.files(table, state)]
        allowed.update(paths)
        source = file_source(state.columns, paths)
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema_sql}")
        con.execute(f"CREATE VIEW {schema_sql}.{quote_ident(name)} AS SELECT * FROM {source}")
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {SOURCES}")
    con.execute(f"SET search_path = {quote_literal(f'main,{SOURCES}')}")
    lock(con, sorted(allowed))


def published_date(tenant: Tenant, database: str) -> date | None:
    """The date that the periods of a published database end at, by what is published: after a
    rollback it is not the last build's.

    None where nothing is published. Raises C360Error when it cannot be opened.
    """
    from c360_assets.customer_360.rendering.render import RUN_CONTEXT

    publication = place_of(tenant, database).published()
    if publication is None:
        return None
    try:
        with publication.opened() as con:
            ((as_of,),) = con.execute(f"SELECT as_of FROM {RUN_CONTEXT}").fetchall()
    except duckdb.Error as error:
        raise unopened(publication.name, error) from None
    assert isinstance(as_of, date)
    return as_of


def print_result(
    con: duckdb.DuckDBPyConnection,
    query: str,
    console: Console,
    result_format: ResultFormat,
) -> None:
    """Run `query` and print its rows: as a table (at most `SHOWN_ROWS`), or all of them as CSV, as
    CSV that a spreadsheet may open, or as JSON.

    Raises ConfigError, with the line, for what a question may not say.
    """
    result = con.execute(question(con, query).text)
    names = [column[0] for column in result.description or ()]
    if result_format == "table":
        rows = result.fetchmany(SHOWN_ROWS + 1)
        shown = print_rows(names, rows[:SHOWN_ROWS], console)
        if not rows:
            console.print("no rows", style="dim")
        if len(rows) > shown:
            console.print(f"… more than {counted(shown, 'row')}; --csv prints all", style="dim")
        return
    rows = result.fetchall()
    if result_format == "json":
        records = [dict(zip(names, row, strict=True)) for row in rows]
        emit(json.dumps(records, indent=1, default=str))
        return
    writer = csv.writer(Output(), lineterminator="\n")
    if result_format == "excel":
        names = [marked(name) for name in names]
        rows = [tuple(_marked_cell(value) for value in row) for row in rows]
    writer.writerow(names)
    writer.writerows(rows)


def _marked_cell(value: Any) -> Any:
    """A value as a spreadsheet may hold it; whatever is written as text is marked as text."""
    if value is None or isinstance(value, (int, float, Decimal)):
        return value
    return marked(str(value))


def question(con: duckdb.DuckDBPyConnection, query: str) -> Statement:
    """The one statement in `query` over tables of the database that `con` has open.

    Raises ConfigError where it is none or several, says what a question may not, or names an
    unknown table.
    """
    own_functions = {name for (name,) in con.execute(OWN_FUNCTIONS).fetchall()}
    statement = allowed_statement(query, QUESTION, QUESTIONS, own_functions)
    tables = con.execute(PUBLISHED_TABLES).fetchall()
    table_names = {names[0] for names in tables}
    known = {name.lower() for names in tables for name in names} | CATALOGUE_TABLES
    problems = []
    for reference in statement.tables:
        name = f"{reference.schema}.{reference.name}" if reference.schema else reference.name
        if name.lower() not in known:
            near = closest(reference.name, table_names)
            remedy = f"did you mean {near}?" if near else "SHOW TABLES lists what there is"
            message = f"there is no table {name}"
            problems.append(Problem("error", QUESTION, message, reference.line, remedy=remedy))
    if problems:
        raise ConfigError(problems)
    return statement


def table_sql(root: Path, name: str, database: str = GROUP, *, spark: bool = False) -> str:
    """The SQL that builds a table of a database, or a custom domain table as the tenant wrote it;
    `spark`: as Spark runs it.

    Below the tenant's own SQL of a shipped table stands the shipped one, as a comment. Names are
    compared without case. Raises C360Error when no SQL builds such a table.
    """
    tenant = load_tenant(root)
    sql_of = {node.name: node.sql for node in database_named(tenant, database).nodes}
    sql_of |= {custom.name: custom.sql.text for custom in tenant.custom_tables}
    for table, sql in sql_of.items():
        if table.lower() == name.lower():
            if spark:
                return _spark_sql(sql, tenant)
            return sql.strip() + _shipped_below(tenant, table, database)
    raise C360Error(f"no SQL builds a table named {name}; {instead_of(name, sorted(sql_of))}")


def _spark_sql(sql: str, tenant: Tenant) -> str:
    from c360_assets.customer_360.tables.spark import spark_sql

    return spark_sql(sql, tenant.home)


def _shipped_below(tenant: Tenant, table: str, database: str) -> str:
    """The shipped SQL of a table that the tenant's own replaces, as a comment, else ""."""
    if table.lower() not in {name.lower() for name in tenant.database_sql}:
        return ""
    shipped = database_named(replace(tenant, database_sql={}, database_yaml={}), database)
    sql = next((node.sql for node in shipped.nodes if node.name.lower() == table.lower()), None)
    if sql is None:
        return ""
    lines = [f"-- {line}".rstrip() for line in sql.strip().splitlines()]
    return "\n\n-- Shipped, and replaced by the SQL above:\n" + "\n".join(lines)


@dataclass(frozen=True)
class RolledBack:
    """Where a kept database is published again, its number, and that of the one it replaced: None
    where nothing was published."""

    place: str
    number: int
    replaced: int | None


def roll_back(root: Path, number: int | None, database: str = GROUP) -> RolledBack:
    """Publish a kept one of a database again: of that number, or the one before what is published.
    What it replaces is kept.

    The warehouse stays as it is but forgets that it was published, so that the next run publishes
    it.
    """
    from c360_assets.customer_360.publication.publish import published_key

    tenant = load_tenant(root)
    chosen_name = published_name(tenant, database)
    place = place_of(tenant, chosen_name)
    with (
        tenant_lock(root, "a rollback"),
        open_session(root / "warehouse", tenant.config.timezone) as session,
    ):
        _enforce(tenant)
        try:
            chosen = place.earlier_one(number)
        except LookupError as error:
            raise C360Error(f"{error}; `c360 database history` lists what there is") from None
        assert chosen.number is not None
        if not chosen.is_whole:
            raise C360Error(
                f"{chosen.name} is damaged and cannot be published; "
                "`c360 database history` lists the others"
            )
        # Before it changes: after a crash in between, the next run publishes once too often
        # rather than not at all.
        session.forget(published_key(chosen_name))
        try:
            published_number, replaced_number = place.restore(chosen.number)
        except OSError as error:
            # A half-written copy takes room; that it cannot be removed is not the user's concern.
            with suppress(OSError):
                place.sweep()
            raise C360Error(unwritten(place.shown_name, error)) from None
        return RolledBack(place.shown, published_number, replaced_number)

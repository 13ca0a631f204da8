"""Reading the published database and printing what it answers.

Opens the file read-only, as any client would. How it is written belongs to `warehouse.activated`; the SQL that builds a table
comes from `customer_360` and the tenant's own files.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb
from rich.console import Console

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.publication.publish import published_key
from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.databases import GROUP, Database, databases
from c360_assets.customer_360.tables.spark import spark_sql
from c360_assets.errors import C360Error
from c360_assets.reporting.rows import print_rows
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.engine import make_safe
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.published_file import (
    database_path,
    earlier_one,
    kept,
    number_of,
    opens,
    restore,
    sweep,
)
from c360_assets.warehouse.session import open_session
from c360_assets.warehouse.sql import quote_literal

SHOWN_ROWS = 100


def database_named(tenant: Tenant, name: str) -> Database:
    """The database of that name; the primary one by its own name too. Raises C360Error when there is none."""
    owned = databases(tenant)
    primary = next(
        (called for called, item in tenant.config.databases.items() if item.primary), GROUP
    )
    found = next((d for d in owned if d.name == (GROUP if name == primary else name)), None)
    if found is None:
        raise C360Error(f"no database {name}; there are {', '.join(d.name for d in owned)}")
    return found


@contextmanager
def open_published(
    root: Path, database: str = GROUP, number: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A published database of the tenant at `root`, or a kept file of it, read-only, in the tenant's time zone.

    Raises C360Error when there is no such database, nothing has been published, and for a query that fails.
    """
    tenant = load_tenant(root)
    path = database_path(root, database_named(tenant, database).name)
    if number is not None:
        path = next(
            (file for file in kept(path) if number_of(file) == number), path.with_name("none")
        )
        if not path.exists():
            raise C360Error(
                f"no database number {number} is kept; `c360 database history` lists them"
            )
    if not path.exists():
        raise C360Error(f"nothing is published yet: {path} does not exist; run `c360 run` first")
    try:
        con = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise unreadable(path, error) from None
    try:
        con.execute(f"SET TimeZone = {quote_literal(tenant.config.timezone)}")
        make_safe(con)
        schemas = con.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE schema_name = 'domain'"
        ).fetchall()
        # So that the SQL which builds a table runs here as printed; a database of chosen tables may have no source table.
        con.execute(
            f"SET search_path = {quote_literal(','.join(['main', *(name for (name,) in schemas)]))}"
        )
        yield con
    except duckdb.Error as error:
        raise C360Error(str(error).strip()) from None
    finally:
        con.close()


def published_date(path: Path) -> date | None:
    """The date that the periods of a published file end at, by the file itself: after a rollback it is not the last build's.

    None where nothing is published. Raises C360Error when the file cannot be opened.
    """
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            found: list[tuple[date]] = con.execute(f"SELECT as_of FROM {RUN_CONTEXT}").fetchall()
    except duckdb.Error as error:
        raise unreadable(path, error) from None
    return found[0][0]


def unreadable(path: Path, error: duckdb.Error) -> C360Error:
    """What to tell about a published or kept file that cannot be opened."""
    told = f"{path.name} cannot be opened ({type(error).__name__}): {str(error).splitlines()[0]}"
    return C360Error(
        f"{told}; `c360 run` publishes a damaged one again, `c360 rollback` a kept one"
    )


def print_result(
    con: duckdb.DuckDBPyConnection,
    query: str,
    console: Console,
    form: Literal["table", "csv", "json"],
) -> None:
    """Run `query` and print its rows: as a table (at most `SHOWN_ROWS`), or all of them as CSV or JSON."""
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    if form == "table":
        rows = result.fetchmany(SHOWN_ROWS + 1)
        shown = print_rows(names, rows[:SHOWN_ROWS], console)
        if len(rows) > shown:
            console.print(f"… more than {shown} rows; --csv prints all", style="dim")
        return
    rows = result.fetchall()
    if form == "json":
        print(
            json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1, default=str)
        )
        return
    writer = csv.writer(sys.stdout)
    writer.writerow(names)
    writer.writerows(rows)


def table_sql(root: Path, name: str, database: str = GROUP, *, spark: bool = False) -> str:
    """The SQL that builds a table of a database, or a custom domain table as the tenant wrote it; `spark`: as Spark runs it.

    Names are compared without case. Raises C360Error when no SQL builds such a table.
    """
    tenant = load_tenant(root)
    built = {node.name: node.sql for node in database_named(tenant, database).nodes}
    found = built | {c.name: c.sql.text for c in tenant.custom_tables}
    text = next((sql for table, sql in found.items() if table.lower() == name.lower()), None)
    if text is None:
        raise C360Error(
            f"no SQL builds a table named {name}; there is SQL for {', '.join(sorted(found))}"
        )
    return spark_sql(text) if spark else text.strip()


@dataclass(frozen=True)
class RolledBack:
    """Where a kept file is published again, its number, and that of the one it replaced: None where nothing was published."""

    path: Path
    number: int
    replaced: int | None


def roll_back(root: Path, number: int | None, database: str = GROUP) -> RolledBack:
    """Publish a kept file of a database again: of that number, or the one before what is published. What it replaces is kept.

    The warehouse stays as it is but forgets that it was published, so that the next run publishes it.
    """
    tenant = load_tenant(root)
    chosen = database_named(tenant, database)
    path = database_path(root, chosen.name)
    with (
        tenant_lock(root, "a rollback"),
        open_session(root / "warehouse", tenant.config.timezone) as session,
    ):
        try:
            file = earlier_one(path, number)
        except LookupError as error:
            raise C360Error(f"{error}; `c360 database history` lists what there is") from None
        if not opens(session, file):
            raise C360Error(
                f"{file.name} is damaged and cannot be published; `c360 database history` lists the others"
            )
        session.forget(published_key(chosen.name))
        try:
            return RolledBack(path, *restore(path, number_of(file)))
        except OSError as error:
            with suppress(OSError):
                sweep(path)
            told = error.strerror or type(error).__name__
            raise C360Error(
                f"{path.name} could not be written: {told}; what was published before stays"
            ) from None

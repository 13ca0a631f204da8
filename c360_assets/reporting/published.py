"""Reading the published database and printing what it answers.

Opens the file read-only, as any client would. How it is written belongs to `warehouse.activated`; the SQL that builds a table
comes from `customer_360` and the tenant's own files.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import duckdb
from rich.console import Console
from rich.table import Table

from c360_assets.customer_360.graph import plan
from c360_assets.customer_360.publish import META
from c360_assets.errors import C360Error
from c360_assets.tenant.loader import load_tenant
from c360_assets.warehouse.activated import database_path, restore
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.session import make_safe, open_session
from c360_assets.warehouse.sql import quote_literal

SHOWN_ROWS = 100


@contextmanager
def open_published(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published database of the tenant at `root`, read-only, in the tenant's time zone.

    Raises C360Error when nothing has been published, and for a query that fails.
    """
    path = database_path(root)
    if not path.exists():
        raise C360Error(f"nothing is published yet: {path} does not exist; run `c360 run` first")
    con = duckdb.connect(str(path), read_only=True)
    try:
        con.execute(f"SET TimeZone = {quote_literal(load_tenant(root).config.timezone)}")
        make_safe(con)
        con.execute("SET search_path = 'main,domain'")  # so that the SQL which builds a table runs here as printed
        yield con
    except duckdb.Error as error:
        raise C360Error(str(error).strip()) from None
    finally:
        con.close()


def print_result(con: duckdb.DuckDBPyConnection, query: str, console: Console, form: Literal["table", "csv", "json"]) -> None:
    """Run `query` and print its rows: as a table (at most `SHOWN_ROWS`), or all of them as CSV or JSON."""
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    if form == "table":
        rows = result.fetchmany(SHOWN_ROWS + 1)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in names:
            table.add_column(name, overflow="fold")
        for row in rows[:SHOWN_ROWS]:
            table.add_row(*("" if value is None else str(value) for value in row))
        console.print(table)
        if len(rows) > SHOWN_ROWS:
            console.print(f"… more than {SHOWN_ROWS} rows; --csv prints all", style="dim")
        return
    rows = result.fetchall()
    if form == "json":
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1, default=str))
        return
    writer = csv.writer(sys.stdout)
    writer.writerow(names)
    writer.writerows(rows)


def table_sql(root: Path, name: str) -> str:
    """The SQL that builds a table: a customer 360 table's, or a custom domain table's as the tenant wrote it."""
    tenant = load_tenant(root)
    found = {node.name: node.sql for node in plan(tenant)} | {c.name: c.sql.text for c in tenant.custom_tables}
    if name not in found:
        raise C360Error(f"no SQL builds a table named {name}; there is SQL for {', '.join(sorted(found))}")
    return found[name].strip()


def roll_back(root: Path, number: int | None) -> Path:
    """Publish a kept database again and return the path under which it is published.

    The warehouse stays as it is but forgets that it was published, so that the next run publishes it.
    """
    path, timezone = database_path(root), load_tenant(root).config.timezone
    with tenant_lock(root, "a rollback"), open_session(root / "warehouse", timezone) as session:
        published = session.warehouse.manifest.meta.get(META)
        if published:
            session.commit(**{META: {}})
        try:
            restore(path, number)
        except LookupError as error:
            if published:
                session.commit(**{META: published})
            raise C360Error(str(error)) from None
    return path

"""The files of a database: what is published, and the earlier ones that are kept, each with what it holds.

How many are kept and for how long belongs to `warehouse.activated`; what differs between two of them to `diff`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.tables.databases import GROUP
from c360_assets.reporting.published import database_named
from c360_assets.warehouse.published_file import database_path, kept, number_of, published_number


@dataclass(frozen=True)
class Version:
    """One file: its number, when it was written, the date its periods end at, persons, size.

    What is `published` has no number until it is replaced, unless it was kept before and published again. Of one that is
    `damaged`, nothing that stands in it is known.
    """

    number: int | None
    written_at: datetime
    as_of: date | None
    customers: int | None
    bytes: int
    damaged: bool = False
    published: bool = False

    def as_json(self) -> dict[str, Any]:
        return vars(self)


def versions(root: Path, database: str = GROUP) -> list[Version]:
    """The published file, then the other kept ones, newest first. Raises C360Error when there is no such database."""
    path = database_path(root, database_named(load_tenant(root), database).name)
    number = published_number(path)
    published = [replace(_version(number, path), published=True)] if path.exists() else []
    return published + [
        _version(n, file) for file in kept(path) if (n := number_of(file)) != number
    ]


def _version(number: int | None, file: Path) -> Version:
    seen = file.stat()
    written = datetime.fromtimestamp(seen.st_mtime, UTC)
    try:
        con = duckdb.connect(str(file), read_only=True)
    except duckdb.Error:
        return Version(number, written, None, None, seen.st_size, damaged=True)
    with con:
        ((as_of,),) = con.execute("SELECT as_of FROM run_context").fetchall()
        tables = {
            name
            for (name,) in con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"
            ).fetchall()
        }
        rows = (
            con.execute("SELECT count(*) FROM customer_360").fetchall()
            if "customer_360" in tables
            else []
        )
    return Version(number, written, as_of, rows[0][0] if rows else None, seen.st_size)


def render_versions(found: list[Version], console: Console) -> None:
    """Print one line for each file; the number is what `rollback`, `diff` and `sql --kept` take."""
    if not found:
        console.print("nothing is published yet; `c360 run` publishes")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "written", "as of", "people", "size"):
        table.add_column(column, justify="right" if column in ("people", "size") else "left")
    for item in found:
        name = ", ".join(
            ["published"] * item.published + [str(item.number)] * (item.number is not None)
        )
        people = "" if item.customers is None else f"{item.customers:,}"
        as_of = "cannot be opened" if item.damaged else str(item.as_of)
        table.add_row(
            name,
            f"{item.written_at.astimezone():%Y-%m-%d %H:%M}",
            as_of,
            people,
            f"{item.bytes / 1e6:,.1f} MB",
        )
    console.print(table)

"""What is published of a database, and the earlier ones that are kept.

How many are kept and for how long belongs to `warehouse.published_file`; what differs between two
of them to `diff`.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
from rich.console import Console

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.tables.databases import GROUP
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.reporting.published import database_named
from c360_assets.tenant.local_time import zone
from c360_assets.warehouse.publications import OPENED, Publication, place_of
from c360_assets.warehouse.unopened import is_held


@dataclass(frozen=True)
class Version:
    """One publication: its number, when it was written (by the tenant's clock), the date its
    periods end at, persons, size.

    What is `published` has no number until it is replaced, unless it was kept before and published
    again. Of one that is `damaged`, or `held` open for writing by another program, nothing that
    stands in it is known.
    """

    number: int | None
    written_at: datetime
    as_of: date | None
    customers: int | None
    bytes: int
    damaged: bool = False
    published: bool = False
    held: bool = False


def versions(root: Path, database: str = GROUP) -> list[Version]:
    """What is published, then the other kept ones, newest first.

    Raises C360Error when there is no such database.
    """
    tenant = load_tenant(root)
    clock = zone(tenant)
    place = place_of(tenant, database_named(tenant, database).name)
    published = place.published()
    shown = []
    if published is not None:
        shown.append(replace(_version(published, clock), published=True))
    shown += [
        _version(publication, clock)
        for publication in place.kept()
        # A kept one that is published again is there twice.
        if published is None or publication.number != published.number
    ]
    return shown


def _version(publication: Publication, clock: ZoneInfo) -> Version:
    number, size = publication.number, publication.bytes
    written_at = publication.written_at.astimezone(clock)
    with ExitStack() as stack:
        try:
            con = stack.enter_context(publication.opened())
        except duckdb.Error as error:
            held = is_held(error)
            return Version(number, written_at, None, None, size, damaged=not held, held=held)
        ((as_of,),) = con.execute("SELECT as_of FROM run_context").fetchall()
        return Version(number, written_at, as_of, _customers(publication, con), size)


def _customers(publication: Publication, con: duckdb.DuckDBPyConnection) -> int | None:
    """How many persons the database has; None where it does not publish customer_360."""
    if not publication.has_table(con, OPENED, "main", "customer_360"):
        return None
    ((customers,),) = con.execute("SELECT count(*) FROM customer_360").fetchall()
    return int(customers)


def render_versions(shown: list[Version], console: Console) -> None:
    """Print one line for each file; the number is what `rollback`, `diff` and `sql --kept` take."""
    if not shown:
        console.print("nothing is published yet; `c360 run` publishes")
        return
    table = plain_table(heading="bold")
    for column in ("", "written", "as of", "people", "size"):
        table.add_column(column, justify="right" if column in ("people", "size") else "left")
    for version in shown:
        table.add_row(
            _name(version),
            f"{version.written_at:%Y-%m-%d %H:%M}",
            _date_text(version),
            "" if version.customers is None else f"{version.customers:,}",
            f"{version.bytes / 1e6:,.1f} MB",
        )
    console.print(table)


def _date_text(version: Version) -> str:
    if version.held:
        return "open in another program"
    return "cannot be opened" if version.damaged else str(version.as_of)


def _name(version: Version) -> str:
    names = ["published"] if version.published else []
    if version.number is not None:
        names.append(str(version.number))
    return ", ".join(names)

"""What differs between two databases: rows and people added, dropped and changed, column by column.

Either is a published file, a kept one, or the database that a build would publish now, computed in memory. Building belongs
to `customer_360`; keeping files to `warehouse.activated`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.publication.entries import MADE, entries
from c360_assets.customer_360.tables.build import build
from c360_assets.customer_360.tables.databases import GROUP, Database
from c360_assets.customer_360.tables.dry_run import open_scratch
from c360_assets.errors import C360Error
from c360_assets.reporting.published import database_named, published_date, unreadable
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.published_file import database_path, kept
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

PUBLISHED, BUILD = "published", "build"
PEOPLE = "customer_360"


@dataclass(frozen=True)
class TableDiff:
    """One table: rows only in the second, only in the first, in both but unlike, and in how many rows each column is unlike.

    Rows are matched by the table's documented key; without a key that is unique, an unlike row counts as dropped and added.
    """

    table: str
    added: int
    dropped: int
    changed: int
    columns: dict[str, int] = field(default_factory=dict)
    new_columns: list[str] = field(default_factory=list)
    gone_columns: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (
            self.added or self.dropped or self.changed or self.new_columns or self.gone_columns
        )


@dataclass(frozen=True)
class Side:
    """Tables of one of the two databases: `schema.table` -> a FROM item and its columns with types."""

    name: str
    tables: Mapping[str, tuple[str, dict[str, str]]]


def database_diff(
    root: Path,
    first: str = PUBLISHED,
    second: str = BUILD,
    *,
    as_of: date | None = None,
    database: str = GROUP,
) -> list[TableDiff]:
    """The tables that differ between two states of a database: `published`, `build`, or the number of a kept file.

    `as_of` is the date of the build, that of the published file unless given. Raises C360Error for a state that is not there.
    """
    tenant = load_tenant(root)
    chosen = database_named(tenant, database)
    if BUILD in (first, second) and as_of is None:
        as_of = published_date(database_path(root, chosen.name))
        if as_of is None:
            raise C360Error(
                "nothing is published yet, so there is nothing to compare with; `c360 run` publishes"
            )
    with open_scratch(root, tenant.config.timezone) as session:
        sides = [
            _side(session, tenant, chosen, name, f"_c360_{place}", as_of)
            for place, name in (("a", first), ("b", second))
        ]
        names = sorted(set(sides[0].tables) | set(sides[1].tables))
        found = [
            _table(session, name, sides[0].tables.get(name), sides[1].tables.get(name))
            for name in names
        ]
    return [diff for diff in found if not diff.is_empty]


def _side(
    session: Session, tenant: Tenant, database: Database, name: str, alias: str, as_of: date | None
) -> Side:
    if name == BUILD:
        assert as_of is not None
        return Side(name, _built(session, database, as_of))
    path = database_path(tenant.root, database.name)
    if name != PUBLISHED:
        path = next(
            (p for p in kept(path) if p.name.split(".")[-2] == name), path.with_name("none")
        )
    if not path.exists():
        numbers = ", ".join(
            p.name.split(".")[-2] for p in kept(database_path(tenant.root, database.name))
        )
        raise C360Error(
            f"there is no database {name}; published are: {PUBLISHED}, kept: {numbers or 'none'}"
        )
    try:
        session.execute(f"ATTACH {quote_literal(str(path))} AS {alias} (READ_ONLY)")
    except duckdb.Error as error:
        raise unreadable(path, error) from None
    columns: dict[str, dict[str, str]] = {}
    listed = session.rows(
        "SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns() "
        f"WHERE database_name = {quote_literal(alias)} AND schema_name <> 'reports' ORDER BY 1, column_index"
    )
    for table, column, type_ in listed:
        columns.setdefault(table, {})[column] = type_
    return Side(
        name,
        {
            t: (f"{alias}.{_quoted(t)}", types)
            for t, types in columns.items()
            if t.split(".")[1] not in MADE
        },
    )


def _built(
    session: Session, database: Database, as_of: date
) -> dict[str, tuple[str, dict[str, str]]]:
    """The database as a build would publish it, by views of the session."""
    build(session, database.nodes, as_of=as_of)
    database.prepare(session)
    found = {}
    for number, entry in enumerate(entries(session, database)):
        if entry.schema == "reports" or entry.name in MADE:
            continue
        view = f"_c360_new_{number}"
        if entry.stored is not None:
            database.bind(session, entry.stored, view)
        else:
            nothing = ", ".join(
                f"CAST(NULL AS {t}) AS {quote_ident(c)}" for c, t in entry.columns.items()
            )
            session.execute(f"CREATE TEMP VIEW {view} AS SELECT {nothing} WHERE FALSE")
        found[f"{entry.schema}.{entry.name}"] = (
            view,
            {c: t for c, t, *_ in session.rows(f"DESCRIBE {view}")},
        )
    return found


def _quoted(table: str) -> str:
    return ".".join(quote_ident(part) for part in table.split("."))


def _table(
    session: Session,
    name: str,
    first: tuple[str, dict[str, str]] | None,
    second: tuple[str, dict[str, str]] | None,
) -> TableDiff:
    shown = name.removeprefix("main.")
    if first is None or second is None:
        source, columns = first or second or ("", {})
        ((rows,),) = session.rows(f"SELECT count(*) FROM {source}")
        gone = second is None
        return TableDiff(
            shown,
            0 if gone else rows,
            rows if gone else 0,
            0,
            {},
            [] if gone else [*columns],
            [*columns] if gone else [],
        )
    both = [c for c in first[1] if c in second[1]]
    new, gone_columns = (
        [c for c in second[1] if c not in first[1]],
        [c for c in first[1] if c not in second[1]],
    )
    key = _key(session, shown, first, second, both)
    compared = [c for c in both if c not in key]
    # A column whose type changed is compared by its text.
    alike = {c: first[1][c] == second[1][c] for c in both}
    a, b = (
        f"(SELECT TRUE AS _here, {', '.join(_text(c, alike[c]) for c in both)} FROM {side[0]})"
        for side in (first, second)
    )
    if not key:
        counts = [session.rows(f"SELECT count(*) FROM (SELECT * FROM {x} EXCEPT ALL SELECT * FROM {y})")[0][0]
                  for x, y in ((b, a), (a, b))]  # fmt: skip
        return TableDiff(shown, counts[0], counts[1], 0, {}, new, gone_columns)
    unlike = [f"a.{quote_ident(c)} IS DISTINCT FROM b.{quote_ident(c)}" for c in compared]
    matched = "a._here AND b._here"
    on = " AND ".join(f"a.{quote_ident(c)} IS NOT DISTINCT FROM b.{quote_ident(c)}" for c in key)
    each = "".join(f", count(*) FILTER ({matched} AND {test})" for test in unlike)
    ((added, dropped, changed, *by_column),) = session.rows(
        f"SELECT count(*) FILTER (a._here IS NULL), count(*) FILTER (b._here IS NULL), "
        f"count(*) FILTER ({matched} AND ({' OR '.join(unlike) or 'FALSE'})){each} FROM {a} AS a FULL JOIN {b} AS b ON {on}"
    )
    unlike_rows = {c: n for c, n in zip(compared, by_column, strict=True) if n}
    return TableDiff(shown, added, dropped, changed, unlike_rows, new, gone_columns)


def _text(column: str, plain: bool) -> str:
    name = quote_ident(column)
    return name if plain else f"CAST({name} AS VARCHAR) AS {name}"


def _key(
    session: Session,
    table: str,
    first: tuple[str, dict[str, str]],
    second: tuple[str, dict[str, str]],
    both: Sequence[str],
) -> list[str]:
    """The table's key where it is unique in both databases, else nothing."""
    spec = all_tables().get(table)
    key = list(spec.key) if spec else [c for c in ("_pk", "amperity_id") if c in both][:1]
    if not key or not set(key) <= set(both):
        return []
    listed = ", ".join(quote_ident(c) for c in key)
    for source, _ in (first, second):
        ((rows, keys),) = session.rows(
            f"SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT {listed} FROM {source})) FROM {source}"
        )
        if rows != keys:
            return []
    return key


def render_diff(found: Sequence[TableDiff], first: str, second: str, console: Console) -> None:
    """Print the difference: people first, then a line per table and the columns that changed most."""
    if not found:
        console.print(f"{first} and {second} hold the same rows")
        return
    people = next((diff for diff in found if diff.table == PEOPLE), None)
    if people is not None:
        console.print(
            f"People: {people.added:,} added, {people.dropped:,} dropped, {people.changed:,} changed\n"
        )
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title=f"from {first} to {second}",
        title_justify="left",
    )
    table.add_column("table")
    for column in ("added", "dropped", "changed"):
        table.add_column(column, justify="right")
    table.add_column("columns", overflow="fold")
    for diff in found:
        told = [f"+{c}" for c in diff.new_columns] + [f"-{c}" for c in diff.gone_columns]
        told += [
            f"{c} {n:,}"
            for c, n in sorted(diff.columns.items(), key=lambda item: (-item[1], item[0]))
        ]
        table.add_row(
            diff.table, f"{diff.added:,}", f"{diff.dropped:,}", f"{diff.changed:,}", ", ".join(told)
        )
    console.print(table)

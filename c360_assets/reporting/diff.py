"""What differs between two databases: rows and people added, dropped and changed, column by
column.

Either is what is published, a kept one, or the database that a build would publish now, computed in
memory. Building belongs to `customer_360`, where what is published to `warehouse.publications`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.publication.entries import MADE, entries
from c360_assets.customer_360.publication.stitch_questions import QUESTIONS
from c360_assets.customer_360.tables.build import build
from c360_assets.customer_360.tables.databases import GROUP, Database
from c360_assets.customer_360.tables.dry_run import open_scratch
from c360_assets.errors import C360Error
from c360_assets.reporting.in_memory import build_date, make_inputs
from c360_assets.reporting.published import database_named, keep_forgotten
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.publications import Publication, place_of
from c360_assets.warehouse.recipe import RunContext, unheard
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.unopened import unopened

PUBLISHED = "published"
BUILD = "build"
CUSTOMERS = "customer_360"
# Reports, and views of questions, repeat what the tables say.
REPEATED = ("reports", *QUESTIONS)
COLUMNS = """
    SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()
    WHERE database_name = ? AND schema_name NOT IN (SELECT unnest(?))
    ORDER BY schema_name, table_name, column_index
"""


@dataclass(frozen=True)
class TableDiff:
    """One table: rows only in the second, only in the first, in both but unlike, and in how many
    rows each column is unlike.

    Rows are matched by the table's documented key; without a key that is unique, an unlike row
    counts as dropped and added.
    """

    table: str
    added: int = 0
    dropped: int = 0
    changed: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    new_columns: list[str] = field(default_factory=list)
    gone_columns: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        has_rows = self.added or self.dropped or self.changed
        return not (has_rows or self.new_columns or self.gone_columns)


@dataclass(frozen=True)
class SideTable:
    """A table of one side: what stands for it in FROM, and its columns with types."""

    source: str
    columns: dict[str, str]


Side = Mapping[str, SideTable]
"""One of the two databases: `schema.table` -> table."""


def database_diff(
    root: Path,
    first: str = PUBLISHED,
    second: str = BUILD,
    *,
    as_of: date | None = None,
    database: str = GROUP,
    progress: Callable[[str], None] = unheard,
    note: Callable[[str], None] = unheard,
) -> list[TableDiff]:
    """The tables that differ between two states of a database: `published`, `build`, or the number
    of a kept file.

    `as_of` is the date of the build, that of the published file unless given. What a build needs is
    computed in memory, Stitch too, and told to `progress`. Before anything was published, all that
    a build gives is new, which `note` hears. Raises C360Error for a state that is not there.
    """
    tenant = load_tenant(root)
    chosen = database_named(tenant, database)
    is_first_build = {first, second} == {PUBLISHED, BUILD} and not _is_published(tenant, chosen)
    if is_first_build:
        note("nothing is published yet: all that a build gives is new")
    keep_forgotten(tenant, "a comparison")
    with open_scratch(root, tenant.config.timezone) as session:

        def read(state: str, alias: str) -> Side:
            if state == BUILD:
                built_on = as_of or build_date(session, tenant, chosen.name)
                run = RunContext(built_on, progress=progress)
                return _build_side(session, tenant, chosen, run)
            if is_first_build:
                return {}
            return _published_side(session, _publication(tenant, chosen, state), alias)

        first_tables = read(first, "_c360_a")
        second_tables = read(second, "_c360_b")
        diffs = [
            _table_diff(session, name, first_tables.get(name), second_tables.get(name))
            for name in sorted({*first_tables, *second_tables})
        ]
    return [diff for diff in diffs if not diff.is_empty]


def _is_published(tenant: Tenant, database: Database) -> bool:
    return place_of(tenant, database.name).is_published()


def _publication(tenant: Tenant, database: Database, state: str) -> Publication:
    """What is published, or the kept one of that number. Raises C360Error where it is missing."""
    place = place_of(tenant, database.name)
    by_state = {str(publication.number): publication for publication in place.kept()}
    numbers = ", ".join(by_state) or "none"
    published = place.published()
    if published is not None:
        by_state[PUBLISHED] = published
    if state not in by_state:
        raise C360Error(
            f"there is no database {state}; published are: {PUBLISHED}, kept: {numbers}"
        )
    return by_state[state]


def _published_side(session: Session, publication: Publication, alias: str) -> Side:
    """The tables of what is published or kept, attached as `alias`."""
    try:
        publication.attach(session.con, alias)
    except duckdb.Error as error:
        raise unopened(publication.name, error) from None
    tables: dict[str, SideTable] = {}
    for schema, name, column, sql_type in session.rows(COLUMNS, [alias, list(REPEATED)]):
        if name not in MADE:
            source = f"{alias}.{quote_ident(schema)}.{quote_ident(name)}"
            table = tables.setdefault(f"{schema}.{name}", SideTable(source, {}))
            table.columns[column] = sql_type
    return tables


def _build_side(session: Session, tenant: Tenant, database: Database, run: RunContext) -> Side:
    """The database as a build would publish it, by views of the session."""
    read = [table for node in database.nodes for table in node.deps]
    make_inputs(session, tenant, read, run)
    build(session, database.nodes, as_of=run.as_of)
    database.prepare(session)
    tables: dict[str, SideTable] = {}
    for number, entry in enumerate(entries(session, database)):
        if entry.schema in REPEATED or entry.name in MADE:
            continue
        view = f"_c360_new_{number}"
        if entry.stored is not None:
            database.bind(session, entry.stored, view)
        else:
            # A documented table that this tenant has no data for is published with no rows.
            nulls = [
                f"CAST(NULL AS {sql_type}) AS {quote_ident(column)}"
                for column, sql_type in entry.columns.items()
            ]
            session.execute(f"CREATE TEMP VIEW {view} AS SELECT {', '.join(nulls)} WHERE FALSE")
        columns = {row[0]: row[1] for row in session.rows(f"DESCRIBE {view}")}
        tables[f"{entry.schema}.{entry.name}"] = SideTable(view, columns)
    return tables


def _table_diff(
    session: Session, full_name: str, first: SideTable | None, second: SideTable | None
) -> TableDiff:
    name = full_name.removeprefix("main.")
    if first is not None and second is not None:
        return _both_diff(session, name, first, second)
    if second is not None:
        rows = _count(session, second.source)
        return TableDiff(name, added=rows, new_columns=list(second.columns))
    assert first is not None
    rows = _count(session, first.source)
    return TableDiff(name, dropped=rows, gone_columns=list(first.columns))


def _both_diff(session: Session, name: str, first: SideTable, second: SideTable) -> TableDiff:
    common = [column for column in first.columns if column in second.columns]
    new_columns = [column for column in second.columns if column not in first.columns]
    gone_columns = [column for column in first.columns if column not in second.columns]
    columns_sql = _comparable_columns(first, second, common)
    first_sql = f"(SELECT {columns_sql} FROM {first.source})"
    second_sql = f"(SELECT {columns_sql} FROM {second.source})"
    key = _unique_key(session, name, first, second)
    if not key:
        all_first = f"SELECT * FROM {first_sql}"
        all_second = f"SELECT * FROM {second_sql}"
        added = _count(session, f"({all_second} EXCEPT ALL {all_first})")
        dropped = _count(session, f"({all_first} EXCEPT ALL {all_second})")
        return TableDiff(name, added, dropped, new_columns=new_columns, gone_columns=gone_columns)
    compared = [column for column in common if column not in key]
    counts = _matched_counts(session, first_sql, second_sql, key, compared)
    return TableDiff(
        name,
        counts.added,
        counts.dropped,
        counts.changed,
        counts.unlike,
        new_columns,
        gone_columns,
    )


def _comparable_columns(first: SideTable, second: SideTable, common: Sequence[str]) -> str:
    """What is selected of either side, so that their rows can be compared."""
    # Of a row that a full join finds on one side only, _here is NULL on the other.
    columns_sql = ["TRUE AS _here"]
    for column in common:
        name = quote_ident(column)
        if first.columns[column] == second.columns[column]:
            columns_sql.append(name)
        else:
            # A column whose type changed is compared by its text.
            columns_sql.append(f"CAST({name} AS VARCHAR) AS {name}")
    return ", ".join(columns_sql)


@dataclass(frozen=True)
class _MatchedCounts:
    """Rows of one side only, rows that are unlike, and how many are unlike in each column."""

    added: int
    dropped: int
    changed: int
    unlike: dict[str, int]


def _matched_counts(
    session: Session,
    first_sql: str,
    second_sql: str,
    key: Sequence[str],
    compared: Sequence[str],
) -> _MatchedCounts:
    def pairs(columns: Sequence[str], operator: str) -> list[str]:
        names = [quote_ident(column) for column in columns]
        return [f"a.{name} {operator} b.{name}" for name in names]

    # NULL equals NULL: an empty part of a key matches an empty one.
    same_key = " AND ".join(pairs(key, "IS NOT DISTINCT FROM"))
    unlike = pairs(compared, "IS DISTINCT FROM")
    any_unlike = " OR ".join(unlike) or "FALSE"
    conditions = ["a._here IS NULL", "b._here IS NULL"]
    conditions += [f"a._here AND b._here AND ({test})" for test in (any_unlike, *unlike)]
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions)
    query = f"SELECT {counts} FROM {first_sql} AS a FULL JOIN {second_sql} AS b ON {same_key}"
    ((added, dropped, changed, *by_column),) = session.rows(query)
    rows_by_column = zip(compared, by_column, strict=True)
    return _MatchedCounts(
        added, dropped, changed, {column: rows for column, rows in rows_by_column if rows}
    )


def _unique_key(session: Session, table: str, first: SideTable, second: SideTable) -> list[str]:
    """The table's key where it is unique in both databases, else nothing."""
    spec = all_tables().get(table)
    if spec is not None:
        key = list(spec.key)
    else:
        # A table of the tenant's own has no documented key: these two are what ours have.
        usual = ("_pk", "amperity_id")
        key = [name for name in usual if name in first.columns and name in second.columns][:1]
    columns = first.columns.keys() & second.columns.keys()
    if not key or not columns.issuperset(key):
        return []
    key_sql = ", ".join(quote_ident(column) for column in key)
    for side in (first, second):
        keys = _count(session, f"(SELECT DISTINCT {key_sql} FROM {side.source})")
        if keys != _count(session, side.source):
            return []
    return key


def _count(session: Session, source: str) -> int:
    ((rows,),) = session.rows(f"SELECT count(*) FROM {source}")
    return int(rows)


def render_diff(diffs: Sequence[TableDiff], first: str, second: str, console: Console) -> None:
    """Print the difference: people first, then a line per table and the columns that changed
    most."""
    if not diffs:
        console.print(f"{first} and {second} hold the same rows")
        return
    for diff in diffs:
        if diff.table == CUSTOMERS:
            console.print(
                f"People: {diff.added:,} added, {diff.dropped:,} dropped, "
                f"{diff.changed:,} changed\n"
            )
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title=f"from {first} to {second}",
        title_justify="left",
    )
    table.add_column("table", overflow="fold")
    for heading in ("added", "dropped", "changed"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("columns", overflow="fold")
    for diff in diffs:
        counts = [f"{rows:,}" for rows in (diff.added, diff.dropped, diff.changed)]
        table.add_row(diff.table, *counts, ", ".join(_column_changes(diff)))
    console.print(table)


def _column_changes(diff: TableDiff) -> list[str]:
    """New columns, those that are gone, and those with unlike rows, most first."""
    most_first = sorted(diff.columns.items(), key=lambda item: (-item[1], item[0]))
    return [
        *(f"+{column}" for column in diff.new_columns),
        *(f"-{column}" for column in diff.gone_columns),
        *(f"{column} {rows:,}" for column, rows in most_first),
    ]

"""A table of the database before it is built: a sample, its number of rows, and how its columns
differ from the published ones.

Computed in memory from the warehouse as it is; writes nothing. A file in `database/drafts/` comes
before one in `database/`. Differences of rows are `diff`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.check_sql import check_sql
from c360_assets.customer_360.tables.build import build
from c360_assets.customer_360.tables.databases import GROUP
from c360_assets.customer_360.tables.dry_run import open_scratch
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.errors import C360Error, ConfigError
from c360_assets.reporting.in_memory import build_date, make_inputs
from c360_assets.reporting.published import database_named
from c360_assets.reporting.rows import print_rows
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.models import SqlFile, Tenant
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.recipe import RunContext, unheard
from c360_assets.warehouse.sql import quote_ident
from c360_assets.wording import counted

PUBLISHED_COLUMNS = """
    SELECT column_name, data_type FROM duckdb_columns()
    WHERE schema_name = 'main' AND lower(table_name) = lower(?)
    ORDER BY column_index
"""


@dataclass(frozen=True)
class Preview:
    """What `c360 database preview` shows: columns with their types, as built and (`before`) as
    published, which is None where no table of that name is.
    """

    table: str
    file: str
    rows: int
    columns: dict[str, str]
    before: dict[str, str] | None
    rows_before: int | None
    sample: list[tuple[Any, ...]]


def preview_table(
    root: Path,
    name: str,
    *,
    as_of: date | None = None,
    rows: int = 10,
    database: str = GROUP,
    progress: Callable[[str], None] = unheard,
) -> Preview:
    """Compute the table `name` of a database of the tenant at `root`, and what it reads where not
    current, Stitch too, without writing. `progress` hears what is computed beside it.

    Raises ConfigError when its SQL has an error and C360Error when there is no such table or the
    SQL fails on the data.
    """
    tenant = _with_draft(load_tenant(root), name)
    errors = [problem for problem in check_sql(tenant) if problem.severity == "error"]
    if errors:
        raise ConfigError(errors)
    chosen = database_named(tenant, database)
    node = _node_named(chosen.nodes, name)
    with open_scratch(root, tenant.config.timezone) as session:
        built_on = as_of or build_date(session, tenant, chosen.name)
        nodes = _needed_by(node, chosen.nodes)
        read = [table for needed in nodes for table in needed.deps]
        make_inputs(session, tenant, read, RunContext(built_on, progress=progress))
        build(session, nodes, as_of=built_on)
        session.bind(node.table, "_c360_preview")
        state = session.state(node.table)
        assert state is not None
        sample = session.rows(f"SELECT * FROM _c360_preview ORDER BY ALL LIMIT {int(rows)}")
        columns = {row[0]: row[1] for row in session.rows("DESCRIBE _c360_preview")}
    published = _published_table(tenant, chosen.name, node.name)
    return Preview(
        table=node.name,
        file=node.file,
        rows=state.rows,
        columns=columns,
        before=None if published is None else published.columns,
        rows_before=None if published is None else published.rows,
        sample=sample,
    )


def _node_named(nodes: Sequence[TableNode], name: str) -> TableNode:
    for node in nodes:
        if node.name.lower() == name.lower():
            return node
    remedy = instead_of(name, sorted(node.name for node in nodes))
    raise C360Error(f"no SQL builds a table named {name}; {remedy}")


def _needed_by(node: TableNode, nodes: Sequence[TableNode]) -> list[TableNode]:
    """`node` and all that it reads, in the order of `nodes`, where each comes after what it
    reads."""
    needed = {node.table}
    for other in reversed(nodes):
        if other.table in needed:
            needed.update(other.deps)
    return [other for other in nodes if other.table in needed]


def _with_draft(tenant: Tenant, name: str) -> Tenant:
    path = tenant.root / "database" / "drafts" / f"{name}.sql"
    if not path.is_file():
        return tenant
    # Tables are named without case, files are not: the draft replaces `Customers.sql` too.
    database_sql = {
        table: file for table, file in tenant.database_sql.items() if table.lower() != name.lower()
    }
    database_sql[name] = SqlFile(name, path, path.read_text("utf-8"))
    return replace(tenant, database_sql=database_sql)


@dataclass(frozen=True)
class _PublishedTable:
    columns: dict[str, str]
    rows: int


def _published_table(tenant: Tenant, database: str, name: str) -> _PublishedTable | None:
    publication = place_of(tenant, database).published()
    if publication is None:
        return None
    with publication.readable() as con:
        columns = dict(con.execute(PUBLISHED_COLUMNS, [name]).fetchall())
        if not columns:
            return None
        counted = con.execute(f"SELECT count(*) FROM main.{quote_ident(name)}").fetchall()
    return _PublishedTable(columns, counted[0][0])


def render_preview(preview: Preview, console: Console) -> None:
    """Print sample, number of rows and the change of columns."""
    shown = print_rows(list(preview.columns), preview.sample, console)
    hidden = len(preview.sample) - shown
    if hidden:
        console.print(
            f"… {counted(hidden, 'more row')} in the sample; a wider window or --json shows them",
            style="dim",
        )
    published = ""
    if preview.rows_before is not None:
        published = f", {preview.rows_before:,} published"
    console.print(
        f"\n{preview.table} ({preview.file}): {counted(preview.rows, 'row')}{published}; nothing "
        "was written"
    )
    if preview.before is None:
        console.print("no table of this name is published")
        return
    changes = _column_changes(preview.before, preview.columns)
    console.print("\n".join(changes) if changes else "columns as published")


def _column_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """A line per column that is new, gone, or of another type."""
    new = [f"+ {column} {after[column]}" for column in after if column not in before]
    gone = [f"- {column} {before[column]}" for column in before if column not in after]
    retyped = [
        f"{column}: {before[column]} becomes {sql_type}"
        for column, sql_type in after.items()
        if column in before and before[column] != sql_type
    ]
    return new + gone + retyped

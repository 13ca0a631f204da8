"""A table of the database before it is built: a sample, its number of rows, and how its columns differ from the published ones.

Computed in memory from the warehouse as it is; writes nothing. A file in `database/drafts/` comes before one in `database/`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.check_sql import check_sql
from c360_assets.customer_360.tables.build import build
from c360_assets.customer_360.tables.databases import GROUP
from c360_assets.customer_360.tables.dry_run import open_scratch
from c360_assets.errors import C360Error, ConfigError
from c360_assets.reporting.published import database_named, published_date, unreadable
from c360_assets.reporting.rows import print_rows
from c360_assets.tenant.models import SqlFile, Tenant
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.sql import quote_ident


@dataclass(frozen=True)
class Preview:
    """What `c360 database preview` shows. `before` is None where no table of that name is published."""

    table: str
    file: str
    rows: int
    columns: dict[str, str]
    before: dict[str, str] | None
    rows_before: int | None
    sample: list[tuple[Any, ...]]


def preview_table(
    root: Path, name: str, *, as_of: date | None = None, rows: int = 10, database: str = GROUP
) -> Preview:
    """Compute the table `name` of a database of the tenant at `root`, and what it reads where not current, without writing.

    Raises ConfigError when its SQL has an error and C360Error when there is no such table or the SQL fails on the data.
    """
    tenant = _with_draft(load_tenant(root), name)
    errors = [problem for problem in check_sql(tenant) if problem.severity == "error"]
    if errors:
        raise ConfigError(errors)
    chosen = database_named(tenant, database)
    nodes = chosen.nodes
    node = next((n for n in nodes if n.name.lower() == name.lower()), None)
    if node is None:
        raise C360Error(
            f"no SQL builds a table named {name}; there is SQL for {', '.join(sorted(n.name for n in nodes))}"
        )
    needed = {node.table}
    for other in reversed(nodes):
        if other.table in needed:
            needed |= set(other.deps)
    with open_scratch(root, tenant.config.timezone) as session:
        day = as_of or published_date(database_path(root, chosen.name)) or date.today()
        build(session, [n for n in nodes if n.table in needed], as_of=day)
        session.bind(node.table, "_c360_preview")
        state = session.state(node.table)
        assert state is not None
        sample = session.rows(f"SELECT * FROM _c360_preview ORDER BY ALL LIMIT {int(rows)}")
        columns = {c: t for c, t, *_ in session.rows("DESCRIBE _c360_preview")}
    before, rows_before = _published(database_path(root, chosen.name), node.name)
    return Preview(node.name, node.file, state.rows, columns, before, rows_before, sample)


def _with_draft(tenant: Tenant, name: str) -> Tenant:
    path = tenant.root / "database" / "drafts" / f"{name}.sql"
    if not path.is_file():
        return tenant
    draft = SqlFile(name, path, path.read_text("utf-8"))
    others = {n: file for n, file in tenant.database_sql.items() if n.lower() != name.lower()}
    return replace(tenant, database_sql={**others, name: draft})


def _published(path: Path, name: str) -> tuple[dict[str, str] | None, int | None]:
    if not path.exists():
        return None, None
    try:
        con = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise unreadable(path, error) from None
    with con:
        found = con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main' AND lower(table_name) = lower(?) "
            "ORDER BY column_index",
            [name],
        ).fetchall()
        if not found:
            return None, None
        ((rows,),) = con.execute(f"SELECT count(*) FROM main.{quote_ident(name)}").fetchall()
    return dict(found), rows


def render_preview(found: Preview, console: Console) -> None:
    """Print sample, number of rows and the change of columns."""
    shown = print_rows(list(found.columns), found.sample, console)
    if shown < len(found.sample):
        console.print(
            f"… {len(found.sample) - shown} more rows in the sample; a wider window or --json shows them",
            style="dim",
        )
    was = "" if found.rows_before is None else f", {found.rows_before:,} published"
    console.print(f"\n{found.table} ({found.file}): {found.rows:,} rows{was}; nothing was written")
    if found.before is None:
        console.print("no table of this name is published")
        return
    changes = [f"+ {c} {t}" for c, t in found.columns.items() if c not in found.before]
    changes += [f"- {c} {t}" for c, t in found.before.items() if c not in found.columns]
    changes += [
        f"{c}: {found.before[c]} becomes {t}"
        for c, t in found.columns.items()
        if found.before.get(c, t) != t
    ]
    console.print("\n".join(changes) if changes else "columns as published")

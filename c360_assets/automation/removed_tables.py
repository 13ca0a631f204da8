"""Tables that the settings no longer have: of a feed, a custom table, a segment or a database that
was taken out, and the files of such a database. They stay until somebody removes them here; what
Stitch knows of people's ids, which nothing can compute again, only where its tables are named.

What forgetting does in them is `ingest.removed_tables`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from c360_assets.configuration import all_problems
from c360_assets.customer_360.publication.lakes import published_names
from c360_assets.errors import C360Error, ConfigError, has_errors
from c360_assets.ingest.removed_tables import SOURCES
from c360_assets.recipes import recipes
from c360_assets.semantics.closest import instead_of
from c360_assets.stitch.tenant_run import stitch_tables
from c360_assets.tenant.base_models import physical_name
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import RUN_TABLES
from c360_assets.warehouse.ledger import LEDGER, session_ledger
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets.warehouse.tidy import remove_files, remove_unnamed_tables
from c360_assets.wording import counted

STITCH_IDS = "unified_coalesced"
VERB = "`c360 warehouse remove`"


@dataclass(frozen=True)
class RemovedTable:
    """A table that the settings no longer have, and its rows. `keeps_ids`: one of Stitch, which is
    switched off."""

    table: str
    rows: int
    keeps_ids: bool = False


@dataclass(frozen=True)
class Removal:
    """What was removed, or would be; `files` and `size` (bytes) with all earlier versions.

    `databases` are files below the tenant's folder, `left` tables of Stitch that were not named.
    `kept_versions` is of how many objects the bucket keeps versions, None where it does not say.
    """

    tables: list[RemovedTable]
    files: int = 0
    size: int = 0
    kept_versions: int | None = 0
    databases: list[str] = field(default_factory=list)
    left: list[RemovedTable] = field(default_factory=list)


def removed_tables(tenant: Tenant, manifest: Manifest) -> list[RemovedTable]:
    """The stored tables that no feed declares and no recipe writes, by name."""
    declared = {table.asset for table in tenant.tables} | RUN_TABLES
    for recipe in recipes(tenant):
        declared.update(recipe.tables)
    of_stitch = set() if tenant.stitched_tables else set(stitch_tables())
    return [
        RemovedTable(name, state.rows, name in of_stitch)
        for name, state in sorted(manifest.tables.items())
        if name not in declared
    ]


def removed_databases(tenant: Tenant) -> list[str]:
    """Published and kept files of databases that the settings no longer have, below the tenant's
    folder."""
    named = set(published_names(tenant))
    folder = database_path(tenant.root).parent
    files = {path: path.stem for path in folder.glob("*.duckdb")}
    files |= {path: path.stem.rpartition(".")[0] for path in folder.glob("history/*.*.duckdb")}
    return sorted(
        path.relative_to(tenant.root).as_posix()
        for path, name in files.items()
        if name not in named
    )


def removed_text(tenant: Tenant, manifest: Manifest) -> str:
    """Sentences for people about all of it; empty where there is nothing."""
    tables = removed_tables(tenant, manifest)
    sentences = []
    chosen = [table for table in tables if not table.keeps_ids]
    if chosen:
        rows = sum(table.rows for table in chosen)
        names = ", ".join(table.table for table in chosen)
        sentences.append(
            f"{counted(len(chosen), 'table is', 'tables are')} of nothing that the settings have: "
            f"{names}, with {counted(rows, 'row')}; {VERB} removes what they hold"
        )
    files = removed_databases(tenant)
    if files:
        sentences.append(
            f"{counted(len(files), 'file is', 'files are')} of databases that the settings do not "
            f"have, without updates from now on: {', '.join(files)}; {VERB} removes what is there"
        )
    if len(chosen) < len(tables):
        sentences.append(left_text([table for table in tables if table.keeps_ids]))
    return ". ".join(sentences)


def left_text(tables: Collection[RemovedTable]) -> str:
    """A sentence about tables of Stitch while no table is available to it."""
    hold = counted(len(tables), "table of Stitch holds", "tables of Stitch hold")
    return (
        f"{hold} people's ids for the day on which it runs again, as no table is made available "
        f"to it, such as {STITCH_IDS}: {VERB} removes those that it is given by name"
    )


def remove_tables(tenant: Tenant, names: Collection[str], *, dry_run: bool = False) -> Removal:
    """Remove tables that the settings no longer have, all of them or those of the names.

    What was loaded of a feed that is removed is forgotten, so that all of it loads again should the
    feed come back. The caller owns the tenant. Raises C360Error for a table that the settings have,
    or that is not there, and while the settings have errors: what reads a table is not known then.
    """
    problems = all_problems(tenant.root)
    if has_errors(problems):
        raise ConfigError(problems)
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        manifest = session.warehouse.manifest
        found = removed_tables(tenant, manifest)
        chosen = [t for t in found if t.table in names or not (names or t.keeps_ids)]
        databases = [file for file in removed_databases(tenant) if not names or file in names]
        known = {table.table for table in chosen} | set(databases)
        _require_removable(tenant, manifest, set(names) - known)
        _require_unread(tenant, {table.table for table in chosen})
        left = [] if names else [table for table in found if table.keeps_ids]
        if dry_run:
            return Removal(chosen, databases=databases, left=left)
        gone = {table.table for table in chosen}
        assets = {name.removeprefix(SOURCES) for name in gone if name.startswith(SOURCES)}
        ledger = session_ledger(session)
        feeds = [feed for feed in ledger["feed"].unique() if physical_name(feed) in assets]
        if feeds:
            session.write(LEDGER, ledger.filter(~ledger["feed"].is_in(feeds)))
        if gone:
            session.drop(gone)
        # Also what a removing that was killed has left.
        files = remove_unnamed_tables(session.warehouse)
        paths = [tenant.root / file for file in databases]
        also = remove_files("databases", paths, dry_run=False)
        count, size = files.count + also.count, files.size + also.size
        kept = _versions_kept(session.warehouse)
        return Removal(chosen, count, size, kept, databases, left)


def _require_removable(tenant: Tenant, manifest: Manifest, others: Collection[str]) -> None:
    for name in sorted(others):
        if name not in manifest.tables:
            remedy = instead_of(name, sorted(manifest.tables))
            raise C360Error(f"there is no table {name} in the warehouse; {remedy}")
        readers = sorted({r.tables[0] for r in recipes(tenant) if r.tables and name in r.reads})
        read = f", and {', '.join(readers)} is made from it" if readers else ""
        raise C360Error(
            f"table {name} is one of the settings{read}: take out what declares it first"
        )


def _require_unread(tenant: Tenant, gone: Collection[str]) -> None:
    for recipe in recipes(tenant):
        for name in sorted(set(recipe.reads) & set(gone)):
            raise C360Error(f"table {name} is still read, by {recipe.assets[0]}: change that first")


def _versions_kept(warehouse: Warehouse) -> int | None:
    try:
        return warehouse.storage.drop_old_versions()
    except C360Error:
        return None

"""Tables that the settings no longer have: of a feed, a custom table, a segment or a database that
was taken out. They stay in the warehouse until somebody removes them here.

What forgetting does in them is `ingest.removed_tables`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from c360_assets.configuration import all_problems, has_errors
from c360_assets.errors import C360Error, ConfigError
from c360_assets.recipes import recipes
from c360_assets.tenant.base_models import physical_name
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import RUN_TABLES
from c360_assets.warehouse.ledger import LEDGER, session_ledger
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets.warehouse.tidy import remove_unnamed_tables

SOURCES = "domain/"
VERB = "`c360 warehouse remove`"


@dataclass(frozen=True)
class RemovedTable:
    """A table that the settings no longer have, and its rows."""

    table: str
    rows: int


@dataclass(frozen=True)
class Removal:
    """What was removed, or would be; `files` and `size` (bytes) with all earlier versions.

    `kept_versions` is of how many objects the bucket keeps versions, None where it does not say.
    """

    tables: list[RemovedTable]
    files: int = 0
    size: int = 0
    kept_versions: int | None = 0


def removed_tables(tenant: Tenant, manifest: Manifest) -> list[RemovedTable]:
    """The stored tables that no feed declares and no recipe writes, by name."""
    declared = {table.asset for table in tenant.tables} | RUN_TABLES
    for recipe in recipes(tenant):
        declared.update(recipe.tables)
    return [
        RemovedTable(name, state.rows)
        for name, state in sorted(manifest.tables.items())
        if name not in declared
    ]


def removed_text(tables: Collection[RemovedTable]) -> str:
    """A sentence for people; empty where there are none."""
    if not tables:
        return ""
    rows = sum(table.rows for table in tables)
    names = ", ".join(table.table for table in tables)
    return (
        f"{len(tables)} tables with {rows:,} rows are of nothing that the settings have: {names}; "
        f"{VERB} removes them"
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
        chosen = [table for table in found if not names or table.table in names]
        _require_removable(tenant, manifest, set(names) - {table.table for table in chosen})
        _require_unread(tenant, {table.table for table in chosen})
        if dry_run:
            return Removal(chosen)
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
        kept = _versions_kept(session.warehouse)
        return Removal(chosen, files.count, files.size, kept)


def _require_removable(tenant: Tenant, manifest: Manifest, others: Collection[str]) -> None:
    for name in sorted(others):
        if name not in manifest.tables:
            raise C360Error(f"there is no table {name} in the warehouse")
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

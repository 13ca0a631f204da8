"""Which lakes a tenant has published in: the present places of its databases, and those that were
left since and still hold publications.

What stands at a place that was left is kept like an earlier publication: forgetting reaches it, and
it goes when it is older than `retention.databases`. How a lake is written is
`warehouse.published_lake`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from c360_assets.errors import C360Error
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.publications import GROUP, FilePlace, lake_of
from c360_assets.warehouse.published_file import Keeping, database_path, kept
from c360_assets.warehouse.published_lake import Lake
from c360_assets.warehouse.session import Session, Warehouse, open_session
from c360_assets.warehouse.tidy import Removed

# The fact of the manifest: address, below the tenant's folder relative to it -> format and database
# of every lake there is.
LAKES = "lakes"


def published_names(tenant: Tenant) -> list[str]:
    """The names under which the declared databases are published."""
    others = (name for name, config in tenant.config.databases.items() if not config.primary)
    return [GROUP, *others]


def noted_address(tenant: Tenant, address: str) -> str:
    """An absolute address as it is noted: a tenant's folder that is moved takes its own along."""
    root = str(tenant.root.absolute())
    is_own = "://" not in address and Path(address).is_relative_to(root)
    return Path(address).relative_to(root).as_posix() if is_own else address


def note_lake(session: Session, tenant: Tenant, lake: Lake, database: str) -> None:
    """Remember a lake before anything is written there: what a killed run leaves is known too."""
    known = session.warehouse.manifest.meta.get(LAKES, {})
    entry = {"format": lake.format, "database": database}
    noted = noted_address(tenant, lake.address)
    if known.get(noted) != entry:
        session.note(LAKES, {**known, noted: entry})


def drop_note(session: Session, tenant: Tenant, lake: Lake) -> None:
    """A lake is there no more."""
    known = session.warehouse.manifest.meta.get(LAKES, {})
    noted = noted_address(tenant, lake.address)
    session.note(LAKES, {address: one for address, one in known.items() if address != noted})


def present_lakes(tenant: Tenant) -> dict[str, Lake]:
    """The lakes that databases are published in, by database."""
    lakes = {name: lake_of(tenant, name) for name in published_names(tenant)}
    return {name: lake for name, lake in lakes.items() if lake is not None}


def left_lakes(tenant: Tenant, manifest: Manifest) -> Iterator[tuple[str, Lake]]:
    """Database and lake of every place that is no database's any more."""
    present = {lake.address for lake in present_lakes(tenant).values()}
    noted: dict[str, Any] = manifest.meta.get(LAKES, {})
    for name, one in sorted(noted.items()):
        address = name if "://" in name else str(tenant.root.absolute() / name)
        if address not in present:
            yield one["database"], Lake(one["format"], address, tenant.root / ".tmp")


def all_lakes(tenant: Tenant, manifest: Manifest | None = None) -> list[Lake]:
    """Every lake that may hold rows of the tenant."""
    if manifest is None:
        manifest = Warehouse.open(tenant.root / "warehouse").manifest
    left = (lake for _, lake in left_lakes(tenant, manifest))
    return [*present_lakes(tenant).values(), *left]


def lake_folders(tenant: Tenant) -> list[Path]:
    """The folders of this machine that are lakes."""
    local = [lake.address for lake in all_lakes(tenant) if "://" not in lake.address]
    return [Path(address).resolve() for address in local]


def left_file(tenant: Tenant, database: str) -> FilePlace | None:
    """The DuckDB file of a database that is a lake by now; None where there is none."""
    place = FilePlace(database_path(tenant.root, database))
    is_left = tenant.lake_of(database) is not None and bool(place.is_published() or place.kept())
    return place if is_left else None


def places_left(session: Session, tenant: Tenant, database: str) -> list[str]:
    """A sentence for each earlier place of a database at which something still stands."""
    manifest = session.warehouse.manifest
    places = [lake.address for name, lake in left_lakes(tenant, manifest) if name == database]
    file = left_file(tenant, database)
    if file is not None:
        places.append(file.shown)
    span = tenant.config.retention.databases
    return [
        f"database {database} is published at another place now: what stands at {place} gets no "
        f"more updates, and is removed when it is older than {span} (retention.databases); "
        "forgetting reaches it until then"
        for place in places
    ]


def old_left_files(tenant: Tenant, database: str, at: datetime) -> list[Path]:
    """The files of a database that is a lake by now, as far as they are older than is kept."""
    path = database_path(tenant.root, database)
    oldest = _oldest(tenant, at).timestamp()
    files = [path, *kept(path)] if path.exists() else kept(path)
    return [file for file in files if file.stat().st_mtime < oldest]


def drop_old_lakes(
    tenant: Tenant, keeping: Keeping, at: datetime, *, dry_run: bool = False
) -> Removed:
    """Remove publications of lakes that are not to be kept at the moment `at`: earlier ones, and
    all of a place that was left once what was published last there is too old.

    A place that does not answer is left for the next time: publishing there says so.
    """
    count = size = 0
    for lake in present_lakes(tenant).values():
        with suppress(C360Error):
            kept_ones = lake.kept()
            old = lake.too_old(keeping, at, kept_ones.values())
            if old and not dry_run:
                lake.drop(old)
            count += len(old)
            size += sum(kept_ones[number].size for number in old)
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        for _, lake in list(left_lakes(tenant, session.warehouse.manifest)):
            with suppress(C360Error):
                removed = _drop_left(session, tenant, lake, at, dry_run=dry_run)
                count += removed.count
                size += removed.size
    return Removed("earlier databases", count, size)


def _drop_left(
    session: Session, tenant: Tenant, lake: Lake, at: datetime, *, dry_run: bool
) -> Removed:
    """Remove a lake that was left, once what was published last there is too old."""
    published = lake.published()
    if published is not None and published.written_at >= _oldest(tenant, at):
        return Removed("", 0, 0)
    is_own = published is None or published.tenant == str(tenant.config.id)
    if not dry_run:
        if is_own:
            lake.remove_all()
        drop_note(session, tenant, lake)
    return Removed("", int(is_own), published.size if published is not None and is_own else 0)


def _oldest(tenant: Tenant, at: datetime) -> datetime:
    return at - duration(tenant.config.retention.databases)

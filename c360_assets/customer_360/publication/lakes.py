"""Which lakes a tenant has published in: the present places of its databases, and those that were
left since and still hold publications.

What stands at a place that was left is kept for as long as an earlier publication, from then on,
and forgetting reaches it. How a lake is written is `warehouse.published_lake`.
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
from c360_assets.warehouse.tidy import Removed, remove_files

# The fact of the manifest: address, below the tenant's folder relative to it -> format and database
# of every lake there is, and of files that were left, and since when it is left.
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
    entry: dict[str, Any] = {"format": lake.format, "database": database}
    noted = noted_address(tenant, lake.address)
    if known.get(noted) != entry:
        session.note(LAKES, {**known, noted: entry})


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
        if address not in present and one["format"] != "duckdb":
            yield one["database"], Lake(one["format"], address, tenant.root / ".tmp")


def all_lakes(tenant: Tenant) -> list[Lake]:
    """Every lake that may hold rows of the tenant."""
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
        f"more updates, and is removed {span} after that (retention.databases); forgetting reaches "
        "it until then"
        for place in places
    ]


def drop_old_lakes(
    tenant: Tenant, keeping: Keeping, at: datetime, *, dry_run: bool = False
) -> Removed:
    """Remove publications of lakes that are not to be kept at the moment `at`, and all of a place
    that its database left too long before.

    A place that does not answer is left for the next time: publishing there says so.
    """
    removed = []
    for lake in present_lakes(tenant).values():
        with suppress(C360Error):
            kept_ones = lake.kept()
            old = lake.too_old(keeping, at, kept_ones.values())
            if old and not dry_run:
                lake.drop(old)
            removed.append((len(old), sum(kept_ones[number].size for number in old)))
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        places = _LeftPlaces(session, tenant, at, dry_run)
        removed += places.drop_files()
        removed += places.drop_lakes()
    counts, sizes = zip(*removed, strict=True) if removed else ((), ())
    return Removed("earlier databases", sum(counts), sum(sizes))


class _LeftPlaces:
    """Places that databases left, at one moment of tidying; since when is noted the first time."""

    def __init__(self, session: Session, tenant: Tenant, at: datetime, dry_run: bool) -> None:
        self.session = session
        self.tenant = tenant
        self.at = at
        self.dry_run = dry_run

    def drop_files(self) -> Iterator[tuple[int, int]]:
        """Count and bytes of files of databases that are lakes by now."""
        for name in published_names(self.tenant):
            path = database_path(self.tenant.root, name)
            noted = path.relative_to(self.tenant.root).as_posix()
            place = left_file(self.tenant, name)
            if place is None:
                self._forget(noted)
            elif self._is_past(noted, {"format": "duckdb", "database": name}):
                files = [path, *kept(path)] if path.exists() else kept(path)
                removed = remove_files("", files, dry_run=self.dry_run)
                self._forget(noted)
                yield removed.count, removed.size

    def drop_lakes(self) -> Iterator[tuple[int, int]]:
        """The same of lakes."""
        for _, lake in list(left_lakes(self.tenant, self.session.warehouse.manifest)):
            with suppress(C360Error):
                published = lake.published()
                noted = noted_address(self.tenant, lake.address)
                is_own = published is None or published.tenant == str(self.tenant.config.id)
                if is_own and not self._is_past(noted, {}):
                    continue
                if is_own:
                    files = lake.storage.files()
                    if not self.dry_run:
                        lake.remove_all()
                    yield int(published is not None), sum(files.values())
                self._forget(noted)

    def _is_past(self, noted: str, entry: dict[str, Any]) -> bool:
        """Whether the place was left too long ago."""
        known = self._known()
        entry = {**entry, **known.get(noted, {})}
        if "left" in entry:
            kept_for = duration(self.tenant.config.retention.databases)
            return datetime.fromisoformat(entry["left"]) < self.at - kept_for
        if not self.dry_run:
            entry["left"] = self.at.isoformat()
            self.session.note(LAKES, {**known, noted: entry})
        return False

    def _forget(self, noted: str) -> None:
        known = self._known()
        if noted in known and not self.dry_run:
            rest = {address: one for address, one in known.items() if address != noted}
            self.session.note(LAKES, rest)

    def _known(self) -> dict[str, Any]:
        return dict(self.session.warehouse.manifest.meta.get(LAKES, {}))

"""The one list of every place of a tenant that may hold values of people, and what forgetting does
to it.

A stage that writes somewhere else adds its place here: a test plants values, runs everything and
fails where a value stands in a file that no store of this list has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from glob import escape
from pathlib import Path
from typing import Literal

from c360_assets.customer_360.publication.lakes import lake_folders
from c360_assets.errors import C360Error
from c360_assets.tenant.models import Tenant

Treatment = Literal["rewritten", "removed", "reported", "kept"]


@dataclass(frozen=True)
class Store:
    """One kind of place.

    `patterns` are paths relative to the tenant's folder; `*` crosses folders. `rewritten`: the
    person's rows and values are taken out, in all versions. `removed`: a file that holds a value
    goes whole. `reported`: it is not ours to write, and is named on the receipt. `kept`: it holds
    what the law asks to keep, readable by its owner only.
    """

    name: str
    patterns: tuple[str, ...]
    holds: str
    treatment: Treatment
    stays: str = "until the person is forgotten"


LAKES_NAME = "published lakes"
STORES: tuple[Store, ...] = (
    Store(
        "tables",
        ("warehouse/*",),
        "domain, stitched, unified, customer 360, segment and send tables, pairs and scores, "
        "blocking keys, changes, the kept match model, lists of bad values and nicknames, "
        "compliance requests, results of reports: all versions",
        "rewritten",
        "what is current: until the person is forgotten; earlier versions of source tables: "
        "`retention.tables`, of others until the run is done, or for a day while somebody reads",
    ),
    # Before the published ones, whose pattern fits them too.
    Store(
        "kept databases",
        ("activated/history/*",),
        "earlier publications, for `c360 rollback`",
        "rewritten",
        "`retention.databases`, at most `retention.most_databases`",
    ),
    Store(
        "published databases",
        ("activated/*.duckdb", "activated/*.duckdb.wal", "activated/*.building*"),
        "what people and programs ask, and their write-ahead files",
        "rewritten",
    ),
    # After the files of databases, whose patterns are narrower.
    Store(
        LAKES_NAME,
        ("activated/*",),
        "tables of databases that are published as lakes, earlier publications too; at an address "
        "of S3 as well",
        "rewritten",
        "as published and kept databases; at a place that a database left: `retention.databases`",
    ),
    Store(
        "logs",
        ("logs/*",),
        "rows that could not be loaded, texts of errors, alerts",
        "rewritten",
        "`retention.logs` and `retention.alerts`",
    ),
    Store("reports", ("reports/*",), "pages that people read", "rewritten", "until the next run"),
    Store(
        "review files",
        ("landing/review/answers.csv", "labels/*", "review/*", "reviews/*"),
        "pairs of records that people decide about",
        "rewritten",
    ),
    Store(
        "segments and campaigns",
        ("lists/*", "segments/*", "campaigns/*", "sends/*", "customer_lists/*"),
        "lists of customers and what was sent to whom",
        "rewritten",
    ),
    Store("working files", (".tmp/*",), "what a run spills to the disk", "removed", "one run"),
    Store(
        "fetched files",
        ("cache/*",),
        "copies of files of other places; what follows from texts of SQL: names, no values",
        "removed",
    ),
    Store(
        "landed files",
        ("landing/*",),
        "what other systems delivered; we read it and never write it",
        "reported",
        "as long as its sender leaves it",
    ),
    Store(
        "truth of a generated tenant",
        ("truth/*",),
        "who is who in a tenant of `c360 demo`; others have none",
        "rewritten",
    ),
    Store(
        "configuration",
        ("*.yaml", "*.yml", "*.sql", "*.example"),
        "what the tenant wrote, such as addresses of employees in a rule",
        "reported",
        "until it is edited",
    ),
    Store(
        "the orchestrator",
        (".dagster/*", "<orchestrator>/*"),
        "runs, events and their messages",
        "rewritten",
        "`retention.runs`",
    ),
    Store(
        "open work of forgetting",
        ("privacy/open/*",),
        "what is being forgotten, so that a killed run can end it",
        "removed",
        "until the receipt",
    ),
    Store(
        "pending removals",
        ("privacy/pending/*",),
        "the identifiers that a receiver got who has not confirmed the removal",
        "kept",
        "until the receiver confirms",
    ),
    Store(
        "answers to people",
        ("privacy/dsar/*",),
        "copies of all that is held about somebody who asked",
        "removed",
        "until they are handed over and deleted by hand, or the person is forgotten",
    ),
    Store(
        "memory of forgetting",
        ("privacy/*",),
        "receipts, keyed hashes and keys: no values",
        "kept",
        "for good: without it people come back",
    ),
)
# Also of a destination that is not declared any more, where it wrote to the usual folder.
EXPORTS = Store(
    "exports",
    ("exports/*",),
    "files sent to a folder of this machine",
    "rewritten",
    "until they are sent again",
)
LAKES = next(store for store in STORES if store.name == LAKES_NAME)
ORCHESTRATOR = next(store for store in STORES if store.name == "the orchestrator")


def stores(tenant: Tenant) -> list[Store]:
    """The list for a tenant: with the folders that its destinations and databases name."""
    exports = _with_folders(tenant, EXPORTS, export_folders(tenant))
    # Those below `activated` are known, and stand there beside the files of databases.
    others = [
        folder
        for folder in lake_folders(tenant)
        if not folder.is_relative_to(tenant.root.resolve() / "activated")
    ]
    listed = [_in_bucket(store, tenant.config.warehouse) for store in STORES]
    return [exports, _with_folders(tenant, replace(LAKES, patterns=()), others), *listed]


def _with_folders(tenant: Tenant, store: Store, folders: Sequence[Path]) -> Store:
    """A store that has those of the folders too that are below the tenant's."""
    root = tenant.root.resolve()
    own = [
        f"{escape(folder.relative_to(root).as_posix())}/*"
        for folder in folders
        if folder.is_relative_to(root)
    ]
    return replace(store, patterns=(*store.patterns, *own))


def _in_bucket(store: Store, address: str | None) -> Store:
    """The store of tables as it is where they are in a bucket."""
    if address is None or store.name != "tables":
        return store
    holds = f"copies of files of {address}, where the tables are: {store.holds}"
    return replace(store, holds=holds)


def export_folders(tenant: Tenant) -> list[Path]:
    """Folders of this machine that destinations of type files write to."""
    places = [config.path for config in tenant.destinations.values() if config.type == "files"]
    local = [place for place in places if place and "://" not in place]
    return sorted({(tenant.root / place).resolve() for place in local})


def store_of(tenant: Tenant, path: Path, listed: list[Store] | None = None) -> Store | None:
    """The store that a file belongs to, None where the list does not know it."""
    root = tenant.root.resolve()
    if not path.is_relative_to(root):
        home = orchestrator_home(tenant)
        if path.is_relative_to(home):
            return ORCHESTRATOR
        if any(path.is_relative_to(folder) for folder in export_folders(tenant)):
            return EXPORTS
        is_lake = any(path.is_relative_to(folder) for folder in lake_folders(tenant))
        return LAKES if is_lake else None
    relative = path.relative_to(root).as_posix()
    for store in listed if listed is not None else stores(tenant):
        if any(fnmatch(relative, pattern) for pattern in store.patterns):
            return store
    return None


def orchestrator_home(tenant: Tenant) -> Path:
    """Where the orchestrator keeps its storage."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(home).resolve() if home else tenant.root.resolve() / ".dagster"


def all_files(tenant: Tenant) -> Iterator[Path]:
    """Every file of the tenant's folder, of the orchestrator's storage, and of exports and lakes
    beside. Raises C360Error for a folder that may not be looked into: somebody may stand in it."""
    root = tenant.root.resolve()
    folders = [root]
    for other in (orchestrator_home(tenant), *export_folders(tenant), *lake_folders(tenant)):
        if not any(other.is_relative_to(folder) for folder in folders):
            folders.append(other)
    for folder in folders:
        for base, _, names in sorted(os.walk(folder, onerror=_not_seen)):
            for name in sorted(names):
                path = Path(base) / name
                if path.is_file() and not path.is_symlink() and not _is_lock(path):
                    yield path


def _not_seen(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise C360Error(
            f"the folder {error.filename} may not be looked into by this user, and whoever stands "
            "in it would be overlooked: give it the rights, then run the verb again"
        ) from None


def _is_lock(path: Path) -> bool:
    return path.name.endswith(".lock") or path.name == ".lock.holder"

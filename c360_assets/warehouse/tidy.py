"""Earlier versions of Delta tables that nobody needs any more: their files and their logs.

Not Delta's own vacuum, which keeps what the newest version of a table names. After a killed run
that is not what the manifest names. Every commit replaces a table's whole content, so the files of
a version are those that its own commit adds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from c360_assets.warehouse.bucket import StoredFile
from c360_assets.warehouse.readers import nobody_reads
from c360_assets.warehouse.session import Warehouse
from c360_assets.warehouse.storage import LOG, BucketStorage, Storage, is_of_a_table

# Commits after which a table gets a checkpoint, so that opening it reads few files.
COMMITS_PER_CHECKPOINT = 10


@dataclass(frozen=True)
class Removed:
    """What was removed, or would be: of which kind, how many, how large together."""

    kind: str
    count: int
    size: int


def remove_files(kind: str, files: Iterable[Path], *, dry_run: bool) -> Removed:
    """Remove files, and tell how many and how large they were."""
    count = 0
    size = 0
    for file in files:
        try:
            bytes_of_file = file.stat().st_size
            if not dry_run:
                file.unlink()
        except FileNotFoundError:
            continue
        count += 1
        size += bytes_of_file
    return Removed(kind, count, size)


def remove_empty_folders(folder: Path) -> None:
    """Remove the folder and those below it that hold nothing, as far as one may."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # it holds something
            os.rmdir(place)


def tidy_tables(
    warehouse: Warehouse,
    before: datetime,
    derived: Collection[str] = (),
    derived_before: datetime | None = None,
    *,
    dry_run: bool = False,
) -> list[Removed]:
    """Remove data files and logs of versions that were replaced before that moment, and copies of
    what a bucket no longer has.

    What the manifest names stays whatever its age, and so does each table's version before it. Of
    `derived` tables, which can be made again, earlier versions all go where nobody reads, else
    those from before `derived_before`. The caller owns the tenant: no file is just being written.
    """
    storage = warehouse.storage
    by_folder: dict[str, list[StoredFile]] = {}
    stored = storage.stored()
    for file in stored:
        by_folder.setdefault(file.name.rpartition("/")[0], []).append(file)
    files: list[StoredFile] = []
    logs: list[StoredFile] = []
    with nobody_reads(warehouse.root.parent) as is_unread:
        for table in warehouse.manifest.tables:
            log = by_folder.get(f"{table}/{LOG}")
            if log is None:
                continue
            tidied = _Table(warehouse, table, by_folder.get(table, []), log)
            since = before
            if table in derived:
                since = derived_before or before
                # Machines that share a bucket do not know each other's readers.
                tidied.keeps_earlier = warehouse.is_shared or not is_unread
            files += tidied.stale_files(since.timestamp())
            if not dry_run:
                tidied.checkpoint()
            logs += tidied.stale_logs(since.timestamp())
        removed = [
            remove_stored(storage, "files of earlier table versions", files, dry_run=dry_run),
            remove_stored(storage, "logs of earlier table versions", logs, dry_run=dry_run),
        ]
    if isinstance(storage, BucketStorage):
        copies = [storage.root / file.name for file in storage.stray_copies(stored)]
        removed.append(remove_files("copies of files of the bucket", copies, dry_run=dry_run))
    return removed


def remove_unnamed_tables(warehouse: Warehouse) -> Removed:
    """Remove all files of tables that the manifest does not name, in all versions.

    The caller owns the tenant: no file is just being written.
    """
    storage = warehouse.storage
    named = warehouse.manifest.tables
    files = [
        file
        for file in filter(is_of_a_table, storage.stored())
        if file.name.rpartition("/")[0].removesuffix(f"/{LOG}") not in named
    ]
    removed = remove_stored(storage, "files of tables", files)
    for folder in {file.name.rpartition("/")[0].removesuffix(f"/{LOG}") for file in files}:
        remove_empty_folders(storage.root / folder)
    return removed


def remove_stored(
    storage: Storage, kind: str, files: list[StoredFile], *, dry_run: bool = False
) -> Removed:
    """Remove files of a warehouse, and tell how many and how large they were."""
    if files and not dry_run:
        storage.remove([file.name for file in files])
    return Removed(kind, len(files), sum(file.size for file in files))


class _Table:
    """One Delta table's files, and the version that the manifest names."""

    def __init__(
        self, warehouse: Warehouse, table: str, files: list[StoredFile], log: list[StoredFile]
    ) -> None:
        self.warehouse = warehouse
        self.table = table
        self.files = files
        self.state = warehouse.manifest.tables[table]
        self.keeps_earlier = True
        self.commits: dict[int, StoredFile] = {}
        self.checkpoints: dict[int, StoredFile] = {}
        for file in log:
            name = file.name.rpartition("/")[2]
            version = name.partition(".")[0]
            if not version.isdigit():
                continue
            if name == f"{version}.json":
                self.commits[int(version)] = file
            elif name == f"{version}.checkpoint.parquet":
                self.checkpoints[int(version)] = file

    def kept_versions(self, before: float) -> set[int]:
        """The pinned version, and where earlier ones are kept the one before it and those that were
        committed later."""
        pinned = self.state.version
        if not self.keeps_earlier:
            return {pinned}
        earlier = [version for version in self.commits if version < pinned]
        kept = {pinned, max(earlier, default=pinned)}
        recent = {v for v, file in self.commits.items() if file.modified >= before}
        return kept | recent

    def stale_files(self, before: float) -> list[StoredFile]:
        old = [file for file in self.files if file.name.endswith(".parquet")]
        if self.keeps_earlier:
            old = [file for file in old if file.modified < before]
        if not old:
            return []
        kept = self._pinned_files()
        for version in self.kept_versions(before):
            if version in self.commits:
                kept |= self._added(self.commits[version])
        return [file for file in old if file.name.rpartition("/")[2] not in kept]

    def _pinned_files(self) -> set[str]:
        """Those that the manifest names; where it names none, read from the version's own commit
        if that is there, which is much the faster way."""
        if self.state.files is None and self.state.version in self.commits:
            return self._added(self.commits[self.state.version])
        return set(self.warehouse.file_names(self.table, self.state))

    def _added(self, commit: StoredFile) -> set[str]:
        """Names of the files that a commit adds."""
        lines = self.warehouse.storage.text(commit.name).splitlines()
        actions = [json.loads(line) for line in lines if line]
        return {action["add"]["path"] for action in actions if "add" in action}

    def checkpoint(self) -> None:
        """Write one where many commits came since the last.

        Not where a killed run left a version that the manifest does not name: the next run
        replaces it.
        """
        pinned = self.state.version
        newest = max(self.commits, default=pinned)
        since = newest - max(self.checkpoints, default=-1)
        if newest == pinned and since >= COMMITS_PER_CHECKPOINT:
            self.warehouse.storage.delta(self.table).open().create_checkpoint()
            name = f"{self.table}/{LOG}/{newest:020}.checkpoint.parquet"
            self.checkpoints[newest] = StoredFile(name, 0, 0.0)

    def stale_logs(self, before: float) -> list[StoredFile]:
        """Commits and checkpoints before the last checkpoint from which every kept version can be
        read."""
        oldest_kept = min(self.kept_versions(before))
        usable = [version for version in self.checkpoints if version <= oldest_kept]
        if not usable:
            return []
        first = max(usable)
        logs = [*self.commits.items(), *self.checkpoints.items()]
        return [file for version, file in logs if version < first]

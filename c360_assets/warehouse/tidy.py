"""Earlier versions of Delta tables that nobody needs any more: their files and their logs.

Not Delta's own vacuum, which keeps what the newest version of a table names. After a killed run
that is not what the manifest names. Every commit replaces a table's whole content, so the files of
a version are those that its own commit adds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deltalake import DeltaTable

from c360_assets.warehouse.delta import data_files
from c360_assets.warehouse.session import Warehouse

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


def tidy_tables(warehouse: Warehouse, before: datetime, *, dry_run: bool = False) -> list[Removed]:
    """Remove data files and logs of versions that were replaced before that moment.

    What the manifest names stays whatever its age, and so does each table's version before it. The
    caller owns the tenant: no file is just being written.
    """
    files: list[Path] = []
    logs: list[Path] = []
    for table in warehouse.manifest.tables:
        path = warehouse.path(table)
        if not (path / "_delta_log").is_dir():
            continue
        state = warehouse.manifest.tables[table]
        tidied = _Table(path, state.version)
        files += tidied.stale_files(before.timestamp())
        if not dry_run:
            tidied.checkpoint()
        logs += tidied.stale_logs(before.timestamp())
    return [
        remove_files("files of earlier table versions", files, dry_run=dry_run),
        remove_files("logs of earlier table versions", logs, dry_run=dry_run),
    ]


class _Table:
    """One Delta table's folder, and the version that the manifest names."""

    def __init__(self, path: Path, pinned: int) -> None:
        self.path = path
        self.pinned = pinned
        self.commits: dict[int, Path] = {}
        self.checkpoints: dict[int, Path] = {}
        for file in (path / "_delta_log").iterdir():
            version = file.name.partition(".")[0]
            if not version.isdigit():
                continue
            if file.name == f"{version}.json":
                self.commits[int(version)] = file
            elif file.name == f"{version}.checkpoint.parquet":
                self.checkpoints[int(version)] = file

    def kept_versions(self, before: float) -> set[int]:
        """The pinned version, the one before it, and those that were committed later."""
        earlier = [version for version in self.commits if version < self.pinned]
        kept = {self.pinned, max(earlier, default=self.pinned)}
        recent = {v for v, file in self.commits.items() if file.stat().st_mtime >= before}
        return kept | recent

    def stale_files(self, before: float) -> list[Path]:
        old = [file for file in self.path.glob("*.parquet") if file.stat().st_mtime < before]
        if not old:
            return []
        kept = self._pinned_files()
        for version in self.kept_versions(before):
            if version in self.commits:
                kept |= _added(self.commits[version])
        return sorted(file for file in old if file.name not in kept)

    def _pinned_files(self) -> set[str]:
        """Read from the version's own commit where it is there, which is much the faster way."""
        if self.pinned in self.commits:
            return _added(self.commits[self.pinned])
        return {Path(file).name for file in data_files(self.path, self.pinned)}

    def checkpoint(self) -> None:
        """Write one where many commits came since the last.

        Not where a killed run left a version that the manifest does not name: the next run
        replaces it.
        """
        newest = max(self.commits, default=self.pinned)
        since = newest - max(self.checkpoints, default=-1)
        if newest == self.pinned and since >= COMMITS_PER_CHECKPOINT:
            DeltaTable(self.path).create_checkpoint()
            name = f"{newest:020}.checkpoint.parquet"
            self.checkpoints[newest] = self.path / "_delta_log" / name

    def stale_logs(self, before: float) -> list[Path]:
        """Commits and checkpoints before the last checkpoint from which every kept version can be
        read."""
        oldest_kept = min(self.kept_versions(before))
        usable = [version for version in self.checkpoints if version <= oldest_kept]
        if not usable:
            return []
        first = max(usable)
        logs = [*self.commits.items(), *self.checkpoints.items()]
        return sorted(file for version, file in logs if version < first)


def _added(commit: Path) -> set[str]:
    """Names of the files that a commit adds."""
    actions = [json.loads(line) for line in commit.read_text("utf-8").splitlines() if line]
    return {action["add"]["path"] for action in actions if "add" in action}

"""A lake in a folder of this machine; its files are readable by their owner only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import Purged
from c360_assets.warehouse.files import put_in_place, replaced_file, sync_file
from c360_assets.warehouse.lake_files import Footer
from c360_assets.warehouse.read_only_names import PROTOCOL, read_only_path
from c360_assets.warehouse.session import private_folder
from c360_assets.warehouse.storage_errors import unwritten
from c360_assets.warehouse.tidy import remove_empty_folders

if TYPE_CHECKING:
    import duckdb

# What is being written; it is swept by who owns the tenant.
BUILDING = ".building"
LOCK = ".lock"
SECONDS_TO_WAIT = 120.0


def _lock_of(root: Path) -> FileLock:
    """One object for all who ask in this process: a block within a block is part of it."""
    return FileLock(root / LOCK, mode=0o600, is_singleton=True, thread_local=False)


@dataclass(frozen=True)
class LocalStorage:
    """A folder, by its absolute path."""

    address: str

    @property
    def root(self) -> Path:
        return Path(self.address)

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def has(self, name: str) -> bool:
        return (self.root / name).is_file()

    def put(self, name: str, content: bytes) -> None:
        path = self._place(name)
        with replaced_file(path) as file:
            file.write(content)

    @contextmanager
    def owned(self, what: str) -> Iterator[None]:
        """By a lock beside the pointer: a copy of the tenant, or another machine that shares the
        folder, publishes here too.
        """
        private_folder(self.root)
        try:
            with _lock_of(self.root).acquire(timeout=SECONDS_TO_WAIT):
                yield
        except Timeout:
            raise C360Error(
                f"gave up after {SECONDS_TO_WAIT:.0f} seconds of waiting for another process that "
                f"writes to {self.address}, before {what}: run again when that is done; give each "
                "tenant's database an address of its own"
            ) from None

    def put_pointer(self, name: str, content: bytes) -> None:
        self.put(name, content)

    def put_file(self, aside: Path, name: str) -> None:
        path = self._place(name)
        aside.chmod(0o600)
        sync_file(aside)
        put_in_place(aside, path)

    def _place(self, name: str) -> Path:
        """The path of a file, in folders that only their owner may read."""
        folder = private_folder(self.root)
        for part in Path(name).parts[:-1]:
            folder = private_folder(folder / part)
        return self.root / name

    def files(self) -> dict[str, int]:
        sizes = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder) / name
                with suppress(FileNotFoundError):
                    sizes[path.relative_to(self.root).as_posix()] = path.stat().st_size
        sizes.pop(LOCK, None)
        return dict(sorted(sizes.items()))

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            (self.root / name).unlink(missing_ok=True)
        for folder in self.root.glob("*"):
            if folder.is_dir():
                remove_empty_folders(folder)
        if self.root.is_dir() and os.listdir(self.root) == [LOCK]:
            (self.root / LOCK).unlink()
        with suppress(OSError):  # it holds something
            self.root.rmdir()

    def purge(self, is_own: Callable[[str], bool]) -> Purged:
        return Purged(0, 0)

    def footer(self, name: str) -> Footer:
        path = self.root / name
        with pq.ParquetFile(path) as file:
            return Footer(file.schema_arrow, file.metadata.num_rows, path.stat().st_size)

    def local_copies(self, names: Iterable[str], folder: Path) -> Iterator[tuple[str, Path]]:
        for name in names:
            yield name, self.root / name

    def aside_folder(self, working: Path) -> Path:
        return private_folder(private_folder(self.root) / BUILDING)

    def sweep(self) -> None:
        shutil.rmtree(self.root / BUILDING, ignore_errors=True)
        for aside in self.root.rglob(".*.new"):
            aside.unlink(missing_ok=True)

    def connect(self, con: duckdb.DuckDBPyConnection) -> None:
        from c360_assets.warehouse.read_only_files import ReadOnlyFiles

        if not con.filesystem_is_registered(PROTOCOL):
            con.register_filesystem(ReadOnlyFiles())

    def read_only(self, name: str) -> str:
        return read_only_path(str(self.root / name))

    def table_uri(self, name: str) -> str:
        return str(self.root / name)

    def make_private(self, folder: str) -> None:
        for path in private_folder(self.root / folder).iterdir():
            path.chmod(0o700 if path.is_dir() else 0o600)

    @property
    def options(self) -> dict[str, str]:
        return {}

    def failure(self, name: str, error: Exception) -> C360Error:
        return C360Error(unwritten(str(self.root / name), error))

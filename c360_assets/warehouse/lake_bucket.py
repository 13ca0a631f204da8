"""A lake in S3. An object is there when it is whole; a bucket may keep versions of what is gone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import LAKE, Bucket, ChangedError, Purged, bucket_at
from c360_assets.warehouse.lake_document import POINTER
from c360_assets.warehouse.lake_files import Footer
from c360_assets.warehouse.lease import Lease, give_back, held_lease, try_lease
from c360_assets.warehouse.read_only_names import REMOTE_PROTOCOL, remote_path
from c360_assets.warehouse.remote_failures import bucket_failure
from c360_assets.warehouse.session import private_folder

if TYPE_CHECKING:
    import duckdb

SECONDS_BETWEEN_LOOKS = 2.0
MOST_LOOKS = 60  # twice as long as a lease that nobody renews


@dataclass(frozen=True)
class S3Storage:
    """A place in S3; credentials come from the environment."""

    address: str

    @cached_property
    def _bucket(self) -> Bucket:
        return bucket_at(self.address.rstrip("/"), LAKE)

    def read(self, name: str) -> bytes | None:
        content = self._bucket.read(name)
        return content.body if content is not None else None

    @contextmanager
    def owned(self, what: str) -> Iterator[None]:
        """By a lease beside the pointer, as a bucket of tables has one."""
        if held_lease(self._bucket.address) is not None:
            yield
            return
        lease = self._taken(what)
        try:
            if lease.taken_over:
                self._fence()
            yield
        finally:
            give_back(lease)

    def _taken(self, what: str) -> Lease:
        for _ in range(MOST_LOOKS):
            lease = try_lease(self._bucket, what)
            if isinstance(lease, Lease):
                return lease
            time.sleep(SECONDS_BETWEEN_LOOKS)
        raise C360Error(
            f"gave up after {MOST_LOOKS * SECONDS_BETWEEN_LOOKS:.0f} seconds of {lease}: run again "
            "when that is done; give each machine's database an address of its own"
        )

    def _fence(self) -> None:
        """Put the pointer again with another end, so that who held the lease before puts none."""
        while (there := self._bucket.read(POINTER)) is not None:
            end = b"\n" if there.body.endswith(b"\n\n") else b"\n\n"
            with suppress(ChangedError):
                self._bucket.put(POINTER, there.body.rstrip() + end, there.etag)
                return

    def put_pointer(self, name: str, content: bytes) -> None:
        # Looked at after the pointer was read: whoever takes the lease over later puts that again
        # before anything else, and then this put finds another one.
        there = self._bucket.read(name)
        lease = held_lease(self._bucket.address)
        if lease is None:
            raise C360Error(f"{self.address} is written only by who owns it")
        lease.require()
        try:
            self._bucket.put(name, content, there.etag if there is not None else None)
        except ChangedError:
            raise lease.lost() from None

    def has(self, name: str) -> bool:
        return self._bucket.has(name)

    def put(self, name: str, content: bytes) -> None:
        self._bucket.write(name, content)

    def put_file(self, aside: Path, name: str) -> None:
        self._bucket.upload(aside, name)
        aside.unlink()

    def files(self) -> dict[str, int]:
        return {file.name: file.size for file in self._bucket.stored()}

    def delete(self, names: Iterable[str]) -> None:
        self._bucket.remove(names)

    def purge(self, is_own: Callable[[str], bool]) -> Purged:
        """A bucket that keeps versions keeps those of a deleted object, and of one that was
        replaced."""
        try:
            return self._bucket.drop_old_versions(is_own)
        except C360Error:  # credentials that may not list them, or a store that cannot
            return Purged(0, 0, is_known=False)

    def footer(self, name: str) -> Footer:
        with self._bucket.opened(name) as content, pq.ParquetFile(content) as file:
            return Footer(file.schema_arrow, file.metadata.num_rows, content.size)

    def failure(self, name: str, error: Exception) -> C360Error:
        return bucket_failure(LAKE, self._bucket.address, error, name)

    def local_copies(self, names: Iterable[str], folder: Path) -> Iterator[tuple[str, Path]]:
        copy = private_folder(folder) / f"lake-{os.getpid()}"
        try:
            for name in names:
                with suppress(FileNotFoundError):
                    self._bucket.download(name, copy)
                    yield name, copy
        finally:
            copy.unlink(missing_ok=True)

    def aside_folder(self, working: Path) -> Path:
        return private_folder(working / f"lake-{os.getpid()}.building")

    def sweep(self) -> None:
        """Nothing: an object is there when it is whole."""

    def connect(self, con: duckdb.DuckDBPyConnection) -> None:
        from c360_assets.warehouse.remote_read_only import RemoteReadOnlyFiles

        if not con.filesystem_is_registered(REMOTE_PROTOCOL):
            con.register_filesystem(RemoteReadOnlyFiles(self._bucket.system))

    def read_only(self, name: str) -> str:
        return remote_path(self._bucket.path(name))

    def table_uri(self, name: str) -> str:
        return f"{self._bucket.address}/{name}"

    def make_private(self, folder: str) -> None:
        """Nothing: who may read a bucket, its owner decides."""

    @property
    def options(self) -> dict[str, str]:
        return self._bucket.delta_options()

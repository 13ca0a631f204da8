"""A lake in S3. An object is there when it is whole; a bucket may keep versions of what is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from c360_assets.errors import C360Error
from c360_assets.warehouse.lake_storage import Purged, unreachable
from c360_assets.warehouse.remote_places import EXTRAS, open_place, scheme_of
from c360_assets.warehouse.remote_read_only import PROTOCOL, RemoteReadOnlyFiles, remote_path
from c360_assets.warehouse.session import private_folder

if TYPE_CHECKING:
    import duckdb

MOST_DELETED = 1000  # objects of one request


class _Version(NamedTuple):
    """A version of an object, or the marker that it was deleted."""

    key: str
    version: str
    is_marker: bool


@dataclass(frozen=True)
class S3Storage:
    """A place in S3; credentials come from the environment."""

    address: str

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            return open_place(self.address)
        except ImportError:
            extra = EXTRAS[scheme_of(self.address)]
            raise C360Error(
                f"{self.address} needs an optional part of this package: "
                f"pip install 'c360-assets[{extra}]'"
            ) from None

    @property
    def _system(self) -> Any:
        return self._opened[0]

    def _path(self, name: str) -> str:
        return f"{self._opened[1]}/{name}"

    @contextmanager
    def _safe(self) -> Iterator[None]:
        """Its library raises nearly anything, with addresses and names in the text."""
        try:
            yield
        except (FileNotFoundError, C360Error):
            raise
        except Exception as error:
            raise unreachable(self.address, error) from None

    def read(self, name: str) -> bytes | None:
        try:
            with self._safe():
                return bytes(self._system.cat_file(self._path(name)))
        except FileNotFoundError:
            with self._safe():
                self._require_bucket()
            return None

    def _require_bucket(self) -> None:
        bucket = self._opened[1].partition("/")[0]
        if not self._system.exists(bucket):
            raise C360Error(f"{self.address}: there is no bucket {bucket}; create it")

    def has(self, name: str) -> bool:
        with self._safe():
            return bool(self._system.exists(self._path(name)))

    def put(self, name: str, content: bytes) -> None:
        with self._safe():
            self._system.pipe_file(self._path(name), content)

    def put_file(self, aside: Path, name: str) -> None:
        with self._safe():
            self._system.put_file(str(aside), self._path(name))
        aside.unlink()

    def files(self) -> dict[str, int]:
        base = f"{self._opened[1]}/"
        try:
            with self._safe():
                found = self._system.find(self._opened[1], detail=True)
        except FileNotFoundError:
            return {}
        return {
            path.removeprefix(base): int(info["size"])
            for path, info in sorted(found.items())
            if info["type"] == "file"
        }

    def delete(self, names: Iterable[str]) -> None:
        bucket, _, base = self._opened[1].partition("/")
        keys = [{"Key": f"{base}/{name}"} for name in names]
        for start in range(0, len(keys), MOST_DELETED):
            objects = {"Objects": keys[start : start + MOST_DELETED], "Quiet": True}
            with self._safe():
                self._system.call_s3("delete_objects", Bucket=bucket, Delete=objects)

    def purge(self, is_own: Callable[[str], bool]) -> Purged:
        """A bucket that keeps versions keeps those of a deleted object, and of one that was
        replaced."""
        bucket, _, base = self._opened[1].partition("/")
        start = len(base) + 1
        try:
            listed = self._old_versions(bucket, f"{base}/")
        except Exception:  # credentials that may not list them, or a store that cannot
            return Purged(0, 0, is_known=False)
        versions = [one for one in listed if is_own(one.key[start:])]
        removed = 0
        kept: set[str] = set()
        # Markers last: without its marker, an object whose version is kept would be there again.
        for one in sorted(versions, key=lambda one: one.is_marker):
            if one.is_marker and one.key in kept:
                continue
            try:
                self._system.call_s3(
                    "delete_object", Bucket=bucket, Key=one.key, VersionId=one.version
                )
                removed += not one.is_marker
            except Exception:  # it may not, or the bucket locks what it holds
                kept.add(one.key)
        return Purged(removed, len(kept))

    def _old_versions(self, bucket: str, prefix: str) -> list[_Version]:
        """Whatever is not what a reader of a key gets; the markers of deletion too."""
        found: list[_Version] = []
        start: dict[str, str] = {}
        while True:
            page = self._system.call_s3(
                "list_object_versions", Bucket=bucket, Prefix=prefix, **start
            )
            found += [
                _Version(item["Key"], item["VersionId"], False)
                for item in page.get("Versions", ())
                if not item["IsLatest"]
            ]
            found += [
                _Version(item["Key"], item["VersionId"], True)
                for item in page.get("DeleteMarkers", ())
            ]
            if not page.get("IsTruncated"):
                return found
            start = {"KeyMarker": page["NextKeyMarker"]}
            if page.get("NextVersionIdMarker"):
                start["VersionIdMarker"] = page["NextVersionIdMarker"]

    def opened(self, name: str) -> BinaryIO:
        with self._safe():
            file: BinaryIO = self._system.open(self._path(name), "rb")
            return file

    def local_copies(self, names: Iterable[str], folder: Path) -> Iterator[tuple[str, Path]]:
        copy = private_folder(folder) / f"lake-{os.getpid()}"
        try:
            for name in names:
                with suppress(FileNotFoundError), self._safe():
                    self._system.get_file(self._path(name), str(copy))
                    copy.chmod(0o600)
                    yield name, copy
        finally:
            copy.unlink(missing_ok=True)

    def aside_folder(self, working: Path) -> Path:
        return private_folder(working / f"lake-{os.getpid()}.building")

    def sweep(self) -> None:
        """Nothing: an object is there when it is whole."""

    def connect(self, con: duckdb.DuckDBPyConnection) -> None:
        if not con.filesystem_is_registered(PROTOCOL):
            con.register_filesystem(RemoteReadOnlyFiles(self._system))

    def read_only(self, name: str) -> str:
        return remote_path(self._path(name))

    def table_uri(self, name: str) -> str:
        return f"{self.address.rstrip('/')}/{name}"

    def make_private(self, folder: str) -> None:
        """Nothing: who may read a bucket, its owner decides."""

    @property
    def options(self) -> dict[str, str]:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
        options = {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
        if endpoint.startswith("http://"):
            options["AWS_ALLOW_HTTP"] = "true"
        return options

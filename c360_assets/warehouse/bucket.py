"""Objects of one folder of an S3 bucket: read, put on a condition, listed, removed with their
versions.

A condition is what makes the bucket safe for two machines: an object is put only where nobody
changed it since it was read. Credentials come from the environment (`remote_places`). What the
objects are belongs to `storage` and `lease`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from c360_assets.errors import C360Error
from c360_assets.warehouse.files import private_folder, put_in_place, sync_file
from c360_assets.warehouse.remote_failures import bucket_failure, error_code, kind_of_failure
from c360_assets.warehouse.remote_places import DELTA_LIMITS, open_place
from c360_assets.wording import counted

WAREHOUSE = "warehouse"
LAKE = "lake"
SECONDS_OF_SILENCE = 10.0  # for which a server that did not answer is not asked again
AT_ONCE = 1000  # objects that one request removes
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
MISSING = frozenset({"NoSuchKey", "404"})
HIDDEN = frozenset({"AccessDenied", "403"})
UNCHANGED = frozenset({"304", "NotModified"})
AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


class StoredFile(NamedTuple):
    """A file of a warehouse: its path below it, bytes, and when it was written (seconds since
    1970)."""

    name: str
    size: int
    modified: float


class Content(NamedTuple):
    """An object as it was read: its bytes, the mark of this very content (ETag), how many seconds
    ago it was put, by the clock of the server."""

    body: bytes
    etag: str
    age: float


class Purged(NamedTuple):
    """Earlier versions of objects: how many went, and how many objects the bucket keeps some of;
    not `is_known` where they could not be listed."""

    removed: int
    kept: int
    is_known: bool = True


class ChangedError(Exception):
    """Somebody else put the object since it was read, or it was there already."""


class SameError(Exception):
    """The content is that which the caller knows."""


class Bucket:
    """The objects below `address` (`s3://bucket/folder`); their names are paths below it.

    Every method raises C360Error where the bucket cannot be reached or refuses; `place` is what the
    folder is to the tenant.
    """

    def __init__(self, address: str, place: str = WAREHOUSE) -> None:
        self.address = address
        self.place = place
        self._silent_until = 0.0
        self._silence = ""
        with self.failures():
            self.system, path = open_place(address)
        self.name, _, folder = path.partition("/")
        self.prefix = f"{folder}/" if folder else ""

    def read(self, name: str, unless: str | None = None) -> Content | None:
        """An object; None where there is none.

        Raises SameError where its content still is that of the ETag `unless`.
        """
        condition = {} if unless is None else {"IfNoneMatch": unless}
        with self.failures(name):
            try:
                answer = self._call("get_object", Key=self.prefix + name, **condition)
            except Exception as error:
                code = error_code(error)
                if code in MISSING:
                    return None
                if code in UNCHANGED:
                    raise SameError(name) from None
                raise
            body = self._awaited(answer["Body"].read)
            now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
            return Content(body, answer["ETag"], (now - answer["LastModified"]).total_seconds())

    def put(self, name: str, body: bytes, replaces: str | None) -> str:
        """Put an object in place of the content of which `replaces` is the ETag, None: of no object
        at all; returns the new ETag.

        Raises ChangedError where another content is there.
        """
        condition = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}
        with self.failures(name):
            try:
                answer = self._call("put_object", Key=self.prefix + name, Body=body, **condition)
            except Exception as error:
                if error_code(error) not in CHANGED | MISSING:
                    raise
            else:
                return str(answer["ETag"])
        # An answer that was lost on its way is asked for again, and then finds our own content.
        there = self.read(name)
        if there is not None and there.body == body:
            return there.etag
        raise ChangedError(name)

    def upload(self, file: Path, name: str) -> None:
        """Put a whole file, whatever is there."""
        with self.failures(name):
            self.system.put_file(str(file), self.path(name))

    def write(self, name: str, body: bytes) -> None:
        """Put an object, whatever is there."""
        with self.failures(name):
            self._call("put_object", Key=self.prefix + name, Body=body)

    def has(self, name: str) -> bool:
        """Whether there is such an object."""
        with self.failures(name):
            try:
                self._call("head_object", Key=self.prefix + name)
            except FileNotFoundError:
                return False
        return True

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """An object for reading, a file that knows its `size`."""
        with self.failures(name), self.system.open(self.path(name), "rb") as file:
            yield file

    def path(self, name: str) -> str:
        """Bucket and key of an object."""
        return f"{self.name}/{self.prefix}{name}"

    def download(self, name: str, file: Path) -> None:
        """Put an object into a private file, whole or not at all.

        Raises FileNotFoundError where it is not there.
        """
        private_folder(file.parent)
        aside = file.with_name(f".{file.name}.{os.getpid()}.new")
        try:
            with self.failures(name):
                is_there = True
                try:
                    self.system.get_file(self.path(name), str(aside))
                except FileNotFoundError as error:
                    if error_code(error) == "NoSuchBucket":
                        raise
                    is_there = False
            if not is_there:
                raise FileNotFoundError(f"{self.address}/{name}")
            aside.chmod(0o600)
            sync_file(aside)
            put_in_place(aside, file)
        finally:
            aside.unlink(missing_ok=True)

    def stored(self) -> list[StoredFile]:
        """Every object, by name."""
        with self.failures():
            return [
                StoredFile(
                    entry["Key"].removeprefix(self.prefix),
                    int(entry["Size"]),
                    entry["LastModified"].timestamp(),
                )
                for page in self._pages("list_objects_v2", "ContinuationToken")
                for entry in page.get("Contents", [])
            ]

    def above(self, name: str) -> str:
        """The address of a folder above this one that has an object of the name; empty where there
        is none, or it may not be looked at."""
        parts = self.prefix.split("/")[:-2]
        parents = (
            ["/".join(parts[:depth]) for depth in range(len(parts) + 1)] if self.prefix else []
        )
        with self.failures():
            for parent in parents:
                key = f"{parent}/{name}" if parent else name
                try:
                    self._call("get_object", Key=key)
                except Exception as error:
                    if error_code(error) not in MISSING | HIDDEN:
                        raise
                else:
                    return f"s3://{self.name}/{parent}".rstrip("/")
        return ""

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; a bucket with versions keeps them until `drop_old_versions`."""
        with self.failures():
            left = self._delete({"Key": self.prefix + name} for name in names)
        if left:
            raise C360Error(
                f"{counted(len(left), 'object')} of {self.address} could not be removed, such as "
                f"s3://{self.name}/{min(left)}: the credentials must be allowed to delete there"
            )

    def drop_old_versions(self, is_own: Callable[[str], bool] = lambda _name: True) -> Purged:
        """Remove what the bucket keeps of replaced and removed objects, of those whose names are
        our own.

        Raises C360Error where it does not say what it keeps.
        """
        start = len(self.prefix)
        versions: list[dict[str, str]] = []
        markers: list[dict[str, str]] = []
        with self.failures():
            for page in self._pages("list_object_versions", "KeyMarker"):
                replaced = [entry for entry in page.get("Versions", []) if not entry["IsLatest"]]
                versions += [_version(entry) for entry in replaced if is_own(entry["Key"][start:])]
                marks = page.get("DeleteMarkers", [])
                markers += [_version(entry) for entry in marks if is_own(entry["Key"][start:])]
            kept = self._delete(versions)
            # Without its marker, an object of which a version is kept would be there again.
            kept |= self._delete(entry for entry in markers if entry["Key"] not in kept)
        left = sum(entry["Key"] in kept for entry in versions)
        return Purged(len(versions) - left, len(kept))

    def delta_options(self) -> dict[str, str]:
        """What `deltalake` needs to work on this bucket, with the credentials of this moment: kept
        in memory only."""
        with self.failures():
            options = {"aws_conditional_put": "etag", "aws_region": self._region, **DELTA_LIMITS}
            endpoint = self.system.s3.meta.endpoint_url
            if not endpoint.endswith(AMAZON):
                options["aws_endpoint"] = endpoint
                options["allow_http"] = str(endpoint.startswith("http://")).lower()
            credentials = self._awaited(self.system.session.get_credentials)
            if credentials is None:
                return options | {"aws_skip_signature": "true"}
            frozen = self._awaited(credentials.get_frozen_credentials)
            options["aws_access_key_id"] = frozen.access_key
            options["aws_secret_access_key"] = frozen.secret_key
            if frozen.token:
                options["aws_session_token"] = frozen.token
            return options

    def _awaited(self, function: Callable[[], Any]) -> Any:
        """What a coroutine of the file system's own loop returns."""
        from fsspec.asyn import sync

        return sync(self.system.loop, function)

    @cached_property
    def _region(self) -> str:
        """Where the bucket is: `deltalake` does not follow to another region."""
        answer = self._call("head_bucket")
        return str(answer.get("BucketRegion") or self.system.s3.meta.region_name or "us-east-1")

    def _call(self, method: str, **arguments: Any) -> Any:
        return self.system.call_s3(method, Bucket=self.name, **arguments)

    def _pages(self, method: str, marker: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            page = self._call(method, Prefix=self.prefix, **more)
            yield page
            if not page.get("IsTruncated"):
                return
            more = {marker: page[f"Next{marker}"]}
            if marker == "KeyMarker" and page.get("NextVersionIdMarker"):
                more["VersionIdMarker"] = page["NextVersionIdMarker"]

    def _delete(self, objects: Iterable[dict[str, str]]) -> set[str]:
        """Remove objects, and return the keys of those that could not be."""
        left: set[str] = set()
        rest = iter(objects)
        while part := list(islice(rest, AT_ONCE)):
            answer = self._call("delete_objects", Delete={"Objects": part, "Quiet": True})
            left |= {str(failed.get("Key", "")) for failed in answer.get("Errors", [])}
        return left

    @contextmanager
    def failures(self, name: str = "") -> Iterator[None]:
        """Say what is wrong, with the object `name`; the texts of libraries hold addresses and
        values."""
        if time.monotonic() < self._silent_until:
            raise C360Error(self._silence)
        try:
            yield
        except (C360Error, SameError):
            raise
        except Exception as error:
            failure = bucket_failure(self.place, self.address, error, name)
            if kind_of_failure(error) == "slow":
                # What a failed run does to end would wait as long, each time.
                self._silent_until = time.monotonic() + SECONDS_OF_SILENCE
                self._silence = str(failure)
            raise failure from None


def bucket_at(address: str, place: str = WAREHOUSE) -> Bucket:
    """The bucket at an address; one per process and environment, as to connect takes a while."""
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _bucket(address, place, settings)


@lru_cache(maxsize=8)
def _bucket(address: str, place: str, _settings: tuple[tuple[str, str], ...]) -> Bucket:
    return Bucket(address, place)


def _version(entry: dict[str, Any]) -> dict[str, str]:
    return {"Key": entry["Key"], "VersionId": entry["VersionId"]}

"""Objects of one folder of an S3 bucket: read, put on a condition, listed, removed with their
versions.

A condition is what makes the bucket safe for two machines: an object is put only where nobody
changed it since it was read. Credentials come from the environment (`remote_places`). What the
objects are belongs to `storage` and `lease`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from c360_assets.errors import C360Error
from c360_assets.warehouse.files import private_folder, put_in_place, sync_file
from c360_assets.warehouse.remote_places import EXTRAS, kind_of_failure, open_place

AT_ONCE = 1000  # objects that one request removes
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
MISSING = frozenset({"NoSuchKey", "404"})
HIDDEN = frozenset({"AccessDenied", "403"})
UNCHANGED = frozenset({"304", "NotModified"})
AMAZON = (".amazonaws.com", ".amazonaws.com.cn")
# Kind of failure -> what is wrong, what to do.
FAILURES = {
    "connection": (
        "cannot be reached",
        "check the address, AWS_ENDPOINT_URL and the network, then run again",
    ),
    "credentials": (
        "refuses these credentials",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to ones that may list, read, write and "
        "delete there",
    ),
    "location": ("is not there", "create the bucket, or correct warehouse in tenant.yaml"),
    "extra": (
        "needs an optional part of this package",
        f"install it: pip install 'c360-assets[{EXTRAS['s3']}]'",
    ),
    "disk": ("could not be copied: the disk is full", "make room and run again"),
}


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


class ChangedError(Exception):
    """Somebody else put the object since it was read, or it was there already."""


class SameError(Exception):
    """The content is that which the caller knows."""


class Bucket:
    """The objects below `address` (`s3://bucket/folder`); their names are paths below it.

    Every method raises C360Error where the bucket cannot be reached or refuses.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        with self._failures():
            self.system, path = open_place(address)
        self.name, _, folder = path.partition("/")
        self.prefix = f"{folder}/" if folder else ""

    def read(self, name: str, unless: str | None = None) -> Content | None:
        """An object; None where there is none.

        Raises SameError where its content still is that of the ETag `unless`.
        """
        condition = {} if unless is None else {"IfNoneMatch": unless}
        with self._failures():
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
        with self._failures():
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
        with self._failures():
            self.system.put_file(str(file), f"{self.name}/{self.prefix}{name}")

    def download(self, name: str, file: Path) -> None:
        """Put an object into a private file, whole or not at all.

        Raises FileNotFoundError where it is not there.
        """
        private_folder(file.parent)
        aside = file.with_name(f".{file.name}.{os.getpid()}.new")
        try:
            with self._failures():
                is_there = True
                try:
                    self.system.get_file(f"{self.name}/{self.prefix}{name}", str(aside))
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
        with self._failures():
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
        with self._failures():
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
        with self._failures():
            left = self._delete([{"Key": self.prefix + name} for name in names])
        if left:
            raise C360Error(
                f"{left} objects of {self.address} could not be removed: the credentials must be "
                "allowed to delete there"
            )

    def drop_old_versions(self) -> int:
        """Remove what the bucket keeps of replaced and removed objects; how many it still keeps.

        Raises C360Error where it does not say what it keeps.
        """
        with self._failures():
            old = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for page in self._pages("list_object_versions", "KeyMarker")
                for entry in _old_versions(page)
            ]
            return self._delete(old)

    def delta_options(self) -> dict[str, str]:
        """What `deltalake` needs to work on this bucket, with the credentials of this moment: kept
        in memory only."""
        with self._failures():
            options = {"aws_conditional_put": "etag", "aws_region": self._region}
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

    def _delete(self, objects: Iterable[dict[str, str]]) -> int:
        """Remove objects, and return how many could not be."""
        left = 0
        rest = iter(objects)
        while part := list(islice(rest, AT_ONCE)):
            answer = self._call("delete_objects", Delete={"Objects": part, "Quiet": True})
            left += len(answer.get("Errors", []))
        return left

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Say what is wrong; the texts of libraries hold addresses and names."""
        try:
            yield
        except (C360Error, SameError):
            raise
        except Exception as error:
            problem, remedy = FAILURES[kind_of_failure(error)]
            reason = error_code(error) or type(error).__name__
            raise C360Error(f"warehouse {self.address} {problem} ({reason}); {remedy}") from None


def bucket_at(address: str) -> Bucket:
    """The bucket at an address; one per process and environment, as to connect takes a while."""
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _bucket(address, settings)


@lru_cache(maxsize=8)
def _bucket(address: str, _settings: tuple[tuple[str, str], ...]) -> Bucket:
    return Bucket(address)


def error_code(error: BaseException | None) -> str:
    """The code by which S3 names what is wrong, of an error or of those behind it."""
    while error is not None:
        answer = getattr(error, "response", None)
        if isinstance(answer, dict):
            return str(answer.get("Error", {}).get("Code", ""))
        error = error.__cause__ or error.__context__
    return ""


def _old_versions(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is no longer an object: replaced contents, and marks that one was removed."""
    yield from (entry for entry in page.get("Versions", []) if not entry["IsLatest"])
    yield from page.get("DeleteMarkers", [])

"""Files of other places as landing: what is at a feed's remote address, copied below `cache/`.

The copy mirrors what fits the feed's pattern: same paths, sizes and times, and a file that has gone
there goes here. Nothing is written at the address. Whoever only wants to know what is there lists
it. Which of the files are to be loaded is decided in `landing`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit
from zlib import crc32

from c360_assets.ingest.delivery_days import first_day
from c360_assets.ingest.done_marks import is_marked
from c360_assets.ingest.failures import LoadError
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.remote_failures import (
    OF_BUCKET,
    FailureKind,
    kind_of_failure,
    reason_of,
)
from c360_assets.warehouse.remote_places import SFTP_PASSWORD, open_place
from c360_assets.warehouse.session import private_folder

ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt, twice that before the third
SECONDS_BETWEEN_LOOKS = 10.0  # one run asks for a feed's files several times
_looked: dict[Path, float] = {}
# Kinds of failure that may pass by themselves, and are tried again.
PASSING = frozenset({"connection", "busy"})
# Kind of failure (`kind_of_failure`) -> what is wrong, what to do.
FAILURES: dict[FailureKind, tuple[str, str]] = {
    **OF_BUCKET,
    "connection": ("cannot be reached", "check the address and the network, then run again"),
    "credentials": (
        "refuses these credentials",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, "
        f"AZURE_STORAGE_CONNECTION_STRING, or the SSH key or {SFTP_PASSWORD}, to ones that may "
        "read it",
    ),
    "rights": ("does not allow this", "let these credentials list and read there, then run again"),
    "location": ("is not there", "correct files.address, or create the bucket or folder"),
    "host_key": (
        "is a host whose key is not known",
        "see that it is the right one, then add it to ~/.ssh/known_hosts with ssh-keyscan",
    ),
    "extra": (
        "needs an optional part of this package",
        "install it: pip install 'c360-assets[s3]', or with sftp, gcs or azure in place of s3",
    ),
}
Result = TypeVar("Result")


@dataclass(frozen=True)
class Facts:
    """What tells one content of a remote file from another.

    `changed` is the time of change in whole seconds, `version` the place's own mark of a version,
    where it has one (the ETag of S3).
    """

    size: int
    changed: int
    version: str = ""

    @property
    def mtime_ns(self) -> int:
        """The time of change that the copy gets.

        Two versions of one second differ in the fraction, by their mark.
        """
        fraction = crc32(self.version.encode()) % 10**6 * 1000 if self.version else 0
        return self.changed * 10**9 + fraction


@dataclass(frozen=True)
class Remote:
    """A file at the address: its path below it, the day in its name, its whole path, its facts."""

    relative: str
    day: date | None
    path: str
    facts: Facts


def cache_folder(tenant: Tenant, feed: FeedConfig) -> Path:
    """Where the copies of a feed's remote files are."""
    return tenant.root / "cache" / feed.physical


def remote_files(tenant: Tenant, feed: FeedConfig) -> list[Remote]:
    """The feed's files at its address, by path; nothing is fetched. Raises LoadError as `fetch`."""
    return _attempted(feed, lambda: _wanted(tenant, feed, *open_place(feed.files.address)))


def is_fetched(folder: Path, remote: Remote) -> bool:
    """Whether the cache folder holds this version of a remote file."""
    try:
        facts = (folder / remote.relative).stat()
    except FileNotFoundError:
        return False
    return (facts.st_size, facts.st_mtime_ns) == (remote.facts.size, remote.facts.mtime_ns)


def fetch(tenant: Tenant, feed: FeedConfig) -> Path:
    """Bring the feed's cache folder up to date and return it.

    Raises LoadError, after several attempts where one may help.
    """
    folder = cache_folder(tenant, feed)
    since = time.monotonic() - _looked.get(folder, float("-inf"))
    if not folder.is_dir() or since >= SECONDS_BETWEEN_LOOKS:
        _attempted(feed, lambda: _mirror(tenant, feed, folder))
        _looked[folder] = time.monotonic()
    return folder


def _attempted(feed: FeedConfig, work: Callable[[], Result]) -> Result:
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except Exception as error:
            # Libraries raise nearly anything, with addresses and names in the text.
            kind = kind_of_failure(error)
            if kind in PASSING and attempt + 1 < ATTEMPTS:
                time.sleep(PAUSE * 2**attempt)
                continue
            raise _failure(feed, kind, error) from None
    raise AssertionError("unreachable")


def _failure(feed: FeedConfig, kind: FailureKind, error: Exception) -> LoadError:
    problem, remedy = FAILURES[kind]
    place = urlsplit(feed.files.address)
    address = f"{place.scheme}://{place.hostname or ''}{place.path}"
    problem = f"files.address {address} {problem} ({reason_of(error)})"
    return LoadError(kind, f"feed {feed.name}: {problem}; {remedy}")


def _wanted(tenant: Tenant, feed: FeedConfig, system: Any, base: str) -> list[Remote]:
    """The files that fit the feed's pattern, from the tenant's first day on."""
    pattern = FilePattern(feed.files.pattern)
    folders = feed.files.format == "parquet"
    first = first_day(tenant, feed)
    wanted = []
    entries = list(_files_below(system, base, pattern.glob_root))
    done = feed.files.done
    marks = {file.relative: file.facts.changed for file in entries} if done else {}
    for file in entries:
        match = pattern.fits(file.relative, folders)
        if match is None or not match.valid:
            continue
        # Where the feed wants marks, an unmarked file is not there yet.
        if done and not is_marked(done, file.relative, file.facts.changed, marks):
            continue
        if match.day is None or match.day >= first:
            wanted.append(Remote(file.relative, match.day, file.path, file.facts))
    return wanted


def _mirror(tenant: Tenant, feed: FeedConfig, folder: Path) -> None:
    private_folder(private_folder(folder.parent) / folder.name)
    system, base = open_place(feed.files.address)
    wanted = {remote.relative: remote for remote in _wanted(tenant, feed, system, base)}
    present = [path for path in folder.rglob("*") if path.is_file()]
    for path in present:
        if path.relative_to(folder).as_posix() not in wanted:
            path.unlink(missing_ok=True)
    for remote in wanted.values():
        if not is_fetched(folder, remote):
            _download(tenant, system, remote, folder / remote.relative)


def _download(tenant: Tenant, system: Any, remote: Remote, local: Path) -> None:
    """Copy aside, then into place whole.

    A file that changed meanwhile has not landed yet: the next look finds it.
    """
    aside = private_folder(tenant.root / ".tmp") / f"fetch-{os.getpid()}-{threading.get_ident()}"
    rest_of_second = remote.facts.changed + 1 - time.time()
    if not remote.facts.version and 0 < rest_of_second <= 1:
        # Within the second of its change it could change again and not show it.
        time.sleep(rest_of_second)
    try:
        with suppress(FileNotFoundError):
            system.get_file(remote.path, str(aside))
            unchanged = remote.facts == _facts(system.info(remote.path))
            if unchanged and aside.stat().st_size == remote.facts.size:
                aside.chmod(0o600)
                os.utime(aside, ns=(remote.facts.mtime_ns, remote.facts.mtime_ns))
                private_folder(local.parent)
                os.replace(aside, local)
    finally:
        aside.unlink(missing_ok=True)


class _Entry(NamedTuple):
    """A file at the address: its path below the address, its whole path, what it is like."""

    relative: str
    path: str
    facts: Facts


def _files_below(system: Any, base: str, below: str) -> Iterator[_Entry]:
    """The files of the address `base` below its folder `below`, by path."""
    start = f"{base}/{below}" if below else base
    try:
        entries = system.find(start, detail=True)
    except FileNotFoundError:
        entries = {}
    # A folder of S3 is there only while something is in it.
    if not entries and not system.exists(base.partition("/")[0] or base):
        raise FileNotFoundError
    for path, info in sorted(entries.items()):
        relative = path.removeprefix(base).lstrip("/")
        # A path with such parts would leave the cache folder.
        is_unsafe = {"", ".", ".."} & set(relative.split("/"))
        if info["type"] == "file" and not is_unsafe:
            yield _Entry(relative, path, _facts(info))


def _facts(info: dict[str, Any]) -> Facts:
    # As S3, Azure, and all others call it.
    changed = info.get("LastModified") or info.get("last_modified") or info.get("mtime")
    seconds = int(changed.timestamp() if isinstance(changed, datetime) else changed or 0)
    return Facts(
        int(info["size"]), seconds, str(info.get("ETag") or info.get("etag") or "").strip('"')
    )

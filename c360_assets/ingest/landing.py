"""What has landed, and what of it is to be loaded: files and delivery days.

Nothing here opens a file for its rows; fetching belongs to `remote`, reading to `formats`, loading
to `load`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import polars as pl

from c360_assets.ingest.arrival import is_marked, local_marks, mark_names
from c360_assets.ingest.delivery_days import first_day
from c360_assets.ingest.remote import cache_folder, fetch, is_fetched, remote_files
from c360_assets.tenant.files import FilePattern, printable
from c360_assets.tenant.local_time import today
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.digest import file_digest

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
LEDGER_COLUMNS = ("delivery_day", "attempt", "path", "sha256", "size", "mtime_ns", "status")


@dataclass(frozen=True)
class LandedFile:
    """One file.

    `relative` is its path below `landing/`; `day` is None where the pattern has no date; `sha256`
    is empty until the file was looked at, and stays so if it changed meanwhile. A file that is
    `listed` was only seen at its address: it is not here yet, and its `sha256` stands for a version
    that has never been read.
    """

    path: Path
    relative: str
    day: date | None
    size: int
    mtime_ns: int
    sha256: str = ""
    listed: bool = False

    @property
    def partition(self) -> dict[str, str | None]:
        """The columns that the folder of a partitioned Parquet file names (`region=US`).

        Their values are by lower-cased name, None for a missing one.
        """
        name, equals, value = PurePosixPath(self.relative).parent.name.partition("=")
        if not equals:
            return {}
        return {unquote(name).lower(): None if value == NO_VALUE else unquote(value)}

    def changed(self) -> bool:
        """Whether the file is not what it was when it was looked at.

        It may still be written, or have been replaced, or have gone.
        """
        if self.listed:
            return False
        try:
            now = self.path.stat()
        except OSError:
            return True
        return (now.st_size, now.st_mtime_ns) != (self.size, self.mtime_ns)


@dataclass(frozen=True)
class DayLoad:
    """All files of one delivery day of a feed, in path order.

    They are to be loaded as attempt number `attempt` (from 1).
    """

    day: date
    attempt: int
    files: tuple[LandedFile, ...]


def is_remote(feed: FeedConfig) -> bool:
    return "://" in feed.files.address


def landing_folder(tenant: Tenant, feed: FeedConfig) -> Path:
    """Where the feed's files are; those of a remote address are fetched first.

    Raises LoadError when that fails.
    """
    return fetch(tenant, feed) if is_remote(feed) else tenant.root / feed.files.address


def landed(tenant: Tenant, feed: FeedConfig, *, fetched: bool = True) -> list[LandedFile]:
    """The feed's files that are there now, by path.

    A name whose date is no date of the calendar does not count. Remote files are fetched; with
    `fetched` false they are listed, for whoever only wants to know of them.
    """
    if not fetched and is_remote(feed):
        return _listed(tenant, feed)
    folder = landing_folder(tenant, feed)
    if not folder.is_dir():
        return []
    pattern = FilePattern(feed.files.pattern)
    files = []
    for match in pattern.find(folder, folders=feed.files.format == "parquet"):
        if not match.valid:
            continue
        path = folder / match.path
        try:
            facts = path.stat()
        except OSError:  # it has gone meanwhile
            continue
        files.append(LandedFile(path, match.path, match.day, facts.st_size, facts.st_mtime_ns))
    return files if is_remote(feed) else _marked(feed, folder, files)


def _marked(feed: FeedConfig, folder: Path, files: list[LandedFile]) -> list[LandedFile]:
    """The files that are marked as whole, where the feed wants marks."""
    done = feed.files.done
    if done is None:
        return files
    marks = local_marks(done, folder, [file.relative for file in files])
    return [file for file in files if is_marked(done, file.relative, file.mtime_ns, marks)]


def unmarked(tenant: Tenant, feed: FeedConfig) -> list[str]:
    """Local files of the feed that wait for their mark, by path."""
    if feed.files.done is None or is_remote(feed):
        return []
    marked = {file.relative for file in landed(tenant, feed)}
    folder = tenant.root / feed.files.address
    matches = FilePattern(feed.files.pattern).find(folder, feed.files.format == "parquet")
    return [match.path for match in matches if match.valid and match.path not in marked]


def odd_entries(tenant: Tenant, feed: FeedConfig) -> list[str]:
    """A sentence for each entry of a local feed's folder that fits by name and is no file."""
    if is_remote(feed):
        return []
    folder = tenant.root / feed.files.address
    pattern = FilePattern(feed.files.pattern)
    return [
        f"{feed.name}: {entry.path} {entry.problem}, so it is not loaded; remove or rename it"
        for entry in pattern.odd_entries(folder, feed.files.format == "parquet")
    ]


def _listed(tenant: Tenant, feed: FeedConfig) -> list[LandedFile]:
    folder = cache_folder(tenant, feed)
    return [
        LandedFile(
            folder / remote.relative,
            remote.relative,
            remote.day,
            remote.facts.size,
            remote.facts.mtime_ns,
            listed=not is_fetched(folder, remote),
        )
        for remote in remote_files(tenant, feed)
    ]


def outside(tenant: Tenant, feed: FeedConfig, through: date | None = None) -> list[LandedFile]:
    """Files that are reported and not loaded.

    Their day is after `through` (default today) or before the tenant's first day.
    """
    first, last = first_day(tenant, feed), through or today(tenant)
    return [
        file
        for file in landed(tenant, feed)
        if file.day is not None and not first <= file.day <= last
    ]


def unclaimed(tenant: Tenant) -> list[str]:
    """Files below `landing/` that no feed's pattern takes, or whose date is no date.

    Paths in order, hidden files left out.
    """
    folder = tenant.root / "landing"
    claimed: set[Path] = set()
    for feed in tenant.feeds:
        if not is_remote(feed):
            claimed |= _claimed(tenant, feed)
    paths = []
    for path in folder.rglob("*"):
        if path not in claimed and path.is_file():
            relative = path.relative_to(folder)
            if not any(part.startswith(".") for part in relative.parts):
                paths.append(printable(relative.as_posix()))
    return sorted(paths)


def _claimed(tenant: Tenant, feed: FeedConfig) -> set[Path]:
    """The feed's files, and their marks."""
    claimed = {file.path for file in landed(tenant, feed)}
    done = feed.files.done
    if done is None:
        return claimed
    folder = tenant.root / feed.files.address
    claimed |= {folder / path for path in unmarked(tenant, feed)}
    marks = [path.with_name(name) for path in claimed for name in mark_names(done, path.name)]
    return claimed | set(marks)


def shared(tenant: Tenant) -> dict[str, list[str]]:
    """Files below `landing/` that several feeds take, with the feeds' names.

    Archives of which each takes its own part are left out.
    """
    takers: dict[str, list[str]] = defaultdict(list)
    for feed in sorted(tenant.feeds, key=lambda feed: feed.name):
        if not is_remote(feed) and feed.files.contents is None:
            for file in landed(tenant, feed):
                relative = file.path.relative_to(tenant.root / "landing")
                takers[relative.as_posix()].append(feed.name)
    return {path: feeds for path, feeds in sorted(takers.items()) if len(feeds) > 1}


def pending(
    tenant: Tenant,
    feed: FeedConfig,
    ledger: pl.DataFrame,
    through: date | None = None,
    *,
    fetched: bool = True,
) -> list[DayLoad]:
    """The delivery days up to `through` (default today) that are to be loaded, oldest first.

    They are those of which a file is new or has other content than in the last attempt that was
    recorded, or whose last attempt failed; a file that has gone does not count. The whole day is
    loaded again, as the attempt after the last one that succeeded: a failure changes nothing, so
    the next try keeps its number. A file whose name has no date belongs to the day `through` unless
    its content was loaded before. With `fetched` false remote files are listed only, which is
    enough to see that there is something to load, and not to load it.
    """
    first, last = first_day(tenant, feed), through or today(tenant)
    known = _Known(ledger.filter(pl.col("feed") == feed.name))
    days: dict[date, list[LandedFile]] = defaultdict(list)
    undated = not FilePattern(feed.files.pattern).has_date
    for file in landed(tenant, feed, fetched=fetched):
        file = known.identified(file)
        if undated:
            file = replace(file, day=known.day_of(file) or last)
        assert file.day is not None
        if first <= file.day <= last:
            days[file.day].append(file)
    return [
        DayLoad(day, known.loaded_attempts.get(day, 0) + 1, tuple(files))
        for day, files in sorted(days.items())
        if known.has_other_content(day, files)
    ]


def gone(tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame) -> list[str]:
    """Paths whose rows are in the feed's table and whose content is no longer there.

    They cannot be loaded again.
    """
    of_feed = (pl.col("feed") == feed.name) & (pl.col("status") == "loaded")
    known = _Known(ledger.filter(of_feed))
    there = {(file.relative, known.identified(file).sha256) for file in landed(tenant, feed)}
    loaded = set().union(*known.current.values())
    return sorted({path for path, _ in loaded - there})


class _Known:
    """What the ledger knows of one feed.

    `current` holds path and hash of the files of each day's last attempt, none where it failed;
    `loaded_attempts` the number of the last attempt that succeeded.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self.loaded_attempts: dict[date, int] = {}
        self.current: dict[date, set[tuple[str, str]]] = defaultdict(set)
        self._hashes: dict[tuple[str, int, int], str] = {}
        self._days: dict[tuple[str, str], date] = {}
        latest: dict[date, int] = {}
        for row in rows.sort("attempt").select(LEDGER_COLUMNS).iter_rows(named=True):
            day, path, sha256 = row["delivery_day"], row["path"], row["sha256"]
            if sha256:
                self._hashes[path, row["size"], row["mtime_ns"]] = sha256
            if row["attempt"] > latest.get(day, 0):
                latest[day] = row["attempt"]
                self.current[day] = set()
            if row["status"] != "failed":
                self.loaded_attempts[day] = row["attempt"]
                self.current[day].add((path, sha256))
                self._days[path, sha256] = day

    def has_other_content(self, day: date, files: list[LandedFile]) -> bool:
        """Whether a file of the day is not one of the day's last attempt."""
        current = self.current.get(day, set())
        return any((file.relative, file.sha256) not in current for file in files)

    def identified(self, file: LandedFile) -> LandedFile:
        """`file` with its hash.

        Bytes are read only where path, size and time of change are not in the ledger.
        """
        known = self._hashes.get((file.relative, file.size, file.mtime_ns))
        if known is None and file.listed:
            known = f"version {file.mtime_ns} of {file.size} bytes"
        elif known is None:
            try:
                known = file_digest(file.path)
            except OSError:
                known = ""
        return replace(file, sha256="" if file.changed() else known)

    def day_of(self, file: LandedFile) -> date | None:
        return self._days.get((file.relative, file.sha256))

"""What the ledger knows of a feed's files: which were loaded as they lie there, and how often.

A folder keeps the files of years, so what every look needs is taken from the ledger by column, and
what only news needs is read when there is news. Which files lie there belongs to `landing`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.digest import file_digest

if TYPE_CHECKING:
    from c360_assets.ingest.landed_files import LandedFile

COLUMNS = ("delivery_day", "attempt", "path", "sha256", "size", "mtime_ns", "status")
NEWEST_ATTEMPT = pl.col("attempt") == pl.col("attempt").max().over("delivery_day")
# Digests of files that lie there otherwise than the ledger knows them, such as copies with new
# times, so that a service reads each once and not at every tick.
_digests: dict[tuple[str, int, int], str] = {}
MOST_DIGESTS = 100_000


class LoadedFile(NamedTuple):
    """A file of a day's last attempt: its path, its size and time then, the digest of its bytes."""

    path: str
    facts: tuple[int, int]
    sha256: str


@dataclass
class _Rows:
    """The rows of the ledger in the forms in which news is held against them.

    `current` holds path and digest of the files of each day's last attempt, none where it failed;
    `loaded_attempts` the number of the last attempt that succeeded.
    """

    loaded_attempts: dict[date, int] = field(default_factory=dict)
    current: dict[date, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    digests: dict[tuple[str, int, int], str] = field(default_factory=dict)
    days: dict[tuple[str, str], date] = field(default_factory=dict)


class KnownFiles:
    """What the ledger's `rows` of one feed say."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._frame = rows

    @cached_property
    def _newest(self) -> pl.DataFrame:
        """The rows of each day's last attempt, where it did not fail."""
        return self._frame.filter(NEWEST_ATTEMPT).filter(pl.col("status") != "failed")

    @cached_property
    def as_loaded(self) -> dict[str, tuple[int, int]]:
        """Path -> size and time of the files of each day's last attempt, where it did not fail."""
        newest = self._newest
        facts = zip(newest["size"].to_list(), newest["mtime_ns"].to_list(), strict=True)
        return dict(zip(newest["path"].to_list(), facts, strict=True))

    def of_day(self, day: date) -> Iterator[LoadedFile]:
        """The files of the day's last attempt, none where it failed."""
        columns = ("path", "size", "mtime_ns", "sha256")
        rows = self._newest.filter(pl.col("delivery_day") == day).select(columns)
        for path, size, mtime_ns, sha256 in rows.iter_rows():
            yield LoadedFile(path, (size, mtime_ns), sha256)

    @cached_property
    def _rows(self) -> _Rows:
        rows = _Rows()
        latest: dict[date, int] = {}
        for row in self._frame.sort("attempt").select(COLUMNS).iter_rows(named=True):
            day, path, sha256 = row["delivery_day"], row["path"], row["sha256"]
            if sha256:
                rows.digests[path, row["size"], row["mtime_ns"]] = sha256
            if row["attempt"] > latest.get(day, 0):
                latest[day] = row["attempt"]
                rows.current[day] = set()
            if row["status"] != "failed":
                rows.loaded_attempts[day] = row["attempt"]
                rows.current[day].add((path, sha256))
                rows.days[path, sha256] = day
        return rows

    @property
    def loaded_attempts(self) -> dict[date, int]:
        """Day -> the number of its last attempt that succeeded."""
        return self._rows.loaded_attempts

    @property
    def current(self) -> dict[date, set[tuple[str, str]]]:
        """Day -> path and digest of the files of its last attempt, none where it failed."""
        return self._rows.current

    def is_whole(self, day: date, files: list[LandedFile]) -> bool:
        """Whether the day was loaded, and all files of its last attempt are there unchanged."""
        current = self.current.get(day, set())
        return bool(current) and current <= {(file.relative, file.sha256) for file in files}

    def can_be_read_again(self, day: date, files: list[LandedFile]) -> bool:
        """Whether no row of the day would be lost: files replaced by others are read instead."""
        paths = {file.relative for file in files}
        return {path for path, _ in self.current.get(day, set())} <= paths

    def has_other_content(self, day: date, files: list[LandedFile]) -> bool:
        """Whether a file of the day is not one of the day's last attempt."""
        current = self.current.get(day, set())
        return any((file.relative, file.sha256) not in current for file in files)

    def digest_of(self, file: LandedFile) -> str:
        """The digest of the file's bytes, which are read only where they were never read before.

        Of a file that is only listed it stands for the version; it is empty where none can be read.
        """
        known = self._rows.digests.get((file.relative, file.size, file.mtime_ns))
        if known is not None:
            return known
        if file.listed:
            return f"version {file.mtime_ns} of {file.size} bytes"
        return _digest(file)

    def day_of(self, file: LandedFile) -> date | None:
        """The day that the file's content was loaded for, None where it never was."""
        return self._rows.days.get((file.relative, file.sha256))


def _digest(file: LandedFile) -> str:
    key = (str(file.path), file.size, file.mtime_ns)
    if key not in _digests:
        try:
            digest = file_digest(file.path)
        except OSError:
            return ""
        if file.changed():
            return digest
        if len(_digests) >= MOST_DIGESTS:
            _digests.clear()
        _digests[key] = digest
    return _digests[key]


# The ledger that was asked of last, by feed: a tick asks for each of many.
_last: list[tuple[pl.DataFrame, dict[str, KnownFiles]]] = []


def known_files(ledger: pl.DataFrame, feed: FeedConfig) -> KnownFiles:
    """What the ledger knows of the feed's files."""
    if not _last or _last[0][0] is not ledger:
        by_feed = ledger.partition_by("feed", as_dict=True)
        _last[:] = [(ledger, {str(name): KnownFiles(rows) for (name,), rows in by_feed.items()})]
    _, feeds = _last[0]
    return feeds.setdefault(feed.name, KnownFiles(ledger.clear()))

"""The files of a feed as they lie in their folder or at their address.

Nothing here opens a file for its rows; fetching belongs to `remote`, which days are to be loaded to
`landing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from c360_assets.ingest.done_marks import is_marked, local_marks
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.remote import cache_folder, fetch, is_fetched, remote_files
from c360_assets.tenant.files import NO_FILES, FilePattern, Look, printable
from c360_assets.tenant.models import FeedConfig, Tenant

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


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


def is_remote(feed: FeedConfig) -> bool:
    return "://" in feed.files.address


def landing_folder(tenant: Tenant, feed: FeedConfig) -> Path:
    """Where the feed's files are; those of a remote address are fetched first.

    Raises LoadError when that fails.
    """
    return fetch(tenant, feed) if is_remote(feed) else tenant.root / feed.files.address


def require_folder(tenant: Tenant, feed: FeedConfig) -> None:
    """Raise LoadError where the folder of a feed that has had files is none any more: a share that
    is not mounted must not look like a day on which nothing came."""
    folder = tenant.root / feed.files.address
    if is_remote(feed) or folder.is_dir():
        return
    what = "is no folder" if folder.exists() else "is not there"
    raise LoadError(
        "no_folder",
        f"feed {feed.name}: its folder {printable(str(folder))} {what}, and files of it were "
        "loaded before; mount it, or put an empty folder in its place if nothing will come",
    )


def landed(tenant: Tenant, feed: FeedConfig, *, fetched: bool = True) -> list[LandedFile]:
    """The feed's files that are there now, by path.

    A name whose date is no date of the calendar does not count. Remote files are fetched; with
    `fetched` false they are listed, for whoever only wants to know of them.
    """
    if not fetched and is_remote(feed):
        return _listed(tenant, feed)
    folder = landing_folder(tenant, feed)
    files = files_of(folder, look_at(feed, folder))
    return files if is_remote(feed) else marked(feed, folder, files)


def look_at(
    feed: FeedConfig, folder: Path, known: Mapping[str, tuple[int, int]] = NO_FILES
) -> Look:
    """What is in the feed's folder. Raises LoadError where files of it may lie in a folder that may
    not be looked into: what is not seen is not loaded.
    """
    pattern = FilePattern(feed.files.pattern)
    look = pattern.look(folder, feed.files.format == "parquet", known)
    closed = pattern.closed_folders(look.listing)
    if closed:
        raise LoadError(
            "closed_folder",
            f"feed {feed.name}: the folder {printable(str(folder / closed[0]))} may not be looked "
            "into by this user; give it the rights to read and enter, and run again",
        )
    return look


def files_of(folder: Path, look: Look) -> list[LandedFile]:
    """The files of a look, by path; a name whose date is no date of the calendar does not count."""
    files = []
    for match in look.matches:
        facts = look.listing.files.get(match.path) or _facts(folder / match.path)
        if match.valid and facts is not None:
            files.append(LandedFile(folder / match.path, match.path, match.day, *facts))
    return files


def _facts(path: Path) -> tuple[int, int] | None:
    """Size and time of change of what a link leads to; None where it has gone meanwhile."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def marked(feed: FeedConfig, folder: Path, files: list[LandedFile]) -> list[LandedFile]:
    """The files that are marked as whole, where the feed wants marks."""
    done = feed.files.done
    if done is None:
        return files
    marks = local_marks(done, folder, [file.relative for file in files])
    return [file for file in files if is_marked(done, file.relative, file.mtime_ns, marks)]


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

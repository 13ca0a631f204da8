"""What has landed, and what of it is to be loaded: files and delivery days.

Nothing here opens a file for its rows; fetching belongs to `remote`, reading to `formats`, loading
to `load`.
"""

from __future__ import annotations

import os
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import polars as pl

from c360_assets.ingest.delivery_days import first_day
from c360_assets.ingest.done_marks import is_marked, local_marks, mark_names
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.known_files import KnownFiles, known_files
from c360_assets.ingest.remote import cache_folder, fetch, is_fetched, remote_files
from c360_assets.tenant.files import NO_FILES, FilePattern, Look, printable
from c360_assets.tenant.listing import listing_of
from c360_assets.tenant.local_time import today
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Warehouse

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


@dataclass(frozen=True)
class DayLoad:
    """All files of one delivery day of a feed, in path order.

    They are to be loaded as attempt number `attempt` (from 1), which is that of the last load where
    the same bytes are read again. `new_columns` are declared columns without which the day was
    loaded, and for which it is read again.
    """

    day: date
    attempt: int
    files: tuple[LandedFile, ...]
    new_columns: tuple[str, ...] = ()


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
    files = _files_of(folder, _look(feed, folder))
    return files if is_remote(feed) else _marked(feed, folder, files)


def _look(feed: FeedConfig, folder: Path, known: Mapping[str, tuple[int, int]] = NO_FILES) -> Look:
    pattern = FilePattern(feed.files.pattern)
    return pattern.look(folder, feed.files.format == "parquet", known)


def _files_of(folder: Path, look: Look) -> list[LandedFile]:
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
    matches = _look(feed, folder).matches
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


def outside(
    tenant: Tenant,
    feed: FeedConfig,
    through: date | None = None,
    ledger: pl.DataFrame | None = None,
) -> list[LandedFile]:
    """Files that are reported and not loaded, but for those that `ledger` knows as loaded.

    Their day is after `through` (default today) or before the tenant's first day.
    """
    first, last = first_day(tenant, feed), through or today(tenant)
    known = NO_FILES if ledger is None else known_files(ledger, feed).as_loaded
    folder = landing_folder(tenant, feed)
    look = _look(feed, folder, known)
    matches = [m for m in look.matches if m.day is not None and not first <= m.day <= last]
    files = _files_of(folder, look._replace(matches=matches))
    return files if is_remote(feed) else _marked(feed, folder, files)


def unclaimed(tenant: Tenant) -> list[str]:
    """Files below `landing/` that no feed's pattern takes, or whose date is no date.

    Paths in order, hidden files and those of `odd_entries` left out.
    """
    folder = tenant.root / "landing"
    claimed: set[str] = set()
    for feed in tenant.feeds:
        if not is_remote(feed):
            claimed |= _claimed(tenant, feed)
    listing = listing_of(folder, "")
    links = [path for path, is_folder in listing.others.items() if not is_folder]
    paths = [*listing.files, *(path for path in links if (folder / path).is_file())]
    strays = [path for path in paths if path not in claimed and not _is_hidden(path)]
    return sorted(set(map(printable, strays)) - claimed)


def _is_hidden(path: str) -> bool:
    return path.startswith(".") or "/." in path


def _claimed(tenant: Tenant, feed: FeedConfig) -> set[str]:
    """Paths below `landing/` of the feed's files, their marks, and its odd entries."""
    folder = tenant.root / feed.files.address
    paths = [match.path for match in _look(feed, folder).matches if match.valid]
    odd = FilePattern(feed.files.pattern).odd_entries(folder, feed.files.format == "parquet")
    if feed.files.done is not None:
        paths += _marks(feed.files.done, paths)
    paths += [entry.path for entry in odd]
    if folder == tenant.root / "landing":
        return set(paths)
    prefix = os.path.relpath(folder, tenant.root / "landing")
    return {f"{prefix}/{path}" for path in paths}


def _marks(done: str, paths: Sequence[str]) -> list[str]:
    files = map(PurePosixPath, paths)
    return [str(file.with_name(name)) for file in files for name in mark_names(done, file.name)]


def shared(tenant: Tenant) -> dict[str, list[str]]:
    """Files below `landing/` that several feeds take, with the feeds' names.

    Archives of which each takes its own part are left out.
    """
    takers: dict[str, list[str]] = defaultdict(list)
    for feed in sorted(tenant.feeds, key=lambda feed: feed.name):
        if not is_remote(feed) and feed.files.contents is None:
            for path in _claimed(tenant, feed):
                takers[path].append(feed.name)
    return {path: feeds for path, feeds in sorted(takers.items()) if len(feeds) > 1}


def pending(
    tenant: Tenant,
    feed: FeedConfig,
    ledger: pl.DataFrame,
    through: date | None = None,
    *,
    fetched: bool = True,
    again_from: date | None = None,
) -> list[DayLoad]:
    """The delivery days up to `through` (default today) that are to be loaded, oldest first.

    They are those of which a file is new or has other content than in the last attempt that was
    recorded, or whose last attempt failed; a file that has gone does not count. The whole day is
    loaded again, as the attempt after the last one that succeeded: a failure changes nothing, so
    the next try keeps its number. A file whose name has no date belongs to the day `through` unless
    its content was loaded before. With `fetched` false remote files are listed only, which is
    enough to see that there is something to load, and not to load it.

    Read again, under their old number, are loaded days from `again_from` on, but for those whose
    files are not all there (`not_there_messages`), and all loaded days where the feed declares a
    column that its table lacks. Raises LoadError when files of the latter are gone.
    """
    first, last = first_day(tenant, feed), through or today(tenant)
    known = known_files(ledger, feed)
    columns = _new_columns_of(tenant, feed)
    if again_from is None and not columns and not is_remote(feed):
        days = _days_with_news(tenant, feed, known, last)
    else:
        days = _files_by_day(tenant, feed, known, last, fetched=fetched)
    loads: dict[date, DayLoad] = {}
    for again in _new_columns_loads(feed, known, days, columns):
        loads[again.day] = again
    for day, files in days.items():
        in_time = first <= day <= last
        is_wanted = again_from is not None and day >= again_from and known.is_whole(day, files)
        if in_time and (is_wanted or known.has_other_content(day, files)):
            loads.setdefault(day, _day_load(known, day, files))
    return [loads[day] for day in sorted(loads)]


def days_to_read_again(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, new_columns: tuple[str, ...]
) -> list[DayLoad]:
    """All loaded days, for columns without which they were loaded.

    Raises LoadError where files of them are gone.
    """
    known = known_files(ledger, feed)
    days = _files_by_day(tenant, feed, known, today(tenant), fetched=True)
    return _new_columns_loads(feed, known, days, new_columns)


def not_there_messages(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, first: date, last: date
) -> list[str]:
    """What to say of loaded days of a range that were to be read again and whose files are gone."""
    known = known_files(ledger, feed)
    days = _files_by_day(tenant, feed, known, last, fetched=True)
    lost = [
        day
        for day, loaded in known.current.items()
        if loaded and first <= day <= last and not known.can_be_read_again(day, days.get(day, []))
    ]
    return [
        f"{feed.name}: delivery day {day} is not read again and keeps its rows: files of it are no "
        f"longer in {feed.files.address}"
        for day in sorted(lost)
    ]


def _days_with_news(
    tenant: Tenant, feed: FeedConfig, known: KnownFiles, last: date
) -> dict[date, list[LandedFile]]:
    """The files that are there of those days of which a file is not as it was loaded, by day.

    What stands in the ledger as it lies there is only counted to its day: a folder keeps the files
    of years, and a look at it must not take longer for each of them.
    """
    folder = landing_folder(tenant, feed)
    look = _look(feed, folder, known.as_loaded)
    news = _by_day(feed, known, last, _files_of(folder, look))
    days = {}
    for day, files in news.items():
        there = [
            LandedFile(folder / path, path, day, *facts, sha256=sha256)
            for path, facts, sha256 in known.of_day(day)
            if look.listing.files.get(path) == facts
        ]
        whole = sorted([*files, *there], key=lambda file: file.relative)
        days[day] = _marked(feed, folder, whole)
    return days


def _files_by_day(
    tenant: Tenant, feed: FeedConfig, known: KnownFiles, last: date, *, fetched: bool
) -> dict[date, list[LandedFile]]:
    """The files that are there, by delivery day, whatever the day."""
    return _by_day(feed, known, last, landed(tenant, feed, fetched=fetched))


def _by_day(
    feed: FeedConfig, known: KnownFiles, last: date, files: Iterable[LandedFile]
) -> dict[date, list[LandedFile]]:
    days: dict[date, list[LandedFile]] = defaultdict(list)
    undated = not FilePattern(feed.files.pattern).has_date
    for file in files:
        file = _identified(known, file)
        if undated:
            file = replace(file, day=known.day_of(file) or last)
        assert file.day is not None
        days[file.day].append(file)
    return days


def _identified(known: KnownFiles, file: LandedFile) -> LandedFile:
    """The file with its digest, empty where it is not what it was when it was looked at."""
    digest = known.digest_of(file)
    return replace(file, sha256="" if file.changed() else digest)


def _day_load(
    known: KnownFiles, day: date, files: list[LandedFile], new_columns: tuple[str, ...] = ()
) -> DayLoad:
    """The next load of a day: the same attempt once more where its bytes are the same."""
    attempt = known.loaded_attempts.get(day, 0)
    if attempt == 0 or known.has_other_content(day, files):
        attempt += 1
    return DayLoad(day, attempt, tuple(files), new_columns)


def new_columns(feed: FeedConfig, state: TableState | None) -> tuple[str, ...]:
    """Declared columns without which the rows of a loaded table were read."""
    if state is None or not state.rows:
        return ()
    loaded = {name.lower() for name in state.columns}
    return tuple(name for name in feed.outputs if name.lower() not in loaded)


def _new_columns_of(tenant: Tenant, feed: FeedConfig) -> tuple[str, ...]:
    warehouse = Warehouse.open(tenant.root / "warehouse")
    return new_columns(feed, warehouse.state(f"domain/{feed.physical}"))


def _new_columns_loads(
    feed: FeedConfig,
    known: KnownFiles,
    days: Mapping[date, list[LandedFile]],
    columns: tuple[str, ...],
) -> list[DayLoad]:
    """The loaded days again, with the columns that they were loaded without."""
    if not columns:
        return []
    if not FilePattern(feed.files.pattern).has_date:
        return _undated_new_columns_loads(feed, known, days, columns)
    loaded_days = sorted(day for day, files in known.current.items() if files)
    if feed.load == "truncate_and_upsert":
        # Only the newest one has rows in the table.
        loaded_days = loaded_days[-1:]
    lost = [day for day in loaded_days if not known.can_be_read_again(day, days.get(day, []))]
    if lost:
        raise LoadError("column_added", _lost_files_message(feed, columns, lost))
    return [_day_load(known, day, days[day], columns) for day in loaded_days]


def _undated_new_columns_loads(
    feed: FeedConfig,
    known: KnownFiles,
    days: Mapping[date, list[LandedFile]],
    columns: tuple[str, ...],
) -> list[DayLoad]:
    """All files of a feed whose names have no day: each stands for all that came in its place."""
    there = {file.relative for files in days.values() for file in files}
    lost = [
        day
        for day, loaded in known.current.items()
        if not {path for path, _ in loaded} <= there or _is_in_part(known, day, days.get(day, []))
    ]
    if lost:
        raise LoadError("column_added", _lost_files_message(feed, columns, sorted(lost)))
    return [_day_load(known, day, files, columns) for day, files in sorted(days.items())]


def _is_in_part(known: KnownFiles, day: date, files: list[LandedFile]) -> bool:
    """Whether some files of a loaded day are as they were and others are not."""
    contents = {(file.relative, file.sha256) for file in files}
    loaded = known.current.get(day, set())
    return bool(loaded & contents) and not loaded <= contents


def _lost_files_message(feed: FeedConfig, columns: tuple[str, ...], lost: list[date]) -> str:
    count = "1 delivery day" if len(lost) == 1 else f"{len(lost)} delivery days"
    purge_command = f"c360 feed purge {shlex.quote(feed.name)} --yes"
    return (
        f"feed {feed.name}: {', '.join(columns)} was declared or renamed after the feed was "
        f"loaded, and files of {count} (such as {lost[0]}) are no longer in {feed.files.address} "
        f"to be read again; put them back, or `{purge_command}` empties the table, and the next "
        "load reads all that is there"
    )


def gone(tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame) -> list[str]:
    """Paths whose rows are in the feed's table and whose content is no longer there.

    They cannot be loaded again.
    """
    known = KnownFiles(ledger.filter(pl.col("feed") == feed.name, pl.col("status") == "loaded"))
    there = {(file.relative, _identified(known, file).sha256) for file in landed(tenant, feed)}
    loaded = set().union(*known.current.values())
    return sorted({path for path, _ in loaded - there})

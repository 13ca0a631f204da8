"""What lies in `landing/` and is not loaded, or twice: files without a mark, of no feed, of several
feeds, of days outside the calendar.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import PurePosixPath

import polars as pl

from c360_assets.ingest.delivery_days import first_day
from c360_assets.ingest.done_marks import mark_names
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.known_files import known_files
from c360_assets.ingest.landed_files import (
    LandedFile,
    files_of,
    is_remote,
    landed,
    landing_folder,
    look_at,
    marked,
)
from c360_assets.ingest.odd_members import members_of_no_feed
from c360_assets.tenant.files import NO_FILES, FilePattern, printable
from c360_assets.tenant.listing import listing_of
from c360_assets.tenant.local_time import today
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.wording import counted


def unmarked(tenant: Tenant, feed: FeedConfig) -> list[str]:
    """Local files of the feed that wait for their mark, by path."""
    if feed.files.done is None or is_remote(feed):
        return []
    folder = tenant.root / feed.files.address
    try:
        marked = {file.relative for file in landed(tenant, feed)}
        matches = look_at(feed, folder).matches
    except LoadError:  # told where the feed's files are asked for
        return []
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
    look = look_at(feed, folder, known)
    matches = [m for m in look.matches if m.day is not None and not first <= m.day <= last]
    files = files_of(folder, look._replace(matches=matches))
    return files if is_remote(feed) else marked(feed, folder, files)


def outside_messages(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, through: date | None = None
) -> list[str]:
    """A sentence for the files of `outside` whose day is to come, one for those of days too long
    ago, with what to do."""
    first, last = first_day(tenant, feed), through or today(tenant)
    files = outside(tenant, feed, through, ledger)
    later = [file for file in files if file.day is not None and file.day > last]
    earlier = [file for file in files if file.day is not None and file.day < first]
    sentences = []
    if later:
        sentences.append(
            f"{feed.name}: {counted(len(later), 'file is', 'files are')} of a day after {last} and "
            f"not loaded before it, such as {later[0].relative}; correct the name if the day is "
            "wrong, or the clock or `timezone` (tenant.yaml) if they are"
        )
    if earlier:
        is_set = tenant.config.first_day is not None
        earliest = "`first_day` (tenant.yaml)" if is_set else "the earliest day there can be"
        remedy = "set an earlier one if they are to be" if is_set else "correct the name"
        sentences.append(
            f"{feed.name}: {counted(len(earlier), 'file is', 'files are')} of a day before "
            f"{first}, {earliest}, and not loaded, such as {earlier[0].relative}; {remedy}"
        )
    return sentences


def of_no_feed_or_several(tenant: Tenant) -> list[str]:
    """A sentence for the files below `landing/` that no feed takes, one for those that several
    take, and those for members of archives that none takes.
    """
    sentences = []
    strays = unclaimed(tenant)
    if strays:
        sentences.append(
            f"{counted(len(strays), 'file below landing/ is', 'files below landing/ are')} of no "
            f"feed and not loaded, such as {strays[0]}; correct `files.pattern` of their feed, or "
            "add one (`c360 feed suggest FILE`)"
        )
    taken_twice = shared(tenant)
    if taken_twice:
        path, feeds = next(iter(taken_twice.items()))
        sentences.append(
            f"{counted(len(taken_twice), 'file below landing/ is', 'files below landing/ are')} of "
            f"several feeds and loaded by each, such as {path} ({', '.join(feeds)}); correct "
            "`files.pattern` of one, unless that is meant"
        )
    return [*sentences, *members_of_no_feed(tenant)]


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
    pattern = FilePattern(feed.files.pattern)
    is_parquet = feed.files.format == "parquet"
    look = pattern.look(folder, is_parquet)
    paths = [match.path for match in look.matches if match.valid]
    if feed.files.done is not None:
        paths += _marks(feed.files.done, paths)
    if is_parquet:
        paths += _marks_of_engines(paths, look.listing.files)
    return _below_landing(tenant, feed, paths) | _odd(tenant, feed)


def _odd(tenant: Tenant, feed: FeedConfig) -> set[str]:
    """Paths below `landing/` of the feed's odd entries."""
    folder = tenant.root / feed.files.address
    pattern = FilePattern(feed.files.pattern)
    odd = pattern.odd_entries(folder, feed.files.format == "parquet")
    return _below_landing(tenant, feed, [entry.path for entry in odd])


def _below_landing(tenant: Tenant, feed: FeedConfig, paths: Iterable[str]) -> set[str]:
    """Paths of the feed's folder as paths below `landing/`."""
    folder = tenant.root / feed.files.address
    if folder == tenant.root / "landing":
        return set(paths)
    prefix = os.path.relpath(folder, tenant.root / "landing")
    return {f"{prefix}/{path}" for path in paths}


def _marks_of_engines(paths: Sequence[str], listed: Iterable[str]) -> list[str]:
    """What an engine leaves beside the Parquet files it writes, such as `_SUCCESS`."""
    folders: set[PurePosixPath] = set()
    for path in map(PurePosixPath, paths):
        folders.add(path.parent)
        if "=" in path.parent.name:
            folders.add(path.parent.parent)
    marks = [PurePosixPath(path) for path in listed if "/_" in path]
    return [str(mark) for mark in marks if mark.name.startswith("_") and mark.parent in folders]


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
            for path in _claimed(tenant, feed) - _odd(tenant, feed):
                takers[path].append(feed.name)
    return {path: feeds for path, feeds in sorted(takers.items()) if len(feeds) > 1}

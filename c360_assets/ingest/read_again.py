"""Delivery days by their files, and those that were loaded and are to be read again, for a column
that the table lacks.

What is new and is to be loaded is for `landing`.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.known_files import KnownFiles, known_files
from c360_assets.ingest.landed_files import LandedFile, landed
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.local_time import today
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Warehouse
from c360_assets.wording import counted


@dataclass(frozen=True)
class DayLoad:
    """All files of one delivery day of a feed, in path order.

    They are to be loaded as attempt number `attempt` (from 1), which is that of the last load where
    the same bytes are read again (`is_again`). `new_columns` are declared columns without which the
    day was loaded, and for which it is read again.
    """

    day: date
    attempt: int
    files: tuple[LandedFile, ...]
    new_columns: tuple[str, ...] = ()
    is_again: bool = False


def days_to_read_again(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, new_columns: tuple[str, ...]
) -> list[DayLoad]:
    """All loaded days, for columns without which they were loaded.

    Raises LoadError where files of them are gone.
    """
    known = known_files(ledger, feed)
    days = files_by_day(tenant, feed, known, today(tenant), fetched=True)
    return new_columns_loads(feed, known, days, new_columns)


def not_there_messages(
    tenant: Tenant, feed: FeedConfig, ledger: pl.DataFrame, first: date, last: date
) -> list[str]:
    """What to say of loaded days of a range that were to be read again and whose files are gone."""
    known = known_files(ledger, feed)
    days = files_by_day(tenant, feed, known, last, fetched=True)
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


def days_without_files(
    feed: FeedConfig, ledger: pl.DataFrame, loads: Iterable[DayLoad], days: Iterable[date]
) -> list[date]:
    """Those of the days of which no file is there or was loaded; `loads` are those to be loaded."""
    known = set(known_files(ledger, feed).loaded_attempts) | {load.day for load in loads}
    return [day for day in days if day not in known]


def files_by_day(
    tenant: Tenant, feed: FeedConfig, known: KnownFiles, last: date, *, fetched: bool
) -> dict[date, list[LandedFile]]:
    """The files that are there, by delivery day, whatever the day."""
    return by_day(feed, known, last, landed(tenant, feed, fetched=fetched))


def by_day(
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


def day_load(
    known: KnownFiles, day: date, files: list[LandedFile], new_columns: tuple[str, ...] = ()
) -> DayLoad:
    """The next load of a day: the same attempt once more where its bytes are the same."""
    loaded = known.loaded_attempts.get(day, 0)
    is_again = loaded > 0 and not known.has_other_content(day, files)
    attempt = loaded if is_again else loaded + 1
    return DayLoad(day, attempt, tuple(files), new_columns, is_again)


def new_columns(feed: FeedConfig, state: TableState | None) -> tuple[str, ...]:
    """Declared columns without which the rows of a loaded table were read."""
    if state is None or not state.rows:
        return ()
    loaded = {name.lower() for name in state.columns}
    return tuple(name for name in feed.columns if name.lower() not in loaded)


def new_columns_of(tenant: Tenant, feed: FeedConfig) -> tuple[str, ...]:
    warehouse = Warehouse.open(tenant.root / "warehouse")
    return new_columns(feed, warehouse.state(f"domain/{feed.physical}"))


def new_columns_loads(
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
    return [day_load(known, day, days[day], columns) for day in loaded_days]


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
    return [day_load(known, day, files, columns) for day, files in sorted(days.items())]


def _is_in_part(known: KnownFiles, day: date, files: list[LandedFile]) -> bool:
    """Whether some files of a loaded day are as they were and others are not."""
    contents = {(file.relative, file.sha256) for file in files}
    loaded = known.current.get(day, set())
    return bool(loaded & contents) and not loaded <= contents


def _lost_files_message(feed: FeedConfig, columns: tuple[str, ...], lost: list[date]) -> str:
    count = counted(len(lost), "delivery day")
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

"""A batch of delivery days on its way through a load: what is known of it, and where it works.

The steps are in `load`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.readers import REGISTERED
from c360_assets.ingest.incoming import (
    DELIVERY_YEARS,
    INCOMING,
)
from c360_assets.ingest.read_again import DayLoad
from c360_assets.ingest.results import DayResult, FileResult
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal
from c360_assets.warehouse.storage_errors import storage_problem

# `_pk` and `_updated` of the incoming rows that come into the domain table.
FRESH = "_c360_fresh"
# What `_updated` of a file's rows counts from, by the file's number.
BASES = "_c360_bases"
# Rows past it wait on disk, so that files of any size load on a small machine.
MEMORY_GIB = 2.0


@dataclass
class PlainFile:
    """A file that rows were read from: its delivery day, the landed file it comes out of."""

    day: DayResult
    result: FileResult
    name: str
    rows_read: int = 0


@dataclass(frozen=True)
class Load:
    """One batch of days on its way through the steps of a load.

    `results` are in order of days. `plain_files` is filled when the files are opened: over all days
    in order of day and path; a file's place in it is the number that its rows carry.
    """

    session: Session
    tenant: Tenant
    feed: FeedConfig
    results: list[DayResult]
    plain_files: list[PlainFile]
    stored: TableState | None
    report_progress: Callable[[str], None]

    def numbers_of(self, day: DayResult) -> list[int]:
        """The numbers of a day's plain files."""
        return [number for number, file in enumerate(self.plain_files) if file.day is day]


def results_of(days: Sequence[DayLoad]) -> list[DayResult]:
    """Nothing read yet, in order of days."""
    return [
        DayResult(
            load.day,
            load.attempt,
            [FileResult(file) for file in load.files],
            is_again=load.is_again,
            is_complete_again=bool(load.new_columns),
        )
        for load in sorted(days, key=lambda load: load.day)
    ]


@contextmanager
def open_workspace(session: Session, tenant: Tenant, feed: FeedConfig) -> Iterator[Path]:
    """A folder for copies and a limit of memory; both and the load's scratch tables are undone.

    Failures of the machine become a LoadError.
    """
    workspace = tenant.root / ".tmp" / f"ingest-{feed.physical}"
    ((memory_limit,),) = session.rows("SELECT current_setting('memory_limit')")
    if _gibibytes(memory_limit) > MEMORY_GIB:
        session.execute(f"SET memory_limit = '{MEMORY_GIB} GiB'")
    try:
        yield workspace
    except (duckdb.Error, OSError) as error:
        given_up = f"feed {feed.name}: the load was given up, and nothing of it is kept"
        problem = storage_problem(error)
        if problem:
            raise LoadError("machine", f"{given_up}: {problem}") from None
        # The engine's text may quote a value.
        raise LoadError(
            "machine",
            f"{given_up} ({type(error).__name__}); check disk space, memory and permissions below "
            f"{tenant.root}, then run again",
        ) from None
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        for table in (INCOMING, FRESH):
            session.execute(f"DROP TABLE IF EXISTS {table}")
        for frame in (*REGISTERED, DELIVERY_YEARS, BASES):
            session.con.unregister(frame)
        session.execute(f"SET memory_limit = {quote_literal(memory_limit)}")


def _gibibytes(setting: str) -> float:
    """A size as the engine writes it (`1.9 GiB`), 0 for less than one GiB."""
    size, _, unit = setting.partition(" ")
    factors = {"GiB": 1.0, "TiB": 1024.0}
    return float(size) * factors[unit] if unit in factors else 0.0


def fail(day: DayResult, error: LoadError) -> None:
    """Give a day up; of several reasons the first is kept."""
    if day.status != "failed":
        day.status, day.kind, day.message = "failed", error.kind, str(error)

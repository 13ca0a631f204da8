"""What became of a load: of its files, of its delivery days, of the feed.

Counts only, never a value from a file. How the rows got there belongs to `load`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from c360_assets.ingest.landed_files import LandedFile
from c360_assets.warehouse.ledger import Status
from c360_assets.warehouse.manifest import TableState


@dataclass
class FileResult:
    """What became of a file's rows: read = loaded + rejected + replaced + forgotten, unless
    the day failed.

    `dropped` rows, which `files.drop_rows` leaves out, are not among those read.
    """

    file: LandedFile
    read: int = 0
    loaded: int = 0
    rejected: int = 0
    replaced: int = 0
    rounded: int = 0
    guessed: int = 0  # times in an hour that their zone had twice
    dropped: int = 0
    forgotten: int = 0  # of those read, rows of people who were forgotten


@dataclass
class DayResult:
    """What became of one delivery day.

    `kind` and `message` say why it failed; neither holds a value from a file.
    """

    day: date
    attempt: int
    files: list[FileResult]
    status: Status = "loaded"
    kind: str = ""
    message: str = ""
    warnings: list[str] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)
    # The bytes that were loaded last are read once more.
    is_again: bool = False
    # Every loaded day is read again for a column that the table lacks.
    is_complete_again: bool = False

    @property
    def rows_read(self) -> int:
        return sum(file.read for file in self.files)

    @property
    def rows_loaded(self) -> int:
        return sum(file.loaded for file in self.files)

    @property
    def rows_rejected(self) -> int:
        return sum(file.rejected for file in self.files)

    @property
    def rows_replaced(self) -> int:
        return sum(file.replaced for file in self.files)

    @property
    def rows_forgotten(self) -> int:
        return sum(file.forgotten for file in self.files)

    @property
    def rounded_values(self) -> int:
        return sum(file.rounded for file in self.files)

    @property
    def guessed_values(self) -> int:
        return sum(file.guessed for file in self.files)


@dataclass
class FeedLoad:
    """What became of a load: its days, and the domain table's state after it."""

    feed: str
    table: str
    days: list[DayResult]
    state: TableState

    @property
    def failed(self) -> list[DayResult]:
        return [day for day in self.days if day.status == "failed"]

    @property
    def files(self) -> int:
        return sum(len(day.files) for day in self.days)

    @property
    def rows_read(self) -> int:
        return sum(day.rows_read for day in self.days)

    @property
    def rows_loaded(self) -> int:
        return sum(day.rows_loaded for day in self.days)

    @property
    def rows_rejected(self) -> int:
        return sum(day.rows_rejected for day in self.days)

    @property
    def rows_replaced(self) -> int:
        return sum(day.rows_replaced for day in self.days)

"""What became of a load: of its files, of its delivery days, of the feed. Counts only, never a value from a file.

How the rows got there belongs to `load`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from c360_assets.ingest.landing import LandedFile
from c360_assets.warehouse.ledger import Status
from c360_assets.warehouse.manifest import TableState


@dataclass
class FileResult:
    """What became of one file's rows: read = loaded + rejected + replaced, unless the day failed."""

    file: LandedFile
    read: int = 0
    loaded: int = 0
    rejected: int = 0
    replaced: int = 0
    rounded: int = 0


@dataclass
class DayResult:
    """What became of one delivery day. `kind` and `message` say why it failed; neither holds a value from a file."""

    day: date
    attempt: int
    files: list[FileResult]
    status: Status = "loaded"
    kind: str = ""
    message: str = ""
    warnings: list[str] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        return sum(f.read for f in self.files)

    @property
    def rows_loaded(self) -> int:
        return sum(f.loaded for f in self.files)

    @property
    def rows_rejected(self) -> int:
        return sum(f.rejected for f in self.files)

    @property
    def rows_replaced(self) -> int:
        return sum(f.replaced for f in self.files)

    @property
    def rounded_values(self) -> int:
        return sum(f.rounded for f in self.files)


@dataclass
class FeedLoad:
    """What became of a load: its days, and the domain table's state after it."""

    feed: str
    table: str
    days: list[DayResult]
    state: TableState

    @property
    def failed(self) -> list[DayResult]:
        return [d for d in self.days if d.status == "failed"]

    @property
    def files(self) -> int:
        return sum(len(d.files) for d in self.days)

    @property
    def rows_read(self) -> int:
        return sum(d.rows_read for d in self.days)

    @property
    def rows_loaded(self) -> int:
        return sum(d.rows_loaded for d in self.days)

    @property
    def rows_rejected(self) -> int:
        return sum(d.rows_rejected for d in self.days)

    @property
    def rows_replaced(self) -> int:
        return sum(d.rows_replaced for d in self.days)

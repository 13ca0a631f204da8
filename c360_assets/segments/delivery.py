"""One delivery to a receiver: its rows, whole or in batches, and what all ways of sending need."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

# Columns of the rows of a delivery beside what people are sent by; of changes; of those in
# PostgreSQL.
KEPT_COLUMNS = ("_person", "_address", "_digest")
ACTION = "action"
NUMBER = "delivery"


@dataclass(frozen=True)
class Delivery:
    """One delivery of a campaign to a receiver. `has_actions`: rows say add or remove."""

    campaign: str
    destination: str
    number: int
    has_actions: bool
    columns: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        return (ACTION, *self.columns) if self.has_actions else self.columns

    @property
    def file_stem(self) -> str:
        """A whole list takes the place of the last; changes have a file of each delivery."""
        return f"{self.campaign}-{self.number:05}" if self.has_actions else self.campaign

    def rows_sql(self) -> str:
        columns = ", ".join(quote_ident(name) for name in self.shown)
        return f"SELECT {columns} FROM leaving ORDER BY ALL"


def batches(session: Session, delivery: Delivery, size: int) -> Iterator[pl.DataFrame]:
    """The rows of a delivery in their order, at most `size` at a time."""
    reader = session.con.sql(delivery.rows_sql()).to_arrow_reader(max(size, 2048))
    for block in reader:
        yield from pl.DataFrame(block).iter_slices(size)


def variable(name: str | None, what: str) -> str:
    """The value of an environment variable. Raises C360Error that says what belongs there."""
    value = os.environ.get(name or "")
    if not value:
        raise C360Error(f"the environment variable {name} is not set; put {what} there")
    return value


@dataclass
class Pace:
    """Waits so that there are at most `per_second` requests a second; None waits for nobody."""

    per_second: float | None
    next_at: float = field(default=0.0, init=False)

    def wait(self) -> None:
        if self.per_second is None:
            return
        time.sleep(max(0.0, self.next_at - time.monotonic()))
        self.next_at = time.monotonic() + 1 / self.per_second

"""The exchange of one machine: rows lie in the memory of this process.

With one bucket nothing is moved: every kernel sees all rows. More buckets show, without a cluster,
that no kernel needs more rows than its verb promises it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from c360_assets.stitch.compare.comparison_records import in_threads
from c360_assets.stitch.exchange.rows import (
    PAIR,
    RECORD,
    Array,
    Exchange,
    Kernel,
    Rows,
    Side,
    bucket_of,
)


@dataclass(frozen=True)
class InProcess(Exchange):
    """Rows in this process; kernels run their SQL on this connection."""

    con: duckdb.DuckDBPyConnection
    buckets: int = 1

    def spread(self, frame: pl.DataFrame) -> Rows:
        return LocalRows(self, self.parted(frame, np.arange(frame.height) % self.buckets))

    def set_aside(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame: as long as memory holds the tenant, that is faster."""
        return frame

    def parted(self, frame: pl.DataFrame, bucket: Array) -> list[Side]:
        """The rows of each bucket."""
        if self.buckets == 1:
            return [Side(frame)]
        return [Side(frame.filter(bucket == number)) for number in range(self.buckets)]

    def by_key(self, frame: pl.DataFrame, by: pl.Expr) -> list[Side]:
        """The rows of each bucket, by an integer."""
        return self.parted(frame, bucket_of(frame, by, self.buckets))


class LocalRows(Rows):
    """Rows that are there, or that `sides` computes whenever somebody asks."""

    def __init__(
        self, exchange: InProcess, sides: Sequence[Side] | Callable[[], Iterable[Side]]
    ) -> None:
        self._exchange = exchange
        self._sides = sides

    def sides(self) -> Iterable[Side]:
        return self._sides() if callable(self._sides) else self._sides

    def frame(self) -> pl.DataFrame:
        """All rows, not copied."""
        return pl.concat([side.frame for side in self.sides()])

    def map(self, kernel: Kernel) -> Rows:
        con = self._exchange.con
        return self._lazy(lambda: (Side(kernel(con, side)) for side in self.sides()))

    def together(self, by: pl.Expr, kernel: Kernel, *, each: Sequence[Kernel] = ()) -> Rows:
        con = self._exchange.con
        if self._exchange.buckets > 1:
            made = LocalRows(self._exchange, lambda: self._made_by(each)) if each else self
            return self._lazy(
                lambda: (
                    Side(kernel(con, side)) for side in self._exchange.by_key(made.frame(), by)
                )
            )
        if each:
            return self._lazy(lambda: self._one_by_one(kernel, each))
        # No name holds the rows, so that a kernel can let go of what it has read.
        return self._lazy(lambda: [Side(kernel(con, Side(self.frame())))])

    def _made_by(self, each: Sequence[Kernel]) -> Iterable[Side]:
        """What each of the kernels makes of the rows."""
        return (Side(one(self._exchange.con, side)) for side in self.sides() for one in each)

    def _one_by_one(self, kernel: Kernel, each: Sequence[Kernel]) -> Iterable[Side]:
        """The kernel on what each of the others makes: their rows need not be in memory at once."""
        (rows,) = self.sides()

        def work(con: duckdb.DuckDBPyConnection, one: Kernel) -> Side:
            return Side(kernel(con, Side(one(con, rows))))

        return in_threads(self._exchange.con, work, each, 2 * rows.frame.height)

    def beside(self, records: Rows, kernel: Kernel) -> Rows:
        assert isinstance(records, LocalRows)
        con = self._exchange.con
        if self._exchange.buckets == 1:
            (known,) = records.sides()
            return self._lazy(lambda: [Side(kernel(con, Side(self.frame()), known))])

        def by_bucket() -> Iterable[Side]:
            known = records.frame().sort(RECORD)
            for pairs in self._exchange.by_key(self.frame(), pl.col(RECORD)):
                named = pl.concat([pairs.frame[end].rename(RECORD) for end in PAIR]).unique()
                needed = known.filter(pl.col(RECORD).is_in(named.implode()))
                yield Side(kernel(con, pairs, Side(needed)))

        return self._lazy(by_bucket)

    def with_more(self, more: Rows) -> Rows:
        assert isinstance(more, LocalRows)
        return self._lazy(lambda: [*self.sides(), *more.sides()])

    def kept(self) -> Rows:
        return LocalRows(self._exchange, list(self.sides()))

    def count(self, by: Sequence[str]) -> pl.DataFrame:
        counted = self.frame().group_by(by).agg(pl.len().cast(pl.Int64).alias("n"))
        return counted.sort(by)

    def collect(self, order: Sequence[str]) -> pl.DataFrame:
        return self.frame().sort(order)

    def _lazy(self, sides: Callable[[], Iterable[Side]]) -> Rows:
        return LocalRows(self._exchange, sides)

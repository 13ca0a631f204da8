"""The seam of the matcher: rows that may lie on several machines, and the verbs that bring kernels
to them.

A kernel is a pure function of columns: the steps of the matcher, written once. An exchange decides
where rows lie and which of them one call of a kernel sees. Belongs here: the verbs, what a kernel
is given, and into which bucket a row falls. On one machine rows lie by `in_process`, on a cluster
by `on_spark`; what a kernel computes belongs to its step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

Made = TypeVar("Made")
Array: TypeAlias = npt.NDArray[Any]
# (connection of the SQL engine, rows of one side or of two) -> rows. Pickled to where the rows are.
# The columns it returns, and their types, do not depend on what it is given.
Kernel: TypeAlias = Callable[..., pl.DataFrame]
RECORD = "i"  # the column by which pairs name a record, and pairs have `j` beside it
PAIR = ("i", "j")
SPREADING = np.uint64(0x9E3779B97F4A7C15)  # odd: no two keys become one by it
SPREAD_BITS = np.uint64(33)  # its low bits are spread badly


class Side:
    """The rows that one call of a kernel sees, and what kernels made of them once."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._made: dict[Callable[[pl.DataFrame], Any], Any] = {}

    def once(self, make: Callable[[pl.DataFrame], Made]) -> Made:
        """`make` of the rows, computed by the first kernel that asks."""
        if make not in self._made:
            self._made[make] = make(self.frame)
        made: Made = self._made[make]
        return made

    def array(self, column: str) -> Array:
        """A column without missing values; not to be written to."""
        return self.frame[column].to_numpy()

    def taken(self, column: str) -> Array:
        """A column that the kernel may write to. It is not among the rows any more, so that its
        memory is not held twice.
        """
        values = self.frame[column].to_numpy(writable=True)
        self.frame = self.frame.drop(column)
        return values


def columns(**arrays: Array) -> pl.DataFrame:
    """Arrays as a frame."""
    return pl.DataFrame(arrays)


def bucket_of(frame: pl.DataFrame, by: pl.Expr, buckets: int) -> Array:
    """The bucket of each row by an integer: the same on every machine."""
    key = frame.select(by).to_series().to_numpy().astype(np.uint64)
    return np.asarray((key * SPREADING >> SPREAD_BITS) % np.uint64(buckets), dtype=np.int64)


def rows_of(known: Array, numbers: Array) -> Array:
    """The rows of these numbers among the `known` ones, which are sorted."""
    # Where all are known, a number is the row.
    if not len(known) or known[-1] == len(known) - 1:
        return numbers
    return np.searchsorted(known, numbers).astype(np.int32)


class Rows(ABC):
    """Rows somewhere, of known columns. Nothing is computed before rows are kept, counted or
    collected, and what is not kept is computed anew for each who asks."""

    @abstractmethod
    def map(self, kernel: Kernel) -> Rows:
        """The kernel on some rows at a time; which ones is no matter."""

    @abstractmethod
    def together(self, by: pl.Expr, kernel: Kernel, *, each: Sequence[Kernel] = ()) -> Rows:
        """The kernel on buckets of rows: all rows of one value of the integer `by` in one call.

        With `each`, on the rows that those kernels make of these; rows of two of them may be in one
        call, but never have to be.
        """

    @abstractmethod
    def beside(self, records: Rows, kernel: Kernel) -> Rows:
        """The kernel on buckets of these pairs (`i`, `j`) and the records that they name, each
        once, sorted by `i`."""

    @abstractmethod
    def with_more(self, more: Rows) -> Rows:
        """Together with rows of the same columns."""

    @abstractmethod
    def kept(self) -> Rows:
        """The same rows, computed now and for good."""

    @abstractmethod
    def count(self, by: Sequence[str]) -> pl.DataFrame:
        """`by`, `n`: how many rows have each combination of values, sorted by them."""

    @abstractmethod
    def collect(self, order: Sequence[str]) -> pl.DataFrame:
        """All rows on this machine, sorted by a unique key."""


class Exchange(ABC):
    """Where rows lie. To be used as a context: rows are gone after it."""

    @abstractmethod
    def spread(self, frame: pl.DataFrame) -> Rows:
        """Rows of this machine, made available to kernels."""

    @abstractmethod
    def set_aside(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The same rows, which will not be read for a while: of them no more need be in the memory
        of this machine than somebody reads."""

    def close(self) -> None:  # noqa: B027 - most have nothing to let go
        """Let go of all rows."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

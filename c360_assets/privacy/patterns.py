"""Many texts looked for at once, in bytes or in the cells of a column (Aho-Corasick)."""

from __future__ import annotations

from collections.abc import Iterable
from mmap import mmap

import numpy as np
import polars as pl
from ahocorasick_rs import BytesAhoCorasick, Implementation


class Patterns:
    """Texts to look for, and others that count only as whole cells.

    Building takes a while, so one object serves a whole request.
    """

    def __init__(self, texts: Iterable[str], cells: Iterable[str] = ()) -> None:
        self.cells = pl.Series("cell", sorted(set(cells)), dtype=pl.String)
        encoded = sorted({text.encode() for text in texts if text})
        self.longest = max(map(len, encoded), default=1)
        # The smallest that is fast: a full automaton of thousands of texts does not fit a cache.
        kind = Implementation.ContiguousNFA
        self.automaton = BytesAhoCorasick(encoded, implementation=kind) if encoded else None

    def are_in(self, content: bytes | mmap, *, whole_numbers: bool = False) -> bool:
        """Whether one of the texts stands in the bytes.

        With `whole_numbers` digits within more digits do not count: a database keeps the texts of a
        column one behind the other, so two numbers beside each other may look like a third.
        """
        if self.automaton is None:
            return False
        found = self.automaton.find_matches_as_indexes(content, overlapping=whole_numbers)
        if not whole_numbers:
            return bool(found)
        return any(not _is_within_digits(content, start, end) for _, start, end in found)

    def holders(self, cells: pl.Series) -> pl.Series:
        """The distinct cells (texts) that are or hold one of the texts."""
        distinct = cells.drop_nulls().unique()
        if distinct.is_empty():
            return distinct
        found = self._holding(distinct)
        if not self.cells.is_empty():
            is_short = distinct.str.len_bytes() <= self.cells.str.len_bytes().max()
            short = distinct.filter(is_short)
            found = found.append(short.filter(short.is_in(self.cells.implode()))).unique()
        return found

    def _holding(self, distinct: pl.Series) -> pl.Series:
        # The column's own memory: all cells one behind the other, and where each begins.
        array = distinct.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        _, offset_bytes, content = array.buffers()
        if self.automaton is None or content is None:
            return distinct.clear()
        data = memoryview(content).cast("B")
        found = self.automaton.find_matches_as_indexes(data, overlapping=True)
        if not found:
            return distinct.clear()
        _, starts, ends = np.array(found, dtype=np.int64).T
        offsets = np.frombuffer(offset_bytes, dtype=np.int64, count=len(distinct) + 1)
        cell = np.searchsorted(offsets, starts, side="right") - 1
        # A text that begins in one cell and ends in the next stands in neither.
        is_within = ends <= offsets[cell + 1]
        return distinct.gather(np.unique(cell[is_within]))


def _is_within_digits(content: bytes | mmap, start: int, end: int) -> bool:
    around = content[max(start - 1, 0) : start], content[end : end + 1]
    return content[start:end].isdigit() and any(byte.isdigit() for byte in around)

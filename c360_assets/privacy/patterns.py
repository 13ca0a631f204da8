"""Many texts looked for at once, in bytes or in the cells of a column (Aho-Corasick)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from mmap import mmap

import numpy as np
import numpy.typing as npt
import polars as pl
from ahocorasick_rs import BytesAhoCorasick, Implementation

Places = npt.NDArray[np.int64]


class Patterns:
    """Texts to look for, and others that count only as whole cells.

    A text that stands within one of `others` is not found there: `ann@example.com` within
    `joann@example.com`. Bytes may be of the `encodings`, besides UTF-8. Building takes a while, so
    one object serves a whole request.
    """

    def __init__(
        self,
        texts: Iterable[str],
        cells: Iterable[str] = (),
        others: Iterable[str] = (),
        encodings: Iterable[str] = (),
    ) -> None:
        self.cells = pl.Series("cell", sorted(set(cells)), dtype=pl.String)
        all_encodings = ("utf-8", *encodings)
        encoded = sorted(_encoded(texts, all_encodings))
        longer = sorted(_encoded(others, all_encodings).difference(encoded))
        self.texts = len(encoded)  # the first patterns; those after them are of others
        self.has_others = bool(longer)
        self.longest = max(map(len, [*encoded, *longer]), default=1)
        # The smallest that is fast: a full automaton of thousands of texts does not fit a cache.
        kind = Implementation.ContiguousNFA
        self.automaton = (
            BytesAhoCorasick([*encoded, *longer], implementation=kind) if encoded else None
        )

    def are_in(
        self,
        content: bytes | mmap,
        *,
        whole_numbers: bool = False,
        after: int = 0,
        until: int | None = None,
    ) -> bool:
        """Whether one of the texts stands in the bytes.

        With `whole_numbers` digits within more digits do not count: a database keeps the texts of a
        column one behind the other, so two numbers beside each other may look like a third. Where
        there are `others`, what ends at `after` or before, or after `until`, does not count.
        """
        if self.automaton is None:
            return False
        is_overlapping = whole_numbers or self.has_others
        matches = self.automaton.find_matches_as_indexes(content, overlapping=is_overlapping)
        if not is_overlapping:
            return bool(matches)
        starts, ends = self._of_texts(matches)
        is_meant = (ends > after) & (ends <= (len(content) if until is None else until))
        if not whole_numbers:
            return bool(is_meant.any())
        places = zip(starts[is_meant].tolist(), ends[is_meant].tolist(), strict=True)
        return any(not _is_within_digits(content, start, end) for start, end in places)

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
        matches = self.automaton.find_matches_as_indexes(data, overlapping=True)
        if not matches:
            return distinct.clear()
        offsets = np.frombuffer(offset_bytes, dtype=np.int64, count=len(distinct) + 1)
        starts, _ = self._of_texts(matches, offsets)
        cell = np.searchsorted(offsets, starts, side="right") - 1
        return distinct.gather(np.unique(cell))

    def _of_texts(
        self, matches: list[tuple[int, int, int]], offsets: Places | None = None
    ) -> tuple[Places, Places]:
        """Where the texts begin and end that stand within no text of others.

        What begins in one cell (`offsets`) and ends in the next stands in neither.
        """
        number, starts, ends = np.array(matches, dtype=np.int64).reshape(-1, 3).T
        is_counted = np.ones(len(number), dtype=bool)
        if offsets is not None:
            cell = np.searchsorted(offsets, starts, side="right") - 1
            is_counted = ends <= offsets[cell + 1]
        is_text = is_counted & (number < self.texts)
        is_other = is_counted & (number >= self.texts)
        if is_other.any():
            order = np.argsort(starts[is_other], kind="stable")
            begins = starts[is_other][order]
            # How far the others reach that begin here or before.
            reach = np.append(np.maximum.accumulate(ends[is_other][order]), -1)
            before = np.searchsorted(begins, starts, side="right") - 1
            is_text &= ends > reach[before]
        return starts[is_text], ends[is_text]


def _encoded(texts: Iterable[str], encodings: Iterable[str]) -> set[bytes]:
    """The texts in each encoding that has their letters."""
    named = list(encodings)
    found = set()
    for text in filter(None, texts):
        for encoding in named:
            with suppress(UnicodeEncodeError):
                found.add(text.encode(encoding))
    return found


def _is_within_digits(content: bytes | mmap, start: int, end: int) -> bool:
    around = content[max(start - 1, 0) : start], content[end : end + 1]
    return content[start:end].isdigit() and any(byte.isdigit() for byte in around)

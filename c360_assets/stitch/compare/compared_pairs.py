"""Compared pairs: what every later step knows of a pair of records, as arrays.

Belongs here: the shape, and how pairs are picked and put together. How they are compared is in
`agreement_patterns`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.compare.candidate_pairs import stretches
from c360_assets.stitch.exchange.rows import Side, columns

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
KeyStates = npt.NDArray[np.uint8]
STATE = "state_of_"  # before the name of a key, in a frame


@dataclass(frozen=True)
class ComparedPairs:
    """Pairs of positions of comparison records, i < j, sorted by (i, j), each once.

    strategies: one bit per strategy that found the pair, 0 for none. pattern: its agreement
    pattern. keys: per fk_ and sk_ column, and for labels, 0 missing on a side, 1 equal, 2
    different.
    """

    i: Ints32
    j: Ints32
    strategies: Ints
    pattern: Ints
    keys: dict[str, KeyStates]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> ComparedPairs:
        """Those of a frame as `frame` makes it; further columns are not read."""
        side = Side(frame)
        states = [column for column in frame.columns if column.startswith(STATE)]
        return cls(
            side.array("i"),
            side.array("j"),
            side.array("strategies"),
            side.array("pattern"),
            {column.removeprefix(STATE): side.array(column) for column in states},
        )

    def frame(self) -> pl.DataFrame:
        """The pairs as kernels hand them on: i, j, strategies, pattern, and the state of each
        key."""
        states = {f"{STATE}{column}": state for column, state in self.keys.items()}
        return columns(
            i=self.i, j=self.j, strategies=self.strategies, pattern=self.pattern, **states
        )

    @property
    def n(self) -> int:
        return len(self.i)

    def take(self, keep: Bools | slice) -> ComparedPairs:
        return ComparedPairs(
            self.i[keep],
            self.j[keep],
            self.strategies[keep],
            self.pattern[keep],
            self.keys_of(keep),
        )

    def keys_of(self, keep: Bools | slice) -> dict[str, KeyStates]:
        """The states of the keys of some of the pairs."""
        return {column: state[keep] for column, state in self.keys.items()}

    def with_more(self, more: ComparedPairs) -> ComparedPairs:
        """Together with pairs that are not among these."""
        i = np.concatenate([self.i, more.i])
        j = np.concatenate([self.j, more.j])
        order = np.lexsort((j, i))
        strategies = np.concatenate([self.strategies, more.strategies])[order]
        pattern = np.concatenate([self.pattern, more.pattern])[order]
        keys = {}
        for column, state in self.keys.items():
            keys[column] = np.concatenate([state, more.keys[column]])[order]
        return ComparedPairs(i[order], j[order], strategies, pattern, keys)


def positions(distinct: Ints, values: Ints) -> Ints32:
    """Where each of the values stands among the distinct ones, which are sorted.

    NumPy's own inverse of `unique` sorts, in twice the time and six times the memory.
    """
    result = np.empty(len(values), dtype=np.int32)
    for stretch in stretches(len(values)):
        result[stretch] = np.searchsorted(distinct, values[stretch])
    return result

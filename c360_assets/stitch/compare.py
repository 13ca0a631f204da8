"""Comparing pairs of records: columns of both sides are put next to each other, batch by batch, and SQL gives the levels.

Records are picked by position, which costs a fraction of joining them, and one batch at a time, so that memory does not grow
with the number of pairs. What a level means is in `features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.features import COMPARED, EQUALITY, compare_sql
from c360_assets.stitch.records import registered

SMALL_BATCH, LARGE_BATCH = 65_536, 262_144  # pairs: some 60 columns of up to 16 bytes make 60 to 240 MiB


@dataclass(frozen=True)
class Compared:
    """Per pair, in the order asked: the packed levels, and per key column 0 missing on a side, 1 equal, 2 different."""

    pattern: npt.NDArray[np.int64]
    keys: dict[str, npt.NDArray[np.int8]]


def comparable(records: pl.DataFrame, key_columns: Sequence[str] = ()) -> pl.DataFrame:
    """The columns of the comparison records that `compare` reads; where only equality counts, values become numbers."""
    codes = [pl.col(c).cast(pl.Categorical).to_physical() for c in EQUALITY]
    return records.select(*(c for c in COMPARED if c not in EQUALITY), *codes, *key_columns)


def compare(
    con: duckdb.DuckDBPyConnection,
    read: pl.DataFrame,
    i: npt.NDArray[np.integer],
    j: npt.NDArray[np.integer],
    key_columns: Sequence[str] = (),
) -> Compared:
    """Levels of the pairs (i, j), positions in the comparison records, given as `comparable` makes them."""
    pattern = np.zeros(len(i), dtype=np.int64)
    keys = {c: np.zeros(len(i), dtype=np.int8) for c in key_columns}
    sql = compare_sql("er_batch", key_columns)
    # Planning the statement takes as long as comparing 30,000 pairs, so batches grow with the data that is in memory anyway.
    size = min(max(read.height // 4, SMALL_BATCH), LARGE_BATCH)
    for start in range(0, len(i), size):
        part = slice(start, start + size)
        left = read[i[part]].rename(lambda c: f"a_{c}")
        right = read[j[part]].rename(lambda c: f"b_{c}")
        batch = pl.concat([left.with_row_index("n"), right], how="horizontal")
        with registered(con, er_batch=batch):
            found = con.sql(sql).fetchnumpy()
        at = found["n"] + start
        pattern[at] = found["pattern"]
        for column in key_columns:
            keys[column][at] = found[f"s_{column}"]
    return Compared(pattern, keys)

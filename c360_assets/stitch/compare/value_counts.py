"""How many records hold a value, and how rare that makes it among those of a tenant.

Which values are counted belongs to the modules that read them.
"""

from __future__ import annotations

import polars as pl

# A tenant of three records still lives in a world where names repeat: no name is common, none rare.
PHANTOM_RECORDS = 1000.0


def count_of(column: str) -> pl.Expr:
    """How many records hold this record's value; NULL without one."""
    return pl.when(pl.col(column).is_not_null()).then(pl.len().over(column)).cast(pl.Int32)


def frequency_bin(count: pl.Expr, population: int) -> pl.Expr:
    """Frequency of a value in half decades, 1 above one in a hundred, 8 below one in 100,000."""
    share = (count + 0.5) / (population + PHANTOM_RECORDS)
    return ((-2 * share.log10()).floor() - 2).clip(1, 8).cast(pl.Int8)

"""What the records say to a model beside the compared pairs: how often values occur and agree.

Belongs here: exact counts of equal values, frequency bins, a sample of random pairs, and how often
a login holds its owner's names. What the model makes of them is in `expectation_maximisation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from c360_assets.stitch.compare.candidate_pairs import CandidatePairs
from c360_assets.stitch.compare.comparison_levels import Comparison, columns_read, side_by_side
from c360_assets.stitch.compare.comparison_records import registered
from c360_assets.stitch.compare.comparisons import COMPARISON_BY_NAME, IN_EMAIL
from c360_assets.stitch.compare.scripts import one_spelling
from c360_assets.stitch.exchange.rows import RECORD, bucket_of
from c360_assets.stitch.score.match_model import (
    LEVELS,
    OFFSETS,
    Array,
    PatternCounts,
    levels_slice,
)

SAMPLE_PAIRS = 200_000
SAMPLE_SEED = 20200614
SAMPLE_OWN_NAMES = 100_000  # records
PRIOR_OWN_NAMES = 20.0  # weight of the starting m, in records
BIN_PRIOR = 0.1  # records that every frequency bin is thought to hold beside those it holds
LEAST_INITIALS_AGREE = 0.05
USUAL_INITIALS_AGREE = 0.08  # where no record has a given name


@dataclass(frozen=True)
class CountedComparison:
    """A comparison of which pairs with an equal value are counted exactly: the column of the value,
    and the level that a pair with this value has."""

    name: str
    column: str
    level: pl.Expr


BINNED = (
    CountedComparison("given_name", "given", pl.col("given_bin")),
    CountedComparison("surname", "surname", pl.col("surname_bin")),
    CountedComparison("company", "company", pl.col("company_bin")),
)
COUNTED = (
    *BINNED,
    CountedComparison("birthdate", "birthdate", pl.when("usual_birthdate").then(2).otherwise(1)),
    CountedComparison(
        "place",
        "postal",
        pl.when(pl.col("postal_bin") >= 6)
        .then(1)
        .when(pl.col("postal_bin") >= 4)
        .then(2)
        .otherwise(3),
    ),
)


@dataclass(frozen=True)
class ValueStatistics:
    """What a model is fitted on beside the compared pairs. Per level, NaN where nothing is counted.

    equal_pairs: pairs of the data with an equal value, over pairs that hold the field. bin_shares:
    share of the records that hold a value in each frequency bin. own_names: m of the levels of
    names in e-mails. initials_agree: chance that two given names begin alike. sample: patterns of
    random pairs.
    """

    records: int
    equal_pairs: Array
    bin_shares: Array
    own_names: Array
    initials_agree: float
    sample: PatternCounts


def value_statistics(
    con: duckdb.DuckDBPyConnection, records: pl.DataFrame, sample: PatternCounts
) -> ValueStatistics:
    """The statistics of the comparison records; `sample`: of `random_pairs` of them."""
    return ValueStatistics(
        records=records.height,
        equal_pairs=equal_value_pairs(records),
        bin_shares=bin_shares(records),
        own_names=own_names(con, records),
        initials_agree=initials_agree(records),
        sample=sample,
    )


def random_pairs(n_records: int) -> CandidatePairs:
    """Random pairs of records by their numbers, or all pairs where there are not more than the
    sample."""
    if n_records * (n_records - 1) // 2 <= SAMPLE_PAIRS:
        i, j = np.triu_indices(n_records, 1)
    else:
        random = np.random.default_rng(SAMPLE_SEED)
        one = random.integers(0, n_records, SAMPLE_PAIRS)
        other = random.integers(0, n_records, SAMPLE_PAIRS)
        two_records = one != other
        i = np.minimum(one, other)[two_records]
        j = np.maximum(one, other)[two_records]
    by_no_strategy = np.zeros(len(i), dtype=np.int64)
    return CandidatePairs(i.astype(np.int32), j.astype(np.int32), by_no_strategy)


def equal_value_pairs(records: pl.DataFrame) -> Array:
    """For each level with counted u: pairs of the data with an equal value, over pairs that hold
    the field; NaN elsewhere. Local to a value, then summed."""
    result = np.full(len(LEVELS), np.nan)
    pairs_of_value = pl.col("n") * (pl.col("n") - 1) // 2
    for counted in COUNTED:
        holding = records.lazy().drop_nulls(counted.column)
        values = holding.group_by(one_spelling(counted.column)).agg(
            counted.level.first().alias("level"), pl.len().cast(pl.Int64).alias("n")
        )
        levels = values.group_by("level").agg(pairs=pairs_of_value.sum(), held=pl.col("n").sum())
        rows = levels.collect()
        held = int(rows["held"].sum())
        all_pairs = max(held * (held - 1) / 2, 1.0)
        pairs = dict(zip(rows["level"], rows["pairs"], strict=True))
        for number in _counted_levels(counted.name):
            result[OFFSETS[counted.name] + number - 1] = pairs.get(number, 0) / all_pairs
    return result


def bin_shares(records: pl.DataFrame) -> Array:
    """Share of the records that hold a value in each frequency bin, for binned levels; NaN
    elsewhere; smoothed."""
    result = np.full(len(LEVELS), np.nan)
    for binned in BINNED:
        holding = records.select(binned.column, level=binned.level).drop_nulls(binned.column)
        held = dict(holding.group_by("level").len().iter_rows())
        numbers = _counted_levels(binned.name)
        total = sum(held.get(number, 0) + BIN_PRIOR for number in numbers)
        for number in numbers:
            share = (held.get(number, 0) + BIN_PRIOR) / total
            result[OFFSETS[binned.name] + number - 1] = share
    return result


def _counted_levels(comparison: str) -> list[int]:
    """The numbers of the levels whose u is counted exactly."""
    levels = enumerate(COMPARISON_BY_NAME[comparison].levels, 1)
    return [number for number, level in levels if level.u_from == "total"]


def initials_agree(records: pl.DataFrame) -> float:
    """Chance that two given names begin alike."""
    initials = records["given"].drop_nulls().str.head(1)
    counts = initials.value_counts()["count"].to_list()
    if not counts:
        return USUAL_INITIALS_AGREE
    chance = sum(count * count for count in counts) / initials.len() ** 2
    return max(chance, LEAST_INITIALS_AGREE)


def own_names(con: duckdb.DuckDBPyConnection, records: pl.DataFrame) -> Array:
    """m of the names-in-e-mail comparisons: how often a login holds the names of its own record, by
    level; NaN elsewhere.

    Seen on some `SAMPLE_OWN_NAMES` records with an e-mail and both names, each compared with a copy
    of itself that lacks the names.
    """
    result = np.full(len(LEVELS), np.nan)
    read: set[str] = set()
    for comparison in IN_EMAIL:
        read.update(columns_read(comparison.level_sql()))
    has_login_and_names = (
        pl.col("letters").is_not_null()
        & (pl.col("given").str.len_chars() > 1)
        & pl.col("surname").is_not_null()
    )
    # By the record itself, not by its place among those that hold names: that is known where the
    # record lies.
    sampled = bucket_of(records, pl.col(RECORD), max(records.height // SAMPLE_OWN_NAMES, 1)) == 0
    named = records.filter(has_login_and_names & pl.lit(pl.Series(sampled))).select(sorted(read))
    for comparison in IN_EMAIL:
        held = _own_levels(con, named, comparison)
        start = np.array([level.m for level in comparison.levels])
        prior = PRIOR_OWN_NAMES * start / start.sum()
        result[levels_slice(comparison.name)] = (held + prior) / (held.sum() + PRIOR_OWN_NAMES)
    return result


def _own_levels(
    con: duckdb.DuckDBPyConnection, records: pl.DataFrame, comparison: Comparison
) -> Array:
    """How many records are at each level against a copy of themselves that lacks the names."""
    columns = columns_read(comparison.level_sql())
    nothing = pl.lit(None, pl.String)
    lacking = records.select(
        nothing.alias(f"a_{column}")
        if column in comparison.lacking
        else pl.col(column).alias(f"a_{column}")
        for column in columns
    )
    complete = records.select(pl.col(column).alias(f"b_{column}") for column in columns)
    sql = f"SELECT {comparison.level_sql()} AS level, count(*) FROM er_own GROUP BY 1"
    with registered(con, er_own=pl.concat([lacking, complete], how="horizontal")):
        counts = dict(con.execute(side_by_side(sql)).fetchall())
    numbers = range(1, len(comparison.levels) + 1)
    return np.array([counts.get(number, 0) for number in numbers], dtype=np.float64)

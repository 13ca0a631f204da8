"""What a pair of records is compared on, labels of people among it, and the kernel that compares.

The levels are computed in `agreement_patterns`; what they say is `score`.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import polars as pl

from c360_assets.stitch.compare.agreement_patterns import (
    ComparedColumns,
    columns_compared,
    compare,
    compared_columns,
)
from c360_assets.stitch.compare.candidate_pairs import CandidatePairs
from c360_assets.stitch.compare.compared_pairs import ComparedPairs
from c360_assets.stitch.compare.comparison_records import columns_with
from c360_assets.stitch.exchange.rows import Side
from c360_assets.stitch.score.conflicts import approximate_keys
from c360_assets.stitch.score.labels import LABEL, Labels


@dataclass(frozen=True)
class ComparisonInputs:
    """What pairs are compared on: columns of the comparison records, keys among them, labels."""

    columns: ComparedColumns
    key_columns: list[str]
    labels: Labels


def keys_compared(records: pl.DataFrame) -> list[str]:
    """The keys of records of which the states of a pair are known."""
    return [*columns_with(records, "fk_"), *columns_with(records, "sk_")]


def columns_needed(records: pl.DataFrame) -> list[str]:
    """Columns of the comparison records that comparing reads, in their order."""
    needed = columns_compared() | {*keys_compared(records)}
    return [column for column in records.columns if column in needed]


def compare_positions(
    con: duckdb.DuckDBPyConnection, inputs: ComparisonInputs, candidates: CandidatePairs
) -> ComparedPairs:
    """The candidate pairs, compared. Local to a pair."""
    i, j = (inputs.columns.rows_of(end) for end in (candidates.i, candidates.j))
    agreement = compare(con, inputs.columns, i, j, inputs.key_columns)
    keys = approximate_keys(agreement.pattern, agreement.keys)
    if inputs.labels:
        keys[LABEL] = inputs.labels.states(candidates.i, candidates.j)
    return ComparedPairs(candidates.i, candidates.j, candidates.strategies, agreement.pattern, keys)


@dataclass(frozen=True)
class ComparePairs:
    """`compare_positions` of candidate pairs beside their comparison records. Local to a pair."""

    labels: Labels

    def __call__(
        self, con: duckdb.DuckDBPyConnection, candidates: Side, records: Side
    ) -> pl.DataFrame:
        columns = records.once(_compared_columns)
        inputs = ComparisonInputs(columns, keys_compared(records.frame), self.labels)
        return compare_positions(con, inputs, CandidatePairs.of(candidates.frame)).frame()


def _compared_columns(records: pl.DataFrame) -> ComparedColumns:
    return compared_columns(records, keys_compared(records))

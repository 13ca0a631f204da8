"""Parts of the graph of scored pairs: what may become a cluster, and its pairs no block brought
together.

Belongs here: from pairs to connected components and the parts of supersized ones. Graph work on
bare arrays is in `connected_components`, what merges inside a part in `linkage`.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.compare.agreement_patterns import MISSING
from c360_assets.stitch.compare.candidate_pairs import CandidatePairs, stretches
from c360_assets.stitch.compare.compared_pairs import (
    Bools,
    ComparedPairs,
    Ints,
    Ints32,
    positions,
)
from c360_assets.stitch.connected_components import Edges, components, partition
from c360_assets.stitch.exchange.rows import PAIR, RECORD, Side, columns, rows_of
from c360_assets.stitch.score.labels import LABEL
from c360_assets.stitch.score.scale import log_odds_of
from c360_assets.stitch.score.scored_pairs import PatternEvidence
from c360_assets.tenant.models import StitchConfig

# Pairs that no block brought together are compared in parts of at most so many times the size from
# which a component is supersized: their number grows with the square.
LARGEST_COMPARED = 4


@dataclass(frozen=True)
class Parts:
    """Of each record, by smallest record: its connected component, its part of it, and its part
    again where the component was supersized, -1 elsewhere."""

    component: Ints
    part: Ints
    supersized: Ints

    def hold(self, pairs: ComparedPairs) -> Bools:
        """Which pairs are inside a part."""
        return np.concatenate(
            [
                self.part[pairs.i[stretch]] == self.part[pairs.j[stretch]]
                for stretch in stretches(pairs.n)
            ]
        )

    def supersized_rid(self, rid: Ints) -> pl.Series:
        """The smallest rid of each record's part, null outside supersized components."""
        named = np.where(self.supersized >= 0, rid[np.maximum(self.supersized, 0)], -1)
        return pl.Series("supersized", named).replace(-1, None)


@dataclass(frozen=True)
class EdgePairs:
    """`i`, `j`, `score` of the pairs at or above the threshold. Local to a pair."""

    threshold: float

    def __call__(self, _con: duckdb.DuckDBPyConnection, scored: Side) -> pl.DataFrame:
        is_edge = scored.array("score") >= self.threshold
        return scored.frame.select(*PAIR, "score").filter(is_edge)


def connected_parts(n_records: int, edges: pl.DataFrame, config: StitchConfig) -> Parts:
    """The parts that the edges (`EdgePairs`, sorted) connect. Local to the graph, then to a
    component."""
    threshold = config.matching.threshold
    i, j, score = (edges[column].to_numpy() for column in (*PAIR, "score"))
    component = components(n_records, i, j)
    limits = config.clustering.supersized
    split = partition(component, Edges(i, j, score), threshold, limits.min_size, limits.max_depth)
    return Parts(component, split.part, split.supersized)


@dataclass(frozen=True)
class TellingPairs:
    """The scored pairs that say something once the parts are known, with `inside`, whether a part
    holds both records, and `counts`, whether clusters or tables are made of the pair; the others
    are between two parts and may be one person all the same. Local to a pair and its records.

    `lowest`: the score from which pairs are published. The records: `i`, `part`.
    """

    evidence: PatternEvidence
    lowest: float

    def __call__(
        self, _con: duckdb.DuckDBPyConnection, scored: Side, records: Side
    ) -> pl.DataFrame:
        pairs = ComparedPairs.of(scored.frame)
        part = records.array("part")
        known = records.array(RECORD)
        # What a key, a rule or a veto decided against the model is what people ask about.
        is_likely = self.evidence.log_odds >= log_odds_of(self.lowest)
        may_match = self.evidence.may_match
        inside = np.empty(pairs.n, dtype=bool)
        counts = np.empty(pairs.n, dtype=bool)
        kept = np.empty(pairs.n, dtype=bool)
        for some in stretches(pairs.n):
            ends = (part[rows_of(known, end[some])] for end in (pairs.i, pairs.j))
            inside[some] = np.equal(*ends)
            number = positions(self.evidence.patterns, pairs.pattern[some])
            is_published = (scored.array("score")[some] >= self.lowest) | is_likely[number]
            counts[some] = inside[some] | is_published
            if LABEL in pairs.keys:
                counts[some] |= pairs.keys[LABEL][some] != MISSING
            kept[some] = counts[some] | may_match[number]
        told = scored.frame.drop("score").filter(kept)
        return told.hstack(columns(inside=inside[kept], counts=counts[kept]))


def unmet_pairs(part: Ints, met_i: Ints32, met_j: Ints32, min_size: int) -> CandidatePairs:
    """Pairs inside parts that are not among the pairs that met. Local to a part.

    `met_i`, `met_j`: pairs inside parts. `min_size`: from which a component is supersized.
    """
    n_records = len(part)
    size = np.bincount(part, minlength=n_records)[part]
    in_compared_part = (size > 1) & (size <= LARGEST_COMPARED * min_size)
    member = np.flatnonzero(in_compared_part)
    member = member[np.argsort(part[member], kind="stable")]
    # Every member is paired with the members of its part that follow it.
    n_following = size[member] - _rank_in_part(part[member]) - 1
    first = np.repeat(np.arange(len(member)), n_following)
    before = np.cumsum(n_following) - n_following
    step = np.arange(len(first)) - np.repeat(before, n_following)
    # Members are in rid order inside a part, so the first of a pair is the smaller one.
    every = np.sort(member[first] * n_records + member[first + step + 1])
    met = met_i.astype(np.int64) * n_records + met_j
    unmet = every[~np.isin(every, met, assume_unique=True)]
    return CandidatePairs(
        (unmet // n_records).astype(np.int32),
        (unmet % n_records).astype(np.int32),
        np.zeros(len(unmet), dtype=np.int64),
    )


def _rank_in_part(part: npt.NDArray[np.int64]) -> Ints:
    """0, 1, 2, ... within each run of equal values."""
    position = np.arange(len(part))
    is_start = np.ones(len(part), dtype=bool)
    is_start[1:] = part[1:] != part[:-1]
    return position - np.maximum.accumulate(np.where(is_start, position, 0))

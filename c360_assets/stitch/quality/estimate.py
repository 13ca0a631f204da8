"""How good the clusters are, without labels: of the pairs in them how many are one person
(precision), and of the pairs of one person how many are in them: among those that were compared,
and how many were compared at all.

Precision counts each pair by its best path (`best_paths`), recall among compared pairs by what is
expected of pairs that were kept apart, coverage by capture and recapture (`capture`). Bounds are
odds of an error that are so many times larger or smaller: they were set on generated tenants, where
estimates were off by that much. What is missed is mostly more than it seems: pairs that share a
name alone are missed by all kinds of keys, and told by no other field.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from c360_assets.stitch.compare.agreement_patterns import DIFFERENT, EQUAL
from c360_assets.stitch.compare.compared_pairs import ComparedPairs, positions
from c360_assets.stitch.quality.best_paths import best_path_probability
from c360_assets.stitch.quality.capture import Caught, Keyed, coverage
from c360_assets.stitch.quality.rivals import own_share
from c360_assets.stitch.quality.shares import Estimate, Quality
from c360_assets.stitch.score.conflicts import Conflicts, conflict_states
from c360_assets.stitch.score.labels import LABEL
from c360_assets.stitch.score.scored_pairs import DecidedPairs, PatternEvidence

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
# How many times larger and smaller the odds of an error may be.
PRECISION_FACTORS = (4.0, 3.0)
RECALL_FACTORS = (4.0, 4.0)
COVERAGE_FACTORS = (7.0, 2.0)
LEAST_MISSED = 0.003  # of the pairs of one person: by all kinds of keys, although none seems to
LEAST_PAIRS = 50  # of one person, below which nothing is said
SURE = 14.0  # log-odds of what people decided; the model's are not counted above it
NORMAL_95 = 1.96


@dataclass(frozen=True)
class LikelyPairs:
    """Pairs by position with the log-odds of one person, the strategies that found them, and
    whether a conflict forbids them to be one person (of other parts this is not asked)."""

    i: Ints
    j: Ints
    strategies: Ints
    log_odds: Array
    vetoed: Bools


def likely_between_parts(apart: ComparedPairs, evidence: PatternEvidence) -> LikelyPairs:
    """Of pairs between parts those that may be one person after all. Local to a pair."""
    number = positions(evidence.patterns, apart.pattern)
    may_match = evidence.may_match[number]
    return LikelyPairs(
        apart.i[may_match].astype(np.int64),
        apart.j[may_match].astype(np.int64),
        apart.strategies[may_match],
        evidence.log_odds[number[may_match]],
        np.zeros(int(may_match.sum()), dtype=bool),
    )


def inside_parts(decided: DecidedPairs, inside: Bools, conflicts: Conflicts) -> LikelyPairs:
    """The pairs inside parts, by which clusters were made."""
    pairs = decided.pairs
    log_odds = decided.evidence.log_odds[decided.pattern_number[inside]]
    if LABEL in pairs.keys:
        label = pairs.keys[LABEL][inside]
        log_odds = np.where(label == EQUAL, SURE, log_odds)
        log_odds = np.where(label == DIFFERENT, -SURE, log_odds)
    states = conflict_states(conflicts, pairs.pattern, pairs.keys)
    return LikelyPairs(
        pairs.i[inside].astype(np.int64),
        pairs.j[inside].astype(np.int64),
        pairs.strategies[inside],
        log_odds,
        np.asarray(states.incompatible[inside].any(axis=1)),
    )


def estimate_quality(
    within: LikelyPairs, between: LikelyPairs, cluster: Ints, records: Keyed
) -> Quality:
    """What to expect of the clusters.

    `within`: all pairs inside parts, `between`: the likely ones of other parts; `cluster`: of each
    comparison record.
    """
    same = cluster[within.i] == cluster[within.j]
    expected_within = _probability(within, same, cluster) * _weight(within, records)
    expected_between = _sigmoid(between.log_odds) * _weight(between, records)
    # Records that one stands for are alike in all that is compared.
    inner = float((records.size * (records.size - 1) / 2).sum())
    n_right = float(expected_within[same].sum()) + inner
    if n_right < LEAST_PAIRS:
        return Quality()
    n_joined = float(_weight(within, records)[same].sum()) + inner
    n_apart = float(expected_within[~same].sum() + expected_between.sum())
    caught = Caught(
        np.concatenate([within.i, between.i]),
        np.concatenate([within.j, between.j]),
        np.concatenate([within.strategies, between.strategies]),
        np.concatenate([expected_within, expected_between]),
    )
    covered = coverage(caught, records, inner)
    n_compared = n_right + n_apart
    # With one kind of key, nothing shows the pairs that it tells not to be one person.
    recall = None if covered.undecidable is None else n_right / n_compared
    coverage_bounds = _between_bounds(covered.share, n_compared, COVERAGE_FACTORS, LEAST_MISSED)
    return Quality(
        precision=_between_bounds(n_right / n_joined, n_joined, PRECISION_FACTORS),
        recall_among_compared=_between_bounds(recall, n_compared, RECALL_FACTORS),
        blocking_coverage=coverage_bounds,
        undecidable=covered.undecidable,
    )


def _probability(pairs: LikelyPairs, same: Bools, cluster: Ints) -> Array:
    """Of one person: by the best path inside a cluster, where both records may belong to another
    one; for two clusters of one part by the mean of the log-odds between them, as they are one
    question."""
    result = np.empty(len(pairs.i))
    i, j = pairs.i[same], pairs.j[same]
    best = best_path_probability(i, j, _sigmoid(pairs.log_odds[same]), cluster)
    bounded = np.clip(pairs.log_odds, -SURE, SURE)
    own = own_share((pairs.i, pairs.j), bounded, pairs.vetoed, cluster)
    result[same] = best * own[i] * own[j]
    apart = ~same
    one = np.minimum(cluster[pairs.i[apart]], cluster[pairs.j[apart]])
    other = np.maximum(cluster[pairs.i[apart]], cluster[pairs.j[apart]])
    _, question = np.unique(one * len(cluster) + other, return_inverse=True)
    log_odds = np.clip(pairs.log_odds[apart], -SURE, SURE)
    mean = np.bincount(question, weights=log_odds) / np.maximum(np.bincount(question), 1)
    result[apart] = _sigmoid(mean[question])
    return result


def _weight(pairs: LikelyPairs, records: Keyed) -> Array:
    """How many pairs of source records each pair stands for."""
    return np.asarray(records.size[pairs.i] * records.size[pairs.j], dtype=np.float64)


def _sigmoid(log_odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -SURE, SURE))))


def _between_bounds(
    share: float | None, n_pairs: float, factors: tuple[float, float], least_wrong: float = 0.0
) -> Estimate:
    """The estimate, its odds of an error at most and at least as `factors` say; `least_wrong`: an
    error of this share may always be there."""
    if share is None:
        return Estimate()
    share = min(max(share, 0.0), 1.0)
    chance = NORMAL_95 * float(np.sqrt(share * (1 - share) / n_pairs))
    wrong = 1 - share
    most, least = factors
    low = share / (share + most * max(wrong, least_wrong))
    high = share / (share + wrong / least)
    return Estimate(share, max(low - chance, 0.0), min(high + chance, 1.0))

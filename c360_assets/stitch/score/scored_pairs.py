"""Scored pairs: the model's evidence on agreement patterns, and what rules make of it pair by pair.

The model is asked once per distinct pattern, rules look at each pair. Belongs here: what the
figures of pairs are made of. The steps themselves are in `match_model`, `ceilings` and `rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.compare.blocking import Strategy
from c360_assets.stitch.compare.candidate_pairs import stretches
from c360_assets.stitch.compare.compared_pairs import ComparedPairs, positions
from c360_assets.stitch.score.ceilings import below, ceiling
from c360_assets.stitch.score.class_meaning import is_lookalike
from c360_assets.stitch.score.conflicts import Conflicts
from c360_assets.stitch.score.match_model import Array, Ints, Model
from c360_assets.stitch.score.recordlinkage_model import EcmModel
from c360_assets.stitch.score.rules import Scored, apply_rules
from c360_assets.stitch.score.scale import category_of, score_of
from c360_assets.tenant.models import MatchingConfig

Ints32 = npt.NDArray[np.int32]
MATCH_TYPES = ["scored", "scored_transitive"]
# The tables add pairs of trivial duplicates, which are never compared.
MATCH_TYPE = pl.Enum([*MATCH_TYPES, "trivial_duplicate"])
DIGITS = 6  # of published log-odds
# Log-odds of lookalikes in linkage: more than a rare name and a place weigh together.
LOOKALIKES_APART = -8.0


@dataclass(frozen=True)
class Scorer:
    """What decides the score of a pair. `contacts`: whether the data hold any contact at all."""

    model: Model | EcmModel
    matching: MatchingConfig
    conflicts: Conflicts
    contacts: bool


@dataclass(frozen=True)
class PatternEvidence:
    """What the model says of distinct agreement patterns, sorted.

    log_odds: of one person, below their ceiling. linkage_log_odds: as linkage counts them.
    household_log_odds: of living together without being one person. strength: how much a pair was
    compared on, in nats.
    """

    patterns: Ints
    log_odds: Array
    linkage_log_odds: Array
    household_log_odds: Array
    strength: Array


@dataclass(frozen=True)
class ScoredPairs:
    """All compared pairs with their scores. `pattern_number`: the place of each pair's pattern in
    the evidence. Who decided a score is not kept: of most pairs nobody asks."""

    pairs: ComparedPairs
    evidence: PatternEvidence
    pattern_number: Ints32
    score: Array


@dataclass(frozen=True)
class DecidedPairs:
    """The pairs that clusters are made of, with their scores and who decided them."""

    pairs: ComparedPairs
    evidence: PatternEvidence
    pattern_number: Ints32
    scored: Scored


def pattern_evidence(scorer: Scorer, patterns: Ints) -> PatternEvidence:
    """The evidence of distinct patterns. Local to a pattern."""
    person, household = scorer.model.log_odds(patterns)
    highest = ceiling(patterns, contacts=scorer.contacts)
    # A pair held down by its ceiling joins nothing, and drives nothing apart either: a person who
    # moved looks like that.
    linkage = np.where(np.isfinite(highest), np.minimum(person, 0.0), person)
    # Two people of one name and place stay two, whatever a record that holds no more fits both.
    linkage = np.where(is_lookalike(patterns), np.minimum(linkage, LOOKALIKES_APART), linkage)
    return PatternEvidence(
        patterns=patterns,
        log_odds=below(person, highest),
        linkage_log_odds=linkage,
        household_log_odds=household,
        strength=scorer.model.strength(patterns),
    )


def score_pairs(scorer: Scorer, pairs: ComparedPairs, patterns: Ints) -> ScoredPairs:
    """Scores of all compared pairs, some at a time. Local to a pair.

    `patterns`: the distinct patterns of the pairs, sorted.
    """
    evidence = pattern_evidence(scorer, patterns)
    pattern_number = positions(patterns, pairs.pattern)
    score = np.empty(pairs.n)
    for stretch in stretches(pairs.n):
        scored = apply_rules(
            scorer.matching,
            scorer.conflicts,
            evidence.log_odds[pattern_number[stretch]],
            pairs.pattern[stretch],
            pairs.keys_of(stretch),
        )
        score[stretch] = scored.score
    return ScoredPairs(pairs, evidence, pattern_number, score)


def decide_pairs(scorer: Scorer, pairs: ComparedPairs) -> DecidedPairs:
    """Scores, and who decided them. Local to a pair."""
    patterns = np.unique(pairs.pattern)
    evidence = pattern_evidence(scorer, patterns)
    pattern_number = positions(patterns, pairs.pattern)
    scored = apply_rules(
        scorer.matching,
        scorer.conflicts,
        evidence.log_odds[pattern_number],
        pairs.pattern,
        pairs.keys,
    )
    return DecidedPairs(pairs, evidence, pattern_number, scored)


def pairs_table(decided: DecidedPairs, rid: Ints) -> pl.DataFrame:
    """The pairs as `Resolution` shows them."""
    pairs = decided.pairs
    log_odds = decided.evidence.log_odds[decided.pattern_number]
    match_type = pl.Series(np.where(pairs.strategies == 0, 1, 0)).replace_strict(
        [0, 1], MATCH_TYPES, return_dtype=MATCH_TYPE
    )
    strategy_count = np.bitwise_count(pairs.strategies.astype(np.uint64))
    return pl.DataFrame(
        {
            "rid1": rid[pairs.i],
            "rid2": rid[pairs.j],
            "score": decided.scored.score,
            "log_odds": np.round(log_odds, DIGITS),
            "match_category": category_of(decided.scored.score),
            "match_type": match_type,
            "decided_by": decided.scored.decider(),
            "strategy_count": strategy_count.astype(np.int64),
            "model_score": score_of(log_odds),
        }
    )


def household_table(scored: ScoredPairs, rid: Ints) -> pl.DataFrame:
    """Pairs that live together without being one person, above even odds."""
    log_odds = scored.evidence.household_log_odds
    lives_together = (log_odds > 0)[scored.pattern_number]
    of_pairs = log_odds[scored.pattern_number[lives_together]]
    return pl.DataFrame(
        {
            "rid1": rid[scored.pairs.i[lives_together]],
            "rid2": rid[scored.pairs.j[lives_together]],
            "log_odds": np.round(of_pairs, DIGITS),
        }
    )


def strategies_table(strategies: Sequence[Strategy], scored: ScoredPairs) -> pl.DataFrame:
    """Pairs of each strategy, and what no other found: pairs, and expected matches among them."""
    log_odds = scored.evidence.log_odds
    probability = 1 / (1 + np.exp(-np.clip(log_odds, -50, 50)))
    found_by = scored.pairs.strategies
    rows = []
    for number, strategy in enumerate(strategies):
        bit = 1 << number
        n_pairs = 0
        for stretch in stretches(len(found_by)):
            n_pairs += int(np.count_nonzero(found_by[stretch] & bit))
        exclusive = scored.pattern_number[found_by == bit]
        exclusive_of_pattern = np.bincount(exclusive, minlength=len(log_odds))
        matches = float((exclusive_of_pattern * probability).sum())
        rows.append(
            {
                "strategy": strategy.name,
                "pairs": n_pairs,
                "exclusive_pairs": len(exclusive),
                "exclusive_matches": round(matches, 2),
            }
        )
    schema = {
        "strategy": pl.String,
        "pairs": pl.Int64,
        "exclusive_pairs": pl.Int64,
        "exclusive_matches": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)

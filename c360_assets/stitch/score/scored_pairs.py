"""Scored pairs: the model's evidence on agreement patterns, and what rules make of it pair by pair.

The model is asked once per distinct pattern, rules look at each pair. Belongs here: what the
figures of pairs are made of. The steps themselves are in `match_model`, `ceilings` and `rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.compare.blocking import Strategy
from c360_assets.stitch.compare.candidate_pairs import stretches
from c360_assets.stitch.compare.compared_pairs import ComparedPairs, positions
from c360_assets.stitch.exchange.rows import PAIR, Side, columns
from c360_assets.stitch.score.ceilings import below, ceiling
from c360_assets.stitch.score.class_meaning import is_lookalike
from c360_assets.stitch.score.conflicts import Conflicts
from c360_assets.stitch.score.match_model import Array, Ints, Model
from c360_assets.stitch.score.recordlinkage_model import EcmModel
from c360_assets.stitch.score.rules import Scored, apply_rules
from c360_assets.stitch.score.scale import category_of, score_of
from c360_assets.tenant.models import MatchingConfig

Bools = npt.NDArray[np.bool_]
Ints32 = npt.NDArray[np.int32]
LEAST_LIKELY = 1e-3  # the probability from which a pair may be one person
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

    @property
    def may_match(self) -> Bools:
        """Which patterns may be those of one person; there are very many pairs of the others."""
        return np.asarray(self.log_odds >= np.log(LEAST_LIKELY))


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


@dataclass(frozen=True)
class ScorePairs:
    """Adds `score` to compared pairs. Who decided it is not kept: of most pairs nobody asks. Local
    to a pair."""

    matching: MatchingConfig
    conflicts: Conflicts
    evidence: PatternEvidence

    def __call__(self, _con: duckdb.DuckDBPyConnection, compared: Side) -> pl.DataFrame:
        pairs = ComparedPairs.of(compared.frame)
        score = np.empty(pairs.n)
        for stretch in stretches(pairs.n):
            pattern = pairs.pattern[stretch]
            scored = apply_rules(
                self.matching,
                self.conflicts,
                self.evidence.log_odds[positions(self.evidence.patterns, pattern)],
                pattern,
                pairs.keys_of(stretch),
            )
            score[stretch] = scored.score
        return compared.frame.hstack(columns(score=score))


@dataclass(frozen=True)
class HouseholdPairs:
    """`i`, `j`, `log_odds` of pairs that live together without being one person, above even odds.
    Local to a pair."""

    evidence: PatternEvidence

    def __call__(self, _con: duckdb.DuckDBPyConnection, compared: Side) -> pl.DataFrame:
        of_pattern = self.evidence.household_log_odds
        pattern_number = positions(self.evidence.patterns, compared.array("pattern"))
        together = (of_pattern > 0)[pattern_number]
        log_odds = np.round(of_pattern[pattern_number[together]], DIGITS)
        pairs = compared.frame.select(PAIR).filter(together)
        return pairs.hstack(columns(log_odds=log_odds))


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


def household_table(pairs: pl.DataFrame, rid: Ints) -> pl.DataFrame:
    """The pairs of `HouseholdPairs` as `Resolution` shows them."""
    one, other = (rid[pairs[end].to_numpy()] for end in PAIR)
    return pl.DataFrame({"rid1": one, "rid2": other, "log_odds": pairs["log_odds"]})


def strategies_table(
    strategies: Sequence[Strategy], counts: pl.DataFrame, evidence: PatternEvidence
) -> pl.DataFrame:
    """Pairs of each strategy, and what no other found: pairs, and expected matches among them.

    `counts`: strategies, pattern, n of the compared pairs.
    """
    probability = 1 / (1 + np.exp(-np.clip(evidence.log_odds, -50, 50)))
    found_by = counts["strategies"].to_numpy()
    n_pairs = counts["n"].to_numpy()
    pattern_number = positions(evidence.patterns, counts["pattern"].to_numpy())
    rows = []
    for number, strategy in enumerate(strategies):
        bit = 1 << number
        alone = found_by == bit
        exclusive_of_pattern = np.bincount(
            pattern_number[alone], weights=n_pairs[alone], minlength=len(probability)
        )
        matches = float((exclusive_of_pattern * probability).sum())
        rows.append(
            {
                "strategy": strategy.name,
                "pairs": int(n_pairs[(found_by & bit) != 0].sum()),
                "exclusive_pairs": int(n_pairs[alone].sum()),
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

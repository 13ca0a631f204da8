"""From decided pairs to clusters: what linkage is told about each pair, and what must be joined.

Belongs here: how rules, keys and labels become values, weights and must-links. How clusters merge
is in `linkage`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.cluster.linkage import (
    Clustering,
    Decisions,
    PairSet,
    hierarchical,
    mean_linkage,
)
from c360_assets.stitch.cluster.parts import Parts
from c360_assets.stitch.compare.agreement_patterns import DIFFERENT, EQUAL, MISSING
from c360_assets.stitch.connected_components import components
from c360_assets.stitch.score.conflicts import Conflicts, conflict_states
from c360_assets.stitch.score.labels import LABEL
from c360_assets.stitch.score.match_model import Array
from c360_assets.stitch.score.scale import log_odds_of
from c360_assets.stitch.score.scored_pairs import DIGITS, DecidedPairs
from c360_assets.tenant.models import MatchingConfig, StitchConfig

Bools = npt.NDArray[np.bool_]
# Log-odds that a rule's "same" or "different" stands for in the mean over a cluster's pairs.
FORCED = 12.0
# Nats of comparison that weigh 1 in a mean; the power lets well-compared pairs speak for a cluster.
FULL_STRENGTH = 30.0
STRENGTH_POWER = 4
LEAST_STRENGTH = 0.05
JOINS = 3.0  # the score of a rule from which it joins
SEPARATES = 1.0  # the score of a rule below which it separates


def link(
    decided: DecidedPairs, parts: Parts, conflicts: Conflicts, config: StitchConfig
) -> Clustering:
    """Cluster of each record, and the decisions on the way. Local to a part."""
    takes_parts = config.clustering.algorithm == "components"
    inside = parts.hold(decided.pairs)
    label = np.full(int(np.count_nonzero(inside)), MISSING, dtype=np.uint8)
    if LABEL in decided.pairs.keys:
        label = decided.pairs.keys[LABEL][inside]
    if takes_parts and not (label == DIFFERENT).any():
        return Clustering(parts.part, Decisions.nothing())
    if takes_parts:
        # Whole parts, but for what labels hold apart.
        conflicts = replace(conflicts, levels={}, keys=(LABEL,))
    pairs = _pair_set(decided, inside, conflicts, config.matching)
    joined = label == EQUAL
    if config.matching.rules or not config.matching.classifier.endswith("sk-priority"):
        joined |= decided.scored.fk_equal[inside]
    contracted = _contracted(len(parts.part), pairs, joined, label)
    if takes_parts or config.clustering.algorithm == "hierarchical":
        score = decided.scored.score[inside]
        return hierarchical(pairs, score, config.matching.threshold, contracted)
    return mean_linkage(pairs, log_odds_of(config.matching.threshold), contracted)


def _pair_set(
    decided: DecidedPairs, inside: Bools, conflicts: Conflicts, matching: MatchingConfig
) -> PairSet:
    """The pairs inside parts, as linkage takes them. Local to a pair."""
    in_parts = decided.pairs.take(inside)
    states = conflict_states(conflicts, in_parts.pattern, in_parts.keys)
    strength = decided.evidence.strength[decided.pattern_number[inside]] / FULL_STRENGTH
    return PairSet(
        i=in_parts.i.astype(np.int64),
        j=in_parts.j.astype(np.int64),
        value=_linkage_values(decided, inside, matching),
        weight=np.maximum(strength, LEAST_STRENGTH) ** STRENGTH_POWER,
        incompatible=states.incompatible,
        compatible=states.compatible,
    )


def _linkage_values(decided: DecidedPairs, inside: Bools, matching: MatchingConfig) -> Array:
    """Log-odds of the pairs inside parts, as linkage counts them: rules speak louder."""
    value = decided.evidence.linkage_log_odds[decided.pattern_number[inside]]
    score = decided.scored.score[inside]
    by_rule = decided.scored.decided_by[inside] > 0
    joins = by_rule & (score >= JOINS)
    separates = by_rule & (score < SEPARATES)
    value[joins] = np.maximum(value[joins], FORCED)
    value[separates] = np.minimum(value[separates], -FORCED)
    if matching.remaining == "none":
        value[~by_rule] = np.minimum(value[~by_rule], 0.0)
    return value


def _contracted(
    n_records: int, pairs: PairSet, joined: Bools, label: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """Labels of records after joining these pairs whatever else is known.

    Equal keys that would bring together what a label holds apart join by their score, which a
    conflict refuses.
    """
    contracted = components(n_records, pairs.i[joined], pairs.j[joined])
    together = contracted[pairs.i] == contracted[pairs.j]
    torn = contracted[pairs.i[(label == DIFFERENT) & together]]
    if len(torn):
        joined = joined & ((label == EQUAL) | ~np.isin(contracted[pairs.i], torn))
        contracted = components(n_records, pairs.i[joined], pairs.j[joined])
    return contracted


def clusters_table(
    clustering: Clustering, parts: Parts, rid: npt.NDArray[np.int64]
) -> pl.DataFrame:
    """The clusters as `Resolution` shows them."""
    return pl.DataFrame(
        {
            "rid": rid,
            "cluster": rid[clustering.label],
            "component": rid[parts.component],
            "supersized": parts.supersized_rid(rid),
        }
    )


def decisions_table(
    decisions: Decisions, conflicts: Conflicts, rid: npt.NDArray[np.int64]
) -> pl.DataFrame:
    """The decisions as `Resolution` shows them."""
    fields = [field.replace("_", "-") for field in conflicts.fields]
    # The last one stands for "no field": its number is -1.
    names = np.array([*fields, "mean log-odds"])
    field = np.where(decisions.merged, "", names[decisions.field])
    return pl.DataFrame(
        {
            "rid1": rid[decisions.a],
            "rid2": rid[decisions.b],
            "action": np.where(decisions.merged, "merged", "refused"),
            "field": field,
            "evidence": np.round(decisions.evidence, DIGITS),
        }
    ).with_columns(pl.col("field").replace("", None))

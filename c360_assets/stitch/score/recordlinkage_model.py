"""The reference model: the ECM classifier of the package recordlinkage on the same compared pairs.

Fellegi-Sunter with two classes and yes-or-no variables. Each comparison becomes two of them: it
agrees (a level more usual for one person than for strangers by the shipped values), and it does not
differ (no level more usual for strangers); a missing value does neither, so that it counts less
than a disagreement. Which model a tenant uses is its setting; the product's own is in
`match_model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.compare.comparison_levels import Comparison
from c360_assets.stitch.compare.comparisons import COMPARISONS
from c360_assets.stitch.score.match_model import Array, Ints, PatternCounts, levels_of

# Rows that the classifier is trained on: patterns repeated in proportion to their pairs, each at
# least once.
TRAINING_ROWS = 200_000
SURE = 50.0  # log-odds where the classifier's probability is 0 or 1
AGREES = "agrees"
DOES_NOT_DIFFER = "does not differ"


class Variable(NamedTuple):
    """A yes-or-no question about a pair."""

    comparison: Comparison
    kind: str


# Left out: comparisons that say how a pair was found or what it holds, not whether it agrees.
VARIABLES = tuple(
    Variable(comparison, kind)
    for comparison in COMPARISONS
    for kind in (AGREES, DOES_NOT_DIFFER)
    if comparison.name != "name_swap" and not comparison.context
)


def variables(patterns: Ints) -> npt.NDArray[np.int8]:
    """(patterns, variables) of 0 and 1."""
    columns = []
    for comparison, kind in VARIABLES:
        level = levels_of(patterns, comparison.name)
        numbered = enumerate(comparison.levels, 1)
        agreeing = [number for number, item in numbered if item.m > item.u]
        answer = np.isin(level, agreeing)
        if kind == DOES_NOT_DIFFER:
            answer |= level == 0
        columns.append(answer)
    return np.stack(columns, axis=1).astype(np.int8)


class _Shares(NamedTuple):
    """Shares of the pairs of one person, and of others, where each used variable is true."""

    m: Array
    u: Array


@dataclass(frozen=True)
class EcmModel:
    """A fitted classifier with the questions that the matcher asks of a model; see
    `match_model.Model`."""

    kernel: Any
    used: npt.NDArray[np.bool_]  # variables that differ between the pairs it was trained on
    sizes: Array  # pairs expected in each class; none of the household
    agreeing: Array  # (variables,) expected same-person pairs where the variable is true

    def log_odds(self, patterns: Ints) -> tuple[Array, Array]:
        """Log-odds of same person for each pattern; those of same household are never above
        even."""
        with np.errstate(all="ignore"):
            log_probability = self.kernel.predict_log_proba(variables(patterns)[:, self.used])
            person = log_probability[:, 1] - log_probability[:, 0]
        household = np.full(len(patterns), -SURE)
        return np.clip(np.nan_to_num(person, nan=-SURE), -SURE, SURE), household

    def strength(self, patterns: Ints) -> Array:
        """How much a pair was compared on: the absolute weights (nats) of its variables added
        up."""
        m, u = self._shares()
        weight_of_true = np.abs(np.log(m / u))
        weight_of_false = np.abs(np.log((1 - m) / (1 - u)))
        is_true = variables(patterns)[:, self.used].astype(np.float64)
        return np.asarray(is_true @ weight_of_true + (1 - is_true) @ weight_of_false)

    def table(self) -> pl.DataFrame:
        """As `match_model.Model.table`: two rows per comparison, m and u the shares of the pairs
        where the variable is true."""
        m, u = self._shares()
        used = [VARIABLES[number] for number in np.flatnonzero(self.used)]
        levels = [1 if variable.kind == AGREES else 2 for variable in used]
        nothing = pl.Series([None] * len(used), dtype=pl.Float64)
        return pl.DataFrame(
            {
                "feature": [variable.comparison.name for variable in used],
                "level": pl.Series(levels, dtype=pl.Int64),
                "label": [variable.kind for variable in used],
                "m": m,
                "h": nothing,
                "u": u,
                "weight_bits": np.log2(m / u),
                "household_bits": nothing,
                "expected_pairs": self.agreeing,
            }
        )

    def lower_bound_m(self, comparison: str, levels: list[int]) -> tuple[float, float]:
        """No evidence about single levels: the documented vetoes stand."""
        return 0.0, 0.0

    def _shares(self) -> _Shares:
        # The kernel has two columns per variable: its share of 0 and of 1.
        share_of_true = np.exp(self.kernel.feature_log_prob_)[:, 1::2]
        others, person = np.clip(np.nan_to_num(share_of_true), 1e-9, 1 - 1e-9)
        return _Shares(m=person, u=others)


def fit_ecm(compared: PatternCounts) -> EcmModel:
    """Train the classifier on the patterns of the compared pairs. Deterministic."""
    # 200 MB and seconds to import: only where it is asked for.
    import pandas
    from recordlinkage.classifiers import ECMClassifier

    counts = compared.counts
    every = variables(compared.patterns)
    used = every.min(axis=0, initial=1) != every.max(axis=0, initial=0)
    scale = min(1.0, TRAINING_ROWS / max(counts.sum(), 1))
    repeats = np.maximum(np.rint(counts * scale).astype(np.int64), 1)
    classifier = ECMClassifier(init="jaro")
    with np.errstate(all="ignore"):
        classifier.fit(pandas.DataFrame(np.repeat(every[:, used], repeats, axis=0)))
    unscaled = EcmModel(classifier.kernel, used, np.zeros(3), np.zeros(0))
    log_odds, _ = unscaled.log_odds(compared.patterns)
    same = counts / (1 + np.exp(-log_odds))
    sizes = np.array([same.sum(), 0.0, counts.sum() - same.sum()])
    return EcmModel(classifier.kernel, used, sizes, every[:, used].T @ same)

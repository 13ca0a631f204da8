"""The reference model: the ECM classifier of the package recordlinkage on the same compared pairs, for comparison.

Fellegi-Sunter with two classes and yes-or-no variables. Each feature becomes two of them: it agrees (a level more usual for one
person than for strangers by the shipped values), and it does not differ (no level more usual for strangers); a missing value does
neither, so that it counts less than a disagreement. Which model a tenant uses is its setting; the product's own is in `model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.compare.comparisons import FEATURES
from c360_assets.stitch.score.match_model import Ints, levels_of

Array = npt.NDArray[np.float64]
EXPANDED = 200_000  # rows that the classifier is trained on: patterns repeated in proportion to their pairs, each at least once
SURE = 50.0  # log-odds where the classifier's probability is 0 or 1
# Features that say how a pair was found or what it holds, not whether it agrees.
LEFT_OUT = ("name_swap", *(f.name for f in FEATURES if f.context))
VARIABLES = tuple(
    (f, kind) for f in FEATURES if f.name not in LEFT_OUT for kind in ("agrees", "does not differ")
)


def variables(patterns: Ints) -> npt.NDArray[np.int8]:
    """(patterns, variables) of 0 and 1."""
    columns = []
    for feature, kind in VARIABLES:
        level = levels_of(patterns, feature.name)
        agreeing = [n for n, item in enumerate(feature.levels, 1) if item.m > item.u]
        columns.append(np.isin(level, agreeing) | ((level == 0) & (kind != "agrees")))
    return np.stack(columns, axis=1).astype(np.int8)


@dataclass(frozen=True)
class EcmModel:
    """A fitted classifier with the questions that the matcher asks of a model; see `model.Model`."""

    kernel: Any
    used: npt.NDArray[np.bool_]  # variables that differ between the pairs it was trained on
    sizes: Array  # pairs expected in each class; none of the household
    agreeing: Array  # (variables,) expected same-person pairs where the variable is true

    def log_odds(self, patterns: Ints) -> tuple[Array, Array]:
        """Log-odds of same person for each pattern; those of same household are never above even."""
        with np.errstate(all="ignore"):
            probability = self.kernel.predict_log_proba(variables(patterns)[:, self.used])
            x = probability[:, 1] - probability[:, 0]
        return np.clip(np.nan_to_num(x, nan=-SURE), -SURE, SURE), np.full(len(patterns), -SURE)

    def strength(self, patterns: Ints) -> Array:
        """How much a pair was compared on: the absolute weights (nats) of its variables added up."""
        m, u = self._shares()
        true, false = np.abs(np.log(m / u)), np.abs(np.log((1 - m) / (1 - u)))
        on = variables(patterns)[:, self.used].astype(np.float64)
        return np.asarray(on @ true + (1 - on) @ false)

    def table(self) -> pl.DataFrame:
        """As `model.Model.table`: two rows per feature, m and u the shares of the pairs where the variable is true."""
        m, u = self._shares()
        chosen = [v for v, used in zip(VARIABLES, self.used, strict=True) if used]
        nothing = pl.Series([None] * len(chosen), dtype=pl.Float64)
        return pl.DataFrame(
            {
                "feature": [f.name for f, _ in chosen],
                "level": pl.Series(
                    [1 if kind == "agrees" else 2 for _, kind in chosen], dtype=pl.Int64
                ),
                "label": [kind for _, kind in chosen],
                "m": m,
                "h": nothing,
                "u": u,
                "weight_bits": np.log2(m / u),
                "household_bits": nothing,
                "expected_pairs": self.agreeing,
            }
        )

    def lower_bound_m(self, feature: str, levels: list[int]) -> tuple[float, float]:
        """No evidence about single levels: the documented vetoes stand."""
        return 0.0, 0.0

    def _shares(self) -> tuple[Array, Array]:
        """Shares of the pairs of one person, and of others, where each used variable is true."""
        both = np.exp(self.kernel.feature_log_prob_)[
            :, 1::2
        ]  # each variable has its share of 0 and of 1
        m, u = (
            np.clip(np.nan_to_num(both[1]), 1e-9, 1 - 1e-9),
            np.clip(np.nan_to_num(both[0]), 1e-9, 1 - 1e-9),
        )
        return m, u


def fit_ecm(patterns: Ints, counts: Ints) -> EcmModel:
    """Train the classifier on the patterns of the compared pairs (sorted, with counts). Deterministic."""
    import pandas
    from recordlinkage.classifiers import (
        ECMClassifier,
    )  # 200 MB and seconds to import: only where it is asked for

    every = variables(patterns)
    used = every.min(axis=0, initial=1) != every.max(axis=0, initial=0)
    repeats = np.maximum(
        np.rint(counts * min(1.0, EXPANDED / max(counts.sum(), 1))).astype(np.int64), 1
    )
    classifier = ECMClassifier(init="jaro")
    with np.errstate(all="ignore"):
        classifier.fit(pandas.DataFrame(np.repeat(every[:, used], repeats, axis=0)))
    unscaled = EcmModel(classifier.kernel, used, np.zeros(3), np.zeros(0))
    same = counts / (1 + np.exp(-unscaled.log_odds(patterns)[0]))
    sizes = np.array([same.sum(), 0.0, counts.sum() - same.sum()])
    return EcmModel(classifier.kernel, used, sizes, every[:, used].T @ same)

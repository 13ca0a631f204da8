"""The match model: match weights of three latent classes (same person, same household, strangers).

Fellegi-Sunter with a third class. Belongs here: what a fitted model says about agreement patterns.
How it is fitted is in `expectation_maximisation`, how it is kept in `stored_model`, how a level
comes about in `comparisons`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from c360_assets.stitch.compare.comparison_levels import Level
from c360_assets.stitch.compare.comparisons import COMPARISON_BY_NAME, COMPARISONS, PLACE_VALUES

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NORMAL_95 = 1.645  # standard deviations below which 5 % of a normal distribution lie

# Every level with its comparison's name, in the order of the model's arrays.
LEVELS: tuple[tuple[str, Level], ...] = tuple(
    (comparison.name, level) for comparison in COMPARISONS for level in comparison.levels
)
N_LEVELS = [len(comparison.levels) for comparison in COMPARISONS]
COMPARISON_OF_LEVEL: Ints = np.repeat(np.arange(len(COMPARISONS)), N_LEVELS)
LEVEL_NUMBERS: Ints = np.concatenate([np.arange(1, n + 1) for n in N_LEVELS])
# Where the levels of each comparison begin in the model's arrays.
OFFSETS = {comparison.name: sum(N_LEVELS[:number]) for number, comparison in enumerate(COMPARISONS)}
IS_CONTEXT = np.array([comparison.context for comparison in COMPARISONS])[COMPARISON_OF_LEVEL]


@dataclass(frozen=True)
class PatternCounts:
    """Distinct agreement patterns, sorted, and how many pairs have each."""

    patterns: Ints
    counts: Ints

    @classmethod
    def of(cls, pattern_of_pairs: Ints) -> PatternCounts:
        return cls(*np.unique(pattern_of_pairs, return_counts=True))

    @classmethod
    def summed(cls, counts: pl.DataFrame) -> PatternCounts:
        """Of counts `n` by `pattern` and whatever else."""
        by_pattern = counts.group_by("pattern").agg(pl.col("n").sum()).sort("pattern")
        return cls(by_pattern["pattern"].to_numpy(), by_pattern["n"].to_numpy())


@dataclass(frozen=True)
class Model:
    """Log probabilities by class (0 same person, 1 household, 2 strangers) and level, class sizes
    in pairs, and the evidence it was fitted on."""

    log_probability: Array  # (levels, 3)
    sizes: Array  # (3,): expected pairs of each class
    expected: Array  # (levels,): expected same-person pairs at the level
    records: int

    def log_odds(self, patterns: Ints) -> tuple[Array, Array]:
        """Log-odds of same person, and of same household, for each pattern."""
        joint = self.log_joint(patterns)
        person = joint[:, 0] - np.logaddexp(joint[:, 1], joint[:, 2])
        household = joint[:, 1] - np.logaddexp(joint[:, 0], joint[:, 2])
        return person, household

    def log_joint(self, patterns: Ints) -> Array:
        """(patterns, 3): log of the expected pairs of each class with the pattern."""
        # Logarithms throughout: products over all comparisons leave the range of floats.
        by_levels = design_matrix(patterns) @ self.log_probability
        return np.asarray(by_levels + np.log(self.sizes))

    def strength(self, patterns: Ints) -> Array:
        """How much a pair was compared on: the absolute weights (nats, same person against
        strangers) added up."""
        weight = np.abs(self.log_probability[:, 0] - self.log_probability[:, 2])
        weight[IS_CONTEXT] = 0.0
        return np.asarray(design_matrix(patterns) @ weight)

    def table(self) -> pl.DataFrame:
        """One row per comparison and level: m, h, u and the match weight in bits against each of
        the other classes."""
        probability = np.exp(self.log_probability)
        against_strangers = self.log_probability[:, 0] - self.log_probability[:, 2]
        against_household = self.log_probability[:, 0] - self.log_probability[:, 1]
        return pl.DataFrame(
            {
                "feature": [name for name, _ in LEVELS],
                "level": pl.Series(LEVEL_NUMBERS, dtype=pl.Int64),
                "label": [level.label for _, level in LEVELS],
                "m": probability[:, 0],
                "h": probability[:, 1],
                "u": probability[:, 2],
                "weight_bits": against_strangers / np.log(2),
                "household_bits": against_household / np.log(2),
                "expected_pairs": self.expected,
            }
        )

    def lower_bound_m(self, comparison: str, levels: list[int]) -> tuple[float, float]:
        """95 % lower bound (Wilson) of the share of same-person pairs at these levels, and the
        expected pairs that hold the comparison."""
        expected = self.expected[levels_slice(comparison)]
        held = float(expected.sum())
        hits = float(expected[[number - 1 for number in levels]].sum())
        if held <= 0:
            return 0.0, 0.0
        share = hits / held
        z = NORMAL_95
        centre = share + z * z / (2 * held)
        spread = z * np.sqrt(share * (1 - share) / held + z * z / (4 * held * held))
        return float((centre - spread) / (1 + z * z / held)), held


def levels_slice(comparison: str) -> slice:
    """Where the levels of a comparison stand in the model's arrays."""
    start = OFFSETS[comparison]
    return slice(start, start + len(COMPARISON_BY_NAME[comparison].levels))


def levels_of(patterns: Ints, comparison: str) -> Ints:
    """The level numbers of one comparison in agreement patterns."""
    n_states = COMPARISON_BY_NAME[comparison].n_states
    return (patterns // PLACE_VALUES[comparison]) % n_states


def design_matrix(patterns: Ints) -> sparse.csr_matrix:
    """One row per pattern, one column per level, 1 where the pattern holds the level."""
    # Sparse: a pattern holds one level of each comparison, of more than a hundred levels in all.
    levels = np.stack([levels_of(patterns, name) for name in OFFSETS], axis=1)
    present = levels > 0
    columns = levels + np.array(list(OFFSETS.values())) - 1
    row_ends = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    held = columns[present]
    shape = (len(patterns), len(LEVELS))
    return sparse.csr_matrix((np.ones(len(held)), held, row_ends), shape=shape)


def by_comparison(values: Array) -> Array:
    """Sum over the levels of each comparison, spread back to the levels."""
    sums = np.bincount(COMPARISON_OF_LEVEL, weights=values, minlength=len(COMPARISONS))
    return np.asarray(sums[COMPARISON_OF_LEVEL], dtype=np.float64)

"""The documented 0-5 scale: scores from log-odds, and the category of a score.

Belongs here: band edges. Which pairs a rule scores instead is in `rules`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Array = npt.NDArray[np.float64]

EDGES = (-9.2, -4.6, -2.2, 0.0, 4.6, 9.2)  # log-odds at scores 0, 1, 2, 3, 4 and 5
CATEGORIES = ("non_match", "weak", "moderate", "high", "excellent", "exact")
EXACT = 5.0  # decided by equality only, never by log-odds


def score_of(log_odds: Array) -> Array:
    """Score 0.00-4.99: linear inside each band, rounded down to hundredths; 3.0 is even odds."""
    exact_score = np.interp(log_odds, EDGES, np.arange(6.0))
    band = np.minimum(np.floor(exact_score), 4.0)
    # A rounding error below a hundredth still counts as that hundredth.
    hundredths = np.floor((exact_score - band) * 100 + 1e-9)
    return np.asarray(band + np.minimum(hundredths / 100, 0.99))


def log_odds_of(score: float) -> float:
    """The log-odds at which `score` begins; 5.0 and above is decided by equality only."""
    return float(np.interp(score, np.arange(6.0), EDGES))


def category_of(score: Array) -> pl.Series:
    """The match category of each score: its integer part."""
    return named(np.minimum(np.floor(score), EXACT).astype(np.uint32), CATEGORIES)


def named(numbers: npt.NDArray[np.integer], names: Sequence[str]) -> pl.Series:
    """Names by number, each name stored once."""
    return pl.Series(numbers.astype(np.uint32)).replace_strict(
        list(range(len(names))), list(names), return_dtype=pl.Enum(names)
    )

"""The score scale: bands, categories, and the way back to log-odds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_assets.stitch.score.scale import category_of, log_odds_of, score_of


@pytest.mark.parametrize(
    ("log_odds", "score", "category"),
    [
        (-20.0, 0.0, "non_match"),
        (-4.61, 0.99, "non_match"),
        (-4.6, 1.0, "weak"),
        (-2.2, 2.0, "moderate"),
        (-1.1, 2.5, "moderate"),
        (-0.001, 2.99, "moderate"),
        (0.0, 3.0, "high"),
        (2.3, 3.5, "high"),
        (4.6, 4.0, "excellent"),
        (50.0, 4.99, "excellent"),
    ],
)
def test_scale(log_odds: float, score: float, category: str) -> None:
    found = score_of(np.array([log_odds]))
    assert found[0] == pytest.approx(score)
    assert category_of(found)[0] == category


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=20))
def test_the_scale_is_monotone(values: list[float]) -> None:
    found = score_of(np.array(sorted(values)))
    assert np.all(np.diff(found) >= 0)
    assert found.min() >= 0
    assert found.max() < 5


@pytest.mark.parametrize("score", [1.0, 2.0, 2.5, 3.0, 3.7, 4.0])
def test_the_scale_turns_back(score: float) -> None:
    log_odds = log_odds_of(score)
    assert score_of(np.array([log_odds]))[0] == pytest.approx(score)

"""Ceilings of pairs on which nothing but names agrees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_assets.stitch.compare.comparisons import COMPARISON_BY_NAME, PLACE_VALUES
from c360_assets.stitch.score.ceilings import below, ceiling

NAMED = {"given_name": "equal 3", "surname": "equal 3", "name_swap": "straight"}
WIDE = np.inf


def pattern(levels: dict[str, str]) -> int:
    total = 0
    for name, label in levels.items():
        total += COMPARISON_BY_NAME[name].level_numbers(label)[0] * PLACE_VALUES[name]
    return total


@pytest.mark.parametrize(
    ("levels", "highest"),
    [
        (NAMED, WIDE),
        (NAMED | {"place": "postal equal"}, WIDE),
        (NAMED | {"place": "different"}, -2.2),
        (NAMED | {"place": "different", "birthdate": "one edit"}, WIDE),
        (NAMED | {"place": "different", "phone": "equal, few"}, WIDE),
        (NAMED | {"email": "different"}, WIDE),
        (NAMED | {"given_name": "initial", "email": "different"}, 0.0),
        (NAMED | {"given_name": "initial"}, WIDE),
        (NAMED | {"given_name": "nickname", "phone": "different"}, WIDE),
        (NAMED | {"given_name": "nickname", "surname": "similar", "phone": "different"}, 0.0),
        (
            NAMED
            | {
                "given_name": "nickname",
                "surname": "similar",
                "phone": "different",
                "place": "different",
            },
            -2.2,
        ),
        (
            NAMED
            | {
                "given_name": "nickname",
                "surname": "similar",
                "phone": "different",
                "address": "like street",
            },
            WIDE,
        ),
    ],
)
def test_ceilings(levels: dict[str, str], highest: float) -> None:
    patterns = np.array([pattern(levels)])
    assert ceiling(patterns, contacts=True)[0] == highest
    assert ceiling(patterns, contacts=False)[0] == WIDE


@given(st.lists(st.floats(-40, 40), min_size=2, max_size=9), st.sampled_from([-2.2, 0.0, WIDE]))
def test_bent_log_odds_keep_their_order_and_stay_below(
    log_odds: list[float], highest: float
) -> None:
    values = np.sort(np.array(log_odds))
    bent = below(values, np.full(len(values), highest))
    assert (np.diff(bent) >= 0).all()
    assert (bent <= highest).all()
    low = values < highest - 1
    assert (bent[low] == values[low]).all()

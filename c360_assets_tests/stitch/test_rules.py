"""The rules above the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.comparisons import COMPARISON_BY_NAME, PLACE_VALUES
from c360_assets.stitch.score.conflicts import Conflicts
from c360_assets.stitch.score.rules import apply_rules
from c360_assets.tenant.models import MatchingConfig

NO_CONFLICTS = Conflicts({}, {}, ())
SUFFIX = Conflicts({"generational_suffix": (2,)}, {}, ("sk_brand",))


def pattern(**labels: str) -> int:
    """A packed pattern from labels (`given_name="nickname"`)."""
    total = 0
    for name, wanted in labels.items():
        total += COMPARISON_BY_NAME[name].level_numbers(wanted)[0] * PLACE_VALUES[name]
    return total


def settle(
    config: dict[str, Any],
    log_odds: float,
    packed: int = 0,
    conflicts: Conflicts = NO_CONFLICTS,
    **keys: int,
) -> tuple[float, str]:
    matching = MatchingConfig.model_validate(config)
    states = {k: np.array([v]) for k, v in keys.items()}
    found = apply_rules(matching, conflicts, np.array([log_odds]), np.array([packed]), states)
    return float(found.score[0]), str(found.decider()[0])


FK, SK = (
    {"classifier": "general-ordinal-fk-priority"},
    {"classifier": "general-ordinal-sk-priority"},
)


@pytest.mark.parametrize(
    ("config", "keys", "expected"),
    [
        (FK, {"fk_loy": 1, "sk_brand": 2}, (5.0, "fk-loy")),
        (SK, {"fk_loy": 1, "sk_brand": 2}, (0.0, "sk-brand")),
        (FK, {"fk_loy": 0, "sk_brand": 2}, (0.0, "sk-brand")),
        (FK, {"fk_loy": 2, "sk_brand": 0}, (3.5, "model")),
        (SK, {"fk_loy": 1, "sk_brand": 1}, (5.0, "fk-loy")),
    ],
)
def test_the_presets(
    config: dict[str, Any], keys: dict[str, int], expected: tuple[float, str]
) -> None:
    assert settle(config, 2.3, conflicts=SUFFIX, **keys) == expected


def test_a_suffix_conflict_is_a_separation_key() -> None:
    assert settle(FK, 9.0, pattern(generational_suffix="different"), SUFFIX, sk_brand=0) == (
        0.0,
        "sk-generational-suffix",
    )


RULES = {
    "rules": [
        {"action": "cluster", "when": [{"present-and-equal": "fk-loy"}]},
        {"action": "separate", "when": ["fuzzy/incompatible-names"]},
        {
            "action": "cluster",
            "when": [{"present-and-equal": "phone"}, {"fuzzy-similar": "given-name"}],
        },
        {"action": "separate", "when": [{"present-and-not-equal": "surname"}]},
    ]
}


@pytest.mark.parametrize(
    ("labels", "keys", "log_odds", "expected"),
    [
        ({"given_name": "different, est"}, {"fk_loy": 1}, 0.0, (5.0, "rule 1")),
        (
            {"given_name": "different, est", "phone": "equal, few"},
            {"fk_loy": 0},
            2.3,
            (0.5, "rule 2"),
        ),
        ({"given_name": "nickname", "phone": "equal, few"}, {"fk_loy": 0}, -3.0, (3.0, "rule 3")),
        ({"surname": "similar"}, {"fk_loy": 0}, 9.0, (0.0, "rule 4")),
        ({"surname": "equal 3"}, {"fk_loy": 0}, 2.3, (3.5, "model")),
        ({}, {"fk_loy": 0}, 2.3, (3.5, "model")),  # a missing value makes every condition false
    ],
)
def test_rules_first_true_decides(
    labels: dict[str, str], keys: dict[str, Any], log_odds: float, expected: tuple[float, str]
) -> None:
    assert settle(RULES, log_odds, pattern(**labels), **keys) == pytest.approx(expected)


def test_without_the_model_only_rules_build_clusters() -> None:
    assert settle({**RULES, "remaining": "none"}, 9.0, pattern(surname="equal 3"), fk_loy=0) == (
        0.0,
        "model",
    )


def test_exact_needs_every_field_equal_and_excellent_odds() -> None:
    equal = pattern(
        name_swap="straight", given_name="equal 3", surname="equal 3", phone="equal, few"
    )
    assert settle(FK, 6.0, equal)[0] == 5.0
    assert settle(FK, 2.3, equal)[0] == 3.5
    assert settle(FK, 6.0, equal + pattern(birthdate="one edit"))[0] < 5.0
    assert settle(FK, 6.0, equal + pattern(middle_name="equal"))[0] == 5.0
    assert settle(FK, 6.0, equal + pattern(middle_name="contradicts"))[0] < 5.0


@pytest.mark.parametrize(
    "when", ["fuzzy/different-shoes", {"present-and-equal": "shoes"}, {"sounds-like": "surname"}]
)
def test_unknown_conditions_are_named(when: Any) -> None:
    with pytest.raises(C360Error):
        settle({"rules": [{"action": "cluster", "when": [when]}]}, 0.0)

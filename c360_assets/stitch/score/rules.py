"""From evidence to score: the ordered rules that stand above the model.

Belongs here: which rule decides a pair. How likely a pair is comes from `match_model`, the scale is
`scale`, which levels are hard conflicts is in `conflicts`. The classifiers
`general-ordinal-fk-priority` and `-sk-priority` are two preset rule lists, evaluated like any other
list: first true decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.agreement_patterns import DIFFERENT, EQUAL, MISSING
from c360_assets.stitch.compare.comparisons import COMPARISON_BY_NAME
from c360_assets.stitch.score.conflicts import Conflicts
from c360_assets.stitch.score.labels import LABEL
from c360_assets.stitch.score.match_model import Ints, levels_of
from c360_assets.stitch.score.scale import EXACT, named, score_of

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
KeyStates = npt.NDArray[np.uint8]

EXCELLENT = 4.0  # the score from which a pair that is equal in everything is exact
FUZZY_JOIN = (3.0, 4.99)  # scores between which a fuzzy condition joins
FUZZY_SEPARATION = 0.99  # the score that a fuzzy condition separates below


@dataclass(frozen=True)
class Scored:
    """Per pair: the final score, who decided it (a number in `deciders`; 0 is the model), whether
    an equal foreign key did."""

    score: Array
    decided_by: npt.NDArray[np.uint8]
    fk_equal: Bools
    deciders: tuple[str, ...]

    def decider(self) -> pl.Series:
        """The name of who decided each pair."""
        # Pairs of trivial duplicates join these in one table, whose type must know their decider.
        return named(self.decided_by, (*self.deciders, "trivial_duplicate"))


class Semantic(NamedTuple):
    """A comparison of a field that rules may name, and its levels that mean equal, approximately
    equal and different."""

    comparison: str
    equal: tuple[int, ...]
    similar: tuple[int, ...]
    different: tuple[int, ...]


def _semantic(comparison: str, equal: tuple[str, ...], similar: tuple[str, ...]) -> tuple[Semantic]:
    numbers = COMPARISON_BY_NAME[comparison].level_numbers
    different = tuple(numbers("different"))
    return (Semantic(comparison, tuple(numbers(*equal)), tuple(numbers(*similar)), different),)


SEMANTICS: dict[str, tuple[Semantic, ...]] = {
    "given-name": _semantic(
        "given_name", ("equal",), ("equal", "nickname", "initial", "similar", "alike")
    ),
    "surname": _semantic("surname", ("equal",), ("equal", "shares", "similar")),
    "birthdate": _semantic("birthdate", ("equal",), ("equal", "day and", "one edit")),
    "email": _semantic("email", ("equal, ",), ("equal", "one edit")),
    "phone": _semantic("phone", ("equal",), ("equal", "last seven", "one edit")),
    "address": _semantic("address", ("equal, ",), ("equal", "like")),
    "generational-suffix": _semantic("generational_suffix", ("equal",), ("equal",)),
    "gender": _semantic("gender", ("equal",), ("equal",)),
    # Of two records without a person the words of the company are compared.
    "company": (
        *_semantic("company", ("equal",), ("equal", "similar")),
        *_semantic("organisation", ("equal",), ("equal", "nearly", "one edit")),
    ),
    "postal": _semantic("place", ("postal",), ("postal",)),
}
FUZZY = {
    "fuzzy/incompatible-names": "given-name",
    "fuzzy/different-birthdates": "birthdate",
    "fuzzy/different-generations": "generational-suffix",
    "fuzzy/different-companies": "company",
}
# The state of a key that makes each kind of condition true.
KEY_STATES = {
    "present-and-equal": EQUAL,
    "fuzzy-similar": EQUAL,
    "present-and-not-equal": DIFFERENT,
    "fuzzy-different": DIFFERENT,
}
# What equal means, where everything that both records hold has to be equal.
ALL_EQUAL = {
    "given_name": ("equal",),
    "middle_name": ("equal",),
    "surname": ("equal",),
    "name_swap": ("straight",),
    "birthdate": ("equal",),
    "email": ("equal, ",),
    "email_of_equal_names": ("never",),
    "phone": ("equal",),
    "address": ("equal, ",),
    "place": ("postal", "city"),
    "gender": ("equal",),
    "generational_suffix": ("equal",),
    "company": ("equal",),
    "organisation": ("equal",),
}


class Condition(NamedTuple):
    """One condition of a rule: what must be true of which semantic or key."""

    kind: str
    semantic: str

    @property
    def fuzzy(self) -> bool:
        return self.kind.startswith("fuzzy")

    @property
    def column(self) -> str:
        return self.semantic.replace("-", "_")


def apply_rules(
    matching: Any,
    conflicts: Conflicts,
    log_odds: Array,
    patterns: Ints,
    keys: Mapping[str, KeyStates],
) -> Scored:
    """Scores of pairs: the rule list or classifier preset of a `MatchingConfig` first, then the
    model. Local to a pair.

    `keys`: per fk_ and sk_ column 0 missing on a side, 1 equal, 2 different; labels likewise.
    """
    decisions = _Decisions(_model_score(matching, log_odds, patterns))
    if LABEL in keys:
        of_label = np.where(keys[LABEL] == EQUAL, EXACT, 0.0)
        decisions.settle(keys[LABEL] != MISSING, of_label, LABEL)
    if matching.rules:
        _apply_rule_list(decisions, matching.rules, log_odds, patterns, keys)
    elif matching.classifier.endswith("sk-priority"):
        _separate_by_keys(decisions, conflicts, patterns, keys)
        _join_by_foreign_keys(decisions, keys)
    else:
        _join_by_foreign_keys(decisions, keys)
        _separate_by_keys(decisions, conflicts, patterns, keys)
    return decisions.scored()


class _Decisions:
    """Scores while rules are applied: what is settled once stays as it is."""

    def __init__(self, model_score: Array) -> None:
        self._score = model_score
        self._deciders = ["model"]
        self._decided_by = np.zeros(len(model_score), dtype=np.uint8)
        self._fk_equal = np.zeros(len(model_score), dtype=bool)
        self._is_open = np.ones(len(model_score), dtype=bool)

    def settle(
        self, applies: Bools, score: Array | float, decider: str, *, fk_equal: bool = False
    ) -> None:
        """Give those of the pairs that are still open this score."""
        applies = applies & self._is_open
        self._score[applies] = score if isinstance(score, float) else score[applies]
        self._decided_by[applies] = len(self._deciders)
        self._deciders.append(decider)
        self._is_open[applies] = False
        if fk_equal:
            self._fk_equal[applies] = True

    def scored(self) -> Scored:
        return Scored(
            np.round(self._score, 2), self._decided_by, self._fk_equal, tuple(self._deciders)
        )


def _model_score(matching: Any, log_odds: Array, patterns: Ints) -> Array:
    """What the model says: exact where its odds are excellent and every field is equal."""
    if matching.remaining == "none":
        return np.zeros(len(patterns))
    score = score_of(log_odds)
    excellent = score >= EXCELLENT
    score[excellent] = np.where(all_equal(patterns[excellent]), EXACT, score[excellent])
    return score


def _join_by_foreign_keys(decisions: _Decisions, keys: Mapping[str, KeyStates]) -> None:
    for column, state in keys.items():
        if column.startswith("fk_"):
            decisions.settle(state == EQUAL, EXACT, _key_name(column), fk_equal=True)


def _separate_by_keys(
    decisions: _Decisions, conflicts: Conflicts, patterns: Ints, keys: Mapping[str, KeyStates]
) -> None:
    """Separation keys: given name and suffix where they are hard conflicts, and sk_ columns."""
    for field in ("given_name", "generational_suffix"):
        if field in conflicts.levels:
            applies = np.isin(levels_of(patterns, field), conflicts.levels[field])
            decisions.settle(applies, 0.0, "sk-" + field.replace("_", "-"))
    for column in conflicts.keys:
        if column != LABEL:
            decisions.settle(keys[column] == DIFFERENT, 0.0, _key_name(column))


def _key_name(column: str) -> str:
    return column.replace("_", "-", 1)


def _apply_rule_list(
    decisions: _Decisions,
    rules: Sequence[Any],
    log_odds: Array,
    patterns: Ints,
    keys: Mapping[str, KeyStates],
) -> None:
    """First true decides. Rules with a fuzzy condition keep the order that the model gives."""
    model_score = score_of(log_odds)
    for number, rule in enumerate(rules, 1):
        conditions = [_condition(written) for written in rule.when]
        applies = np.logical_and.reduce([_truth(one, patterns, keys) for one in conditions])
        fuzzy = any(one.fuzzy for one in conditions)
        names_key = any(one.semantic.startswith("fk-") for one in conditions)
        joins = rule.action == "cluster"
        decisions.settle(
            applies,
            _score_of_rule(joins, fuzzy, model_score),
            f"rule {number}",
            fk_equal=joins and names_key,
        )


def _score_of_rule(joins: bool, fuzzy: bool, model_score: Array) -> Array | float:
    if not fuzzy:
        return EXACT if joins else 0.0
    if joins:
        return np.clip(model_score, *FUZZY_JOIN)
    # Below every score that links, in the order of the model inside its band.
    return np.minimum(model_score - np.floor(model_score), FUZZY_SEPARATION)


def _condition(written: Any) -> Condition:
    """A condition as stitch.yaml writes it."""
    if not isinstance(written, str):
        ((kind, semantic),) = written.items()
        return Condition(kind, semantic)
    if written not in FUZZY:
        raise C360Error(
            f"stitch: unknown rule condition {written!r}; known are {', '.join(FUZZY)} and "
            "present-and-equal, present-and-not-equal, fuzzy-similar, fuzzy-different with a "
            "semantic"
        )
    return Condition("fuzzy-different", FUZZY[written])


def _truth(condition: Condition, patterns: Ints, keys: Mapping[str, KeyStates]) -> Bools:
    """Truth of one condition per pair. A missing value makes every condition false."""
    column = condition.column
    if column in keys:
        _refuse_unknown_kind(condition)
        return keys[column] == KEY_STATES[condition.kind]
    if condition.semantic in SEMANTICS:
        _refuse_unknown_kind(condition)
        of_comparisons = [
            _truth_of_levels(condition.kind, semantic, patterns)
            for semantic in SEMANTICS[condition.semantic]
        ]
        return np.logical_or.reduce(of_comparisons)
    if column.startswith(("fk_", "sk_")):
        # No record carries the key: the rule can never be true.
        return np.zeros(len(patterns), dtype=bool)
    raise C360Error(
        f"stitch: a rule names {condition.semantic!r}; "
        f"known are {', '.join(SEMANTICS)}, fk-* and sk-*"
    )


def _refuse_unknown_kind(condition: Condition) -> None:
    if condition.kind not in KEY_STATES:
        raise C360Error(
            f"stitch: unknown rule condition {condition.kind!r}; known are {', '.join(KEY_STATES)}"
        )


def _truth_of_levels(kind: str, semantic: Semantic, patterns: Ints) -> Bools:
    level = levels_of(patterns, semantic.comparison)
    if kind == "present-and-equal":
        return np.isin(level, semantic.equal)
    if kind == "present-and-not-equal":
        return (level > 0) & ~np.isin(level, semantic.equal)
    if kind == "fuzzy-similar":
        return np.isin(level, semantic.similar)
    return np.isin(level, semantic.different)


def all_equal(patterns: Ints) -> Bools:
    """True where every field present on both sides is equal."""
    result = np.ones(len(patterns), dtype=bool)
    for name, labels in ALL_EQUAL.items():
        level = levels_of(patterns, name)
        equal = COMPARISON_BY_NAME[name].level_numbers(*labels)
        result &= (level == 0) | np.isin(level, equal)
    return result

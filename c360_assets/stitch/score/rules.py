"""From evidence to score: the 0-5 scale, categories, and the ordered rules that stand above the model.

Belongs here: band edges, which rule decides a pair, which levels are hard conflicts. How likely a pair is comes from `model`;
what a conflict does to clusters is decided in `clustering`. The classifiers `general-ordinal-fk-priority` and `-sk-priority` are
two preset rule lists, evaluated like any other list: first true decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.comparisons import FEATURES, GIVEN
from c360_assets.stitch.score.labels import LABEL
from c360_assets.stitch.score.match_model import Ints, levels_of

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint8]

EDGES = (-9.2, -4.6, -2.2, 0.0, 4.6, 9.2)  # log-odds at scores 0, 1, 2, 3, 4 and 5
CATEGORIES = ("non_match", "weak", "moderate", "high", "excellent", "exact")
SURE = 200  # expected same-person pairs from which the data may overrule the documented conflicts
ABSURD = 0.25  # a class that shows it more often than this is not one person's: data of relatives who share every contact
RARE_CONFLICT = 0.01  # one person shows the level surely more often than this: it is no conflict


def score_of(x: Array) -> Array:
    """Score 0.00-4.99 of log-odds: linear inside each band, rounded down to hundredths; score 3.0 is even odds."""
    raw = np.interp(x, EDGES, np.arange(6.0))
    band = np.minimum(np.floor(raw), 4.0)
    return np.asarray(band + np.minimum(np.floor((raw - band) * 100 + 1e-9) / 100, 0.99))


def log_odds_of(score: float) -> float:
    """The log-odds at which `score` begins; 5.0 and above is decided by equality only."""
    return float(np.interp(score, np.arange(6.0), EDGES))


def category_of(score: Array) -> pl.Series:
    """The match category of each score: its integer part."""
    return _named(np.minimum(np.floor(score), 5).astype(np.uint32), CATEGORIES)


def _named(code: npt.NDArray[np.integer], names: Sequence[str]) -> pl.Series:
    """Names by number, each name stored once."""
    return pl.Series(code.astype(np.uint32)).replace_strict(
        list(range(len(names))), list(names), return_dtype=pl.Enum(names)
    )


class Evidence(Protocol):
    """What choosing conflicts asks of a model: the 95 % lower bound of a share among same-person pairs, and how many hold it."""

    def lower_bound_m(self, feature: str, levels: list[int]) -> tuple[float, float]: ...


def _levels(feature: str, *prefixes: str) -> tuple[int, ...]:
    return tuple(next(f for f in FEATURES if f.name == feature).labelled(*prefixes))


@dataclass(frozen=True)
class Conflicts:
    """Which levels are hard conflicts, per field, and why (`always`, `learned`, `documented` or `never`)."""

    levels: dict[str, tuple[int, ...]]
    reason: dict[str, str]
    keys: tuple[str, ...]  # sk_ columns of the frame

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.levels, *self.keys)


DOCUMENTED_CONFLICTS = {
    "given_name": tuple(GIVEN.labelled("different")),
    "generational_suffix": (2,),
    "birthdate": (5, 6, 7),
}
CLEAREST = {"given_name": tuple(GIVEN.labelled("different, established")), "birthdate": (7,)}


def choose_conflicts(
    model: Evidence, modes: dict[str, str], default: str, sk_columns: tuple[str, ...]
) -> Conflicts:
    """Hard conflicts by field: `always` the documented veto, `never` none, `learned` unless one person surely shows it at times.

    Below 200 expected same-person pairs that hold the field the documented veto stands as it is; above, its clearest levels are
    a conflict unless the 95 % lower bound of their share among same-person pairs says otherwise (names full of typing errors).
    Suffix is always a conflict unless told otherwise. Raises C360Error for an unknown field.
    """
    modes = {k.replace("-", "_"): v for k, v in modes.items()}
    if unknown := set(modes) - set(DOCUMENTED_CONFLICTS) - set(sk_columns):
        raise C360Error(
            f"stitch: unknown conflict field {sorted(unknown)[0]!r}; known are {', '.join([*DOCUMENTED_CONFLICTS, *sk_columns])}"
        )
    levels: dict[str, tuple[int, ...]] = {}
    reason: dict[str, str] = {}
    for name, documented in DOCUMENTED_CONFLICTS.items():
        mode = modes.get(name, "always" if name == "generational_suffix" else default)
        reason[name] = mode
        if mode == "always":
            levels[name] = documented
        elif mode == "learned":
            clear = CLEAREST.get(name, documented)
            bound, held = model.lower_bound_m(name, list(clear))
            if held < SURE:
                levels[name], reason[name] = documented, "documented"
            elif not RARE_CONFLICT <= bound <= ABSURD:
                levels[name] = clear
    return Conflicts(
        levels, reason, tuple(c for c in sk_columns if modes.get(c, "always") != "never")
    )


# Keys of which approximate values do not conflict: the feature that compares the same field, and its levels that fit.
APPROXIMATE = {
    "sk_birthdate": ("birthdate", ("equal", "day and month", "one edit")),
    "sk_given_name": ("given_name", ("equal", "nickname", "initial", "similar", "alike")),
}


def approximate(patterns: Ints, keys: Mapping[str, Keys]) -> dict[str, Keys]:
    """The states of the keys, a difference counted as equal where the field's comparison says that the values fit."""
    result = dict(keys)
    for column, (feature, fitting) in APPROXIMATE.items():
        if column in result:
            level = levels_of(patterns, feature)
            fits = np.isin(level, _levels(feature, *fitting))
            held = result[column] == 2
            result[column] = np.where(
                held & fits, 1, np.where(held & (level == 0), 0, result[column])
            ).astype(np.uint8)
    return result


def conflict_states(
    conflicts: Conflicts, patterns: Ints, keys: dict[str, Keys]
) -> tuple[Bools, Bools]:
    """(incompatible, compatible), each (pairs, fields): both hold the field and conflict, or hold it and do not."""
    bad, good = [], []
    for name, levels in conflicts.levels.items():
        level = levels_of(patterns, name)
        hit = np.isin(level, levels)
        bad.append(hit)
        good.append((level > 0) & ~hit)
    for column in conflicts.keys:
        bad.append(keys[column] == 2)
        good.append(keys[column] == 1)
    if not bad:
        return np.zeros((len(patterns), 0), dtype=bool), np.zeros((len(patterns), 0), dtype=bool)
    return np.stack(bad, axis=1), np.stack(good, axis=1)


@dataclass(frozen=True)
class Scored:
    """Per pair: log-odds of the model, the final score, who decided it (a number in `deciders`; 0 is the model)."""

    x: Array
    score: Array
    decided_by: npt.NDArray[np.uint8]
    fk_equal: Bools
    deciders: tuple[str, ...]

    def decider(self) -> pl.Series:
        """The name of who decided each pair."""
        return _named(self.decided_by, (*self.deciders, "trivial_duplicate"))


# Semantics that rules may name -> feature, levels that mean equal, levels that mean approximately equal.
SEMANTICS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    name: (
        feature,
        _levels(feature, *equal),
        _levels(feature, *like),
        _levels(feature, "different"),
    )
    for name, feature, equal, like in (
        (
            "given-name",
            "given_name",
            ("equal",),
            ("equal", "nickname", "initial", "similar", "alike"),
        ),
        ("surname", "surname", ("equal",), ("equal", "shares", "similar")),
        ("birthdate", "birthdate", ("equal",), ("equal", "day and", "one edit")),
        ("email", "email", ("equal, ",), ("equal", "one edit")),
        ("phone", "phone", ("equal",), ("equal", "last seven", "one edit")),
        ("address", "address", ("equal, ",), ("equal", "like")),
        ("generational-suffix", "generational_suffix", ("equal",), ("equal",)),
        ("gender", "gender", ("equal",), ("equal",)),
        ("company", "company", ("equal",), ("equal", "similar")),
        ("postal", "place", ("postal",), ("postal",)),
    )
}
FUZZY = {
    "fuzzy/incompatible-names": "given-name",
    "fuzzy/different-birthdates": "birthdate",
    "fuzzy/different-generations": "generational-suffix",
    "fuzzy/different-companies": "company",
}


def _condition(condition: Any, patterns: Ints, keys: dict[str, Keys]) -> tuple[Bools, bool]:
    """Truth of one condition per pair, and whether it is fuzzy. A missing value makes every condition false."""
    if isinstance(condition, str):
        if condition not in FUZZY:
            raise C360Error(
                f"stitch: unknown rule condition {condition!r}; known are {', '.join(FUZZY)} and present-and-equal, "
                "present-and-not-equal, fuzzy-similar, fuzzy-different with a semantic"
            )
        condition = {"fuzzy-different": FUZZY[condition]}
    ((kind, semantic),) = condition.items()
    column = semantic.replace("-", "_")
    if column in keys:
        wanted = {
            "present-and-equal": 1,
            "fuzzy-similar": 1,
            "present-and-not-equal": 2,
            "fuzzy-different": 2,
        }
        if kind not in wanted:
            raise C360Error(f"stitch: unknown rule condition {kind!r}")
        return keys[column] == wanted[kind], kind.startswith("fuzzy")
    if semantic not in SEMANTICS:
        if column.startswith(
            ("fk_", "sk_")
        ):  # no record carries the key: the rule can never be true
            return np.zeros(len(patterns), dtype=bool), False
        raise C360Error(
            f"stitch: a rule names {semantic!r}; known are {', '.join(SEMANTICS)}, fk-* and sk-*"
        )
    feature, equal, like, different = SEMANTICS[semantic]
    level = levels_of(patterns, feature)
    truth = {
        "present-and-equal": np.isin(level, equal),
        "present-and-not-equal": (level > 0) & ~np.isin(level, equal),
        "fuzzy-similar": np.isin(level, like),
        "fuzzy-different": np.isin(level, different),
    }
    if kind not in truth:
        raise C360Error(f"stitch: unknown rule condition {kind!r}; known are {', '.join(truth)}")
    return truth[kind], kind.startswith("fuzzy")


def apply_rules(
    matching: Any, conflicts: Conflicts, x: Array, patterns: Ints, keys: dict[str, Keys]
) -> Scored:
    """Scores of pairs: the rule list or classifier preset of a `MatchingConfig` first, then the model.

    `keys`: per fk_ and sk_ column 0 missing on a side, 1 equal, 2 different.
    """
    n = len(patterns)
    score = score_of(x)
    excellent = score >= 4.0
    score[excellent] = np.where(all_equal(patterns[excellent]), 5.0, score[excellent])
    if matching.remaining == "none":
        score = np.zeros(n)
    deciders = ["model"]
    decided = np.zeros(n, dtype=np.uint8)
    fk_equal = np.zeros(n, dtype=bool)
    open_ = np.ones(n, dtype=bool)

    def settle(hit: Bools, value: Array | float, name: str) -> None:
        hit = hit & open_
        score[hit] = value if isinstance(value, float) else value[hit]
        decided[hit] = len(deciders)
        deciders.append(name)
        open_[hit] = False

    def foreign_keys() -> None:
        for column in (c for c in keys if c.startswith("fk_")):
            hit = (keys[column] == 1) & open_
            fk_equal[hit] = True
            settle(hit, 5.0, column.replace("_", "-", 1))

    def separation_keys() -> None:
        for field in ("given_name", "generational_suffix"):
            if field in conflicts.levels:
                settle(
                    np.isin(levels_of(patterns, field), conflicts.levels[field]),
                    0.0,
                    "sk-" + field.replace("_", "-"),
                )
        for column in (c for c in conflicts.keys if c != LABEL):
            settle(keys[column] == 2, 0.0, column.replace("_", "-", 1))

    if LABEL in keys:
        settle(keys[LABEL] > 0, np.where(keys[LABEL] == 1, 5.0, 0.0), LABEL)
    if matching.rules:
        model_score = score_of(x)
        for number, rule in enumerate(matching.rules, 1):
            truths = [_condition(c, patterns, keys) for c in rule.when]
            hit = np.logical_and.reduce([t for t, _ in truths])
            fuzzy = any(f for _, f in truths)
            value: Array | float
            if rule.action == "cluster":
                value = np.clip(model_score, 3.0, 4.99) if fuzzy else 5.0
                if any(
                    isinstance(c, dict) and str(next(iter(c.values()))).startswith("fk-")
                    for c in rule.when
                ):
                    fk_equal |= hit & open_
            else:
                value = np.minimum(model_score - np.floor(model_score), 0.99) if fuzzy else 0.0
            settle(hit, value, f"rule {number}")
    elif matching.classifier.endswith("sk-priority"):
        separation_keys()
        foreign_keys()
    else:
        foreign_keys()
        separation_keys()
    return Scored(x, np.round(score, 2), decided, fk_equal, tuple(deciders))


def all_equal(patterns: Ints) -> Bools:
    """True where every field present on both sides is equal."""
    result = np.ones(len(patterns), dtype=bool)
    for feature, equal in (
        ("given_name", ("equal",)),
        ("surname", ("equal",)),
        ("name_swap", ("straight",)),
        ("birthdate", ("equal",)),
        ("email", ("equal, ",)),
        ("email_of_equal_names", ("never",)),
        ("phone", ("equal",)),
        ("address", ("equal, ",)),
        ("place", ("postal", "city")),
        ("gender", ("equal",)),
        ("generational_suffix", ("equal",)),
        ("company", ("equal",)),
    ):
        level = levels_of(patterns, feature)
        result &= (level == 0) | np.isin(level, _levels(feature, *equal))
    return result

"""Hard conflicts: which levels and keys no cluster may hold, and which pairs show them.

Belongs here: the documented vetoes, and when the data overrule them. What a conflict does to
clusters is decided in `linkage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.agreement_patterns import DIFFERENT, EQUAL, MISSING
from c360_assets.stitch.compare.comparisons import BIRTHDATE, COMPARISON_BY_NAME
from c360_assets.stitch.compare.name_comparisons import GIVEN, MIDDLE
from c360_assets.stitch.score.match_model import Ints, levels_of

Bools = npt.NDArray[np.bool_]
KeyStates = npt.NDArray[np.uint8]

ENOUGH_PAIRS = 200  # expected same-person pairs from which data may overrule documented conflicts
# A class that shows the level more often than this is not one person's: relatives who share every
# contact.
ABSURD = 0.25
# One person shows the level surely more often than this: it is no conflict.
RARE_CONFLICT = 0.01


class Evidence(Protocol):
    """What choosing conflicts asks of a model: the 95 % lower bound of a share among same-person
    pairs, and how many hold the comparison."""

    def lower_bound_m(self, comparison: str, levels: list[int]) -> tuple[float, float]: ...


@dataclass(frozen=True)
class Conflicts:
    """Which levels are hard conflicts, per field, and why (`always`, `learned`, `documented` or
    `never`)."""

    levels: dict[str, tuple[int, ...]]
    reason: dict[str, str]
    keys: tuple[str, ...]  # sk_ columns of the frame, and the label where there are any

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.levels, *self.keys)


DOCUMENTED_CONFLICTS = {
    "given_name": tuple(GIVEN.level_numbers("different")),
    "middle_name": tuple(MIDDLE.level_numbers("another name")),
    "generational_suffix": (2,),
    "birthdate": tuple(BIRTHDATE.level_numbers("same year", "near", "different")),
}
# A conflict unless told otherwise: where relatives who differ in nothing else are many, data would
# call them one person.
ALWAYS = frozenset({"generational_suffix", "middle_name"})
CLEAREST = {
    "given_name": tuple(GIVEN.level_numbers("different, established")),
    "birthdate": tuple(BIRTHDATE.level_numbers("different")),
}


def choose_conflicts(
    model: Evidence, modes: Mapping[str, str], default: str, sk_columns: tuple[str, ...]
) -> Conflicts:
    """Hard conflicts by field: `always` the documented veto, `never` none, `learned` unless one
    person surely shows it at times.

    Below 200 expected same-person pairs that hold the field the documented veto stands as it is;
    above, its clearest levels are a conflict unless the 95 % lower bound of their share among
    same-person pairs says otherwise (names full of typing errors). Suffix and middle name are
    always a conflict unless told otherwise. Raises C360Error for an unknown field.
    """
    modes = {field.replace("-", "_"): mode for field, mode in modes.items()}
    known = (*DOCUMENTED_CONFLICTS, *sk_columns)
    unknown = sorted(set(modes) - set(known))
    if unknown:
        raise C360Error(
            f"stitch: unknown conflict field {unknown[0]!r}; known are {', '.join(known)}"
        )
    chosen = {}
    for field in DOCUMENTED_CONFLICTS:
        mode = modes.get(field, "always" if field in ALWAYS else default)
        chosen[field] = _field_conflict(model, field, mode)
    return Conflicts(
        levels={field: conflict.levels for field, conflict in chosen.items() if conflict.levels},
        reason={field: conflict.reason for field, conflict in chosen.items()},
        keys=tuple(column for column in sk_columns if modes.get(column, "always") != "never"),
    )


class _FieldConflict(NamedTuple):
    """The levels of a field that are a hard conflict, none where it has none, and why."""

    levels: tuple[int, ...]
    reason: str


def _field_conflict(model: Evidence, field: str, mode: str) -> _FieldConflict:
    documented = DOCUMENTED_CONFLICTS[field]
    if mode == "always":
        return _FieldConflict(documented, mode)
    if mode == "never":
        return _FieldConflict((), mode)
    clearest = CLEAREST.get(field, documented)
    bound, held = model.lower_bound_m(field, list(clearest))
    if held < ENOUGH_PAIRS:
        return _FieldConflict(documented, "documented")
    if RARE_CONFLICT <= bound <= ABSURD:
        return _FieldConflict((), mode)
    return _FieldConflict(clearest, mode)


class _Fitting(NamedTuple):
    """The comparison of the same field as a key, and its levels at which the values fit."""

    comparison: str
    labels: tuple[str, ...]


# Keys of which approximate values do not conflict.
APPROXIMATE_KEYS = {
    "sk_birthdate": _Fitting("birthdate", ("equal", "day and month", "one edit")),
    "sk_given_name": _Fitting("given_name", ("equal", "nickname", "initial", "similar", "alike")),
}


def approximate_keys(patterns: Ints, keys: Mapping[str, KeyStates]) -> dict[str, KeyStates]:
    """The states of the keys of pairs, a difference counted as equal where the field's comparison
    says that the values fit, and as missing where it has nothing to compare."""
    result = dict(keys)
    for column, fitting in APPROXIMATE_KEYS.items():
        if column in result:
            level = levels_of(patterns, fitting.comparison)
            fits = np.isin(
                level, COMPARISON_BY_NAME[fitting.comparison].level_numbers(*fitting.labels)
            )
            # Agreement belongs to whoever compared the pairs: its arrays are not changed.
            state = result[column].copy()
            different = state == DIFFERENT
            state[different & (level == 0)] = MISSING
            state[different & fits] = EQUAL
            result[column] = state
    return result


@dataclass(frozen=True)
class ConflictStates:
    """(pairs, fields): both records hold the field and conflict, or hold it and do not."""

    incompatible: Bools
    compatible: Bools


def conflict_states(
    conflicts: Conflicts, patterns: Ints, keys: Mapping[str, KeyStates]
) -> ConflictStates:
    """The conflicts of pairs, in the order of `Conflicts.fields`. Local to a pair."""
    shape = (len(patterns), len(conflicts.fields))
    incompatible = np.zeros(shape, dtype=bool)
    compatible = np.zeros(shape, dtype=bool)
    for field, name in enumerate(conflicts.fields):
        if name in conflicts.levels:
            level = levels_of(patterns, name)
            conflicting = np.isin(level, conflicts.levels[name])
            incompatible[:, field] = conflicting
            compatible[:, field] = (level > 0) & ~conflicting
        else:
            incompatible[:, field] = keys[name] == DIFFERENT
            compatible[:, field] = keys[name] == EQUAL
    return ConflictStates(incompatible, compatible)

"""What names alone can decide: how far up the scale a pair comes on which nothing but names (and perhaps a place) agrees.

The categories have a meaning besides a probability: a pair is high or excellent because something that belongs to one person or
home agrees, weak where "name, state, postal code" is all there is. A rare name is strong evidence in the records of one tenant,
and stays so where nothing speaks against it; once the rest of the data differ, its rarity here says little, because a tenant's
records are a sample of a world with more people of that name. So such a pair cannot pass a ceiling, whatever the model says.
Belongs here: which levels corroborate names, and the ceilings. What the levels are worth otherwise is `model`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from c360_assets.stitch.compare.comparisons import FEATURES
from c360_assets.stitch.score.match_model import Ints, levels_of

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Levels by which something agrees that one person or one home has, exactly or nearly: with one of them there is no ceiling.
CORROBORATES = {
    "birthdate": ("equal", "day and month", "one edit"),
    "email": ("equal", "one edit"),
    "email_of_equal_names": ("equal", "one edit"),
    "phone": ("equal", "last seven", "one edit"),
    "address": ("equal", "same building", "like street"),
    "company": ("equal", "similar"),
    "names_in_email": ("given name", "initial", "surname"),
    "surname_in_email": ("surname",),
    "given_name_in_email": ("given name",),
    "foreign_keys": ("equal",),
}
ONE_NAME_EQUAL = {"given_name": ("equal",), "surname": ("equal",), "name_swap": ("swapped",)}
INITIAL = {"given_name": ("initial",)}
ELSEWHERE = {"place": ("different",)}
CONTACT_DIFFERS = {"email": ("different",), "phone": ("different",)}
# Log-odds that a pair stays below: where the places differ, the lower edge of moderate; where both names are only alike, or the
# given name is an initial, and a contact differs, the lower edge of high.
APART, ALIKE = -2.2, 0.0


def _any(patterns: Ints, table: Mapping[str, tuple[str, ...]]) -> list[Bools]:
    """Per feature of the table, where the pattern holds one of the levels."""
    levels = {f.name: f.labelled(*table[f.name]) for f in FEATURES if f.name in table}
    return [np.isin(levels_of(patterns, name), numbers) for name, numbers in levels.items()]


def ceiling(patterns: Ints, *, contacts: bool) -> Array:
    """The log-odds that each pattern stays below; infinite where something besides names agrees, or nothing speaks against.

    `contacts`: whether the data hold any contact at all; where they do not, names and places are the best that there is.
    """
    if not contacts:
        return np.full(len(patterns), np.inf)
    bare = ~np.logical_or.reduce(_any(patterns, CORROBORATES))
    alike = ~np.logical_or.reduce(_any(patterns, ONE_NAME_EQUAL)) | _any(patterns, INITIAL)[0]
    result = np.full(len(patterns), np.inf)
    result[bare & alike & np.logical_or.reduce(_any(patterns, CONTACT_DIFFERS))] = ALIKE
    result[bare & _any(patterns, ELSEWHERE)[0]] = APART
    return result


def below(x: Array, top: Array) -> Array:
    """Log-odds bent so that they stay below `top`, in the same order: unchanged up to one below it."""
    return np.asarray(np.where(x > top - 1, top - np.exp(np.minimum(top - 1 - x, 0.0)), x))

"""What names alone can decide: how far up the scale a pair comes on which only names agree.

The categories have a meaning besides a probability: a pair is high or excellent because something
that belongs to one person or home agrees, weak where "name, state, postal code" is all there is. A
rare name is strong evidence in the records of one tenant, and stays so where nothing speaks against
it; once the rest of the data differ, its rarity here says little, because a tenant's records are a
sample of a world with more people of that name. So such a pair cannot pass a ceiling, whatever the
model says. Belongs here: which levels corroborate names, and the ceilings. What the levels are
worth otherwise is `match_model`.
"""

from __future__ import annotations

import numpy as np

from c360_assets.stitch.score.class_meaning import holds_any, is_lookalike, is_of_two_kinds
from c360_assets.stitch.score.match_model import Array, Ints

# Levels by which something agrees that one person or one home has, exactly or nearly: with one of
# them there is no ceiling.
CORROBORATES = {
    "birthdate": ("equal", "day and month", "one edit"),
    "email": ("equal", "one edit"),
    "email_of_equal_names": ("equal", "one edit"),
    "phone": ("equal", "last seven", "one edit"),
    "address": ("equal", "same building", "like street"),
    # One company of a whole tenant belongs to nobody.
    "company": ("equal 4", "equal 5", "equal 6", "equal 7", "equal 8", "similar"),
    "organisation": ("equal", "nearly", "one edit"),
    "names_in_email": ("given name", "initial", "surname"),
    "surname_in_email": ("surname",),
    "given_name_in_email": ("given name",),
    "foreign_keys": ("equal",),
}
ONE_NAME_EQUAL = {"given_name": ("equal",), "surname": ("equal",), "name_swap": ("swapped",)}
GIVEN_NAME_IS_INITIAL = {"given_name": ("initial",)}
PLACES_DIFFER = {"place": ("different",)}
CONTACT_DIFFERS = {"email": ("different",), "phone": ("different",)}
# Log-odds that a pair stays below: the lower edge of moderate where the places differ; the lower
# edge of high where both names are only alike, or the given name is an initial, and a contact
# differs.
CEILING_OF_OTHER_PLACES = -2.2
CEILING_OF_ALIKE_NAMES = 0.0
CEILING_OF_KINDS = 0.0  # a person and the organisation they write from
CEILING_OF_LOOKALIKES = 0.0  # nothing but names, a place and perhaps a birthdate agree


def ceiling(patterns: Ints, *, contacts: bool) -> Array:
    """The log-odds that each pattern stays below; infinite where something besides names agrees, or
    nothing speaks against.

    `contacts`: whether the data hold any contact at all; where they do not, names and places are
    the best that there is.
    """
    result = np.full(len(patterns), np.inf)
    if not contacts:
        return result
    bare = ~holds_any(patterns, CORROBORATES)
    initial = holds_any(patterns, GIVEN_NAME_IS_INITIAL)
    alike = ~holds_any(patterns, ONE_NAME_EQUAL) | initial
    contact_differs = holds_any(patterns, CONTACT_DIFFERS)
    result[bare & alike & contact_differs] = CEILING_OF_ALIKE_NAMES
    result[is_lookalike(patterns)] = CEILING_OF_LOOKALIKES
    result[is_of_two_kinds(patterns)] = CEILING_OF_KINDS
    result[bare & holds_any(patterns, PLACES_DIFFER)] = CEILING_OF_OTHER_PLACES
    return result


def below(log_odds: Array, ceiling: Array) -> Array:
    """Log-odds bent so that they stay below the ceiling, in the same order: unchanged up to one
    below it."""
    bend = ceiling - 1
    bent = ceiling - np.exp(np.minimum(bend - log_odds, 0.0))
    return np.asarray(np.where(log_odds > bend, bent, log_odds))

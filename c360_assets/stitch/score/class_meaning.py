"""What the classes of the match model mean, as patterns that a class does not hold.

A mixture of three classes fits any data best somewhere: without an anchor the household class
becomes "two strangers whose logins are both `info`", or the class of one person becomes "forty
people of one name". So a class is tied to what it is called after. Relatives share a surname or a
home. One person's records do not contradict each other in nearly all that both hold while no
contact agrees. Belongs here: these meanings, and the figures by which a fitted model is held
against them. Weights of levels are `expectation_maximisation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from c360_assets.stitch.compare.comparisons import COMPARISON_BY_NAME
from c360_assets.stitch.score.match_model import (
    Array,
    Ints,
    Model,
    PatternCounts,
    levels_of,
)

Bools = npt.NDArray[np.bool_]
Labels = Mapping[str, tuple[str, ...]]

# Log factor of a class at a pattern that its meaning excludes. A mistyped surname and another
# address are rare among relatives, not impossible.
RARE_IN_HOUSEHOLD = -5.0
# Two records of one person among many people of the name, that share nothing else.
RARE_IN_CROWD = -5.0
# Two records of one person at one home under two given names that people are called by.
RARE_UNDER_TWO_NAMES = -3.0
# Beyond what two rare names weigh together, or a crowd of one name stays one person.
NEVER = -20.0

HOME_SHARED: Labels = {"address": ("equal", "same building", "like street")}
# Colleagues share a workplace as relatives share a home: a company and its phone. A company alone
# may be where strangers shop.
COMPANY_SHARED: Labels = {"company": ("equal", "similar")}
PHONE_SHARED: Labels = {"phone": ("equal",)}
SURNAMES_DIFFER: Labels = {"surname": ("different",)}
# By these a contact, a key or a login is the same, exactly or nearly.
CONTACT_AGREES: Labels = {
    "email": ("equal", "one edit"),
    "email_of_equal_names": ("equal", "one edit"),
    "phone": ("equal", "last seven", "one edit"),
    "address": ("equal", "same building", "like street"),
    "names_in_email": ("given name", "initial", "surname"),
    "foreign_keys": ("equal",),
}
# What one person has one of, or few of: both records hold it, and it differs.
CONTRADICTS: Labels = {
    "email": ("different",),
    "phone": ("different",),
    "address": ("different", "same street or number", "the same line elsewhere"),
    "foreign_keys": ("different",),
    "birthdate": ("different", "near", "same year or same day", "one edit", "day and month"),
}
BORN_ON_ONE_DAY: Labels = {"birthdate": ("equal",)}
SURNAMES_ALIKE: Labels = {
    "surname": ("equal", "first word", "further word", "shares a word", "similar")
}
TWO_GIVEN_NAMES: Labels = {"given_name": ("different, established",)}
HOME_OR_CONTACT_SHARED: Labels = {**HOME_SHARED, "phone": ("equal",), "email": ("equal",)}
SAME_KEY: Labels = {"foreign_keys": ("equal",)}
TWO_KINDS: Labels = {"kind": ("an organisation and a person",)}
ADDRESS_OF_ONE: Labels = {"email": ("equal, few",), "foreign_keys": ("equal",)}
NAME_OF_A_CROWD: Labels = {
    "name_count_rare": ("a crowd",),
    "name_count_uncommon": ("a crowd",),
    "name_count_common": ("a crowd",),
}
# Contacts of a workplace contradict none of a home.
HOME_AND_WORK: Labels = {"home_held": ("a home and a workplace",)}
NAME_OF_SEVERAL: Labels = {**NAME_OF_A_CROWD, "organisation": ("",)}
# A person who moved has another address, and a typing error is in one field: three are too many,
# and two where the name is one of several people.
TOO_MANY_CONTRADICTIONS = 3
TOO_MANY_OF_SEVERAL = 2
# Shares of expected pairs above which a class is not what it is called. Clean data stay below a
# half of them, also registers full of typing errors.
MOST_APART = 0.1
MOST_TWO_NAMES = 0.12
ENOUGH_PAIRS = 20.0  # expected pairs below which a share says nothing
FEW_RECORDS = 50
FEW_PAIRS = 20.0  # expected pairs of one person below which the prior outweighs what is learned
PERSON = 0
HOUSEHOLD = 1
STRANGERS = 2


def holds_any(patterns: Ints, levels: Labels) -> Bools:
    """Where the pattern holds one of the levels, by comparison and beginnings of labels."""
    result = np.zeros(len(patterns), dtype=bool)
    for name, labels in levels.items():
        numbers = COMPARISON_BY_NAME[name].level_numbers(*labels)
        result |= np.isin(levels_of(patterns, name), numbers)
    return result


def is_no_household(patterns: Ints) -> Bools:
    """Pairs of which the surnames differ and neither a home nor a workplace is shared."""
    return holds_any(patterns, SURNAMES_DIFFER) & ~is_under_one_roof(patterns)


def is_under_one_roof(patterns: Ints) -> Bools:
    """Pairs that share a home, or a workplace."""
    colleagues = holds_any(patterns, COMPANY_SHARED) & holds_any(patterns, PHONE_SHARED)
    return holds_any(patterns, HOME_SHARED) | colleagues


def is_lookalike(patterns: Ints) -> Bools:
    """Pairs that contradict each other in three fields or more while no contact agrees.

    Two are enough where the name is one of a crowd, or of an organisation, whose branches share it.
    """
    contradictions = np.zeros(len(patterns), dtype=np.int64)
    for name, labels in CONTRADICTS.items():
        contradictions += holds_any(patterns, {name: labels})
    of_several = holds_any(patterns, NAME_OF_SEVERAL)
    too_many = contradictions >= np.where(of_several, TOO_MANY_OF_SEVERAL, TOO_MANY_CONTRADICTIONS)
    return too_many & ~holds_any(patterns, {**CONTACT_AGREES, **HOME_AND_WORK})


def is_of_two_kinds(patterns: Ints) -> Bools:
    """Pairs of an organisation and a person, which share no address that is one's own."""
    own = holds_any(patterns, ADDRESS_OF_ONE)
    return holds_any(patterns, TWO_KINDS) & ~own


def is_one_of_a_crowd(patterns: Ints) -> Bools:
    """Pairs of which nothing agrees but the name of a crowd, and perhaps a place."""
    agrees = holds_any(patterns, CONTACT_AGREES) | holds_any(patterns, BORN_ON_ONE_DAY)
    return holds_any(patterns, NAME_OF_A_CROWD) & ~agrees


def is_of_relatives(patterns: Ints) -> Bools:
    """Pairs of two given names that people are called by, at one home or contact, under no common
    key.

    Address, phone, e-mail and surname of relatives agree together or not at all, more often than
    the household class says, which takes them for independent. What it leaves over, the class of
    one person would learn: that one person has two names.
    """
    shared = holds_any(patterns, HOME_OR_CONTACT_SHARED) & ~holds_any(patterns, SAME_KEY)
    return holds_any(patterns, TWO_GIVEN_NAMES) & shared


def differ_in_given_name(patterns: Ints) -> Bools:
    """Pairs of two given names that are not alike."""
    return holds_any(patterns, {"given_name": ("different",)})


def differ_in_birthdate(patterns: Ints) -> Bools:
    """Pairs of two birthdates that have nothing in common."""
    return holds_any(patterns, {"birthdate": ("different",)})


def log_factors(patterns: Ints) -> Array:
    """(patterns, 3): what fitting adds to the log of each class, 0 where its meaning allows the
    pattern."""
    result = np.zeros((len(patterns), 3))
    result[is_no_household(patterns), HOUSEHOLD] = RARE_IN_HOUSEHOLD
    result[is_one_of_a_crowd(patterns), PERSON] = RARE_IN_CROWD
    result[is_of_relatives(patterns), PERSON] = RARE_UNDER_TWO_NAMES
    result[is_of_two_kinds(patterns), PERSON] = NEVER
    # Neither one person nor a home: what strangers of one name share has to be learned of them.
    result[is_lookalike(patterns), :STRANGERS] = NEVER
    return result


@dataclass(frozen=True)
class Symptoms:
    """How far the classes of a model are from what they mean, as shares of expected pairs.

    household_apart: household pairs that share neither a surname nor an address, of those that
    hold one of them twice. two_given_names: pairs of one person with two unrelated established
    given names, of those that hold given names twice. person_pairs: expected, altogether.
    """

    household_apart: float
    two_given_names: float
    person_pairs: float


def symptoms(model: Model, compared: PatternCounts) -> Symptoms:
    """The symptoms of the model on the compared pairs."""
    patterns = compared.patterns
    counts = compared.counts.astype(np.float64)
    log_joint = model.log_joint(patterns)
    total = np.logaddexp(np.logaddexp(log_joint[:, 0], log_joint[:, 1]), log_joint[:, 2])
    person: Array = np.exp(log_joint[:, 0] - total) * counts
    household: Array = np.exp(log_joint[:, 1] - total) * counts
    comparable = (levels_of(patterns, "surname") > 0) | (levels_of(patterns, "address") > 0)
    alike = is_under_one_roof(patterns) | holds_any(patterns, SURNAMES_ALIKE)
    named = levels_of(patterns, "given_name") > 0
    two_names = holds_any(patterns, TWO_GIVEN_NAMES)
    return Symptoms(
        household_apart=_share(household[comparable & ~alike], household[comparable]),
        two_given_names=_share(person[two_names], person[named]),
        person_pairs=float(person.sum()),
    )


def _share(part: Array, whole: Array) -> float:
    """Of expected pairs; 0 where they are too few to say anything."""
    expected = float(whole.sum())
    return float(part.sum()) / expected if expected >= ENOUGH_PAIRS else 0.0


def why_wrong(found: Symptoms) -> str:
    """Why the classes are not what they mean, empty where they are."""
    if found.household_apart > MOST_APART:
        return f"{found.household_apart:.0%} of its household pairs share no surname and no address"
    if found.two_given_names > MOST_TWO_NAMES:
        return (
            f"{found.two_given_names:.0%} of its pairs of one person hold unrelated given names"
            " (names that are short for each other are told by a feed tagged nicknames/*)"
        )
    return ""


def why_too_few(found: Symptoms, records: int) -> str:
    """Why nothing can be learned of these records, empty where it can."""
    if records >= FEW_RECORDS and found.person_pairs >= FEW_PAIRS:
        return ""
    return "the records are too few to learn weights from"


def household_warnings(found: Symptoms) -> list[str]:
    """A sentence where the household class of the model that scored is none; none otherwise."""
    if found.household_apart <= MOST_APART:
        return []
    return [
        f"{found.household_apart:.0%} of the expected household pairs share no surname and no"
        " address: unrelated people may be taken for relatives; look at `stitch_model` for a"
        " contact that many strangers share, and name it in the blocklist"
    ]

"""Fitting the match model by expectation maximisation on counts of agreement patterns.

The household class is fixed to the strangers' distribution for given name, birthdate and gender
(relatives' given names and birthdates are unrelated) plus a share for twins and namesakes, which is
learned where the other of these two fields tells two people apart, and learns the rest; on data
without households it empties itself. Class sizes are expected counts over all pairs, so no prior
has to be guessed. Dirichlet priors from the levels' starting values keep it sane on 50 records. No
labels are read, and nothing here knows a record or a pair: the cost depends on the number of
distinct patterns.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from c360_assets.stitch.compare.contact_comparisons import NAMES_IN_EMAIL
from c360_assets.stitch.score.class_meaning import (
    differ_in_birthdate,
    differ_in_given_name,
    log_factors,
)
from c360_assets.stitch.score.match_model import (
    LEVELS,
    OFFSETS,
    Array,
    Model,
    PatternCounts,
    by_comparison,
    design_matrix,
)
from c360_assets.stitch.score.value_statistics import ValueStatistics

ITERATIONS = 60
TOLERANCE = 1e-5
PRIOR_PAIRS = 20.0  # weight of the starting m and h, in pairs
BOUND_PAIRS = 1e12  # the same where they decide, whatever the data say
# Pairs of the data below which their own share of equal values is taken from so many.
LEAST_HELD = 1_000.0
# Weight of the starting u of counted levels, in pairs: those of about a thousand records.
PRIOR_STRANGERS = 500_000.0
# Sightings that the starting u of a sampled level is worth: a sample of 300,000 rarely sees one in
# a million.
PRIOR_SAMPLE = 5.0
# A small tenant lives in a world with strangers too: as many again as it has, at most so many.
# How often strangers agree is counted on its own pairs, and holds of no more than few others.
PHANTOM_RECORDS = 500
HANDFUL = 15  # of fewer records nothing says how common their values are: the most strangers
TINY = 1e-12  # no probability is zero
NO_HOUSEHOLD = 1e-9  # pairs of the household class where the model has none
# A class that differs more often than this in an identifying field is not one person's records.
MOST_DIFFERENT = {
    "given_name": 0.25,
    "organisation": 0.03,
    "surname": 0.25,
    "birthdate": 0.25,
    "email": 0.5,
    "phone": 0.5,
}
# Usual share of relatives with an equal birthdate or given name, on top of chance, and the share
# above which they are no relatives but one person's records.
NAMESAKES = 0.015
MOST_NAMESAKES = 0.25
# Of the pairs of one person, those that may look like namesakes.
MISTAKEN = 0.01
FREQUENCY_BINS = 8
FULL_NAME = "given name and surname"  # labels of the ways in which a login spells a name
INITIAL = "initial and surname"
RAREST = 99  # above every frequency bin, and every sum of two

START_M = np.array([level.m for _, level in LEVELS])
START_U = np.array([level.u for _, level in LEVELS])
START_H = np.array([level.m if level.h is None else level.h for _, level in LEVELS])
FIXED_M = np.array([level.fixed_m for _, level in LEVELS])
U_FROM = np.array([level.u_from for _, level in LEVELS])
H_FROM = np.array([level.h_from for _, level in LEVELS])
H_FIXED = np.isin(H_FROM, ("random", "share"))
H_SHARED = H_FROM == "share"
IS_DIFFERENT = np.array(
    [name in MOST_DIFFERENT and level.label.startswith("different") for name, level in LEVELS]
)
IS_GIVEN_NAME = np.array([name == "given_name" for name, _ in LEVELS])
IS_BIRTHDATE = np.array([name == "birthdate" for name, _ in LEVELS])
MOST_DIFFERENT_OF_LEVEL = np.array([MOST_DIFFERENT.get(name, 1.0) for name, _ in LEVELS])


class Bound(IntEnum):
    """Which weights of the model stay as shipped, each with those before it."""

    NOTHING = 0
    HOUSEHOLD = 1
    GIVEN_NAMES = 2  # those of one person
    ALL = 3


@dataclass(frozen=True)
class _PriorWeights:
    """How many pairs the starting m and h of each level are worth."""

    m: Array
    h: Array

    @classmethod
    def of(cls, bound: Bound) -> _PriorWeights:
        is_bound = IS_GIVEN_NAME & (bound >= Bound.GIVEN_NAMES) | (bound == Bound.ALL)
        of_household = BOUND_PAIRS if bound >= Bound.HOUSEHOLD else PRIOR_PAIRS
        m = np.where(is_bound, BOUND_PAIRS, PRIOR_PAIRS)
        return cls(m, np.full(len(LEVELS), of_household))


@dataclass(frozen=True)
class _Parameters:
    """Probabilities of each level by class (same person, household, strangers), class sizes."""

    m: Array
    h: Array
    u: Array
    sizes: Array

    def log_probability(self) -> Array:
        """(levels, 3)."""
        return np.log(np.stack([self.m, self.h, self.u], axis=1))

    def joint(self, pairs: _Patterns) -> Array:
        """(patterns, 3) log of the expected pairs of each class with the pattern."""
        by_levels = pairs.matrix @ self.log_probability()
        return np.asarray(by_levels + pairs.log_factors + np.log(self.sizes))

    def moved_since(self, before: _Parameters) -> float:
        """The largest change of an m, or of the logarithm of a learned class size."""
        now = np.concatenate([self.m, np.log(self.sizes[:2])])
        then = np.concatenate([before.m, np.log(before.sizes[:2])])
        return float(np.max(np.abs(now - then)))


@dataclass(frozen=True)
class _Expected:
    """What the E-step expects: pairs of each class among the compared ones, altogether and at each
    level (levels, 3), and strangers at each level among the random pairs.

    of_two: of the household at each level, of pairs that birthdates (for levels of the birthdate:
    given names) tell to be two people.
    """

    of_class: Array
    at_level: Array
    random_strangers: Array
    of_two: Array


class _Patterns:
    """Distinct patterns, prepared for repeated products with probabilities of levels."""

    def __init__(self, observed: PatternCounts) -> None:
        self.matrix = design_matrix(observed.patterns)
        self.log_factors = log_factors(observed.patterns)
        self.transposed = self.matrix.T.tocsr()
        self.two_by_name = differ_in_given_name(observed.patterns)
        self.two_by_birth = differ_in_birthdate(observed.patterns)
        self.counts = observed.counts.astype(np.float64)


def fit(
    statistics: ValueStatistics,
    compared: PatternCounts,
    *,
    classes: int = 3,
    bound: Bound = Bound.NOTHING,
) -> Model:
    """Fit the model on the patterns of the compared pairs. `classes=2` leaves the household out.

    `bound`: which m and h stay as shipped; how common values are and how large the classes are is
    always learned.
    Deterministic: all sums run over sorted arrays.
    """
    prior = _priors(statistics.bin_shares, statistics.own_names)
    sample = _Patterns(statistics.sample)
    pairs = _Patterns(compared)
    strangers = _Strangers(statistics, prior, sample)
    parameters = _start(prior, statistics.records, has_household=classes == 3)
    at_person = np.zeros(len(LEVELS))
    weights = _PriorWeights.of(bound)
    for _ in range(ITERATIONS):
        expected = _expect(parameters, pairs, sample)
        at_person = expected.at_level[:, 0]
        before = parameters
        parameters = _maximise(
            before, expected, prior, strangers, weights, has_household=classes == 3
        )
        if parameters.moved_since(before) < TOLERANCE:
            break
    return Model(
        parameters.log_probability(), parameters.sizes, at_person, records=statistics.records
    )


def _start(prior: _Priors, n_records: int, *, has_household: bool) -> _Parameters:
    """A person of every second record, a relative of every tenth, and everybody else."""
    person_pairs = max(n_records * 0.5, 1.0)
    household_pairs = max(n_records * 0.1, 1.0) if has_household else NO_HOUSEHOLD
    phantoms = PHANTOM_RECORDS if n_records < HANDFUL else min(n_records, PHANTOM_RECORDS)
    of_world = n_records + phantoms
    world = max(of_world * (of_world - 1) / 2, 1.0)
    return _Parameters(
        m=prior.m,
        # Relatives' names and birthdates are unrelated from the start, or the class of one person
        # takes the relatives it meets first.
        h=_household(prior.h, prior.u, prior.m, np.full(len(LEVELS), NAMESAKES)),
        u=prior.u,
        sizes=np.array([person_pairs, household_pairs, world]),
    )


def _expect(parameters: _Parameters, pairs: _Patterns, sample: _Patterns) -> _Expected:
    """The E-step: how many pairs of each class have each pattern."""
    joint = parameters.joint(pairs)
    posterior = np.exp(joint - _log_total(joint)[:, None]) * pairs.counts[:, None]
    household = posterior[:, 1]
    by_name = pairs.transposed @ (household * pairs.two_by_name)
    by_birth = pairs.transposed @ (household * pairs.two_by_birth)
    # Random pairs tell of strangers only: a sample hardly meets one person twice.
    joint = parameters.joint(sample)
    stranger = np.exp(joint[:, 2] - _log_total(joint)) * sample.counts
    return _Expected(
        of_class=np.array([posterior[:, 0].sum(), posterior[:, 1].sum()]),
        at_level=np.asarray(pairs.transposed @ posterior),
        random_strangers=np.asarray(sample.transposed @ stranger),
        of_two=np.where(IS_BIRTHDATE, by_name, by_birth),
    )


def _maximise(
    before: _Parameters,
    expected: _Expected,
    prior: _Priors,
    strangers: _Strangers,
    weights: _PriorWeights,
    *,
    has_household: bool,
) -> _Parameters:
    """The M-step: the parameters under which the expected counts are likeliest, priors added."""
    person, household, _ = expected.at_level.T
    m = _capped(np.where(FIXED_M, prior.m, _learned(person, prior.m, weights.m)))
    u = strangers.probability(expected, before.u)
    household_pairs = expected.of_class[1] + 1.0 if has_household else NO_HOUSEHOLD
    # The number of strangers is not learned: nearly all pairs of records are.
    world = before.sizes[2]
    return _Parameters(
        m=m,
        h=_household(_learned(household, prior.h, weights.h), u, m, _namesakes(expected)),
        u=u,
        sizes=np.array([expected.of_class[0] + 1.0, household_pairs, world]),
    )


def _log_total(joint: Array) -> Array:
    return np.asarray(np.logaddexp(np.logaddexp(joint[:, 0], joint[:, 1]), joint[:, 2]))


@dataclass(frozen=True)
class _Priors:
    """The starting m, h and u, normalised per comparison."""

    m: Array
    h: Array
    u: Array


def _priors(bin_shares: Array, own_names: Array) -> _Priors:
    """The shipped starting values, equal values spread over the frequency bins as the data's
    records are."""
    m = _spread_over_bins(START_M, bin_shares)
    h = _spread_over_bins(START_H, bin_shares)
    m = np.where(np.isnan(own_names), m, own_names)
    return _Priors(_normalised(m), _normalised(h), _normalised(START_U))


def _spread_over_bins(values: Array, bin_shares: Array) -> Array:
    binned = ~np.isnan(bin_shares)
    of_all_bins = by_comparison(np.where(binned, values, 0.0))
    return np.where(binned, of_all_bins * bin_shares, values)


def _normalised(values: Array) -> Array:
    return np.asarray(np.maximum(values / by_comparison(values), TINY))


def _learned(expected: Array, prior: Array, prior_pairs: float | Array) -> Array:
    """Shares of the expected pairs of a class at each level, with the prior's pairs added, of
    which each level of a comparison has as many."""
    return np.asarray((expected + prior_pairs * prior) / (by_comparison(expected) + prior_pairs))


def _capped(m: Array) -> Array:
    """m with the levels "different" of identifying fields held below `MOST_DIFFERENT`, the rest
    scaled up to fill."""
    most = MOST_DIFFERENT_OF_LEVEL
    share = by_comparison(np.where(IS_DIFFERENT, m, 0.0))
    different = m * most / np.maximum(share, TINY)
    others = m * (1 - most) / np.maximum(1 - share, TINY)
    return np.asarray(np.where(share > most, np.where(IS_DIFFERENT, different, others), m))


class _Strangers:
    """u by level, from where each level takes it."""

    def __init__(self, statistics: ValueStatistics, prior: _Priors, sample: _Patterns) -> None:
        self._prior = prior
        self._spelled = _Spelled(prior.m, statistics.initials_agree)
        n_records = statistics.records
        all_pairs = max(n_records * (n_records - 1) / 2, 1.0)
        at_level = np.asarray(sample.matrix.T @ sample.counts)
        present = by_comparison(at_level) / max(sample.counts.sum(), 1.0)
        self._held = present * all_pairs  # pairs of the data that hold the comparison
        self._equal = np.nan_to_num(statistics.equal_pairs) * self._held

    def probability(self, expected: _Expected, u: Array) -> Array:
        """The next u, normalised per comparison. Counts are less the pairs of the other classes."""
        prior = self._prior.u
        person, household, stranger = expected.at_level.T
        prior_of_counts = PRIOR_STRANGERS * prior
        # The other classes may claim more equal pairs than there are: strangers keep a tenth.
        equal = np.maximum(self._equal - person - household, 0.1 * self._equal)
        of_held = self._held + PRIOR_STRANGERS
        # A prior of half a million pairs would call a name rare that a third of 300 records hold.
        seen = np.maximum(self._equal - person - household, 0.0)
        share_seen = seen / np.maximum(self._held, LEAST_HELD)
        counted = np.maximum((equal + prior_of_counts) / of_held, share_seen)
        blocked = (stranger + prior_of_counts) / of_held
        at_random = expected.random_strangers
        sampled = (at_random + PRIOR_SAMPLE) / (by_comparison(at_random) + PRIOR_SAMPLE / prior)
        next_u = np.select(
            [
                U_FROM == "total",
                U_FROM == "blocked",
                U_FROM == "blocked or random",
                U_FROM == "conditional",
                U_FROM == "spelled",
            ],
            [
                counted,
                blocked,
                np.maximum(blocked, sampled),
                _learned(stranger, prior, PRIOR_PAIRS),
                self._spelled.probability(u),
            ],
            sampled,
        )
        # Sampled levels take what the others leave.
        is_sampled = U_FROM == "random"
        rest = np.maximum(1.0 - by_comparison(np.where(is_sampled, 0.0, next_u)), 1e-6)
        mass = by_comparison(np.where(is_sampled, next_u, 0.0))
        scaled = next_u * rest / np.where(mass > 0, mass, 1.0)
        return np.asarray(np.maximum(np.where(is_sampled, scaled, next_u), TINY))


class _Spelled:
    """u of a login spelled from another person's names: the share of such logins times the chance
    of equal names."""

    def __init__(self, m: Array, initials_agree: float) -> None:
        self._m = m
        self._initial = np.full(FREQUENCY_BINS, initials_agree / FREQUENCY_BINS)

    def probability(self, u: Array) -> Array:
        """By level, NaN where the level is no spelling. `u`: of the names."""
        given = _of_bins(u, "given_name")
        surname = _of_bins(u, "surname")
        result = np.full(len(LEVELS), np.nan)
        for label, first_name in ((FULL_NAME, given), (INITIAL, self._initial)):
            numbers = np.array(NAMES_IN_EMAIL.level_numbers(label))
            levels = OFFSETS[NAMES_IN_EMAIL.name] + numbers - 1
            shares = spelling_shares(label)
            chance = np.einsum("lgs,g,s->l", shares, first_name, surname)
            result[levels] = self._m[levels].sum() * chance
        return result


def _of_bins(values: Array, comparison: str) -> Array:
    """The values of the levels that mean an equal name, one per frequency bin."""
    start = OFFSETS[comparison]
    return values[start : start + FREQUENCY_BINS]


def spelling_shares(label: str) -> Array:
    """(levels, given bins, surname bins) of 0 and 1: which bins of the names belong to which of the
    levels whose label starts so."""
    bins = np.arange(1, FREQUENCY_BINS + 1)
    given, surname = np.meshgrid(bins, bins, indexing="ij")
    rarity = given + surname if label == FULL_NAME else surname
    result = []
    lowest = 0
    for number in NAMES_IN_EMAIL.level_numbers(label):
        edge = NAMES_IN_EMAIL.levels[number - 1].label.removeprefix(label).strip(" ,")
        highest = int(edge) if edge.isdigit() else RAREST
        result.append((rarity > lowest) & (rarity <= highest))
        lowest = highest
    return np.stack(result).astype(np.float64)


def _namesakes(expected: _Expected) -> Array:
    """By level, of its comparison: the share of relatives with an equal value, on top of chance.

    Seen where another field tells two people apart: of a father and a son of one name by their
    birthdates, of twins by their names.
    """
    # One person's misspelt records look like that too, and where nobody lives together they alone.
    prior = PRIOR_PAIRS + MISTAKEN * by_comparison(expected.at_level[:, 0])
    equal = by_comparison(np.where(H_SHARED, expected.of_two, 0.0))
    share = (equal + prior * NAMESAKES) / (by_comparison(expected.of_two) + prior)
    # Seen less often than usual, they are few pairs, not fewer namesakes.
    share = np.maximum(share, NAMESAKES)
    return np.asarray(np.where(share > MOST_NAMESAKES, NAMESAKES, share))


def _household(learned: Array, u: Array, m: Array, namesakes: Array) -> Array:
    """h by level: fixed to u where relatives are strangers, a share of namesakes and twins on top,
    learned elsewhere."""
    has_share = by_comparison(H_SHARED.astype(np.float64)) > 0
    of_equal = np.where(H_SHARED, m, 0.0)
    mass = by_comparison(of_equal)
    by_chance = np.where(H_FIXED, u * np.where(has_share, 1 - namesakes, 1.0), 0.0)
    by_birth = np.where(H_SHARED, namesakes * of_equal / np.where(mass > 0, mass, 1.0), 0.0)
    fixed = by_chance + by_birth
    rest = np.maximum(1.0 - by_comparison(fixed), 0.0)
    mass = by_comparison(np.where(H_FIXED, 0.0, learned))
    h = np.where(H_FIXED, fixed, learned * rest / np.where(mass > 0, mass, 1.0))
    return np.asarray(np.maximum(np.where(H_FROM == "person", m, h), TINY))

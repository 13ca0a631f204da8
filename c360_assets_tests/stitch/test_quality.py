"""What is expected of a run without labels, against the truth of generated people."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets.stitch.publish.results import StitchResult
from c360_assets.stitch.quality.best_paths import best_path_probability
from c360_assets.stitch.quality.capture import Caught, Keyed, coverage
from c360_assets.stitch.quality.estimate import LikelyPairs, estimate_quality
from c360_assets.stitch.quality.rivals import own_share
from c360_assets.stitch.quality.shares import ESTIMATES
from c360_assets.tenant.models import StitchConfig
from c360_assets_tests.stitch.retail import retail

NAME, PHONE = 1, 2  # bits of two strategies of unlike kinds


def by_brute_force(probability: dict[tuple[int, int], float], start: int, end: int) -> float:
    """The best product over all simple paths."""
    records = {record for pair in probability for record in pair}
    best = 0.0
    for length in range(len(records) - 1):
        for between in itertools.permutations(records - {start, end}, length):
            steps = itertools.pairwise([start, *between, end])
            product = np.prod([probability.get((min(s), max(s)), 0.0) for s in steps])
            best = max(best, float(product))
    return best


def test_a_pair_counts_by_its_best_path() -> None:
    rng = np.random.default_rng(4)
    cluster = np.array([0, 0, 0, 0, 0, 5, 5, 5, 8, 8, 5])
    pairs = [
        pair
        for pair in itertools.combinations(range(len(cluster)), 2)
        if len(set(cluster[[*pair]])) == 1
    ]
    probability = dict(zip(pairs, rng.random(len(pairs)), strict=True))
    i, j = np.array(pairs).T
    found = best_path_probability(i, j, np.array(list(probability.values())), cluster)
    expected = [
        by_brute_force(
            {p: q for p, q in probability.items() if cluster[p[0]] == cluster[pair[0]]}, *pair
        )
        for pair in pairs
    ]
    assert found == pytest.approx(expected)


def test_coverage_follows_from_what_unlike_keys_missed() -> None:
    # 1000 pairs with both kinds of key, each kind missing a fifth of them by itself: 40 in both.
    rng = np.random.default_rng(5)
    n = 1000
    by_name, by_phone = rng.random(n) < 0.8, rng.random(n) < 0.8
    strategies = by_name * NAME + by_phone * PHONE
    met = strategies > 0
    one = np.arange(n)
    pairs = Caught(one[met], one[met] + n, strategies[met], np.ones(met.sum()))
    records = Keyed(
        np.zeros(2 * n, dtype=np.int64),
        np.ones(2 * n, dtype=np.int64),
        np.full(2 * n, NAME | PHONE),
        np.array([NAME, PHONE]),
    )
    found = coverage(pairs, records, 0.0)
    assert found.share == pytest.approx(met.mean(), abs=0.02)
    assert found.undecidable == 0.0
    alone = Caught(pairs.i, pairs.j, np.full(met.sum(), NAME), pairs.weight)
    assert coverage(alone, records, 0.0).share is None


@pytest.fixture(scope="module")
def matched() -> tuple[StitchResult, pl.DataFrame]:
    people = retail(2000, seed=6)
    return stitch(people.drop("person")), people


def test_estimates_hold_against_the_truth(matched: tuple[StitchResult, pl.DataFrame]) -> None:
    result, people = matched
    found = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    truth = people.select("datasource", "pk", "person").join(found, on=["datasource", "pk"])

    def pairs(*by: str) -> float:
        sizes = truth.group_by(by).len()["len"]
        return float((sizes * (sizes - 1) / 2).sum())

    together = pairs("person", "amperity_id")
    precision, recall, coverage_share = ESTIMATES
    figures = result.figures
    assert figures[precision] == pytest.approx(100 * together / pairs("amperity_id"), abs=2)
    both = figures[recall] * figures[coverage_share] / 100
    assert both == pytest.approx(100 * together / pairs("person"), abs=6)
    for name in ESTIMATES:
        assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"]


def test_too_few_pairs_and_modes_that_do_not_compare_are_unknown() -> None:
    few = retail(60, seed=6).drop("person").head(40)
    metrics = stitch(few).tables["stitch_metrics"]
    one_to_one = StitchConfig.model_validate({"run": {"one_to_one": True}})
    keyed = retail(300, seed=6).drop("person").with_columns(ck=pl.lit(None, pl.String))
    for table in (metrics, stitch(keyed, one_to_one).tables["stitch_metrics"]):
        values = table.filter(pl.col("metric").is_in(ESTIMATES))["value"]
        assert values.to_list() == [None] * len(ESTIMATES)


def test_with_one_kind_of_key_nobody_says_what_is_missed() -> None:
    people = retail(600, seed=6).select("datasource", "pk", "given_name", "surname", "postal")
    figures = stitch(people).figures
    precision, recall, coverage_share = ESTIMATES
    assert precision in figures
    assert recall not in figures
    assert coverage_share not in figures


def test_who_fits_two_that_cannot_be_one_has_half_of_each() -> None:
    # Anna, Andreas, whom names keep apart, A., who was put to Anna, and Eva with a record more.
    cluster = np.array([0, 1, 0, 3, 3])
    ends = np.array([0, 0, 1, 3, 1]), np.array([1, 2, 2, 4, 4])
    log_odds = np.array([-8.0, 5.0, 5.0, 5.0, 2.0])
    vetoed = np.array([True, False, False, False, False])
    shares = own_share(ends, log_odds, vetoed, cluster)
    assert shares == pytest.approx([1.0, 1.0, 0.5, 1.0, 1.0])


def test_where_nothing_seems_missed_something_may_be() -> None:
    first = np.arange(0, 400, 2)
    both = np.full(200, NAME | PHONE)
    within = LikelyPairs(first, first + 1, both, np.full(200, 10.0), np.zeros(200, dtype=bool))
    nothing = np.zeros(0, dtype=np.int64)
    nobody = LikelyPairs(nothing, nothing, nothing, np.zeros(0), np.zeros(0, dtype=bool))
    keyed = Keyed(
        source=np.zeros(400, dtype=np.int64),
        size=np.ones(400, dtype=np.int64),
        keys=np.full(400, NAME | PHONE),
        kinds=np.array([NAME, PHONE]),
    )
    found = estimate_quality(within, nobody, np.repeat(first, 2), keyed).blocking_coverage
    assert found.value == 1.0
    assert found.low is not None
    assert 0.97 < found.low < 0.99

"""The three-class model on small random populations: sane without data, blind to missing values,
honest about classes."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from c360_assets.stitch.compare.agreement_patterns import compare, compared_columns
from c360_assets.stitch.compare.blocking import chosen_strategies
from c360_assets.stitch.compare.candidate_pairs import build_pairs
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.compare.comparisons import PLACE_VALUES
from c360_assets.stitch.score.expectation_maximisation import fit
from c360_assets.stitch.score.match_model import Model, PatternCounts
from c360_assets.stitch.score.value_statistics import random_pairs, value_statistics
from c360_assets.tenant.models import BlockingConfig

GIVEN = ["MARY", "JOHN", "LINDA", "JAMES", "SUSAN", "PETER", "ANNA", "DAVID", "LAURA", "KEVIN"]
SURNAME = [
    f"{a}{b}"
    for a in ("STON", "HART", "WIL", "BRAD", "CARL", "OX", "PEN", "QUIN", "RAD", "THORN")
    for b in ("LEY", "MAN", "SON", "FORD", "TON", "WELL", "BY")
]


def population(persons: int, seed: int, household: bool) -> pl.DataFrame:
    """Two records of each person; with `household`, persons live in pairs that share surname,
    address and phone."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for person in range(persons):
        home = person // 2 if household else person
        rng = np.random.default_rng(seed * 1000 + home)
        surname, number, phone = (
            SURNAME[rng.integers(len(SURNAME))],
            rng.integers(1, 900),
            f"206{rng.integers(1_000_000, 9_000_000):07d}",
        )
        postal = f"{98000 + rng.integers(40)}"
        given = GIVEN[random.integers(len(GIVEN))]
        for copy in range(2):
            held = random.random(3) < 0.8
            rows.append(
                {
                    "rid": len(rows),
                    "given_name": given,
                    "surname": surname,
                    "email": [f"P{person}.{seed}@X.COM"] if held[0] else None,
                    "phone": [phone] if held[1] else None,
                    "address": f"{number} {SURNAME[home % 30]} STREET" if held[2] or copy else None,
                    "postal": postal,
                }
            )
    return pl.DataFrame(
        rows, schema_overrides={"email": pl.List(pl.String), "phone": pl.List(pl.String)}
    )


def fitted(frame: pl.DataFrame, classes: int = 3) -> Model:
    con = duckdb.connect()
    records = prepare_records(frame, frozenset(GIVEN))
    pairs = build_pairs(con, records, chosen_strategies(BlockingConfig(), frame), "split")
    columns = compared_columns(records)
    sample = random_pairs(records.height)
    compared, strangers = (
        PatternCounts.of(compare(con, columns, some.i, some.j).pattern) for some in (pairs, sample)
    )
    return fit(value_statistics(con, records, strangers), compared, classes=classes)


@pytest.mark.parametrize("persons", [1, 3, 100])
def test_probabilities_are_probabilities(persons: int) -> None:
    table = fitted(population(persons, 1, household=False)).table()
    sums = (
        table.filter(pl.col("feature") != "home_held")
        .group_by("feature")
        .agg(pl.col("m", "h", "u").sum())
    )
    assert sums.select((pl.col("m", "h", "u") - 1).abs().max()).row(0) == pytest.approx(
        (0, 0, 0), abs=1e-6
    )
    assert table.select(pl.col("m", "h", "u").min() > 0).row(0) == (True, True, True)


def test_the_household_class_empties_itself_without_households() -> None:
    alone, together = (
        fitted(population(150, 2, household=False)),
        fitted(population(150, 2, household=True)),
    )
    assert alone.sizes[1] < 0.15 * alone.sizes[0]
    assert together.sizes[1] > 0.5 * together.sizes[0]
    assert alone.sizes[0] == pytest.approx(150, rel=0.2)
    assert together.sizes[0] == pytest.approx(150, rel=0.45)


def test_no_evidence_is_the_class_prior_and_agreement_adds() -> None:
    found = fitted(population(100, 3, household=True))
    nothing = 3 * PLACE_VALUES["home_held"]
    phone = 1 * PLACE_VALUES["phone"]
    x, _ = found.log_odds(np.array([nothing, nothing + phone, nothing + 5 * phone], dtype=np.int64))
    assert x[1] > x[0] > x[2]


def test_relatives_given_names_are_as_unlike_as_strangers() -> None:
    table = fitted(population(150, 4, household=True)).table()
    different = table.filter(
        (pl.col("feature") == "given_name") & pl.col("label").str.starts_with("different")
    )
    assert different["h"].sum() == pytest.approx(different["u"].sum(), abs=0.05)
    assert different["m"].sum() < 0.05


def test_two_classes_have_no_household() -> None:
    assert fitted(population(60, 5, household=True), classes=2).sizes[1] < 1e-6


def test_the_fit_is_the_same_each_time() -> None:
    one, two = (fitted(population(60, 6, household=True)) for _ in range(2))
    assert np.array_equal(one.log_probability, two.log_probability)

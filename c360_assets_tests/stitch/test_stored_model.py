"""The stored model: it scores as on the day it was fitted, until there is a reason to fit anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch import stitch
from c360_assets.stitch.compare.comparisons import PLACE_VALUES
from c360_assets.stitch.resolve import Resolution, resolve
from c360_assets.stitch.score.match_model import PatternCounts
from c360_assets.stitch.score.stored_model import (
    Basis,
    drift,
    drift_warnings,
    model_table,
    read_model,
    why_fit,
)
from c360_assets.tenant.models import StitchConfig
from c360_assets_tests.stitch.test_match_model import fitted, population

FRAMES = ("clusters", "pairs", "strategies", "decisions", "household")
HOUSEHOLDS = population(150, 11, household=True)


@pytest.fixture(scope="module")
def first() -> Resolution:
    return resolve(HOUSEHOLDS)


def test_the_kept_model_scores_the_same_records_alike(first: Resolution) -> None:
    again = resolve(HOUSEHOLDS, model=first.model.sample(fraction=1, shuffle=True, seed=1))
    assert all(getattr(first, name).equals(getattr(again, name)) for name in FRAMES)
    assert first.figures == again.figures
    assert max(again.drift.values(), default=0.0) < 0.01
    assert not drift_warnings(again.drift)


def test_what_is_kept_is_what_was_fitted() -> None:
    model = fitted(HOUSEHOLDS)
    kept = read_model(model_table(model))
    patterns = np.array(
        [_pattern(given_name=8, surname=8, phone=1), _pattern(phone=5, email=1)], dtype=np.int64
    )
    for one, other in zip(model.log_odds(patterns), kept.log_odds(patterns), strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert kept.sizes == pytest.approx(model.sizes, rel=1e-6)
    assert kept.expected == pytest.approx(model.expected, rel=1e-6, abs=1e-6)
    assert kept.lower_bound_m("given_name", [9, 10]) == pytest.approx(
        model.lower_bound_m("given_name", [9, 10]), abs=1e-6
    )
    assert kept.records == model.records


def test_weights_do_not_follow_the_data_any_more(first: Resolution) -> None:
    others = population(40, 12, household=False)
    kept, fitted = resolve(others, model=first.model), resolve(others)
    assert kept.model.equals(first.model)
    assert not fitted.model.equals(first.model)
    assert not kept.pairs["log_odds"].equals(fitted.pairs["log_odds"])


def test_a_model_of_other_levels_or_another_kind_is_refused(first: Resolution) -> None:
    model = first.model
    for wrong in (
        model.tail(-2),
        model.tail(-1),
        model.drop("records"),
        model.with_columns(label=pl.lit("")),
    ):
        with pytest.raises(C360Error, match="model"):
            read_model(wrong)
    records = pl.DataFrame([{"datasource": "S", "pk": "1", "given_name": "Ann"}])
    config = StitchConfig.model_validate({"matching": {"model": "recordlinkage_ecm"}})
    with pytest.raises(C360Error, match="recordlinkage"):
        stitch(records, config, model=first.model)


def test_fields_that_drifted_are_reported(first: Resolution) -> None:
    model = read_model(first.model)
    many = replace(model, expected=model.expected * 10)
    # From here on most pairs of one person differ in phone and e-mail, so say their names.
    pattern = _pattern(given_name=8, surname=8, birthdate=1, phone=5, email=5)
    patterns = np.array([pattern], dtype=np.int64)
    drifted = drift(many, PatternCounts(patterns, np.array([2000], dtype=np.int64)))
    assert drifted["phone"] > 0.5
    assert "phone" in drift_warnings(drifted)[0]
    too_few = PatternCounts(patterns, np.array([20], dtype=np.int64))
    assert drift(many, too_few) == {}


def _pattern(**levels: int) -> int:
    return sum(level * PLACE_VALUES[name] for name, level in levels.items())


BASIS = Basis({"A:a": "1", "B:b": "2"}, "settings", 1000)


@pytest.mark.parametrize(
    ("now", "mode", "asked", "reason"),
    [
        (BASIS, "on_change", False, None),
        (replace(BASIS, records=1200), "on_change", False, None),
        (replace(BASIS, records=834), "on_change", False, None),
        (replace(BASIS, records=1201), "on_change", False, "there are 1,201 records, after 1,000"),
        (replace(BASIS, records=800), "on_change", False, "there are 800 records, after 1,000"),
        (
            replace(BASIS, tables={**BASIS.tables, "C:c": "3"}),
            "on_change",
            False,
            "stitched tables are new: C:c",
        ),
        (replace(BASIS, tables={"A:a": "1"}), "on_change", False, "stitched tables are gone: B:b"),
        (replace(BASIS, tables={"A:a": "9", "B:b": "2"}), "on_change", False, "tags changed: A:a"),
        (replace(BASIS, settings=""), "on_change", False, "settings of what is compared changed"),
        (BASIS, "always", False, "`refit: always` in stitch.yaml"),
        (BASIS, "on_change", True, "it was asked for"),
        (BASIS, "never", True, "it was asked for"),
        (Basis({}, "", 9), "never", False, None),
    ],
)
def test_reasons_to_fit(
    first: Resolution, now: Basis, mode: str, asked: bool, reason: str | None
) -> None:
    assert why_fit(now, BASIS, first.model, mode, asked=asked) == reason


def test_what_an_earlier_version_kept_is_no_reason_to_fit(first: Resolution) -> None:
    kept = {"tables": dict(BASIS.tables), "settings": "other", "code": "old", "records": 1000}
    assert why_fit(BASIS, Basis.of(kept), first.model, "on_change", asked=False) is None
    assert Basis.of(vars(BASIS)) == BASIS
    assert Basis.of(None) is None
    assert Basis.of({}) is None


def test_without_a_model_of_these_levels_one_is_fitted_whatever_the_setting(
    first: Resolution,
) -> None:
    assert why_fit(BASIS, None, first.model, "never", asked=False) == "none is kept yet"
    assert why_fit(BASIS, BASIS, None, "never", asked=False) == "none is kept yet"
    assert (
        why_fit(BASIS, BASIS, first.model.tail(-5), "never", asked=False)
        == "this version compares other things"
    )

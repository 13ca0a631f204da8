"""The frozen model: a fitted model kept as the table `stitch_model`, read back for the next run, and when to fit it anew.

Frozen are the weights (m, h, u of every level), the class sizes and so the prior odds of a pair, the evidence from which hard
conflicts are learned, and the number of records that shares of values are taken of. So a record that has nothing in common with
the others changes nothing about them. Not frozen is how often a value occurs: a name that becomes common counts less at once.
The bands of the score and the cut are settings. Fitting itself is `model`; who carries the table from run to run is `run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.score.match_model import FEATURE_OF, LEVELS, Ints, Model, design_matrix

PRIOR = "all_pairs"  # the row of the class sizes, as shares of all pairs: its weight is where the evidence of a pair starts
LEVEL_KEY = ("feature", "level", "label")
DIGITS = 9  # of the kept numbers; a run that fits scores with what it keeps, so that the next one scores alike
# A tenant that holds so many times as many records, or as few, is another one than the model was fitted on. On generated retail
# data a model of 1/1.25 of the records costs 0.2 points of F1 (precision rises, recall falls), of one half 0.6, of a tenth 3.
GROWN = 1.2
DRIFTED = 0.15  # a field whose levels moved this far among pairs of one person (half the absolute differences of shares) is told
ENOUGH = 500.0  # expected same-person pairs that hold the field, below which levels move by chance


def model_table(model: Model) -> pl.DataFrame:
    """The model as a table that `read_model` reads: a row per level, and one of the class sizes."""
    share = model.sizes / model.sizes.sum()
    prior = {
        "feature": PRIOR,
        "level": 0,
        "label": "all pairs, before anything is compared",
        **dict(zip("mhu", share.tolist(), strict=True)),
        "weight_bits": float(np.log2(share[0] / share[2])),
        "household_bits": float(np.log2(share[0] / share[1])),
        "expected_pairs": float(model.sizes[0]),
    }
    table = model.table()
    return rounded(pl.concat([pl.DataFrame([prior], schema=table.schema), table]), model.records)


def rounded(table: pl.DataFrame, records: int) -> pl.DataFrame:
    """The table of a model fitted on so many records, as it is kept."""
    return table.with_columns(
        pl.col(pl.Float64).round_sig_figs(DIGITS), records=pl.lit(records, pl.Int64)
    )


def fits(table: pl.DataFrame) -> bool:
    """Whether the table holds the levels that are compared now."""
    levels = model_levels()
    return (
        table.filter(pl.col("feature") != PRIOR)
        .select(LEVEL_KEY)
        .sort(LEVEL_KEY)
        .equals(levels.sort(LEVEL_KEY))
    )


def model_levels() -> pl.DataFrame:
    """feature, level, label of every level that is compared now, in the order of the model's arrays."""
    numbers = np.arange(len(LEVELS)) - np.searchsorted(FEATURE_OF, FEATURE_OF) + 1
    columns = {
        "feature": [name for name, _ in LEVELS],
        "level": numbers,
        "label": [level.label for _, level in LEVELS],
    }
    return pl.DataFrame(columns)


def read_model(table: pl.DataFrame) -> Model:
    """The model of a table that `model_table` made, in any row order. Raises C360Error where other levels are compared now."""
    if missing := {*LEVEL_KEY, "m", "h", "u", "expected_pairs", "records"} - set(table.columns):
        raise C360Error(f"stitch: the kept model lacks the column {min(missing)}")
    prior = table.filter(pl.col("feature") == PRIOR)
    if prior.height != 1 or not fits(table):
        raise C360Error(
            "stitch: the kept model has other levels than are compared now; fit it anew"
        )
    rows = model_levels().join(table, on=LEVEL_KEY, how="left", maintain_order="left")
    share = prior.select("m", "h", "u").to_numpy()[0]
    return Model(
        log_probability=np.log(rows.select("m", "h", "u").to_numpy()),
        sizes=share * (prior["expected_pairs"].item() / share[0]),
        expected=rows["expected_pairs"].to_numpy(),
        records=prior["records"].item(),
    )


def drift(model: Model, patterns: Ints, counts: Ints) -> dict[str, float]:
    """How far the levels of each field moved since the fit among pairs of one person: half the absolute differences of shares.

    `patterns`: those of the compared pairs, with counts. Fields that too few pairs hold, then or now, are left out.
    """
    person, _ = model.log_odds(patterns)
    now = design_matrix(patterns).T @ (counts / (1 + np.exp(-np.clip(person, -50, 50))))
    held = [np.bincount(FEATURE_OF, weights=at) for at in (model.expected, now)]
    enough = np.minimum(*held) >= ENOUGH
    shares = [
        at / np.maximum(total, 1e-9)[FEATURE_OF]
        for at, total in zip((model.expected, now), held, strict=True)
    ]
    moved = np.bincount(FEATURE_OF, weights=np.abs(shares[0] - shares[1])) / 2
    names = list(dict.fromkeys(name for name, _ in LEVELS))
    return {name: round(float(moved[n]), 4) for n, name in enumerate(names) if enough[n]}


def drift_warnings(moved: Mapping[str, float]) -> list[str]:
    """A sentence where fields moved further than chance moves them; none otherwise."""
    far = [
        name
        for name, distance in sorted(moved.items(), key=lambda item: -item[1])
        if distance >= DRIFTED
    ]
    if not far:
        return []
    named = ", ".join(far)
    return [
        f"the records no longer look as when the match model was fitted ({named}); `c360 stitch --refit` fits it anew"
    ]


@dataclass(frozen=True)
class Basis:
    """What a model was fitted on: the stitched tables (name -> digest of their tags), the settings that decide what is compared
    and how, the code, and the number of source records."""

    tables: Mapping[str, str]
    settings: str
    code: str
    records: int

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Basis | None:
        return None if kept is None else cls(**kept)


def why_fit(
    now: Basis, before: Basis | None, table: pl.DataFrame | None, mode: str, *, asked: bool
) -> str | None:
    """Why the model is fitted in this run, None where the kept one is used. `mode`: the setting `refit`."""
    if before is None or table is None or not table.height:
        return "none is kept yet"
    if not fits(table):
        return "this version compares other things"
    if asked:
        return "it was asked for"
    if mode == "always":
        return "`refit: always` in stitch.yaml"
    if mode == "never":
        return None
    added, gone = (
        ", ".join(sorted(set(one) - set(other))) for one, other in _both(now.tables, before.tables)
    )
    retagged = ", ".join(
        sorted(t for t in now.tables if before.tables.get(t, now.tables[t]) != now.tables[t])
    )
    grown = before.records * GROWN < now.records or now.records * GROWN < before.records
    reasons = (
        (added, f"stitched tables are new: {added}"),
        (gone, f"stitched tables are gone: {gone}"),
        (retagged, f"tags changed: {retagged}"),
        (now.settings != before.settings, "settings of what is compared changed"),
        (now.code != before.code, "the matcher is another version"),
        (grown, f"there are {now.records:,} records, after {before.records:,}"),
    )
    return next((text for true, text in reasons if true), None)


def _both(
    one: Mapping[str, str], other: Mapping[str, str]
) -> tuple[tuple[Mapping[str, str], Mapping[str, str]], ...]:
    return (one, other), (other, one)

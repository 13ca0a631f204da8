"""The stored model: a fitted model kept as the table `stitch_model`, read back for the next run,
and when to fit it anew.

Kept are the weights (m, h, u of every level), the class sizes and so the prior odds of a pair, the
evidence from which hard conflicts are learned, and the number of records that shares of values are
taken of. So a record that has nothing in common with the others changes nothing about them. Not
kept is how often a value occurs: a name that becomes common counts less at once. The bands of the
score and the threshold are settings. Fitting itself is `expectation_maximisation`; who carries the
table from run to run is `tenant_run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.score.match_model import (
    COMPARISON_OF_LEVEL,
    LEVEL_NUMBERS,
    LEVELS,
    OFFSETS,
    Array,
    Model,
    PatternCounts,
    design_matrix,
)

# The row of the class sizes, as shares of all pairs: its weight is where the evidence of a pair
# starts.
PRIOR = "all_pairs"
LEVEL_KEY = ("feature", "level", "label")
NEEDED_COLUMNS = {*LEVEL_KEY, "m", "h", "u", "expected_pairs", "records"}
# Of the kept numbers; a run that fits scores with what it keeps, so that the next one scores alike.
DIGITS = 9
# A tenant that holds so many times as many records, or as few, is another one than the model was
# fitted on. On generated retail data a model of 1/1.25 of the records costs 0.2 points of F1
# (precision rises, recall falls), of one half 0.6, of a tenth 3.
GROWN = 1.2
# A field whose levels moved this far among pairs of one person is reported: half the absolute
# differences of shares.
DRIFTED = 0.15
# Expected same-person pairs that hold the field, below which levels move by chance.
ENOUGH_PAIRS = 500.0
FORM = "compared fields"  # what the digests of a basis are of


def model_table(model: Model) -> pl.DataFrame:
    """The model as a table that `read_model` reads: a row per level, and one of the class sizes."""
    share = model.sizes / model.sizes.sum()
    prior = {
        "feature": PRIOR,
        "level": 0,
        "label": "all pairs, before anything is compared",
        "m": float(share[0]),
        "h": float(share[1]),
        "u": float(share[2]),
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
    kept = table.filter(pl.col("feature") != PRIOR).select(LEVEL_KEY)
    return kept.sort(LEVEL_KEY).equals(model_levels().sort(LEVEL_KEY))


def model_levels() -> pl.DataFrame:
    """feature, level, label of every level that is compared now, in the order of the model's
    arrays."""
    columns = {
        "feature": [name for name, _ in LEVELS],
        "level": LEVEL_NUMBERS,
        "label": [level.label for _, level in LEVELS],
    }
    return pl.DataFrame(columns)


def read_model(table: pl.DataFrame) -> Model:
    """The model of a table that `model_table` made, in any row order.

    Raises C360Error where other levels are compared now.
    """
    missing = NEEDED_COLUMNS - set(table.columns)
    if missing:
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


def drift(model: Model, compared: PatternCounts) -> dict[str, float]:
    """How far the levels of each field moved since the fit among pairs of one person: half the
    absolute differences of shares.

    Fields that too few pairs hold, then or now, are left out.
    """
    log_odds, _ = model.log_odds(compared.patterns)
    same_person = compared.counts / (1 + np.exp(-np.clip(log_odds, -50, 50)))
    expected = design_matrix(compared.patterns).T @ same_person
    then = _of_comparisons(model.expected)
    now = _of_comparisons(expected)
    share_then = model.expected / np.maximum(then, 1e-9)[COMPARISON_OF_LEVEL]
    share_now = expected / np.maximum(now, 1e-9)[COMPARISON_OF_LEVEL]
    distance = _of_comparisons(np.abs(share_then - share_now)) / 2
    has_enough = np.minimum(then, now) >= ENOUGH_PAIRS
    return {
        name: round(float(distance[number]), 4)
        for number, name in enumerate(OFFSETS)
        if has_enough[number]
    }


def _of_comparisons(values: Array) -> Array:
    """Sums over the levels of each comparison."""
    return np.asarray(np.bincount(COMPARISON_OF_LEVEL, weights=values), dtype=np.float64)


def drift_warnings(drift_of_fields: Mapping[str, float]) -> list[str]:
    """A sentence where fields moved further than chance moves them; none otherwise."""
    farthest_first = sorted(drift_of_fields.items(), key=lambda item: -item[1])
    drifted = [name for name, distance in farthest_first if distance >= DRIFTED]
    if not drifted:
        return []
    return [
        "the records no longer look as when the match model was fitted "
        f"({', '.join(drifted)}); `c360 stitch --refit` fits it anew"
    ]


@dataclass(frozen=True)
class Basis:
    """What a model was fitted on: the stitched tables (name -> digest of their compared fields),
    the settings that decide what is compared and how, and the number of source records.

    Not the code: a version that compares the same levels scores with the model that is kept, or an
    upgrade would move people's ids. Digests are empty where an earlier version kept them in another
    form, which says nothing of a change. `form` is the form that they are in.
    """

    tables: Mapping[str, str]
    settings: str
    records: int
    form: str = FORM

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Basis | None:
        if not kept:
            return None
        # Earlier versions kept all tags, and settings as they were written.
        if kept.get("form") != FORM:
            return cls(dict.fromkeys(kept["tables"], ""), "", kept["records"])
        return cls(kept["tables"], kept["settings"], kept["records"])


def known_since(before: Basis | None, now: Basis) -> Basis | None:
    """What the kept model was fitted on; what is not known of that counts as what is now."""
    if before is None or before.settings:
        return before
    tables = {name: now.tables.get(name, "") for name in before.tables}
    return replace(now, tables=tables, records=before.records)


def why_fit(
    now: Basis, before: Basis | None, table: pl.DataFrame | None, mode: str, *, asked: bool
) -> str | None:
    """Why the model is fitted in this run, None where the kept one is used.

    `table`: the kept model. `mode`: the setting `refit`. `asked`: somebody asked for this run to
    fit it.
    """
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
    return _change(now, before)


def _change(now: Basis, before: Basis) -> str | None:
    """The first change since the fit that makes the model another tenant's, None without one."""
    new = set(now.tables) - set(before.tables)
    if new:
        return f"stitched tables are new: {_names(new)}"
    gone = set(before.tables) - set(now.tables)
    if gone:
        return f"stitched tables are gone: {_names(gone)}"
    known = {name: tags for name, tags in before.tables.items() if tags}
    retagged = {name for name in known if now.tables[name] != known[name]}
    if retagged:
        return f"tags changed: {_names(retagged)}"
    if before.settings and now.settings != before.settings:
        return "settings of what is compared changed"
    fewer, more = sorted((before.records, now.records))
    if fewer * GROWN < more:
        return f"there are {now.records:,} records, after {before.records:,}"
    return None


def _names(tables: Iterable[str]) -> str:
    return ", ".join(sorted(tables))

"""The model that scores: fitted on the compared pairs, with as much of the shipped weights as its
classes need to be what they are called.

How a model is fitted is in `expectation_maximisation`, what its classes mean in `class_meaning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from c360_assets.stitch.score.class_meaning import (
    Symptoms,
    household_warnings,
    symptoms,
    why_too_few,
    why_wrong,
)
from c360_assets.stitch.score.expectation_maximisation import Bound, fit
from c360_assets.stitch.score.match_model import Model, PatternCounts
from c360_assets.stitch.score.recordlinkage_model import EcmModel, fit_ecm
from c360_assets.stitch.score.stored_model import model_table, read_model, rounded
from c360_assets.stitch.score.value_statistics import ValueStatistics

# Which weights are the shipped ones, behind that word.
SHIPPED_OF = {
    Bound.NOTHING: "",
    Bound.HOUSEHOLD: " of relatives",
    Bound.GIVEN_NAMES: " of relatives and of one person's given names",
    Bound.ALL: "",
}


@dataclass(frozen=True)
class UsedModel:
    """The model that scores, as its table says it; how far the data moved since it was fitted.

    symptoms: of its classes on the pairs of today, None for a model without such classes. bound:
    which weights are the shipped ones. wrong, too_few: why, empty where all are learned.
    """

    model: Model | EcmModel
    table: pl.DataFrame
    drift: dict[str, float]
    symptoms: Symptoms | None = None
    bound: Bound = Bound.NOTHING
    wrong: str = ""
    too_few: str = ""

    def warnings(self) -> list[str]:
        """Sentences about a model that is not what it should be; none otherwise."""
        warnings = [] if self.symptoms is None else household_warnings(self.symptoms)
        if self.wrong:
            warnings.append(
                f"the match model keeps its shipped weights{SHIPPED_OF[self.bound]}, as in the one"
                f" that was fitted {self.wrong}"
            )
        return warnings

    def figures(self) -> dict[str, Any]:
        """What a resolution tells of its model."""
        return {
            "expected_same_person_pairs": float(self.model.sizes[0]),
            "expected_household_pairs": float(self.model.sizes[1]),
            "symptoms": self.symptoms,
            "shipped_weights": (self.wrong or self.too_few) if self.bound == Bound.ALL else "",
        }


def fitted_reference(compared: PatternCounts, n_records: int) -> UsedModel:
    """The model of `recordlinkage`, on the patterns of the compared pairs."""
    reference = fit_ecm(compared)
    return UsedModel(reference, rounded(reference.table(), n_records), {})


def fitted_model(statistics: ValueStatistics, compared: PatternCounts, kind: str) -> UsedModel:
    """A model of this kind (the setting `model`), fitted on the patterns of the compared pairs.

    It is read back from its table, so that the next run, which only has the table, scores alike.
    """
    classes = 2 if kind == "two_class" else 3
    bound = Bound.NOTHING
    fitted = fit(statistics, compared, classes=classes)
    found = symptoms(fitted, compared)
    wrong = why_wrong(found)
    too_few = why_too_few(found, statistics.records)
    while bound < Bound.ALL and (too_few or why_wrong(found)):
        # What is sound in the tenant's own weights is kept: shipped ones know no tenant.
        bound = Bound.ALL if too_few else Bound(bound + 1)
        fitted = fit(statistics, compared, classes=classes, bound=bound)
        found = symptoms(fitted, compared)
    table = model_table(fitted)
    model = read_model(table)
    return UsedModel(model, table, {}, symptoms(model, compared), bound, wrong, too_few)

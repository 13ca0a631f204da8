"""Would another classifier have answered as people did? The classifiers of the package
recordlinkage, trained on labelled pairs, beside the model that the tenant uses.

Each is judged on pairs that it was not trained on. Which one a tenant uses is its setting; nothing
is changed here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.semantics.nicknames import known_given_names
from c360_assets.stitch.compare.agreement_patterns import compared_columns
from c360_assets.stitch.compare.candidate_pairs import CandidatePairs
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.comparing import ComparisonInputs, compare_positions
from c360_assets.stitch.explain.counted import REPRESENTATIVES
from c360_assets.stitch.explain.records import PublishedStitch, as_compared
from c360_assets.stitch.resolve import hard_conflicts
from c360_assets.stitch.score.labels import labelled
from c360_assets.stitch.score.recordlinkage_model import variables
from c360_assets.stitch.score.scored_pairs import Scorer, decide_pairs

Bools = npt.NDArray[np.bool_]
FOLDS = 5
LEAST_ANSWERS = 10  # of each kind
WITHOUT_LABELS = ("ECMClassifier", "KMeansClassifier")
DEFAULT = "the tenant's model"


@dataclass(frozen=True)
class Judged:
    """How a classifier answered the labelled pairs: of those it called one person the share that
    are (precision), of those that are the share it called so (recall)."""

    classifier: str
    precision: float
    recall: float
    f1: float
    right: int
    pairs: int


def compare_classifiers(source: PublishedStitch) -> list[Judged]:
    """The tenant's model, then recordlinkage's classifiers.

    Raises C360Error where too little was answered.
    """
    labels = source.frame("SELECT source1, pk1, source2, pk2, same FROM stitch_labels")
    n_same = int(labels["same"].sum())
    n_different = labels.height - n_same
    if min(n_same, n_different) < LEAST_ANSWERS:
        raise C360Error(
            f"{n_same} pairs are labelled as one person and {n_different} as two; training needs "
            f"{LEAST_ANSWERS} of each, that a run has taken in: `c360 review`, then --answers"
        )
    pairs = _compared_labels(source, labels)
    judged = [_judged(DEFAULT, pairs.by_model, pairs.same)]
    # The package tells the root logger that few pairs are few.
    logging.disable(logging.WARNING)
    try:
        for name, make in _classifiers().items():
            judged.append(_judged(name, _cross_validated(make, pairs), pairs.same))
    finally:
        logging.disable(logging.NOTSET)
    return judged


@dataclass(frozen=True)
class _LabelledPairs:
    """What is known of each labelled pair: the questions of `recordlinkage_model`, the answer, and
    whether the tenant's model alone joins it."""

    features: npt.NDArray[np.int8]
    same: Bools
    by_model: Bools


def _compared_labels(source: PublishedStitch, labels: pl.DataFrame) -> _LabelledPairs:
    rows = source.frame(f"SELECT * FROM {REPRESENTATIVES} ORDER BY datasource, pk")
    frame = as_compared(rows)
    records = prepare_records(frame, known_given_names(), population=source.model.records)
    position = rows.select("datasource", "pk").with_row_index("position")
    for side in ("1", "2"):
        ends = position.rename(
            {"datasource": f"source{side}", "pk": f"pk{side}", "position": f"i{side}"}
        )
        labels = labels.join(ends, on=[f"source{side}", f"pk{side}"])
    ends_of_pair = (
        labels.select(i=pl.min_horizontal("i1", "i2"), j=pl.max_horizontal("i1", "i2"), same="same")
        .unique()
        .sort("i", "j")
    )
    pairs = CandidatePairs(
        ends_of_pair["i"].to_numpy().astype(np.int32),
        ends_of_pair["j"].to_numpy().astype(np.int32),
        np.zeros(ends_of_pair.height, dtype=np.int64),
    )
    keys = sorted(column for column in frame.columns if column.startswith(("fk_", "sk_")))
    # The labels themselves must not tell the answer.
    none = labelled(None, records["rid"].to_numpy())
    inputs = ComparisonInputs(compared_columns(records, keys), keys, none)
    with duckdb.connect() as con:
        compared = compare_positions(con, inputs, pairs)
    matching = source.config.matching
    conflicts = hard_conflicts(source.model, source.config, keys, none)
    scorer = Scorer(source.model, matching, conflicts, source.holds_contacts)
    score = decide_pairs(scorer, compared).scored.score
    return _LabelledPairs(
        variables(compared.pattern), ends_of_pair["same"].to_numpy(), score >= matching.threshold
    )


def _classifiers() -> dict[str, Callable[[], Any]]:
    # 200 MB and seconds to import: only where it is asked for.
    from recordlinkage import classifiers

    return {
        "logistic regression": lambda: classifiers.LogisticRegressionClassifier(max_iter=1000),
        "naive Bayes": lambda: classifiers.NaiveBayesClassifier(),
        "support vectors": lambda: classifiers.SVMClassifier(),
        "expectation maximisation, without labels": lambda: classifiers.ECMClassifier(),
        "k-means, without labels": lambda: classifiers.KMeansClassifier(),
    }


def _cross_validated(make: Callable[[], Any], pairs: _LabelledPairs) -> Bools:
    """What the classifier says of each pair after training on the pairs of the other folds."""
    import pandas

    n_pairs = len(pairs.same)
    index = pandas.MultiIndex.from_arrays([range(n_pairs), range(n_pairs)])
    features = pandas.DataFrame(pairs.features, index=index)
    said = np.zeros(n_pairs, dtype=bool)
    fold = np.empty(n_pairs, dtype=np.int64)
    # Both answers in every fold: dealt out like cards, one answer after the other.
    for answer in (True, False):
        of_answer = np.flatnonzero(pairs.same == answer)
        fold[of_answer] = np.arange(len(of_answer)) % FOLDS
    for number in range(FOLDS):
        is_test = fold == number
        train = features[~is_test]
        # A question that is always answered alike says nothing, and breaks some classifiers.
        varying = train.columns[train.nunique() > 1]
        classifier = make()
        with np.errstate(all="ignore"):
            if type(classifier).__name__ in WITHOUT_LABELS:
                classifier.fit(train[varying])
            else:
                classifier.fit(train[varying], index[~is_test & pairs.same])
            links = classifier.predict(features.loc[is_test, varying])
        said[[one for one, _ in links]] = True
    return said


def _judged(name: str, said: Bools, same: Bools) -> Judged:
    right = int((said & same).sum())
    precision = right / max(int(said.sum()), 1)
    recall = right / max(int(same.sum()), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    n_right = int((said == same).sum())
    return Judged(name, round(precision, 3), round(recall, 3), round(f1, 3), n_right, len(same))

"""Labels above all other evidence, and separation keys of which approximate values fit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch import stitch
from c360_assets.stitch.resolve import resolve
from c360_assets.stitch.score.labels import labelled
from c360_assets.tenant.models import StitchConfig

HOME = {"surname": "RIVERA", "phone": ["2065550122"], "address": "9 FIR AVENUE", "postal": "98102"}
FRAME = pl.DataFrame(
    [
        {"rid": 1, "given_name": "JOHN", **HOME},
        {"rid": 2, "given_name": "MARY", **HOME},
        {"rid": 3, "given_name": "JOHN", "email": ["JRIVERA@X.COM"], **HOME},
        {"rid": 4, "given_name": "OLGA", "surname": "PETERS", "email": ["OLGA@Y.COM"]},
    ],
    schema_overrides={"email": pl.List(pl.String), "phone": pl.List(pl.String)},
)


LABELS = {
    "source1": pl.String,
    "pk1": pl.String,
    "source2": pl.String,
    "pk2": pl.String,
    "same": pl.Boolean,
}
ALL = {"outputs": {"stitch_scores": "all"}}


def pairs(*rows: tuple[int, int, bool]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"rid1": pl.Int64, "rid2": pl.Int64, "same": pl.Boolean}, orient="row"
    )


def clusters(*rows: tuple[int, int, bool], **config: object) -> list[int]:
    return (
        resolve(FRAME, StitchConfig.model_validate(config), labels=pairs(*rows))
        .clusters["cluster"]
        .to_list()
    )


@pytest.mark.parametrize(
    ("algorithm", "classifier"),
    [
        ("mean_linkage", "general-ordinal-fk-priority"),
        ("hierarchical", "general-ordinal-sk-priority"),
    ],
)
def test_labels_join_and_separate_whatever_the_evidence_says(
    algorithm: str, classifier: str
) -> None:
    config = {"clustering": {"algorithm": algorithm}, "matching": {"classifier": classifier}}
    assert clusters(**config) == [1, 2, 1, 4]
    assert clusters((2, 1, True), **config) == [1, 1, 1, 4]
    assert clusters((1, 3, False), **config) == [1, 2, 3, 4]
    assert clusters((1, 4, True), **config) == [1, 2, 1, 1], "a pair that no block holds"
    assert clusters((1, 4, True), (4, 3, False), **config) == [1, 2, 3, 1]


@pytest.mark.parametrize("algorithm", ["mean_linkage", "hierarchical"])
def test_records_that_a_label_holds_apart_are_not_joined_by_a_third_with_the_same_key(
    algorithm: str,
) -> None:
    name = pl.when(pl.col("rid") != 2).then("given_name").alias("given_name")
    keyed = FRAME.with_columns(name, fk_loy=pl.when(pl.col("rid") < 4).then(pl.lit("A")))
    config = StitchConfig.model_validate({"clustering": {"algorithm": algorithm}})
    assert resolve(keyed, config).clusters["cluster"].to_list() == [1, 1, 1, 4]
    found = resolve(keyed, config, labels=pairs((1, 3, False))).clusters["cluster"].to_list()
    assert found[0] != found[2]
    assert found[1] in (found[0], found[2]), "the one between goes with one of them"


def test_a_labelled_pair_shows_who_decided() -> None:
    found = resolve(FRAME, labels=pairs((1, 4, True), (1, 3, False))).pairs
    rows = (
        found.filter(pl.col("decided_by") == "label")
        .select("rid1", "rid2", "score", "match_category", "match_type")
        .rows()
    )
    assert rows == [(1, 3, 0.0, "non_match", "scored"), (1, 4, 5.0, "exact", "scored")]


def test_labels_by_record_keys_hold_of_copies_too() -> None:
    row = {
        "datasource": "S",
        "given_name": "Tara",
        "surname": "Quill",
        "email": "tara@x.example",
        "phone": "2065550111",
    }
    records = pl.DataFrame(
        [{**row, "pk": pk} for pk in "123"] + [{"datasource": "S", "pk": "4", "given_name": "Omar"}]
    )

    def ids(*labels: tuple[str, str, bool]) -> list[int]:
        pairs_of_keys = (
            pl.DataFrame([("S", a, "S", b, same) for a, b, same in labels], LABELS, orient="row")
            if labels
            else None
        )
        unified = (
            stitch(records, labels=pairs_of_keys)
            .tables["unified_coalesced"]["amperity_id"]
            .to_list()
        )
        return [unified.index(name) for name in unified]

    assert ids() == [0, 0, 0, 3]
    assert ids(("1", "3", False))[0] != ids(("1", "3", False))[2]
    assert ids(("4", "2", True)) == [0, 0, 0, 0]
    with pytest.raises(C360Error, match="1 labels name a record that is not there"):
        ids(("1", "9", True))


def test_labels_that_cannot_be_are_refused() -> None:
    rid = np.array([1, 2, 3])
    round_about = pairs((1, 2, True), (2, 3, True), (1, 3, False))
    for wrong in (
        pairs((1, 9, True)),
        pairs((1, 1, True)),
        pairs((1, 2, True), (2, 1, False)),
        round_about,
    ):
        with pytest.raises(C360Error, match="label"):
            labelled(wrong, rid)
    assert len(labelled(pairs((1, 2, True), (2, 1, True)), rid).i) == 1
    assert len(labelled(None, rid).i) == 0


def test_approximate_birthdates_are_no_conflict_of_their_separation_key() -> None:
    def found(one: str, other: str) -> list[str]:
        frame = FRAME.head(3).with_columns(
            birthdate=pl.Series([one, None, other]).str.to_date(),
            sk_birthdate=pl.Series([one, None, other]),
        )
        config = StitchConfig.model_validate(
            {**ALL, "matching": {"classifier": "general-ordinal-sk-priority"}}
        )
        return (
            resolve(frame, config)
            .pairs.filter(rid1=1, rid2=3)["decided_by"]
            .cast(pl.String)
            .to_list()
        )

    assert found("1981-09-08", "1981-08-09") == ["model"]
    assert found("1981-09-08", "1981-09-09") == ["model"]
    assert found("1981-09-08", "1952-02-27") == ["sk-birthdate"]

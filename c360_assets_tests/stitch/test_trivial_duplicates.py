"""Trivial duplicates: what is grouped, what must not be, and what the representative gathers."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.exchange.rows import Exchange
from c360_assets.stitch.prepare.preprocessing import Preprocessed, preprocess
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR, collapse, representatives
from c360_assets.tenant.models import BadValuesConfig

Row = Mapping[str, str | None]


def preprocessed(rows: Sequence[Row], exchange: Exchange | None = None) -> Preprocessed:
    records = pl.DataFrame(
        [{"datasource": "A:x", "pk": f"{i:05}", **row} for i, row in enumerate(rows)],
        infer_schema_length=None,
    )
    return preprocess(records, BadValuesConfig(rules=[]), exchange=exchange)


def reps(rows: Sequence[Row], **options: Any) -> list[int]:
    return collapse(preprocessed(rows), **options).rep.to_list()


AMY: Row = {"given_name": "Amy", "surname": "Brown"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{**AMY, "email": "a@x.com"}, {**AMY, "email": "A@X.com"}], [0, 0]),
        ([{**AMY, "email": "a@x.com,b@x.com"}, {**AMY, "email": "b@x.com,a@x.com"}], [0, 0]),
        ([{**AMY, "email": "a@x.com"}, {**AMY, "email": "b@x.com"}], [0, 1]),
        ([{**AMY, "email": "a@x.com"}, {**AMY, "email": "a@x.com", "phone": "2065550101"}], [0, 1]),
        ([{"phone": "2065550101"}, {"phone": "(206) 555-0101"}], [0, 0]),
        ([{**AMY, "address": "5 Oak St"}, {**AMY, "address": "5 Oak Street"}], [0, 0]),
        ([{**AMY, "birthdate": "1990-01-02"}, {**AMY, "birthdate": "1990-01-02"}], [0, 0]),
        # Not enough to be one person.
        ([{"given_name": "Amy"}, {"given_name": "Amy"}], [0, 1]),
        ([AMY, AMY], [0, 1]),
        ([{"address": "5 Oak St"}, {"address": "5 Oak St"}], [0, 1]),
        ([{"fk_a": None}, {"fk_a": None}], [0, 1]),
        # Foreign keys are no part of the profile, except of records that hold nothing else.
        (
            [{**AMY, "email": "a@x.com", "fk_a": "1"}, {**AMY, "email": "a@x.com", "fk_a": "2"}],
            [0, 0],
        ),
        ([{"fk_a": "1"}, {"fk_a": "1"}, {"fk_a": "2"}], [0, 0, 2]),
        ([{"fk_a": "1", "fk_b": None}, {"fk_a": "1", "fk_b": "z"}], [0, 1]),
        (
            [{**AMY, "email": "a@x.com", "bk_c": "1"}, {**AMY, "email": "a@x.com", "bk_c": "2"}],
            [0, 1],
        ),
        (
            [{**AMY, "email": "a@x.com", "sk_c": "1"}, {**AMY, "email": "a@x.com", "sk_c": None}],
            [0, 1],
        ),
    ],
)
def test_hard_groups(rows: Sequence[Row], expected: list[int]) -> None:
    assert reps(rows) == expected


NAMES = [first + second + "ra" for first in "BDKLMNPT" for second in "aeiou"]
PLACED = {"given_name": "Rosalind", "surname": "Featherstone", "city": "Leeds"}


def test_equal_records_of_a_rare_name_and_a_place_are_one_person() -> None:
    others = [{"given_name": n, "surname": n + "son", "city": "Leeds"} for n in NAMES]
    assert reps([PLACED, PLACED, *others])[:2] == [0, 0]
    assert reps([PLACED, {**PLACED, "city": "York"}])[:2] == [0, 1]
    assert reps([{**PLACED, "given_name": "R"}] * 2) == [0, 1]
    assert reps([{**PLACED, "city": None}] * 2) == [0, 1]


def test_equal_records_of_a_name_whose_parts_many_people_have_are_not_grouped() -> None:
    of_the_given_name = [{**PLACED, "surname": name} for name in NAMES]
    of_the_surname = [{**PLACED, "given_name": name} for name in NAMES]
    assert reps([PLACED, PLACED, *of_the_given_name, *of_the_surname])[:2] == [0, 1]
    # However many records hold it, a name whose parts occur together only is one person's,
    others = [{"given_name": n, "surname": n + "son", "city": "Leeds"} for n in NAMES] * 20
    assert set(reps([PLACED] * 190 + others)[:190]) == {0}
    # but not where it is the name of a fifth of all records.
    assert len(set(reps([PLACED] * 210 + others)[:210])) == 210


def test_labelled_records_stand_alone() -> None:
    rows = [{**AMY, "email": "a@x.com"}] * 3
    assert reps(rows, kept_apart=[0]) == [0, 1, 1]


def promotion(n: int) -> list[Row]:
    return [{**AMY, "phone": "2065550101", "email": f"a{i}@x.com"} for i in range(n)]


@pytest.mark.parametrize(("n", "groups"), [(10, 10), (11, 1)])
def test_excluded_semantics_collapse_above_the_threshold(n: int, groups: int) -> None:
    assert len(set(reps(promotion(n), exclusions=["email"]))) == groups
    assert len(set(reps(promotion(n)))) == n


def test_below_the_threshold_equal_records_still_collapse() -> None:
    emails = ["a"] * 4 + ["b"] * 4 + ["c", "d", "e"]
    rows = [{**AMY, "address": "5 Oak St", "email": f"{e}@x.com"} for e in emails]
    assert len(set(reps(rows, exclusions=["email"]))) == 5


def test_records_with_too_little_besides_the_excluded_stay_apart() -> None:
    rows = [{"email": f"a{i}@x.com", "fk_a": str(i)} for i in range(15)]
    assert reps(rows, exclusions=["email"]) == list(range(15))


def test_excluded_blocking_keys() -> None:
    rows = [{**AMY, "phone": "2065550101", "bk_card": str(i)} for i in range(11)]
    assert len(set(reps(rows, exclusions=["bk-card"]))) == 1


def test_the_representative_gathers_foreign_keys() -> None:
    rows = [
        {**AMY, "email": "a@x.com", "fk_a": "2", "fk_b": None},
        {**AMY, "email": "a@x.com", "fk_a": "1", "fk_b": None},
        {**AMY, "email": "a@x.com", "fk_a": "1", "fk_b": None},
        {**AMY, "email": "b@x.com", "fk_a": "9", "fk_b": "7"},
        {"given_name": "Amy", "fk_a": None, "fk_b": "7"},
    ]
    clean = preprocessed(rows)
    keys = clean.select(*clean.foreign_keys).with_columns(collapse(clean).rep)
    found = representatives(clean, keys)
    assert found.select("rid", "fk_a", "fk_b").rows() == [
        (0, KEY_SEPARATOR.join("12"), None),
        (3, "9", "7"),
        (4, None, "7"),
    ]
    assert found.columns == [*clean.frame.columns, "rep"]


ROW = st.fixed_dictionaries(
    {
        "given_name": st.sampled_from([None, "Amy", "Bo"]),
        "surname": st.sampled_from([None, "Brown"]),
        "email": st.sampled_from([None, "a@x.com", "b@x.com,a@x.com"]),
        "birthdate": st.sampled_from([None, "1990-01-02"]),
        "fk_a": st.sampled_from([None, "1", "2"]),
    }
)


@settings(max_examples=15, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12), st.sampled_from([(), ("email",)]), st.integers(1, 2))
def test_representatives_are_the_first_of_their_group(
    rows: Sequence[Row], exclusions: tuple[str, ...], threshold: int
) -> None:
    clean = preprocessed(rows)
    table = clean.frame
    rep = collapse(clean, exclusions=exclusions, size_threshold=threshold).rep
    with duckdb.connect() as con:
        parted = preprocessed(rows, InProcess(con, 3))
        assert rep.equals(collapse(parted, exclusions=exclusions, size_threshold=threshold).rep)
    assert rep.name == "rep"
    assert rep.dtype == pl.Int64
    assert (rep <= table["rid"]).all()
    assert (rep.gather(rep) == rep).all()
    if not exclusions:
        same = table.with_columns(rep).join(table, left_on="rep", right_on="rid", suffix="_rep")
        for column in ("given_name", "surname", "birthdate"):
            assert same[column].eq_missing(same[f"{column}_rep"]).all()

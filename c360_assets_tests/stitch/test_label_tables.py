"""Rows of label tables become pairs of records; what cannot be obeyed is counted and named."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from c360_assets.stitch.prepare.label_tables import ROW_SCHEMA, LabelPairs, label_pairs

SHOP = "Shop:Customers"
RECORDS = pl.DataFrame(
    {
        "rid": [10, 20, 30],
        "datasource": [SHOP] * 3,
        "pk": ["1", "2", "3"],
        "email": [[], ["DESK@EXAMPLE.COM"], ["JRIVERA@EXAMPLE.COM", "DESK@EXAMPLE.COM"]],
        "fk_member": pl.Series([None, "M7", None], dtype=pl.String),
    },
    schema_overrides={"email": pl.List(pl.String)},
)
Row = dict[str, Any]


def label(
    label_id: str, *members: tuple[str, str], source: str | None = SHOP, what: str = "pk"
) -> list[Row]:
    """Rows of one label, of (partition, value)."""
    return [
        {"label_id": label_id, "partition_id": partition, "value": value}
        | {"table": "Own_Labels", "datasource": source, "semantic": what}
        for partition, value in members
    ]


def paired(*labels: list[Row]) -> LabelPairs:
    rows = [row for one in labels for row in one]
    return label_pairs(pl.DataFrame(rows, schema=ROW_SCHEMA), RECORDS, [SHOP])


def pairs(*labels: list[Row]) -> list[tuple[str, str, str, bool]]:
    return paired(*labels).pairs.select("label_id", "pk1", "pk2", "same").sort("label_id").rows()


APART = label("L", ("1", "1"), ("2", "1"))
JOINED = [("K", "1", "2", True)]


@pytest.mark.parametrize(
    ("rows", "warnings", "left"),
    [
        (label("L", ("1", "1")), ["1 label has one row, which asks for nothing: L"], []),
        (
            label("L", ("1", "1"), ("1", "9")),
            ["1 row names no record that is there: L"],
            [],
        ),
        (
            label("L", ("x", "1"), ("0", "2"), ("1.5", "3")),
            ["3 of 3 rows have no partition id from 1 on: L"],
            [],
        ),
        (
            APART,
            ["1 label is ignored, as it holds apart what labels say is one person: L"],
            [],
        ),
        (
            label("M", ("1", "1"), ("2", "2")) + label("K", ("1", "1"), ("1", "2"), source="Shop"),
            ["1 label is ignored, as it holds apart what labels say is one person: M"],
            JOINED,
        ),
        (
            APART + label("M", ("1", "2"), ("2", "2")),
            ["2 labels are ignored, as they hold apart what labels say is one person: L, M"],
            [],
        ),
        (
            label("L", ("1", "1"), ("1", "2"), source="Shopp:Customers"),
            ["2 of 2 rows name a datasource that is not stitched: L"],
            [],
        ),
        (
            label("L", ("1", "1"), ("1", "2"), what="phone"),
            [
                "2 of 2 rows name a semantic that labels cannot "
                "(pk, email or a foreign key of a stitched table): L"
            ],
            [],
        ),
        (
            label("", ("1", "1"), ("1", "2")),
            ["2 of 2 rows lack a label id or a value"],
            [],
        ),
    ],
)
def test_labels_that_cannot_be_obeyed_are_counted_and_named(
    rows: list[Row], warnings: list[str], left: list[tuple[str, str, str, bool]]
) -> None:
    found = paired(rows)
    assert found.warnings == [f"Stitch labels: {text}" for text in warnings]
    assert pairs(rows) == left


def test_records_are_named_by_key_by_email_and_by_foreign_key() -> None:
    joined = [("L", "2", "3", True)]
    by_key = label("L", ("1", "2"), source=None)
    by_email = label("L", ("1", " JRivera@Example.COM "), source="*", what="email")
    by_member = label("L", ("1", "m7"), source="Shop", what="fk-member")
    assert pairs(by_key, by_email) == joined
    assert pairs(by_member, by_email) == joined
    assert paired(by_member, by_email).warnings == []


def test_one_row_may_name_several_records() -> None:
    desk = label("L", ("1", "desk@example.com"), source="*", what="email")
    assert pairs(desk) == [("L", "2", "3", True)]
    assert paired(desk).warnings == []


def test_partitions_are_whole_numbers_however_they_are_written() -> None:
    assert pairs(label("L", ("1", "1"), ("+1", "2"), ("01.0", "3"))) == [
        ("L", "1", "2", True),
        ("L", "2", "3", True),
    ]
    apart = label("L", ("1", "1"), ("1.0", "2"), ("2", "3"))
    assert pairs(apart) == [("L", "1", "2", True), ("L", "1", "3", False)]


def test_labels_of_two_tables_with_one_id_are_two() -> None:
    own, other = label("L", ("1", "1")), label("L", ("1", "2"))
    other[0]["table"] = "Other_Labels"
    assert pairs(own, other) == []
    assert paired(own, other).warnings == [
        "Stitch labels: 2 labels have one row, which asks for nothing: L"
    ]


def test_an_id_of_a_label_that_is_a_persons_name_is_shown_nowhere() -> None:
    names = [label(f"Canary Bird {number}", ("1", "9"), ("1", "9")) for number in range(7)]
    warnings = paired(*names, label("L-1", ("1", "9"))).warnings
    assert "Canary" not in str(warnings)
    assert any(text.endswith("no record that is there: L-1 and 7 more") for text in warnings)

"""Comparison records: the parts of values, and how often a value occurs."""

from __future__ import annotations

import polars as pl

from c360_assets.stitch.compare.comparison_records import prepare_records


def test_an_address_falls_into_house_street_and_unit() -> None:
    frame = pl.DataFrame(
        {"rid": [1, 2], "address": ["12 NORTH ELM STREET APARTMENT 4", "PO BOX 7"]}
    )
    assert prepare_records(frame).select("building", "unit", "house", "street").rows() == [
        ("12 NORTH ELM STREET", "APARTMENT 4", "12", "NORTH ELM STREET"),
        (None, "PO BOX 7", None, None),
    ]


def test_lists_are_there_only_for_records_with_several_values() -> None:
    rows = {"rid": [1, 2, 3], "email": [["A@X.COM"], ["A@X.COM", "B@X.COM"], None]}
    found = prepare_records(pl.DataFrame(rows, schema_overrides={"email": pl.List(pl.String)}))
    assert found.select("email", "emails").rows() == [
        ("A@X.COM", None),
        ("A@X.COM", ["A@X.COM", "B@X.COM"]),
        (None, None),
    ]


def test_a_name_in_the_other_field_is_as_common_as_in_its_own() -> None:
    rows = [{"rid": n, "given_name": f"G{n}", "surname": "SMITH"} for n in range(200)]
    rows += [
        {"rid": 200, "given_name": "SMITH", "surname": "J"},
        {"rid": 201, "given_name": "ODO", "surname": "QUILL"},
    ]
    found = prepare_records(pl.DataFrame(rows))
    bins = {r["rid"]: r for r in found.to_dicts()}
    assert bins[200]["given_bin"] == bins[0]["surname_bin"] < bins[201]["given_bin"]
    assert found["name_rarity"].null_count() == 0


def test_records_come_in_rid_order_whatever_the_order_given() -> None:
    frame = pl.DataFrame({"rid": [9, 3, 5], "given_name": ["A", None, ""]})
    assert prepare_records(frame).select("i", "rid", "given").rows() == [
        (0, 3, None),
        (1, 5, None),
        (2, 9, "A"),
    ]


def test_initials_of_further_names_are_left_out_of_the_comparison() -> None:
    given = ["MICHAEL A", "MIKE J R", "MARIA DEL C", "J R", "ANNA LENA", "JOSÉ Ñ"]
    frame = pl.DataFrame(
        {
            "rid": range(6),
            "given_name": given,
            "given_canonical": [[g] if n != 1 else ["MICHAEL", g] for n, g in enumerate(given)],
        }
    )
    found = prepare_records(frame)
    assert found["given"].to_list() == ["MICHAEL", "MIKE", "MARIA DEL", "J R", "ANNA LENA", "JOSÉ"]
    assert found["variants"].to_list()[1] == ["MICHAEL", "MIKE"]

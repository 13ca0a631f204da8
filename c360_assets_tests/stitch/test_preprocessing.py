"""Preprocessing: raw records to compared values, and why each removed value was removed."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.semantics.countries import Home
from c360_assets.stitch.prepare.preprocessing import OUTPUT_COLUMNS, Preprocessed, preprocess
from c360_assets.tenant.models import BadValueRule, BadValuesConfig


def run(
    rows: Sequence[Mapping[str, object]], managed: pl.DataFrame | None = None, **config: Any
) -> Preprocessed:
    records = pl.DataFrame(
        [{"datasource": "Shop:Customers", "pk": str(i), **row} for i, row in enumerate(rows)]
    )
    return preprocess(records, BadValuesConfig(**config), managed)


def first(row: Mapping[str, object], **config: Any) -> dict[str, Any]:
    return run([row], **config).frame.row(0, named=True)


@pytest.mark.parametrize(
    ("given", "surname", "full", "expected"),
    [
        ("Justin", "Currie", "Amperity", ("JUSTIN", "CURRIE")),
        (None, None, "Amperity", (None, "AMPERITY")),
        ("Justin", None, "Amperity", ("JUSTIN", "AMPERITY")),
        (None, "Currie", "Amperity", (None, "CURRIE")),
        ("Justin", "Currie", "Amperity Company", ("JUSTIN", "CURRIE")),
        (None, None, "Amperity Company", ("AMPERITY", "COMPANY")),
        ("Justin", None, "Amperity Company", ("JUSTIN", "COMPANY")),
        (None, "Currie", "Amperity Company", ("AMPERITY", "CURRIE")),
        ("Justin", None, "Amperity Q Company", ("JUSTIN", "COMPANY")),
        (None, "Currie", "Amperity Q Company", ("AMPERITY Q", "CURRIE")),
        ("Justin", "Currie", None, ("JUSTIN", "CURRIE")),
        (" ", "", "Amperity Company", ("AMPERITY", "COMPANY")),
    ],
)
def test_names_are_filled_from_the_full_name(
    given: str | None, surname: str | None, full: str, expected: object
) -> None:
    row = first({"given_name": given, "surname": surname, "full_name": full})
    assert (row["given_name"], row["surname"]) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"surname": "Huber Bau GmbH"}, (None, None, "HUBER BAU GMBH")),
        ({"full_name": "Huber Bau GmbH"}, (None, None, "HUBER BAU GMBH")),
        ({"surname": "Huber Bau GmbH", "company": "Huber Bau"}, (None, None, "HUBER BAU")),
        (
            {"given_name": "Eva", "surname": "Huber Bau GmbH"},
            ("EVA", "HUBER BAU GMBH", None),
        ),
        ({"surname": "Huber"}, (None, "HUBER", None)),
    ],
)
def test_a_name_of_a_legal_form_is_a_company_and_nobodys_name(
    row: dict[str, str], expected: object
) -> None:
    found = first(row)
    assert (found["given_name"], found["surname"], found["company"]) == expected


@pytest.mark.parametrize(
    ("row", "suffix"),
    [
        ({"given_name": "Robert", "surname": "Hale Jr."}, "JR"),
        ({"given_name": "Robert Sr", "surname": "Hale"}, "SR"),
        ({"full_name": "Robert Hale, III"}, "III"),
        ({"surname": "Hale Jr", "generational_suffix": "Senior"}, "SR"),
        ({"surname": "Hale Jr", "generational_suffix": ""}, "JR"),
        ({"surname": "Hale"}, None),
    ],
)
def test_suffix(row: dict[str, str], suffix: str | None) -> None:
    assert first(row)["generational_suffix"] == suffix


@pytest.mark.parametrize(
    ("profiles", "title", "gender", "expected"),
    [
        (["normalize-gender", "prioritize-src-gender"], "Mr", "female", "F"),
        (["normalize-gender"], "Mr.", None, "M"),
        (["normalize-gender"], "Mr.", "unknown", "M"),
        (["normalize-gender", "skip-derive-gender"], "Mr", None, None),
        (["normalize-gender", "prioritize-derived-gender"], "Mr", "female", "M"),
        (["normalize-gender"], "Dr", None, None),
        ([], None, "female", "FEMALE"),
    ],
)
def test_gender(profiles: list[str], title: str, gender: str | None, expected: str | None) -> None:
    assert (
        first({"title": title, "gender": gender}, preprocessing_profiles=profiles)["gender"]
        == expected
    )


def test_one_whole_record() -> None:
    row = first(
        {
            "given_name": "Bill",
            "surname": "Currie",
            "email": "b.two@example.com,,JCurrie+x@example.com ,jcurrie@example.com",
            "phone": "(206) 555-0101,1-206-555-0101",
            "address": "123 W. Elm St.",
            "address2": "P.O. Box 55",
            "city": "Seattle",
            "state": "Washington",
            "postal": "98101-1234",
            "birthdate": dt.date(1981, 9, 8),
            "company": "Acme, Inc.",
            "fk_loyalty": " a-12 ",
            "bk_card": "ab",
            "sk_birthdate": "1981-09-08",
        }
    )
    given = row.pop("given_canonical")
    assert {"BILL", "WILLIAM"} <= set(given)
    assert row == {
        "rid": 0,
        "datasource": "Shop:Customers",
        "pk": "0",
        "given_name": "BILL",
        "surname": "CURRIE",
        "generational_suffix": None,
        "birthdate": dt.date(1981, 9, 8),
        "gender": None,
        "email": ["B.TWO@EXAMPLE.COM", "JCURRIE@EXAMPLE.COM"],
        "phone": ["2065550101"],
        "address": "123 WEST ELM STREET PO BOX 55",
        "po_box": "55",
        "city": "SEATTLE",
        "state": "WA",
        "postal": "98101",
        "company": "ACME INC",
        "login_trimmed": "B.TWO",
        "bk_card": "AB",
        "fk_loyalty": "A-12",
        "sk_birthdate": "1981-09-08",
    }


def test_absent_columns_are_missing_values_of_the_right_type() -> None:
    frame = run([{"email": "a@example.com"}, {"email": None}]).frame
    assert frame.columns == list(OUTPUT_COLUMNS)
    assert frame.schema["birthdate"] == pl.Date
    assert frame.schema["phone"] == pl.List(pl.String)
    assert frame["phone"].null_count() == 2
    assert frame["email"].to_list() == [["A@EXAMPLE.COM"], None]


def test_rows_are_numbered_in_key_order_whatever_the_input_order() -> None:
    records = pl.DataFrame(
        {"datasource": ["B:x", "A:x", "A:x"], "pk": ["1", "2", "1"], "city": ["c", "b", "a"]}
    )
    frame = preprocess(records, BadValuesConfig()).frame
    assert frame.select("rid", "datasource", "pk", "city").rows() == [
        (0, "A:x", "1", "A"),
        (1, "A:x", "2", "B"),
        (2, "B:x", "1", "C"),
    ]


@pytest.mark.parametrize("pks", [["1", "1"], ["1", None]])
def test_records_without_a_key_of_their_own_are_refused(pks: list[str | None]) -> None:
    with pytest.raises(C360Error, match="1 source records"):
        preprocess(pl.DataFrame({"datasource": ["A:x", "A:x"], "pk": pks}), BadValuesConfig())


def test_no_records_give_empty_tables() -> None:
    records = pl.DataFrame(schema={"datasource": pl.String, "pk": pl.String, "email": pl.String})
    result = preprocess(records, BadValuesConfig())
    assert [
        f.height
        for f in (
            result.frame,
            result.taken_out.removed,
            result.taken_out.flags,
            result.taken_out.badvalues,
        )
    ] == [
        0,
        0,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("column", "raw", "output"),
    [
        ("email", "test@goaway.com", None),
        ("email", "no address", None),
        ("email", "info@example.com,ann@example.com", ["ANN@EXAMPLE.COM"]),
        ("phone", "555-555-5555", None),
        ("phone", "declined", None),
        ("given_name", "Guest", None),
        ("surname", "Travel", None),
        ("address", "P.O. Box", None),
        ("city", "na", None),
        ("state", "NA", None),
        ("postal", "1111", None),
        ("birthdate", "1900-01-01", None),
        ("gender", "unknown", None),
        ("fk_customer", "null", None),
    ],
)
def test_global_list(column: str, raw: str, output: list[str] | None) -> None:
    result = run([{column: raw, "state": raw if column == "state" else "MA"}])
    assert result.frame[column].to_list() == [output]
    removed = result.taken_out.removed.row(0, named=True)
    assert removed["semantic"] == column.replace("_", "-")
    assert removed["reason"] == "global"
    assert raw.startswith(removed["raw_value"])
    assert not result.taken_out.flags["has_blv"].any()


def test_nothing_is_derived_from_a_blocked_full_name() -> None:
    result = run([{"full_name": "Reserved Guest"}])
    assert result.frame.select("given_name", "surname").row(0) == (None, None)
    assert result.taken_out.removed.select("semantic", "raw_value").rows() == [
        ("full-name", "Reserved Guest")
    ]


def test_business_addresses_can_be_allowed() -> None:
    row = first({"email": "info@example.com"}, preprocessing_profiles=["allow-business-email"])
    assert row["email"] == ["INFO@EXAMPLE.COM"]


def test_keys_ignore_case_unless_listed() -> None:
    row = first({"fk_a": "Ab", "fk_b_c": "Ab"}, case_sensitive_fks=["fk-b-c"])
    assert (row["fk_a"], row["fk_b_c"]) == ("AB", "Ab")


def test_manual_and_managed_lists() -> None:
    managed = pl.DataFrame(
        [
            ("*", "address", "9 Oak St. Ste 4", "false"),
            ("Shop", "email", "Front+1@shop.com", "false"),
            ("Other", "phone", "2065550101", "false"),
            ("*", "fk", "till 9", "false"),
        ],
        schema=["datasource", "semantic", "value", "is_preprocessed"],
        orient="row",
    )
    result = run(
        [
            {
                "given_name": "Shopper",
                "surname": "Ode",
                "email": "front@shop.com",
                "phone": "2065550101",
                "address": "9 Oak Street",
                "address2": "Suite 4",
                "fk_a": "Till 9",
            },
            {"surname": "Ode"},
        ],
        managed,
        ignore={"given-name": ["shopper"]},
        case_sensitive_fks=["a"],
    )
    row = result.frame.row(0, named=True)
    assert (row["given_name"], row["surname"], row["email"], row["address"]) == (
        None,
        "ODE",
        None,
        None,
    )
    assert (row["phone"], row["fk_a"]) == (["2065550101"], None)
    assert result.taken_out.removed.select("semantic", "raw_value", "reason").rows() == [
        ("address", "9 Oak Street Suite 4", "managed"),
        ("email", "front@shop.com", "managed"),
        ("fk-a", "Till 9", "managed"),
        ("given-name", "Shopper", "manual"),
    ]
    assert result.taken_out.flags.select(pl.exclude("datasource", "pk")).rows(named=True) == [
        {
            "has_blv": True,
            "blv_address": True,
            "blv_email": True,
            "blv_given_name": True,
            "blv_phone": False,
            "blv_surname": False,
        },
        dict.fromkeys(
            ["has_blv", "blv_address", "blv_email", "blv_given_name", "blv_phone", "blv_surname"],
            False,
        ),
    ]


def test_values_found_by_counting_are_removed_and_flagged() -> None:
    rows = [{"given_name": name, "phone": "206 555 0101"} for name in ("Ann", "Bo", "Cy", "ann")]
    rule = BadValueRule(semantic="phone", proxy="given-name", threshold=2)
    result = run(rows, rules=[rule])
    assert result.frame["phone"].null_count() == 4
    assert result.taken_out.flags["blv_phone"].all()
    assert result.taken_out.removed["reason"].to_list() == ["automatic"] * 4
    assert result.taken_out.badvalues.select(
        "semantic", "value", "num_values", "num_proxy"
    ).rows() == [("phone", "2065550101", 4, 3)]
    assert (
        run(rows, rules=[rule.model_copy(update={"threshold": 3})]).taken_out.badvalues.height == 0
    )


@pytest.mark.parametrize("semantic", ["address", "po-box", "birthdate", "fk-till", "company"])
def test_any_documented_semantic_can_be_counted(semantic: str) -> None:
    column = semantic.replace("-", "_")
    raw = {
        "address": "1 Main St PO Box 9",
        "birthdate": "1971-01-01",
        "fk_till": "9",
        "company": "Acme",
    }
    rows = [{"full_name": name, **raw} for name in ("Ann", "Bo Lee", "Cy Orr")]
    result = run(rows, rules=[BadValueRule(semantic=semantic, proxy="given-name", threshold=2)])
    assert result.taken_out.badvalues["semantic"].to_list() == [semantic]
    assert result.frame[column].null_count() == 3
    assert result.frame["po_box"].null_count() == (3 if semantic in ("address", "po-box") else 0)


def test_a_rule_about_something_else_finds_nothing() -> None:
    rows = [{"given_name": "Ann"}, {"given_name": "Bo"}]
    assert (
        run(
            rows, rules=[BadValueRule(semantic="title", proxy="pk", threshold=1)]
        ).taken_out.badvalues.height
        == 0
    )


def test_preprocessing_is_invariant_under_input_order() -> None:
    rows = [
        {"given_name": f"n{i % 7}", "email": f"a{i % 3}@x.com,b@x.com", "phone": "declined"}
        for i in range(40)
    ]
    records = pl.DataFrame(
        [{"datasource": "A:x", "pk": str(i), **row} for i, row in enumerate(rows)]
    )
    config = BadValuesConfig(
        rules=[BadValueRule(semantic="email", proxy="given-name", threshold=6)]
    )
    one, two = (
        preprocess(records, config),
        preprocess(records.sample(fraction=1, shuffle=True, seed=5), config),
    )
    assert one.frame.equals(two.frame)
    for name in ("removed", "flags", "badvalues"):
        assert getattr(one.taken_out, name).equals(getattr(two.taken_out, name))


def test_records_are_read_by_the_rules_of_their_country() -> None:
    rows = [
        {"phone": "+61 2 9876 5432", "state": "New South Wales", "address": "5 Beach Pde"},
        {"phone": "02 9876 5432", "state": "NSW", "address": "5 Beach Parade"},
        {"phone": "030 1234567", "address": "Hauptstr. 5", "country": "Deutschland"},
        {"phone": "+49 (0)30 1234567", "address": "Hauptstraße 5", "country": "DE"},
        {"phone": "0555 555 5555"},
        {"phone": "(02) 9000 0001"},
    ]
    records = pl.DataFrame(
        [{"datasource": "Shop:Customers", "pk": str(i), **row} for i, row in enumerate(rows)]
    )
    config = BadValuesConfig(ignore={"phone": ["+61 2 9000 0001"]})
    frame = preprocess(records, config, home=Home("AU", "AU")).frame
    phones = [None if phones is None else phones[0] for phones in frame["phone"].to_list()]
    assert phones[:4] == ["61298765432"] * 2 + ["49301234567"] * 2
    assert phones[4:] == [None, None]
    assert frame["state"].to_list()[:2] == ["NSW", "NSW"]
    assert frame["address"].to_list()[:4] == ["5 BEACH PARADE"] * 2 + ["HAUPTSTRASSE 5"] * 2
    plain = preprocess(records, config).frame
    assert plain["phone"].to_list()[0] == ["1298765432"]
    assert plain["state"].to_list()[0] == "NEW SOUTH WALES"

"""Comparison records: the parts of values, and how often a value occurs."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from c360_assets.stitch.compare.comparison_records import (
    OfAllRecords,
    own_parts,
    prepare_records,
)
from c360_assets_tests.stitch.test_match_model import population


def test_an_address_falls_into_house_street_and_unit() -> None:
    parts = {
        "12 NORTH ELM STREET APARTMENT 4": ("12 NORTH ELM STREET", "APARTMENT 4", "12"),
        "PO BOX 7": (None, "PO BOX 7", None),
        "HAUPTSTRASSE 5 B": ("HAUPTSTRASSE 5 B", None, "5B"),
        "DLUGA 5 MIESZKANIE 7": ("DLUGA 5", "MIESZKANIE 7", "5"),
        "DLUGA 5/7": ("DLUGA 5/7", None, "5"),
        "AVENIDA 9 DE JULIO 1200": ("AVENIDA 9 DE JULIO 1200", None, "1200"),
        "ЛЕНИНА 5 КВАРТИРА 12": ("ЛЕНИНА 5", "КВАРТИРА 12", "5"),
    }
    streets = [
        "NORTH ELM STREET",
        None,
        "HAUPTSTRASSE",
        *["DLUGA"] * 2,
        "AVENIDA 9 DE JULIO",
        "ЛЕНИНА",
    ]
    frame = pl.DataFrame({"rid": range(len(parts)), "address": list(parts)})
    found = prepare_records(frame).select("building", "unit", "house", "street")
    assert found.rows() == [
        (*part, street) for part, street in zip(parts.values(), streets, strict=True)
    ]


def test_what_a_record_says_by_itself_does_not_depend_on_the_others() -> None:
    frame = population(30, 4, household=True)
    one_by_one = pl.concat([own_parts(row) for row in frame.iter_slices(1)])
    assert one_by_one.equals(own_parts(frame))


def test_particles_are_no_words_of_a_surname() -> None:
    words = {
        "VAN DER MEER": ["MEER"],
        "DOS SANTOS": ["SANTOS"],
        "GOMEZ-MACIAS": ["GOMEZ", "MACIAS"],
        "MEER": None,
    }
    frame = pl.DataFrame({"rid": range(len(words)), "surname": list(words)})
    assert own_parts(frame)["surname_tokens"].to_list() == list(words.values())


def test_a_part_of_the_records_is_read_with_what_is_told_of_all() -> None:
    born = dt.date(1980, 5, 4)
    rows = {"rid": range(20), "surname": [f"S{n}" for n in range(20)], "birthdate": [born] * 20}
    rows["given_name"] = ["ANA RUIZ"] * 20
    no_words = pl.Series([], dtype=pl.String)
    found = {
        birthdates: prepare_records(pl.DataFrame(rows), of_all=OfAllRecords(birthdates, words))
        for birthdates, words in ((20, no_words), (40_000, pl.Series(["RUIZ"])))
    }
    assert found[20].row(0, named=True)["usual_birthdate"] is True
    assert found[20].row(0, named=True)["surname"] == "S0"
    assert found[40_000].row(0, named=True)["usual_birthdate"] is False
    assert found[40_000].row(0, named=True)["surname"] == "RUIZ S0"


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


def test_a_further_name_that_is_a_surname_stands_before_the_surname() -> None:
    names = [
        ("ANA RUIZ", "SOLER"),
        ("ANA MARIA DE LA RUIZ", "SOLER"),
        ("ANA LUISA", "SOLER"),
        ("ANA RUIZ", None),
        *(("EVA", "RUIZ") for _ in range(3)),
        *(("LUISA", "SOLER") for _ in range(3)),
    ]
    rows = [{"rid": n, "given_name": g, "surname": s} for n, (g, s) in enumerate(names)]
    found = prepare_records(pl.DataFrame(rows)).head(4)
    assert found.select("whole_given", "middle", "surname").rows() == [
        ("ANA", None, "RUIZ SOLER"),
        ("ANA MARIA", "MARIA", "DE LA RUIZ SOLER"),
        ("ANA LUISA", "LUISA", "SOLER"),
        ("ANA RUIZ", "RUIZ", None),
    ]
    assert found["surname_tokens"].to_list()[:2] == [["RUIZ", "SOLER"]] * 2


def test_a_given_name_is_its_first_word_and_the_next_is_the_middle_name() -> None:
    given = ["MICHAEL A", "MIKE J R", "MARIA DEL CARMEN", "J R", "ANNA LENA", "JOSÉ Ñ", "MARY"]
    canonical = [["MICHAEL", name] if name.startswith("MIKE") else [name] for name in given]
    frame = pl.DataFrame({"rid": range(7), "given_name": given, "given_canonical": canonical})
    found = prepare_records(frame)
    assert found["given"].to_list() == ["MICHAEL", "MIKE", "MARIA", "J", "ANNA", "JOSÉ", "MARY"]
    assert found["middle"].to_list() == ["A", "J", "CARMEN", "R", "LENA", "Ñ", None]
    variants = found["variants"].to_list()
    assert variants[1] == ["MICHAEL", "MIKE", "MIKEJR"]
    assert variants[4] == ["ANNA", "ANNALENA"]
    assert variants[6] is None


def test_names_in_other_scripts_have_a_latin_spelling_beside_their_own() -> None:
    rows = {
        "rid": [1, 2, 3],
        "given_name": ["ΓΕΩΡΓΙΟΣ", "GEORGIOS", None],
        "surname": ["ΠΑΠΑΔΟΠΟΥΛΟΣ", "PAPADOPOULOS", "محمد"],
    }
    found = prepare_records(pl.DataFrame(rows))
    assert found["given"].to_list() == rows["given_name"]
    assert found["given_latin"].to_list() == ["GEORGIOS", None, None]
    assert found["surname_sounds"].to_list() == ["PPDPLS", "PPDPLS", "MMD"]
    latin = prepare_records(pl.DataFrame(rows)[1:2].with_columns(rid=pl.lit(1)))
    assert latin.select("given_latin", "surname_sounds").row(0) == (None, None)


@pytest.mark.parametrize(
    ("han", "spellings"),
    [
        (("怡君", "張"), [("YI-CHUN", "CHANG"), ("YI JUN", "ZHANG"), ("YICHUN", "CHANG")]),
        (("哲雄", "謝"), [("CHE HSIUNG", "HSIEH"), ("ZHEXIONG", "XIE")]),
        (("志國", "曾"), [("CHIH-KUO", "TSENG"), ("ZHIGUO", "ZENG")]),
        (("思仁", "郭"), [("SSU JEN", "KUO"), ("SI REN", "GUO")]),
    ],
)
def test_chinese_names_have_one_form_however_they_are_spelt(
    han: tuple[str, str], spellings: list[tuple[str, str]]
) -> None:
    names = [han, *spellings, ("ANNA LENA", "STONE")]
    frame = pl.DataFrame(names, schema=["given_name", "surname"], orient="row")
    found = prepare_records(frame.with_row_index("rid"))
    same = found.head(-1)
    assert same["given_chinese"].n_unique() == same["surname_chinese"].n_unique() == 1
    assert same["given_chinese"].null_count() == 0
    assert same["middle"].to_list() == [None] * same.height
    assert found.row(-1, named=True)["middle"] == "LENA"
    latin = prepare_records(frame[1:].with_row_index("rid"))
    assert latin["given_chinese"].null_count() == latin.height


def test_a_name_that_a_space_tore_apart_is_one_again() -> None:
    given = ["JOSHU A", *["JOSHUA"] * 12, "DAN A", "DAN", *["DANA"] * 10, "MARY ANN", "MARYANN"]
    given += ["MARY"] * 3
    found = prepare_records(pl.DataFrame({"rid": range(len(given)), "given_name": given}))
    names = dict(zip(given, found.select("given", "middle").rows(), strict=True))
    assert names["JOSHU A"] == ("JOSHUA", None)
    assert names["DAN A"] == ("DAN", "A")
    assert names["MARY ANN"] == ("MARY", "ANN")


def test_records_are_of_a_workplace_by_contacts_that_colleagues_share() -> None:
    columns = ("company", "surname", "phone")
    rows = [
        ("ACME", "OX", "1"),
        ("ACME", "QUILL", "1"),
        ("ACME", "QUILL", "2"),  # at home
        ("BOLT", "REED", "3"),
        ("BOLT", "REED", "3"),  # nobody else is known there
        ("CORD", "VANE", "4"),
        ("CORD", "SLOE", "4"),
        (None, "TARN", "4"),
        (None, "WREN", "4"),  # a phone that others hold as much
    ]
    frame = pl.DataFrame(
        [{"rid": n, **dict(zip(columns, row, strict=True))} for n, row in enumerate(rows)]
    ).with_columns(pl.concat_list("phone"))
    found = prepare_records(frame)["at_work"].to_list()
    assert found == [True, True, *[False] * 7]


def test_no_record_is_of_a_workplace_where_nobody_names_a_company() -> None:
    found = prepare_records(pl.DataFrame({"rid": [1, 2], "surname": ["OX", "QUILL"]}))
    assert found["at_work"].to_list() == [False, False]

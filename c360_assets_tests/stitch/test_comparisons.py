"""Comparison levels, one row per rule: two records in, the label of one comparison out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from c360_assets.stitch.compare.agreement_patterns import compare, compared_columns
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.compare.comparisons import COMPARISON_BY_NAME, COMPARISONS
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.stitch.score.match_model import levels_of

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "rid": pl.Int64,
    "given_name": pl.String,
    "surname": pl.String,
    "generational_suffix": pl.String,
    "birthdate": pl.Date,
    "gender": pl.String,
    "email": pl.List(pl.String),
    "phone": pl.List(pl.String),
    "address": pl.String,
    "city": pl.String,
    "state": pl.String,
    "postal": pl.String,
    "company": pl.String,
    "given_canonical": pl.List(pl.String),
    "fk_loy": pl.String,
    "fk_web": pl.String,
}
KNOWN = frozenset({"MARY", "JOHN", "WILLIAM", "BILL", "JANE", "JAMES", "DANIEL", "DANIELLE"})


def compared(rows: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.int64]:
    """The patterns of the first two records, from either side."""
    frame = pl.DataFrame([{"rid": n, **row} for n, row in enumerate(rows)], schema=SCHEMA)
    keys = ["fk_loy", "fk_web"]
    columns = compared_columns(prepare_records(frame, KNOWN), keys)
    with duckdb.connect() as con:
        return compare(con, columns, np.array([0, 1]), np.array([1, 0]), keys).pattern


def label(
    comparison: str, one: dict[str, Any], two: dict[str, Any], *others: dict[str, Any]
) -> str | None:
    """The label of the level of two records among others, None where the comparison does not count;
    the same in both directions."""
    level, turned = levels_of(compared([one, two, *others]), comparison)
    assert level == turned, "the comparison must be symmetric"
    return COMPARISON_BY_NAME[comparison].levels[level - 1].label if level else None


def g(name: str, *also: str) -> dict[str, Any]:
    return {"given_name": name, "given_canonical": [name, *also]}


def test_people_of_one_name_are_a_crowd_by_their_contacts() -> None:
    name = {"given_name": "JOHN", "surname": "STONE"}
    people = [{**name, "email": [f"A{n}@X.COM"], "phone": [f"206555014{n}"]} for n in range(4)]
    one_address = [{**person, "email": ["A@X.COM"]} for person in people]
    no_contact = [name] * 4
    strangers = [{"given_name": f"G{n}", "surname": f"S{n}"} for n in range(100)]
    assert label("name_count_uncommon", *people, *strangers) == "a crowd"
    assert label("name_count_rare", *people[:3], *strangers) == "three"
    assert label("name_count_uncommon", *one_address, *strangers) == "four"
    assert label("name_count_uncommon", *no_contact, *strangers) == "four"


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (g("BILL", "WILLIAM"), g("WILLIAM"), "nickname"),
        (g("J"), g("JANE"), "initial"),
        (g("MARY ANN"), g("MARY"), "equal 3"),
        (g("MARY ANN"), g("MARYANN"), "equal 3"),
        (g("OLENA"), g("ОЛЕНА"), "equal 3"),
        (g("GIORGOS"), g("ΓΕΩΡΓΙΟΣ"), "similar"),
        (g("MOHAMED"), g("محمد"), "similar"),
        (g("FAROUK"), g("فاروق"), "similar"),
        (g("DINA"), g("دينا"), "similar"),
        (g("HEBA"), g("هبة"), "alike"),
        (g("DINA"), g("هبة"), "different, rare"),
        # Spelt alike in Latin letters, and two names.
        (g("伟"), g("薇"), "different, rare"),
        (g("MARTHA"), g("MARHTA"), "similar"),
        (g("DANIEL"), g("DANIELLE"), "similar, established"),
        (g("JANE"), g("JAMES"), "different, established"),
        (g("JOHN"), g("MARY"), "different, established"),
        (g("JOHN"), g("QXV"), "different, rare"),
        ({}, g("MARY"), None),
    ],
)
def test_given_names(one: dict[str, Any], two: dict[str, Any], expected: str | None) -> None:
    assert label("given_name", one, two) == expected


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("GARCIA LOPEZ", "GARCIA", "first word of the other"),
        ("GARCIA LOPEZ", "LOPEZ", "further word of the other"),
        ("SMITH-JONES", "JONES", "further word of the other"),
        ("GARCIA LOPEZ", "LOPEZ-GARCIA", "further word of the other"),
        ("GARCIA LOPEZ", "GARCIA RUIZ", "shares a word"),
        ("GARCIA LOPEZ", "GARCIA LOPES", "similar"),
        ("GARCIA LOPEZ", "GARXIA", "similar"),
        ("VAN DER MEER", "VAN DER LINDEN", "different"),
        ("JOHNSON", "JOHNSTON", "similar"),
        ("AL SHAMMARI", "الشمري", "similar"),
        ("KARIM ALGHAMDI", "الغامدي", "similar"),
        ("COHEN", "כהן", "similar"),
        ("HALEVI", "כהן", "different"),
        ("STONE", "PATEL", "different"),
        (None, "PATEL", None),
    ],
)
def test_surnames(one: str | None, two: str | None, expected: str | None) -> None:
    assert label("surname", {"surname": one}, {"surname": two}) == expected


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("MARK JOHN", "MARK JOHN", "equal"),
        ("MARK JOHN", "MARK J", "initial fits"),
        ("MARK J", "MARK J", "equal"),
        ("MARK JOHNATHAN", "MARK JONATHAN", "similar"),
        ("MARK JOHN", "MARK DANIEL", "another name"),
        ("MARK JOHN DANIEL", "MARK DANIEL", "similar"),
        # A word that nobody is called by: a maiden name, most of all.
        ("MARK JOHN", "MARK PENHALIGON", "contradicts"),
        ("MARK J", "MARK DANIEL", "contradicts"),
        ("MARIA DEL CARMEN", "MARIA CARMEN", "equal"),
        # Of names that are not alike, and of one that is not there, middle names say nothing.
        ("MARK JOHN", "SUSAN JOHN", None),
        ("MARK JOHN", "MARK", None),
    ],
)
def test_middle_names(one: str, two: str, expected: str | None) -> None:
    assert label("middle_name", g(one), g(two)) == expected


def test_what_a_middle_name_is_short_for() -> None:
    one, two = g("MARY WILLIAM"), g("MARY BILL")
    assert label("middle_name", one, two) == "another name"
    assert label("middle_name", one, two, g("BILL", "BILL", "WILLIAM")) == "similar"


@pytest.mark.parametrize(
    ("families", "as_surname", "expected"),
    [(4, 0, "another name"), (3, 0, "contradicts"), (4, 4, "another name"), (4, 9, "contradicts")],
)
def test_a_middle_name_is_a_name_where_people_of_several_families_are_called_by_it(
    families: int, as_surname: int, expected: str
) -> None:
    called = [{**g("MINGZE"), "surname": f"OF{n}"} for n in range(families)]
    surnames = [{"surname": "MINGZE"} for _ in range(as_surname)]
    one, two = g("XIAO MINGZE"), g("XIAO DANIEL")
    assert label("middle_name", one, two, *called, *surnames) == expected


@pytest.mark.parametrize("given", ["ERIC RICHARD", "E RICHARD"])
def test_somebody_who_goes_by_the_middle_name(given: str) -> None:
    one, two = (
        {"given_name": given, "surname": "BARROW"},
        {"given_name": "RICHARD", "surname": "BARROW"},
    )
    assert label("name_swap", one, two) == "middle name as given"
    assert label("given_name", one, two) is None
    assert label("surname", one, two) is not None
    # An initial fits many names.
    other = {"given_name": "R", "surname": "BARROW"}
    assert label("name_swap", one, other) == "straight"


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("JEAN MARIE", "MARIE J", "middle name as given"),
        ("JEAN MARIE CLAUDE", "MARIE CLAUDE", "middle name as given"),
        ("JEAN MARIE", "MARIE CLAIRE", "straight"),
    ],
)
def test_who_has_another_further_name_does_not_go_by_the_middle_name(
    one: str, two: str, expected: str
) -> None:
    first, second = ({**g(name), "surname": "BARROW"} for name in (one, two))
    assert label("name_swap", first, second) == expected


def test_swapped_names_count_once() -> None:
    one, two = (
        {"given_name": "RUIZ", "surname": "ROBERT"},
        {"given_name": "ROBERT", "surname": "RUIZ"},
    )
    assert str(label("name_swap", one, two)).startswith("swapped")
    assert label("given_name", one, two) is None
    assert label("surname", one, two) is None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        # A nickname, typing errors, and full names that begin with the surname.
        (g("WILLIAM") | {"surname": "BARROW"}, g("BARROW") | {"surname": "WILLIAM"}),
        (g("BILL", "WILLIAM") | {"surname": "BARROW"}, g("BARROW") | {"surname": "WILLIAM"}),
        (g("RHYS") | {"surname": "LEWELLYN"}, g("LLEWELLYN") | {"surname": "RHYS"}),
        (g("ANNA MARIA") | {"surname": "NAGY"}, g("NAGY ANNA") | {"surname": "MARIA"}),
        (g("ANNA") | {"surname": "RUIZ SOLER"}, g("SOLER") | {"surname": "ANNA"}),
        (g("ROSE THEODORA") | {"surname": "WATTS"}, g("WATTS") | {"surname": "ROSE T"}),
    ],
)
def test_swapped_names_need_not_be_written_alike(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert str(label("name_swap", one, two)).startswith("swapped")


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (date(1981, 9, 8), date(1981, 9, 8), "equal"),
        (date(1981, 9, 8), date(1981, 8, 9), "day and month swapped"),
        (date(1960, 11, 10), date(1960, 11, 12), "one edit"),
        (date(1981, 9, 8), date(1981, 3, 22), "same year or same day"),
        (date(1981, 9, 8), date(1952, 2, 27), "different"),
        (None, date(1952, 2, 27), None),
    ],
)
def test_birthdates(one: date | None, two: date | None, expected: str | None) -> None:
    assert label("birthdate", {"birthdate": one}, {"birthdate": two}) == expected


def test_dates_that_are_typed_in_for_none_contradict_no_birthdate() -> None:
    born, unknown = {"birthdate": date(1981, 9, 8)}, {"birthdate": date(1900, 2, 2)}
    january = {"birthdate": date(1981, 1, 1)}
    many = [{**unknown, "surname": f"S{n}"} for n in range(10)]
    assert label("birthdate", born, january) == "a usual date"
    assert label("birthdate", january, january) == "equal, usual date"
    assert label("birthdate", born, unknown, *many) == "a usual date"
    assert label("birthdate", unknown, unknown, *many) == "equal, usual date"
    # One family, or one person with many records.
    of_one = [{**unknown, "surname": "S"}] * 10
    assert label("birthdate", born, unknown, *of_one) == "different"
    assert label("birthdate", unknown, unknown, *of_one) == "equal"


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (["A@X.COM", "B@X.COM"], ["B@X.COM"], "equal, few"),
        (["ROSEBUD@X.COM"], ["ROSEBUD@Y.COM"], "equal login"),
        (["ROSEBUD@X.COM"], ["ROSEBUT@X.COM"], "one edit"),
        (["ROSEBUD1@X.COM"], ["ROSEBUD2@X.COM"], "different"),  # a digit is no typing error
        (["A@X.COM"], None, None),
    ],
)
def test_emails(one: list[str], two: list[str] | None, expected: str | None) -> None:
    assert label("email", {"email": one}, {"email": two}) == expected


def test_a_name_in_two_scripts_is_as_rare_as_both_together() -> None:
    one, two = g("ИВАН") | {"surname": "ЧЕН"}, g("IVAN") | {"surname": "CHEN"}
    han = g("怡君") | {"surname": "張"}
    taiwan = g("YI-CHUN") | {"surname": "CHANG"}
    assert label("given_name", one, two) == "equal 3"
    assert label("given_name", one, two, *[two] * 9) == "equal 1"
    assert label("given_name", han, taiwan) == label("surname", han, taiwan) == "equal 3"
    # However unevenly the two are held, the pair has one level from either side.
    assert label("name_count_common", one, two, one, g("IVAN")) == "three"


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("ROSE.BUD@GMAIL.COM", "ROSEBUD@GMAIL.COM", "equal, few"),
        ("ROSE.BUD@GOOGLEMAIL.COM", "ROSEBUD@GMAIL.COM", "equal, few"),
        ("ROSE.BUD@X.COM", "ROSEBUD@X.COM", "different"),
        ("ROSEBUD@GMIAL.COM", "ROSEBUD@GMAIL.COM", "one edit"),
        ("ROSEBUD@GMAIL.CO", "ROSE.BUD@GMAIL.COM", "one edit"),
        ("ROSEBUD@HOTEL1.COM", "ROSEBUD@HOTEL2.COM", "equal login"),
    ],
)
def test_one_mailbox_is_written_in_several_ways(one: str, two: str, expected: str) -> None:
    others = [{"email": [f"P{n}@GMAIL.COM"]} for n in range(9)]
    assert label("email", {"email": [one]}, {"email": [two]}, *others) == expected


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (("MARY", "MSTONE7"), ("JANE", "JSTONE7"), "different"),
        (("MARY", "STONEM7"), ("JANE", "STONEJ7"), "different"),
        (("JAMES", "MSTONE7"), ("JANE", "JSTONE7"), "one edit"),
        (("MARY", "MSTONE7"), ("MARIE", "MSTOME7"), "one edit"),
        (("DANIEL", "DANIEL.S"), ("DANIELE", "DANIELE.S"), "one edit"),
        (("MARY", "MARY.S"), ("MARK", "MARK.S"), "different"),
    ],
)
def test_logins_made_one_way_differ_as_names_do(
    one: tuple[str, str], two: tuple[str, str], expected: str
) -> None:
    first, second = ({**g(name), "email": [f"{login}@X.COM"]} for name, login in (one, two))
    others = [g(name) for name in ("MARK", "MARK", "MARY") for _ in range(5)]
    assert label("email", first, second, *others) == expected


def test_email_of_records_with_equal_names_is_apart() -> None:
    name = {"given_name": "JOHN", "surname": "STONE"}
    one, two = {**name, "email": ["JOHNSTONE@X.COM"]}, {**name, "email": ["JOHNSTONE@Y.COM"]}
    assert label("email", one, two) == "different"
    assert label("email_of_equal_names", one, two) == "equal login"


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("JON.STONE", "one edit"),
        ("JOHNSTONE", "different"),
        ("JOHN.STONE7", "different"),
        ("JOHN_STONE", "different"),
    ],
)
def test_a_login_made_of_a_name_errs_in_its_letters_only(login: str, expected: str) -> None:
    name = {"given_name": "JOHN", "surname": "STONE"}
    one, two = {**name, "email": ["JOHN.STONE@X.COM"]}, {**name, "email": [f"{login}@X.COM"]}
    assert label("email_of_equal_names", one, two) == expected


def test_records_of_one_name_are_counted_among_names_as_common() -> None:
    stone = {"given_name": "JOHN", "surname": "STONE"}
    strangers = [{"given_name": f"G{n}", "surname": f"S{n}"} for n in range(100)]
    namesakes = [{"given_name": "JOHN", "surname": f"S{n}"} for n in range(50)]
    assert label("name_count_rare", stone, stone, *strangers) == "two"
    assert label("name_count_rare", stone, stone, *[stone] * 5, *strangers) is None
    assert label("name_count_uncommon", stone, stone, *[stone] * 5, *strangers) == "up to nine"
    assert label("name_count_uncommon", stone, stone, *strangers, *namesakes) == "two"
    assert label("name_count_common", stone, stone) == "two"
    assert label("name_count_common", stone, {**stone, "given_name": "MARY"}) is None


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (["2065550101"], ["2065550101"], "equal, few"),
        (["2065550101"], ["4255550101"], "last seven equal"),
        (["2065550101"], ["2065550107"], "one edit"),
        (["2065550101"], ["4259998888"], "different"),
    ],
)
def test_phones(one: list[str], two: list[str], expected: str) -> None:
    assert label("phone", {"phone": one}, {"phone": two}) == expected


@pytest.mark.parametrize(
    ("one", "two", "expected", "place"),
    [
        ("12 OAK STREET", "12 OAK STREET", "equal, few", None),
        ("12 OAK STREET APARTMENT 4", "12 OAK STREET", "equal up to unit", None),
        (
            "12 OAK STREET APARTMENT 4",
            "12 OAK STREET APARTMENT 5",
            "same building, other unit",
            None,
        ),
        ("12 MAPLE STREET", "12 MAPEL STREET", "like street", None),
        ("HAUPTSTRASSE 12", "HAUPSTRASSE 12", "like street", None),
        ("VIA ROMA 5 INTERNO 3", "VIA ROMA 5", "equal up to unit", None),
        ("12 OAK STREET", "90 OAK STREET", "same street or number", "postal equal, common"),
        ("HAUPTSTRASSE 12", "HAUPTSTRASSE 90", "same street or number", "postal equal, common"),
        ("12 OAK STREET", "90 PINE AVENUE", "different", "postal equal, common"),
    ],
)
def test_addresses_and_place(one: str, two: str, expected: str, place: str | None) -> None:
    a, b = {"address": one, "postal": "98101"}, {"address": two, "postal": "98101"}
    assert label("address", a, b) == expected
    assert (label("place", a, b) is None) == (place is None)


def test_gender_counts_only_where_given_names_do_not_tell_it() -> None:
    assert label("gender", {**g("MARY"), "gender": "F"}, {**g("MARY"), "gender": "F"}) is None
    assert (
        label("gender", {**g("JOHN"), "gender": "M"}, {**g("MARY"), "gender": "F"}) == "different"
    )


@pytest.mark.parametrize(
    ("comparison", "login", "expected"),
    [
        ("names_in_email", "JANE.STONE", "given name and surname"),
        ("names_in_email", "JSTONE4", "initial and surname"),
        ("names_in_email", "THESTONES", "surname"),
        ("names_in_email", "JANE77", "given name"),
        ("names_in_email", "ROSEBUD", "nothing"),
    ],
)
def test_names_in_email(comparison: str, login: str, expected: str) -> None:
    found = label(
        comparison, {"email": [f"{login}@X.COM"]}, {"given_name": "JANE", "surname": "STONE"}
    )
    assert str(found).startswith(expected)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ({"fk_loy": KEY_SEPARATOR.join("AB")}, {"fk_loy": "B"}, "equal"),
        ({"fk_loy": "A,1"}, {"fk_loy": "B,1"}, "different"),
        ({"fk_loy": "A"}, {"fk_loy": "B"}, "different"),
        ({"fk_loy": "A", "fk_web": "9"}, {"fk_loy": "B", "fk_web": "9"}, "equal"),
        ({"fk_loy": "A"}, {"fk_web": "A"}, None),
    ],
)
def test_foreign_keys(one: dict[str, Any], two: dict[str, Any], expected: str | None) -> None:
    assert label("foreign_keys", one, two) == expected


def test_contacts_at_work_and_at_home_may_differ() -> None:
    at_work = {"surname": "OX", "company": "ACME", "phone": ["2065550111"], "address": "9 BAY RD"}
    colleague = at_work | {"surname": "QUILL"}
    at_home = {"surname": "OX", "phone": ["4255550198"], "address": "1 ELM ST"}
    employer_named = at_home | {"company": "ACME"}
    for contact in ("phone", "address"):
        assert label(contact, at_work, at_home, colleague) is None
        assert str(label(contact, at_work, colleague)).startswith("equal")
        assert label(contact, at_work, employer_named) == "different"
    assert label("home_held", at_work, at_home, colleague) == "a home and a workplace"


def test_missing_on_a_side_gives_level_zero_everywhere() -> None:
    full = {
        "given_name": "JANE",
        "surname": "STONE",
        "phone": ["1"],
        "postal": "98101",
        "company": "ACME",
    }
    pattern = compared([full, {}])
    levels = {one.name: int(levels_of(pattern, one.name)[0]) for one in COMPARISONS}
    assert levels.pop("home_held") == COMPARISON_BY_NAME["home_held"].level_numbers("none")[0]
    assert set(levels.values()) == {0}

"""How the words of whole names stand, by what a folder's data show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from c360_assets.ingest.suggest.folder import propose_folder
from c360_assets.ingest.suggest.header_words import guess_by_name, parts_of_whole_name
from c360_assets.tenant.init_tenant import init_tenant

GIVEN = {"F": ("Maria", "Anna", "Laura"), "M": ("Luca", "Paolo", "Dario")}
SURNAMES = ("Rossi", "Bianchi", "Greco", "Conti", "Marino", "Ricci", "Gallo", "Bruno", "Villa")
PEOPLE = [
    (surname, given, sex)
    for i, surname in enumerate(SURNAMES)
    for sex, names in GIVEN.items()
    for given in (names[i % 3], names[(i + 1) % 3])
]
SURNAME_FIRST, GIVEN_FIRST = "{s} {g}", "{g} {s}"


def file(landing: Path, name: str, header: str, rows: Iterable[str]) -> None:
    path = landing / "till" / f"{name}-20260601.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(f"C{i};{row}" for i, row in enumerate(rows))]), "utf-8")


def whole_names(landing: Path, written: str, header: str = "Name", more: str = "") -> None:
    rows = [written.format(s=s, g=g, x=sex) for s, g, sex in PEOPLE]
    file(
        landing,
        "cards",
        f"id;{header}{more};phone",
        [f"{row};+39 320 55{i:05}" for i, row in enumerate(rows)],
    )


def parts(landing: Path) -> None:
    rows = [f"{g};{s};{g}{i}@example.it" for i, (s, g, _) in enumerate(PEOPLE)]
    file(landing, "list", "id;first_name;last_name;email", rows)


def field_of_names(landing: Path) -> tuple[dict[str, Any], str]:
    """The proposed field of whole names, and what is noted of it."""
    for proposal in propose_folder(landing).proposals:
        assert not proposal.trial.errors
        for name, field in yaml.safe_load(proposal.text)["fields"].items():
            if "full-name" in field.get("tags", []):
                line = next(x for x in proposal.text.splitlines() if x.startswith(f"  {name}:"))
                return field, line.partition("#")[2]
    raise AssertionError("no whole names")


@pytest.mark.parametrize(
    ("written", "order", "why"),
    [
        (SURNAME_FIRST, "surname_first", "36 of 36 by columns of surnames and given names"),
        (GIVEN_FIRST, None, ""),
    ],
)
def test_other_columns_of_the_folder_show_which_word_is_the_surname(
    tmp_path: Path, written: str, order: str | None, why: str
) -> None:
    parts(tmp_path / "landing")
    whole_names(tmp_path / "landing", written)
    field, note = field_of_names(tmp_path / "landing")
    assert field.get("name_order") == order
    assert why in note


# Of one column: how it is written, what stands beside it -> the order.
ALONE = {
    "capitals": ("{s:CAPITALS} {g}", "", "surname_first"),
    "initials": ("{s} {g:INITIAL}", "", "surname_first"),
    "particles": ("De {s} {g}", "", "surname_first"),
    "gender": ("{s} {g};{x}", ";gender", "surname_first"),
    "gender, given name first": ("{g} {s};{x}", ";gender", None),
    "homes": ("{s} {g};Via {s} 1", ";address", "surname_first"),
    "nothing": ("{s} {g}", "", None),
}


class Written(str):
    """A name that can be asked for in capitals or as its initial."""

    def __format__(self, form: str) -> str:
        return {"CAPITALS": self.upper(), "INITIAL": f"{self[:1]}."}.get(form, str(self))


@pytest.mark.parametrize("case", ALONE)
def test_a_column_shows_its_order_itself(tmp_path: Path, case: str) -> None:
    written, more, order = ALONE[case]
    rows = [written.format(s=Written(s), g=Written(g), x=sex) for s, g, sex in PEOPLE]
    rows = [f"{row};+39 320 55{i:05}" for i, row in enumerate(rows)]
    file(tmp_path / "landing", "cards", f"id;Name{more};phone", rows)
    assert field_of_names(tmp_path / "landing")[0].get("name_order") == order


def test_names_in_both_orders_are_told(tmp_path: Path) -> None:
    parts(tmp_path / "landing")
    rows = [
        f"{s} {g};+39 320 5500000" if i % 2 else f"{g} {s};+39 320 5500000"
        for i, (s, g, _) in enumerate(PEOPLE)
    ]
    file(tmp_path / "landing", "cards", "id;Cognome e nome;phone", rows)
    field, note = field_of_names(tmp_path / "landing")
    assert "name_order" not in field
    assert "CHECK: 18 names begin with the surname and 18 with the given name" in note


def test_a_header_says_the_order_where_nothing_shows_it(tmp_path: Path) -> None:
    whole_names(tmp_path / "landing", SURNAME_FIRST, "Cognome e nome")
    field, note = field_of_names(tmp_path / "landing")
    assert (field["name_order"], note) == (
        "surname_first",
        " the surname stands first, by its header",
    )


@pytest.mark.parametrize(
    ("country", "written", "order"),
    [
        ("HU", SURNAME_FIRST, None),
        ("HU", GIVEN_FIRST, "surname_last"),
        ("CL", "{g} {s} Soto", "two_surnames_last"),
        ("CL", "{s} Soto {g}", "two_surnames_first"),
        ("PH", "{g} Soto {s}", None),
    ],
)
def test_the_order_at_home_needs_no_word(
    tmp_path: Path, country: str, written: str, order: str | None
) -> None:
    init_tenant(tmp_path / "tenant", country=country)
    landing = tmp_path / "tenant" / "landing"
    file(
        landing,
        "more",
        "id;first_name;last_name;email",
        [f"Ana;Soto;a{i}@example.cl" for i in range(3)],
    )
    parts(landing)
    whole_names(landing, written)
    assert field_of_names(landing)[0].get("name_order") == order


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Cognome Nome", ("surname", "given-name")),
        ("Apellidos y nombres", ("surname", "given-name")),
        ("Vardas, pavardė", ("given-name", "surname")),
        ("Фамилия Имя Отчество", ("surname", "given-name")),
        ("ФИО", ("surname", "given-name")),
        ("LastName FirstName", ("surname", "given-name")),
        ("Name, Vorname", ("surname", "given-name")),
        ("Last Name", ()),
        ("Full name", ()),
        ("Nimi", ()),
    ],
)
def test_the_order_that_a_header_names(header: str, expected: tuple[str, ...]) -> None:
    assert parts_of_whole_name(header) == expected
    if expected:
        guess = guess_by_name(header)
        assert guess is not None
        assert guess.tag == "full-name"

"""Names as people bear them, among others: middle names, scripts, nicknames, particles."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets_tests.stitch.retail import retail

Record = dict[str, Any]


def person(given_name: str | None, surname: str | None, **more: Any) -> Record:
    return {"given_name": given_name, "surname": surname, **more}


SAME: dict[str, tuple[Record, Record]] = {
    "goes by the middle name": (
        person("Ivor Desmond", "Thackwray", birthdate="1948-11-02"),
        person("Desmond", "Thackwray", birthdate="1948-11-02"),
    ),
    "middle initial": (
        person("Una Beatrix", "Quennell", birthdate="1971-04-30"),
        person("Una B", "Quennell", birthdate="1971-04-30"),
    ),
    "Greek": (
        person("Δημήτρης", "Καραγιάννης", birthdate="1962-09-17"),
        person("Dimitris", "Karagiannis", birthdate="1962-09-17"),
    ),
    "Russian by e-mail": (
        person("Наталья", "Кузнецова", email="nk.62@example.ru"),
        person("Natalya", "Kuznetsova", email="nk.62@example.ru"),
    ),
    "Arabic by phone": (
        person("محمد", "الخطيب", phone="2065557341"),
        person("Mohammed", "Alkhatib", phone="2065557341"),
    ),
    "Spanish nickname": (
        person("Francisco", "Echeverri", birthdate="1955-03-08"),
        person("Paco", "Echeverri", birthdate="1955-03-08"),
    ),
    "Spanish short form": (
        person("María José", "Echeverri", email="mje.71@example.es"),
        person("Mª José", "Echeverri", email="mje.71@example.es"),
    ),
    "Arabic in two Latin spellings": (
        person("Youssef", "El-Sayegh", email="ysayegh@example.eg"),
        person("Yusuf", "El Sayegh", email="ysayegh@example.eg"),
    ),
    "particles": (
        person("Ines", "de la Peñalver", birthdate="1983-12-21"),
        {"full_name": "Ines de la Penalver", "birthdate": "1983-12-21"},
    ),
    "apostrophe": (
        person("Fergal", "O’Shaunessy", birthdate="1966-06-06"),
        person("Fergal", "O Shaunessy", birthdate="1966-06-06"),
    ),
}
APART: dict[str, tuple[Record, Record]] = {
    "other middle name and birthday": (
        person("Alan Robert", "Fetherstone", birthdate="1957-02-03"),
        person("Alan Joseph", "Fetherstone", birthdate="1957-08-19"),
    ),
    "another Greek": (
        person("Δημήτρης", "Βλαχόπουλος", birthdate="1962-09-17"),
        person("Maria", "Vlachopoulou", birthdate="1990-01-05"),
    ),
    "two Chinese names of one spelling": (
        person("伟", "王", birthdate="1975-05-05"),
        person("薇", "汪", birthdate="1988-10-11"),
    ),
}


@pytest.fixture(scope="module")
def ids() -> dict[str, str]:
    """The id of each record by its key."""
    rows = []
    for kind, pair in {**SAME, **APART}.items():
        for number, record in enumerate(pair):
            rows.append({"datasource": f"Case:{number}", "pk": f"{kind} {number}", **record})
    cases = pl.DataFrame(rows, infer_schema_length=None)
    people = retail(1000)
    people = people.select(
        pl.col(column).cast(pl.String) for column in people.columns if column in {*cases.columns}
    )
    records = pl.concat([people, cases], how="diagonal_relaxed")
    found = stitch(records).tables["unified_coalesced"]
    return dict(found.select("pk", "amperity_id").iter_rows())


@pytest.mark.parametrize("kind", SAME)
def test_one_person(ids: dict[str, str], kind: str) -> None:
    assert ids[f"{kind} 0"] == ids[f"{kind} 1"]


@pytest.mark.parametrize("kind", APART)
def test_two_persons(ids: dict[str, str], kind: str) -> None:
    assert ids[f"{kind} 0"] != ids[f"{kind} 1"]

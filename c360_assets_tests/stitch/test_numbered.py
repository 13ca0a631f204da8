"""Values that count on: customers made by a formula, guests of a hotel, phones of a switchboard."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from c360_assets.semantics.names import name_number
from c360_assets.stitch import stitch
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.tenant.models import StitchConfig

Row = dict[str, str | None]


def _numbered(number: int) -> Row:
    return {"given_name": f"First{number}", "surname": f"Last{number}"}


def _guest(number: int) -> Row:
    return {"given_name": "Guest", "surname": f"{number:03}"}


def _alike(number: int) -> Row:
    letter = chr(ord("a") + number % 26)
    return {"given_name": f"Kari{letter}", "surname": f"Holm{letter}en"}


def _one_name(_number: int) -> Row:
    return {"given_name": "Maria", "surname": "Lopez"}


NAMES: list[Callable[[int], Row]] = [_numbered, _guest, _alike, _one_name]


def _people(name: Callable[[int], Row], people: int) -> list[Row]:
    """People of one kind of names, each third in a second source too."""
    kind = name.__name__.strip("_")
    records: list[Row] = []
    for number in range(people):
        contacts = {
            "email": f"{kind}{number}@post.example",
            "phone": f"415{661 + NAMES.index(name)}{2000 + number}",
            "address": f"{number + 3} {kind.title()} Road",
            "city": "Sausalito",
            "state": "CA",
            "postal": "94965",
        }
        record = {**name(number), **contacts, "pk": f"{kind} {number}"}
        sources = ("Till:Guests", "Web:Guests") if number % 3 == 0 else ("Till:Guests",)
        records += [{**record, "datasource": source} for source in sources]
    return records


def _are_as_many(records: list[Row], people: int) -> None:
    found = stitch(pl.DataFrame(records), StitchConfig()).tables["unified_coalesced"]
    assert found["amperity_id"].n_unique() == people
    # Both records of one person are of one person.
    assert found.group_by("pk").agg(pl.col("amperity_id").n_unique())["amperity_id"].max() == 1


@pytest.mark.parametrize("people", [70, pytest.param(7, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", NAMES)
def test_people_with_numbers_that_count_on_are_as_many(
    people: int, name: Callable[[int], Row]
) -> None:
    _are_as_many(_people(name, people), people)


@pytest.mark.long
@pytest.mark.parametrize("people", [4, 25])
def test_so_are_those_of_all_kinds_of_names_together(people: int) -> None:
    records = [record for name in NAMES for record in _people(name, people)]
    _are_as_many(records, people * len(NAMES))


@pytest.mark.parametrize(
    ("phones", "numbered"),
    [
        ([f"41566120{n:02}" for n in range(4)], True),
        ([f"41566120{n:02}" for n in range(3)], False),
        ([f"415{n:03}2000" for n in (210, 220, 230, 240)], True),
        # One number and its typing errors.
        (["4156612000"] * 9 + ["4156612001", "4156612007", "4156612090"], False),
        ([f"{n}4156612000"[:10] for n in (2, 3, 5, 7)], True),
        (["5550100", "5550101", "5550102", "5550103"], True),
        (["1", "2", "3", "4", None], False),
        ([None, None], False),
    ],
)
def test_phones_that_count_on(phones: list[str | None], numbered: bool) -> None:
    lists = [None if phone is None else [phone] for phone in phones]
    frame = pl.DataFrame(
        {"rid": range(len(lists)), "phone": pl.Series(lists, dtype=pl.List(pl.String))}
    )
    found = prepare_records(frame).select("phone", "phone_numbered").drop_nulls()
    assert set(found["phone_numbered"]) == ({numbered} if found.height else set())


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("Guest 12", "12"),
        ("First007", "7"),
        ("12", "12"),
        (" User-3 ", "3"),
        ("Ann", None),
        ("3rd", None),
        ("J0hn", None),
        ("Ann 4156612000", None),
        ("", None),
        (None, None),
    ],
)
def test_the_number_of_a_name(name: str | None, number: str | None) -> None:
    frame = pl.DataFrame({"name": [name]}, schema={"name": pl.String})
    assert frame.select(name_number(pl.col("name"))).item() == number

"""Whoever is meant is found by parts and in spite of typing errors, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from c360_assets.errors import C360Error
from c360_assets.reporting.find import MOST_SHOWN, find_people

PEOPLE = """
    CREATE TABLE unified_coalesced AS FROM (VALUES
      ('Shop:Customers', 'K1', 'aaaaaaaa-1', 'Łucja', 'Zielińska', 'lucja.zielinska@example.com',
       '+48 601 234 567', 'ul. Polna 3', 'Kraków', '30-100'),
      ('Club:Members', 'M9', 'aaaaaaaa-1', 'Lucja', 'Zielinska', NULL, NULL, NULL, 'Kraków', NULL),
      ('Shop:Customers', 'K2', 'bbbbbbbb-2', 'Jan', 'Nowak', 'jan@example.com', '602 111 222',
       'ul. Leśna 7', 'Łódź', '90-001'),
      ('Shop:Customers', 'K3', 'cccccccc-3', 'Ann', 'Groß', NULL, NULL, NULL, NULL, NULL)
    ) AS t(datasource, pk, amperity_id, given_name, surname, email, phone, address, city, postal)
"""


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute(PEOPLE)
        yield opened


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("zielinska", ["aaaaaaaa-1"]),
        ("ZIELIŃSKA łucja", ["aaaaaaaa-1"]),
        ("Zielinksa", ["aaaaaaaa-1"]),
        ("lucja.zielinska@exmaple.com", ["aaaaaaaa-1"]),
        ("zielin", ["aaaaaaaa-1"]),
        ("Nowka Lodz", ["bbbbbbbb-2"]),
        ("Nowak Kraków", []),
        ("gross", ["cccccccc-3"]),
        ("601-234-567", ["aaaaaaaa-1"]),
        ("0048 602111222", ["bbbbbbbb-2"]),
        ("111 22", ["bbbbbbbb-2"]),
        ("bbbbbbbb", ["bbbbbbbb-2"]),
        ("M9", ["aaaaaaaa-1"]),
        ("An", []),
        ("'; DROP TABLE unified_coalesced; --", []),
    ],
)
def test_who_is_found(con: duckdb.DuckDBPyConnection, asked: str, ids: list[str]) -> None:
    assert [one.amperity_id for one in find_people(con, asked.split()).candidates] == ids


def test_what_is_the_same_comes_before_what_is_like_it(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "INSERT INTO unified_coalesced BY NAME "
        "SELECT 'Shop:Customers' AS datasource, 'X' AS pk, 'aaaa-0' AS amperity_id, "
        "'Nowok' AS surname"
    )
    found = find_people(con, ["nowak"])
    assert [(one.amperity_id, one.likeness) for one in found.candidates] == [
        ("bbbbbbbb-2", 1.0),
        ("aaaa-0", pytest.approx(0.72)),
    ]


def test_those_beyond_the_first_are_counted(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "INSERT INTO unified_coalesced BY NAME SELECT 'Shop:Customers' AS datasource, "
        "'P' || i AS pk, 'id' || i AS amperity_id, 'Kowalska' AS surname FROM range(30) AS r(i)"
    )
    found = find_people(con, ["kowalska"])
    assert (len(found.candidates), found.people) == (MOST_SHOWN, 30)


@pytest.mark.parametrize("asked", ["", "  ", "12", "+4"])
def test_what_says_too_little_is_refused(con: duckdb.DuckDBPyConnection, asked: str) -> None:
    with pytest.raises(C360Error):
        find_people(con, [asked])

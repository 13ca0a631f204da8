"""Who lives with whom: small neighbourhoods by hand, and generated tenants against their truth."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets.stitch.api import StitchResult
from c360_assets.stitch.cluster.households import MOST_PERSONS, households
from c360_assets.stitch.cluster.stable_ids import Previous
from c360_assets_tests.stitch.retail import retail

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "person": pl.Int64,
    "surname": pl.String,
    "address": pl.String,
    "postal": pl.String,
    "city": pl.String,
    "email": pl.List(pl.String),
    "phone": pl.List(pl.String),
}
PAIRS = {"person1": pl.Int64, "person2": pl.Int64, "log_odds": pl.Float64}


def person(surname: str | None = None, address: str | None = None, **more: Any) -> dict[str, Any]:
    postal = more.pop("postal", "10117" if address else None)
    return {"surname": surname, "address": address, "postal": postal, **more}


def grouped(
    people: list[dict[str, Any]], pairs: list[tuple[int, int, float]] | None = None
) -> list[list[int]]:
    """Households of more than one, of people numbered in order."""
    rows = [{"person": number, **each} for number, each in enumerate(people)]
    frame = pl.DataFrame(rows, schema=SCHEMA)
    found = households(frame, pl.DataFrame(pairs or [], schema=PAIRS, orient="row"))
    assert found["person"].to_list() == list(range(len(people)))
    by_household = found.group_by("household").agg("person").sort("household")
    return [sorted(group) for group in by_household["person"].to_list() if len(group) > 1]


FLAT = "7 BIRKENWEG"
NEIGHBOURHOODS: dict[str, tuple[list[dict[str, Any]], list[list[int]]]] = {
    "two surnames at one address": (
        [person("ODE", FLAT), person("LUND", FLAT), person("ODE", "8 BIRKENWEG")],
        [[0, 1]],
    ),
    "one street in two towns": (
        [person("ODE", FLAT), person("LUND", FLAT, postal="20095")],
        [],
    ),
    "a town where there is no postal code": (
        [
            person("ODE", FLAT, postal=None, city="ULM"),
            person("LUND", FLAT, postal=None, city="ULM"),
        ],
        [[0, 1]],
    ),
    "an address without place": (
        [person("ODE", FLAT, postal=None), person("LUND", FLAT, postal=None)],
        [],
    ),
    "a building whose flats are known": (
        [person("ODE", FLAT), person("LUND", FLAT), person("KERN", FLAT + " UNIT 4")],
        [],
    ),
    "an address of many": ([person(f"NAME {n}", FLAT) for n in range(7)], []),
    "a landline": (
        [person("ODE", phone=["2065550123"]), person("LUND", phone=["2065550123"])],
        [[0, 1]],
    ),
    "a switchboard": ([person(f"NAME {n}", phone=["2065550123"]) for n in range(4)], []),
    "an e-mail of two": (
        [person("ODE", email=["WE@X.COM"]), person("ODE", email=["WE@X.COM", "B@X.COM"])],
        [[0, 1]],
    ),
    "a surname is no home": ([person("ODE"), person("ODE")], []),
}


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
def test_contacts_that_few_share_make_a_household(name: str) -> None:
    people, expected = NEIGHBOURHOODS[name]
    assert grouped(people) == expected


def test_one_wrong_link_does_not_make_one_household_of_two() -> None:
    people = [person("ODE", "1 A ROAD")] * 3 + [person("LUND", "2 B ROAD")] * 3
    assert grouped(people) == [[0, 1, 2], [3, 4, 5]]
    assert grouped(people, [(2, 3, 9.0)]) == [[0, 1, 2], [3, 4, 5]]


def test_no_household_is_larger_than_the_largest() -> None:
    n = MOST_PERSONS + 5
    everyone = [(i, j, 3.0 + (i + j) / 1000) for i in range(n) for j in range(i + 1, n)]
    sizes = [len(group) for group in grouped([person("ODE")] * n, everyone)]
    assert sum(sizes) == n
    assert max(sizes) == MOST_PERSONS


def test_nobody_at_all() -> None:
    assert grouped([]) == []


def landed(people: int, seed: int) -> pl.DataFrame:
    return retail(people, seed).drop("person")


def run(records: pl.DataFrame, previous: StitchResult | None = None) -> StitchResult:
    if previous is None:
        return stitch(records)
    tables = previous.tables
    unified = tables["unified_coalesced"]
    before = Previous(
        unified.select("datasource", "pk", "amperity_id"),
        tables["stitch_ids"],
        previous.generation,
        households=tables["stitch_households"],
    )
    return stitch(records, previous=before, model=tables["stitch_model"])


def test_everybody_is_in_one_household_and_ids_stay() -> None:
    records = landed(300, 5)
    first = run(records)
    table = first.tables["stitch_households"]
    people = first.tables["unified_coalesced"]["amperity_id"].drop_nulls().unique().sort()
    assert table["amperity_id"].to_list() == people.to_list()
    sizes = table.group_by("stitch_household_id").agg(pl.len(), pl.col("household_size").unique())
    assert sizes.filter(pl.col("len") != pl.col("household_size").list.first()).is_empty()
    assert max(table["household_size"]) > 1
    alone = pl.col("household_size") == 1
    assert table.filter(alone & pl.col("evidence").is_not_null()).is_empty()
    probabilities = table["score"].drop_nulls()
    assert probabilities.len() > 0
    assert probabilities.is_between(0.5, 1).all()
    assert set(table["stitch_household_id"]).isdisjoint(table["amperity_id"])

    shuffled = run(records.sample(fraction=1.0, shuffle=True, seed=3))
    assert shuffled.tables["stitch_households"].equals(table)
    fewer = records.filter(pl.int_range(pl.len()) % 50 != 0)
    again = run(fewer, first).tables["stitch_households"]
    both = again.join(table, on="amperity_id", suffix="_before")
    unchanged = both.filter(pl.col("household_size") == pl.col("household_size_before"))
    same = unchanged["stitch_household_id"] == unchanged["stitch_household_id_before"]
    assert same.sum() >= 0.99 * len(same)


def test_without_a_previous_table_households_get_ids() -> None:
    records = landed(100, 5)
    first = run(records)
    bare = Previous(
        first.tables["unified_coalesced"].select("datasource", "pk", "amperity_id"),
        first.tables["stitch_ids"],
        first.generation,
    )
    table = stitch(records, previous=bare).tables["stitch_households"]
    assert table["stitch_household_id"].null_count() == 0

"""The six documented pairs, each with its category: alone, together, and inside retail tenants of
several sizes."""

from __future__ import annotations

import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets.tenant.models import StitchConfig
from c360_assets_tests.stitch.retail import retail

FIELDS = ("email", "given_name", "surname", "postal", "phone", "fk_loyalty")
CATEGORIES = ("non_match", "weak", "moderate", "high", "excellent", "exact")
_: None = None
PAIRS: dict[str, tuple[tuple[str | None, ...], tuple[str | None, ...]]] = {
    "exact": (
        ("jepress@gmail.com", "Jess", "Preston", _, "206-555-0001", "X399-0988"),
        ("jepress@gmail.com", "Jess", "Preston", _, "206-555-0001", "X399-0988"),
    ),
    "excellent": (
        ("achung85@gmail.com", "A", "Chung", "98221", "206-555-1234", _),
        ("achung85@gmail.com", "Amber", "Chung", _, "206-555-1234", _),
    ),
    "high": (
        ("baldsam@gmail.com", "Samuel", "Okeke", "93108", "805-555-1234", _),
        ("baldsam@cox.net", "Sam", "Okeke", "93108", _, _),
    ),
    "moderate": (
        ("robc@mail.com", "Rob", "Casper", "80222", _, _),
        ("rcasper@gmail.com", "Robert", "Cassper", "80222", _, _),
    ),
    "weak": (
        ("jcurrie@mail.com", "Justin", "Currie", "22771", _, _),
        ("jcurrie@gmail.com", "J", "Currie", _, "206-456-0987", _),
    ),
    "non_match": (
        (_, "Frank", "Janson", "98115", "206-444-9090", _),
        ("frank@janson.io", "Frank", "Janson", "33101", _, _),
    ),
}


def records(*names: str) -> pl.DataFrame:
    rows = [
        {"datasource": f"Pair:{side}", "pk": name, **dict(zip(FIELDS, PAIRS[name][n], strict=True))}
        for name in names
        for n, side in enumerate(("One", "Other"))
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("datasource", "pk", *FIELDS), pl.String))


def check(frame: pl.DataFrame, *names: str) -> None:
    """Each pair in its category or the next one, and on its side of the cut."""
    config = StitchConfig.model_validate({"outputs": {"stitch_scores": "all"}})
    scores = (
        stitch(frame, config)
        .tables["stitch_scores"]
        .filter(pl.col("pk1") == pl.col("pk2"), pl.col("source1") == "Pair:One")
    )
    found = {r["pk1"]: r for r in scores.iter_rows(named=True)}
    for name in names:
        row = found[name]
        level = CATEGORIES.index(row["match_category"])
        assert abs(level - CATEGORIES.index(name)) <= 1, (name, row["score"])
        assert (
            (level >= 3)
            == (CATEGORIES.index(name) >= 3)
            == (row["amperity_id1"] == row["amperity_id2"])
        ), (name, row["score"])


# Those beside the cut, where a weight that moves shows first; the others are far from it.
NEAR_THE_CUT = ("moderate", "high")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] * (name not in NEAR_THE_CUT)) for name in PAIRS],
)
def test_each_pair_alone(name: str) -> None:
    check(records(name), name)


@pytest.mark.parametrize("people", [0, 30, 300, pytest.param(3000, marks=pytest.mark.long)])
def test_all_pairs_inside_tenants_of_any_size(people: int) -> None:
    tenant = [retail(people, seed=8).drop("person")] if people else []
    check(pl.concat([records(*PAIRS), *tenant], how="diagonal"), *PAIRS)

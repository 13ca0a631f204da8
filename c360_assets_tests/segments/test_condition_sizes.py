"""How many people each condition of a definition leaves, and which of them leaves nobody."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from c360_assets.reporting.segments import Size, render_size
from c360_assets.segments.candidates import candidate, condition_sizes
from c360_assets.segments.questions import published_schema
from c360_assets_tests.segments.people import with_segments

PEOPLE = [
    ("ann", "Boston", 300),
    ("bob", "Boston", 50),
    ("cleo", "Austin", 400),
    ("dan", None, None),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "include: [{city: Boston, revenue: {gt: 100}}]\nexclude: [{city: Austin}]",
            [("city eq Boston", 2, 2), ("revenue gt 100", 2, 1), ("not city eq Austin", 3, 1)],
        ),
        (
            "include: [[{city: Austin}, {city: Dallas}], {revenue: {lt: 100}}]",
            [("(city eq Austin or city eq Dallas)", 1, 1), ("revenue lt 100", 1, 0)],
        ),
        (
            "include: [{segment: boston}]\nexclude: [{city: Boston}, {revenue: 5}]",
            [
                ("in segment boston", 2, 2),
                ("not city eq Boston", 2, 0),
                ("not revenue eq 5", 4, 0),
            ],
        ),
        ("include: [{not: {city: Boston}}]", [("not city eq Boston", 2, 2)]),
    ],
)
def test_conditions_alone_and_together(
    tmp_path: Path, text: str, expected: list[tuple[str, int, int]]
) -> None:
    tenant = with_segments(tmp_path, {"boston": {"include": [{"city": "Boston"}]}})
    file = tmp_path / "asked.yaml"
    file.write_text(text + "\n", "utf-8")
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE customer_360 (amperity_id VARCHAR, city VARCHAR, revenue INTEGER)"
        )
        con.executemany("INSERT INTO customer_360 VALUES (?, ?, ?)", PEOPLE)
        found = candidate(tenant, file, published_schema(con, tenant, "customer_360"))
        sizes = condition_sizes(con, found)
    assert [(one.condition, one.alone, one.together) for one in sizes] == expected
    console = Console(record=True, width=120)
    render_size(Size("asked", expected[-1][2], len(PEOPLE), sizes), console)
    is_empty = not expected[-1][2]
    assert console.export_text().count("leaves nobody") == is_empty

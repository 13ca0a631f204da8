"""Orders that a file writes on the first of their lines only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from c360_assets.ingest.fill_down import filled_batches
from c360_assets.ingest.formats.batches import Batch
from c360_assets.ingest.suggest.first_rows import filled_down, first_rows
from c360_assets.tenant.feeds import FillDownConfig
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import open_session
from c360_assets_tests.ingest.tenants import feed_of, land, load, table, tenant_of

FIELDS: dict[str, Any] = {"order": {}, "mail": {}, "day": {"type": "date"}, "sku": {}}
FILL = {"by": "order", "columns": ["mail", "day"]}
DAY = "2026-03-01"


def lines_feed() -> FeedConfig:
    return feed_of(
        fields=FIELDS,
        primary_key=["order", "line"],
        row_number={"column": "line", "within": ["order"]},
        fill_down=FILL,
        error_threshold=99,
    )


@pytest.mark.parametrize(
    ("rows", "loaded", "errors"),
    [
        # What an order does not say is not that of the order before.
        (
            [f"A,a@x,{DAY},cap", ",,,mug", f"B,,{DAY},cap", ",,,tee"],
            [("A", 1, "a@x"), ("A", 2, "a@x"), ("B", 1, ""), ("B", 2, "")],
            [],
        ),
        # The number may stand on each line; a line's own value stays.
        (
            [f"A,a@x,{DAY},cap", "A,,,mug", "A,z@x,,tee", f"B,b@x,{DAY},cap"],
            [("A", 1, "a@x"), ("A", 2, "a@x"), ("A", 3, "z@x"), ("B", 1, "b@x")],
            [],
        ),
        # Lines of an order that cannot be read are those of no other.
        (
            [f"A,a@x,{DAY},cap", f"B,b@x,{DAY},cap,x", ",,,mug", f"C,c@x,{DAY},cap"],
            [("A", 1, "a@x"), ("C", 1, "c@x")],
            ["column_count_mismatch", "no_first_row"],
        ),
        (
            [",,,mug", f"A,a@x,{DAY},cap", "B,b@x,soon,cap", ",,,mug"],
            [("A", 1, "a@x")],
            ["no_first_row", "cast_error", "cast_error"],
        ),
    ],
)
def test_lines_have_the_order_of_the_first(
    tmp_path: Path, rows: list[str], loaded: list[tuple[Any, ...]], errors: list[str]
) -> None:
    feed = lines_feed()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", "\n".join(["order,mail,day,sku", *rows, ""]))
    (day,) = load(tenant, feed).days
    assert (
        table(tenant, feed).select("order", "line", "mail").sort("order", "line").rows() == loaded
    )
    logged = pl.read_csv(day.logs[0])["error_type"].to_list() if day.logs else []
    assert logged == errors


def test_filling_does_not_depend_on_how_a_file_is_cut(tmp_path: Path) -> None:
    rows = """
        SELECT n // 60 AS _file, 1 + n % 60 AS _row, 2 + n % 60 AS _line,
               NULL::VARCHAR AS _reject, NULL::VARCHAR AS _record,
               CASE WHEN n % 4 = 0 THEN 'o' || n END AS r0, 'm' || n AS r1,
               NULL::VARCHAR AS r2, 's' || n AS r3
        FROM range(120) t(n)"""
    feed, config = lines_feed(), FillDownConfig.model_validate(FILL)
    filled = []
    with open_session(tmp_path / "warehouse") as session:
        for size in (120, 7):
            batches = [
                Batch(f"SELECT * FROM ({rows}) WHERE (_file * 60 + _row - 1) // {size} = {part}")
                for part in range(-(-120 // size))
            ]
            found = [
                row
                for batch in filled_batches(session, feed, config, batches)
                for row in session.rows(f"SELECT _file, _row, r0 FROM ({batch.sql}) ORDER BY ALL")
            ]
            filled.append(found)
    assert filled[0] == filled[1]
    assert [row[2] for row in filled[0][:6]] == ["o0", "o0", "o0", "o0", "o4", "o4"]


def sample(**changes: list[str]) -> pl.DataFrame:
    """Forty orders of three lines."""
    first = {
        "Order Number": [f"S{n}" for n in range(40)],
        "Order Date": [DAY] * 40,
        "Email": [f"a{n}@x.example" for n in range(40)],
        "Order Total": ["9.90"] * 40,
    }
    columns = {name: [t for v in values for t in (v, "", "")] for name, values in first.items()}
    lines = {"Product": ["cap", "mug", "tee"] * 40, "Quantity": ["1"] * 120}
    return pl.DataFrame({**columns, **lines, **changes})


def test_what_stands_on_first_lines_is_proposed_without_amounts() -> None:
    found = first_rows(sample())
    assert found is not None
    assert (found.by, found.columns, found.rows) == ("Order Number", ["Order Date", "Email"], 80)
    filled = filled_down(sample(), found)
    assert filled["Email"].to_list()[:4] == [*["a0@x.example"] * 3, "a1@x.example"]
    assert filled["Order Total"].to_list()[:3] == ["9.90", "", ""]


@pytest.mark.parametrize(
    "changes",
    [
        # Gaps of the number alone are no layout, and rows without goods no lines.
        {"Order Date": [DAY] * 120, "Email": ["a@x.example"] * 120},
        {"Product": ["cap", "", ""] * 40, "Quantity": ["1", "", ""] * 40},
        {"Order Number": [""] + ["S1"] * 119},
    ],
)
def test_gaps_that_are_no_first_lines_are_not_filled(changes: dict[str, list[str]]) -> None:
    assert first_rows(sample(**changes)) is None

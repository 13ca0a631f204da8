"""The page of segments: what it shows of each, and nothing of a person."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from c360_assets.reporting.segments_page import write_segments_page
from c360_assets.segments.questions import listed
from c360_assets.warehouse.session import Session
from c360_assets_tests.segments.people import DAY, compute, published, with_segments, write_tables


def test_page(session: Session, tmp_path: Path) -> None:
    tenant = with_segments(
        tmp_path,
        {
            "rich": {
                "description": "More <than> most",
                "include": [{"lifetime_order_revenue": {"gt": 100}}],
            },
            "boston": {"include": [{"city": "Boston"}]},
        },
    )
    people = [
        {"amperity_id": f"p{n}", "city": "Boston", "lifetime_order_revenue": 50 * n}
        for n in range(5)
    ]
    write_tables(session, customer_360=people)
    compute(session, tenant)
    write_tables(session, customer_360=people[:4])
    compute(session, tenant, DAY + timedelta(days=1))
    page = write_segments_page(session, tenant)
    text = page.read_text("utf-8")
    assert "More &lt;than&gt; most" in text
    assert "2 days, from 5 people on 2026-06-30 to 4 on 2026-07-01" in text
    assert '<span class="size">1</span> people; 0 entered, 1 left' in text
    assert "<script" not in text
    assert "p3" not in text
    assert page.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "edited"),
    [
        ({"description": "Told otherwise"}, False),
        ({"include": [{"city": "Austin"}]}, True),
        ({"include": [{"segment": "rich"}]}, True),
    ],
)
def test_what_was_edited_since_is_said(
    session: Session, tmp_path: Path, change: dict[str, Any], edited: bool
) -> None:
    rich = {"include": [{"lifetime_order_revenue": {"gt": 100}}]}
    boston = {"include": [{"city": "Boston"}]}
    empty = {"include": [{"city": "Nowhere"}], "track": False}
    before = {"rich": rich, "boston": boston, "of_both": {"include": [{"segment": "boston"}]}}
    write_tables(session, customer_360=[{"amperity_id": "p1", "city": "Boston"}])
    compute(session, with_segments(tmp_path, {**before, "empty": empty}))
    tenant = with_segments(tmp_path, {**before, "empty": empty, "boston": boston | change})
    assert ("Edited since" in write_segments_page(session, tenant).read_text("utf-8")) == edited
    con = published(session)
    shown = {one.segment: one for one in listed(tenant, list(tenant.segments), con, "customer_360")}
    assert {name for name, one in shown.items() if one.edited} == (
        {"boston", "of_both"} if edited else set()
    )
    assert [shown[name].people for name in ("boston", "of_both", "rich", "empty")] == [1, 1, 0, 0]
    assert (shown["rich"].day, shown["empty"].day) == (DAY, None)

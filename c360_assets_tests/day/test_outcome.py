"""What the screen of a run says of its tables: what landed, what was computed, what was reused."""

from __future__ import annotations

from datetime import date
from io import StringIO

import pytest
from rich.console import Console

from c360_assets.reporting.summary import DayReport, FeedLoaded, Summary, render

DAY = date(2026, 6, 2)
SHOP = FeedLoaded("Shop:Customers", days=1, files=1, read=3, loaded=3, rejected=0)


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (DayReport(DAY, reused=["a", "b"]), "Nothing new landed: all 2 tables are current"),
        (
            DayReport(DAY, reused=["a", "b"], feeds=[SHOP]),
            "What landed changes nothing: all 2 tables are current",
        ),
        (
            DayReport(DAY, reused=["a"], is_forced=True),
            "Computed again: all 1 table was found as before",
        ),
        (DayReport(DAY, built=["a"], reused=["b"]), "1 table built, 1 reused"),
        (DayReport(DAY, built=["a"], is_forced=True), "1 table built."),
    ],
)
def test_what_became_of_tables(report: DayReport, told: str) -> None:
    screen = StringIO()
    summary = Summary(report, tables=[], source_records=0, people=0, findings=[])
    render(summary, Console(file=screen, width=100), commands=[])
    assert told in screen.getvalue()


def test_rows_that_lost_to_others_of_their_key_are_counted() -> None:
    """So that loaded, rejected and replaced add up to what was read; within 80 columns."""
    feed = FeedLoaded(
        "Newsletter:Subscribers", 4, 4, read=12_224, loaded=12_220, rejected=1, replaced=3
    )
    screen = StringIO()
    failed = FeedLoaded("Till:Customers", 1, 1, 1, 0, 1, problem="not loaded: 2026-06-04")
    report = DayReport(DAY, feeds=[feed, failed])
    summary = Summary(report, tables=[], source_records=0, people=0, findings=[])
    render(summary, Console(file=screen, width=80), commands=[])
    lines = screen.getvalue().splitlines()
    (line,) = [line for line in lines if "Newsletter:Subscribers" in line]
    assert line.split()[1:] == ["4", "4", "12,224", "12,220", "1", "3"]
    assert any(line.startswith("Till:Customers ") for line in lines), "the name is not folded"

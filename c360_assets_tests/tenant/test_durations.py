"""Spans of time in `workflow.yaml`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from c360_assets.tenant.durations import duration, rhythm_days, whole_days


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("30 minutes", 1800),
        ("2h", 7200),
        ("1 day", 86_400),
        ("2W", 1_209_600),
        (" 0d ", 0),
        # Longer ones would lead to days before the year 1.
        ("999999d", 36_525 * 86_400),
        ("999999w", 36_525 * 86_400),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "1.5h", "1 month", "day", "2hh", "9999999d"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "days"), [("0h", 0), ("30m", 1), ("24h", 1), ("36h", 2), ("3 weeks", 21)]
)
def test_whole_days(text: str, days: int) -> None:
    assert whole_days(text) == days


@pytest.mark.parametrize(
    ("text", "days"),
    [("hour", 1), ("day", 1), ("week", 7), ("month", 31), ("2d", 2), ("6h", 1), ("0d", 1)],
)
def test_rhythms(text: str, days: int) -> None:
    assert rhythm_days(text) == days

"""Spans of time as `workflow.yaml` writes them: `30m`, `2h`, `1 day`.

A feed's rhythm may also be a word, such as `day`, `week` or `month`.
When a span begins, and what its end means, belongs to `automation`.
"""

from __future__ import annotations

import re
from datetime import timedelta

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
CENTURY = timedelta(days=36_525)
RHYTHMS = {"hour": 1, "day": 1, "week": 7, "month": 31}
DURATION = re.compile(
    r"(\d{1,6}) *(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)", re.IGNORECASE
)


def duration(text: str) -> timedelta:
    """`30m`, `2 hours`, `1d`. `m` means minutes. Raises ValueError for anything else.

    Longer than a century is a century: nothing is older, and there is no day before the year 1.
    """
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("no duration")
    number, unit = match.groups()
    return min(timedelta(seconds=int(number) * SECONDS[unit[0].lower()]), CENTURY)


def whole_days(text: str) -> int:
    """A duration in days, rounded up: files are told apart by day."""
    return -(-duration(text) // timedelta(days=1))


def rhythm_days(text: str) -> int:
    """How many days may lie between two deliveries, at least one. A month counts as 31 days."""
    word = text.strip().lower()
    if word in RHYTHMS:
        return RHYTHMS[word]
    return max(whole_days(text), 1)

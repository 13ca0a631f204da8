"""Spans of time as `workflow.yaml` writes them: `30m`, `2h`, `1 day`, and for a feed's rhythm also `day`, `week`, `month`.

When a span begins, and what its end means, belongs to `automation`.
"""

from __future__ import annotations

import re
from datetime import timedelta

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
RHYTHMS = {"hour": 1, "day": 1, "week": 7, "month": 31}
DURATION = re.compile(
    r"(\d{1,6}) *(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)", re.IGNORECASE
)


def duration(text: str) -> timedelta:
    """`30m`, `2 hours`, `1d`. `m` means minutes. Raises ValueError for anything else."""
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("no duration")
    return timedelta(seconds=int(match[1]) * SECONDS[match[2][0].lower()])


def whole_days(text: str) -> int:
    """A duration in days, rounded up: files are told apart by day."""
    return -(-duration(text) // timedelta(days=1))


def rhythm_days(text: str) -> int:
    """How many days may lie between two deliveries, at least one. A month counts as its longest, 31 days."""
    word = text.strip().lower()
    return RHYTHMS[word] if word in RHYTHMS else max(whole_days(text), 1)

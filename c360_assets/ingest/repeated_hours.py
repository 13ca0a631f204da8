"""Hours that a zone has twice: what a clock shows again after it was put back.

A text without an offset does not say which of the two it means. How it is read belongs to `casts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(2070, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
# No zone puts its clocks back by less, or at another minute.
SLOT = timedelta(minutes=30)


@lru_cache(maxsize=64)
def repeated_slots(zone: str) -> tuple[int, ...]:
    """Half hours since 1970, in UTC, whose local time was there before: the second of the two."""
    return tuple(_repeated(ZoneInfo(zone)))


def _repeated(zone: ZoneInfo) -> Iterator[int]:
    day = FIRST
    offset = _offset(zone, day)
    while day < LAST:
        next_offset = _offset(zone, day + DAY)
        if next_offset < offset:
            first = (_change(zone, day) - FIRST) // SLOT
            yield from range(first, first + (offset - next_offset) // SLOT)
        day += DAY
        offset = next_offset


def _change(zone: ZoneInfo, day: datetime) -> datetime:
    """The first half hour of the day that has another offset than its begin."""
    before = _offset(zone, day)
    moment = day
    while _offset(zone, moment) == before:
        moment += SLOT
    return moment


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset

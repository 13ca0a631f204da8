"""Waiting for a cluster ends where nobody works, and only there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest

from c360_assets.errors import C360Error
from c360_assets.warehouse import cluster_waiting
from c360_assets.warehouse.cluster_waiting import waited

AGES = timedelta(days=1)
NEVER = timedelta(0)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_waiting, "POLL", 0.01)


@pytest.fixture
def held() -> Iterator[Event]:
    """An event that nobody sets before the test ends."""
    event = Event()
    yield event
    event.set()


def test_what_an_action_returns_or_raises_is_what_waiting_does() -> None:
    def fails() -> int:
        raise TimeoutError("its own")

    assert waited(lambda: 3, lambda: True, AGES, "stitch") == 3
    with pytest.raises(TimeoutError, match="its own"):
        waited(fails, lambda: True, AGES, "stitch")


def test_work_that_nobody_takes_up_is_an_error_with_the_remedy(held: Event) -> None:
    with pytest.raises(C360Error, match=r"for 0 seconds \(engine.wait .* no worker of Spark"):
        waited(held.wait, lambda: True, NEVER, "stitch")


def test_who_works_is_waited_for_as_long_as_it_takes(held: Event) -> None:
    looks = iter([True, False, False, False])

    def stalled() -> bool:
        state = next(looks, None)
        if state is None:
            held.set()
        return bool(state)

    assert waited(held.wait, stalled, AGES, "stitch")
    held.clear()
    looks = iter([False, False, False])
    assert waited(held.wait, stalled, NEVER, "stitch"), "it was never stalled"

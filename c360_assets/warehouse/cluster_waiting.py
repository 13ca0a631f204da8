"""Waiting for a cluster, with an end where it has nobody who works.

Spark itself waits for ever for a worker that is free. What is waited for, and how a cluster tells
that nobody works, belongs to `cluster`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import timedelta
from threading import Thread
from typing import TypeVar

from c360_assets.errors import C360Error

Made = TypeVar("Made")
POLL = 1.0  # seconds between two looks


def waited(
    action: Callable[[], Made],
    stalled: Callable[[], bool],
    patience: timedelta,
    stage: str,
) -> Made:
    """What the action returns, or raises.

    Raises C360Error as soon as it has been `stalled` for as long as `patience` without a break: it
    has tasks, and no worker has taken one. The action is left to its thread, and ends with the
    session. `stage` is the first word of the message.
    """
    future: Future[Made] = Future()
    Thread(target=_fulfil, args=(future, action), daemon=True).start()
    moving = time.monotonic()
    while not wait((future,), POLL).done:
        if not stalled():
            moving = time.monotonic()
        elif time.monotonic() - moving > patience.total_seconds():
            raise C360Error(_idle(patience, stage))
    return future.result()


def _fulfil(future: Future[Made], action: Callable[[], Made]) -> None:
    try:
        future.set_result(action())
    except BaseException as error:  # told in the thread that waits
        future.set_exception(error)


def _idle(patience: timedelta, stage: str) -> str:
    return (
        f"{stage}: for {patience.total_seconds():g} seconds (engine.wait in tenant.yaml) no worker"
        " of Spark took up a task: start workers, or free a core and memory of theirs (the page of"
        " the master shows them), or set `engine: {type: local}` for the same result here"
    )

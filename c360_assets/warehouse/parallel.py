"""The same work on many things at once, on a few connections of one engine. What the work is
belongs to its caller.

The engine runs one statement on all cores, but a table of fewer rows than a row group is written by
one of them, and most tables of most tenants are that small.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TypeVar

from c360_assets.warehouse.session import Session

T = TypeVar("T")
R = TypeVar("R")
# Each connection keeps the rows of what it writes in memory.
MOST_CONNECTIONS = 4


def together(
    session: Session,
    work: Callable[[Session, T], R],
    items: Sequence[T],
    ready: Callable[[Session], None] | None = None,
) -> list[R]:
    """The results of the work on each item, in their order; items are begun in that order too.

    The work gets a session beside `session`, in which temporary tables, views and functions are
    those that `ready` makes. After a failure nothing more is begun, and the failure is raised when
    what was under way has ended.
    """
    free: SimpleQueue[Session] = SimpleQueue()

    def turn(item: T) -> R:
        own = free.get()
        try:
            return work(own, item)
        finally:
            free.put(own)

    with ExitStack() as stack:
        connections = max(1, min(MOST_CONNECTIONS, os.cpu_count() or 1, len(items)))
        for _ in range(connections):
            own = stack.enter_context(session.beside())
            if ready is not None:
                ready(own)
            free.put(own)
        pool = stack.enter_context(ThreadPoolExecutor(connections))
        turns = [pool.submit(turn, item) for item in items]
        try:
            return [done.result() for done in turns]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise

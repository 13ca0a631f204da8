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

Item = TypeVar("Item")
Result = TypeVar("Result")
# Each connection keeps the rows of what it writes in memory.
MOST_CONNECTIONS = 4


def together(
    session: Session,
    work: Callable[[Session, Item], Result],
    items: Sequence[Item],
    ready: Callable[[Session], None] | None = None,
) -> list[Result]:
    """The results of the work on each item, in their order; items are begun in that order too.

    The work gets a session beside `session`, in which temporary tables, views and functions are
    those that `ready` makes. After a failure nothing more is begun, and the failure is raised when
    what was under way has ended.
    """
    free_sessions: SimpleQueue[Session] = SimpleQueue()

    def work_on(item: Item) -> Result:
        own = free_sessions.get()
        try:
            return work(own, item)
        finally:
            free_sessions.put(own)

    with ExitStack() as stack:
        connections = max(1, min(MOST_CONNECTIONS, os.cpu_count() or 1, len(items)))
        for _ in range(connections):
            own = stack.enter_context(session.beside())
            if ready is not None:
                ready(own)
            free_sessions.put(own)
        pool = stack.enter_context(ThreadPoolExecutor(connections))
        submitted = [pool.submit(work_on, item) for item in items]
        try:
            return [future.result() for future in submitted]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise

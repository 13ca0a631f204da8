"""Which runs work on a tenant: a small file beside the lock for each, which its process holds.

The kernel frees the file when the process dies, in whatever way and in whatever container, while
process ids say nothing across containers. So a verb sees that a run died without asking the
orchestrator. Marking it as failed there belongs to `automation`.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = ".lock.runs"
_held: set[Path] = set()


@contextmanager
def running(root: Path, run_id: str) -> Iterator[None]:
    """Hold the file of a run while the block works on it; re-entrant in a process."""
    path = _folder(root) / run_id
    if path in _held:
        yield
        return
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)
            # While it is still held: nobody may find it free and think that the process died.
            path.unlink(missing_ok=True)


def dead_runs(root: Path) -> list[str]:
    """The ids of runs whose process has gone without ending them."""
    return [path.name for path in sorted(_folder(root).glob("*")) if _is_free(path)]


def named_runs(root: Path) -> set[str]:
    """The ids of runs that a process has named as its own, and that it has not ended."""
    return {path.name for path in _folder(root).glob("*")}


def forget_runs(root: Path, run_ids: Iterable[str]) -> None:
    """Remove the files of runs that have been marked."""
    for run_id in run_ids:
        (_folder(root) / run_id).unlink(missing_ok=True)


def _folder(root: Path) -> Path:
    return root.resolve() / FOLDER


def _is_free(path: Path) -> bool:
    if path in _held:
        return False
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # it is held, or its run has just ended
        return False
    return True

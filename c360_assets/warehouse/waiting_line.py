"""Who waits for a tenant, in the order in which they came: a file beside the lock for each, which
its process holds.

The kernel frees the file when the process dies, so that nobody waits for a dead one. Who holds the
tenant belongs to `lock`; processes of other machines stand in no line here.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = ".lock.line"
ASIDE = ".new"


def waiting_for(root: Path) -> list[str]:
    """What waits for the tenant, the first one first."""
    return _waiting(_folder(root))


@contextmanager
def place_in_line(root: Path, what: str) -> Iterator[Callable[[], list[str]]]:
    """Stand at the end of the line while the block runs; it is given who stands before, by then."""
    folder = _folder(root)
    folder.mkdir(exist_ok=True, mode=0o700)
    place = folder / f"{time.time_ns():020d}-{os.getpid()}"
    aside = place.with_suffix(ASIDE)
    with aside.open("w", encoding="utf-8") as file:
        # Held before it is seen: nobody takes it for that of a dead process.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{what} (process {os.getpid()})")
        file.flush()
        aside.rename(place)
        try:
            yield lambda: _waiting(folder, before=place)
        finally:
            place.unlink(missing_ok=True)


def _folder(root: Path) -> Path:
    return root.resolve() / FOLDER


def _waiting(folder: Path, before: Path | None = None) -> list[str]:
    names = []
    for place in sorted(folder.glob("*")):
        if place == before:
            break
        if place.suffix != ASIDE and (name := _holder(place)):
            names.append(name)
    return names


def _holder(place: Path) -> str:
    """Who waits there; '' where it has gone, and its file goes then too."""
    try:
        with place.open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            place.unlink(missing_ok=True)
            return ""
    except BlockingIOError:
        return place.read_text("utf-8")
    except OSError:
        return ""

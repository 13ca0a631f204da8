"""Failures of the machine in words: a disk that is full or not to be written to, memory and open
files of which a process may have no more.

They come up in whatever library happens to write, each with a text of its own. What a file holds
belongs to its writer.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from c360_assets.errors import C360Error

# What the orchestrator's own files need before it keeps anything.
LEAST_FREE = 4 << 20
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
FULL_WORDS = (
    "disk is full",
    "no space left",
    "os error 28",
    "disk quota exceeded",
    "disk i/o error",  # SQLite, where it cannot extend its log
)
REFUSED_WORDS = (
    "readonly database",
    "read-only file system",
    "unable to open database file",
    "permission denied",
    "os error 30",
)
# What a process may have no more of, as the system and the engines say it.
LIMITS = (
    (errno.ENOMEM, ("out of memory error", "cannot allocate memory"), "memory", "ulimit -v"),
    (errno.EMFILE, ("too many open files",), "open files", "ulimit -n"),
)
# A file where a folder belongs, or the other way round.
IN_THE_WAY = frozenset({errno.EISDIR, errno.ENOTDIR, errno.EEXIST})
UNCHANGED = "what was published before stays, and the next run goes on"


def require_room(folder: Path) -> None:
    """Raise C360Error where a run would hardly begin: a database that is half made stays broken."""
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise C360Error(
            f"the disk is full ({free >> 10:,} KiB are free): make room, then run again; "
            "nothing was changed"
        )


def unwritten(name: str, error: Exception) -> str:
    """A sentence about a database that could not be published, with the remedy where the disk is
    behind it.
    """
    problem = storage_problem(error)
    if problem:
        return f"{name} could not be written: {problem}"
    return f"{name} could not be written: {_reason(error)}; what was published before stays"


def _reason(error: Exception) -> str:
    """What went wrong in words of the system: the engine's own text may quote values."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    too_large = "File too large"
    return too_large if too_large in str(error) else type(error).__name__


def storage_problem(error: BaseException | None) -> str:
    """One sentence with the remedy where the disk is behind an error, empty where it is not."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        sentence = _sentence(error)
        if sentence:
            return sentence
        error = error.__cause__ or error.__context__
    return ""


def _sentence(error: BaseException) -> str:
    number = error.errno if isinstance(error, OSError) else None
    # Texts of libraries only: those of our own errors name the remedy already.
    text = str(error).lower()
    if number in FULL or any(words in text for words in FULL_WORDS):
        return f"the disk is full: make room, then run again; {UNCHANGED}"
    if number in REFUSED or any(words in text for words in REFUSED_WORDS):
        return (
            f"{_refused(error)}: give this user the right (chmod, chown, or mount it for writing), "
            f"then run again; {UNCHANGED}"
        )
    in_the_way = _in_the_way(error) if number in IN_THE_WAY else ""
    if in_the_way:
        return f"{in_the_way}: move it away, then run again; {UNCHANGED}"
    for limit, words, what, command in LIMITS:
        is_reached = isinstance(error, MemoryError) and limit == errno.ENOMEM
        if is_reached or number == limit or any(word in text for word in words):
            return (
                f"this process may have no more {what}: raise the limit (`{command}`, that of the "
                f"service or its container), then run again; {UNCHANGED}"
            )
    return ""


def _in_the_way(error: BaseException) -> str:
    """Which file or folder is of the wrong kind; '' where none of those that are named is."""
    names = (getattr(error, "filename2", None), getattr(error, "filename", None))
    for path in (Path(name) for name in names if isinstance(name, str | os.PathLike)):
        if path.is_dir():
            return f"{path} is a folder, where a file belongs"
        for part in (path, *path.parents):
            if part.exists() and not part.is_dir():
                return f"{part} is no folder, and one belongs there"
    return ""


def _refused(error: BaseException) -> str:
    """What may not be done, and where the system has said so."""
    path = error.filename if isinstance(error, OSError) else None
    if path is None:
        return "files of the tenant's folder may not be read or written by this user"
    cannot_write = isinstance(error, OSError) and error.errno == errno.EROFS
    return f"{path} {'is mounted read-only' if cannot_write else 'may not be read or written'}"

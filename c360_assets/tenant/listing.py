"""What lies in a folder: every file below it with its size and time, found in one walk.

Folders of landed files are looked at again and again, and grow by files every day, so that a look
costs little more than the walk itself. What the names mean belongs to `files`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass
class Listing:
    """What is below a folder, by path relative to the root that was asked for.

    `files` are regular files with their size and time of change, a pair each. `others` is what
    else there is, and whether it is a folder, or a link to one. `closed` are folders that this user
    may not look into.
    """

    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    others: dict[str, bool] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    # What patterns found among the files, for those who ask again in the same look.
    looks: dict[Any, list[Any]] = field(default_factory=dict)

    @cached_property
    def unprintable(self) -> list[str]:
        """Files whose names a terminal, a log or a table cannot hold."""
        # All names at once, as nearly always there is none.
        if "".join(self.files).isprintable():
            return []
        return [path for path in self.files if not path.isprintable()]


# Listings of this look, where one is under way.
_listings: ContextVar[dict[tuple[Path, str], Listing] | None] = ContextVar(
    "c360_listings", default=None
)


@contextmanager
def one_look() -> Iterator[None]:
    """Within the block each folder is walked once, however many feeds have their files in it.

    What lands meanwhile is seen by the next look.
    """
    if _listings.get() is not None:
        yield
        return
    token = _listings.set({})
    try:
        yield
    finally:
        _listings.reset(token)


def listing_of(root: Path, below: str) -> Listing:
    """What is below the folder `below` of `root`, which may be empty for all of it."""
    known = _listings.get()
    if known is None:
        return _walked(root, below)
    if (root, below) not in known:
        known[root, below] = _walked(root, below)
    return known[root, below]


def _walked(root: Path, below: str) -> Listing:
    listing = Listing()
    waiting = [f"{below}/" if below else ""]
    base = os.fspath(root)
    while waiting:
        prefix = waiting.pop()
        try:
            # A folder that has gone meanwhile holds nothing.
            with suppress(FileNotFoundError, NotADirectoryError):
                waiting += _list_folder(base, prefix, listing)
        except OSError:
            listing.closed.append(prefix.rstrip("/"))
    return listing


def _list_folder(base: str, prefix: str, listing: Listing) -> list[str]:
    with os.scandir(os.path.join(base, prefix)) as entries:
        return _list_entries(entries, prefix, listing)


def _list_entries(entries: Iterator[os.DirEntry[str]], prefix: str, listing: Listing) -> list[str]:
    """Put the entries of a folder into the listing; returns the folders among them."""
    folders: list[str] = []
    files = listing.files
    for entry in entries:
        path = prefix + entry.name
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # it has gone meanwhile
            continue
        if stat.S_ISREG(facts.st_mode):
            files[path] = (facts.st_size, facts.st_mtime_ns)
        elif stat.S_ISDIR(facts.st_mode):
            listing.others[path] = True
            folders.append(f"{path}/")
        else:
            listing.others[path] = _is_link_to_folder(entry)
    return folders


def _is_link_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False

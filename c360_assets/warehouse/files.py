"""Files that appear whole or not at all: written aside, readable by their owner only, then put in
place in one step.

What stands in a file belongs to its caller; Delta tables are written by `delta`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """A new file (mode 0600) that takes the place of `path` when the block ends; after an error the
    old one stays.

    A crash at any instant leaves the old file or the new one, each whole.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        # Created with its mode, so that at no instant another user can open it.
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        put_in_place(aside, path)
    finally:
        aside.unlink(missing_ok=True)  # half a file would keep a full disk full


def write_private(path: Path, text: str) -> None:
    """Replace the file at `path` by one with `text`, as `replaced_file` does."""
    with replaced_file(path) as file:
        file.write(text.encode())


def sweep_asides(folder: Path) -> None:
    """Remove files of `replaced_file` in the folder whose writer was killed.

    For who knows that nobody else writes there now.
    """
    for aside in folder.glob(".*.new"):
        if aside.name.split(".")[-2] != str(os.getpid()):
            aside.unlink(missing_ok=True)


def put_in_place(aside: Path, path: Path) -> None:
    """Rename a file that is on the disk already over `path`, and make the rename durable."""
    os.replace(aside, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Have the file's content on the disk before anything names it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private_folder(path: Path) -> Path:
    """`path` as a folder that only its owner may read."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o700)
    return path

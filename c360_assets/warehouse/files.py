"""Files that appear whole or not at all: written aside, readable by their owner only, then put in
place in one step.

What stands in a file belongs to its caller; Delta tables are written by `delta`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

PRIVATE = 0o700
WORKING = ".tmp"
NOT_TO_WRITE = (errno.EROFS, errno.EACCES, errno.EPERM)


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
    if stat.S_IMODE(path.stat().st_mode) != PRIVATE:
        os.chmod(path, PRIVATE)
    return path


def shared_folder(path: Path) -> Path:
    """`path` as a private folder unless it is there already: then others have decided who reads."""
    return path if path.is_dir() else private_folder(path)


@contextmanager
def working_folder(tenant_root: Path) -> Iterator[Path]:
    """Where a question keeps what it writes aside: the tenant's own folder for that, and for who
    may only read the tenant a private one of the system, which goes with the block.
    """
    own = tenant_root / WORKING
    try:
        private_folder(own)
        may_write = os.access(own, os.W_OK | os.X_OK)
    except OSError as error:
        if error.errno not in NOT_TO_WRITE:
            raise
        may_write = False
    if may_write:
        yield own
        return
    with TemporaryDirectory(prefix="c360-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)

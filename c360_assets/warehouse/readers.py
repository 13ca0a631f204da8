"""Who reads the tables of a warehouse without owning its tenant: readers share a lock, so that
files of versions that were replaced go when nobody reads them.

The kernel frees the lock of a process that dies. It is one machine's: other machines that read the
same bucket are not known here.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

FILE = ".lock.readers"


@contextmanager
def reading(tenant_root: Path) -> Iterator[None]:
    """Keep the files that are current now until the block has ended. Waits while others go.

    Who may only read the tenant's folder, by its rights or its mount, cannot be known there, and
    keeps none.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            file = stack.enter_context(_file(tenant_root))
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def nobody_reads(tenant_root: Path) -> Iterator[bool]:
    """Whether nobody reads, this process included; if so nobody begins before the block has
    ended."""
    with _file(tenant_root) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _file(tenant_root: Path) -> Iterator[IO[bytes]]:
    with (tenant_root / FILE).open("ab") as file:
        yield file

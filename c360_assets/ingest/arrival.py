"""Whether a landed file is whole: its writer is done with it, or a mark beside it says so.

A file has no sign of its end. It counts as whole once its size and time stayed for `files.settle`,
or where `files.done` names a mark, once the mark is there. Finding files belongs to `landing`,
marks to `done_marks`.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from c360_assets.ingest.landed_files import LandedFile
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import FeedConfig

# Tests shorten what would be a minute for each of their files.
OVERRIDE = "C360_SETTLE_SECONDS"


def settle_seconds(feed: FeedConfig) -> float:
    """How long a file must have stayed as it is."""
    override = os.environ.get(OVERRIDE)
    if override is not None:
        return float(override)
    return duration(feed.files.settle).total_seconds()


def seconds_to_settle(feed: FeedConfig, file: LandedFile) -> float:
    """How much longer the file must stay as it is; 0 where it is whole.

    A mark is the word of its sender, after which there is nothing to wait for.
    """
    if feed.files.done is not None:
        return 0.0
    settle = settle_seconds(feed)
    if not file.listed and (file.changed() or is_open_for_writing(file.path)):
        return settle
    age = time.time() - file.mtime_ns / 1e9
    # A time in the future is of another clock, and tells nothing.
    return max(settle - age, 0.0) if age >= 0 else 0.0


def is_open_for_writing(path: Path) -> bool:
    """Whether a process of this machine has the file open for writing, as far as one may know.

    The kernel gives a lease for reading only while nobody writes. Other file systems than local
    ones and files of other users tell nothing.
    """
    lease = getattr(fcntl, "F_SETLEASE", None)
    if lease is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.fcntl(handle, lease, fcntl.F_RDLCK)
        fcntl.fcntl(handle, lease, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False

"""One run owns a tenant at a time: an operating-system lock that the kernel frees when its holder
dies, and where the tables are in a bucket its lease, which keeps other machines out.

Who waits has it in the order of `waiting_line`. A file beside the lock says who holds it, for
people; only the lock decides. Marking runs of dead processes as failed needs the orchestrator and
lives with it.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import bucket_at
from c360_assets.warehouse.files import sweep_asides
from c360_assets.warehouse.lease import give_back, held_lease, try_lease
from c360_assets.warehouse.place import Place, place_of
from c360_assets.warehouse.processes import process_identity
from c360_assets.warehouse.storage import fence, read_manifest
from c360_assets.warehouse.waiting_line import place_in_line, waiting_for

# Where holders of the lock, and nobody else, write files aside before they are put in place.
FOLDERS_WITH_ASIDES = ("warehouse", "reports")
# Between two looks at another machine's lease.
LEASE_POLL = 2.0
# Whoever has waited so long gives up: what it waits for may hang.
HOURS_TO_WAIT = 12.0
# One lock object per tenant, as only the object that holds a lock may take it again.
_HELD: dict[Path, FileLock] = {}


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def tenant_lock(
    root: Path,
    what: str,
    waiting: Callable[[str], None] | None = None,
    poll: float = 0.5,
    hours: float = HOURS_TO_WAIT,
) -> Iterator[None]:
    """Hold the tenant at `root` while the block runs; re-entrant in a process.

    Waits for another holder and for those who wait already. A sentence names them, and another one
    when that changes: to `waiting`, else to standard error. `what` says what this holder does. What
    a killed holder left half written is removed: it may hold personal values.

    Raises C360Error where it is still held after `hours`.
    """
    lock = _lock_of(root)
    wait = _Wait(waiting or _say, hours)
    if not _taken_at_once(root, lock):
        with place_in_line(root, what) as others_before:
            while (others := others_before()) or not _is_taken(lock):
                wait.go_on(_describe(_holder_of(root), others), poll)
    with _held(root, lock, what):
        place = place_of(root)
        if place is not None:
            while message := own_bucket(place, what):
                wait.go_on(message, max(poll, LEASE_POLL))
        yield


class _Wait:
    """What a wait says, once for each sentence, and when it ends for good."""

    def __init__(self, tell: Callable[[str], None], hours: float) -> None:
        self.tell = tell
        self.hours = hours
        self.until = time.monotonic() + hours * 3600
        self.told = ""

    def go_on(self, message: str, seconds: float) -> None:
        """Say why, unless it was just said, and sleep. Raises C360Error once it was long enough."""
        if time.monotonic() >= self.until:
            raise C360Error(
                f"gave up after {self.hours:g} hours of {message}; if that hangs, end it, then run "
                "again"
            )
        if message != self.told:
            self.tell(message)
            self.told = message
        time.sleep(seconds)


def _taken_at_once(root: Path, lock: FileLock) -> bool:
    """Whether nobody held the tenant or waited for it; this process may hold it already."""
    return (lock.is_locked or not waiting_for(root)) and _is_taken(lock)


def _is_taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


@contextmanager
def tenant_lock_if_free(root: Path, what: str) -> Iterator[bool]:
    """Hold the tenant while the block runs, if nobody does or waits for it; whether it is held.

    Another thread of this process counts as nobody else.
    """
    lock = _lock_of(root)
    if not _taken_at_once(root, lock):
        yield False
        return
    with _held(root, lock, what):
        place = place_of(root)
        yield place is None or not own_bucket(place, what)


def own_bucket(place: Place, what: str) -> str:
    """Take the lease of a bucket for this process, and return nothing; or a sentence that says for
    whom to wait.

    Raises C360Error where the bucket cannot be written to, or holds another tenant's tables.
    """
    if held_lease(place.address) is not None:
        return ""
    bucket = bucket_at(place.address)
    read_manifest(bucket, place)
    lease = try_lease(bucket, what)
    if isinstance(lease, str):
        return lease
    if lease.taken_over:
        fence(bucket, place, lease)
    return ""


def release_bucket(address: str) -> None:
    """Give the lease of a bucket back, where this process holds it."""
    lease = held_lease(address)
    if lease is not None:
        give_back(lease)


def _lock_of(root: Path) -> FileLock:
    path = root.resolve() / ".lock"
    if path.is_dir():
        raise C360Error(f"{path} is a folder, where this program keeps a lock: remove it")
    return _HELD.setdefault(path, FileLock(str(path), thread_local=False))


def _holder_of(root: Path) -> Path:
    return root.resolve() / ".lock.holder"


@contextmanager
def _held(root: Path, lock: FileLock, what: str) -> Iterator[None]:
    """A lock that was taken, until it is released; the outermost one of a process tells of it."""
    outermost = lock.lock_counter == 1
    holder = _holder_of(root)
    try:
        if outermost:
            _sweep(root / ".tmp")
            for folder in FOLDERS_WITH_ASIDES:
                sweep_asides(root / folder)
            holder.write_text(json.dumps({"what": what, **process_identity()}), "utf-8")
        yield
    finally:
        if outermost:
            holder.unlink(missing_ok=True)
        if lock.lock_counter == 1:
            _release_bucket_of(root)
        lock.release()


def _release_bucket_of(root: Path) -> None:
    with suppress(C360Error):  # settings that became unreadable meanwhile: it expires
        place = place_of(root)
        if place is not None:
            release_bucket(place.address)


def _sweep(folder: Path) -> None:
    for leftover in folder.glob("*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _describe(holder: Path, others: Sequence[str]) -> str:
    """Who holds the tenant, and who has it before this one."""
    before = f"{', '.join(others)}, which came before" if others else ""
    try:
        run = json.loads(holder.read_text("utf-8"))
        holds = f"{run['what']} (process {run['pid']}), which holds this tenant"
    except (OSError, ValueError, KeyError):
        # Between two holders, or one that has just begun.
        holds = "" if before else "another run, which holds this tenant"
    return "waiting for " + ", and for ".join(part for part in (holds, before) if part)

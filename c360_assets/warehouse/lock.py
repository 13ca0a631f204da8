"""One run owns a tenant at a time: an operating-system lock that the kernel frees when its holder
dies.

A file beside the lock says who holds it, for people; only the lock decides. Marking runs of dead
processes as failed needs the orchestrator and lives with it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from c360_assets.errors import C360Error
from c360_assets.warehouse.files import sweep_asides

# Where holders of the lock, and nobody else, write files aside before they are put in place.
FOLDERS_WITH_ASIDES = ("warehouse", "reports")
ENDED = "ZX"  # states of processes, of proc(5)
# One lock object per tenant, as only the object that holds a lock may take it again.
_HELD: dict[Path, FileLock] = {}


def process_identity(pid: int | None = None) -> dict[str, str]:
    """Process id, start time (clock ticks since boot), boot id, and the space that its number is
    of: equal only for one process of one boot. Containers have spaces of their own. One that has
    ended and that nobody has asked about yet has no start time, as one that is not there.
    """
    pid = os.getpid() if pid is None else pid
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        started = "" if facts[0] in ENDED else facts[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (OSError, IndexError):
        started, boot = "", ""
    return {"pid": str(pid), "started": started, "boot": boot, "space": _space_of_processes()}


def _space_of_processes() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def is_elsewhere(identity: dict[str, str]) -> bool:
    """Whether the process is of another container of this boot, and cannot be seen from here."""
    here = process_identity()
    same_boot = identity.get("boot") == here["boot"]
    return same_boot and identity.get("space", here["space"]) != here["space"]


def is_alive(identity: dict[str, str]) -> bool:
    """Whether the process that `process_identity` described still runs, or may do so elsewhere."""
    pid = identity.get("pid", "")
    if not pid.isdigit():
        return False
    if is_elsewhere(identity):
        return True
    now = process_identity(int(pid))
    if now["started"]:
        return identity.items() <= now.items()
    if Path("/proc").exists():
        return False
    # Without /proc there is only the number, which another process may have by now.
    try:
        os.kill(int(pid), 0)
    except OSError:
        return False
    return True


def owner_mark(run_id: str) -> str:
    """One line that says which process works on the run: for a tag of the run."""
    return " ".join([run_id, *process_identity().values()])


def owner_is_gone(mark: str | None, run_id: str) -> bool:
    """Whether the process that wrote `mark` for this very run has ended.

    A mark copied from another run, as running again does, says nothing.
    """
    owner, identity = _read_mark(mark)
    return owner == run_id and not is_alive(identity)


def owner_is_elsewhere(mark: str | None, run_id: str) -> bool:
    """Whether only the file of the run can tell if its process lives (`running`)."""
    owner, identity = _read_mark(mark)
    return owner == run_id and is_elsewhere(identity)


def _read_mark(mark: str | None) -> tuple[str, dict[str, str]]:
    """The run that a mark was written for, and the process that wrote it."""
    run_id, *process = (mark or "").split(" ")
    return run_id, dict(zip(("pid", "started", "boot", "space"), process, strict=False))


@contextmanager
def tenant_lock(
    root: Path, what: str, waiting: Callable[[str], None] | None = None, poll: float = 0.5
) -> Iterator[None]:
    """Hold the tenant at `root` while the block runs; re-entrant in a process.

    Waits for another holder and calls `waiting` once per holder with a sentence that names it.
    `what` says what this holder does. What a killed holder left half written is removed: it may
    hold personal values.
    """
    lock = _lock_of(root)
    reported = ""
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            message = _describe(_holder_of(root))
            if waiting is not None and message != reported:
                waiting(message)
                reported = message
            time.sleep(poll)
    with _held(root, lock, what):
        yield


@contextmanager
def tenant_lock_if_free(root: Path, what: str) -> Iterator[bool]:
    """Hold the tenant while the block runs, if nobody does; whether it is held.

    Another thread of this process counts as nobody else.
    """
    lock = _lock_of(root)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    with _held(root, lock, what):
        yield True


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
        lock.release()


def _sweep(folder: Path) -> None:
    for leftover in folder.glob("*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _describe(holder: Path) -> str:
    try:
        run = json.loads(holder.read_text("utf-8"))
        return f"waiting for {run['what']} (process {run['pid']}), which holds this tenant"
    except (OSError, ValueError, KeyError):
        return "waiting for another run, which holds this tenant"

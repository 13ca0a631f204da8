"""Which process is meant, on this machine or another: its number alone is soon another's.

Who holds the tenant belongs to `lock`, whose run it is to the orchestrator.
"""

from __future__ import annotations

import os
from pathlib import Path

ENDED = "ZX"  # states of processes, of proc(5)


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

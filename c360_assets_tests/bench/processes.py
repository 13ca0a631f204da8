"""What the processes that another one starts take of memory and processor time, read from `/proc`.

Belongs here: watching while they run, as nothing of an ended process can be asked. Which of them
are of interest is known by whoever asks.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
LOOK = 0.5  # seconds between two looks
TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat, counted from the one behind the name of the program.
PARENT, USER, SYSTEM = 1, 11, 12


@dataclass
class Seen:
    """A process as it was last seen. `peak`, `now`: MiB of memory; `cpu`: seconds of all cores."""

    command: str
    peak: float
    now: float
    cpu: float


@dataclass
class Watched:
    """What a command printed, and the processes that it started, itself left out.

    `at_once`: by a word of their command line, the most MiB that such processes had together.
    """

    output: str
    below: list[Seen]
    at_once: dict[str, float] = field(default_factory=dict)


def watched(command: Sequence[str], environment: dict[str, str], words: Sequence[str]) -> Watched:
    """Run the command to its end, looking at what it starts. Raises CalledProcessError."""
    seen: dict[int, Seen] = {}
    at_once = dict.fromkeys(words, 0.0)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as started:
        while True:
            alive = {pid: look for pid in _below(started.pid) if (look := _seen(pid))}
            seen |= alive
            for word in words:
                together = sum(look.now for look in alive.values() if word in look.command)
                at_once[word] = max(at_once[word], together)
            with suppress(subprocess.TimeoutExpired):
                output, _ = started.communicate(timeout=LOOK)
                break
    if started.returncode:
        raise subprocess.CalledProcessError(started.returncode, list(command))
    return Watched(output, list(seen.values()), at_once)


def own_peak() -> float:
    """MiB that this process has had at most. What the system's accounting gives would count the
    process that started it."""
    seen = _seen(os.getpid())
    return seen.peak if seen else 0.0


def _below(pid: int) -> Iterator[int]:
    """The processes that it started, and those that they started."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        stat = _stat(folder)
        if stat:
            children.setdefault(int(stat[PARENT]), []).append(int(folder.name))
    found = [*children.get(pid, ())]
    for child in found:
        found += children.get(child, ())
        yield child


def _stat(folder: Path) -> list[str]:
    """Empty where the process has ended."""
    with suppress(OSError):
        return (folder / "stat").read_text().rpartition(")")[2].split()
    return []


def _seen(pid: int) -> Seen | None:
    folder = PROC / str(pid)
    stat = _stat(folder)
    with suppress(OSError):
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        lines = (folder / "status").read_text().splitlines()
        sizes = {name: value for name, _, value in (line.partition(":") for line in lines)}
        # One that has ended and was not waited for has no memory.
        if stat and "VmHWM" in sizes:
            cpu = (int(stat[USER]) + int(stat[SYSTEM])) / TICKS
            return Seen(command, _mib(sizes["VmHWM"]), _mib(sizes["VmRSS"]), cpu)
    return None


def _mib(size: str) -> float:
    """Of a text as `1234 kB`."""
    return int(size.split()[0]) / 1024

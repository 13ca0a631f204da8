"""Keeps the processes of a service going on one machine, as compose or systemd does elsewhere.

One that ends is started again, later each time it ends at once. Which processes there are belongs
to `service`.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

SECONDS_BETWEEN_LOOKS = 0.5
# A process that has lived for so long was well.
SECONDS_OF_GOOD_HEALTH = 60.0
LONGEST_PAUSE = 60.0
SECONDS_TO_END = 15.0
SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Part:
    """A process of the service. `early_ends` counts how often it has ended soon after its start."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    early_ends: int = 0
    start_at: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a process group of its own: Ctrl-C reaches this process, which ends it.

        A signal to stop waits meanwhile: between fork and exec it would be handled in the child,
        and here before the child is known.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            self.process = subprocess.Popen(
                self.command, preexec_fn=_die_with_parent, process_group=0
            )
            self.began = time.monotonic()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def look(self, say: Callable[[str], None]) -> None:
        """Note that the process has ended, or start it again when it is time."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        is_early = now - self.began < SECONDS_OF_GOOD_HEALTH
        self.early_ends = self.early_ends + 1 if is_early else 0
        pause = min(LONGEST_PAUSE, 2.0**self.early_ends - 1)
        say(f"the {self.name} ended (code {code}) and is started again in {pause:.0f} s")
        self.process = None
        self.start_at = now + pause

    def end(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def supervise(
    first: Part, others: Sequence[Part], wait: Callable[[], None], say: Callable[[str], None]
) -> None:
    """Start `first`, `wait` for it, start the others, and keep all going until a signal to stop."""
    parts = [first, *others]
    with _stopped_by_signals(), _ended(parts):
        first.start()
        wait()
        for part in others:
            part.start()
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for part in parts:
                part.look(say)


class _StopError(Exception):
    """A signal that asks the service to stop."""


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP end the block quietly; a script's background job ignores the
    first, and what `nohup` starts keeps ignoring the last."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _StopError

    for number in STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    with suppress(_StopError):
        yield


@contextmanager
def _ended(parts: Sequence[Part]) -> Iterator[None]:
    """Whatever ends the block ends the processes, the daemon first."""
    try:
        yield
    finally:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        for part in reversed(parts):
            part.end()


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies, however that dies."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

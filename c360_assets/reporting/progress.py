"""Progress of a long verb: a live line on a terminal, plain lines in a pipe.

Says only what it is told; which steps there are is known to the caller.
"""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Reporter:
    """Tells a person what goes on. `doing` is what is under way, `done` a line that stays."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self._status: Status | None = console.status("starting") if console.is_terminal else None

    def __enter__(self) -> Reporter:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def doing(self, text: str) -> None:
        """Show what is under way on a terminal; in a pipe only what is `done` is worth a line."""
        if self._status is not None:
            self._status.update(f"[dim]{self.seconds:5.1f} s[/]  {escape(text)}")

    def done(self, text: str) -> None:
        """A line that stays: something is finished or must be known."""
        self.console.print(f"[dim]{self.seconds:5.1f} s[/]  {escape(text)}", soft_wrap=True)

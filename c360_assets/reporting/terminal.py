"""The one place where text goes out to a terminal: no control character of a file's name, a key or
a customer's value gets there.

A terminal obeys such characters: they move the cursor, hide lines and answer as if typed. They
stand as escapes instead. What goes to a file or another program stays as it is, apart from pages
and tables for people.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# Control characters but line breaks and tabs; those that turn the direction of writing; and halves
# of characters, which no terminal can show.
UNSAFE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)"
)


def harmless(text: str) -> str:
    """`text` with what a terminal would obey as escapes."""
    return UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


class SafeConsole(Console):
    """A console of which no renderable can make a terminal do anything but show text.

    Lines of text stay whole, and the terminal folds them: a path or a command can be copied, and
    another program finds a sentence in one line. Tables are laid out for the width.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        if all(isinstance(each, str | Text) for each in objects):
            options.setdefault("soft_wrap", True)
        super().print(*objects, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            # Rich's own movements of the cursor are marked as control.
            if segment.control is None and UNSAFE.search(segment.text):
                yield Segment(harmless(segment.text), segment.style)
            else:
                yield segment


class Output:
    """Standard output for text that a program may read: byte for byte, unless a terminal shows it.

    Has the method of files that `csv.writer` asks for.
    """

    def write(self, text: str) -> int:
        stream: TextIO = sys.stdout
        return stream.write(harmless(text) if stream.isatty() else text)


def emit(text: str = "") -> None:
    """Write a line to standard output, as `Output` does."""
    Output().write(f"{text}\n")


def print_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What Python prints of an error that nobody handled: it may quote what it read.

    Of Ctrl-C at a moment when no verb has begun, one word.
    """
    import traceback

    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Aborted!\n")
        return
    sys.stderr.write(harmless("".join(traceback.format_exception(kind, error, trace))))

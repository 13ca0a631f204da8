"""What can go wrong, in words for the person who can correct it.

The error types that every room raises live here. Wording belongs to the place that raises; nothing
here knows a table or a file. A message never holds a value from customer data: counts, keys of
configuration, file names and line numbers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal


class C360Error(Exception):
    """An error that is shown without a traceback.

    Its text names the place, what is allowed and what to do.
    """


@dataclass(frozen=True)
class Problem:
    """What is wrong with the configuration: where, what, and what to do about it."""

    severity: Literal["error", "warning"]
    file: str
    message: str
    line: int | None = None
    key: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:" if self.line else f"{self.file}:"
        if self.key:
            text += f" {self.key}:"
        text += f" {self.message}"
        if self.remedy:
            text += f" — {self.remedy}"
        return text


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether one of `problems` is more than a warning."""
    return any(problem.severity == "error" for problem in problems)


class ConfigError(C360Error):
    """All configuration problems of a tenant at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        errors = [str(problem) for problem in self.problems if problem.severity == "error"]
        super().__init__("\n".join(errors))

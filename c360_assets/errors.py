"""What can go wrong, told to the person who can mend it.

The error types that every room raises live here. Wording belongs to the place that raises; nothing here knows a table or a file.
A message never holds a value from customer data: counts, keys of configuration, file names and line numbers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal


class C360Error(Exception):
    """An error whose text names the place, what is allowed and what to do; shown without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One finding about the configuration: where it is, what is wrong, what to do."""

    severity: Literal["error", "warning"]
    file: str
    message: str
    line: int | None = None
    key: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} {self.message}" + (f" — {self.remedy}" if self.remedy else "")


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether one of `problems` is more than a warning."""
    return any(problem.severity == "error" for problem in problems)


class ConfigError(C360Error):
    """All configuration problems of a tenant at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        errors = [str(p) for p in self.problems if p.severity == "error"]
        super().__init__("\n".join(errors))

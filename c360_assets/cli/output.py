"""How verbs print: the two streams, problems of the configuration, errors and JSON.

What a page or a table of a verb looks like belongs to `reporting`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from c360_assets.errors import C360Error, ConfigError, Problem
from c360_assets.reporting.terminal import SafeConsole, emit
from c360_assets.tenant.files import printable
from c360_assets.warehouse.storage_errors import storage_problem

out = SafeConsole(highlight=False, emoji=False)
err = SafeConsole(stderr=True, highlight=False, emoji=False)


@contextmanager
def reported_errors() -> Iterator[None]:
    """Print errors that a person can correct without a traceback, and end with exit code 1."""
    try:
        yield
    except ConfigError as error:
        print_problems(error.problems, err)
        raise typer.Exit(1) from None
    except C360Error as error:
        print_failures([str(error)])
        raise typer.Exit(1) from None
    except typer.Exit:
        raise
    except Exception as error:
        problem = storage_problem(error)
        if not problem:
            raise
        print_failures([problem])
        raise typer.Exit(1) from None


def print_problems(problems: Iterable[Problem], console: Console) -> None:
    for problem in problems:
        mark, style = ("✗", "red") if problem.severity == "error" else ("!", "yellow")
        console.print(f"{mark} {_shown(problem)}", style=style, markup=False)


def print_failures(failures: Iterable[str]) -> None:
    for failure in failures:
        err.print(f"✗ {_shown(failure)}", style="red", markup=False)


def _shown(text: object) -> str:
    """Lines fit for a terminal: control characters of a file's or a key's name stand as escapes."""
    return "\n".join(printable(line) for line in str(text).splitlines())


def emit_query(sql: str) -> None:
    """Write SQL to give to `c360 sql`, which would take a comment in front for an option."""
    emit(f"\n{sql}" if sql.startswith("-") else sql)


def print_json(value: Any) -> None:
    """Print `value` for scripts: dataclasses by their fields; types that JSON lacks become text."""
    from pydantic import TypeAdapter

    # Not in pydantic's JSON mode, which would write times in another form than Python's.
    document = TypeAdapter(Any).dump_python(value)
    emit(json.dumps(document, indent=1, default=str))

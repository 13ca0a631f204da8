"""Rows of a query as a person reads them in a terminal: side by side where they fit, else a line per column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

FOLDED = 20  # characters to which a column may be folded before it is hard to read
APART = 1  # between columns


def print_rows(names: Sequence[str], rows: Sequence[Sequence[Any]], console: Console) -> int:
    """Print `rows` and return how many: turned round, only as many as stand beside each other."""
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if (
        sum(
            min(FOLDED, max(map(len, column))) + APART for column in zip(names, *texts, strict=True)
        )
        <= console.width
    ):
        console.print(_table(names, texts))
        return len(rows)
    beside = max(1, (console.width - max(map(len, names))) // (FOLDED + APART))
    turned = [list(line) for line in zip(names, *texts[:beside], strict=True)]
    console.print(
        _table(
            ["column", *(f"row {number}" for number in range(1, len(texts[:beside]) + 1))],
            turned,
            turned=True,
        )
    )
    return len(texts[:beside])


def _table(names: Sequence[str], texts: Sequence[Sequence[str]], *, turned: bool = False) -> Table:
    # Texts, as a plain string's square brackets would be read as markup.
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(names):
        table.add_column(Text(name), overflow="fold", no_wrap=turned and number == 0)
    for row in texts:
        table.add_row(*map(Text, row))
    return table

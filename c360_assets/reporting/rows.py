"""Rows of a query for a terminal: side by side where they fit, else a line per column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from c360_assets.reporting.plain_tables import plain_table

FOLDED = 20
"""Characters to which a column may be folded before it is hard to read."""
TURNED = "column"
"""Heading of the names of columns where rows are turned round."""
GAP = 1
"""Blanks between columns."""


def print_rows(names: Sequence[str], rows: Sequence[Sequence[Any]], console: Console) -> int:
    """Print `rows` and return how many.

    They are turned round where they are too wide, and then only as many as stand beside each other.
    """
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    columns = zip(names, *texts, strict=True)
    width = sum(min(FOLDED, max(map(len, column))) + GAP for column in columns)
    if width <= console.width:
        console.print(_table(names, texts))
        return len(rows)
    width_for_names = min(max(map(len, [TURNED, *names])), console.width // 2)
    width_for_rows = console.width - width_for_names
    beside = texts[: max(1, width_for_rows // (FOLDED + GAP))]
    headings = [TURNED, *(f"row {number}" for number in range(1, len(beside) + 1))]
    lines = [list(line) for line in zip(names, *beside, strict=True)]
    console.print(_table(headings, lines, width_for_names))
    return len(beside)


def _table(
    names: Sequence[str], texts: Sequence[Sequence[str]], first_width: int | None = None
) -> Table:
    # Texts, as a plain string's square brackets would be read as markup.
    table = plain_table(heading="bold")
    for number, name in enumerate(names):
        width = first_width if number == 0 else None
        table.add_column(Text(name), overflow="fold", width=width)
    for row in texts:
        table.add_row(*map(Text, row))
    return table

"""Tables for a terminal, as all pages look: without a frame, with a title on the left.

What stands in a table belongs to its page.
"""

from __future__ import annotations

from rich.table import Table


def plain_table(title: str | None = None, *, heading: str = "dim") -> Table:
    """A table without columns yet; `heading` is the style of its head line, "" for none."""
    return Table(
        title=title,
        title_justify="left",
        box=None,
        pad_edge=False,
        show_header=bool(heading),
        header_style=heading,
    )

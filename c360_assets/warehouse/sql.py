"""Names and values in SQL text: the only two functions that may put one into a statement, and names
that collide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def quote_ident(name: str) -> str:
    """`name` as a quoted identifier; a dotted name must be quoted part by part."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str | None) -> str:
    """`value` as a string literal, NULL for None."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def repeated(names: Iterable[str]) -> list[str]:
    """What to tell of each name that two columns have, in whatever case: a table can keep only one
    of them."""
    times = Counter(name.lower() for name in names)
    return [
        f"{n} columns are named {name}: keep one, or name the others with AS"
        for name, n in times.items()
        if n > 1
    ]

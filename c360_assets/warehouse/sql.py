"""Names, values and paths in SQL text: the only functions that may put one into a statement, and
names that collide.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from c360_assets.wording import counted


def quote_ident(name: str) -> str:
    """`name` as a quoted identifier; a dotted name must be quoted part by part."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str | None) -> str:
    """`value` as a string literal, NULL for None."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def exact_path(path: Path | str) -> str:
    """`path` as a reader of files takes it that expands wildcards: it means this one file.

    DuckDB reads `[1]`, `*` and `?` in a folder's name as a pattern, also in a list of paths.
    """
    return re.sub(r"([\[*?])", r"[\1]", str(path))


def quote_path(path: Path | str) -> str:
    """`path` as a string literal for `read_parquet` and its like: one file, whatever its name
    holds."""
    return quote_literal(exact_path(path))


def repeated(names: Iterable[str]) -> list[str]:
    """A sentence about each name that two columns have, in whatever case: a table can keep only one
    of them."""
    times = Counter(name.lower() for name in names)
    return [
        f"{counted(count, 'column is', 'columns are')} named {name}: keep one, or name the others "
        "with AS"
        for name, count in times.items()
        if count > 1
    ]

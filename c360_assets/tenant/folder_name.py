"""Folders whose names a library underneath reads otherwise than as they are written.

Blanks, accents, `#`, `*`, brackets and quotes are all right.
"""

from __future__ import annotations

import re
from pathlib import Path

from c360_assets.tenant.files import printable

# What cannot stand in a path, and who stumbles over it.
REFUSED = (
    (re.compile(r"\?"), "a question mark, from which on DuckDB reads options"),
    (re.compile(r"\\"), "a backslash, which Delta reads as a slash"),
    (
        re.compile(r"%[0-9A-Fa-f]{2}"),
        "a % with two digits, which Delta and SQLite read as one sign",
    ),
)


def folder_problem(root: Path) -> str:
    """Why no tenant can live in the folder, and what to do; empty where one can."""
    path = str(root)
    shown = printable(path)
    reason = next((words for pattern, words in REFUSED if pattern.search(path)), "")
    if shown != path:
        reason = "a sign that is not printable UTF-8"
    if not reason:
        return ""
    return f"a tenant cannot live in {shown}: its path holds {reason}; rename or move the folder"

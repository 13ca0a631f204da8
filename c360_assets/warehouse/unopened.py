"""Why a published or kept database could not be opened, in words with the remedy."""

from __future__ import annotations

import re

import duckdb

from c360_assets.errors import C360Error
from c360_assets.warehouse.remote_failures import quoted_failure

# What the engine says of a file that another program holds, and of a folder in the place of one.
HELD = re.compile(r"set lock|Conflicting lock|being used by another process", re.IGNORECASE)
FOLDER = re.compile(r"Is a directory|IsADirectoryError")


def is_held(error: duckdb.Error) -> bool:
    """Whether a file could not be opened because another program writes to it."""
    return HELD.search(str(error)) is not None


def unopened(name: str, error: duckdb.Error) -> C360Error:
    """The error for a published or kept database that cannot be opened."""
    if is_held(error):
        problem = "is open for writing in another program, and not damaged"
        return C360Error(f"{name} {problem}; close it there, or open it read-only there")
    if FOLDER.search(str(error)):
        return C360Error(
            f"{name} is a folder, where a file belongs: move it away, and `c360 run` publishes it "
            "again"
        )
    remote = quoted_failure(str(error))
    if remote:
        return C360Error(
            f"{name} cannot be read ({remote}): see that its server is well, and that this user or "
            "these credentials may read all of it; `c360 run` publishes again what is missing there"
        )
    reason = f"({type(error).__name__}): {str(error).splitlines()[0]}"
    remedy = "`c360 run` publishes a damaged one again, `c360 rollback` a kept one"
    return C360Error(f"{name} cannot be opened {reason}; {remedy}")

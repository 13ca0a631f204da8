"""Why a delivery day of a feed cannot be loaded at all.

Errors of single rows are not failures; they are counted in `row_errors`.
"""

from __future__ import annotations

from c360_assets.errors import C360Error

# The kind of a day that was refused for its rows; every other kind means that its files could not
# be read as they should.
OVER_THRESHOLD = "error_threshold"


class LoadError(C360Error):
    """A file or a feed that cannot be loaded.

    `kind` is a word for tables and metadata; the text never holds a value.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def file_message(feed_name: str, file: str, problem: str, remedy: str) -> str:
    """The text of a problem with one file: whose it is, what is wrong with it, and what to do."""
    return f"feed {feed_name}: file {file} {problem}; {remedy}"

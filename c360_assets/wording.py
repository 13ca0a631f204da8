"""Numbers in sentences, so that one thing is never told as several.

Sentences themselves belong to the place that knows what they are about.
"""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """A number with what it counts: `1 row`, `1,204 rows`; with a verb, `1 row is`, `2 rows are`.

    `several` is `one` with an s unless it is given.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"

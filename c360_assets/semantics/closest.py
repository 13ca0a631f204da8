"""The nearest allowed word to a misspelt one, for "did you mean".

Only the distance lives here; which words are allowed belongs to whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable

from jellyfish import damerau_levenshtein_distance


def closest(word: str, allowed: Iterable[str], limit: int = 2) -> str | None:
    """The word of `allowed` within `limit` edits of `word` (a swap counts one), nearest first, then by alphabet.

    Short words need more agreement: at most a third of the letters may differ, so that `tag` is not taken for `day`.
    """
    near = [
        (distance, other)
        for other in sorted(set(allowed))
        if abs(len(other) - len(word)) <= limit
        and 0
        < (distance := damerau_levenshtein_distance(word.lower(), other.lower()))
        <= min(limit, max(1, len(word) // 3))
    ]
    return min(near)[1] if near else None

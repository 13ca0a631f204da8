"""The nearest allowed word to a misspelt one, for "did you mean".

Only the distance lives here; which words are allowed belongs to whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable

from jellyfish import damerau_levenshtein_distance


def closest(word: str, allowed: Iterable[str], limit: int = 2) -> str | None:
    """The word of `allowed` within `limit` edits of `word`, nearest first, then by alphabet.

    Two letters that are swapped count as one edit, capitals as none.

    Short words need more agreement: at most a third of the letters may differ, so that `tag` is not
    taken for `day`.
    """
    most_edits = min(limit, max(1, len(word) // 3))
    near: list[tuple[int, str]] = []
    for candidate in sorted(set(allowed)):
        # Cheaper than the distance, which can be no less than the difference in length.
        if abs(len(candidate) - len(word)) > limit:
            continue
        distance = damerau_levenshtein_distance(word.lower(), candidate.lower())
        if candidate != word and distance <= most_edits:
            near.append((distance, candidate))
    if not near:
        return None
    _, nearest = min(near)
    return nearest


def instead_of(word: str, known: Iterable[str], *, none: str = "there are none") -> str:
    """The remedy for a name that is not there: the one that was meant, else all there are; `none`
    where there are none.
    """
    names = list(known)
    nearest = closest(word, names)
    if nearest is not None:
        return f"did you mean {nearest}?"
    return f"there are {', '.join(names)}" if names else none

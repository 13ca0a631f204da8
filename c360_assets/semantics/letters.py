"""Letters that Unicode does not decompose, in plain ones."""

from __future__ import annotations

# People type them without the stroke. By upper-case letter.
PLAIN_LETTERS: dict[str, str] = {
    "Ø": "O",
    "Ł": "L",
    "Đ": "D",
    "Ð": "D",
    "Æ": "AE",
    "Œ": "OE",
    "Þ": "TH",
    "Ħ": "H",
    "ẞ": "SS",
}

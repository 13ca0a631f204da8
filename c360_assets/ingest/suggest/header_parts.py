"""Headers whose words are cut short by a dot or stand for `number`: `Дата народж.`, `№ замовлення`.

They are looked up among the names that are known whole, of persons (`header_words`) as of tables
(`table_tags`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from c360_assets.ingest.suggest.column_names import plain_header

LEAST_LETTERS = 5
LEAST_IN_TABLES = 3  # where other columns tell what a table is of
WORD = re.compile(r"№|[^\W_]+[.]?")
# Before what it is the number of; whole in names that are known, and as people cut it short.
NUMBER_BEFORE = re.compile(
    r"(?:numero|number|numer|nummer|nomor|номер|αριθμος|stevilka|cislo|broj|број)"
    r"(?:de|del|do|da|di|du)?(.{4,})"
)
NUMBER_WORDS = frozenset({
    "№", "n", "no", "nr", "nro", "num", "numero", "номер", "αρ", "αριθμος", "st", "stevilka", "c",
    "cislo", "br", "broj", "бр",
})  # fmt: skip
OF = frozenset({"de", "del", "do", "da", "di", "du"})
NUMBER = "#"


def by_abbreviation(
    name: str, meanings: Mapping[str, str], least: int = LEAST_LETTERS
) -> str | None:
    """What a header with dotted words means: the one meaning of all known names (`meanings`, by
    their letters) that begin so word by word; None without dots, of fewer than the `least` letters,
    and where they have several."""
    words = [word.lower() for word in WORD.findall(plain_header(name))]
    letters = sum(len(word.rstrip(".")) for word in words)
    if letters < least or not any(word.endswith(".") for word in words):
        return None
    begins = (
        re.escape(word[:-1]) + r"\w*" if word.endswith(".") else re.escape(word) for word in words
    )
    pattern = re.compile("".join(begins))
    found = {meaning for known, meaning in meanings.items() if pattern.fullmatch(known)}
    return found.pop() if len(found) == 1 else None


@cache
def numbered(letters: str) -> str | None:
    """A known name of a number as that of `#` and what it counts; None where it is none."""
    number = NUMBER_BEFORE.fullmatch(letters)
    return None if number is None else NUMBER + number.group(1)


def numbered_header(name: str) -> str | None:
    """A header as `numbered`, by its first word."""
    words = [word.lower().rstrip(".") for word in WORD.findall(plain_header(name))]
    if len(words) < 2 or words[0] not in NUMBER_WORDS:
        return None
    rest = words[2:] if words[1] in OF else words[1:]
    return NUMBER + "".join(rest)


def without_number_words(name: str) -> str:
    """A header without the words for number at its ends: `Nr. telefon`, `Mobiele nr.`"""
    words = [word.lower().rstrip(".") for word in WORD.findall(plain_header(name))]
    while words and words[0] in NUMBER_WORDS | OF:
        words = words[1:]
    while words and words[-1] in NUMBER_WORDS:
        words = words[:-1]
    return " ".join(words)

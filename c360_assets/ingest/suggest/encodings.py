"""The beginning of a text file as text: unpacked, and decoded from what it is written in.

UTF-8 is what is assumed wherever it may be. Other encodings are told by a byte order mark, or by
what their bytes read as.
"""

from __future__ import annotations

import gzip
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

HEAD_BYTES = 8 * 1024 * 1024
# Bytes from which an encoding is told; more make it slower and no more certain.
TOLD_FROM = 256 * 1024
MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Japanese has kana, which no other text shows; in this order, as most of the second reads as the
# first does not.
JAPANESE = ("euc_jp", "cp932")
KANA = re.compile("[\u3041-\u30fa]")
# A character that would stand in the middle of a word of plain letters.
INSIDE_A_WORD = re.compile("[A-Za-z][\u3041-\u9fff]|[\u3041-\u9fff][A-Za-z]")
WESTERN = "cp1252"
# What exports are written in where it is not UTF-8, and the letters above ASCII that the languages
# use. The first whose letters are nearly all of a text's is it: the library tells other alphabets
# apart well, and Latin ones by their statistics only, which a table of names lacks.
POLISH = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ"
CZECH = "áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽäôĺľŕĽ"
OTHER_CENTRAL = "őűöüŐŰÖÜáéíóúÁÉÍÓÚăâîșțşţĂÂÎŞŢđĐčćšžČĆŠŽß"
MARKS_OF_TEXT = "–’„”“€£§°«»\xa0"
# Beside other western letters `ò` and `ì` would be the Czech `ň` and `ě`.
ITALIAN = "àèéìòùÀÈÉÌÒÙ"
CATALAN = "àçèéíïòóúü·ÀÇÈÉÍÏÒÓÚÜ"
# Read as western the last are Õ and Û, which no language has beside none but the others here.
HUNGARIAN = "áéíóöúüÁÉÍÓÖÚÜőűŐŰ"
ONLY_HUNGARIAN = "őűŐŰ"
# Elsewhere they are read as letters of central Europe.
ICELANDIC = f"áðéíóúýþæöøÁÐÉÍÓÚÝÞÆÖØ{MARKS_OF_TEXT}"
ICELANDIC_AT_HOME = ("IS", "FO")
LATIN_LETTERS = (
    (WESTERN, "äöüßÄÖÜéèêëÉÈÊàâÀÂçÇôîïûùÔÎœŒñÑáíóúÁÍÓÚãõÃÕåÅøØæÆ¿¡ºª°€£§«»–—’‘“”„´·®©\xa0"),
    *((WESTERN, f"{letters}{MARKS_OF_TEXT}") for letters in (ITALIAN, CATALAN)),
    ("mac_roman", "äöüßÄÖÜéèêëÉàâçÇôîïûùñÑáíóúãõåÅøØæÆ°€£–—’“”\xa0"),
    *(("cp1250", f"{letters}{MARKS_OF_TEXT}") for letters in (POLISH, CZECH, OTHER_CENTRAL)),
    *(("iso8859_2", letters) for letters in (POLISH, CZECH, OTHER_CENTRAL)),
    ("cp1254", f"çğıöşüÇĞİÖŞÜâîûé{MARKS_OF_TEXT}"),
    ("cp1257", f"āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽąęėįųĄĘĖĮŲõäöüÕÄÖÜ{MARKS_OF_TEXT}"),
    ("mac_roman", f"{ITALIAN}{MARKS_OF_TEXT}"),
    ("cp850", "äöüßÄÖÜéèêëÉàâçÇôîïûùñÑáíóúãõåÅøØæÆ"),
    ("cp850", ITALIAN),
    ("cp852", f"{POLISH}{CZECH}{OTHER_CENTRAL}"),
)
# Where a few words of text are as good in a western encoding, though nobody writes it there.
ENCODINGS_AT_HOME = {
    **dict.fromkeys(("CZ", "SK", "PL", "HU", "SI", "HR", "BA", "RS", "ME", "RO", "AL"), "cp1250"),
    **dict.fromkeys(("TR", "AZ"), "cp1254"),
    **dict.fromkeys(("EE", "LV", "LT"), "cp1257"),
    **dict.fromkeys(("GR", "CY"), "cp1253"),
    "IL": "cp1255",
    **dict.fromkeys(
        ("AE", "BH", "DZ", "EG", "IQ", "JO", "KW", "LB", "LY", "MA", "OM", "QA", "SA", "TN", "YE"),
        "cp1256",
    ),
}
# Letters of alphabets of which each has one encoding on Windows.
ALPHABETS = {
    "cp1253": re.compile("[\u0386-\u03ce]"),
    "cp1255": re.compile("[\u05d0-\u05ea]"),
    "cp1256": re.compile("[\u060c-\u0652]"),
}
THAI = "cp874"
THAI_LETTERS = re.compile("[\u0e01-\u0e5b]")
THAI_CONSONANTS = re.compile("[\u0e01-\u0e2e]")
OTHER_ALPHABETS = [
    "cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp949", "gb18030", "big5",
]  # fmt: skip
MOST = 0.95
LETTERS_OUTSIDE_ASCII = re.compile(r"[^\W\d_A-Za-z]+")
# A letter with a mark stands among plain ones; those of other alphabets are whole words.
BESIDE_A_LETTER = re.compile(r"(?<=[A-Za-z])[^\W\d_A-Za-z]+|[^\W\d_A-Za-z]+(?=[A-Za-z])")


@dataclass(frozen=True)
class TextHead:
    """The beginning of a text and its encoding; `whole` says that it is all of the file."""

    text: str
    encoding: str
    whole: bool


def read_head(path: Path, packed: bool, country: str = "") -> TextHead:
    """The beginning of `path`, up to its last whole line; of several encodings that read it, that
    of the `country`. Raises OSError for broken gzip too."""
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except (EOFError, zlib.error) as error:
        raise OSError("broken gzip") from error
    whole = len(data) < HEAD_BYTES
    encoding = _encoding(data, country)
    # Broken bytes stay what they are, so that the sample is loaded as the file will be.
    text = data.decode(encoding, "surrogateescape" if encoding == "utf-8" else "replace")
    if not whole:
        text = text[: text.rfind("\n") + 1] or text
    return TextHead(text.removeprefix("\ufeff"), encoding, whole)


def _encoding(data: bytes, country: str) -> str:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding
    if data.isascii() and b"\x00" not in data:
        return "utf-8"
    zeros = data[:TOLD_FROM]
    if zeros[1::2].count(0) > len(zeros) // 4:
        return "utf-16-le"
    if zeros[::2].count(0) > len(zeros) // 4:
        return "utf-16-be"
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    not_ascii = sum(not character.isascii() for character in text)
    # A broken byte is not ASCII either: the text is UTF-8 where at least as many others are right.
    return "utf-8" if 2 * broken <= not_ascii else _legacy_encoding(data, country)


def _legacy_encoding(data: bytes, country: str) -> str:
    """What a text that is not UTF-8 is in, told by the letters that its bytes would be."""
    for encoding in JAPANESE:
        with suppress(UnicodeDecodeError):
            if _is_japanese(data.decode(encoding)):
                return encoding
    # Lines of plain ASCII say nothing, and hide the others from a reader of the beginning.
    lines = [line for line in data.splitlines() if not line.isascii()]
    telling = b"\n".join(lines)[:TOLD_FROM]
    own = ENCODINGS_AT_HOME.get(country, WESTERN)
    own_letters = [letters for name, letters in LATIN_LETTERS if name == own]
    if own != WESTERN and any(_fits(telling, own, letters) for letters in own_letters):
        return own
    if _is_hungarian(telling):
        return "cp1250"
    if _is_thai(telling):
        return THAI
    if country in ICELANDIC_AT_HOME and _fits(telling, WESTERN, ICELANDIC):
        return WESTERN
    if own in ALPHABETS and _is_of_alphabet(telling, own):
        return own
    at_home_first = sorted(LATIN_LETTERS, key=lambda known: known[0] != own)
    fitting = (name for name, letters in at_home_first if _fits(telling, name, letters))
    latin = next(fitting, None)
    if latin is not None and _stand_in_words(telling.decode(latin)):
        return latin
    best = from_bytes(telling, cp_isolation=OTHER_ALPHABETS).best()
    return WESTERN if best is None else best.encoding


def _stand_in_words(text: str) -> bool:
    """Whether letters outside ASCII stand beside plain ones; signs of currencies may be alone."""
    runs = LETTERS_OUTSIDE_ASCII.findall(text)
    return 2 * len(BESIDE_A_LETTER.findall(text)) >= len(runs)


def _is_japanese(text: str) -> bool:
    kana = len(KANA.findall(text))
    return kana > len(INSIDE_A_WORD.findall(text))


def _is_of_alphabet(data: bytes, encoding: str) -> bool:
    try:
        # Signs of currencies are of no alphabet.
        text = data.decode(encoding)
        others = "".join(one for one in text if one.isalpha() and not one.isascii())
    except UnicodeDecodeError:
        return False
    is_beside_latin = _stand_in_words(text)
    return len(ALPHABETS[encoding].findall(others)) >= MOST * len(others) and not is_beside_latin


def _is_thai(data: bytes) -> bool:
    """Whether a text is Thai: words of its letters only, more than half of them consonants, where
    those of Hebrew would all be read as vowels and tones."""
    try:
        text = data.decode(THAI)
    except UnicodeDecodeError:
        return False
    letters = len(THAI_LETTERS.findall(text))
    not_ascii = sum(not character.isascii() for character in text)
    consonants = len(THAI_CONSONANTS.findall(text))
    return letters >= MOST * not_ascii and 2 * consonants > letters and not _stand_in_words(text)


def _is_hungarian(data: bytes) -> bool:
    """Whether a text is of Hungarian letters, with those that only Hungarian has."""
    text = data.decode("cp1250", "replace")
    has_own = any(letter in text for letter in ONLY_HUNGARIAN)
    return has_own and _fits(data, "cp1250", f"{HUNGARIAN}{MARKS_OF_TEXT}")


def _fits(data: bytes, encoding: str, letters: str) -> bool:
    try:
        others = [character for character in data.decode(encoding) if not character.isascii()]
    except UnicodeDecodeError:
        return False
    return sum(character in letters for character in others) >= MOST * len(others)

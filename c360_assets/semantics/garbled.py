"""Text that stands as a system wrote it for another place, and what it says.

UTF-8 that was once read as another encoding (`MÃ¼ller`), letters as web pages, addresses and code
write them (`M&uuml;ller`, `M%C3%BCller`, `M\\u00fcller`). What does so is the system that wrote the
file, so the file itself is sound and its encoding right; encodings of files belong to `ingest`.
Whether UTF-8 was misread, and as what, is the judgement of the `ftfy` library.
"""

import re
from contextlib import suppress
from html import unescape
from urllib.parse import unquote

import polars as pl

# Patterns of `re` and RE2 alike. Two signs beside each other, as the first and a further byte of
# one letter read in the encodings of Western and Eastern Europe, of the Macintosh and of DOS; next
# to no name has them so.
_FURTHER_BYTES = (
    "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸЂЃѓЉЊЌЋЏђљњќћџЎўЈҐЁЄЇІіґёєјЅѕї"
    "≠ÆØ∞≤≥∂∑∏π∫Ωæø√≈∆\u2500-\u259fÇéâäàåçêëèïîìÄÅ"
)
MISREAD = f"[Â-ôĂРСГ√¬├┬─╨╤][{_FURTHER_BYTES}]"
_ENTITY = "&(?:#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5}|[A-Za-z]{2,8});"
_PERCENT = "%[C-Fc-f][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]"
_CODE = r"\\u[0-9A-Fa-f]{4}"
ESCAPED = f"{_ENTITY}|{_PERCENT}|{_CODE}"
ESCAPES = "&%\\"  # an escaped letter begins with one of these
LOST = "\ufffd"  # what stands for a letter whose bytes are gone
_MOST_TIMES = 3  # `&amp;uuml;` was written for a web page twice
_IS_MISREAD = re.compile(MISREAD)
_IS_ESCAPED = re.compile(ESCAPED)
_CODES = re.compile(f"(?:{_CODE})+")


def mended_text(text: str) -> str:
    """What the text says; itself where it is not garbled, where letters of it are lost, and where
    it is an address or markup, which are written so."""
    for _ in range(_MOST_TIMES):
        mended = _unescaped(text) if _IS_ESCAPED.search(text) else text
        mended = _read_again(mended) if _IS_MISREAD.search(mended) else mended
        if mended == text or LOST in mended:
            break
        text = mended
    return text


def mended(values: pl.Series) -> pl.Series:
    """The texts with what garbled ones say in their place."""
    suspects = values.filter(values.str.contains(f"{MISREAD}|{ESCAPED}")).unique().drop_nulls()
    if not suspects.len():
        return values
    return values.replace(suspects, [mended_text(text) for text in suspects])


def _unescaped(text: str) -> str:
    if "://" in text or "<" in text or text.lstrip()[:1] in ("{", "["):
        return text
    text = unescape(text) if re.search(_ENTITY, text) else text
    with suppress(UnicodeError):
        text = unquote(text, errors="strict") if re.search(_PERCENT, text) else text
    with suppress(UnicodeError):
        text = _CODES.sub(_letters_of_code, text)
    return text


def _letters_of_code(match: re.Match[str]) -> str:
    # A letter beyond the first plane is two codes.
    return bytes.fromhex(match.group().replace("\\u", "")).decode("utf-16-be")


def _read_again(text: str) -> str:
    # Imported here, as it compiles its patterns, which most tenants never need.
    import ftfy

    return ftfy.fix_encoding(text)

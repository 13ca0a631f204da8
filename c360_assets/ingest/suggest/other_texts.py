"""Files that look like text and hold no delimited rows: what they are, in words for a message.

How a text of rows is read belongs to `text_sample`.
"""

from __future__ import annotations

import re

# So many characters of a text say what it is.
BEGINNING = 4096
# What no text holds, and the share of it from which on a file is none.
CONTROLS = re.compile("[\x00\x02-\x08\x0e-\x1a\udc80-\udcff]")
MOST_CONTROLS = 0.05
FEWEST_LINES = 3
OTHER_TEXTS = (
    (re.compile(r"BEGIN:VCARD", re.IGNORECASE), "a vCard file"),
    (re.compile(r"BEGIN:VCALENDAR", re.IGNORECASE), "a calendar file"),
    (re.compile(r"<(!doctype html|html|head|body|table|meta)\b", re.IGNORECASE), "an HTML page"),
    (re.compile(r"\{\\rtf"), "a text of a word processor (RTF)"),
    (re.compile(r"(var|let|const|window\.\w+)\b[^=\n]*=\s*[\[{]"), "a script (JavaScript)"),
    (re.compile(r"dn: .*\n(\w+::? .*\n){2}"), "an LDIF file"),
)


def other_kind_of_text(text: str) -> str | None:
    """What a text is that holds no delimited rows, in words for a message."""
    begin = text.lstrip()[:BEGINNING]
    if len(CONTROLS.findall(begin)) > MOST_CONTROLS * len(begin):
        return "a binary file and no text"
    lines = [line for line in begin.splitlines()[:-1] if line.strip()]
    if len(lines) >= FEWEST_LINES and _is_fixed_width(lines):
        return "a text of columns of fixed width"
    return kind_by_beginning(begin)


def kind_by_beginning(text: str) -> str | None:
    """The kind of text that begins in its own way, in words for a message."""
    return next((kind for pattern, kind in OTHER_TEXTS if pattern.match(text)), None)


def _is_fixed_width(lines: list[str]) -> bool:
    """Whether lines hold no delimiter, but blanks in the same places."""
    if any(mark in lines[0] for mark in ",;\t|"):
        return False
    starts = [{match.end() for match in re.finditer(" {2,}", line)} for line in lines]
    return bool(set.intersection(*starts))

"""Texts that hold no rows: cards, calendars, pages, scripts, and what is no text at all."""

from __future__ import annotations

import re

HEAD = 4096  # signs that are looked at
# What no text holds, and the share of it from which on a file is none.
CONTROLS = re.compile("[\x00\x02-\x08\x0e-\x1a\udc80-\udcff]")
MOST_CONTROLS = 0.05
OTHER_TEXTS = (
    (re.compile(r"BEGIN:VCARD", re.IGNORECASE), "a vCard file"),
    (re.compile(r"BEGIN:VCALENDAR", re.IGNORECASE), "a calendar file"),
    (re.compile(r"<(!doctype html|html|head|body|table|meta)\b", re.IGNORECASE), "an HTML page"),
    (re.compile(r"\{\\rtf"), "a text of a word processor (RTF)"),
    (re.compile(r"(var|let|const|window\.\w+)\b[^=\n]*=\s*[\[{]"), "a script (JavaScript)"),
    (re.compile(r"dn: .*\n(\w+::? .*\n){2}"), "an LDIF file"),
)


def other_kind_of_text(text: str) -> str | None:
    """What a text is that holds no rows, in words for a message; None for one that may."""
    begin = text.lstrip()[:HEAD]
    if len(CONTROLS.findall(begin)) > MOST_CONTROLS * len(begin):
        return "a binary file and no text"
    return kind_by_beginning(begin)


def kind_by_beginning(text: str) -> str | None:
    """What a text is by how it begins, in words for a message; None for one that may be rows."""
    return next((kind for pattern, kind in OTHER_TEXTS if pattern.match(text)), None)

"""Texts that hold no rows: cards, calendars, pages, scripts, and what is no text at all."""

from __future__ import annotations

import re

from c360_assets.ingest.formats.sniff import foreign

HEAD = 4096  # signs that are looked at
# What no text holds, and the share of it from which on a file is none.
CONTROLS = re.compile("[\x00\x02-\x08\x0e-\x1a\udc80-\udcff]")
MOST_CONTROLS = 0.05
SCRIPT = re.compile(r"(var|let|const|window\.\w+)\b[^=\n]*=\s*[\[{]")


def other_kind_of_text(text: str) -> str | None:
    """What a text is that holds no rows, in words for a message; None for one that may."""
    begin = text.lstrip()[:HEAD]
    if len(CONTROLS.findall(begin)) > MOST_CONTROLS * len(begin):
        return "a binary file and no text"
    return kind_by_beginning(begin)


def kind_by_beginning(text: str) -> str | None:
    """What a text is by how it begins, in words for a message; None for one that may be rows."""
    mismatch = foreign("", text.encode("utf-8", "replace"))
    if mismatch is not None:
        return mismatch.problem.removeprefix("is ")
    return "a script (JavaScript)" if SCRIPT.match(text) else None

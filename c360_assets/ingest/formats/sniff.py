"""What a file is, by its first bytes, and why a header lacks a column: words for messages, so that a person sees the mistake.

Nothing is read differently for what is found here. A header may be no header but a person's record, so its text is told only
where it is nearly a declared name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from c360_assets.ingest.formats.workbooks import READABLE
from c360_assets.semantics.closest import closest
from c360_assets.tenant.models import FeedConfig

HEAD = 512
# First bytes -> what such a file is, and the setting under which it can be read ("" where there is none).
SIGNATURES: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (re.compile(rb"PAR1[\x00-\x1f]"), "a Parquet file", "format: parquet"),
    (re.compile(rb"Obj\x01"), "an Avro file", "format: avro"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an old Excel or Word file", ""),
    (re.compile(rb"%PDF-"), "a PDF document", ""),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "packed with zstd", ""),
    (re.compile(rb"BZh[1-9]1AY"), "packed with bzip2", ""),
    (re.compile(rb"\xfd7zXZ\x00"), "packed with xz", ""),
    (re.compile(rb"7z\xbc\xaf"), "a 7-Zip archive", ""),
    (re.compile(rb"Rar!\x1a\x07"), "a RAR archive", ""),
)
# The marks of UTF-16 begin like one of UTF-32, which is tried first.
ENCODINGS = (
    ((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"), "utf-32"),
    ((b"\xff\xfe", b"\xfe\xff"), "utf-16"),
)
DELIMITERS = {",": ",", ";": ";", "\t": "\\t", "|": "|"}


def foreign(form: str, head: bytes) -> tuple[str, str] | None:
    """What a file with these first bytes is although the feed says format `form`, and what to do; None where nothing is odd."""
    for pattern, what, setting in SIGNATURES:
        if pattern.match(head) and setting != f"format: {form}":
            return f"is {what}", f"say `{setting}` under files" if setting else READABLE
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if form == "xml" and text[:1] != b"<" and not marked_encoding(head):
        return "is no XML", "mend files.format, or send it again"
    wanted = {"parquet": b"PAR1", "avro": b"Obj\x01"}.get(form)
    if wanted is not None and not head.startswith(wanted):
        return f"is no {form.capitalize()} file", "mend files.format, or send it again"
    return None


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark names; None without one, or for UTF-8, whose mark is no more than a blank."""
    return next((name for marks, name in ENCODINGS if head.startswith(marks)), None)


def why_missing(
    feed: FeedConfig, name: str, header: Sequence[str], delimiter: str = ""
) -> str | None:
    """What a header (lower-cased names) that lacks the column `name` looks like, and the remedy; None where it tells nothing.

    `delimiter` is that of a text file.
    """
    declared = {field.lower() for field in feed.fields}
    text = "".join(header)
    if "\x00" in text:
        return "its text looks like UTF-16 without a mark: say `encoding: utf-16-le` under files"
    if text.lstrip("\ufeff \t")[:1] in ("<", "{", "["):
        return "it begins like XML, HTML or JSON: mend files.format, or send it again"
    other = next(
        (shown for mark, shown in DELIMITERS.items() if mark != delimiter and mark in text), None
    )
    if delimiter and len(header) == 1 and other is not None:
        return f'its first line holds no {DELIMITERS.get(delimiter, delimiter)!r}: say `delimiter: "{other}"` under files'
    if delimiter and feed.files.header and declared.isdisjoint(header):
        return (
            f"none of its {len(header)} columns is declared: say `header: false` under files if it has no header, "
            "or mend the names under fields"
        )
    tidy = re.sub(r"[^a-z0-9]", "", name.lower())
    alike = next((h for h in header if re.sub(r"[^a-z0-9]", "", h) == tidy), None) or closest(
        name.lower(), header
    )
    if alike is not None and alike not in declared:
        return f"it has {alike!r}: if that is the column, call the field so and `rename` it"
    return None

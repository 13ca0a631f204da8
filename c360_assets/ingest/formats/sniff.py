"""What a file is, by its first bytes, and why a header lacks a column, in words for messages.

Nothing is read differently for what is found here. A header may be no header but a person's record,
so its text is shown only where it is nearly a declared name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from c360_assets.ingest.formats.workbooks import READABLE
from c360_assets.semantics.closest import closest
from c360_assets.tenant.models import FeedConfig


class Signature(NamedTuple):
    """The first bytes of a kind of file, and the setting under which it can be read (or "")."""

    begins: re.Pattern[bytes]
    kind: str
    setting: str


class Mismatch(NamedTuple):
    """What is odd about a file, and what to do."""

    problem: str
    remedy: str


SIGNATURES = (
    Signature(re.compile(rb"PAR1[\x00-\x1f]"), "a Parquet file", "format: parquet"),
    Signature(re.compile(rb"Obj\x01"), "an Avro file", "format: avro"),
    Signature(re.compile(rb"\xd0\xcf\x11\xe0"), "an old Excel or Word file", "format: xlsx"),
    Signature(re.compile(rb"%PDF-"), "a PDF document", ""),
    Signature(re.compile(rb"\x28\xb5\x2f\xfd"), "packed with zstd", ""),
    Signature(re.compile(rb"BZh[1-9]1AY"), "packed with bzip2", ""),
    Signature(re.compile(rb"\xfd7zXZ\x00"), "packed with xz", ""),
    Signature(re.compile(rb"7z\xbc\xaf"), "a 7-Zip archive", ""),
    Signature(re.compile(rb"Rar!\x1a\x07"), "a RAR archive", ""),
)
REQUIRED_BEGINNINGS = {"parquet": b"PAR1", "avro": b"Obj\x01"}
# The marks of UTF-16 begin like one of UTF-32, which is tried first.
ENCODINGS = (
    ((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"), "utf-32"),
    ((b"\xff\xfe", b"\xfe\xff"), "utf-16"),
)
# Delimiter -> how a feed's YAML writes it.
DELIMITERS = {",": ",", ";": ";", "\t": "\\t", "|": "|"}
OTHER_FORMAT = "correct files.format, or send it again"


def foreign(form: str, head: bytes) -> Mismatch | None:
    """What a file with these first bytes is, where that is not the format `form` of its feed."""
    for signature in SIGNATURES:
        if signature.begins.match(head) and signature.setting != f"format: {form}":
            remedy = f"say `{signature.setting}` under files" if signature.setting else READABLE
            return Mismatch(f"is {signature.kind}", remedy)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if form == "xml" and not text.startswith(b"<") and not marked_encoding(head):
        return Mismatch("is no XML", OTHER_FORMAT)
    if not head.startswith(REQUIRED_BEGINNINGS.get(form, b"")):
        return Mismatch(f"is no {form.capitalize()} file", OTHER_FORMAT)
    return None


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark names.

    None without one, and for UTF-8, whose mark is no more than a blank.
    """
    return next((name for marks, name in ENCODINGS if head.startswith(marks)), None)


def why_missing(
    feed: FeedConfig, name: str, header: Sequence[str], delimiter: str = ""
) -> str | None:
    """What a header that lacks the column `name` looks like, and the remedy; None where unclear.

    `header` are lower-cased names; `delimiter` is that of a text file.
    """
    text = "".join(header)
    other_kind = _other_kind(text)
    if other_kind is not None:
        return other_kind
    declared = {field.lower() for field in feed.fields}
    other = _other_delimiter(text, delimiter)
    if delimiter and len(header) == 1 and other is not None:
        expected = DELIMITERS.get(delimiter, delimiter)
        return f'its first line holds no {expected!r}: say `delimiter: "{other}"` under files'
    if delimiter and feed.files.header and declared.isdisjoint(header):
        return (
            f"none of its {len(header)} columns is declared: say `header: false` under files "
            "if it has no header, or correct the names under fields"
        )
    similar = _similar_name(name, header)
    if similar is not None and similar not in declared:
        return f"it has {similar!r}: if that is the column, call the field so and `rename` it"
    return None


def _other_kind(text: str) -> str | None:
    if "\x00" in text:
        return "its text looks like UTF-16 without a mark: say `encoding: utf-16-le` under files"
    if text.lstrip("\ufeff \t").startswith(("<", "{", "[")):
        return f"it begins like XML, HTML or JSON: {OTHER_FORMAT}"
    return None


def _other_delimiter(text: str, delimiter: str) -> str | None:
    """How YAML writes the first of the usual delimiters that a text holds beside its own."""
    for mark, written in DELIMITERS.items():
        if mark != delimiter and mark in text:
            return written
    return None


def _similar_name(name: str, header: Sequence[str]) -> str | None:
    """The column that differs from `name` by signs or by a slip of the pen."""
    plain = _letters(name)
    for column in header:
        if _letters(column) == plain:
            return column
    return closest(name.lower(), header)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

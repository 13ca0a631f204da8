"""What a file is, by its first bytes, and why a header lacks a column, in words for messages.

Nothing is read differently for what is found here. A header may be no header but a person's record,
so its text is shown only where it is nearly a declared name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from c360_assets.ingest.formats.workbooks import READABLE
from c360_assets.semantics.closest import closest
from c360_assets.tenant.models import FeedConfig
from c360_assets.wording import counted


class Signature(NamedTuple):
    """The first bytes of a kind of file, and the setting under which it can be read (or "")."""

    begins: re.Pattern[bytes]
    kind: str
    setting: str


class Mismatch(NamedTuple):
    """What is odd about a file, and what to do."""

    problem: str
    remedy: str


# A text that begins so, as with `ORCID`, holds no zero bytes.
ORC = re.compile(rb"ORC(?=.{0,400}?\x00)", re.DOTALL)
SIGNATURES = (
    Signature(re.compile(rb"PAR1[\x00-\x1f]"), "a Parquet file", "format: parquet"),
    Signature(re.compile(rb"Obj\x01"), "an Avro file", "format: avro"),
    Signature(ORC, "an ORC file", "format: orc"),
    Signature(re.compile(rb"\xd0\xcf\x11\xe0"), "an old Excel or Word file", "format: xlsx"),
    Signature(re.compile(rb"%PDF-"), "a PDF document", ""),
    Signature(re.compile(rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP"), "an image", ""),
    Signature(re.compile(rb"II\*\x00|MM\x00\*|BM.{4}\x00{4}", re.DOTALL), "an image", ""),
    Signature(re.compile(rb"\{\\rtf"), "an RTF document", ""),
    Signature(re.compile(rb"SQLite format 3\x00"), "an SQLite database", ""),
    Signature(re.compile(rb"\x28\xb5\x2f\xfd"), "packed with zstd", ""),
    Signature(re.compile(rb"BZh[1-9]1AY"), "packed with bzip2", ""),
    Signature(re.compile(rb"\xfd7zXZ\x00"), "packed with xz", ""),
    Signature(re.compile(rb"7z\xbc\xaf"), "a 7-Zip archive", ""),
    Signature(re.compile(rb"Rar!\x1a\x07"), "a RAR archive", ""),
)
# Kinds of text, known after a byte order mark and blanks, whatever the case of their letters.
TEXT_SIGNATURES = (
    Signature(
        re.compile(rb"begin:vcard", re.I),
        "a file of vCards, an address book's cards",
        "",
    ),
    Signature(re.compile(rb"begin:vcalendar", re.I), "a calendar (iCalendar)", ""),
    Signature(
        re.compile(
            rb"(?:(?:#[^\r\n]*)?[\r\n]+|version: *1[\r\n]+)*"
            rb"dn::? [^\r\n]*[\r\n]+[\w;-]+::? "
        ),
        "an export of a directory (LDIF)",
        "",
    ),
    Signature(
        re.compile(rb"from \S+ +(?:mon|tue|wed|thu|fri|sat|sun) [^\r\n]*[\r\n]+[\w-]+: ", re.I),
        "a mailbox (mbox)",
        "",
    ),
    Signature(
        re.compile(rb"(?:return-path|delivered-to): [^\r\n]*[\r\n]", re.I),
        "a mail",
        "",
    ),
    Signature(
        re.compile(
            rb"(?:<!--.{0,200}?-->\s*)?<(?:!doctype html|html|head|body|table|meta|style)\b",
            re.I | re.S,
        ),
        "an HTML page, as some programs write for .xls and web servers for an expired session",
        "",
    ),
    Signature(
        re.compile(rb"mime-version:|from:.{0,200}\bmime-version:", re.I | re.S),
        "a web archive or a mail (MIME)",
        "",
    ),
    Signature(
        re.compile(rb"<\?xml[^>]*>\s*<\?mso-application progid=\"excel", re.I),
        "an Excel 2003 workbook in XML",
        "",
    ),
)
REQUIRED_BEGINNINGS = {"parquet": b"PAR1", "avro": b"Obj\x01", "orc": b"ORC"}
# The marks of UTF-16 begin like one of UTF-32, which is tried first.
ENCODINGS = (
    ((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"), "utf-32"),
    ((b"\xff\xfe", b"\xfe\xff"), "utf-16"),
)
# Delimiter -> how a feed's YAML writes it.
DELIMITERS = {",": ",", ";": ";", "\t": "\\t", "|": "|"}
FIXED_WIDTH = "say `format: fixed` and `columns_at: [0, ...]` where each of them begins"
# Between the words of a header of fixed width.
COLUMN_GAP = re.compile(r"\S {2,}(?=\S)")
LOOKED_AT_BYTES, LOOKED_AT_LINES = 1 << 16, 100
OTHER_FORMAT = "correct files.format, or send it again"


def foreign(form: str, head: bytes) -> Mismatch | None:
    """What a file with these first bytes is, where that is not the format `form` of its feed."""
    for signature in SIGNATURES:
        if signature.begins.match(head) and signature.setting != f"format: {form}":
            remedy = f"say `{signature.setting}` under files" if signature.setting else READABLE
            return Mismatch(f"is {signature.kind}", remedy)
    text = _decoded_start(head)
    for signature in TEXT_SIGNATURES:
        if signature.begins.match(text) and not (form == "xml" and "HTML" in signature.kind):
            return Mismatch(f"is {signature.kind}", READABLE)
    if form == "xml" and not text.startswith(b"<"):
        return Mismatch("is no XML", OTHER_FORMAT)
    if not head.startswith(REQUIRED_BEGINNINGS.get(form, b"")):
        return Mismatch(f"is no {form.capitalize()} file", OTHER_FORMAT)
    return None


def _decoded_start(head: bytes) -> bytes:
    """A file's first bytes as UTF-8, without its mark and leading blanks."""
    encoding = marked_encoding(head)
    if encoding is not None:
        head = head.decode(encoding, "replace").encode()
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark names.

    None without one, and for UTF-8, whose mark is no more than a blank.
    """
    return next((name for marks, name in ENCODINGS if head.startswith(marks)), None)


def why_missing(
    feed: FeedConfig,
    name: str,
    header: Sequence[str],
    delimiter: str,
    path: Path | None,
) -> str | None:
    """What a header that lacks the column `name` looks like, and the remedy; None where unclear.

    `header` are lower-cased names; `delimiter` is that of the text file at `path`.
    """
    text = "".join(header)
    other_kind = _other_kind(text, len(header))
    if other_kind is not None:
        return other_kind
    declared = {field.lower() for field in feed.fields}
    other = _other_delimiter(text, delimiter)
    line = None if path is None else _line_of_header(feed, path, delimiter)
    if line is not None:
        return f"its header is in line {line}: say `skip_lines: {line - 1}` under files"
    if delimiter and len(header) == 1 and other is not None:
        expected = DELIMITERS.get(delimiter, delimiter)
        return f'its first line holds no {expected!r}: say `delimiter: "{other}"` under files'
    if delimiter and feed.files.header and declared.isdisjoint(header):
        problem = f"none of its {counted(len(header), 'column')} is declared"
        if len(header) != len(declared):
            return f"{problem}: correct the names under fields, or files.delimiter"
        return (
            f"{problem}: say `header: false` under files if it has no header, or correct the names "
            "under fields"
        )
    similar = _similar_name(name, header)
    if similar is not None and similar not in declared:
        return f"it has {similar!r}: if that is the column, call the field so and `rename` it"
    return None


def _line_of_header(feed: FeedConfig, path: Path, delimiter: str) -> int | None:
    """The line, counted from 1, that holds all declared names that a file must have.

    None where none of the first lines does, and where a sheet was copied: its lines are skipped
    already.
    """
    keys = set(feed.primary_key)
    required = {
        name.lower()
        for name, field in feed.fields.items()
        if field.required or feed.output_name(name) in keys
    }
    with path.open("rb") as source:
        start = source.read(LOOKED_AT_BYTES).removeprefix(b"\xef\xbb\xbf")
    lines = start.decode("utf-8", "replace").splitlines()[:LOOKED_AT_LINES]
    for number, line in enumerate(lines, start=1):
        cells = {cell.strip().strip('"').lower() for cell in line.split(delimiter)}
        if required <= cells and number != feed.files.skip_lines + 1:
            return number
    return None


def _other_kind(text: str, columns: int) -> str | None:
    if columns == 1 and len(COLUMN_GAP.findall(text.strip())) > 1:
        return f"its columns are of fixed width: {FIXED_WIDTH}"
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

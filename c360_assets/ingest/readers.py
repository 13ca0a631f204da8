"""Landed files to rows of text: one value per declared field, with line numbers, rejected records marked and never lost.

Here a file is unpacked, checked and handed to the reader of its format. Whether a text is of its field's type is decided in
`casts`, what becomes of the rows in `load`.
"""

from __future__ import annotations

import gzip
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landing import LandedFile
from c360_assets.ingest.opened import Batch, OpenedFile, about, require
from c360_assets.ingest.read_json import json_batches
from c360_assets.ingest.read_parquet import parquet_batches, parquet_header
from c360_assets.ingest.read_text import text_batches, text_header
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session, private_folder

LATER = {"avro": "Avro", "xml": "XML"}


def open_file(session: Session, feed: FeedConfig, number: int, file: LandedFile, workspace: Path) -> OpenedFile:
    """Look at a file: unpack it, read its header, see that it has what the feed requires. Raises LoadError."""
    files = feed.files
    if files.format in LATER or files.compression in ("zip", "tar"):
        what = LATER.get(files.format, files.compression)
        raise LoadError(
            "format", f"feed {feed.name}: {what} files cannot be read in this version; deliver csv, ndjson, json or parquet"
        )
    if file.changed() or not file.sha256:
        raise LoadError(
            "changing", about(feed, file, "is still being written or cannot be read", "run again when it is complete")
        )
    try:
        path = _plain(feed, file, number, workspace)
    except (OSError, EOFError, zlib.error, UnicodeError, LookupError) as error:
        message = about(
            feed, file, f"cannot be unpacked or read ({type(error).__name__})", "send it again, or mend files.encoding"
        )
        raise LoadError("unreadable", message) from None
    if path.stat().st_size == 0:
        return OpenedFile(number, file, path, None)
    if files.format in ("json", "ndjson"):
        return OpenedFile(number, file, path, ())
    header = parquet_header(session, feed, file, path) if files.format == "parquet" else text_header(feed, file, path)
    if header is None:
        return OpenedFile(number, file, path, None)
    declared = {name.lower() for name in feed.fields}
    twice = sorted(name for name in declared if header.count(name) > 1)
    if twice:
        raise LoadError("header", about(feed, file, f"has the column {twice[0]} twice", "give the columns different names"))
    require(feed, file, set(header))
    return OpenedFile(number, file, path, header, undeclared=sum(name not in declared for name in header))


def batches(session: Session, feed: FeedConfig, opened: Iterable[OpenedFile], failures: dict[int, LoadError]) -> Iterator[Batch]:
    """The rows of `opened`, file by file in order within each shape of file.

    A file that turns out to be broken half way is put into `failures` under its number; rows of it may have been given out.
    """
    readable = [f for f in opened if f.header is not None]
    if feed.files.format in ("json", "ndjson"):
        yield from json_batches(session, feed, readable, failures)
        return
    if feed.files.format == "parquet":
        yield from parquet_batches(session, feed, readable, failures)
        return
    shapes: dict[tuple[str, ...], list[OpenedFile]] = defaultdict(list)
    for file in readable:
        assert file.header is not None
        shapes[file.header].append(file)
    for header, files in shapes.items():
        yield from text_batches(session, feed, header, files, failures)


def _plain(feed: FeedConfig, file: LandedFile, number: int, workspace: Path) -> Path:
    """The file itself, or an unpacked UTF-8 copy of it in `workspace`."""
    with file.path.open("rb") as source:
        magic = source.read(4)
    path = file.path
    packed = magic[:2] == b"\x1f\x8b"
    if packed:
        path = private_folder(workspace) / f"{number}.plain"
        with gzip.open(file.path, "rb") as source, path.open("wb") as target:
            path.chmod(0o600)
            while block := source.read(1 << 22):
                target.write(block)
        with path.open("rb") as source:
            magic = source.read(4)
    elif feed.files.compression == "gzip" and magic:
        raise zlib.error
    if feed.files.format == "parquet":
        return path
    wide = magic[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding = "utf-16" if wide else (feed.files.encoding or "utf-8").lower()
    if encoding.replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
        return path
    # Half a character pair, or a byte the encoding lacks, becomes bytes that are not UTF-8: its record is an encoding error.
    broken = "surrogatepass" if encoding.startswith("utf-16") else "surrogateescape"
    written = private_folder(workspace) / f"{number}.utf8"
    with (
        path.open("r", encoding=encoding, errors=broken, newline="") as text,
        written.open("w", encoding="utf-8", errors=broken, newline="") as target,
    ):
        written.chmod(0o600)
        while block_of_text := text.read(1 << 22):
            target.write(block_of_text)
    if packed:
        path.unlink()
    return written

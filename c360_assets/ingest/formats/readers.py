"""Plain files to rows of text: one value per declared field, with line numbers, rejected records marked and never lost.

Here a file is checked and handed to the reader of its format. What is packed is unpacked by `unpack`; whether a text is of its
field's type is decided in `casts`, what becomes of the rows in `load`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.batches import Batch, OpenedFile, about, require
from c360_assets.ingest.formats.read_json import json_batches
from c360_assets.ingest.formats.read_parquet import parquet_batches, parquet_header
from c360_assets.ingest.formats.read_text import DELIMITERS, dialect_of, text_batches, text_header
from c360_assets.ingest.formats.unpack import Part
from c360_assets.warehouse.session import Session


def open_part(session: Session, number: int, part: Part) -> OpenedFile:
    """Look at a plain file: read its header, see that it has what the feed requires. Raises LoadError."""
    feed, file, path = part.feed, part.file, part.path
    if path.stat().st_size == 0:
        return OpenedFile(number, feed, file, path, None)
    if feed.files.format in ("json", "ndjson"):
        return OpenedFile(number, feed, file, path, ())
    header = (
        parquet_header(session, feed, file, path)
        if feed.files.format == "parquet"
        else text_header(feed, file, path)
    )
    if header is None:
        return OpenedFile(number, feed, file, path, None)
    declared = {name.lower() for name in feed.fields}
    twice = sorted(name for name in declared if header.count(name) > 1)
    if twice:
        raise LoadError(
            "header",
            about(
                feed, file, f"has the column {twice[0]} twice", "give the columns different names"
            ),
        )
    require(
        feed, file, header, dialect_of(feed).delimiter if feed.files.format in DELIMITERS else ""
    )
    return OpenedFile(number, feed, file, path, header)


def batches(
    session: Session,
    opened: Iterable[OpenedFile],
    failures: dict[int, LoadError],
    seen: dict[int, Sequence[str]],
) -> Iterator[Batch]:
    """The rows of `opened`, file by file in order within each shape of file.

    A file that turns out to be broken half way is put into `failures` under its number; rows of it may have been given out.
    The lower-cased names of each file's columns are put into `seen`; files without a row may be left out.
    """
    shapes: dict[tuple[str, tuple[str, ...]], list[OpenedFile]] = defaultdict(list)
    for file in opened:
        if file.header is not None:
            seen[file.number] = file.header
            form = file.feed.files.format
            by_header = file.header if form != "parquet" else ()
            shapes[file.feed.files.model_dump_json(), by_header].append(file)
    for (_, header), files in shapes.items():
        feed = files[0].feed
        if feed.files.format in ("json", "ndjson"):
            yield from json_batches(session, feed, files, failures, seen)
        elif feed.files.format == "parquet":
            yield from parquet_batches(session, feed, files, failures)
        else:
            yield from text_batches(session, feed, header, files, failures)

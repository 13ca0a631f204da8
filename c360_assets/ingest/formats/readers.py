"""The door of this folder: landed files to rows of text, one value per declared field.

Here files are opened, numbered and handed to the readers of their formats; rejected records are
marked and never lost. What is packed is unpacked by `unpack`; whether a text is of its field's type
is decided in `casts`, what becomes of the rows in `load`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.batches import (
    Batch,
    OpenedFile,
    column_warnings,
    file_error,
    require,
)
from c360_assets.ingest.formats.read_json import json_batches
from c360_assets.ingest.formats.read_parquet import parquet_batches, parquet_header
from c360_assets.ingest.formats.read_text import DELIMITERS, dialect_of, text_batches, text_header
from c360_assets.ingest.formats.row_shapes import RowNotes
from c360_assets.ingest.formats.unpack import Part, parts_of
from c360_assets.ingest.landed_files import LandedFile
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session

JSON_FORMATS = ("json", "ndjson")
# What the readers register with the engine, which keeps their last batch in memory until dropped.
REGISTERED = ("_c360_text", "_c360_json", "_c360_lines")


@dataclass
class OpenedFiles:
    """The landed files of one load as plain files, numbered from 0 in the order they are given in.

    `origins` and `names` hold, by number, the place among the landed files of the one that the
    plain file is or comes out of, and what logs call it. `failures` holds, by that place, why a
    landed file cannot be loaded: the first reason; reading `batches` adds to it.
    """

    session: Session
    feed: FeedConfig
    landed: Sequence[LandedFile]
    origins: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    readable: list[OpenedFile] = field(default_factory=list)
    columns: dict[int, Sequence[str]] = field(default_factory=dict)
    failures: dict[int, LoadError] = field(default_factory=dict)
    notes: RowNotes = field(default_factory=RowNotes)

    def batches(self) -> Iterator[Batch]:
        """The rows of the readable files, file by file in order within each shape of file.

        Rows of a file that turns out to be broken half way may have been given out.
        """
        failures: dict[int, LoadError] = {}
        for files in _alike(self.readable):
            self.columns |= {file.number: file.header or () for file in files}
            yield from _batches_of(self.session, files, failures, self.columns, self.notes)
        for file in self.readable:
            place = self.origins[file.number]
            if file.number in failures:
                self.failures.setdefault(place, failures[file.number])
            elif self.landed[place].changed():
                changed = file_error(
                    "changing",
                    self.feed,
                    self.landed[place],
                    "changed while it was read",
                    "run again when it is complete",
                )
                self.failures.setdefault(place, changed)

    def warnings(self, places: Collection[int]) -> list[str]:
        """What differs from the declared columns in some landed files, after `batches`."""
        files = [file for file in self.readable if self.origins[file.number] in places]
        return column_warnings(self.feed, files, self.columns, self.notes.nested)


def open_files(
    session: Session, feed: FeedConfig, landed: Sequence[LandedFile], workspace: Path
) -> OpenedFiles:
    """Unpack landed files below `workspace` and look at their headers; rows are not read yet."""
    files = OpenedFiles(session, feed, landed)
    for place, file in enumerate(landed):
        try:
            for part in parts_of(feed, file, workspace / str(len(files.names))):
                number = len(files.names)
                files.origins.append(place)
                files.names.append(part.file.relative)
                files.readable.append(_opened(session, number, part))
        except LoadError as error:
            files.failures[place] = error
    return files


def _opened(session: Session, number: int, part: Part) -> OpenedFile:
    """Look at a plain file: read its header, see that it has what the feed requires."""
    feed, file, path = part.feed, part.file, part.path
    form = feed.files.format
    header: tuple[str, ...] | None
    if path.stat().st_size == 0:
        header = None
    elif form in JSON_FORMATS:
        header = ()
    elif form == "parquet":
        header = parquet_header(session, feed, file, path)
    else:
        header = text_header(feed, file, path)
    if header is not None and form not in JSON_FORMATS:
        _check_header(feed, file, header, path)
    return OpenedFile(number, feed, file, path, header)


def _check_header(feed: FeedConfig, file: LandedFile, header: tuple[str, ...], path: Path) -> None:
    declared = {name.lower() for name in feed.fields}
    repeated = sorted(name for name in declared if header.count(name) > 1)
    if repeated:
        problem = f"has the column {repeated[0]} twice"
        raise file_error("header", feed, file, problem, "give the columns different names")
    if feed.files.format in DELIMITERS:
        require(feed, file, header, dialect_of(feed).delimiter, path)
    else:
        require(feed, file, header)


def _alike(files: Sequence[OpenedFile]) -> list[list[OpenedFile]]:
    """Files that have something to read, those that one query can read together in one list."""
    alike: dict[tuple[str, tuple[str, ...]], list[OpenedFile]] = defaultdict(list)
    for file in files:
        if file.header is not None:
            settings = file.feed.files
            # Parquet files differ in types too, which `read_parquet` looks at.
            header = file.header if settings.format != "parquet" else ()
            alike[settings.model_dump_json(), header].append(file)
    return list(alike.values())


def _batches_of(
    session: Session,
    files: list[OpenedFile],
    failures: dict[int, LoadError],
    columns: dict[int, Sequence[str]],
    notes: RowNotes,
) -> Iterator[Batch]:
    """The rows of files that are written alike.

    Fills `failures` and `notes` by file number, and for JSON replaces `columns` by the keys that
    were seen.
    """
    feed = files[0].feed
    if feed.files.format in JSON_FORMATS:
        yield from json_batches(session, feed, files, failures, columns, notes)
    elif feed.files.format == "parquet":
        yield from parquet_batches(session, feed, files, failures, notes)
    else:
        yield from text_batches(session, feed, files, failures, notes)

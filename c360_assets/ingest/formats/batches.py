"""What the readers of all formats share: a file that can be read, a batch of its rows, and how its faults are told.

Reading a format belongs to `read_text`, `read_json` and `read_parquet`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.sniff import why_missing
from c360_assets.ingest.landing import LandedFile
from c360_assets.tenant.models import FeedConfig

BATCH_ROWS = 500_000
SHOWN_NAMES = 5
# Keys of JSON may be anything; what else than a column's name they may be is not told.
COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,60}")


@dataclass(frozen=True)
class OpenedFile:
    """A file that was looked at and can be read. `number` is its place among the files of the load, `feed` says how it is
    written, `path` what to read (unpacked, UTF-8), `header` the lower-cased column names of a text or Parquet file (empty for
    JSON, whose keys are seen when it is read), None where there is nothing to read."""

    number: int
    feed: FeedConfig
    landed: LandedFile
    path: Path
    header: tuple[str, ...] | None


@dataclass(frozen=True)
class Batch:
    """A query for some rows: `_file`, `_row` (from 1 in its file, rejected ones counted), `_line`, `_reject` (error type or
    NULL), `_record` (the rejected record's text), and `r0`, `r1`, ... the text of each declared field. `typed` holds the
    numbers of the fields whose text renders a typed value."""

    sql: str
    typed: frozenset[int] = frozenset()


def about(feed: FeedConfig, file: LandedFile, what: str, remedy: str) -> str:
    """The text of a fault: the feed, the file, what is wrong with it, and what to do."""
    return f"feed {feed.name}: file {file.relative} {what}; {remedy}"


def require(
    feed: FeedConfig, file: LandedFile, present: Sequence[str], delimiter: str = ""
) -> None:
    """Raise LoadError where `present` (lower-cased column names) lacks a required column or a part of the primary key.

    `delimiter` is that of a text file, by which its first line was cut.
    """
    keys = set(feed.primary_key)
    for name, item in feed.fields.items():
        needed = item.required or feed.output_name(name) in keys
        if needed and name.lower() not in present:
            remedy = why_missing(feed, name, present, delimiter)
            remedy = remedy or f"send the file with it, or mend fields.{name} of the feed"
            raise LoadError(
                "missing_column", about(feed, file, f"lacks the required column {name}", remedy)
            )


def column_warnings(
    feed: FeedConfig, files: Iterable[OpenedFile], seen: Mapping[int, Sequence[str]]
) -> list[str]:
    """What differs between the columns of `files` (those in `seen`, by number) and the declared ones, once for all alike."""
    declared = {name.lower(): name for name in feed.fields}
    alike: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if file.header is None:
            alike["is empty"].append(file.landed.relative)
        if file.number not in seen:
            continue
        present = seen[file.number]
        lacking = [name for lowered, name in declared.items() if lowered not in present]
        unknown = [name for name in present if name not in declared]
        if lacking:
            alike[f"lacks {_listed(lacking)}, which the feed declares: NULL"].append(
                file.landed.relative
            )
        if unknown:
            alike[f"has {_listed(unknown)}, which the feed does not declare: ignored"].append(
                file.landed.relative
            )
    return [f"{_files(names)}: {text}" for text, names in alike.items()]


def _listed(names: Sequence[str]) -> str:
    """A number of columns, with the names of some: those that look like names."""
    shown = [name for name in names if COLUMN_NAME.fullmatch(name)][:SHOWN_NAMES]
    columns = "1 column" if len(names) == 1 else f"{len(names)} columns"
    return (
        f"{columns} ({', '.join(shown)}{', ...' if len(shown) < len(names) else ''})"
        if shown
        else columns
    )


def _files(names: Sequence[str]) -> str:
    return f"file {names[0]}" + (f" and {len(names) - 1} more files" if len(names) > 1 else "")


def numbered(frames: Iterable[pl.DataFrame], skip: int = 0) -> Iterator[pl.DataFrame]:
    """Add `_row`, a record's place in its file from 1, after leaving out the first `skip` records of each file.

    A file's records stand together, in one frame or in several that follow each other.
    """
    file, seen = -1, 0
    for frame in frames:
        if frame.is_empty():
            continue
        files = frame["_file"].to_numpy()
        places = np.arange(len(files))
        begins = np.append(True, files[1:] != files[:-1])
        rows = places - np.maximum.accumulate(np.where(begins, places, 0)) + 1
        if files[0] == file:
            rows[files == file] += seen
        file, seen = int(files[-1]), int(rows[-1])
        placed = frame.with_columns(pl.Series("_row", rows - skip, pl.Int64))
        yield placed.filter(pl.col("_row") > 0) if skip else placed


def gathered(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Frames put together until they are worth a statement: small files must not cost one each."""
    held: list[pl.DataFrame] = []
    rows = 0
    for frame in frames:
        held.append(frame)
        rows += len(frame)
        if rows >= BATCH_ROWS:
            yield pl.concat(held)
            held, rows = [], 0
    if rows:
        yield pl.concat(held)

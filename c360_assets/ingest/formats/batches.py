"""What the readers of all formats share: a readable file, a batch of its rows, errors of files.

Reading a format belongs to `read_text`, `read_json` and `read_parquet`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from c360_assets.ingest.failures import LoadError, file_message
from c360_assets.ingest.formats.sniff import why_missing
from c360_assets.ingest.landed_files import LandedFile
from c360_assets.tenant.models import FeedConfig
from c360_assets.wording import counted

BATCH_ROWS = 500_000
SHOWN_NAMES = 5
UNNAMED = re.compile(r"unnamed_\d+(_\d+)?")
# Keys of JSON may be anything, a person's name too; only what can be a column's name is shown.
COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,60}")


@dataclass(frozen=True)
class OpenedFile:
    """A file that was looked at and can be read.

    `number` is its place among the files of the load, `feed` says how it is written, `path` what to
    read (unpacked, UTF-8). `header` holds the lower-cased column names of a text or Parquet file;
    it is empty for JSON, whose keys are seen when it is read, and None where there is nothing to
    read.
    """

    number: int
    feed: FeedConfig
    landed: LandedFile
    path: Path
    header: tuple[str, ...] | None


@dataclass(frozen=True)
class Batch:
    """A query for some rows.

    Its columns are `_file`, `_row` (from 1 in its file, rejected ones counted), `_line`, `_reject`
    (error type or NULL), `_record` (the rejected record's text), and `r0`, `r1`, ... the text of
    each declared field. `typed` holds the numbers of the fields whose text renders a typed value.
    """

    sql: str
    typed: frozenset[int] = frozenset()


def distinct_names(names: Iterable[str]) -> list[str]:
    """A header's names, by which each column can be declared: a repeated one becomes `name_2`.

    Names are compared without case. A column without a name is called `unnamed_3` by its place
    from 1.
    """
    names = [name or f"unnamed_{place}" for place, name in enumerate(names, 1)]
    taken = {name.lower() for name in names}
    seen: set[str] = set()
    distinct = []
    for name in names:
        if name.lower() in seen:
            name = _free_name(name, taken)
        seen.add(name.lower())
        taken.add(name.lower())
        distinct.append(name)
    return distinct


def is_unnamed(name: str) -> bool:
    """Whether a name is that of a column for which the file has none."""
    return UNNAMED.fullmatch(name) is not None


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}".lower() in taken:
        number += 1
    return f"{name}_{number}"


def file_error(
    kind: str, feed: FeedConfig, file: LandedFile, problem: str, remedy: str
) -> LoadError:
    """The error to raise for a file: what is wrong with it, and what to do."""
    return LoadError(kind, file_message(feed.name, file.relative, problem, remedy))


def require(
    feed: FeedConfig,
    file: LandedFile,
    present: Sequence[str],
    delimiter: str = "",
    path: Path | None = None,
) -> None:
    """Raise LoadError where `present` lacks a required column or a part of the primary key.

    `present` are lower-cased column names; `delimiter` is that of the text file at `path`, by
    which its first line was cut.
    """
    keys = set(feed.primary_key)
    for name, declared in feed.fields.items():
        required = declared.required or feed.output_name(name) in keys
        if required and name.lower() not in present:
            remedy = why_missing(feed, name, present, delimiter, path)
            if remedy is None:
                remedy = f"send the file with it, or correct fields.{name} of the feed"
            problem = f"lacks the required column {name}"
            raise file_error("missing_column", feed, file, problem, remedy)


def column_warnings(
    feed: FeedConfig,
    files: Iterable[OpenedFile],
    columns: Mapping[int, Sequence[str]],
    nested: Mapping[int, Collection[str]],
) -> list[str]:
    """What differs between declared columns and those of `files`, once for all files alike.

    `columns` holds the lower-cased names by file number; a file that is not in it has no rows.
    `nested` are the fields of texts that hold objects or lists.
    """
    declared = {name.lower(): name for name in feed.fields}
    files_by_warning: dict[str, list[str]] = defaultdict(list)
    for file in files:
        warnings = ["is empty"] if file.header is None else []
        if file.number in columns:
            warnings += _differences(declared, columns[file.number])
        if nested.get(file.number):
            names = _columns_text(sorted(nested[file.number]))
            warnings.append(
                f"has objects or lists in {names}, which the feed declares as string: their JSON "
                "is the text; say `type: struct` or `type: array` if that is meant"
            )
        for warning in warnings:
            files_by_warning[warning].append(file.landed.relative)
    return [f"{_files_text(paths)}: {warning}" for warning, paths in files_by_warning.items()]


def _differences(declared: Mapping[str, str], present: Sequence[str]) -> list[str]:
    """What differs between lower-cased names that are `present` and declared (-> as written)."""
    differences = []
    lacking = [name for lowered, name in declared.items() if lowered not in present]
    if lacking:
        columns = _columns_text(lacking)
        differences.append(f"lacks {columns}, which the feed declares: NULL")
    unknown = [name for name in present if name not in declared]
    if unknown:
        columns = _columns_text(unknown)
        differences.append(f"has {columns}, which the feed does not declare: ignored")
    return differences


def _columns_text(names: Sequence[str]) -> str:
    """A number of columns, with the names of some: those that look like names."""
    columns = counted(len(names), "column")
    shown = [name for name in names if COLUMN_NAME.fullmatch(name)][:SHOWN_NAMES]
    if not shown:
        return columns
    if len(shown) < len(names):
        shown.append("...")
    return f"{columns} ({', '.join(shown)})"


def _files_text(paths: Sequence[str]) -> str:
    others = len(paths) - 1
    return f"file {paths[0]} and {counted(others, 'more file')}" if others else f"file {paths[0]}"


def numbered(frames: Iterable[pl.DataFrame], skip: int = 0) -> Iterator[pl.DataFrame]:
    """Add `_row`, a record's place in its file from 1, without the first `skip` records of each.

    A file's records stand together, in one frame or in several that follow each other.
    """
    last_file, last_row = -1, 0
    for frame in frames:
        if frame.is_empty():
            continue
        files = frame["_file"].to_numpy()
        places = np.arange(len(files))
        begins = np.append(True, files[1:] != files[:-1])
        begin_of_file = np.maximum.accumulate(np.where(begins, places, 0))
        rows = places - begin_of_file + 1
        if files[0] == last_file:
            rows[files == last_file] += last_row
        last_file, last_row = int(files[-1]), int(rows[-1])
        placed = frame.with_columns(pl.Series("_row", rows - skip, pl.Int64))
        yield placed.filter(pl.col("_row") > 0) if skip else placed


def gathered(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Frames put together until they are worth a statement: small files must not cost one each."""
    waiting: list[pl.DataFrame] = []
    rows = 0
    for frame in frames:
        waiting.append(frame)
        rows += len(frame)
        if rows >= BATCH_ROWS:
            yield pl.concat(waiting)
            waiting, rows = [], 0
    if rows:
        yield pl.concat(waiting)

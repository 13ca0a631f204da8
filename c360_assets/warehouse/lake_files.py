"""Data files of a lake: a large table is several, so that engines read them side by side and a
change in it writes not all of them anew.

The same rows give the same files, whatever threads wrote them. Where files are put is
`lake_storage`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from c360_assets.warehouse.delta import FILE
from c360_assets.warehouse.sql import quote_literal, quote_path

MOST_BYTES = 128 << 20  # of one file, unless a single row group is larger
HASH_LETTERS = 32
POSITION = "file_row_number"


class Footer(NamedTuple):
    """What a data file says of itself: its columns, rows and bytes."""

    schema: pa.Schema
    rows: int
    size: int


def write_parts(
    con: duckdb.DuckDBPyConnection, select: str, file: Path, most: int | None = None
) -> list[Path]:
    """Write the rows of a SELECT as one local file, or where that has more than `most` bytes
    (default `MOST_BYTES`) as several beside it, in their order."""
    con.execute(f"COPY ({select}) TO {quote_literal(str(file))} ({FILE})").fetchall()
    starts = _starts(pq.read_metadata(file), MOST_BYTES if most is None else most)
    if len(starts) == 1:
        return [file]
    # DuckDB's own files of a limited size differ with its threads.
    parts = []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True)):
        part = file.with_name(f"{file.stem}-{number}{file.suffix}")
        until = "" if end is None else f" AND {POSITION} < {end}"
        rows = (
            f"SELECT * EXCLUDE {POSITION} FROM "
            f"read_parquet({quote_path(str(file))}, {POSITION} = true) "
            f"WHERE {POSITION} >= {start}{until}"
        )
        con.execute(f"COPY ({rows}) TO {quote_literal(str(part))} ({FILE})").fetchall()
        parts.append(part)
    file.unlink()
    return parts


def _starts(footer: pq.FileMetaData, most: int) -> list[int]:
    """The first row of each part: whole row groups of at most so many bytes together."""
    starts = [0]
    row = size = 0
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        columns = range(group.num_columns)
        group_size = sum(group.column(column).total_compressed_size for column in columns)
        if size and size + group_size > most:
            starts.append(row)
            size = 0
        row += group.num_rows
        size += group_size
    return starts


def names_of(parts: Sequence[Path]) -> list[str]:
    """A name for each file, by what it holds; files of equal content have different ones."""
    names: list[str] = []
    for part in parts:
        with part.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        while (name := f"part-{digest[:HASH_LETTERS]}.parquet") in names:
            digest = hashlib.sha256(digest.encode()).hexdigest()
        names.append(name)
    return names

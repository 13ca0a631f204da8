"""Parquet files to rows of fields: typed values rendered as text that their casts read back.

So one set of type rules, that of `casts`, holds for all formats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.batches import Batch, OpenedFile, file_error
from c360_assets.ingest.formats.row_shapes import RowNotes
from c360_assets.ingest.landed_files import LandedFile
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal, quote_path

BATCH_BYTES = 256 << 20


class _Column(NamedTuple):
    """A column as the file has it, with its DuckDB type."""

    name: str
    type: str


class _Shape(NamedTuple):
    """What one query can read together: the columns of files, and the values of their folders."""

    columns: tuple[_Column, ...]
    partition: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class _Rendering:
    """The SQL for the text of each declared field, and the numbers of those that were typed."""

    values: list[str]
    typed: frozenset[int]


def _columns(session: Session, path: Path) -> tuple[_Column, ...]:
    described = session.rows(f"DESCRIBE SELECT * FROM read_parquet({quote_path(path)})")
    return tuple(_Column(row[0], row[1]) for row in described)


def parquet_header(
    session: Session, feed: FeedConfig, file: LandedFile, path: Path
) -> tuple[str, ...]:
    """The lower-cased names of the columns of a file and of its folder. Raises LoadError."""
    try:
        in_file = [column.name.lower() for column in _columns(session, path)]
    except duckdb.Error:
        problem = "is not a readable Parquet file"
        raise file_error("unreadable", feed, file, problem, "send it again") from None
    return (*in_file, *(name for name in file.partition if name not in in_file))


def parquet_batches(
    session: Session,
    feed: FeedConfig,
    files: list[OpenedFile],
    failures: dict[int, LoadError],
    notes: RowNotes,
) -> Iterator[Batch]:
    """The rows of `files`; those that are broken are put into `failures` by number, and what is
    nested where a text is declared into `notes`."""
    by_shape: dict[_Shape, list[OpenedFile]] = defaultdict(list)
    for file in files:
        partition = tuple(file.landed.partition.items())
        by_shape[_Shape(_columns(session, file.path), partition)].append(file)
    for shape, alike in by_shape.items():
        rendering = _rendering(feed, shape)
        nested = _nested_texts(feed, shape)
        notes.nested |= {file.number: nested for file in alike if nested}
        for group in _grouped(alike):
            if _read_readable(session, feed, group, rendering, failures):
                yield Batch("SELECT * FROM _c360_parquet", rendering.typed)
                session.execute("DROP TABLE _c360_parquet")


def _nested_texts(feed: FeedConfig, shape: _Shape) -> set[str]:
    """The fields of type string whose column is nested."""
    nested = {column.name.lower() for column in shape.columns if is_nested(column.type)}
    return {
        name
        for name, field in feed.fields.items()
        if field.type == "string" and name.lower() in nested
    }


def is_nested(kind: str) -> bool:
    """Whether a type of the engine is one of lists or objects."""
    return kind.endswith("[]") or kind.startswith(("STRUCT", "MAP"))


def _rendering(feed: FeedConfig, shape: _Shape) -> _Rendering:
    columns = {column.name.lower(): column for column in shape.columns}
    partition = dict(shape.partition)
    values: list[str] = []
    typed: set[int] = set()
    for number, (name, field) in enumerate(feed.fields.items()):
        column = columns.get(name.lower())
        if column is None:
            folder = partition.get(name.lower())
            text = "NULL::VARCHAR" if folder is None else quote_literal(folder)
        else:
            zone = feed.timezone or "UTC"
            text = rendered(quote_ident(column.name), column.type, field.type, zone)
            if column.type != "VARCHAR":
                typed.add(number)
        values.append(f"{text} AS r{number}")
    return _Rendering(values, frozenset(typed))


def _grouped(files: list[OpenedFile]) -> Iterator[list[OpenedFile]]:
    """Neighbouring files up to `BATCH_BYTES` together, or one larger file."""
    group: list[OpenedFile] = []
    size = 0
    for file in files:
        if group and size + file.landed.size > BATCH_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.landed.size
    if group:
        yield group


def _read_readable(
    session: Session,
    feed: FeedConfig,
    files: list[OpenedFile],
    rendering: _Rendering,
    failures: dict[int, LoadError],
) -> bool:
    """Fill `_c360_parquet` with the rows of those `files` that are whole; False where none is."""
    if _read(session, files, rendering.values):
        return True
    # The engine does not say which file is broken, so each is tried by itself.
    whole = [file for file in files if _read(session, [file], rendering.values)]
    for file in files:
        if file not in whole:
            problem = "cannot be read to its end"
            failures[file.number] = file_error(
                "unreadable", feed, file.landed, problem, "send it again"
            )
    return bool(whole) and _read(session, whole, rendering.values)


def _read(session: Session, files: list[OpenedFile], values: list[str]) -> bool:
    """Fill `_c360_parquet` with the rows of `files`, which have the same columns.

    False where one of them cannot be read.
    """
    numbers = ", ".join(f"({file.number}, {quote_literal(str(file.path))})" for file in files)
    paths = ", ".join(quote_path(file.path) for file in files)
    try:
        session.execute(
            f"""CREATE OR REPLACE TEMP TABLE _c360_parquet AS
                SELECT _number::INTEGER AS _file, _place + 1 AS _row, _place + 1 AS _line,
                       NULL::VARCHAR AS _reject, NULL::VARCHAR AS _record, {", ".join(values)}
                FROM (SELECT * RENAME (filename AS _path, file_row_number AS _place)
                      FROM read_parquet([{paths}], filename = true, file_row_number = true))
                JOIN (VALUES {numbers}) AS n(_number, _path) USING (_path)"""
        )
    except duckdb.Error:
        return False
    return True


def rendered(column: str, kind: str, target: str, zone: str) -> str:
    """SQL for the text of a value of type `kind`, such that the cast to `target` gives it back."""
    if kind.startswith("TIMESTAMP"):
        with_zone = kind.endswith("TIME ZONE") or kind.startswith("TIMESTAMPTZ")
        return _rendered_instant(column, zone if with_zone else None, target)
    if kind in ("FLOAT", "DOUBLE") and target in ("decimal", "integer"):
        return _rendered_float(column, target)
    if is_nested(kind):
        return f"to_json({column})::VARCHAR"
    return f"{column}::VARCHAR"


def _rendered_instant(column: str, zone: str | None, target: str) -> str:
    """Without a zone the value is local time already."""
    if zone is None:
        shape = "%Y-%m-%d" if target == "date" else "%Y-%m-%d %H:%M:%S.%f"
        return f"strftime({column}::TIMESTAMP, '{shape}')"
    if target == "date":
        return f"strftime(timezone({quote_literal(zone)}, {column}), '%Y-%m-%d')"
    return f"strftime(timezone('UTC', {column}), '%Y-%m-%d %H:%M:%S.%fZ')"


def _rendered_float(column: str, target: str) -> str:
    """Without an exponent where that is possible, since the casts of exact numbers read none."""
    if target == "decimal":
        exact, is_exact = f"TRY_CAST({column} AS DECIMAL(38,12))", "true"
    else:
        exact, is_exact = f"TRY_CAST({column} AS HUGEINT)", f"{column} = trunc({column})"
    return (
        f"CASE WHEN {is_exact} AND {exact} IS NOT NULL "
        f"THEN {exact}::VARCHAR ELSE {column}::VARCHAR END"
    )

"""Parquet files to rows of fields: typed values rendered as text that their casts read back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.batches import Batch, OpenedFile, about
from c360_assets.ingest.landing import LandedFile
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

BATCH_BYTES = 256 << 20


def _columns(session: Session, path: Path) -> list[tuple[str, str]]:
    return [
        (row[0], row[1])
        for row in session.rows(f"DESCRIBE SELECT * FROM read_parquet({quote_literal(str(path))})")
    ]


def parquet_header(
    session: Session, feed: FeedConfig, file: LandedFile, path: Path
) -> tuple[str, ...]:
    try:
        names = [name.lower() for name, _ in _columns(session, path)]
        return (*names, *(name for name in file.partition if name not in names))
    except duckdb.Error:
        raise LoadError(
            "unreadable", about(feed, file, "is not a readable Parquet file", "send it again")
        ) from None


def parquet_batches(
    session: Session, feed: FeedConfig, files: list[OpenedFile], failures: dict[int, LoadError]
) -> Iterator[Batch]:
    """Typed values are rendered as text that their casts read back, so that one set of type rules holds for all formats."""
    shapes: dict[tuple[Any, ...], list[OpenedFile]] = defaultdict(list)
    for file in files:
        shapes[tuple(_columns(session, file.path)), tuple(file.landed.partition.items())].append(
            file
        )
    for (shape, partition), alike in shapes.items():
        columns = {name.lower(): (name, kind) for name, kind in shape}
        values, typed = [], set()
        for i, (name, item) in enumerate(feed.fields.items()):
            column, kind = columns.get(name.lower(), ("", ""))
            if kind not in ("", "VARCHAR"):
                typed.add(i)
            if kind:
                text = rendered(quote_ident(column), kind, item.type, feed.timezone or "UTC")
            else:
                folder = dict(partition).get(name.lower())
                text = "NULL::VARCHAR" if folder is None else quote_literal(folder)
            values.append(f"{text} AS r{i}")
        for group in _grouped(alike):
            readable = group
            if not _read(session, group, values):
                readable = [file for file in group if _read(session, [file], values)]
                for file in group:
                    if file not in readable:
                        message = about(
                            feed, file.landed, "cannot be read to its end", "send it again"
                        )
                        failures[file.number] = LoadError("unreadable", message)
                if not readable or not _read(session, readable, values):
                    continue
            yield Batch("SELECT * FROM _c360_parquet", frozenset(typed))
            session.execute("DROP TABLE _c360_parquet")


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


def _read(session: Session, files: list[OpenedFile], values: list[str]) -> bool:
    """Fill `_c360_parquet` with the rows of `files`, which have the same columns; False where one cannot be read."""
    numbers = ", ".join(f"({f.number}, {quote_literal(str(f.path))})" for f in files)
    listed = ", ".join(quote_literal(str(f.path)) for f in files)
    try:
        session.execute(
            f"""CREATE OR REPLACE TEMP TABLE _c360_parquet AS
                SELECT _number::INTEGER AS _file, _place + 1 AS _row, _place + 1 AS _line, NULL::VARCHAR AS _reject,
                       NULL::VARCHAR AS _record, {", ".join(values)}
                FROM (SELECT * RENAME (filename AS _path, file_row_number AS _place)
                      FROM read_parquet([{listed}], filename = true, file_row_number = true))
                JOIN (VALUES {numbers}) AS n(_number, _path) USING (_path)"""
        )
    except duckdb.Error:
        return False
    return True


def rendered(column: str, kind: str, target: str, zone: str) -> str:
    """SQL for the text of a typed value, such that the cast to `target` gives the value back."""
    if kind.startswith("TIMESTAMP") and not kind.endswith("TIME ZONE"):
        shape = "%Y-%m-%d" if target == "date" else "%Y-%m-%d %H:%M:%S.%f"
        return f"strftime({column}::TIMESTAMP, '{shape}')"
    if kind.startswith("TIMESTAMP"):
        if target == "date":
            return f"strftime(timezone({quote_literal(zone)}, {column}), '%Y-%m-%d')"
        return f"strftime(timezone('UTC', {column}), '%Y-%m-%d %H:%M:%S.%fZ')"
    if kind in ("FLOAT", "DOUBLE") and target in ("decimal", "integer"):
        exact = "DECIMAL(38,12)" if target == "decimal" else "HUGEINT"
        fits = f"TRY_CAST({column} AS {exact})"
        whole = "true" if target == "decimal" else f"{column} = trunc({column})"
        return f"CASE WHEN {whole} AND {fits} IS NOT NULL THEN {fits}::VARCHAR ELSE {column}::VARCHAR END"
    if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP")):
        return f"to_json({column})::VARCHAR"
    return f"{column}::VARCHAR"

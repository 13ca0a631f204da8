"""JSON documents and NDJSON to rows of fields, with the digits of numbers kept as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import polars as pl

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.batches import Batch, OpenedFile, about, gathered, numbered, require
from c360_assets.ingest.formats.read_text import unreadable
from c360_assets.ingest.formats.text_records import records_of
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

NUMBER_MARK, NUMBER_END = "\x01", "\x02"
JSON_TOKEN = r'("(?:[^"\\]|\\.)*")|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'


def json_batches(
    session: Session,
    feed: FeedConfig,
    files: list[OpenedFile],
    failures: dict[int, LoadError],
    seen: dict[int, Sequence[str]],
) -> Iterator[Batch]:
    keys_of: dict[int, set[str]] = {}
    faults: dict[int, Exception] = {}
    if feed.files.format == "ndjson":
        records = records_of(((file.number, file.path) for file in files), None, faults)
    else:
        records = (frame for file in files for frame in _document(session, feed, file, failures))
    for raw in gathered(numbered(records)):
        frame = _judged(session, raw)
        session.register("_c360_json", frame)
        named = session.rows(
            "SELECT DISTINCT _file, unnest(json_keys(record)) AS k FROM _c360_json WHERE _reject IS NULL ORDER BY k"
        )
        for number in frame.filter(pl.col("_reject").is_null())["_file"].unique():
            keys_of.setdefault(number, set())
        for number, key in named:
            keys_of[number].add(key.lower())
        yield Batch(_fields_of(feed, sorted({key for _, key in named})))
    for file in files:
        if file.number in faults:
            failures[file.number] = unreadable(feed, file.landed, faults[file.number])
        elif file.number not in keys_of:
            del seen[file.number]  # no row, no keys
        else:
            seen[file.number] = sorted(keys_of[file.number])
            try:
                require(feed, file.landed, seen[file.number])
            except LoadError as error:
                failures.setdefault(file.number, error)


def _judged(session: Session, frame: pl.DataFrame) -> pl.DataFrame:
    """Marks the records that are no JSON objects."""
    session.register("_c360_lines", frame)
    return session.frame(
        """SELECT _file, _row, _line, CASE WHEN _bad IS NULL THEN record END AS record, _bad AS _reject,
                  CASE WHEN _bad IS NOT NULL THEN coalesce(_garbled, record) END AS _record
           FROM (SELECT *, CASE WHEN record IS NULL THEN 'encoding_error'
                                WHEN NOT json_valid(record) OR json_type(record) <> 'OBJECT' THEN 'malformed_row' END AS _bad
                 FROM _c360_lines)"""
    )


def _document(
    session: Session, feed: FeedConfig, file: OpenedFile, failures: dict[int, LoadError]
) -> Iterator[pl.DataFrame]:
    """The objects of a JSON document: an array of them, or one after the other. `_line` is the record's number."""
    with file.path.open("rb") as source:
        start = source.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    shape = "array" if start.startswith(b"[") else "unstructured"
    source_sql = f"{quote_literal(str(file.path))}, format = {quote_literal(shape)}, compression = 'uncompressed'"
    try:
        yield session.frame(
            f"SELECT {file.number}::INTEGER AS _file, row_number() OVER () AS _line, json::VARCHAR AS record, "
            f"NULL::VARCHAR AS _garbled FROM read_json_objects({source_sql})"
        )
    except duckdb.Error:
        remedy = "mend the file, or say format: ndjson for one object per line"
        failures[file.number] = LoadError(
            "unreadable", about(feed, file.landed, "is not valid JSON", remedy)
        )


def _fields_of(feed: FeedConfig, keys: list[str]) -> str:
    """Numbers are put in quotes first: the engine would read them as floating point and lose digits."""
    mark, end = f"chr({ord(NUMBER_MARK)})", f"chr({ord(NUMBER_END)})"
    replacement = quote_literal(f"\\1{NUMBER_MARK}\\2{NUMBER_END}")
    marked = f"regexp_replace(record, {quote_literal(JSON_TOKEN)}, {replacement}, 'g')"
    digits = (
        f"""replace(replace(replace({marked}, {mark} || {end}, ''), {mark}, '"'), {end}, '"')"""
    )
    paths, values = [], []
    for i, name in enumerate(feed.fields):
        variants = [k for k in keys if k.lower() == name.lower()]
        found = []
        for key in variants:
            paths.append("/" + key.replace("~", "~0").replace("/", "~1"))
            whole = f"json_extract_string(record, {quote_literal(paths[-1])})"
            place = f"f[{len(paths)}]"
            found.append(f"CASE WHEN {place}[1:1] IN ('{{', '[') THEN {whole} ELSE {place} END")
        values.append((f"coalesce({', '.join(found)})" if found else "NULL::VARCHAR") + f" AS r{i}")
    listed = ", ".join(quote_literal(p) for p in paths)
    extracted = f"json_extract_string({digits}, [{listed}])" if paths else "NULL::VARCHAR[]"
    return f"SELECT _file, _row, _line, _reject, _record, {', '.join(values)} FROM (SELECT *, {extracted} AS f FROM _c360_json)"

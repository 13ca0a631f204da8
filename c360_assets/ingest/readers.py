"""Landed files to rows of text: one value per declared field, with line numbers, rejected records marked and never lost.

Text formats go through `records`; JSON and Parquet through the engine. Whether a text is of its field's type is decided in
`casts`, what becomes of the rows in `load`.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landing import LandedFile
from c360_assets.ingest.records import Dialect, UnclosedQuoteError, text_records
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session, private_folder
from c360_assets.warehouse.sql import quote_ident, quote_literal

DELIMITERS = {"csv": ",", "psv": "|", "tsv": "\t", "dsv": None}
BATCH_ROWS = 500_000
BATCH_BYTES = 256 << 20
NUMBER_MARK, NUMBER_END = "\x01", "\x02"
JSON_TOKEN = r'("(?:[^"\\]|\\.)*")|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'
LATER = {"avro": "Avro", "xml": "XML"}


@dataclass(frozen=True)
class OpenedFile:
    """A file that was looked at and can be read. `number` is its place among the files of the load, `path` what to read
    (unpacked, UTF-8), `header` the lower-cased column names of a text or Parquet file, None where there is nothing to read."""

    number: int
    landed: LandedFile
    path: Path
    header: tuple[str, ...] | None
    undeclared: int = 0


@dataclass(frozen=True)
class Batch:
    """A query for some rows: `_file`, `_row` (from 1 in its file, rejected ones counted), `_line`, `_reject` (error type or
    NULL), `_record` (the rejected record's text), and `r0`, `r1`, ... the text of each declared field. `typed` holds the
    numbers of the fields whose text renders a typed value."""

    sql: str
    typed: frozenset[int] = frozenset()


def dialect_of(feed: FeedConfig) -> Dialect:
    files = feed.files
    delimiter = files.delimiter or DELIMITERS.get(files.format)
    if delimiter is None:
        raise LoadError("configuration", f"feed {feed.name}: files.delimiter is missing; format dsv needs one")
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    for key, mark in (("delimiter", delimiter), ("quote", files.quote), ("escape", files.escape)):
        if len(mark) > 1 or not mark.isascii():
            raise LoadError("configuration", f"feed {feed.name}: files.{key} must be one ASCII character")
    return Dialect(delimiter, files.quote, files.escape or files.quote)


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
            "changing", _about(feed, file, "is still being written or cannot be read", "run again when it is complete")
        )
    try:
        path = _plain(feed, file, number, workspace)
    except (OSError, EOFError, zlib.error, UnicodeError, LookupError) as error:
        message = _about(
            feed, file, f"cannot be unpacked or read ({type(error).__name__})", "send it again, or mend files.encoding"
        )
        raise LoadError("unreadable", message) from None
    if path.stat().st_size == 0:
        return OpenedFile(number, file, path, None)
    if files.format in ("json", "ndjson"):
        return OpenedFile(number, file, path, ())
    header = _parquet_header(session, feed, file, path) if files.format == "parquet" else _text_header(feed, file, path)
    if header is None:
        return OpenedFile(number, file, path, None)
    declared = {name.lower() for name in feed.fields}
    twice = sorted(name for name in declared if header.count(name) > 1)
    if twice:
        raise LoadError("header", _about(feed, file, f"has the column {twice[0]} twice", "give the columns different names"))
    _require(feed, file, set(header))
    return OpenedFile(number, file, path, header, undeclared=sum(name not in declared for name in header))


def batches(session: Session, feed: FeedConfig, opened: Iterable[OpenedFile], failures: dict[int, LoadError]) -> Iterator[Batch]:
    """The rows of `opened`, file by file in order within each shape of file.

    A file that turns out to be broken half way is put into `failures` under its number; rows of it may have been given out.
    """
    readable = [f for f in opened if f.header is not None]
    if feed.files.format in ("json", "ndjson"):
        yield from _json_batches(session, feed, readable, failures)
        return
    if feed.files.format == "parquet":
        yield from _parquet_batches(session, feed, readable, failures)
        return
    shapes: dict[tuple[str, ...], list[OpenedFile]] = defaultdict(list)
    for file in readable:
        assert file.header is not None
        shapes[file.header].append(file)
    for header, files in shapes.items():
        yield from _text_batches(session, feed, header, files, failures)


def _about(feed: FeedConfig, file: LandedFile, what: str, remedy: str) -> str:
    return f"feed {feed.name}: file {file.relative} {what}; {remedy}"


def _require(feed: FeedConfig, file: LandedFile, present: set[str]) -> None:
    keys = set(feed.primary_key)
    for name, item in feed.fields.items():
        needed = item.required or feed.output_name(name) in keys
        if needed and name.lower() not in present:
            remedy = f"send the file with it, or mend fields.{name} of the feed"
            raise LoadError("missing_column", _about(feed, file, f"lacks the required column {name}", remedy))


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


def _text_header(feed: FeedConfig, file: LandedFile, path: Path) -> tuple[str, ...] | None:
    if not feed.files.header:
        return tuple(name.lower() for name in feed.fields)
    dialect = dialect_of(feed)
    try:
        first = next(text_records(path, dialect, chunk=1 << 16), None)
    except UnclosedQuoteError:
        raise LoadError("header", _about(feed, file, "has a header whose quotes are not closed", "send it again")) from None
    if first is None or not len(first):
        return None
    record = first["record"][0]
    if record is None or re.match(dialect.any_record, record) is None:
        raise LoadError("header", _about(feed, file, "has a header that cannot be read", "mend its quotes or files.encoding"))
    return tuple(name.strip().lower() for name in split_record(record, dialect))


def split_record(record: str, dialect: Dialect) -> list[str]:
    """The fields of one well-formed record; for headers, rows are split by the engine."""
    d = re.escape(dialect.delimiter)
    found = re.findall(f"{d}({dialect.field})", dialect.delimiter + record)
    q = dialect.quote
    return [_unescape(f[1:-1], dialect) if q and f.startswith(q) else f for f in found]


def _unescape(text: str, dialect: Dialect) -> str:
    if dialect.escape == dialect.quote:
        return text.replace(dialect.quote * 2, dialect.quote)
    return re.sub(re.escape(dialect.escape) + r"([\s\S])", r"\1", text)


def _text_batches(
    session: Session, feed: FeedConfig, header: tuple[str, ...], files: list[OpenedFile], failures: dict[int, LoadError]
) -> Iterator[Batch]:
    dialect = dialect_of(feed)
    places = [header.index(name.lower()) + 1 if name.lower() in header else None for name in feed.fields]
    found = ", ".join(f"f[{place}] AS x{i}" if place else f"NULL::VARCHAR AS x{i}" for i, place in enumerate(places))
    values = ", ".join(f"{_unquoted_sql(dialect, f'x{i}')} AS r{i}" for i in range(len(places)))
    fields = f"SELECT *, {found} FROM (SELECT *, {_fields_sql(dialect)} AS f FROM _c360_text)"
    sql = f"SELECT _file, _row, _line, _reject, _record, {values} FROM ({fields})"
    frames = (frame for file in files for frame in _classified(feed, file, dialect, len(header), failures))
    for frame in _gathered(frames):
        session.register("_c360_text", frame)
        yield Batch(sql)


def _classified(
    feed: FeedConfig, file: OpenedFile, dialect: Dialect, fields: int, failures: dict[int, LoadError]
) -> Iterator[pl.DataFrame]:
    """Frames of `_file, _row, _line, record, _plain, _reject, _record`; `record` is NULL in rejected rows, `_plain` says that
    every delimiter in it separates two fields."""
    row, skip = 1, int(feed.files.header)
    try:
        for frame in text_records(file.path, dialect):
            frame, skip = frame.slice(skip), max(0, skip - len(frame))
            delimiters = pl.col("record").str.count_matches(dialect.delimiter, literal=True)
            yield (
                frame.with_columns((delimiters == fields - 1).alias("_plain"))
                .with_columns(_reject(dialect, fields).alias("_reject"))
                .with_columns(
                    pl.lit(file.number, pl.Int32).alias("_file"),
                    pl.int_range(row, row + len(frame), dtype=pl.Int64).alias("_row"),
                    pl.when(pl.col("_reject").is_not_null()).then(pl.coalesce("_garbled", "record")).alias("_record"),
                    pl.when(pl.col("_reject").is_null()).then("record").alias("record"),
                )
                .select("_file", "_row", "_line", "record", "_plain", "_reject", "_record")
            )
            row += len(frame)
    except UnclosedQuoteError as error:
        what = f"has a quoted field that is never closed, after line {error.line}"
        failures[file.number] = LoadError("unreadable", _about(feed, file.landed, what, "mend the file or files.quote"))


def _reject(dialect: Dialect, fields: int) -> pl.Expr:
    record = pl.col("record")
    miscounted = pl.lit("column_count_mismatch")
    if dialect.quote:
        quoted = (
            pl.when(record.str.contains(dialect.record(fields)))
            .then(None)
            .when(record.str.contains(dialect.any_record))
            .then(miscounted)
            .otherwise(pl.lit("malformed_row"))
        )
        has_quote = record.str.contains(dialect.quote, literal=True)
    else:
        quoted, has_quote = pl.lit(None, pl.String), pl.lit(False)
    unquoted = pl.when("_plain").then(None).otherwise(miscounted)
    return pl.when(record.is_null()).then(pl.lit("encoding_error")).when(has_quote).then(quoted).otherwise(unquoted)


def _fields_sql(dialect: Dialect) -> str:
    """SQL for the list of fields of `record`, which is well formed, quotes still on.

    Where a record has no more delimiters than it needs, all of them separate fields, and no quoted field is looked for.
    """
    plain = f"string_split(record, {quote_literal(dialect.delimiter)})"
    if not dialect.quote:
        return plain
    pattern = quote_literal(f"{re.escape(dialect.delimiter)}({dialect.field})")
    return (
        f"CASE WHEN _plain THEN {plain} ELSE regexp_extract_all({quote_literal(dialect.delimiter)} || record, {pattern}, 1) END"
    )


def _unquoted_sql(dialect: Dialect, field: str) -> str:
    if not dialect.quote:
        return field
    q, inner = quote_literal(dialect.quote), f"{field}[2:length({field}) - 1]"
    if dialect.escape == dialect.quote:
        text = f"replace({inner}, {quote_literal(dialect.quote * 2)}, {q})"
    else:
        escaped = quote_literal(re.escape(dialect.escape) + "(.|[^.])")
        text = f"regexp_replace({inner}, {escaped}, '\\1', 'g')"
    return f"CASE WHEN {field}[1:1] = {q} THEN {text} ELSE {field} END"


def _json_batches(session: Session, feed: FeedConfig, files: list[OpenedFile], failures: dict[int, LoadError]) -> Iterator[Batch]:
    keys_of: dict[int, set[str]] = {}
    frames = (frame for file in files for frame in _json_records(session, feed, file, failures))
    for frame in _gathered(frames):
        session.register("_c360_json", frame)
        named = session.rows(
            "SELECT DISTINCT _file, unnest(json_keys(record)) AS k FROM _c360_json WHERE _reject IS NULL ORDER BY k"
        )
        for number in frame.filter(pl.col("_reject").is_null())["_file"].unique():
            keys_of.setdefault(number, set())
        for number, key in named:
            keys_of[number].add(key.lower())
        yield Batch(_json_sql(feed, sorted({key for _, key in named})))
    for file in files:
        if file.number in keys_of:
            try:
                _require(feed, file.landed, keys_of[file.number])
            except LoadError as error:
                failures.setdefault(file.number, error)


def _gathered(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
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


def _json_records(session: Session, feed: FeedConfig, file: OpenedFile, failures: dict[int, LoadError]) -> Iterator[pl.DataFrame]:
    if feed.files.format == "ndjson":
        frames: Iterable[pl.DataFrame] = text_records(file.path, None)
    else:
        try:
            frames = [_json_array(session, file.path)]
        except duckdb.Error:
            message = _about(
                feed, file.landed, "is not valid JSON", "mend the file, or say format: ndjson for one object per line"
            )
            failures[file.number] = LoadError("unreadable", message)
            return
    row = 1
    for frame in frames:
        session.register("_c360_lines", frame)
        yield session.frame(
            f"""SELECT {file.number}::INTEGER AS _file, {row} + (row_number() OVER () - 1) AS _row, _line,
                       CASE WHEN _bad IS NULL THEN record END AS record, _bad AS _reject,
                       CASE WHEN _bad IS NOT NULL THEN coalesce(_garbled, record) END AS _record
                FROM (SELECT *, CASE WHEN record IS NULL THEN 'encoding_error'
                                     WHEN NOT json_valid(record) OR json_type(record) <> 'OBJECT' THEN 'malformed_row' END AS _bad
                      FROM _c360_lines)
                ORDER BY _line"""
        )
        row += len(frame)


def _json_array(session: Session, path: Path) -> pl.DataFrame:
    """The objects of a JSON document: an array of them, or one after the other. `_line` is the record's number."""
    with path.open("rb") as source:
        start = source.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    shape = "array" if start.startswith(b"[") else "unstructured"
    return session.frame(
        f"SELECT row_number() OVER () AS _line, json::VARCHAR AS record, NULL::VARCHAR AS _garbled "
        f"FROM read_json_objects({quote_literal(str(path))}, format = {quote_literal(shape)}, compression = 'uncompressed')"
    )


def _json_sql(feed: FeedConfig, keys: list[str]) -> str:
    """Numbers are put in quotes first: the engine would read them as floating point and lose digits."""
    mark, end = f"chr({ord(NUMBER_MARK)})", f"chr({ord(NUMBER_END)})"
    replacement = quote_literal(f"\\1{NUMBER_MARK}\\2{NUMBER_END}")
    marked = f"regexp_replace(record, {quote_literal(JSON_TOKEN)}, {replacement}, 'g')"
    digits = f"""replace(replace(replace({marked}, {mark} || {end}, ''), {mark}, '"'), {end}, '"')"""
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


def _parquet_columns(session: Session, path: Path) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in session.rows(f"DESCRIBE SELECT * FROM read_parquet({quote_literal(str(path))})")]


def _parquet_header(session: Session, feed: FeedConfig, file: LandedFile, path: Path) -> tuple[str, ...]:
    try:
        return tuple(name.lower() for name, _ in _parquet_columns(session, path))
    except duckdb.Error:
        raise LoadError("unreadable", _about(feed, file, "is not a readable Parquet file", "send it again")) from None


def _parquet_batches(
    session: Session, feed: FeedConfig, files: list[OpenedFile], failures: dict[int, LoadError]
) -> Iterator[Batch]:
    """Typed values are rendered as text that their casts read back, so that one set of type rules holds for all formats."""
    shapes: dict[tuple[tuple[str, str], ...], list[OpenedFile]] = defaultdict(list)
    for file in files:
        shapes[tuple(_parquet_columns(session, file.path))].append(file)
    for shape, alike in shapes.items():
        columns = {name.lower(): (name, kind) for name, kind in shape}
        values, typed = [], set()
        for i, (name, item) in enumerate(feed.fields.items()):
            column, kind = columns.get(name.lower(), ("", ""))
            if kind not in ("", "VARCHAR"):
                typed.add(i)
            text = rendered(quote_ident(column), kind, item.type, feed.timezone or "UTC") if kind else "NULL::VARCHAR"
            values.append(f"{text} AS r{i}")
        for group in _grouped(alike):
            readable = group
            if not _read_parquet(session, group, values):
                readable = [file for file in group if _read_parquet(session, [file], values)]
                for file in group:
                    if file not in readable:
                        message = _about(feed, file.landed, "cannot be read to its end", "send it again")
                        failures[file.number] = LoadError("unreadable", message)
                if not readable or not _read_parquet(session, readable, values):
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


def _read_parquet(session: Session, files: list[OpenedFile], values: list[str]) -> bool:
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

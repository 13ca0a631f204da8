"""Delimited text to rows of fields: headers, records that do not fit, fields and their quotes.

Where records begin is found by `records`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.batches import Batch, OpenedFile, about, gathered, numbered
from c360_assets.ingest.formats.text_records import (
    LONGEST_RECORD,
    Dialect,
    EndlessLineError,
    UnclosedQuoteError,
    records_of,
    text_records,
)
from c360_assets.ingest.landing import LandedFile
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

DELIMITERS = {"csv": ",", "psv": "|", "tsv": "\t", "dsv": None}


def dialect_of(feed: FeedConfig) -> Dialect:
    files = feed.files
    delimiter = files.delimiter or DELIMITERS.get(files.format)
    if delimiter is None:
        raise LoadError(
            "configuration", f"feed {feed.name}: files.delimiter is missing; format dsv needs one"
        )
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    for key, mark in (("delimiter", delimiter), ("quote", files.quote), ("escape", files.escape)):
        if len(mark) > 1 or not mark.isascii():
            raise LoadError(
                "configuration", f"feed {feed.name}: files.{key} must be one ASCII character"
            )
    return Dialect(delimiter, files.quote, files.escape or files.quote)


def text_header(feed: FeedConfig, file: LandedFile, path: Path) -> tuple[str, ...] | None:
    if not feed.files.header:
        return tuple(name.lower() for name in feed.fields)
    dialect = dialect_of(feed)
    with path.open("rb") as source:
        line = source.readline(1 << 16).removeprefix(b"\xef\xbb\xbf")
    plain = line.rstrip(b"\r\n")
    unquoted = not (dialect.quote and dialect.quote.encode() in plain)
    if (
        line.endswith(b"\n")
        and plain.strip()
        and plain.isascii()
        and b"\r" not in plain
        and unquoted
    ):
        return tuple(name.strip().lower() for name in plain.decode().split(dialect.delimiter))
    try:
        first = next(text_records(path, dialect, chunk=1 << 16), None)
    except UnclosedQuoteError:
        raise LoadError(
            "header", about(feed, file, "has a header whose quotes are not closed", "send it again")
        ) from None
    except EndlessLineError as error:
        raise unreadable(feed, file, error) from None
    if first is None or not len(first):
        return None
    record = first["record"][0]
    if record is None or re.match(dialect.any_record, record) is None:
        raise LoadError(
            "header",
            about(
                feed, file, "has a header that cannot be read", "mend its quotes or files.encoding"
            ),
        )
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


def text_batches(
    session: Session,
    feed: FeedConfig,
    header: tuple[str, ...],
    files: list[OpenedFile],
    failures: dict[int, LoadError],
) -> Iterator[Batch]:
    dialect = dialect_of(feed)
    places = [
        header.index(name.lower()) + 1 if name.lower() in header else None for name in feed.fields
    ]
    found = ", ".join(
        f"f[{place}] AS x{i}" if place else f"NULL::VARCHAR AS x{i}"
        for i, place in enumerate(places)
    )
    values = ", ".join(f"{_unquoted_sql(dialect, f'x{i}')} AS r{i}" for i in range(len(places)))
    fields = f"SELECT *, {found} FROM (SELECT *, {_fields_sql(dialect)} AS f FROM _c360_text)"
    sql = f"SELECT _file, _row, _line, _reject, _record, {values} FROM ({fields})"
    faults: dict[int, Exception] = {}
    records = records_of(((file.number, file.path) for file in files), dialect, faults)

    def judged() -> Iterator[pl.DataFrame]:
        for frame in gathered(records):
            classified = _classified(frame, dialect, len(header))
            faults.update(_swallowed(classified, dialect))
            yield _line_by_line(classified)

    for frame in numbered(judged(), int(feed.files.header)):
        session.register("_c360_text", frame)
        yield Batch(sql)
    for file in files:
        if file.number in faults:
            failures[file.number] = unreadable(feed, file.landed, faults[file.number])


def _swallowed(frame: pl.DataFrame, dialect: Dialect) -> dict[int, Exception]:
    """Files whose last record begins a quote that nothing closes, and so took in the lines below it.

    As one wrong row it would hardly count against the threshold, however many good rows it holds.
    """
    wrong = frame.filter(
        (pl.col("_reject") == "malformed_row") & pl.col("_record").str.contains("[\r\n]")
    )
    ends_open = wrong.filter(pl.col("_record").str.contains("^" + dialect.leaves_open))
    return {
        number: UnclosedQuoteError(line)
        for number, line in ends_open.select("_file", "_line").iter_rows()
    }


def _line_by_line(frame: pl.DataFrame) -> pl.DataFrame:
    """A rejected record of several lines as that many rejected ones.

    A stray quote joins a line with others up to the next quote. As one wrong row they would hardly count against the
    threshold, however many good rows they are.
    """
    if not frame.select(pl.col("_record").str.contains("[\r\n]").any()).item():
        return frame
    lines = pl.col("_record").str.replace_all("\r\n?", "\n").str.split("\n")
    told = frame.with_row_index("_at").with_columns(lines.alias("_record"))
    places = pl.int_ranges(pl.col("_record").list.len()).alias("_place")
    split = (
        told.with_columns(places)
        .filter(pl.col("_record").is_not_null())
        .explode("_record", "_place")
    )
    rest = told.filter(pl.col("_record").is_null()).with_columns(
        pl.lit(None, pl.String).alias("_record"), pl.lit(0, pl.Int64).alias("_place")
    )
    whole = pl.concat([rest, split.filter(pl.col("_record") != "")]).sort("_at", "_place")
    return whole.with_columns(pl.col("_line") + pl.col("_place")).drop("_at", "_place")


def unreadable(feed: FeedConfig, file: LandedFile, fault: Exception) -> LoadError:
    """What a file's records could not be read for."""
    if isinstance(fault, UnclosedQuoteError):
        what = f"has a quoted field that is never closed, in the record of line {fault.line}"
        return LoadError("unreadable", about(feed, file, what, "mend the file or files.quote"))
    if isinstance(fault, EndlessLineError):
        what = f"has a line of more than {LONGEST_RECORD >> 20} MB, line {fault.line}"
        return LoadError(
            "unreadable", about(feed, file, what, "mend its line ends, or files.format")
        )
    what = f"cannot be read ({type(fault).__name__})"
    return LoadError(
        "unreadable", about(feed, file, what, "see that it is there and may be read, and run again")
    )


def _classified(frame: pl.DataFrame, dialect: Dialect, fields: int) -> pl.DataFrame:
    """Adds `_reject`, its text `_record` and `_plain`, which says that every delimiter in `record` separates two fields;
    `record` becomes NULL in rejected rows."""
    delimiters = pl.col("record").str.count_matches(dialect.delimiter, literal=True)
    rejected = pl.col("_reject").is_not_null()
    return (
        frame.lazy()
        .with_columns((delimiters == fields - 1).alias("_plain"))
        .with_columns(_reject(dialect, fields).alias("_reject"))
        .with_columns(
            pl.when(rejected).then(pl.coalesce("_garbled", "record")).alias("_record"),
            pl.when(~rejected).then("record").alias("record"),
        )
        .select("_file", "_line", "record", "_plain", "_reject", "_record")
        .collect()
    )


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
    return (
        pl.when(record.is_null())
        .then(pl.lit("encoding_error"))
        .when(has_quote)
        .then(quoted)
        .otherwise(unquoted)
    )


def _fields_sql(dialect: Dialect) -> str:
    """SQL for the list of fields of `record`, which is well formed, quotes still on.

    Where a record has no more delimiters than it needs, all of them separate fields, and no quoted field is looked for.
    """
    plain = f"string_split(record, {quote_literal(dialect.delimiter)})"
    if not dialect.quote:
        return plain
    pattern = quote_literal(f"{re.escape(dialect.delimiter)}({dialect.field})")
    return f"CASE WHEN _plain THEN {plain} ELSE regexp_extract_all({quote_literal(dialect.delimiter)} || record, {pattern}, 1) END"


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

"""Delimited text to rows of fields: headers, records that do not fit, fields and their quotes.

Where records begin is found by `text_records`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.batches import (
    Batch,
    OpenedFile,
    distinct_names,
    file_error,
    gathered,
    numbered,
)
from c360_assets.ingest.formats.row_shapes import (
    RowNotes,
    RowWidths,
    note_totals,
    without_dropped,
)
from c360_assets.ingest.formats.text_records import (
    LONGEST_RECORD,
    Dialect,
    EndlessLineError,
    UnclosedQuoteError,
    records_of,
    text_records,
)
from c360_assets.ingest.landed_files import LandedFile
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

# Format -> its delimiter; None where `files.delimiter` has to name it.
DELIMITERS = {"csv": ",", "psv": "|", "tsv": "\t", "dsv": None}
DELIMITER_NAMES = {"\\t": "\t", "tab": "\t"}
HEADER_BYTES = 1 << 16


def dialect_of(feed: FeedConfig) -> Dialect:
    """How the feed's text files are written. Raises LoadError where its settings cannot be."""
    files = feed.files
    delimiter = files.delimiter or DELIMITERS.get(files.format)
    if delimiter is None:
        problem = "files.delimiter is missing; format dsv needs one"
        raise LoadError("configuration", f"feed {feed.name}: {problem}")
    delimiter = DELIMITER_NAMES.get(delimiter, delimiter)
    marks = {"delimiter": delimiter, "quote": files.quote, "escape": files.escape}
    for key, mark in marks.items():
        if len(mark) > 1 or not mark.isascii():
            problem = f"files.{key} must be one ASCII character"
            raise LoadError("configuration", f"feed {feed.name}: {problem}")
    return Dialect(delimiter, files.quote, files.escape or files.quote)


def text_header(feed: FeedConfig, file: LandedFile, path: Path) -> tuple[str, ...] | None:
    """The lower-cased column names of a text file, None where it has no record.

    Raises LoadError for a header that cannot be read.
    """
    if not feed.files.header:
        return tuple(name.lower() for name in feed.fields)
    dialect = dialect_of(feed)
    names = _plain_header(path, dialect, feed.files.skip_lines)
    if names is None:
        record = _first_record(feed, file, path, dialect)
        if record is None:
            return None
        names = split_record(record, dialect)
    names = [name.strip().lower() for name in names]
    distinct = distinct_names(names)
    _check_repeated(feed, file, names, distinct)
    return tuple(distinct)


def _check_repeated(
    feed: FeedConfig, file: LandedFile, names: list[str], distinct: list[str]
) -> None:
    """Refuse a second column of a declared name that is not declared: one of both might be lost."""
    declared = {name.lower() for name in feed.fields}
    for name, unique_name in zip(names, distinct, strict=True):
        if name != unique_name and name in declared and unique_name not in declared:
            problem = f"has the column {name} twice"
            remedy = f"declare the other one too, as the field {unique_name}"
            raise file_error("header", feed, file, problem, remedy)


def _plain_header(path: Path, dialect: Dialect, skip_lines: int) -> list[str] | None:
    """The fields of a first line that holds nothing special, None where it may.

    Among thousands of small files, cutting the first record of each costs more than their rows.
    """
    if skip_lines:
        return None
    with path.open("rb") as source:
        line = source.readline(HEADER_BYTES).removeprefix(b"\xef\xbb\xbf")
    text = line.rstrip(b"\r\n")
    if not (line.endswith(b"\n") and text.strip() and text.isascii()) or b"\r" in text:
        return None
    if dialect.quote and dialect.quote.encode() in text:
        return None
    return text.decode().split(dialect.delimiter)


def _first_record(feed: FeedConfig, file: LandedFile, path: Path, dialect: Dialect) -> str | None:
    try:
        lines = feed.files.skip_lines
        records = next(text_records(path, dialect, HEADER_BYTES, lines), None)
    except UnclosedQuoteError:
        problem = "has a header whose quotes are not closed"
        raise file_error("header", feed, file, problem, "send it again") from None
    except EndlessLineError as error:
        raise unreadable(feed, file, error) from None
    if records is None or records.is_empty():
        return None
    record = records["record"][0]
    if record is None or re.match(dialect.any_record, record) is None:
        remedy = "correct its quotes or files.encoding"
        raise file_error("header", feed, file, "has a header that cannot be read", remedy)
    return str(record)


def split_record(record: str, dialect: Dialect) -> list[str]:
    """The fields of one well-formed record; for headers, rows are split by the engine."""
    # With a delimiter before the record every field follows one, an empty first one too.
    followed = f"{re.escape(dialect.delimiter)}({dialect.field})"
    fields = re.findall(followed, dialect.delimiter + record)
    return [_unquoted(field, dialect) for field in fields]


def _unquoted(field: str, dialect: Dialect) -> str:
    if not dialect.quote or not field.startswith(dialect.quote):
        return field
    content = field[1:-1]
    if dialect.escape == dialect.quote:
        return content.replace(dialect.quote * 2, dialect.quote)
    return re.sub(re.escape(dialect.escape) + r"([\s\S])", r"\1", content)


def text_batches(
    session: Session,
    feed: FeedConfig,
    files: list[OpenedFile],
    failures: dict[int, LoadError],
    notes: RowNotes,
) -> Iterator[Batch]:
    """The rows of `files`, which have one header; unreadable ones are put into `failures`."""
    header = files[0].header or ()
    dialect = dialect_of(feed)
    sql = _batch_sql(feed, header, dialect)
    faults: dict[int, Exception] = {}
    paths = ((file.number, file.path) for file in files)
    records = records_of(paths, dialect, faults, feed.files.skip_lines)
    widths = RowWidths(dialect, header, in_file=feed.files.header)
    rows = _judged_rows(records, dialect, widths, faults)
    rows = numbered(rows, skip=int(feed.files.header))
    if feed.files.drop_rows is not None:
        # Numbered again: places in a file must have no gaps. The header was never dropped.
        rows = numbered(without_dropped(rows, feed.files.drop_rows, notes))
    for frame in rows:
        note_totals(frame, dialect, notes)
        session.register("_c360_text", frame)
        yield Batch(sql)
    for file in files:
        if file.number in faults:
            failures[file.number] = unreadable(feed, file.landed, faults[file.number])


def _judged_rows(
    records: Iterator[pl.DataFrame],
    dialect: Dialect,
    widths: RowWidths,
    faults: dict[int, Exception],
) -> Iterator[pl.DataFrame]:
    for frame in gathered(records):
        classified = _classified(widths.normalised(frame), dialect, widths.fields)
        classified = _with_marks_doubled(classified, dialect, widths.fields)
        faults.update(_unclosed_quotes(classified, dialect))
        yield _line_by_line(classified)


def _with_marks_doubled(frame: pl.DataFrame, dialect: Dialect, fields: int) -> pl.DataFrame:
    """Malformed records of quoted fields only, with the quotes in them doubled as they should be.

    Such a record can be read in one way where quote, delimiter and quote stand between its fields
    as often as fields meet: an inch mark or a nickname in quotes does not end its field.
    """
    quote = dialect.quote
    if not quote or dialect.escape != quote:
        return frame
    is_malformed = pl.col("_reject") == "malformed_row"
    if frame.filter(is_malformed).is_empty():
        return frame
    between_fields = f"{quote}{dialect.delimiter}{quote}"
    text = pl.col("_record")
    is_quoted = text.str.starts_with(quote) & text.str.ends_with(quote)
    is_one_line = ~text.str.contains("[\r\n]")
    parts = text.str.strip_prefix(quote).str.strip_suffix(quote).str.split(between_fields)
    has_all_fields = parts.list.len() == fields
    is_clear = pl.col("_clear")
    frame = frame.with_columns(_clear=is_malformed & is_quoted & is_one_line & has_all_fields)
    content = pl.element().str.replace_all(quote * 2, quote, literal=True)
    doubled = parts.list.eval(content.str.replace_all(quote, quote * 2, literal=True))
    mended = pl.lit(quote) + doubled.list.join(between_fields) + quote
    return frame.with_columns(
        record=pl.when(is_clear).then(mended).otherwise("record"),
        _reject=pl.when(~is_clear).then("_reject"),
        _record=pl.when(~is_clear).then("_record"),
        _plain=pl.col("_plain") & ~is_clear.fill_null(False),
    ).drop("_clear")


def _batch_sql(feed: FeedConfig, header: tuple[str, ...], dialect: Dialect) -> str:
    """The query for the declared fields of `_c360_text`."""
    quoted, values = [], []
    for number, name in enumerate(feed.fields):
        place = header.index(name.lower()) + 1 if name.lower() in header else None
        field = f"f[{place}]" if place else "NULL::VARCHAR"
        quoted.append(f"{field} AS x{number}")
        values.append(f"{_unquoted_sql(dialect, f'x{number}')} AS r{number}")
    split = f"SELECT *, {_fields_sql(dialect)} AS f FROM _c360_text"
    return f"""
        SELECT _file, _row, _line, _reject, _record, {", ".join(values)}
        FROM (SELECT *, {", ".join(quoted)} FROM ({split}))"""


def _unclosed_quotes(frame: pl.DataFrame, dialect: Dialect) -> dict[int, Exception]:
    """Files whose last record begins a quote that nothing closes, and so took in the lines below.

    As one wrong row it would hardly count against the threshold, however many good rows it holds.
    """
    if not dialect.quote:
        return {}
    of_several_lines = pl.col("_record").str.contains("[\r\n]")
    wrong = frame.filter((pl.col("_reject") == "malformed_row") & of_several_lines)
    ends_open = wrong.filter(pl.col("_record").str.contains("^" + dialect.leaves_open))
    lines = ends_open.select("_file", "_line").iter_rows()
    return {number: UnclosedQuoteError(line) for number, line in lines}


def _line_by_line(frame: pl.DataFrame) -> pl.DataFrame:
    """A rejected record of several lines as that many rejected ones.

    A stray quote joins a line with others up to the next quote. As one wrong row they would hardly
    count against the threshold, however many good rows they are.
    """
    if not frame.select(pl.col("_record").str.contains("[\r\n]").any()).item():
        return frame
    lines = pl.col("_record").str.replace_all("\r\n?", "\n").str.split("\n")
    rows = frame.with_row_index("_at").with_columns(lines.alias("_record"))
    places = pl.int_ranges(pl.col("_record").list.len()).alias("_place")
    is_rejected = pl.col("_record").is_not_null()
    rejected = rows.with_columns(places).filter(is_rejected).explode("_record", "_place")
    good = rows.filter(~is_rejected).with_columns(
        pl.lit(None, pl.String).alias("_record"), pl.lit(0, pl.Int64).alias("_place")
    )
    not_blank = rejected.filter(pl.col("_record") != "")
    in_order = pl.concat([good, not_blank]).sort("_at", "_place")
    return in_order.with_columns(pl.col("_line") + pl.col("_place")).drop("_at", "_place")


def unreadable(feed: FeedConfig, file: LandedFile, fault: Exception) -> LoadError:
    """What a file's records could not be read for."""
    if isinstance(fault, UnclosedQuoteError):
        problem = f"has a quoted field that is never closed, in the record of line {fault.line}"
        remedy = "correct the file or files.quote"
    elif isinstance(fault, EndlessLineError):
        problem = f"has a line of more than {LONGEST_RECORD >> 20} MB, line {fault.line}"
        remedy = "correct its line ends, or files.format"
    else:
        problem = f"cannot be read ({type(fault).__name__})"
        remedy = "see that it is there and may be read, and run again"
    return file_error("unreadable", feed, file, problem, remedy)


def _classified(frame: pl.DataFrame, dialect: Dialect, fields: int) -> pl.DataFrame:
    """Adds `_reject`, a rejected record's text `_record`, and `_plain`.

    `_plain` says that every delimiter in `record` separates two fields. `record` becomes NULL in
    rejected rows.
    """
    delimiters = pl.col("record").str.count_matches(dialect.delimiter, literal=True)
    rejected = pl.col("_reject").is_not_null()
    return (
        frame.lazy()
        .with_columns((delimiters == fields - 1).alias("_plain"))
        .with_columns(_reject(dialect, fields).alias("_reject"))
        .with_columns(
            pl.when(rejected).then(pl.coalesce("_garbled", "_raw")).alias("_record"),
            pl.when(~rejected).then("record").alias("record"),
        )
        .select("_file", "_line", "record", "_plain", "_reject", "_record")
        .collect()
    )


def _reject(dialect: Dialect, fields: int) -> pl.Expr:
    """The error type of a record, NULL for a good one."""
    record = pl.col("record")
    miscounted = pl.lit("column_count_mismatch")
    unquoted = pl.when("_plain").then(None).otherwise(miscounted)
    if dialect.quote:
        quoted = (
            pl.when(record.str.contains(dialect.record(fields)))
            .then(None)
            .when(record.str.contains(dialect.any_record))
            .then(miscounted)
            .otherwise(pl.lit("malformed_row"))
        )
        has_quote = record.str.contains(dialect.quote, literal=True)
        reject = pl.when(has_quote).then(quoted).otherwise(unquoted)
    else:
        reject = unquoted
    return pl.when(record.is_null()).then(pl.lit("encoding_error")).otherwise(reject)


def _fields_sql(dialect: Dialect) -> str:
    """SQL for the list of fields of `record`, which is well formed, quotes still on.

    Where a record has no more delimiters than it needs, all of them separate fields, and no quoted
    field is looked for.
    """
    delimiter = quote_literal(dialect.delimiter)
    plain = f"string_split(record, {delimiter})"
    if not dialect.quote:
        return plain
    pattern = quote_literal(f"{re.escape(dialect.delimiter)}({dialect.field})")
    quoted = f"regexp_extract_all({delimiter} || record, {pattern}, 1)"
    return f"CASE WHEN _plain THEN {plain} ELSE {quoted} END"


def _unquoted_sql(dialect: Dialect, field: str) -> str:
    if not dialect.quote:
        return field
    quote = quote_literal(dialect.quote)
    content = f"{field}[2:length({field}) - 1]"
    if dialect.escape == dialect.quote:
        text = f"replace({content}, {quote_literal(dialect.quote * 2)}, {quote})"
    else:
        escaped = quote_literal(re.escape(dialect.escape) + "(.|[^.])")
        text = f"regexp_replace({content}, {escaped}, '\\1', 'g')"
    return f"CASE WHEN {field}[1:1] = {quote} THEN {text} ELSE {field} END"

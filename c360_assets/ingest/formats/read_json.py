"""JSON documents and NDJSON to rows of fields; the digits of numbers stay as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import polars as pl

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.batches import (
    COLUMN_NAME,
    SHOWN_NAMES,
    Batch,
    OpenedFile,
    file_error,
    gathered,
    numbered,
    require,
)
from c360_assets.ingest.formats.json_records import (
    BrokenDocumentError,
    NoRecordsError,
    json_records,
    list_paths,
    parse_path,
)
from c360_assets.ingest.formats.read_text import unreadable
from c360_assets.ingest.formats.row_shapes import RowNotes
from c360_assets.ingest.formats.text_records import records_of
from c360_assets.tenant.models import FeedConfig, FieldConfig
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal, quote_path

# Control characters cannot stand in JSON, so that no text holds these.
NUMBER_MARK, NUMBER_END = "\x01", "\x02"
JSON_TOKEN = r'("(?:[^"\\]|\\.)*")|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'
START_BYTES = 4096
NUMBER_TYPES = "('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')"


def json_batches(
    session: Session,
    feed: FeedConfig,
    files: list[OpenedFile],
    failures: dict[int, LoadError],
    columns: dict[int, Sequence[str]],
    notes: RowNotes,
) -> Iterator[Batch]:
    """The rows of `files`, which are written alike.

    Fills `failures` and `notes` by file number and `columns` with the lower-cased keys of each
    file; a file without a row is taken out of `columns`.
    """
    keys_of: dict[int, set[str]] = {}
    faults: dict[int, Exception] = {}
    if feed.files.format == "ndjson":
        lines = ((file.number, file.path) for file in files)
        records = records_of(lines, None, faults)
    else:
        records = _documents(session, feed, files, failures)
    for raw in gathered(numbered(records)):
        within = _pointer(feed)
        frame = _objects_marked(session, raw, within)
        session.register("_c360_json", frame)
        keys = session.rows(
            f"SELECT DISTINCT _file, unnest(json_keys(record, {quote_literal(within)})) AS key "
            "FROM _c360_json WHERE _reject IS NULL ORDER BY key"
        )
        # An object without keys counts too: its file has a row, and lacks every column.
        for number in frame.filter(pl.col("_reject").is_null())["_file"].unique():
            keys_of.setdefault(number, set())
        for number, key in keys:
            keys_of[number].add(key.lower())
        _note_nested(session, feed, {key for _, key in keys}, notes)
        yield Batch(_fields_sql(feed, sorted({key for _, key in keys})))
    for file in files:
        if file.number in faults:
            failures[file.number] = unreadable(feed, file.landed, faults[file.number])
        elif file.number not in keys_of:
            del columns[file.number]
        else:
            columns[file.number] = sorted(keys_of[file.number])
            _check_keys(feed, file, columns[file.number], failures)


def _note_nested(session: Session, feed: FeedConfig, keys: set[str], notes: RowNotes) -> None:
    """Note the fields of type string that hold objects or lists in `_c360_json`."""
    names = {name.lower(): name for name, field in feed.fields.items() if field.type == "string"}
    within = _pointer(feed)
    texts = {
        within + _path_of(key): names[key.lower()] for key in sorted(keys) if key.lower() in names
    }
    if not texts:
        return
    paths_sql = ", ".join(map(quote_literal, texts))
    found_sql = ", ".join(
        f"bool_or(types[{place}] IN ('OBJECT', 'ARRAY'))" for place in range(1, len(texts) + 1)
    )
    # What holds no object or list need not be parsed once more.
    rows = session.rows(f"""
        SELECT _file, [{found_sql}]
        FROM (SELECT _file, json_type(record, [{paths_sql}]) AS types FROM _c360_json
              WHERE _reject IS NULL AND regexp_matches(record, ':\\s*[\\{{\\[]'))
        GROUP BY _file""")
    for number, found in rows:
        nested = {name for name, is_there in zip(texts.values(), found, strict=True) if is_there}
        if nested:
            notes.nested.setdefault(number, set()).update(nested)


def _check_keys(
    feed: FeedConfig, file: OpenedFile, keys: Sequence[str], failures: dict[int, LoadError]
) -> None:
    try:
        require(feed, file.landed, keys)
    except LoadError as error:
        failures.setdefault(file.number, _records_elsewhere(feed, file) or error)


def _records_elsewhere(feed: FeedConfig, file: OpenedFile) -> LoadError | None:
    """The error of a document whose records stand in a list below its first keys."""
    if feed.files.format != "json" or feed.files.records is not None:
        return None
    try:
        paths = [path for path in list_paths(file.path) if COLUMN_NAME.fullmatch(path)]
    except BrokenDocumentError:
        return None
    if not paths:
        return None
    problem = f"is one object with lists in it: {', '.join(paths[:SHOWN_NAMES])}"
    remedy = f"say where the records are, such as `records: {paths[0]}` under files"
    return file_error("missing_column", feed, file.landed, problem, remedy)


def _pointer(feed: FeedConfig) -> str:
    """The JSON pointer to the object in each line that is the record: "" for the whole line.

    The records of a document are cut out of it before.
    """
    if feed.files.format != "ndjson" or feed.files.records is None:
        return ""
    return "".join(map(_path_of, parse_path(feed.files.records)))


def _objects_marked(session: Session, frame: pl.DataFrame, within: str) -> pl.DataFrame:
    """Marks the records that hold no JSON object at the pointer `within`."""
    session.register("_c360_lines", frame)
    kind = f"coalesce(json_type(record, {quote_literal(within)}), 'NULL')"
    return session.frame(
        f"""SELECT _file, _row, _line, CASE WHEN _bad IS NULL THEN record END AS record,
                  _bad AS _reject,
                  CASE WHEN _bad IS NOT NULL THEN coalesce(_garbled, record) END AS _record
           FROM (SELECT *, CASE WHEN record IS NULL THEN 'encoding_error'
                                WHEN NOT json_valid(record) OR {kind} <> 'OBJECT'
                                THEN 'malformed_row' END AS _bad
                 FROM _c360_lines)"""
    )


def _documents(
    session: Session,
    feed: FeedConfig,
    files: list[OpenedFile],
    failures: dict[int, LoadError],
) -> Iterator[pl.DataFrame]:
    """The objects of JSON documents. `_line` is the record's number in its document."""
    for file in files:
        try:
            if feed.files.records is None:
                yield _document(session, file)
            else:
                yield from _records_of_document(file, feed.files.records)
        except NoRecordsError as error:
            failures[file.number] = _no_records(feed, file, error)
        except (duckdb.Error, BrokenDocumentError):
            remedy = "correct the file, or say format: ndjson for one object per line"
            failures[file.number] = file_error(
                "unreadable", feed, file.landed, "is not valid JSON", remedy
            )


def _records_of_document(file: OpenedFile, records: str) -> Iterator[pl.DataFrame]:
    number = pl.lit(file.number, pl.Int32).alias("_file")
    for frame in json_records(file.path, records):
        yield frame.select(number, "_line", "record", "_garbled")


def _no_records(feed: FeedConfig, file: OpenedFile, error: NoRecordsError) -> LoadError:
    problem = f"has no list or object under {feed.files.records}"
    remedy = "correct files.records"
    paths = [path for path in error.paths if COLUMN_NAME.fullmatch(path)]
    if paths:
        remedy += f"; it has {', '.join(paths)}"
    return file_error("missing_content", feed, file.landed, problem, remedy)


def _document(session: Session, file: OpenedFile) -> pl.DataFrame:
    """The objects of a document: an array of them, or one after the other."""
    with file.path.open("rb") as source:
        start = source.read(START_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    shape = "array" if start.startswith(b"[") else "unstructured"
    return session.frame(f"""
        SELECT {file.number}::INTEGER AS _file, row_number() OVER () AS _line,
               json::VARCHAR AS record, NULL::VARCHAR AS _garbled
        FROM read_json_objects({quote_path(file.path)}, format = {quote_literal(shape)},
                               compression = 'uncompressed')""")


def _fields_sql(feed: FeedConfig, keys: list[str]) -> str:
    """The query for the fields of `_c360_json`, whose objects have some of `keys`."""
    values: list[str] = []
    paths: list[str] = []
    within = _pointer(feed)
    for number, (name, field) in enumerate(feed.fields.items()):
        # Keys that differ in case only are one column; of an object that has several, one counts.
        texts = []
        for key in keys:
            if key.lower() == name.lower():
                paths.append(within + _path_of(key))
                text = _text_sql(paths[-1], f"f[{len(paths)}]")
                texts.append(_as_declared(text, paths[-1], field))
        value = f"coalesce({', '.join(texts)})" if texts else "NULL::VARCHAR"
        values.append(f"{value} AS r{number}")
    paths_sql = ", ".join(quote_literal(path) for path in paths)
    extracted = f"json_extract_string({_quoted_numbers_sql()}, [{paths_sql}])"
    if not paths:
        extracted = "NULL::VARCHAR[]"
    return f"""
        SELECT _file, _row, _line, _reject, _record, {", ".join(values)}
        FROM (SELECT *, {extracted} AS f FROM _c360_json)"""


def _path_of(key: str) -> str:
    """The JSON pointer to a key of a record."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _text_sql(path: str, extracted: str) -> str:
    """Objects and lists are read again, from the record whose numbers are not in quotes."""
    whole = f"json_extract_string(record, {quote_literal(path)})"
    return f"CASE WHEN {extracted}[1:1] IN ('{{', '[') THEN {whole} ELSE {extracted} END"


def _as_declared(text: str, path: str, field: FieldConfig) -> str:
    """A number of JSON with the decimal sign that the field declares for its texts."""
    if field.number is None or field.number.decimal == ".":
        return text
    is_number = f"json_type(record, {quote_literal(path)}) IN {NUMBER_TYPES}"
    sign = quote_literal(field.number.decimal)
    return f"CASE WHEN {is_number} THEN replace({text}, '.', {sign}) ELSE {text} END"


def _quoted_numbers_sql() -> str:
    """SQL for a record with its numbers in quotes.

    The engine would read them as floating point and lose digits.
    """
    mark, end = f"chr({ord(NUMBER_MARK)})", f"chr({ord(NUMBER_END)})"
    replacement = quote_literal(f"\\1{NUMBER_MARK}\\2{NUMBER_END}")
    marked = f"regexp_replace(record, {quote_literal(JSON_TOKEN)}, {replacement}, 'g')"
    # A text in quotes matches the first group, and leaves the two marks with nothing between them.
    without_empty = f"replace({marked}, {mark} || {end}, '')"
    return f"""replace(replace({without_empty}, {mark}, '"'), {end}, '"')"""

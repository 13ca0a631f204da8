"""A sample of a file, and what can be seen of the file: format, delimiter, header, packing.

DuckDB's sniffer does the looking; what it does not read is copied by the converters of `formats`.
What the columns mean belongs to `feed`, how their text parses to `column_types`.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.formats.archives import ZIP_MARK, is_hidden, opened_archive
from c360_assets.ingest.formats.avro_files import avro_to_parquet
from c360_assets.ingest.formats.workbooks import OFFICE, READABLE, is_workbook
from c360_assets.ingest.formats.xml_files import likely_row_tag, xml_to_ndjson

SAMPLE_ROWS = 50_000
HEAD_BYTES = 4096
UTF_8_MARK = b"\xef\xbb\xbf"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
AVRO_MARK, PARQUET_MARK, GZIP_MARK = b"Obj\x01", b"PAR1", b"\x1f\x8b"
SAFE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}(?=\.|$)")
FORMAT_OF_DELIMITER = {",": "csv", "|": "psv", "\t": "tsv"}
ENCODING_BYTES = 16 * 1024 * 1024  # of a text, which show how it is encoded
# What text that is neither UTF-8 nor marked may be in, and what it then holds: Japanese has kana,
# which no other text shows.
LEGACY = (("cp932", re.compile("[\u3041-\u30fa]")), ("cp1252", re.compile("")))
NESTED = {"LIST": "array", "ARRAY": "array", "STRUCT": "struct", "MAP": "map"}
INTEGERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
)
INSTANTS = (
    "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP_NS",
    "TIMESTAMP_MS",
    "TIMESTAMP_S",
)
# DuckDB types of self-describing files -> field type. What is not named here is text.
FIELD_TYPES = {
    **dict.fromkeys(INTEGERS, "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    **dict.fromkeys(INSTANTS, "datetime"),
    "BOOLEAN": "boolean",
    "DATE": "date",
}
# The first line of a JSON object that is written over several lines.
OPEN_OBJECT = re.compile(rb"\{\s*(\"[^\"]*\"\s*:\s*.*,\s*|\"[^\"]*\"\s*:\s*[\[{]\s*)?")


@dataclass(frozen=True)
class Sample:
    """The first rows of a file, all columns as text.

    `types` holds the field types that a self-describing format (Parquet, JSON) declares; text
    columns are left out of it. `scales` holds the scale of declared decimals, `options` what else
    `files` has to say to read the file.
    """

    frame: pl.DataFrame
    format: str
    types: dict[str, str]
    scales: dict[str, int]
    delimiter: str | None = None
    header: bool = True
    quote: str = '"'
    escape: str = '"'
    options: dict[str, str] = field(default_factory=dict)


class Dialect(NamedTuple):
    """How a text file is written, as the sniffer sees it."""

    delimiter: str
    quote: str
    escape: str
    header: bool


class DecodedText(NamedTuple):
    """The beginning of a text, and the encoding it was in."""

    encoding: str
    text: str


def read_sample(path: Path, rows: int = SAMPLE_ROWS) -> Sample:
    """The first `rows` rows of `path`.

    Raises C360Error when the file is not there or not of a format that can be sampled.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise C360Error(f"{path}: cannot be read ({error.strerror})") from None
    if not head:
        raise C360Error(f"{path}: is empty; a sample needs a header and some rows")
    kind = _archive_kind(path, head)
    if kind == "zip" and is_workbook(path):
        raise C360Error(f"{path}: {OFFICE}; {READABLE}")
    if kind is not None:
        return _sample_of_archive(path, kind, rows)
    con = duckdb.connect(":memory:", config={"threads": 1})
    try:
        con.execute("SET TimeZone = 'UTC'").fetchall()
        return _sample_of_file(con, path, head, rows)
    except duckdb.Error as error:
        # The engine's text may quote values of the file.
        problem = f"cannot be read as CSV, JSON or Parquet ({type(error).__name__})"
        raise C360Error(f"{path}: {problem}") from None
    finally:
        con.close()


def _archive_kind(path: Path, head: bytes) -> str | None:
    if head.startswith(ZIP_MARK):
        return "zip"
    try:
        return "tar" if tarfile.is_tarfile(path) else None
    except (OSError, EOFError, zlib.error):
        # Broken gzip, which the readers of its format report.
        return None


def _sample_of_archive(path: Path, kind: str, rows: int) -> Sample:
    """The sample of an archive: that of its first member by name."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            member = _first_member(path, kind, Path(folder))
        except Exception as error:  # of many kinds, and with names from the archive
            problem = f"the {kind} archive cannot be read ({type(error).__name__})"
            raise C360Error(f"{path}: {problem}") from None
        if member is None:
            raise C360Error(f"{path}: the {kind} archive holds no file")
        try:
            sample = read_sample(member, rows)
        except C360Error as error:
            problem = str(error).removeprefix(f"{member}: ")
            raise C360Error(f"{path}: its first member {problem}") from None
    return replace(sample, options={"compression": kind, **sample.options})


def _first_member(path: Path, kind: str, folder: Path) -> Path | None:
    """A copy of the first member; nothing but its suffix comes from the archive."""
    with opened_archive(path, kind) as archive:
        first = min((name for name in archive.names if not is_hidden(name)), default=None)
        if first is None:
            return None
        suffixes = SAFE_SUFFIX.findall(first)[-2:]
        target = folder / ("member" + "".join(suffixes))
        with archive.open_member(first) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    return target


def _sample_of_file(con: duckdb.DuckDBPyConnection, path: Path, head: bytes, rows: int) -> Sample:
    if head.startswith(PARQUET_MARK):
        return _self_described(con.read_parquet(str(path)).limit(rows), "parquet")
    if head.startswith(AVRO_MARK):
        return _sample_of_avro(con, path, rows)
    if _without_mark(head).startswith(b"<"):
        return _sample_of_xml(con, path, rows)
    compression = "gzip" if head.startswith(GZIP_MARK) else "none"
    json_format = _json_format(path, head, compression)
    if json_format is None:
        return _sample_of_text(con, path, head, compression, rows)
    if json_format == "ndjson":
        shape = "newline_delimited"
    else:
        shape = "unstructured" if _begins_with_open_object(head) else "array"
    objects = con.sql(
        "SELECT * FROM read_json(?, format = ?, compression = ?)",
        params=[str(path), shape, compression],
    )
    return _self_described(objects.limit(rows), json_format)


def _sample_of_avro(con: duckdb.DuckDBPyConnection, path: Path, rows: int) -> Sample:
    with _copy_for(path, "Avro") as copy:
        avro_to_parquet(path, copy, rows)
        return _self_described(con.read_parquet(str(copy)), "avro")


def _sample_of_xml(con: duckdb.DuckDBPyConnection, path: Path, rows: int) -> Sample:
    with _copy_for(path, "XML") as copy:
        row_tag = likely_row_tag(path)
        xml_to_ndjson(path, copy, row_tag, rows)
        objects = con.sql(
            "SELECT * FROM read_json(?, format = 'newline_delimited')", params=[str(copy)]
        )
        sample = _self_described(objects, "xml")
    # `row` is what is read where a feed names no other.
    return replace(sample, options={} if row_tag == "row" else {"row_tag": row_tag})


@contextmanager
def _copy_for(path: Path, form: str) -> Iterator[Path]:
    """A place for a copy that the engine reads; failures are reported as those of `form`."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield Path(folder) / "copy"
        except Exception as error:
            # The libraries raise many kinds, and their texts may quote values.
            problem = f"cannot be read as {form} ({type(error).__name__})"
            raise C360Error(f"{path}: {problem}") from None


def _without_mark(head: bytes) -> bytes:
    return head.removeprefix(UTF_8_MARK).lstrip()


def _json_format(path: Path, head: bytes, compression: str) -> str | None:
    """`json`, `ndjson`, or None for what is neither."""
    # Of a packed file the name has to tell.
    first = _without_mark(head)[:1] if compression == "none" else b""
    name = path.name.removesuffix(".gz")
    if first == b"[" or (not first and name.endswith(".json")):
        return "json"
    if _begins_with_open_object(head):
        return "json"
    if first == b"{" or (not first and name.endswith((".ndjson", ".jsonl"))):
        return "ndjson"
    return None


def _begins_with_open_object(head: bytes) -> bool:
    """Whether a file begins with a JSON object that is written over several lines."""
    first_line, newline, _ = _without_mark(head).partition(b"\n")
    return bool(newline) and OPEN_OBJECT.fullmatch(first_line) is not None


def _self_described(relation: duckdb.DuckDBPyRelation, form: str) -> Sample:
    types: dict[str, str] = {}
    scales: dict[str, int] = {}
    for name, duckdb_type in zip(relation.columns, relation.types, strict=True):
        kind = str(duckdb_type)
        base = kind.split("(")[0]
        if kind.endswith("[]"):
            types[name] = "array"
        elif base in NESTED:
            types[name] = NESTED[base]
        elif base == "DECIMAL":
            types[name] = "decimal"
            scales[name] = int(kind.rstrip(")").split(",")[1])
        elif base in FIELD_TYPES:
            types[name] = FIELD_TYPES[base]
    columns = [duckdb.ColumnExpression(c).cast("VARCHAR").alias(c) for c in relation.columns]
    return Sample(relation.select(*columns).pl(), form, types, scales)


def _sample_of_text(
    con: duckdb.DuckDBPyConnection, path: Path, head: bytes, compression: str, rows: int
) -> Sample:
    if head.startswith(UTF_16_MARKS):
        return _delimited(con, path, "utf-16", compression, rows)
    legacy = _legacy_text(path, compression)
    if legacy is None:
        return _delimited(con, path, "utf-8", compression, rows)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        copy.write_text(legacy.text, "utf-8", newline="")
        sample = _sample_of_text(con, copy, head, "none", rows)
    return replace(sample, options={"encoding": legacy.encoding})


def _delimited(
    con: duckdb.DuckDBPyConnection, path: Path, encoding: str, compression: str, rows: int
) -> Sample:
    dialect = _sniffed(con, path, encoding, compression)
    frame = con.sql(
        f"""SELECT * FROM read_csv(
                ?, compression = ?, encoding = ?, delim = ?, quote = ?, escape = ?, header = ?,
                all_varchar = true, ignore_errors = true, null_padding = true, parallel = false)
            LIMIT {int(rows)}""",
        params=[str(path), compression, encoding, *dialect],
    ).pl()
    form = FORMAT_OF_DELIMITER.get(dialect.delimiter)
    return Sample(
        frame,
        form or "csv",
        types={},
        scales={},
        delimiter=None if form else dialect.delimiter,
        header=dialect.header,
        quote=dialect.quote,
        escape=dialect.escape,
    )


def _sniffed(
    con: duckdb.DuckDBPyConnection, path: Path, encoding: str, compression: str
) -> Dialect:
    found = con.sql(
        """SELECT Delimiter, Quote, Escape, HasHeader
           FROM sniff_csv(?, compression = ?, encoding = ?, all_varchar = true)""",
        params=[str(path), compression, encoding],
    ).fetchall()
    delimiter, quote, escape, header = found[0]
    # Where nothing in the sample is quoted, the sniffer writes a word.
    quote = quote if len(quote) == 1 else '"'
    escape = escape if len(escape) == 1 else '"'
    return Dialect(delimiter, quote, escape, header)


def _legacy_text(path: Path, compression: str) -> DecodedText | None:
    """The beginning of a text that is not UTF-8; None for UTF-8, even with some broken bytes."""
    try:
        with gzip.open(path) if compression == "gzip" else path.open("rb") as file:
            data = file.read(ENCODING_BYTES)
    except (OSError, EOFError, zlib.error):
        # Which the reader reports.
        return None
    if len(data) == ENCODING_BYTES:
        data = data[: data.rfind(b"\n") + 1]
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    not_ascii = sum(not character.isascii() for character in text)
    # A broken byte is not ASCII either: the text is UTF-8 where at least as many others are right.
    if 2 * broken <= not_ascii or b"\0" in data:
        return None
    for encoding, expected in LEGACY:
        with suppress(UnicodeDecodeError):
            decoded = data.decode(encoding)
            if expected.search(decoded):
                return DecodedText(encoding, decoded)
    return None

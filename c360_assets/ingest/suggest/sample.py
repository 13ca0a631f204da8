"""A sample of a file and what can be seen about the file itself: format, delimiter, header, compression, encoding.

DuckDB's sniffer does the looking. What the columns mean belongs to `suggest`, how their text parses to `infer`.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.formats.avro_files import avro_to_parquet
from c360_assets.ingest.formats.workbooks import OFFICE, READABLE, is_workbook
from c360_assets.ingest.formats.xml_files import likely_row_tag, xml_to_ndjson

SAMPLE_ROWS = 50_000
AVRO = b"Obj\x01"
SAFE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}(?=\.|$)")
FORMAT_OF_DELIMITER = {",": "csv", "|": "psv", "\t": "tsv"}
LOOKED_AT = 16 * 1024 * 1024  # bytes of a text that say how it is encoded
# What text that is neither UTF-8 nor marked may be in, and what it then holds: Japanese has kana, which no other text shows.
LEGACY = (("cp932", re.compile("[\u3041-\u30fa]")), ("cp1252", re.compile("")))
NESTED = {"LIST": "array", "ARRAY": "array", "STRUCT": "struct", "MAP": "map"}
# DuckDB types of self-describing files -> field type. What is not named here is text.
FIELD_TYPES = {
    **dict.fromkeys(
        (
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "HUGEINT",
        ),
        "integer",
    ),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    **dict.fromkeys(
        ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"),
        "datetime",
    ),
    "BOOLEAN": "boolean",
    "DATE": "date",
}


@dataclass(frozen=True)
class Sample:
    """The first rows of a file, all columns as text.

    `types` holds the field types that a self-describing format (Parquet, JSON) declares; text columns are left out of it.
    `scales` holds the scale of declared decimals, `options` what else `files` has to say to read the file.
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


def read_sample(path: Path, rows: int = SAMPLE_ROWS) -> Sample:
    """The first `rows` rows of `path`. Raises C360Error when the file is not there or not of a format that can be sampled."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise C360Error(f"{path}: cannot be read ({error.strerror})") from None
    if not head:
        raise C360Error(f"{path}: is empty; a sample needs a header and some rows")
    if kind := _archive(path, head):
        if kind == "zip" and is_workbook(path):
            raise C360Error(f"{path}: {OFFICE}; {READABLE}")
        return _member_of(path, kind, rows)
    con = duckdb.connect(":memory:", config={"threads": 1})
    try:
        con.execute("SET TimeZone = 'UTC'").fetchall()
        if head[:4] == b"PAR1":
            return _declared(con.read_parquet(str(path)).limit(rows), "parquet")
        if head[:4] == AVRO or head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
            return _copied(con, path, rows, "avro" if head[:4] == AVRO else "xml")
        compression = "gzip" if head[:2] == b"\x1f\x8b" else "none"
        form = _json_format(path, head, compression)
        if form is not None:
            shape = (
                "newline_delimited"
                if form == "ndjson"
                else "unstructured"
                if _object_on_lines(head)
                else "array"
            )
            relation = con.sql(
                "SELECT * FROM read_json(?, format = ?, compression = ?)",
                params=[str(path), shape, compression],
            )
            return _declared(relation.limit(rows), form)
        return _delimited(con, path, head, compression, rows)
    except duckdb.Error as error:
        # The engine's text may quote values of the file.
        raise C360Error(
            f"{path}: cannot be read as CSV, JSON or Parquet ({type(error).__name__})"
        ) from None
    finally:
        con.close()


def _archive(path: Path, head: bytes) -> str | None:
    if head[:4] == b"PK\x03\x04":
        return "zip"
    try:
        return "tar" if tarfile.is_tarfile(path) else None
    except (
        OSError,
        EOFError,
        zlib.error,
    ):  # broken gzip, which the readers of its format tell about
        return None


def _member_of(path: Path, kind: str, rows: int) -> Sample:
    """The sample of an archive: that of its first member by name."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            member = _extracted(path, kind, Path(folder))
        except Exception as error:  # of many kinds, and with names from the archive
            raise C360Error(
                f"{path}: the {kind} archive cannot be read ({type(error).__name__})"
            ) from None
        if member is None:
            raise C360Error(f"{path}: the {kind} archive holds no file")
        try:
            sample = read_sample(member, rows)
        except C360Error as error:
            raise C360Error(
                f"{path}: its first member {str(error).removeprefix(f'{member}: ')}"
            ) from None
    return replace(sample, options={"compression": kind, **sample.options})


def _extracted(path: Path, kind: str, folder: Path) -> Path | None:
    """A copy of the first member; nothing but its suffix comes from the archive."""
    with zipfile.ZipFile(path) if kind == "zip" else tarfile.open(path) as archive:
        if isinstance(archive, zipfile.ZipFile):
            names = [i.filename for i in archive.infolist() if not i.is_dir()]
        else:
            names = [m.name for m in archive.getmembers() if m.isfile()]
        shown = sorted(
            n
            for n in names
            if not any(
                p.startswith((".", "__MACOSX")) for p in n.split("/") if p not in (".", "..")
            )
        )
        if not shown:
            return None
        target = folder / ("member" + "".join(SAFE_SUFFIX.findall(shown[0])[-2:]))
        source = (
            archive.open(shown[0])
            if isinstance(archive, zipfile.ZipFile)
            else archive.extractfile(shown[0])
        )
        assert source is not None
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    return target


def _copied(con: duckdb.DuckDBPyConnection, path: Path, rows: int, form: str) -> Sample:
    """The sample of a format that the engine does not read, from a copy in one that it does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        try:
            if form == "avro":
                avro_to_parquet(path, copy, rows)
                return _declared(con.read_parquet(str(copy)), form)
            row_tag = likely_row_tag(path)
            xml_to_ndjson(path, copy, row_tag, rows)
            sample = _declared(
                con.sql(
                    "SELECT * FROM read_json(?, format = 'newline_delimited')", params=[str(copy)]
                ),
                form,
            )
            return replace(sample, options={} if row_tag == "row" else {"row_tag": row_tag})
        except (
            Exception
        ) as error:  # the libraries raise many kinds, and their texts may quote values
            raise C360Error(
                f"{path}: cannot be read as {form.upper()} ({type(error).__name__})"
            ) from None


def _json_format(path: Path, head: bytes, compression: str) -> str | None:
    name = path.name.removesuffix(".gz")
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] if compression == "none" else b""
    if first == b"[" or (not first and name.endswith(".json")):
        return "json"
    if _object_on_lines(head):
        return "json"
    return (
        "ndjson" if first == b"{" or (not first and name.endswith((".ndjson", ".jsonl"))) else None
    )


def _object_on_lines(head: bytes) -> bool:
    """Whether a file begins with a JSON object that is written over several lines."""
    first, newline, _ = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    return (
        bool(newline)
        and re.fullmatch(rb"\{\s*(\"[^\"]*\"\s*:\s*.*,\s*|\"[^\"]*\"\s*:\s*[\[{]\s*)?", first)
        is not None
    )


def _declared(relation: duckdb.DuckDBPyRelation, form: str) -> Sample:
    types, scales = {}, {}
    for name, kind in zip(relation.columns, (str(t) for t in relation.types), strict=True):
        base = kind.split("(")[0]
        if kind.endswith("[]") or base in NESTED:
            types[name] = NESTED.get(base, "array") if not kind.endswith("[]") else "array"
        elif base == "DECIMAL":
            types[name], scales[name] = "decimal", int(kind.rstrip(")").split(",")[1])
        elif base in FIELD_TYPES:
            types[name] = FIELD_TYPES[base]
    columns = [duckdb.ColumnExpression(c).cast("VARCHAR").alias(c) for c in relation.columns]
    return Sample(relation.select(*columns).pl(), form, types, scales)


def _delimited(
    con: duckdb.DuckDBPyConnection, path: Path, head: bytes, compression: str, rows: int
) -> Sample:
    encoding = "utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    if encoding == "utf-8" and (legacy := _legacy(path, compression)) is not None:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            copy.write_text(legacy[1], "utf-8", newline="")
            return replace(
                _delimited(con, copy, head, "none", rows), options={"encoding": legacy[0]}
            )
    found = con.sql(
        "SELECT Delimiter, Quote, Escape, HasHeader FROM sniff_csv(?, compression = ?, encoding = ?, all_varchar = true)",
        params=[str(path), compression, encoding],
    ).fetchall()
    delimiter, quote, escape, header = found[0]
    quote, escape = (mark if len(mark) == 1 else '"' for mark in (quote, escape))
    frame = con.sql(
        "SELECT * FROM read_csv(?, compression = ?, encoding = ?, delim = ?, quote = ?, escape = ?, header = ?, "
        f"all_varchar = true, ignore_errors = true, null_padding = true, parallel = false) LIMIT {int(rows)}",
        params=[str(path), compression, encoding, delimiter, quote, escape, header],
    ).pl()
    form = FORMAT_OF_DELIMITER.get(delimiter)
    return Sample(frame, form or "csv", {}, {}, None if form else delimiter, header, quote, escape)


def _legacy(path: Path, compression: str) -> tuple[str, str] | None:
    """The encoding of a text that is not UTF-8, and its beginning decoded; None for UTF-8, even with some broken bytes in it."""
    try:
        with gzip.open(path) if compression == "gzip" else path.open("rb") as file:
            data = file.read(LOOKED_AT)
    except (OSError, EOFError, zlib.error):  # which the reader tells about
        return None
    if len(data) == LOOKED_AT:
        data = data[: data.rfind(b"\n") + 1]
    text = data.decode("utf-8", "replace")
    if (
        2 * text.count("\ufffd") <= sum(not character.isascii() for character in text)
        or b"\0" in data
    ):
        return None
    for encoding, look in LEGACY:
        with contextlib.suppress(UnicodeDecodeError):
            if look.search(decoded := data.decode(encoding)):
                return encoding, decoded
    return None

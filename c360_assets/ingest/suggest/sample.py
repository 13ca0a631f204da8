"""A sample of a file, and what can be seen of the file: format, delimiter, header, packing.

The rows of files that name their columns come from `described_rows`. What the columns mean belongs
to `feed`, how their text parses to `column_types`.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tarfile
import tempfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.formats.archives import ZIP_MARK, LockedError
from c360_assets.ingest.formats.fixed_width import as_bytes, cut_bytes, cut_lines
from c360_assets.ingest.formats.sniff import ORC, foreign
from c360_assets.ingest.formats.unpack import LOCKED
from c360_assets.ingest.formats.workbooks import (
    OLD_OFFICE_MARK,
    READABLE,
    SheetError,
    SheetLayout,
    is_workbook,
    sheet_names,
    workbook_to_csv,
)
from c360_assets.ingest.suggest.archive_members import SAFE_SUFFIX, first_members, patterns_of_kind
from c360_assets.ingest.suggest.described_rows import (
    DescribedRows,
    json_rows,
    only_object,
    parquet_rows,
    rows_of_copy,
    rows_of_objects,
    rows_under_path,
    xml_rows,
)
from c360_assets.ingest.suggest.encodings import TextHead, read_head
from c360_assets.ingest.suggest.fixed_sample import FIXED, columns_in_bytes, columns_of, looks_fixed
from c360_assets.ingest.suggest.json_paths import records_path, written
from c360_assets.ingest.suggest.other_texts import kind_by_beginning, other_kind_of_text
from c360_assets.ingest.suggest.text_sample import FORMAT_OF_DELIMITER, TextSample, sample_text

SAMPLE_ROWS = 20_000
HEAD_BYTES = 4096
HEADER_ROWS = 100  # of members of archives by which one kind is told from another
UTF_8_MARK = b"\xef\xbb\xbf"
# Encodings that the loader sees without being told.
MARKED_ENCODINGS = ("utf-8", "utf-16", "utf-32")
AVRO_MARK, PARQUET_MARK, GZIP_MARK = b"Obj\x01", b"PAR1", b"\x1f\x8b"
# The first line of a JSON object that is written over several lines.
OPEN_OBJECT = re.compile(rb"\{\s*(\"[^\"]*\"\s*:\s*.*,\s*|\"[^\"]*\"\s*:\s*[\[{]\s*)?")


@dataclass(frozen=True)
class Sample:
    """The first rows of a file, all columns as text.

    `types` holds the field types that a self-describing format (Parquet, JSON) declares; text
    columns are left out of it. `scales` holds the scale of declared decimals, `options` what else
    `files` has to say to read the file. `notes` is what a person should know of the file,
    `odd_rows` counts the rows that no record of these columns can be. `trial` is the sampled text
    as the file holds it, for a trial load; None where that has to read the file itself. `whole`
    says that the sample is all of the file. `other_parts` names the sheets of a workbook
    that hold rows too, and the kinds of members of an archive.
    """

    frame: pl.DataFrame
    format: str
    types: dict[str, str]
    scales: dict[str, int]
    delimiter: str | None = None
    header: bool = True
    quote: str = '"'
    escape: str = '"'
    options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    odd_rows: int = 0
    trial: bytes | None = None
    whole: bool = True
    other_parts: tuple[str, ...] = ()


def read_sample(
    path: Path, rows: int = SAMPLE_ROWS, *, country: str = "", part: str | None = None
) -> Sample:
    """The first `rows` rows of `path`; of a workbook those of the sheet `part`, by default the
    fullest, of an archive those of the members that fit `part`, by default the first kind of them.
    Where several encodings read a text, that of the `country` (an ISO code) does.

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
    if head.startswith(OLD_OFFICE_MARK) or (kind == "zip" and is_workbook(path)):
        return _sample_of_workbook(path, rows, part)
    if kind is not None:
        return _sample_of_archive(path, kind, rows, country, part)
    if head.startswith(GZIP_MARK) and _is_packed_document(path):
        return _sample_of_packed_document(path, rows)
    con = duckdb.connect(":memory:", config={"threads": 1})
    try:
        con.execute("SET TimeZone = 'UTC'").fetchall()
        return _sample_of_file(con, path, head, rows, country)
    except C360Error as error:
        text = str(error).removeprefix(f"{path}: ")
        raise C360Error(f"{path}: {text}") from None
    except duckdb.Error as error:
        # The engine's text may quote values of the file.
        problem = f"cannot be read as CSV, JSON or Parquet ({type(error).__name__})"
        raise C360Error(f"{path}: {problem}") from None
    finally:
        con.close()


def _is_packed_document(path: Path) -> bool:
    """Whether a packed file is JSON or XML, which is looked at as a whole."""
    try:
        with gzip.open(path) as source:
            begin = source.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return False  # broken, which the reader of its text reports
    return _without_mark(begin)[:1] in {b"{", b"<", b"["}


def _sample_of_packed_document(path: Path, rows: int) -> Sample:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / ("copy" + "".join(SAFE_SUFFIX.findall(path.name)[-2:-1]))
        try:
            with gzip.open(path) as source, copy.open("wb") as file:
                shutil.copyfileobj(source, file)
            return read_sample(copy, rows)
        except (EOFError, zlib.error) as error:
            raise C360Error(f"{path}: is broken gzip ({type(error).__name__})") from None
        except C360Error as error:
            raise C360Error(str(error).replace(str(copy), str(path))) from None


def _archive_kind(path: Path, head: bytes) -> str | None:
    if head.startswith(ZIP_MARK):
        return "zip"
    try:
        return "tar" if tarfile.is_tarfile(path) else None
    except Exception:  # of many kinds, one for each packing
        # Broken, which the readers of its format report.
        return None


def _sample_of_archive(path: Path, kind: str, rows: int, country: str, part: str | None) -> Sample:
    """The sample of an archive: that of its first member by name of those that fit `part`. Members
    of other names with other columns are of other feeds."""
    samples: dict[str, Sample] = {}
    unread: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            members = first_members(path, kind, Path(folder))
        except LockedError:
            raise C360Error(f"{path}: {LOCKED.problem}; {LOCKED.remedy}") from None
        except Exception as error:  # of many kinds, and with names from the archive
            problem = f"the {kind} archive cannot be read ({type(error).__name__})"
            raise C360Error(f"{path}: {problem}") from None
        if not members:
            raise C360Error(f"{path}: the {kind} archive holds no file")
        for name, member in members.items():
            wanted = part in (None, name)
            try:
                count = rows if wanted and part not in samples else HEADER_ROWS
                samples[name] = read_sample(member, count, country=country)
            except C360Error as error:
                problem = str(error).removeprefix(f"{member}: ")
                if not samples and wanted:
                    raise C360Error(f"{path}: its first member {problem}") from None
                unread.append(f"{name} {problem}")
    chosen = part if part in samples else next(iter(samples))
    sample = samples[chosen]
    kinds: dict[frozenset[str], list[str]] = {}
    for name in samples:
        kinds.setdefault(frozenset(samples[name].frame.columns), []).append(name)
    own = kinds.pop(frozenset(sample.frame.columns))
    others = tuple(names[0] for names in kinds.values())
    options: dict[str, Any] = {"compression": kind, **sample.options}
    notes = sample.notes
    if others:
        options["contents"] = {pattern: {} for pattern in patterns_of_kind(own)}
        listed = ", ".join(others)
        notes = (*notes, f"members of other columns are feeds of their own: {listed}")
    notes = (*notes, *(f"NOT PROPOSED: a member like {member}" for member in unread))
    return replace(sample, options=options, notes=notes, other_parts=others)


def _sample_of_file(
    con: duckdb.DuckDBPyConnection, path: Path, head: bytes, rows: int, country: str
) -> Sample:
    if head.startswith(PARQUET_MARK):
        return _sample_of_described(parquet_rows(con, path, rows), "parquet")
    if head.startswith(AVRO_MARK) or ORC.match(head):
        form = "avro" if head.startswith(AVRO_MARK) else "orc"
        return _sample_of_described(rows_of_copy(con, path, form, rows), form)
    kind = foreign("", head)
    if kind is not None:
        raise C360Error(f"{path}: {kind.problem}; {kind.remedy}")
    other_kind = kind_by_beginning(_without_mark(head).decode("utf-8", "replace"))
    if other_kind is not None:
        raise C360Error(f"{path}: is {other_kind}; {READABLE}")
    if _without_mark(head).startswith(b"<"):
        return _sample_of_xml(con, path, rows)
    compression = "gzip" if head.startswith(GZIP_MARK) else "none"
    json_format = _json_format(path, head, compression)
    records = records_path(path) if _without_mark(head)[:1] == b"{" else None
    if records is not None:
        found = rows_under_path(con, path, records, rows)
        return _sample_of_described(found, "json", {"records": records})
    if json_format is None:
        return _sample_of_text(path, compression, rows, country)
    if json_format == "ndjson":
        shape = "newline_delimited"
    else:
        shape = "unstructured" if _begins_with_open_object(head) else "array"
    objects = json_rows(con, path, rows, shape=shape, compression=compression)
    wrapper = only_object(objects) if json_format == "ndjson" else None
    if wrapper is not None:
        inner = rows_of_objects(con, objects.frame[wrapper])
        return _sample_of_described(inner, json_format, {"records": written([wrapper])})
    return _sample_of_described(objects, json_format)


def _sample_of_described(
    described: DescribedRows, form: str, options: dict[str, Any] | None = None
) -> Sample:
    return Sample(described.frame, form, described.types, described.scales, options=options or {})


def _sample_of_xml(con: duckdb.DuckDBPyConnection, path: Path, rows: int) -> Sample:
    found, row_tag = xml_rows(con, path, rows)
    # `row` is what is read where a feed names no other.
    options = {} if row_tag == "row" else {"row_tag": row_tag}
    return _sample_of_described(found, "xml", options)


def _sample_of_workbook(path: Path, rows: int, sheet: str | None) -> Sample:
    """The sample of a sheet of a workbook, by default the one that holds most, of several the
    first."""
    try:
        texts = {name: _sheet_text(path, name, rows) for name in sheet_names(path)}
        sheet = sheet or max(texts, key=lambda name: len(texts[name]))
        text = sample_text(TextHead(texts[sheet], "utf-8", whole=True), rows)
    except SheetError as error:
        raise C360Error(f"{path}: {error}; {error.remedy}") from None
    except ValueError:
        raise C360Error(f"{path}: is a workbook without a visible sheet") from None
    except C360Error as error:
        raise C360Error(f"{path}: {error}") from None
    others = [name for name, content in texts.items() if _is_filled(content) and name != sheet]
    options = _text_options(text)
    notes = text.notes
    if others:
        options["sheet"] = sheet
        listed = ", ".join(others)
        notes = (*notes, f"one sheet of several; each other sheet is a feed of its own: {listed}")
    return Sample(
        text.frame,
        "xlsx",
        {},
        {},
        header=text.header,
        options=options,
        notes=notes,
        other_parts=tuple(others),
    )


def _is_filled(content: str) -> bool:
    return content.count("\n") > 1


def _sheet_text(path: Path, sheet: str, rows: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        workbook_to_csv(path, copy, SheetLayout(sheet, 0, {}), rows)
        return copy.read_text("utf-8")


def _text_options(text: TextSample) -> dict[str, str | int | list[int]]:
    options: dict[str, str | int | list[int]] = {}
    if text.skip_lines:
        options["skip_lines"] = text.skip_lines
    if text.drop_rows:
        options["drop_rows"] = text.drop_rows
    return options


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


def _sample_of_text(path: Path, compression: str, rows: int, country: str) -> Sample:
    try:
        head = read_head(path, packed=compression == "gzip", country=country)
    except OSError as error:
        raise C360Error(f"{path}: cannot be read ({error})") from None
    if head.encoding != "utf-8" and head.text.lstrip()[:1] in ("[", "{"):
        raise C360Error(
            f"{path}: is JSON in {head.encoding}, and JSON is read in UTF-8 only; save it as UTF-8"
        )
    other_kind = other_kind_of_text(head.text)
    if other_kind is not None:
        raise C360Error(f"{path}: is {other_kind}; {READABLE}")
    in_bytes = columns_in_bytes(head.text, head.encoding)
    columns_at = in_bytes or columns_of(head.text)
    if columns_at is not None:
        return _sample_of_fixed(head, columns_at, rows, in_bytes=in_bytes is not None)
    try:
        text = sample_text(head, rows)
    except C360Error as error:
        raise C360Error(f"{path}: {error}") from None
    if looks_fixed(head.text) and len(text.frame.columns) == 1:
        raise C360Error(f"{path}: {FIXED}")
    form = FORMAT_OF_DELIMITER.get(text.dialect.delimiter)
    options = _text_options(text)
    if head.encoding not in MARKED_ENCODINGS:
        options["encoding"] = head.encoding
    return Sample(
        text.frame,
        form or "csv",
        types={},
        scales={},
        delimiter=None if form else text.dialect.delimiter,
        header=text.header,
        quote=text.dialect.quote,
        escape=text.dialect.escape,
        options=options,
        notes=text.notes,
        odd_rows=text.odd_rows,
        trial=_encoded(text.text, head.encoding),
        whole=text.whole,
    )


def _sample_of_fixed(head: TextHead, columns_at: list[int], rows: int, *, in_bytes: bool) -> Sample:
    """The sample of a text in columns of fixed width."""
    lines = head.text.splitlines()[: rows + 1]
    if in_bytes:
        signs = [as_bytes(line, head.encoding) for line in lines]
        records = cut_bytes(signs, columns_at, head.encoding)
    else:
        records = cut_lines(lines, columns_at)
    cut = TextHead(records, "utf-8", whole=head.whole and len(lines) <= rows)
    text = sample_text(cut, rows)
    options = _text_options(text) | {"columns_at": columns_at}
    if in_bytes:
        options["columns_in_bytes"] = True
    if head.encoding not in MARKED_ENCODINGS:
        options["encoding"] = head.encoding
    notes = (*text.notes, "columns of fixed width, cut where all lines have blanks: look at them")
    trial = _encoded("".join(f"{line}\n" for line in lines), head.encoding)
    return Sample(
        text.frame, "fixed", {}, {}, options=options, notes=notes, trial=trial, whole=text.whole
    )


def _encoded(text: str, encoding: str) -> bytes:
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    return text.encode(encoding, errors)

"""The first rows of files that name their columns: Parquet, Avro, ORC, JSON and XML.

Which of them a file is belongs to `sample`, what a column of text holds to `column_types`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.formats.json_records import json_records
from c360_assets.ingest.formats.unpack import TO_PARQUET
from c360_assets.ingest.formats.xml_files import likely_row_tag, xml_to_ndjson

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
    "TIMESTAMPTZ_NS",
    "TIMESTAMP_NS",
    "TIMESTAMP_MS",
    "TIMESTAMP_S",
)
# DuckDB types -> field type. What is not named here is text.
FIELD_TYPES = {
    **dict.fromkeys(INTEGERS, "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    **dict.fromkeys(INSTANTS, "datetime"),
    "BOOLEAN": "boolean",
    "DATE": "date",
}


@dataclass(frozen=True)
class DescribedRows:
    """Rows with all columns as text, what is nested as JSON; the field types that the file
    declares, without those of text, and the scales of its decimals."""

    frame: pl.DataFrame
    types: dict[str, str]
    scales: dict[str, int]


def parquet_rows(con: duckdb.DuckDBPyConnection, path: Path, rows: int) -> DescribedRows:
    """The first `rows` rows of a Parquet file."""
    return _described(con.read_parquet(str(path)).limit(rows))


def json_rows(
    con: duckdb.DuckDBPyConnection, path: Path, rows: int, *, shape: str, compression: str = "none"
) -> DescribedRows:
    """The first `rows` objects of a file of JSON of the engine's `shape`: `newline_delimited`,
    `array` or `unstructured`.

    Raises C360Error when it holds no objects.
    """
    objects = con.sql(
        "SELECT * FROM read_json(?, format = ?, compression = ?)",
        params=[str(path), shape, compression],
    )
    return _described(objects.limit(rows))


def rows_under_path(
    con: duckdb.DuckDBPyConnection, path: Path, keys: str, rows: int
) -> DescribedRows:
    """The first `rows` records of a JSON document, which stand under a path of keys."""
    frame = pl.concat(list(json_records(path, keys))).head(rows)
    return rows_of_objects(con, frame["record"].drop_nulls())


def rows_of_objects(con: duckdb.DuckDBPyConnection, objects: pl.Series) -> DescribedRows:
    """Rows of objects of JSON, given as texts."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        texts = objects.str.replace_all(r"[\r\n]+", " ")
        copy.write_text("\n".join(texts), "utf-8")
        return json_rows(con, copy, len(objects), shape="newline_delimited")


def only_object(described: DescribedRows) -> str | None:
    """The column that holds all that rows say, each in an object: `{"user": {...}}`."""
    columns = described.frame.columns
    is_wrapped = len(columns) == 1 and described.types.get(columns[0]) == "struct"
    return columns[0] if is_wrapped and not described.frame[columns[0]].has_nulls() else None


def rows_of_copy(con: duckdb.DuckDBPyConnection, path: Path, form: str, rows: int) -> DescribedRows:
    """The first `rows` rows of a file of Avro or ORC; raises C360Error where it cannot be read."""
    with _copy_for(path, form.capitalize()) as copy:
        TO_PARQUET[form](path, copy, rows)
        return parquet_rows(con, copy, rows)


def xml_rows(con: duckdb.DuckDBPyConnection, path: Path, rows: int) -> tuple[DescribedRows, str]:
    """The first `rows` rows of an XML file, and the tag of the elements that are taken for rows;
    raises C360Error where it cannot be read."""
    with _copy_for(path, "XML") as copy:
        row_tag = likely_row_tag(path)
        xml_to_ndjson(path, copy, row_tag, rows)
        return json_rows(con, copy, rows, shape="newline_delimited"), row_tag


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


def _described(relation: duckdb.DuckDBPyRelation) -> DescribedRows:
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
    if relation.columns == ["json"]:
        raise C360Error("holds no objects whose values have names; export objects, or CSV")
    columns = [_as_text(name, types.get(name)).alias(name) for name in relation.columns]
    return DescribedRows(relation.select(*columns).pl(), types, scales)


def _as_text(name: str, kind: str | None) -> duckdb.Expression:
    """A column as text, what is nested as JSON."""
    column: duckdb.Expression = duckdb.ColumnExpression(name)
    if kind in NESTED.values():
        column = duckdb.FunctionExpression("to_json", column)
    return column.cast("VARCHAR")

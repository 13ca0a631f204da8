"""Avro files to Parquet copies of the same types, for samples and loads to read.

Arrays, maps and records stay nested. What Arrow has no type for (unions of several types, types
that hold themselves) becomes JSON text.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fastavro import reader

CHUNK_ROWS = 20_000
SIMPLE = {
    "null": pa.string(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
    "enum": pa.string(),
    "fixed": pa.binary(),
}
LOGICAL = {
    "date": pa.date32(),
    "timestamp-millis": pa.timestamp("us", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "local-timestamp-millis": pa.timestamp("us"),
    "local-timestamp-micros": pa.timestamp("us"),
}
# Read as Python objects that Arrow does not take as they are.
AS_TEXT = frozenset({"uuid", "time-millis", "time-micros"})
DIGITS = 38
# The named types that were defined so far; None for those that become text.
NamedTypes = dict[str, pa.DataType | None]


def avro_to_parquet(source: Path, target: Path, rows: int | None = None) -> None:
    """Write the records of `source`, or the first `rows`, to `target`.

    Raises what the libraries raise where the file is broken.
    """
    with source.open("rb") as file:
        records: Any = reader(file)
        schema = records.writer_schema
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise ValueError("not a file of records")
        types = {field["name"]: _arrow_type(field["type"], {}) for field in schema["fields"]}
        as_text = [name for name, kind in types.items() if kind is None]
        columns = pa.schema([(name, kind or pa.string()) for name, kind in types.items()])
        with pq.ParquetWriter(target, columns) as writer:
            wanted = islice(records, rows)
            while chunk := list(islice(wanted, CHUNK_ROWS)):
                _make_text(chunk, as_text)
                writer.write_table(pa.Table.from_pylist(chunk, schema=columns))


def _make_text(records: list[dict[str, Any]], names: list[str]) -> None:
    for name in names:
        for record in records:
            record[name] = _text(record[name])


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list | tuple | bool):
        return json.dumps(value, default=str)
    return str(value)


def _arrow_type(schema: Any, named: NamedTypes) -> pa.DataType | None:
    """The Arrow type of an Avro type, None where it has to become text.

    `named` are the named types around it, to which those in it are added.
    """
    if isinstance(schema, list):
        present = [branch for branch in schema if branch != "null"]
        return _arrow_type(present[0], named) if len(present) == 1 else None
    if isinstance(schema, str):
        return SIMPLE[schema] if schema in SIMPLE else named.get(schema)
    logical = schema.get("logicalType")
    if logical == "decimal":
        precision = schema["precision"]
        return pa.decimal128(precision, schema.get("scale", 0)) if precision <= DIGITS else None
    if logical in LOGICAL:
        return LOGICAL[logical]
    if logical in AS_TEXT:
        return None
    return _complex_type(schema, named)


def _complex_type(schema: dict[str, Any], named: NamedTypes) -> pa.DataType | None:
    kind = schema["type"]
    if kind == "array":
        items = _arrow_type(schema["items"], named)
        return None if items is None else pa.list_(items)
    if kind == "map":
        values = _arrow_type(schema["values"], named)
        return None if values is None else pa.map_(pa.string(), values)
    if kind in ("record", "error"):
        arrow = _struct_type(schema["fields"], named)
    else:
        arrow = _arrow_type(kind, named)
    if "name" in schema:
        # Not before its fields were read: a type inside itself is unknown there, and becomes text.
        named[schema["name"]] = arrow
    return arrow


def _struct_type(fields: list[dict[str, Any]], named: NamedTypes) -> pa.DataType | None:
    types = {field["name"]: _arrow_type(field["type"], named) for field in fields}
    if not types or any(kind is None for kind in types.values()):
        return None
    return pa.struct(list(types.items()))

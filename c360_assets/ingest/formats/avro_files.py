"""Avro files to Parquet copies of the same types, for samples and loads to read.

Arrays, maps and records stay nested. What Arrow has no type for (unions of several types, types that hold themselves) becomes
JSON text.
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


def avro_to_parquet(source: Path, target: Path, rows: int | None = None) -> None:
    """Write the records of `source`, or the first `rows`, to `target`. Raises what the libraries raise where it is broken."""
    with source.open("rb") as file:
        records: Any = reader(file)
        schema = records.writer_schema
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise ValueError("not a file of records")
        types = {f["name"]: _arrow(f["type"], {}) for f in schema["fields"]}
        as_text = [name for name, kind in types.items() if kind is None]
        arrow = pa.schema([(name, kind or pa.string()) for name, kind in types.items()])
        with pq.ParquetWriter(target, arrow) as writer:
            wanted = islice(records, rows)
            while chunk := list(islice(wanted, CHUNK_ROWS)):
                for name in as_text:
                    for row in chunk:
                        row[name] = _text(row[name])
                writer.write_table(pa.Table.from_pylist(chunk, schema=arrow))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return (
        json.dumps(value, default=str)
        if isinstance(value, dict | list | tuple | bool)
        else str(value)
    )


def _arrow(schema: Any, named: dict[str, Any]) -> pa.DataType | None:
    """The Arrow type of an Avro type, None where it has to become text. `named` are the named types around it."""
    if isinstance(schema, list):
        several = [s for s in schema if s != "null"]
        return _arrow(several[0], named) if len(several) == 1 else None
    if isinstance(schema, str):
        return SIMPLE[schema] if schema in SIMPLE else named.get(schema)
    kind, logical = schema["type"], schema.get("logicalType")
    if logical == "decimal":
        precision, scale = schema["precision"], schema.get("scale", 0)
        return pa.decimal128(precision, scale) if precision <= DIGITS else None
    if logical in LOGICAL:
        return LOGICAL[logical]
    if logical in AS_TEXT:
        return None
    if kind == "array":
        item = _arrow(schema["items"], named)
        return item and pa.list_(item)
    if kind == "map":
        value = _arrow(schema["values"], named)
        return value and pa.map_(pa.string(), value)
    if kind in ("record", "error"):
        # A type inside itself is not there yet, and so becomes text.
        inner = [(f["name"], _arrow(f["type"], named)) for f in schema["fields"]]
        found = pa.struct(inner) if inner and all(t is not None for _, t in inner) else None
    else:
        found = _arrow(kind, named)
    if "name" in schema:
        named[schema["name"]] = found
    return found

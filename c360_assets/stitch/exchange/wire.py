"""Frames as Spark takes and gives them: its types are signed, and its texts and lists of one size.

Belongs here: the types of columns on the way between Polars and Spark. Knows neither kernels nor
Spark itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import polars as pl
import pyarrow as pa

Schema: TypeAlias = Mapping[str, pl.DataType]
# Spark has no unsigned numbers: they travel in the next larger ones, those of 64 bits as they are.
SIGNED: dict[pl.DataType, pl.DataType] = {
    pl.UInt8(): pl.Int16(),
    pl.UInt16(): pl.Int32(),
    pl.UInt32(): pl.Int64(),
    pl.UInt64(): pl.Int64(),
}
NAMES: dict[pl.DataType, str] = {
    pl.Boolean(): "boolean",
    pl.Int8(): "tinyint",
    pl.Int16(): "smallint",
    pl.Int32(): "int",
    pl.Int64(): "bigint",
    pl.Float32(): "float",
    pl.Float64(): "double",
    pl.String(): "string",
    pl.Date(): "date",
}


def ddl(schema: Schema) -> str:
    """The columns as Spark declares them."""
    return ", ".join(f"`{name}` {_name(dtype)}" for name, dtype in schema.items())


def _name(dtype: pl.DataType) -> str:
    sent = _sent(dtype)
    if isinstance(sent, pl.List):
        return f"array<{_name(_inner(sent))}>"
    return NAMES[sent]


def _sent(dtype: pl.DataType) -> pl.DataType:
    """The type in which a column travels: of an enumeration its texts."""
    if isinstance(dtype, pl.Enum):
        return pl.String()
    if isinstance(dtype, pl.List):
        return pl.List(_sent(_inner(dtype)))
    return SIGNED.get(dtype, dtype)


def _inner(dtype: pl.List) -> pl.DataType:
    return dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()


def to_wire(frame: pl.DataFrame) -> pa.Table:
    """The frame in the types that `ddl` declares."""
    signed = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if dtype == pl.UInt64:
            signed.append(column.reinterpret(signed=True))
        elif _sent(dtype) != dtype:
            signed.append(column.cast(_sent(dtype)))
    table = frame.with_columns(signed).to_arrow(compat_level=pl.CompatLevel.oldest())
    plain = [pa.field(field.name, _plain(field.type)) for field in table.schema]
    return table.cast(pa.schema(plain))


def _plain(arrow: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(arrow):
        return pa.string()
    if pa.types.is_large_list(arrow):
        return pa.list_(_plain(arrow.value_type))
    return arrow


def from_wire(rows: pa.Table | pa.RecordBatch, schema: Schema) -> pl.DataFrame:
    """The frame of these types that was sent."""
    frame = pl.DataFrame(pl.from_arrow(rows))
    unsigned = []
    for name, dtype in schema.items():
        column = pl.col(name)
        unsigned.append(
            column.reinterpret(signed=False) if dtype == pl.UInt64 else column.cast(dtype)
        )
    return frame.select(unsigned)

"""Hashes of values, the same on every machine, by which rows of equal values meet in a bucket."""

from __future__ import annotations

import duckdb
import polars as pl

from c360_assets.stitch.compare.comparison_records import registered


def with_hash(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, *values: pl.Expr) -> pl.DataFrame:
    """The rows, each with a `rid` of its own, and `hash`, which is equal where all values are."""
    names = [f"v{number}" for number in range(len(values))]
    named = [value.alias(name) for value, name in zip(values, names, strict=True)]
    sql = f"SELECT rid, hash({', '.join(names)}) AS hash FROM er_values"
    with registered(con, er_values=rows.select("rid", *named)):
        hashes = con.sql(sql).pl()
    # A join copies every column it carries, so only the key goes through it.
    matched = rows.select("rid").join(hashes, on="rid", how="left", maintain_order="left")
    return rows.with_columns(matched.get_column("hash"))

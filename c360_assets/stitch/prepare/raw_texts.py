"""Rows of source records as preprocessing reads them: which raw columns, and as what text.

What is made of the texts is `cleaned_records`; where a tenant's records come from is `union`.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from c360_assets.semantics.text import missing_to_null

KEY_PREFIXES = ("fk_", "bk_", "sk_")
# Columns of which values are made, beside keys.
READ = (
    "given_name",
    "surname",
    "full_name",
    "title",
    "generational_suffix",
    "birthdate",
    "gender",
    "email",
    "phone",
    "address",
    "address2",
    "city",
    "state",
    "postal",
    "country",
    "company",
)
RAW = "raw:"  # before the name of a column, where it also holds clean values


def raw_rows(records: pl.DataFrame) -> pl.DataFrame:
    """`rid`, the position of the record, `datasource`, and the columns that are read under `RAW`.

    Texts are not copied.
    """
    read = [column for column in (*READ, *key_columns(records.columns)) if column in records]
    raw = records.select("datasource", *(pl.col(column).alias(f"{RAW}{column}") for column in read))
    rid = pl.int_range(records.height, dtype=pl.Int64, eager=True).alias("rid").set_sorted()
    return raw.insert_column(0, rid)


def key_columns(columns: Iterable[str]) -> list[str]:
    """Those of the columns that hold keys, sorted."""
    return sorted(column for column in columns if column.startswith(KEY_PREFIXES))


def text(rows: pl.DataFrame, column: str) -> pl.Expr:
    """A raw column, trimmed; NULL where the records lack it."""
    if f"{RAW}{column}" not in rows.columns:
        return pl.lit(None, dtype=pl.String)
    return missing_to_null(pl.col(f"{RAW}{column}").cast(pl.String))


def text_of_values(rows: pl.DataFrame, column: str) -> pl.Expr:
    """The text that the values of a semantic column were made of."""
    if column in ("given_name", "surname"):
        return pl.coalesce(text(rows, column), text(rows, "full_name"))
    if column == "address":
        lines = text(rows, "address"), text(rows, "address2")
        return pl.concat_str(*lines, separator=" ", ignore_nulls=True)
    return text(rows, column)

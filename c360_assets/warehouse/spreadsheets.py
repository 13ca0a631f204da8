"""Cells that a spreadsheet would run as a formula, and the mark that keeps it from doing so.

A text that begins with `= + - @`, a tab or a carriage return is run when a person opens a file of
comma-separated values with a spreadsheet, and may have come from anybody. An apostrophe before it
makes it a text. Numbers and phone numbers stay as they are. Taking the mark off gives back what was
there, byte for byte: a text that looks marked already is marked once more.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from c360_assets.warehouse.sql import quote_literal

MARK = "'"
# Both are read alike by Python, Polars and DuckDB.
FORMULA = r"^'*[=+\-@\t\r]"
NUMBER_OR_PHONE = (
    r"^'*[+\-] ?\(?[.,]?[0-9][0-9 .,()/\-]*"
    r"([eE][+\-]?[0-9]+)?( ?%)?( ?([xX]|[eE][xX][tT]\.?) ?[0-9]+)?$"
)
_FORMULA = re.compile(FORMULA)
_NUMBER_OR_PHONE = re.compile(NUMBER_OR_PHONE)


def marked(text: str) -> str:
    """`text`, marked if a spreadsheet would run it."""
    # `$` alone would overlook a line break at the end.
    is_number = _NUMBER_OR_PHONE.fullmatch(text) is not None
    return MARK + text if _FORMULA.match(text) and not is_number else text


def mark_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its text columns marked."""
    texts = pl.col(pl.String)
    return frame.with_columns(
        pl.when(_would_be_run(texts)).then(pl.lit(MARK) + texts).otherwise(texts).name.keep()
    )


def unmark_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as it was before `mark_texts`."""
    texts = pl.col(pl.String)
    is_marked = texts.str.starts_with(MARK) & _would_be_run(texts)
    return frame.with_columns(
        pl.when(is_marked).then(texts.str.slice(1)).otherwise(texts).name.keep()
    )


def read_marked_csv(path: Path, **options: object) -> pl.DataFrame:
    """A file of comma-separated values that we wrote with marks, without them."""
    return unmark_texts(pl.read_csv(path, glob=False, **options))  # type: ignore[arg-type]


def marked_sql(column_sql: str) -> str:
    """The expression of DuckDB that marks a column of texts."""
    formula = f"regexp_matches({column_sql}, {quote_literal(FORMULA)})"
    number = f"regexp_matches({column_sql}, {quote_literal(NUMBER_OR_PHONE)})"
    return f"CASE WHEN {formula} AND NOT {number} THEN '''' || {column_sql} ELSE {column_sql} END"


def _would_be_run(texts: pl.Expr) -> pl.Expr:
    return texts.str.contains(FORMULA) & ~texts.str.contains(NUMBER_OR_PHONE)

"""Errors of single rows: their kinds, their rate, and the two CSV logs of a delivery day.

The logs hold raw values, so they stay in the tenant's folder, readable by its owner only, and
values that a spreadsheet would run are marked. Finding the errors belongs to `formats` and
`incoming`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import private_folder
from c360_assets.warehouse.spreadsheets import mark_texts
from c360_assets.wording import counted

# A row has at most one counted error: the first in this order, and of a kind the first field in the
# feed's order.
MESSAGES = {
    "missing_primary_key": "the primary key is empty",
    "column_count_mismatch": "the record has more or fewer fields than the header",
    "malformed_row": "the record cannot be read: quotes, escapes or JSON",
    "no_first_row": "the first row of its block, which `fill_down` takes values from, is not there",
    "encoding_error": "the record holds bytes that are not in the file's encoding",
}
# What a text of a field's type looks like, for `cast_error`.
SHAPES = {
    "boolean": (
        "true, t, yes, y, 1, false, f, no, n or 0, or yes and no in another language (`ja`, `não`)"
    ),
    "date": "a date of the calendar in a documented pattern, or in the field's `format`",
    "datetime": "a date and time in a documented pattern, or in the field's `format`",
    "decimal": (
        "digits with at most one point, no other separators, signs or units, at most 38 digits, or "
        'what the field\'s `number` says, such as `number: {decimal: ",", thousands: "."}` for '
        "1.234,56"
    ),
    "float": "a number with a decimal point, or what the field's `number` says",
    "integer": (
        "a whole number of at most 64 bits, without separators but those that the field's `number` "
        'names, such as `number: {thousands: ","}` for 1,020'
    ),
}
DAYS = ("date", "datetime")
# How many digits days have that are numbers of our times, by the field's `format`.
NUMBERED_DAYS = {
    "excel_serial": r"^\d{5}([.,]\d+)?$",
    "epoch_s": r"^1\d{9}$",
    "epoch_ms": r"^1\d{12}$",
    "epoch_us": r"^1\d{15}$",
}
COMMONEST = 3
FILE_LOG = ("feed", "file", "line_no", "field", "error_type", "raw_value", "message")
FEED_LOG = ("feed", "delivery_day", "error_type", "field", "rows")


@dataclass(frozen=True)
class Rate:
    """Rows with errors among the rows of one delivery day of one feed, and what is allowed."""

    read: int
    rejected: int
    threshold: int

    @property
    def exceeded(self) -> bool:
        """Whether more than `threshold` percent have errors.

        Counted in whole numbers, so that the limit itself passes.
        """
        return self.rejected * 100 > self.threshold * self.read

    def __str__(self) -> str:
        percent = 100 * self.rejected / self.read if self.read else 0.0
        share = f"{percent:.2f} %, allowed {self.threshold} %"
        has = "has" if self.rejected == 1 else "have"
        return f"{self.rejected:,} of {counted(self.read, 'row')} {has} errors ({share})"


def log_paths(root: Path, feed: FeedConfig, day: date) -> tuple[Path, Path]:
    """The file-level and the feed-level log of a delivery day."""
    stem = f"{feed.physical}.{day.isoformat()}"
    return root / "logs" / f"{stem}.row_errors.csv", root / "logs" / f"{stem}.error_types.csv"


def write_logs(root: Path, feed: FeedConfig, day: date, errors: pl.DataFrame) -> list[Path]:
    """Write both logs of a day, or remove those of an earlier try when there are no errors now.

    `errors` holds `file, line_no, field, error_type, raw_value`, one row per rejected row.
    """
    by_row, by_type = log_paths(root, feed, day)
    if errors.is_empty():
        for path in (by_row, by_type):
            path.unlink(missing_ok=True)
        return []
    private_folder(root / "logs")
    rows = errors.with_columns(
        pl.lit(feed.name).alias("feed"), _messages(feed).alias("message")
    ).sort("file", "line_no")
    _write(by_row, rows.select(FILE_LOG))
    counts = _counts(rows).with_columns(
        pl.lit(feed.name).alias("feed"), pl.lit(day).alias("delivery_day")
    )
    _write(by_type, counts.select(FEED_LOG))
    return [by_row, by_type]


def _messages(feed: FeedConfig) -> pl.Expr:
    """What is wrong with a row: by its kind of error, else by its field's type."""
    by_kind = pl.col("error_type").replace_strict(MESSAGES, default=None, return_dtype=pl.String)
    expected = {
        name: f"is no {field.type}: {SHAPES[field.type]}"
        for name, field in feed.fields.items()
        if field.type in SHAPES
    }
    by_field = pl.col("field").replace_strict(expected, default=None, return_dtype=pl.String)
    return pl.coalesce(by_kind, by_field)


def _counts(errors: pl.DataFrame) -> pl.DataFrame:
    """`error_type, field, rows`, the commonest first."""
    counts = errors.group_by("error_type", "field").agg(pl.len().alias("rows"))
    return counts.sort(["rows", "error_type", "field"], descending=[True, False, False])


def worst_file(errors: pl.DataFrame) -> str:
    """The file with most of the errors, and how many it has."""
    counts = errors.group_by("file").agg(pl.len().alias("rows"))
    file, rows = counts.sort(["rows", "file"], descending=[True, False]).row(0)
    return f"file {file} ({counted(rows, 'row')})"


def commonest(errors: pl.DataFrame, feed: FeedConfig) -> str:
    """The commonest kinds of error with their fields and rows.

    Of the first it also says what its field should have held, and for days how they are numbered.
    """
    counts = _counts(errors).head(COMMONEST)
    kinds = ", ".join(
        (f"{kind} in {field}" if field else kind) + f" ({counted(rows, 'row')})"
        for kind, field, rows in counts.iter_rows()
    )
    kind, field, _ = counts.row(0)
    if kind != "cast_error" or field not in feed.fields:
        return kinds
    field_type = feed.fields[field].type
    if field_type not in SHAPES:
        return kinds
    texts = errors.filter(pl.col("field") == field, pl.col("error_type") == kind)["raw_value"]
    seen = next(
        (form for form, shape in NUMBERED_DAYS.items() if texts.str.contains(shape).all()), None
    )
    hint = f"; its values look like `format: {seen}`" if seen and field_type in DAYS else ""
    return f"{kinds}; {field} is of type {field_type}: {SHAPES[field_type]}{hint}"


def _write(path: Path, frame: pl.DataFrame) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        mark_texts(frame).write_csv(file)
    os.replace(aside, path)

"""What type a column of texts has: the most exact one that nearly all of its values fit.

Date patterns are tried in the documented order, then day-first ones, which only a `format` can name. Files and tags are not
known here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

FITS = 0.99  # share of the values that must fit a type; the rest would be row errors
MISSING = ("null", "n/a", "#n/a", "na", "nan", "none", "nil", "-", "\\n", "?")
BOOLEANS = ("true", "false", "t", "f", "yes", "no", "y", "n")
INTEGER = r"^[+-]?\d{1,18}$"
LEADING_ZERO = r"^0\d"
DECIMAL = r"^[+-]?\d{0,30}\.\d+$|^[+-]?\d{1,30}$"
DECIMAL_COMMA = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d{1,4})?$"
FLOAT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
ISO_DATETIME = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|[+-]\d{2}:?\d{2}))?$"
# Joda pattern, the same for Polars, the shape a value must have.
DATES = (
    ("yyyyMMdd", "%Y%m%d", r"(?:19|20)\d{6}"),
    ("yyyy-MM-dd", "%Y-%m-%d", r"\d{4}-\d{2}-\d{2}"),
    ("yyyy/MM/dd", "%Y/%m/%d", r"\d{4}/\d{1,2}/\d{1,2}"),
    ("MM/dd/yyyy", "%m/%d/%Y", r"\d{1,2}/\d{1,2}/\d{4}"),
    ("MM/dd/yy", "%m/%d/%y", r"\d{1,2}/\d{1,2}/\d{2}"),
    ("dd-MMM-yyyy", "%d-%b-%Y", r"\d{1,2}-[A-Za-z]{3}-\d{4}"),
    ("dd-MMM-yy", "%d-%b-%y", r"\d{1,2}-[A-Za-z]{3}-\d{2}"),
    ("dd MMM yyyy", "%d %b %Y", r"\d{1,2} [A-Za-z]{3} \d{4}"),
    ("ddMMMyyyy", "%d%b%Y", r"\d{2}[A-Za-z]{3}\d{4}"),
    ("dd/MM/yyyy", "%d/%m/%Y", r"\d{1,2}/\d{1,2}/\d{4}"),
    ("dd.MM.yyyy", "%d.%m.%Y", r"\d{1,2}\.\d{1,2}\.\d{4}"),
    ("dd-MM-yyyy", "%d-%m-%Y", r"\d{1,2}-\d{1,2}-\d{4}"),
)
TIMES = (
    ("HH:mm:ss.SSS", "%H:%M:%S%.f", r"\d{2}:\d{2}:\d{2}\.\d+"),
    ("HH:mm:ss", "%H:%M:%S", r"\d{2}:\d{2}:\d{2}"),
    ("HH:mm", "%H:%M", r"\d{2}:\d{2}"),
    ("hh:mm:ss a", "%I:%M:%S %p", r"\d{1,2}:\d{2}:\d{2} [AaPp][Mm]"),
    ("hh:mm a", "%I:%M %p", r"\d{1,2}:\d{2} [AaPp][Mm]"),
)


@dataclass(frozen=True)
class Inferred:
    """A field type, its date pattern (None when it needs none), decimal scale, and how many of the values do not fit.

    `others` are what else fits where day and month could be either.
    """

    type: str
    format: str | None = None
    scale: int | None = None
    misfits: int = 0
    others: tuple[Inferred, ...] = ()

    @property
    def ambiguous(self) -> bool:
        return bool(self.others)


def infer(column: pl.Series) -> Inferred:
    """The type of a text column; empty values do not count, and a column without values is a string."""
    values = column.cast(pl.String).str.strip_chars().drop_nulls()
    values = values.filter(values != "")
    if values.is_empty():
        return Inferred("string")
    if values.str.to_lowercase().is_in(BOOLEANS).all():
        return Inferred("boolean")
    return _moment(values) or _number(values) or Inferred("string")


def have_decimal_commas(column: pl.Series) -> bool:
    """Whether a text column is of numbers such as `1.234,56`, which no field type reads."""
    values = column.cast(pl.String).str.strip_chars().drop_nulls()
    values = values.filter(values != "")
    return (
        bool(values.str.contains(r",\d+$").any())
        and _fits(values.str.contains(DECIMAL_COMMA)) is not None
    )


def missing_texts(frame: pl.DataFrame) -> list[str]:
    """Which of the usual texts for a missing value stand in columns that are of no type but for them, in lower case.

    A column that is text anyway does not count: there they may be names.
    """
    found: set[str] = set()
    for column in (c for c in frame.iter_columns() if c.dtype == pl.String):
        texts = column.str.strip_chars().str.to_lowercase()
        odd = texts.filter(texts.is_in(MISSING)).unique().to_list()
        if (
            odd
            and infer(column).type == "string"
            and infer(column.filter(~texts.is_in(MISSING))).type != "string"
        ):
            found.update(odd)
    return sorted(found)


def without(frame: pl.DataFrame, missing: list[str]) -> pl.DataFrame:
    """The frame with those texts as missing values."""
    if not missing:
        return frame
    texts = pl.col(pl.String)
    return frame.with_columns(
        pl.when(~texts.str.strip_chars().str.to_lowercase().is_in(missing)).then(texts)
    )


def _fits(ok: pl.Series) -> int | None:
    """The number of misfits, None when they are too many."""
    misfits = len(ok) - int(ok.fill_null(False).sum())
    return misfits if misfits <= len(ok) * (1 - FITS) else None


def _number(values: pl.Series) -> Inferred | None:
    if values.str.contains(LEADING_ZERO).any():
        return None  # an identifier: its zeros would be lost
    if (misfits := _fits(values.str.contains(INTEGER))) is not None:
        return Inferred("integer", misfits=misfits)
    if (misfits := _fits(values.str.contains(DECIMAL))) is not None:
        digits = values.str.extract(r"\.(\d+)$").str.len_chars().max()
        return Inferred("decimal", scale=min(37, max(2, int(digits or 0))), misfits=misfits)  # type: ignore[arg-type]
    if (misfits := _fits(values.str.contains(FLOAT))) is not None:
        return Inferred("float", misfits=misfits)
    return None


def _moment(values: pl.Series) -> Inferred | None:
    if (
        misfits := _fits(
            values.str.contains(ISO_DATE)
            & values.str.to_date("%Y-%m-%d", strict=False).is_not_null()
        )
    ) is not None:
        return Inferred("date", misfits=misfits)
    if (misfits := _fits(values.str.contains(ISO_DATETIME))) is not None:
        return Inferred("datetime", misfits=misfits)
    found: list[Inferred] = []
    for joda, form, shape in DATES:
        if (
            misfits := _fits(
                values.str.contains(f"^{shape}$")
                & values.str.to_date(form, strict=False).is_not_null()
            )
        ) is not None:
            found.append(Inferred("date", joda, misfits=misfits))
        for time_joda, time_form, time_shape in TIMES:
            shaped = values.str.contains(f"^{shape} {time_shape}$")
            if not shaped.any():
                continue
            parsed = values.str.to_datetime(f"{form} {time_form}", strict=False).is_not_null()
            if (misfits := _fits(shaped & parsed)) is not None:
                found.append(Inferred("datetime", f"{joda} {time_joda}", misfits=misfits))
    if not found:
        return None
    best = min(found, key=lambda f: f.misfits)
    return replace(best, others=tuple(f for f in found if f is not best))

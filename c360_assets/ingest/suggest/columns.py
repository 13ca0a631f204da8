"""The columns of a sample as fields of a feed: type, output name, and what to check of each.

How texts parse is in `column_types`, which tags they get in `tagging`. Values are looked at and
never kept.
"""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from c360_assets.ingest.casts import TRUE
from c360_assets.ingest.suggest.column import (
    LOST_DIGITS,
    MONEY_SCALE_OF_FLOATS,
    MONEY_SCALE_OF_INTEGERS,
    NO_YEAR,
    NUMBERS,
    TIME_OF_DAY,
    YEARLESS,
    Column,
    are_whole,
)
from c360_assets.ingest.suggest.column_names import (
    CAMEL,
    COUNT_NAME,
    MONEY_NAME,
    OTHER_ALPHABET,
    ROW_INDEX_NAME,
    is_customer_number_name,
    is_identifier_name,
)
from c360_assets.ingest.suggest.column_numbers import (
    BLANKS,
    DAY_NAME,
    NumberForm,
    are_groups_of_points,
    date_of_numbers,
    is_scientific,
)
from c360_assets.ingest.suggest.column_types import (
    ALL_DIGITS,
    REPUBLIC_DATE,
    REPUBLIC_DATE_IN_DIGITS,
    Inferred,
    infer,
    of_calendar,
    present,
)
from c360_assets.ingest.suggest.sample import Sample
from c360_assets.ingest.suggest.tagging import tag_columns
from c360_assets.semantics.countries import country_facts
from c360_assets.semantics.tags import column_for, without_marks
from c360_assets.tenant.check_feeds import GENERATED, OUTPUT_NAME, tidy_name

DELETED_NAME = re.compile(r"^_?(is|was)?[_ ]?(soft[_ ]?)?(deleted|removed)(__c)?$|^geloscht$", re.I)
CALENDAR_WORDS = {
    "buddhist": "its years are 543 ahead, of the Buddhist era",
    "roc": "its years are 1911 behind, of the Republic of China",
    "japanese": "its years are counted within Japan's eras",
    "persian": "its days are of the Iranian calendar",
    "islamic": "its days are of the Islamic calendar of Saudi Arabia",
}
REPUBLIC = "TW"
IRANIAN = ("IR", "AF")
# What databases keep as 0 and 1.
FLAG_NAME = re.compile(
    r"^(is|has|was|accepts?)[ _]|(^|[ _])(deleted|removed|valid|enabled|active|guest|test)$"
    r"|newsletter|opt(ed)?[ _-]?(in|out)$|(un)?subscribed$|consent$|(black|block)_?list|^zgoda",
    re.IGNORECASE,
)
# What `tidy_name` leaves of a name without plain letters.
NO_PLAIN_NAME = "field"


def describe_columns(sample: Sample, *, country: str = "") -> list[Column]:
    """The columns of a sample; where dates can be read in two ways, they are as in the `country`
    (its ISO code, empty where none is known)."""
    frame = sample.frame
    columns = [
        Column(name, name, _field_type(sample, name), _uniqueness(frame[name]))
        for name in frame.columns
    ]
    for column in columns:
        _settle_calendar(column, present(frame[column.name]), country)
    _settle_dates(columns, day_first=country_facts(country).first_in_dates == "day")
    _settle_decimal_commas(columns, frame)
    for column in columns:
        _look_at_values(column, present(frame[column.name]))
        if not sample.header and not _counts_from_zero(column, frame):
            # The first column of a file without header may as well be its identifier.
            column.row_index = False
    tag_columns(columns, frame)
    _name_outputs(columns)
    return columns


def _look_at_values(column: Column, values: pl.Series) -> None:
    """Note what a person should know of a column's values."""
    column.row_index = _is_row_index(column, values)
    if column.type == "string" and is_scientific(values):
        column.lost_digits = True
        column.notes.append(LOST_DIGITS)
    if column.type == "boolean" and DELETED_NAME.search(without_marks(column.name)):
        deleted = int(values.str.to_lowercase().is_in(TRUE).sum())
        if deleted:
            column.notes.append(
                f"CHECK: {deleted} rows are deleted in their system, and load like all others"
            )
    if column.inferred.misfits:
        column.notes.append(f"{column.inferred.misfits} of the sample's values do not fit")
    if column.type == "string" and not is_identifier_name(column.name):
        column.notes += _what_was_not_understood(column, values)
    if column.inferred.calendar is not None:
        column.notes.append(f"{CALENDAR_WORDS[column.inferred.calendar]}, and are read so")
    if column.inferred.ambiguous:
        column.notes.append("another date pattern fits too: check which")
    if column.type in {"date", "datetime"} and values.str.contains(YEARLESS).any():
        column.inferred = Inferred("string")
        column.notes = [NO_YEAR]


def _is_row_index(column: Column, values: pl.Series) -> bool:
    """Whether a column only counts the rows, as a data frame or a spreadsheet leaves one behind."""
    if ROW_INDEX_NAME.fullmatch(column.name.strip()) is None:
        return False
    numbers = values.str.strip_suffix(".0").cast(pl.Int64, strict=False)
    if numbers.is_empty() or numbers.null_count():
        return False
    return bool((numbers.diff().drop_nulls() == 1).all())


def _what_was_not_understood(column: Column, values: pl.Series) -> list[str]:
    """What to say of texts that by their name should be days or amounts."""
    if len(values) and values.str.contains(TIME_OF_DAY).all():
        return [
            "a time of day, which stays text; SQL of a custom domain table puts it to its day: "
            "day + time::TIME"
        ]
    plain_name = without_marks(column.name)
    have_digits = values.str.contains(r"\d").sum() * 2 > len(values)
    if column.lost_digits or not have_digits:
        return []
    if DAY_NAME.search(plain_name):
        return [
            "NOT UNDERSTOOD: looks like a day or moment; it stays text unless `format` names it"
        ]
    if MONEY_NAME.search(plain_name):
        return ["NOT UNDERSTOOD: looks like an amount; it stays text unless `number` describes it"]
    return []


def _counts_from_zero(column: Column, frame: pl.DataFrame) -> bool:
    return bool(present(frame[column.name]).head(1).is_in(["0", "0.0"]).any())


def _settle_decimal_commas(columns: list[Column], frame: pl.DataFrame) -> None:
    """Where one column shows decimal commas, points in another stand between thousands."""
    forms = [column.inferred.number for column in columns]
    if not any(form.has_commas for form in forms if form is not None):
        return
    for column in columns:
        values = present(frame[column.name])
        if column.inferred == Inferred("decimal", scale=column.inferred.scale):
            if are_groups_of_points(values):
                column.inferred = Inferred("integer", number=NumberForm(",", ".", 0))
        elif column.type == "integer" and _has_groups_of_commas(column):
            # `1,020` beside `12,50` is a fraction too.
            column.inferred = Inferred("decimal", scale=3, number=NumberForm(",", None, 3))


def _has_groups_of_commas(column: Column) -> bool:
    form = column.inferred.number
    return form is not None and form.thousands == ","


def _field_type(sample: Sample, name: str) -> Inferred:
    plain_name = without_marks(name)
    values = present(sample.frame[name])
    declared = sample.types.get(name)
    if declared is None:
        return _text_type(infer(values), plain_name, values)
    if declared == "float" and is_identifier_name(name) and are_whole(values):
        # A data frame keeps whole numbers as floats where one was missing.
        return Inferred("integer")
    date_format = _date_format(declared, plain_name, values)
    if date_format is not None and sample.format in {"json", "ndjson"}:
        return _numbered_date(date_format, values)
    return _declared_type(declared, plain_name, sample.scales.get(name))


def _text_type(inferred: Inferred, plain_name: str, values: pl.Series) -> Inferred:
    """The type of a column of texts, where its name does not ask for another."""
    if inferred.number is not None and inferred.number.thousands is None:
        # Days with a decimal comma are days too.
        values = values.str.replace(",", ".", literal=True)
    date_format = _date_format(inferred.type, plain_name, values)
    if date_format is not None:
        return _numbered_date(date_format, values)
    if MONEY_NAME.search(plain_name) and _are_in_groups_of_blanks(values):
        form = NumberForm(".", " ", 0)
        return Inferred("decimal", scale=MONEY_SCALE_OF_INTEGERS, number=form)
    is_all_digits = inferred.format in ALL_DIGITS
    if inferred.type not in NUMBERS and not is_all_digits:
        return inferred
    if is_identifier_name(plain_name):
        return Inferred("string")
    if inferred.type == "integer" and FLAG_NAME.search(CAMEL.sub("_", plain_name)):
        is_flag = inferred.number is None and bool(values.is_in(["0", "1"]).all())
        return Inferred("boolean") if is_flag else inferred
    is_money = MONEY_NAME.search(plain_name) and not COUNT_NAME.search(plain_name)
    if inferred.type == "integer" and is_money:
        return replace(inferred, type="decimal", scale=MONEY_SCALE_OF_INTEGERS)
    return inferred


def _are_in_groups_of_blanks(values: pl.Series) -> bool:
    """Whether values are whole numbers with blanks between thousands; their name has to say that
    these are amounts and no phone numbers."""
    has_blanks = values.str.contains(rf"\d{BLANKS}\d").any()
    return bool(has_blanks and values.str.contains(rf"^-?\d{{1,3}}({BLANKS}\d{{3}})*$").all())


def _date_format(type_: str, plain_name: str, values: pl.Series) -> str | None:
    """The `format` of numbers that are days or moments; an amount or a count is neither."""
    if type_ not in NUMBERS or is_identifier_name(plain_name):
        return None
    if MONEY_NAME.search(plain_name) or COUNT_NAME.search(plain_name):
        return None
    return date_of_numbers(plain_name, values)


def _numbered_date(date_format: str, values: pl.Series) -> Inferred:
    """A date where whole days are counted, else an instant."""
    has_fractions = values.str.contains(r"\.\d*[1-9]").any()
    is_date = date_format == "excel_serial" and not has_fractions
    return Inferred("date" if is_date else "datetime", format=date_format)


def _declared_type(declared: str, plain_name: str, scale: int | None) -> Inferred:
    """The type of a column of a self-describing file, where its name does not ask for another."""
    if declared == "float" and MONEY_NAME.search(plain_name):
        return Inferred("decimal", scale=MONEY_SCALE_OF_FLOATS)
    if declared == "integer" and is_identifier_name(plain_name):
        return Inferred("string")
    return Inferred(declared, scale=scale)


def _uniqueness(values: pl.Series) -> float:
    if values.is_empty() or values.null_count():
        return 0.0
    if (values.cast(pl.String).str.strip_chars() == "").any():
        return 0.0
    return values.n_unique() / len(values)


def _date_part(inferred: Inferred) -> str | None:
    return inferred.format.split(" ")[0] if inferred.format else None


def _settle_calendar(column: Column, values: pl.Series, country: str) -> None:
    """The calendar of days that several have, by the country."""
    if country == REPUBLIC and column.type in {"string", "integer"}:
        shape = REPUBLIC_DATE
        if DAY_NAME.search(without_marks(column.name)):
            shape += f"|{REPUBLIC_DATE_IN_DIGITS}"
        is_date = len(values) > 0 and bool(values.str.contains(shape).all())
        column.inferred = of_calendar(values, "roc") if is_date else column.inferred
        return
    possible = (column.inferred, *column.inferred.others)
    fitting = {inferred.calendar for inferred in possible}
    if fitting != {"persian", "islamic"}:
        return
    if not country:
        column.inferred = Inferred("string")
        column.notes.append(
            "NOT UNDERSTOOD: days of the Iranian calendar or the Islamic one; name the country in"
            " tenant.yaml, or write `type: date` with `calendar: persian` or `calendar: islamic`"
        )
        return
    own = "persian" if country in IRANIAN else "islamic"
    chosen = [replace(each, others=()) for each in possible if each.calendar == own]
    column.inferred = replace(chosen[0], others=tuple(chosen[1:]))


def _settle_dates(columns: list[Column], *, day_first: bool) -> None:
    """Where two patterns fit a column, the order of day and month in other columns decides, else
    `day_first`."""
    certain = {_date_part(c.inferred) for c in columns if not c.inferred.ambiguous} - {None}
    for column in columns:
        possible = (column.inferred, *column.inferred.others)
        fitting = [inferred for inferred in possible if _date_part(inferred) in certain]
        if len(fitting) == 1:
            column.inferred = fitting[0]
        elif day_first and column.inferred.ambiguous:
            by_day = [each for each in possible if (_date_part(each) or "").startswith("d")]
            if len(by_day) == 1:
                others = tuple(each for each in possible if each is not by_day[0])
                column.inferred = replace(by_day[0], others=others)


def _name_in_latin(column: Column) -> str:
    """What to call a column whose name is in another alphabet."""
    if column.tags:
        return column_for(column.tags[0])
    if is_customer_number_name(column.name):
        return "customer_number"
    plain_name = tidy_name(column.name)
    if plain_name.isdigit():
        return f"{NO_PLAIN_NAME}_{plain_name}"
    if plain_name != NO_PLAIN_NAME:
        return plain_name
    return "identifier" if is_identifier_name(column.name) else NO_PLAIN_NAME


def _name_outputs(columns: list[Column]) -> None:
    """Output names: that of the file where it can be one, else what is left of it in plain letters.

    What another alphabet has left over is named after its tag or what it is.
    """
    taken = {name.lower() for name in GENERATED}
    for column in columns:
        if OTHER_ALPHABET.search(without_marks(column.name)):
            stem = _name_in_latin(column)
        elif OUTPUT_NAME.fullmatch(column.name):
            stem = column.name
        else:
            stem = tidy_name(column.name)
        output, number = stem, 2
        while output.lower() in taken:
            output = f"{stem}_{number}"
            number += 1
        taken.add(output.lower())
        column.output = output

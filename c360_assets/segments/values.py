"""Operators and their values: which a column of a type knows, and the SQL of each.

A date may be absolute or relative to the date of the run (`180 days ago`). Of an instant only its
day counts, in the tenant's time zone, unless a time of day is given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from c360_assets.segments.conditions import AS_OF
from c360_assets.semantics.closest import closest
from c360_assets.warehouse.sql import quote_literal

ORDER = ("gt", "gte", "lt", "lte", "between", "between_inclusive")
EQUALITY = ("eq", "ne", "in", "not_in")
EMPTINESS = ("is_null", "is_not_null")
DATES = ("before", "after", "within")
OPERATORS = {
    "text": (*EQUALITY, "contains", "starts_with", "ends_with", *EMPTINESS),
    "number": (*EQUALITY, *ORDER, *EMPTINESS),
    "truth": ("eq", "ne", *EMPTINESS),
    "date": (*EQUALITY, *ORDER, *DATES, *EMPTINESS),
    "instant": (*EQUALITY, *ORDER, *DATES, *EMPTINESS),
    "other": EMPTINESS,
}
ALL_OPERATORS = tuple(dict.fromkeys([*EQUALITY, *ORDER, *DATES, *OPERATORS["text"]]))
NUMBER_TYPES = re.compile(
    r"(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|UHUGEINT"
    r"|FLOAT|DOUBLE|DECIMAL(\(.*\))?)"
)
RELATIVE = re.compile(r"(\d{1,5}) *(day|week|month|year)s? +(ago|from now)", re.IGNORECASE)
SPAN = re.compile(r"(\d{1,5}) *(d|w|day|week|month|year)s?", re.IGNORECASE)
COMPARED = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
DATE_EXAMPLE = "such as 2026-01-31, today or 180 days ago"
LONGEST_SPAN_YEARS = 200
LARGEST_WHOLE = 2**63


class ValueProblemError(Exception):
    """A value that an operator cannot take."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def kind_of(type_: str) -> str:
    """The kind of a column by its DuckDB type: a key of `OPERATORS`."""
    upper = type_.upper()
    if upper.startswith("VARCHAR") or upper in ("UUID", "TEXT") or upper.startswith("ENUM"):
        return "text"
    if NUMBER_TYPES.fullmatch(upper):
        return "number"
    if upper == "BOOLEAN":
        return "truth"
    if upper == "DATE":
        return "date"
    return "instant" if upper.startswith("TIMESTAMP") else "other"


def check_operator(operator: str, kind: str, column: str) -> None:
    """Raises ValueProblemError where a column of the kind does not know the operator."""
    allowed = OPERATORS[kind]
    if operator in allowed:
        return
    if operator in ALL_OPERATORS:
        message = f"{column} is a {kind}, which knows no {operator}"
        raise ValueProblemError(message, f"it knows {', '.join(allowed)}")
    nearest = closest(operator, allowed)
    remedy = f"did you mean {nearest}?" if nearest else f"allowed: {', '.join(allowed)}"
    raise ValueProblemError(f"there is no operator {operator}", remedy)


@dataclass(frozen=True)
class Operand:
    """A value in SQL, and what it is compared by where conditions are held against one another.

    `scale` tells values apart that cannot be compared before the run: dates, and days before it.
    """

    sql: str
    scale: str
    order: Any
    is_time: bool = False


def operand(value: Any, kind: str) -> Operand:
    """The value of a column of `kind`. Raises ValueProblemError for one of another kind."""
    if isinstance(value, list | dict) or value is None:
        raise ValueProblemError("must be one value", _example(kind))
    return _READERS[kind](value)


def _example(kind: str) -> str | None:
    examples = {"date": DATE_EXAMPLE, "instant": DATE_EXAMPLE, "number": "such as 300"}
    return examples.get(kind)


def _text(value: Any) -> Operand:
    if isinstance(value, bool | float | date | datetime):
        message = "is compared with a text: YAML reads this as no text"
        raise ValueProblemError(message, "put it in quotes")
    return Operand(f"{quote_literal(str(value))}", "text", str(value))


def _number(value: Any) -> Operand:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueProblemError("must be a number", "such as 300, without quotes")
    if isinstance(value, int) and abs(value) >= LARGEST_WHOLE:
        raise ValueProblemError("is larger than any whole number of a table")
    if not math.isfinite(value):
        raise ValueProblemError("must be a number that is finite")
    # A float in Python's shortest form is what was written, and DuckDB reads it as a decimal.
    return Operand(_plain_number(value), "number", value)


def _plain_number(value: float) -> str:
    text = repr(value)
    return f"CAST({quote_literal(text)} AS DOUBLE)" if "e" in text else text


def _truth(value: Any) -> Operand:
    if not isinstance(value, bool):
        raise ValueProblemError("must be true or false")
    return Operand("TRUE" if value else "FALSE", "truth", value)


def _date(value: Any) -> Operand:
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ")
        return Operand(f"TIMESTAMPTZ {quote_literal(text)}", "time", text, is_time=True)
    if isinstance(value, date):
        return Operand(f"DATE '{value.isoformat()}'", "date", value)
    if not isinstance(value, str):
        raise ValueProblemError("must be a date", DATE_EXAMPLE)
    return _date_of_text(value.strip())


def _date_of_text(text: str) -> Operand:
    days_from_run = {"today": 0, "yesterday": -1, "tomorrow": 1}
    if text.lower() in days_from_run:
        return _days_from_run(days_from_run[text.lower()], "day")
    match = RELATIVE.fullmatch(text)
    if match is not None:
        count = _count(match[1], match[2])
        return _days_from_run(-count if match[3].lower() == "ago" else count, match[2].lower())
    try:
        return _date(date.fromisoformat(text))
    except ValueError:
        pass
    try:
        return _date(datetime.fromisoformat(text))
    except ValueError:
        raise ValueProblemError("is no date", DATE_EXAMPLE) from None


def _count(digits: str, unit: str) -> int:
    """How many units a span has; dates that the calendar does not reach are refused."""
    count = int(digits)
    per_year = {"d": 366, "w": 53, "m": 12, "y": 1}[unit[0].lower()]
    if count > LONGEST_SPAN_YEARS * per_year:
        raise ValueProblemError(f"is more than {LONGEST_SPAN_YEARS} years")
    return count


def _days_from_run(count: int, unit: str) -> Operand:
    days = count * {"day": 1, "week": 7, "month": 30.5, "year": 366}[unit]
    if count == 0:
        return Operand(AS_OF, "days from the run", days)
    sign = "-" if count < 0 else "+"
    sql = f"CAST({AS_OF} {sign} INTERVAL {abs(count)} {unit.upper()} AS DATE)"
    return Operand(sql, "days from the run", days)


_READERS: dict[str, Callable[[Any], Operand]] = {
    "text": _text,
    "number": _number,
    "truth": _truth,
    "date": _date,
    "instant": _date,
}


def within_sql(column_sql: str, kind: str, value: Any) -> str:
    """The test whether a day lies in the span before the run, both ends counted.

    A moment is compared with the beginnings of days: to ask each for its day takes longer than all
    the rest.
    """
    match = SPAN.fullmatch(str(value).strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueProblemError("must be a span of time", "such as 90 days, 6 months or 2 years")
    letter = match[2][0].lower()
    unit = {"d": "DAY", "w": "WEEK", "m": "MONTH", "y": "YEAR"}[letter]
    count = _count(match[1], letter)
    first = f"CAST({AS_OF} - INTERVAL {count} {unit} AS DATE)"
    if kind == "instant":
        return f"{column_sql} >= {first} AND {column_sql} < CAST({AS_OF} + INTERVAL 1 DAY AS DATE)"
    return f"{column_sql} >= {first} AND {column_sql} <= {AS_OF}"


def test_sql(column_sql: str, kind: str, operator: str, value: Any) -> str:
    """The SQL of one operator on a column. Raises ValueProblemError for a value that does not fit.

    A missing value fits `is_null` only.
    """
    if operator in EMPTINESS:
        if value is not True:
            other = "is_not_null" if operator == "is_null" else "is_null"
            raise ValueProblemError("must be true", f"for the opposite write {other}: true")
        return f"{column_sql} IS {'NOT ' if operator == 'is_not_null' else ''}NULL"
    if operator == "within":
        return within_sql(column_sql, kind, value)
    if operator in ("contains", "starts_with", "ends_with"):
        return f"{operator}({column_sql}, {_part_of_text(value)})"
    if operator in ("in", "not_in"):
        return _list_sql(column_sql, kind, operator, value)
    if operator in ("between", "between_inclusive"):
        return _between_sql(column_sql, kind, operator, value)
    single = operand(value, kind)
    sign = {"before": "<", "after": ">"}.get(operator) or COMPARED[operator]
    return f"{_compared(column_sql, kind, [single])} {sign} {single.sql}"


def _day(column_sql: str, kind: str) -> str:
    return f"CAST({column_sql} AS DATE)" if kind == "instant" else column_sql


def _compared(column_sql: str, kind: str, operands: list[Operand]) -> str:
    """The column as it is compared: an instant by its day, unless a time of day is given."""
    has_time = any(value.is_time for value in operands)
    if has_time and kind == "date":
        raise ValueProblemError("has a time of day, but the column is a date", DATE_EXAMPLE)
    return column_sql if has_time else _day(column_sql, kind)


def _part_of_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueProblemError("must be a text that is not empty")
    return quote_literal(value)


def _list_sql(column_sql: str, kind: str, operator: str, value: Any) -> str:
    if not isinstance(value, list) or not value:
        raise ValueProblemError("must be a list that is not empty", "such as [a, b]")
    operands = [operand(item, kind) for item in value]
    values_sql = ", ".join(item.sql for item in operands)
    negated = "NOT " if operator == "not_in" else ""
    return f"{_compared(column_sql, kind, operands)} {negated}IN ({values_sql})"


def bounds(value: Any, kind: str) -> tuple[Operand, Operand]:
    """The two ends of `between`. Raises ValueProblemError where they are no two ends in order."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueProblemError("must be a list of two values", "such as [100, 300]")
    low, high = (operand(item, kind) for item in value)
    if low.scale == high.scale and low.order > high.order:
        raise ValueProblemError(
            "can never hold: the first end is after the second", "exchange them"
        )
    return low, high


def _between_sql(column_sql: str, kind: str, operator: str, value: Any) -> str:
    low, high = bounds(value, kind)
    compared = _compared(column_sql, kind, [low, high])
    if operator == "between_inclusive":
        return f"{compared} >= {low.sql} AND {compared} <= {high.sql}"
    if low.scale == high.scale and low.order == high.order:
        message = "can never hold: between excludes both ends"
        raise ValueProblemError(message, "write between_inclusive")
    return f"{compared} > {low.sql} AND {compared} < {high.sql}"

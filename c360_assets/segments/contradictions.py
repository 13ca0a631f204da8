"""Conditions that can never hold together: of one column, among those that must all hold.

Only values that can be compared before the run are held against one another. Nothing is said of
tables with several rows a person, of which each condition may mean another row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from c360_assets.segments.schema import Column, Schema, UnknownColumnError
from c360_assets.segments.values import Operand, ValueProblemError, bounds, kind_of, operand
from c360_assets.tenant.document import KeyPath

LOWER = {"gt": False, "gte": True, "after": False}
UPPER = {"lt": False, "lte": True, "before": False}


@dataclass
class _Range:
    """What the conditions on one column leave, of values of one scale."""

    low: Any = None
    low_counts: bool = True
    high: Any = None
    high_counts: bool = True
    allowed: set[Any] | None = None

    def at_least(self, value: Any, counts: bool) -> None:
        if self.low is None or (value, not counts) > (self.low, not self.low_counts):
            self.low = value
            self.low_counts = counts

    def at_most(self, value: Any, counts: bool) -> None:
        if self.high is None or (value, counts) < (self.high, self.high_counts):
            self.high = value
            self.high_counts = counts

    def one_of(self, values: set[Any]) -> None:
        self.allowed = values if self.allowed is None else self.allowed & values

    def is_empty(self) -> bool:
        if self.low is not None and self.high is not None:
            if self.low > self.high:
                return True
            if self.low == self.high and not (self.low_counts and self.high_counts):
                return True
        if self.allowed is None:
            return False
        return not any(self._holds(value) for value in self.allowed)

    def _holds(self, value: Any) -> bool:
        above = self.low is None or value > self.low or (value == self.low and self.low_counts)
        below = self.high is None or value < self.high or (value == self.high and self.high_counts)
        return above and below


@dataclass
class _Column:
    ranges: dict[str, _Range] = field(default_factory=dict)
    emptiness: set[bool] = field(default_factory=set)  # whether a value must be missing


def contradictions(items: Sequence[Any], schema: Schema) -> Iterator[tuple[KeyPath, str]]:
    """Place and message of each condition with which nobody is left."""
    columns: dict[Column, _Column] = {}
    reported: set[Column] = set()
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        for key, value in item.items():
            column = _person_column(str(key), schema)
            if column is None or column in reported:
                continue
            left = columns.setdefault(column, _Column())
            tests = value if isinstance(value, dict) else {"eq": value}
            for operator, wanted in tests.items():
                _narrow(left, kind_of(column.type), operator, wanted)
            if _nobody_is_left(left):
                reported.add(column)
                message = f"can never hold: no {column.name} fits all that include asks of it"
                yield ("include", place, key), message


def _person_column(name: str, schema: Schema) -> Column | None:
    try:
        column = schema.column(name)
    except UnknownColumnError:
        return None
    return column if column.is_per_person else None


def _narrow(left: _Column, kind: str, operator: str, value: Any) -> None:
    if operator in ("is_null", "is_not_null"):
        left.emptiness.add(operator == "is_null")
        return
    left.emptiness.add(False)
    try:
        _narrow_range(left, kind, operator, value)
    except ValueProblemError:
        return


def _narrow_range(left: _Column, kind: str, operator: str, value: Any) -> None:
    if operator in ("between", "between_inclusive"):
        low, high = bounds(value, kind)
        counts = operator == "between_inclusive"
        _range(left, low).at_least(low.order, counts)
        _range(left, high).at_most(high.order, counts)
    elif operator in LOWER:
        end = operand(value, kind)
        _range(left, end).at_least(end.order, LOWER[operator])
    elif operator in UPPER:
        end = operand(value, kind)
        _range(left, end).at_most(end.order, UPPER[operator])
    elif operator in ("eq", "in"):
        values = [operand(item, kind) for item in (value if isinstance(value, list) else [value])]
        if len({one.scale for one in values}) == 1:
            _range(left, values[0]).one_of({one.order for one in values})


def _range(left: _Column, value: Operand) -> _Range:
    return left.ranges.setdefault(value.scale, _Range())


def _nobody_is_left(left: _Column) -> bool:
    return len(left.emptiness) == 2 or any(span.is_empty() for span in left.ranges.values())

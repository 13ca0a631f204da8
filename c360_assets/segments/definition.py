"""Reads a segment's conditions from its YAML: every name and value against the columns of its
database, every problem with its place.

Which operators a column knows is `values`; what people did is `behaviours`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from c360_assets.segments.behaviours import (
    BEHAVIOURS,
    BehaviourProblemError,
    behaviour_test,
)
from c360_assets.segments.conditions import (
    AllOf,
    AnyOf,
    Condition,
    ListTest,
    Not,
    SegmentTest,
    SqlTest,
    TableTest,
)
from c360_assets.segments.contradictions import contradictions
from c360_assets.segments.schema import Column, Schema, UnknownColumnError
from c360_assets.segments.values import (
    EMPTINESS,
    OPERATORS,
    ValueProblemError,
    check_operator,
    kind_of,
    test_sql,
)
from c360_assets.semantics.closest import closest
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.segments import SegmentConfig
from c360_assets.warehouse.sql import quote_ident

GROUPS = ("all", "any", "not")
WORDS = ("segment", "list", *BEHAVIOURS, *GROUPS)


@dataclass(frozen=True)
class Finding:
    """What is wrong with a definition, and where in its file."""

    path: KeyPath
    message: str
    remedy: str | None = None
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class Definition:
    """A segment as declared and understood. `digest_text` is all that decides who is in it."""

    name: str
    config: SegmentConfig
    condition: Condition

    @property
    def digest_text(self) -> str:
        outer = {"include": self.config.include, "exclude": self.config.exclude}
        return json.dumps(outer, default=str, sort_keys=True)


@dataclass
class _Reader:
    """Reads conditions and collects what is wrong with them."""

    schema: Schema
    findings: list[Finding] = field(default_factory=list)

    def error(self, path: KeyPath, message: str, remedy: str | None = None) -> None:
        self.findings.append(Finding(path, message, remedy))

    def items(self, items: Iterable[Any], path: KeyPath) -> list[Condition]:
        return [self.item(item, (*path, place)) for place, item in enumerate(items)]

    def item(self, item: Any, path: KeyPath) -> Condition:
        """One item of a list: a mapping, all of whose keys must hold, or a list, one of which."""
        if isinstance(item, list):
            if not item:
                self.error(path, "is empty: nobody fits one of no conditions", "remove it")
            return AnyOf(tuple(self.items(item, path)))
        if not isinstance(item, dict) or not item:
            message = "must be a condition, such as lifetime_order_revenue: {gt: 300}"
            self.error(path, message)
            return AllOf(())
        parts = [self.condition(str(key), value, (*path, key)) for key, value in item.items()]
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def condition(self, key: str, value: Any, path: KeyPath) -> Condition:
        if key in ("segment", "list"):
            return self.reference(key, value, path)
        if key in BEHAVIOURS:
            return self.behaviour(key, value, path)
        if key in GROUPS:
            return self.group(key, value, path)
        return self.column_tests(key, value, path)

    def reference(self, key: str, value: Any, path: KeyPath) -> Condition:
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) and name.strip() for name in names):
            example = "complaint_open" if key == "segment" else "lists/hand_picked.csv"
            self.error(path, "must be a name or a list of names", f"such as {key}: {example}")
            return AllOf(())
        kind = SegmentTest if key == "segment" else ListTest
        parts = [kind(name.strip()) for name in names]
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def behaviour(self, key: str, value: Any, path: KeyPath) -> Condition:
        if value is not True and not isinstance(value, dict):
            remedy = f"such as {key}: {{within: 90 days, at_least: 2}}, or {key}: true"
            self.error(path, "must be a mapping, or true", remedy)
            return AllOf(())
        try:
            return behaviour_test(key, {} if value is True else value, self.schema)
        except BehaviourProblemError as problem:
            self.error((*path, *problem.path), problem.message, problem.remedy)
            return AllOf(())

    def group(self, key: str, value: Any, path: KeyPath) -> Condition:
        if key == "not":
            return Not(self.item(value, path))
        if not isinstance(value, list) or not value:
            self.error(path, "must be a list of conditions that is not empty")
            return AllOf(())
        parts = tuple(self.items(value, path))
        return AllOf(parts) if key == "all" else AnyOf(parts)

    def column_tests(self, key: str, value: Any, path: KeyPath) -> Condition:
        try:
            column = self.schema.column(key)
        except UnknownColumnError as problem:
            self.error(path, problem.message, problem.remedy or self.other_word(key))
            return AllOf(())
        tests: list[TableTest] = []
        for operator, operand, place in _operators(value, path):
            try:
                tests.append(_column_test(column, operator, operand))
            except ValueProblemError as problem:
                self.error(place, problem.message, problem.remedy)
        if not column.is_per_person:
            tests = _aggregated(tests)
        return tests[0] if len(tests) == 1 else AllOf(tuple(tests))

    def other_word(self, key: str) -> str | None:
        nearest = closest(key, WORDS)
        return f"did you mean {nearest}?" if nearest else None


def _operators(value: Any, path: KeyPath) -> list[tuple[str, Any, KeyPath]]:
    """Operator, operand and place of each test: a bare value means `eq`, a list `in`."""
    if isinstance(value, dict):
        return [(str(name), operand, (*path, name)) for name, operand in value.items()]
    return [("in" if isinstance(value, list) else "eq", value, path)]


def _column_test(column: Column, operator: str, value: Any) -> TableTest:
    kind = kind_of(column.type)
    if value is None and operator == "eq":
        raise ValueProblemError("has no value", "write is_null: true, or a value")
    if kind == "other" and operator not in OPERATORS["other"]:
        message = f"{column.name} is {column.type}, of which only {' and '.join(EMPTINESS)} ask"
        raise ValueProblemError(message)
    check_operator(operator, kind, column.name)
    column_sql = f"{quote_ident(column.table)}.{quote_ident(column.name)}"
    sql = test_sql(column_sql, kind, operator, value)
    text = _text(column, operator, value)
    if operator == "is_null" and not column.is_per_person:
        # Nobody has a row without this: a person without rows has no value either.
        aggregate = f"bool_or({column_sql} IS NOT NULL)"
        return TableTest(column.table, aggregate, text, "NOT COALESCE({}, FALSE)", True)
    return TableTest(column.table, sql, text)


def _aggregated(tests: Sequence[TableTest]) -> list[TableTest]:
    """The tests of one condition on a table of several rows a person: one row must fit all that are
    asked of a row."""
    of_all_rows = [test for test in tests if test.is_aggregate]
    of_a_row = [test for test in tests if not test.is_aggregate]
    if not of_a_row:
        return of_all_rows
    sql = " AND ".join(test.sql for test in of_a_row)
    text = " and ".join(test.text for test in of_a_row)
    return [*of_all_rows, TableTest(of_a_row[0].table, f"bool_or({sql})", text, is_aggregate=True)]


def _text(column: Column, operator: str, value: Any) -> str:
    name = column.name
    if column.table not in ("customer_360", "customer_attributes"):
        name = f"{column.table}.{column.name}"
    return f"{name} {operator.replace('_', ' ')} {value}"


def read_definition(
    name: str, config: SegmentConfig, schema: Schema, *, has_sql: bool = False
) -> tuple[Definition, list[Finding]]:
    """The conditions of a segment and what is wrong with them; those that are wrong are left out.

    `has_sql`: a SQL file selects the people, to whom the conditions are then applied.
    """
    reader = _Reader(schema)
    included = reader.items(config.include, ("include",))
    excluded = reader.items(config.exclude, ("exclude",))
    if has_sql:
        included.insert(0, SqlTest(name))
    if not included and not excluded:
        message = "has neither include nor exclude nor a SQL file beside it: nobody says who is in"
        reader.error((), message, f"write include, or one SELECT in segments/{name}.sql")
    parts: Sequence[Condition] = included
    if excluded:
        parts = [*included, Not(AnyOf(tuple(excluded)))]
    condition = parts[0] if len(parts) == 1 else AllOf(tuple(parts))
    if not reader.findings:
        for path, message in contradictions(config.include, schema):
            reader.error(path, message)
        reader.findings += _excluded_again(config)
    return Definition(name, config, condition), reader.findings


def _excluded_again(config: SegmentConfig) -> list[Finding]:
    """Conditions that are asked for and excluded: nobody fits."""
    asked_for = [item for item in config.include if isinstance(item, Mapping)]
    message = "can never hold: include asks for the same"
    return [
        Finding(("exclude", place), message, "remove one of the two")
        for place, item in enumerate(config.exclude)
        if item in asked_for
    ]

"""Turns the conditions of segments into SQL: one SELECT over the people of a database, however many
segments there are.

Each table is joined once: one of persons as it is, one of events summed up by person. A condition
that several segments ask is one column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from c360_assets.errors import C360Error
from c360_assets.segments.conditions import (
    AS_OF,
    AllOf,
    AnyOf,
    Condition,
    Leaf,
    ListTest,
    Not,
    SegmentTest,
    SqlTest,
    TableTest,
    tests,
)
from c360_assets.segments.definition import Definition
from c360_assets.segments.schema import PEOPLE, PERSON
from c360_assets.warehouse.sql import quote_ident

RUN_DATE = "(SELECT as_of FROM run_context)"
# A file or a SQL file -> the FROM item with the people of it.
Source = Callable[[ListTest | SqlTest], str]


def condition_column(number: int) -> str:
    """The column of a condition; no segment can have its name."""
    return f"_c{number}"


@dataclass(frozen=True)
class Compiled:
    """`conditions` is the SELECT of every person with a column `_c0`, `_c1`, … for each of the
    `leaves`; `expressions` are the segments over those columns and over segments that come before.
    """

    conditions: str
    leaves: tuple[Leaf, ...]
    expressions: Mapping[str, str]

    def wide(self) -> str:
        """One row per person: the conditions, and a column for each segment, by its name quoted."""
        segments = [f"{sql} AS {quote_ident(name)}" for name, sql in self.expressions.items()]
        shown = ",\n  ".join([f"{column} AS {column}" for column in self._columns()] + segments)
        return (
            f"WITH conditions AS (\n{self.conditions}\n)\n"
            f"SELECT\n  {PERSON},\n  {shown}\nFROM conditions"
        )

    def expression(self, condition: Condition) -> str:
        """SQL of a condition of one of the segments, over a row of `wide`."""
        columns = {leaf: condition_column(number) for number, leaf in enumerate(self.leaves)}
        return _expression(condition, columns)

    def _columns(self) -> list[str]:
        return [condition_column(number) for number in range(len(self.leaves))]

    def people_of(self, name: str) -> str:
        """The SELECT of a segment's people, which runs as it stands."""
        notes = "".join(
            f"-- {condition_column(number)}: {_one_line(leaf.text)}\n"
            for number, leaf in enumerate(self.leaves)
        )
        inner = [
            f"    {sql} AS {quote_ident(other)}"
            for other, sql in self.expressions.items()
            if other != name
        ]
        if not inner:
            return (
                f"{notes}WITH conditions AS (\n{self.conditions}\n)\n"
                f"SELECT {PERSON}\nFROM conditions\nWHERE {self.expressions[name]}"
            )
        segments = ",\n".join(["    *", *inner])
        return (
            f"{notes}WITH conditions AS (\n{self.conditions}\n),\nsegments AS (\n"
            f"  SELECT\n{segments}\n  FROM conditions\n)\n"
            f"SELECT {PERSON}\nFROM segments\nWHERE {self.expressions[name]}"
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def in_order(definitions: Mapping[str, Definition]) -> list[Definition]:
    """The definitions, each after the segments that it names. Raises C360Error for a circle."""
    reads = {
        name: sorted(_segments_of(definition.condition) & definitions.keys())
        for name, definition in sorted(definitions.items())
    }
    try:
        return [definitions[name] for name in TopologicalSorter(reads).static_order()]
    except CycleError as error:
        raise C360Error(f"segments name one another: {' -> '.join(error.args[1])}") from None


def _segments_of(condition: Condition) -> set[str]:
    return {test.name for test in tests(condition) if isinstance(test, SegmentTest)}


def with_referenced(names: Iterable[str], definitions: Mapping[str, Definition]) -> list[str]:
    """The names and those of all segments that they are made of."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in definitions:
            found[name] = None
            waiting += _segments_of(definitions[name].condition)
    return list(found)


def compile_segments(definitions: Sequence[Definition], source: Source) -> Compiled:
    """The definitions in order of reading as SQL; `source` says where lists and SQL files are."""
    leaves = _distinct_leaves(definitions)
    columns = {leaf: condition_column(number) for number, leaf in enumerate(leaves)}
    expressions = {
        definition.name: _expression(definition.condition, columns) for definition in definitions
    }
    conditions = _conditions_sql(leaves, source).replace(AS_OF, RUN_DATE)
    return Compiled(conditions, tuple(leaves), expressions)


def _distinct_leaves(definitions: Iterable[Definition]) -> list[Leaf]:
    leaves: dict[Leaf, None] = {}
    for definition in definitions:
        for test in tests(definition.condition):
            if not isinstance(test, SegmentTest):
                leaves[test] = None
    return list(leaves)


def _expression(condition: Condition, columns: Mapping[Leaf, str]) -> str:
    if isinstance(condition, AllOf):
        return _joined("AND", condition.parts, columns, "TRUE")
    if isinstance(condition, AnyOf):
        return _joined("OR", condition.parts, columns, "FALSE")
    if isinstance(condition, Not):
        return f"NOT {_expression(condition.part, columns)}"
    if isinstance(condition, SegmentTest):
        return quote_ident(condition.name)
    return columns[condition]


def _joined(
    word: str, parts: Sequence[Condition], columns: Mapping[Leaf, str], of_none: str
) -> str:
    if not parts:
        return of_none
    inner = f" {word} ".join(_expression(part, columns) for part in parts)
    return inner if len(parts) == 1 else f"({inner})"


def _conditions_sql(leaves: Sequence[Leaf], source: Source) -> str:
    people = quote_ident(PEOPLE)
    joins: list[str] = []
    tables = dict.fromkeys(leaf.table for leaf in leaves if isinstance(leaf, TableTest))
    aggregated = {
        table: [
            leaf
            for leaf in leaves
            if isinstance(leaf, TableTest) and leaf.table == table and leaf.is_aggregate
        ]
        for table in tables
    }
    for table, aggregates in aggregated.items():
        if table.lower() == PEOPLE:
            continue
        joins.append(
            _join(_summed_up(table, aggregates) if aggregates else quote_ident(table), table)
        )
    selected = [f"{people}.{PERSON}"]
    for number, leaf in enumerate(leaves):
        if isinstance(leaf, TableTest):
            test = leaf.sql
            if leaf.is_aggregate:
                place = aggregated[leaf.table].index(leaf)
                test = leaf.outcome.replace("{}", f"{quote_ident(leaf.table)}.a{place}")
        else:
            test = f"l{number}.{PERSON} IS NOT NULL"
            joins.append(
                f"LEFT JOIN (SELECT DISTINCT {PERSON} FROM {source(leaf)}) AS l{number}\n"
                f"    ON l{number}.{PERSON} = {people}.{PERSON}"
            )
        selected.append(f"COALESCE({test}, FALSE) AS {condition_column(number)}")
    columns_sql = ",\n    ".join(selected)
    joins_sql = "".join(f"\n  {join}" for join in joins)
    return f"  SELECT\n    {columns_sql}\n  FROM {people}{joins_sql}"


def _join(source: str, table: str) -> str:
    alias = quote_ident(table)
    named = source if source == alias else f"{source} AS {alias}"
    return f"LEFT JOIN {named}\n    ON {alias}.{PERSON} = {quote_ident(PEOPLE)}.{PERSON}"


def _summed_up(table: str, aggregates: Sequence[TableTest]) -> str:
    """A table of several rows a person as one row each, with the aggregates as a0, a1, …"""
    name = quote_ident(table)
    columns = ", ".join(f"{leaf.sql} AS a{place}" for place, leaf in enumerate(aggregates))
    return (
        f"(\n    SELECT {PERSON}, {columns}\n    FROM {name}\n"
        f"    WHERE {PERSON} IS NOT NULL\n    GROUP BY {PERSON}\n  )"
    )

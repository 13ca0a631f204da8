"""What a segment's conditions are once they are understood: a tree over tests of tables.

Reading them from YAML is `definition`; turning the tree into one SELECT is `compile`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from c360_assets.warehouse.sql import quote_ident

# Stands in a test for the date of the run.
AS_OF = "{as_of}"


@dataclass(frozen=True)
class TableTest:
    """A test of a person by the rows of one table.

    `sql` is an expression over a row; of a table with several rows a person it is an aggregate over
    them, and `outcome` the test of its value, which it names `{}`. `text` is for people.
    """

    table: str
    sql: str
    text: str
    outcome: str = "{}"
    is_aggregate: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns of the table that are looked at."""
        table = re.escape(quote_ident(self.table))
        found = re.findall(rf'{table}\.(?:"([^"]+)"|(\w+))', self.sql)
        return sorted({quoted or plain for quoted, plain in found})


@dataclass(frozen=True)
class ListTest:
    """Whether a person stands in a file of the tenant: `file` is relative to its folder."""

    file: str

    @property
    def text(self) -> str:
        return f"in {self.file}"


@dataclass(frozen=True)
class SqlTest:
    """Whether a person is selected by the SQL file of the segment `name`."""

    name: str

    @property
    def text(self) -> str:
        return f"selected by segments/{self.name}.sql"


@dataclass(frozen=True)
class SegmentTest:
    """Whether a person is in the segment `name` of the same database."""

    name: str

    @property
    def text(self) -> str:
        return f"in segment {self.name}"


@dataclass(frozen=True)
class AllOf:
    """Every part holds; of no parts that is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """One of the parts holds; of no parts that is false."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    part: Condition


Leaf: TypeAlias = TableTest | ListTest | SqlTest
Condition: TypeAlias = Leaf | SegmentTest | AllOf | AnyOf | Not


def conjuncts(condition: Condition) -> list[Condition]:
    """The parts of a tree that must all hold; of several that are excluded, each."""
    if isinstance(condition, AllOf):
        return [part for one in condition.parts for part in conjuncts(one)]
    if isinstance(condition, Not) and isinstance(condition.part, AnyOf):
        return [Not(part) for part in condition.part.parts]
    return [condition]


def text_of(condition: Condition) -> str:
    """A tree for people, on one line."""
    if isinstance(condition, AllOf):
        return "(" + " and ".join(map(text_of, condition.parts)) + ")"
    if isinstance(condition, AnyOf):
        return "(" + " or ".join(map(text_of, condition.parts)) + ")"
    if isinstance(condition, Not):
        return f"not {text_of(condition.part)}"
    return condition.text


def tests(condition: Condition) -> Iterator[Leaf | SegmentTest]:
    """The tests of a tree from left to right, repeated ones too."""
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from tests(part)
    elif isinstance(condition, Not):
        yield from tests(condition.part)
    else:
        yield condition

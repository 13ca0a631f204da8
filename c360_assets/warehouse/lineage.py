"""What a SELECT's columns are computed from, which columns it reads, and in which order tables that
read one another are built.

All follow from the text alone. What a table's name means, and what is done about a circle, belongs
to the stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from c360_assets.warehouse.kept_answers import kept_answer

if TYPE_CHECKING:
    from c360_assets.warehouse.column_tracing import Tables


class CircleError(Exception):
    """Tables that read one another in a circle; `path` begins and ends with the same one."""

    def __init__(self, path: list[str]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


def reading_order(reads: Mapping[str, Iterable[str]]) -> list[str]:
    """The tables of `reads` (table -> those it reads), each after those; by name where that leaves
    a choice.

    What is read and is no key of `reads` is there already. Raises CircleError.
    """
    known = {table: sorted(set(read) & reads.keys()) for table, read in sorted(reads.items())}
    sorter = TopologicalSorter(known)
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise CircleError([str(table) for table in error.args[1]]) from None


def column_origins(
    select: str,
    schemas: Mapping[str, Mapping[str, str]],
    views: Mapping[str, str] | None = None,
) -> dict[str, list[tuple[str, str]]]:
    """Column of the result -> the (table as the SELECT calls it, in lower case; column) pairs it is
    computed from, sorted.

    `schemas`: table -> column -> type; `views`: name -> the SELECT that it stands for. A constant
    has an empty list. A column is missing when it reads what cannot be traced: a whole row,
    `COLUMNS`, a pivot.
    """
    asked = (select, _hashable(schemas), tuple((views or {}).items()))

    def trace() -> object:
        from c360_assets.warehouse.column_tracing import traced

        return traced(*asked)

    origins = kept_answer("origins", asked, trace)
    return {column: [(table, name) for table, name in pairs] for column, pairs in origins.items()}


def row_expressions(
    select: str, schemas: Mapping[str, Mapping[str, str]], views: Mapping[str, str]
) -> dict[str, list[tuple[str, str]]]:
    """Column of the result -> (table in lower case, SQL over that table's columns alone) of each
    way in which it is computed from one row of one table; as `column_origins` else.

    A column is missing where it needs several rows or tables, a subquery, or cannot be traced.
    """
    asked = (select, _hashable(schemas), tuple(views.items()))

    def trace() -> object:
        from c360_assets.warehouse.column_tracing import row_traced

        return row_traced(*asked)

    expressions = kept_answer("row_expressions", asked, trace)
    return {column: [(table, sql) for table, sql in ways] for column, ways in expressions.items()}


def columns_read(
    select: str, schemas: Mapping[str, Mapping[str, str]]
) -> dict[str, list[str]] | None:
    """Of each table of `schemas` (table -> column -> type) the columns that may decide the result,
    in their order; None where that cannot be told.

    A column counts where its name stands anywhere in the SELECT, whatever it means there, once
    each `*` is spelled out. What reads columns without their names is not told: a whole row,
    a place (`#1`), `COLUMNS`, a pivot, a natural join.
    """
    asked = (select, _hashable(schemas))

    def look() -> object:
        from c360_assets.warehouse.column_tracing import names_read

        return names_read(*asked)

    names = kept_answer("names", asked, look)
    if names is None:
        return None
    found = frozenset(names)
    return {
        table: [column for column in columns if column.lower() in found]
        for table, columns in schemas.items()
    }


def _hashable(schemas: Mapping[str, Mapping[str, str]]) -> Tables:
    return tuple((table, tuple(columns.items())) for table, columns in schemas.items())

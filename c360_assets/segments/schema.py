"""The tables of a database that a segment may ask: those that say which person a row belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from c360_assets.customer_360.tables.build import ONE_ROW_PER_PERSON
from c360_assets.semantics.closest import closest

PEOPLE = "customer_360"
# Tables whose columns need no table's name before them, the first that has one counts.
PLAIN_TABLES = (PEOPLE, "customer_attributes")
PERSON = "amperity_id"


class Column(NamedTuple):
    """A column as its table spells it."""

    table: str
    name: str
    type: str

    @property
    def is_per_person(self) -> bool:
        """Whether a person has at most one row in the column's table."""
        return self.table.lower() in ONE_ROW_PER_PERSON


class UnknownColumnError(Exception):
    """A name that is no column a segment may ask for."""

    def __init__(self, message: str, remedy: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Schema:
    """Table -> column -> type of the tables of one database; names are compared without case.

    `order_key` are the columns that tell orders apart.
    """

    database: str
    tables: Mapping[str, Mapping[str, str]]
    order_key: Sequence[str]

    def table(self, name: str) -> str | None:
        """The name as the database spells it, of a table whose rows belong to persons."""
        for table, columns in self.tables.items():
            if table.lower() == name.lower():
                has_person = any(column.lower() == PERSON for column in columns)
                return table if has_person else None
        return None

    def column(self, name: str) -> Column:
        """What `column` or `table.column` means. Raises UnknownColumnError."""
        table_name, dot, column_name = name.rpartition(".")
        if not dot:
            return self._plain_column(name)
        table = self.table(table_name)
        if table is None:
            raise self._unknown_table(table_name)
        column = self._column_of(table, column_name)
        if column is None:
            remedy = _did_you_mean(column_name, self.tables[table])
            raise UnknownColumnError(f"{table} has no column {column_name}", remedy)
        return column

    def _plain_column(self, name: str) -> Column:
        for table in PLAIN_TABLES:
            column = self._column_of(table, name)
            if column is not None:
                return column
        known = [column for table in PLAIN_TABLES for column in self.tables.get(table, {})]
        remedy = _did_you_mean(name, known) or self._elsewhere(name)
        message = f"neither customer_360 nor customer_attributes has a column {name}"
        raise UnknownColumnError(message, remedy)

    def _elsewhere(self, name: str) -> str | None:
        for table, columns in self.tables.items():
            spelt = {column.lower(): column for column in columns}
            if PERSON in spelt and name.lower() in spelt:
                return f"did you mean {table}.{spelt[name.lower()]}?"
        return None

    def _column_of(self, table: str, name: str) -> Column | None:
        for column, type_ in self.tables.get(table, {}).items():
            if column.lower() == name.lower():
                return Column(table, column, type_)
        return None

    def _unknown_table(self, name: str) -> UnknownColumnError:
        if any(table.lower() == name.lower() for table in self.tables):
            message = f"rows of {name} do not say which person they belong to"
            return UnknownColumnError(message, "name a table that has a column amperity_id")
        people = [table for table in self.tables if self.table(table) is not None]
        message = f"there is no table {name} in the database {self.database}"
        return UnknownColumnError(message, _did_you_mean(name, people))


def _did_you_mean(name: str, known: Mapping[str, str] | list[str]) -> str | None:
    nearest = closest(name.lower(), list(known))
    return f"did you mean {nearest}?" if nearest else None

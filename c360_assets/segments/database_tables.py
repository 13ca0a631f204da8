"""The tables of one database as segments see them: where each is stored, its columns, and names
bound in a session."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from c360_assets.customer_360.tables.databases import Database
from c360_assets.customer_360.tables.references import Names
from c360_assets.segments.schema import Schema
from c360_assets.warehouse.session import Session


def stored_names(database: Database) -> dict[str, str]:
    """Table, as SQL of the database calls it -> its name in the warehouse."""
    names = Names(database.tenant)
    stored: dict[str, str] = {}
    for name in names.everything():
        warehouse_name = names.warehouse_name(name)
        if warehouse_name is not None:
            stored[name] = warehouse_name
    for table in database.tenant.tables:
        warehouse_name = stored.pop(table.physical.lower(), None)
        if warehouse_name is not None:
            stored[table.physical] = warehouse_name
    stored.update({node.name: node.table for node in database.nodes})
    return {
        name: table
        for name, table in stored.items()
        if table not in database.keeps or database.keeps[table] is not None
    }


class DatabaseTables:
    """The tables of `database` that are built."""

    def __init__(self, session: Session, database: Database) -> None:
        self.session = session
        self.database = database
        self.stored = {
            name: table
            for name, table in stored_names(database).items()
            if session.state(table) is not None
        }

    @cached_property
    def schema(self) -> Schema:
        columns = {name: self.session.built(table).columns for name, table in self.stored.items()}
        return Schema(self.database.name, columns, self.database.tenant.order_key)

    def bind(self, names: Iterable[str]) -> None:
        """Give the session the names, over the rows of this database; unknown ones are left."""
        self.database.prepare(self.session)
        by_lower = {name.lower(): name for name in self.stored}
        for name in names:
            spelt = by_lower.get(name.lower())
            if spelt is not None:
                self.database.bind(self.session, self.stored[spelt], spelt)

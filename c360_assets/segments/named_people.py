"""People whom no condition on a column names: of a customer list, and of a segment's SQL.

Conditions on columns are `compile`.
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from c360_assets.customer_360.tables.build import prepare_context
from c360_assets.customer_360.tables.databases import Database
from c360_assets.customer_360.tables.references import Names, references, statement
from c360_assets.errors import C360Error
from c360_assets.segments.conditions import ListTest, SqlTest
from c360_assets.segments.database_tables import DatabaseTables
from c360_assets.segments.lists import read_list
from c360_assets.segments.schema import PEOPLE, PERSON
from c360_assets.segments.table_names import REDIRECTS
from c360_assets.warehouse.locked_session import locked_session
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.sql_errors import reason
from c360_assets.wording import counted


class NamedPeople:
    """The lists and SQL of one database's segments on a day; `warnings` says what fits nobody.

    The session has the database's tables under their documented names.
    """

    def __init__(self, session: Session, database: Database, day: date) -> None:
        self.session = session
        self.database = database
        self.tenant = database.tenant
        self.day = day
        self.warnings: list[str] = []

    def bind_ended_ids(self) -> None:
        """The table `redirects`: ids that ended, and the one that holds most of each now."""
        self.session.bind(REDIRECTS, "_c360_redirects")
        self.session.execute(
            "CREATE OR REPLACE TEMP TABLE redirects AS "
            "SELECT amperity_id, current_amperity_id FROM _c360_redirects "
            "WHERE rank = 1 AND current_amperity_id IS NOT NULL"
        )

    def table_of(self, leaf: ListTest | SqlTest) -> str:
        """A temporary table of the people whom a list or SQL names."""
        if isinstance(leaf, ListTest):
            return self._list_source(leaf.file)
        return self._sql_source(leaf.name)

    def _list_source(self, file: str) -> str:
        """A temporary table of the people of a list: ids that ended stand for who they are now."""
        ids = read_list(self.tenant.root, file)
        name = quote_ident(f"_c360_list {file}")
        self.session.register("_c360_listed", pl.DataFrame({PERSON: ids}))
        self.session.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS "
            f"SELECT listed.{PERSON} AS listed, coalesce(now.current_amperity_id, listed.{PERSON}) "
            f"AS {PERSON} FROM _c360_listed AS listed "
            f"LEFT JOIN redirects AS now ON now.amperity_id = listed.{PERSON}"
        )
        self._tell_of_nobody(f"segments: {file}", name)
        ((ended,),) = self.session.rows(
            f"SELECT count(*) FILTER (WHERE listed <> {PERSON}) FROM {name}"
        )
        if ended:
            self.warnings.append(
                f"segments: {file}: {counted(ended, 'id has', 'ids have')} ended; who they became "
                "stands for them"
            )
        return name

    def _sql_source(self, name: str) -> str:
        """A temporary table of the people whom the segment's SQL selects, in an engine that can
        read the tables it names and nothing else.
        """
        file = f"segments/{name}.sql"
        text = self.tenant.segment_sql[name].text
        binds, _ = references(text, file, Names(self.tenant))
        table = quote_ident(f"_c360_sql {name}")
        with locked_session(self.session) as locked:
            prepare_context(locked, self.day, self.tenant.home)
            DatabaseTables(locked, self.database).bind([called for called, _ in binds])
            locked.lock()
            select = statement(text, file).text
            try:
                people = locked.frame(f"SELECT DISTINCT * FROM (\n{select}\n)")
            except duckdb.Error as error:
                why = reason(locked, text, error)
                raise C360Error(f"{file}: failed on the data: {why}") from None
        if [column.lower() for column in people.columns] != [PERSON]:
            raise C360Error(f"{file}: must select {PERSON} and nothing else")
        # Rows that belong to nobody, such as orders, name no id.
        self.session.register("_c360_selected", people.drop_nulls())
        self.session.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM _c360_selected")
        self._tell_of_nobody(file, table)
        return table

    def _tell_of_nobody(self, subject: str, named: str) -> None:
        """Warn of ids in the table `named` that no person of the database has."""
        ((total, known),) = self.session.rows(
            f"SELECT count(*), count(p.{PERSON}) "
            f"FROM {named} AS n LEFT JOIN {PEOPLE} AS p ON p.{PERSON} = n.{PERSON}"
        )
        if known < total:
            self.warnings.append(
                f"{subject}: of {counted(total, 'id')} {counted(total - known, 'is', 'are')} of "
                f"nobody in the database {self.database.name}"
            )

"""The recipe of a database's segments: what they read, and when they are to be made again.

How they are made is `compute`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from c360_assets import semantics
from c360_assets.customer_360.tables.databases import Database, databases
from c360_assets.customer_360.tables.references import Names, references
from c360_assets.errors import C360Error, ConfigError
from c360_assets.segments.compile import with_referenced
from c360_assets.segments.compute import ALWAYS_READ, SegmentsOfDay
from c360_assets.segments.conditions import TableTest, tests
from c360_assets.segments.database_tables import DatabaseTables, stored_names
from c360_assets.segments.last_day import LastDay
from c360_assets.segments.lists import list_digest
from c360_assets.segments.reading import read_segments, segments_of
from c360_assets.segments.references import referenced_lists, referenced_tables
from c360_assets.segments.table_names import (
    ANSWERS,
    IDENTITY_CHANGES,
    MEMBERSHIP,
    REDIRECTS,
    STAGE,
    TABLES,
    stored_name,
)
from c360_assets.tenant.models import SegmentConfig, Tenant
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.recipe import Built, Recipe, RunContext, input_digests
from c360_assets.warehouse.session import Session


class ComputeSegments(Recipe):
    """The segments of one database. `parts` are the assets of the single segments."""

    stage = STAGE

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant = database.tenant
        self.segments = segments_of(self.tenant, database.name)
        self.own_tables = tuple(stored_name(database, name) for name in TABLES)
        super().__init__(
            [*self.own_tables, *(stored_name(database, name) for name in ANSWERS)],
            _reads(database, self.segments),
            step=STAGE,
        )
        self.parts = tuple(f"{STAGE}/{name}" for name in self.segments)
        self.label = database.name

    def stored(self, table: str) -> str:
        return stored_name(self.database, table)

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        inputs = input_digests(session, self.reads)
        if inputs is None:
            return None
        tenant = self.tenant
        lists = sorted(
            {file for config in self.segments.values() for file in referenced_lists(config)}
        )
        return fingerprint(
            own_code(),
            {name: config.model_dump(mode="json") for name, config in self.segments.items()},
            {name: sql.text for name, sql in tenant.segment_sql.items()},
            {file: list_digest(tenant.root, file) for file in lists},
            inputs,
            as_of.isoformat(),
            session.timezone,
            self.database.key,
            self.database.keeps,
        )

    def build(self, session: Session, run: RunContext) -> Built:
        """Raises C360Error for a definition that does not fit the tables, or SQL that fails."""
        mark = self.fingerprint(session, run.as_of) or ""
        last = LastDay.of(session.state(self.stored(MEMBERSHIP)))
        if last.day is not None and run.as_of < last.day:
            return self._stay(session, mark, last.day, run.as_of)
        with _ErrorsOf(self):
            build = SegmentsOfDay(session, self.database, run.as_of, last, mark)
            build.compute()
        return Built(warnings=build.warnings)

    def _stay(self, session: Session, mark: str, last: date, as_of: date) -> Built:
        """A run of an earlier date leaves the segments alone: their history has gone further."""
        for table in self.tables:
            session.keep(table, fingerprint=mark)
        warning = (
            f"segments stand at {last} and stay so: this run is of {as_of}, and what happened "
            "since would be lost"
        )
        return Built(warnings=[warning])


def segment_recipes(tenant: Tenant) -> list[ComputeSegments]:
    """One recipe per database that has segments."""
    if not tenant.segments:
        return []
    return [
        ComputeSegments(database)
        for database in databases(tenant)
        if segments_of(tenant, database.name)
    ]


@cache
def own_code() -> str:
    """Version of the code of this room and of the catalogue that it reads."""
    return code_version(Path(__file__).parent, Path(next(iter(semantics.__path__))))


def _reads(database: Database, segments: Mapping[str, SegmentConfig]) -> list[str]:
    """Warehouse names of what the segments and their figures are made from."""
    stored = {name.lower(): table for name, table in stored_names(database).items()}
    names = {*ALWAYS_READ, IDENTITY_CHANGES, REDIRECTS}
    for name, config in segments.items():
        names |= referenced_tables(config)
        sql = database.tenant.segment_sql.get(name)
        if sql is not None:
            names |= _tables_of_sql(database.tenant, name)
    return sorted({stored[name.lower()] for name in names if name.lower() in stored})


def _tables_of_sql(tenant: Tenant, name: str) -> set[str]:
    file = f"segments/{name}.sql"
    try:
        binds, _ = references(tenant.segment_sql[name].text, file, Names(tenant))
    except ConfigError:
        return set()
    return {called for called, _ in binds}


def columns_read(session: Session, recipe: ComputeSegments) -> dict[str, list[tuple[str, str]]]:
    """Segment -> the (warehouse table, column) pairs that its conditions look at."""
    tables = DatabaseTables(session, recipe.database)
    definitions = read_segments(recipe.tenant, tables.schema).definitions
    found: dict[str, list[tuple[str, str]]] = {}
    for name in definitions:
        pairs: set[tuple[str, str]] = set()
        for one in with_referenced([name], definitions):
            for test in tests(definitions[one].condition):
                if isinstance(test, TableTest):
                    pairs |= {(tables.stored[test.table], column) for column in test.columns}
        found[name] = sorted(pairs)
    return found


class _ErrorsOf:
    """Says of an error of the engine which database's segments it is about."""

    def __init__(self, recipe: ComputeSegments) -> None:
        self.recipe = recipe

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, duckdb.Error):
            raise C360Error(
                f"segments of {self.recipe.database.name} failed on the data: "
                f"{type(error).__name__}"
            ) from None

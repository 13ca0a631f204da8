"""Checks of segments before any run: their names, conditions, lists, SQL, and the databases that
they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from c360_assets.customer_360.tables.databases import Database, databases
from c360_assets.customer_360.tables.references import Names, asks_clock, references, statement
from c360_assets.errors import ConfigError, Problem
from c360_assets.segments.database_tables import stored_names
from c360_assets.segments.definition import Finding
from c360_assets.segments.reading import (
    RESERVED,
    file_of,
    placed,
    read_segments,
    segments_of,
)
from c360_assets.segments.schema import PERSON, Schema
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.models import SqlFile, Tenant
from c360_assets.warehouse.binding import bound_columns
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.statement import StatementError

Columns = Mapping[str, Mapping[str, str]]


def check_segments(session: Session, tenant: Tenant, tables: Columns) -> list[Problem]:
    """Problems of all segments. `tables`: table -> column -> type of the group's database, which
    the session can bind empty.
    """
    problems = [*_name_problems(tenant), *_database_problems(tenant), *_sql_without_yaml(tenant)]
    if not tenant.segments:
        return problems
    for database in databases(tenant):
        read = read_segments(tenant, schema_of(database, tables))
        problems += read.problems
        for name in segments_of(tenant, database.name):
            sql = tenant.segment_sql.get(name)
            if sql is not None:
                problems += _sql_problems(session, tenant, sql)
    return problems


def schema_of(database: Database, tables: Columns) -> Schema:
    """The tables of a database, of the columns that those of the group have."""
    shown = {name.lower() for name in stored_names(database)}
    columns = {name: columns for name, columns in tables.items() if name.lower() in shown}
    return Schema(database.name, columns, database.tenant.order_key)


def _name_problems(tenant: Tenant) -> list[Problem]:
    problems = []
    for name in tenant.segments:
        if name in RESERVED:
            message = f"the name {name} is taken by a table or column of the platform"
            problems += placed(tenant, name, [Finding((), message, "rename the file")])
    return problems


def _database_problems(tenant: Tenant) -> list[Problem]:
    known = list(dict.fromkeys(["customer_360", *tenant.config.databases]))
    problems = []
    for name, config in tenant.segments.items():
        if config.database not in known:
            remedy = instead_of(config.database, known)
            message = f"there is no database {config.database}"
            problems += placed(tenant, name, [Finding(("database",), message, remedy)])
    return problems


def _sql_without_yaml(tenant: Tenant) -> list[Problem]:
    declared = {key.removeprefix("segment ") for key in tenant.places if key.startswith("segment ")}
    return [
        Problem(
            "error",
            f"segments/{name}.sql",
            f"has no {name}.yaml beside it",
            remedy="declare at least its description there",
        )
        for name in sorted(tenant.segment_sql.keys() - declared)
    ]


def _sql_problems(session: Session, tenant: Tenant, sql: SqlFile) -> list[Problem]:
    file = f"segments/{sql.name}.sql"
    try:
        references(sql.text, file, Names(tenant))
        columns = bound_columns(session.con, statement(sql.text, file).text)
    except ConfigError as error:
        return error.problems
    except StatementError as error:
        message = error.message.split("\n", 1)[0]
        return [Problem("error", file, message, error.line, remedy=error.remedy)]
    names = [name.lower() for name, _ in columns]
    problems = []
    if names != [PERSON]:
        message = f"must select {PERSON} and nothing else, but selects {', '.join(names)}"
        problems.append(Problem("error", file, message, remedy="write SELECT amperity_id FROM …"))
    if asks_clock(statement(sql.text, file)):
        message = "reads the machine's clock or chance, so that no two runs agree"
        remedy = "take as_of FROM run_context"
        problems.append(Problem("warning", file, message, remedy=remedy))
    return problems


def described(tenant: Tenant, name: str) -> dict[str, Any]:
    """What `c360 segment list` says of a segment before it was ever computed."""
    config = tenant.segments[name]
    return {
        "segment": name,
        "database": config.database,
        "file": file_of(tenant, name),
        "description": config.description,
    }

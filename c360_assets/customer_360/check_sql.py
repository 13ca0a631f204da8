"""Binds every SQL file of the database on empty tables: unknown tables and columns and misfit
types, before any run.

What the tables are is `graph`; other rules about the configuration belong to `tenant`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from c360_assets.customer_360.checks.data_checks import CHECKS
from c360_assets.customer_360.destinations import check_destinations
from c360_assets.customer_360.rendering.gathered_tables import BY_NAME
from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.build import ONE_ROW_PER_PERSON, prepare_context
from c360_assets.customer_360.tables.databases import databases
from c360_assets.customer_360.tables.graph import TableNode, plan
from c360_assets.customer_360.tables.references import (
    OVERRIDE_FOLDER,
    advice_on,
    asks_clock,
    passed_through,
    statement,
)
from c360_assets.customer_360.tables.schemas import (
    departures,
    documented_schemas,
    person_column,
    source_schema,
)
from c360_assets.customer_360.tables.spark_choice import Schemas, told_of_tables
from c360_assets.errors import ConfigError, Problem
from c360_assets.semantics.closest import closest
from c360_assets.semantics.column_types import SYSTEM_COLUMNS
from c360_assets.tenant.models import CustomTable, DatabaseTableConfig, Tenant
from c360_assets.warehouse.allowed_sql import allowed_statement
from c360_assets.warehouse.binding import bound_columns, create_empty
from c360_assets.warehouse.delta import not_stored, stored_type
from c360_assets.warehouse.engine import lock
from c360_assets.warehouse.session import Session, open_session
from c360_assets.warehouse.sql import quote_ident, repeated
from c360_assets.warehouse.statement import Statement, StatementError

FurtherCheck = Callable[[Session, Tenant, Mapping[str, Mapping[str, str]]], list[Problem]]


def check_sql(tenant: Tenant, checks_on_tables: Sequence[FurtherCheck] = ()) -> list[Problem]:
    """All problems of the database's SQL, with file and line. Reads no data and writes nothing that
    stays.

    Each of `checks_on_tables` is given the session of empty tables, and their columns with types.
    """
    try:
        group, *others = databases(tenant)
    except ConfigError as error:
        return [*error.problems, *_problems_of_others(tenant, error.problems, checks_on_tables)]
    nodes = group.nodes
    # Another database's SQL differs only where its merge policy does.
    known = {node.sql for node in nodes}
    further = [node for database in others for node in database.nodes if node.sql not in known]
    problems: list[Problem] = []
    with _empty_session(tenant) as session:
        unknown = _empty_tables(session, tenant)
        own_files: dict[str, str] = {}
        for node in (*nodes, *further):
            problems += _bind(session, node, unknown, own_files)
            problems += _advice(tenant, node)
        for table in tenant.custom_tables:
            problems += _advice_on_custom_table(tenant, table)
        problems += _declaration_warnings(session, tenant, nodes, unknown)
        problems += _validations(tenant)
        problems += told_of_tables(tenant, partial(_schemas_read, session, unknown))
        tables: dict[str, dict[str, str]] = {}
        if _names_columns(tenant):
            tables = _columns_of_tables(session, tenant, nodes, unknown)
        for check in checks_on_tables:
            problems += check(session, tenant, tables)
        if tenant.destinations:
            database_names = [group.name, *(database.name for database in others)]
            problems += check_destinations(tenant, database_names, tables)
    return problems


def _names_columns(tenant: Tenant) -> bool:
    """Whether settings beside SQL name columns of the database's tables."""
    of_segments = tenant.segments or tenant.segment_sql or tenant.campaigns
    return bool(of_segments or tenant.destinations or tenant.workflow.purposes)


def _problems_of_others(
    tenant: Tenant, problems: Iterable[Problem], checks_on_tables: Sequence[FurtherCheck]
) -> list[Problem]:
    """The problems of the SQL that names none of the tables whose file has one of `problems`."""
    files = {problem.file for problem in problems}
    broken = {name for name in tenant.database_sql if f"database/{name}.sql" in files}
    if not broken:
        return []
    sound = {name: sql for name, sql in tenant.database_sql.items() if name not in broken}
    declared = {name: item for name, item in tenant.database_yaml.items() if name not in broken}
    lowered = {name.lower() for name in broken}
    others = replace(tenant, database_sql=sound, database_yaml=declared)
    return [
        problem
        for problem in check_sql(others, checks_on_tables)
        if lowered.isdisjoint(_words(tenant.files.get(problem.file, "")))
    ]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _columns_of_tables(
    session: Session, tenant: Tenant, nodes: Iterable[TableNode], unknown: set[str]
) -> dict[str, dict[str, str]]:
    """Columns of every table of the group's database whose columns are known."""
    sources = [table.physical for table in tenant.tables if table.asset not in unknown]
    names = {*documented_schemas(tenant), *(node.name for node in nodes), *sources} - unknown
    return {name: _columns(session, name) for name in names}


def _schemas_read(session: Session, unknown: set[str], node: TableNode) -> Schemas:
    """The columns of what a tenant's table reads, of those that are known."""
    if not node.is_tenants_sql:
        return {}
    known = [called for called, table in node.binds if unknown.isdisjoint((called, table))]
    schemas = {called: _columns(session, called) for called in known}
    if node.core is not None and len(known) == len(node.binds):
        schemas[node.name] = dict(bound_columns(session.con, node.core.sql))
    return schemas


@contextmanager
def _empty_session(tenant: Tenant) -> Iterator[Session]:
    """A session over an empty warehouse, whose engine is locked: it binds SQL of the tenant."""
    with (
        TemporaryDirectory() as folder,
        open_session(Path(folder) / "warehouse", tenant.config.timezone) as session,
    ):
        lock(session.con)
        yield session


def _declaration_warnings(
    session: Session, tenant: Tenant, nodes: Iterable[TableNode], unknown: set[str]
) -> list[Problem]:
    """Warnings about `database/*.yaml` that name a table or column that is not there, and of copies
    that SQL replaces."""
    warnings: list[Problem] = []
    built = {node.name.lower(): node for node in nodes}
    for name, config in tenant.database_yaml.items():
        node = built.get(name.lower())
        if node is None:
            near = closest(name.lower(), list(built))
            remedy = f"did you mean {near}?" if near else f"write {name}.sql beside it"
            message = f"there is no table {name} in the database"
            warnings.append(Problem("warning", f"database/{name}.yaml", message, remedy=remedy))
        elif node.table not in unknown:
            warnings += _undeclared_columns(name, config, _columns(session, node.name))
    replaced = tenant.config.customer_360.passthrough.keys() - passed_through(tenant).keys()
    for name in replaced:
        key = f"customer_360.passthrough.{name}"
        message = "is not used: a table of this name is built by SQL"
        warnings.append(Problem("warning", "tenant.yaml", message, key=key))
    return warnings


def _undeclared_columns(
    name: str, config: DatabaseTableConfig, columns: Iterable[str]
) -> Iterator[Problem]:
    """Warnings about columns that the YAML file of a table names and the table does not have."""
    present = {column.lower() for column in columns}
    named = [(f"columns.{column}", column) for column in config.columns]
    named += [("key", column) for column in config.key]
    for key, column in named:
        if column.lower() not in present:
            message = f"{name} has no column {column}"
            yield Problem("warning", f"database/{name}.yaml", message, key=key)


def _validations(tenant: Tenant) -> list[Problem]:
    """Thresholds and blocking checks that name no check: what was to stop a publication would stop
    none."""
    settings = tenant.config.customer_360.validations
    checks = {name for check in CHECKS for name in (check.id, check.id.split(".")[0])}
    blocking = checks | {"db/required", "db/unique"} | set(_promises(tenant))
    # What may block is also of the tenant's own tables, whose names are compared without case.
    blocking_lower = {name.lower() for name in blocking}
    problems = [
        _unknown_check(f"thresholds.{name}", name, checks)
        for name in settings.thresholds
        if name not in checks
    ]
    problems += [
        _unknown_check("blocking", name, blocking)
        for name in settings.blocking
        if name.lower() not in blocking_lower
    ]
    return problems


def _promises(tenant: Tenant) -> Iterator[str]:
    """The ids of the checks that `database/*.yaml` asks for, such as `db/unique.table.column`."""
    for table, config in tenant.database_yaml.items():
        for column, promised in config.columns.items():
            if promised.required:
                yield f"db/required.{table}.{column}"
            if promised.unique:
                yield f"db/unique.{table}.{column}"


def _unknown_check(key: str, name: str, known: Iterable[str]) -> Problem:
    near = closest(name, known)
    remedy = (
        f"did you mean {near}?" if near else "the table reports.database_validation has the ids"
    )
    key = f"customer_360.validations.{key}"
    return Problem("error", "tenant.yaml", f"there is no check {name}", key=key, remedy=remedy)


def bound_schemas(tenant: Tenant) -> dict[str, dict[str, str]]:
    """Table -> column -> type of every table of the database that binds, as it will be built."""
    with _empty_session(tenant) as session:
        unknown = _empty_tables(session, tenant)
        nodes = plan(tenant)
        for node in nodes:
            _bind(session, node, unknown, {})
        return {
            node.name: _columns(session, node.name) for node in nodes if node.table not in unknown
        }


def _empty_tables(session: Session, tenant: Tenant) -> set[str]:
    """Create what the database's SQL may read, empty; returns the warehouse names of tables whose
    columns are unknown."""
    prepare_context(session, date(2000, 1, 1), tenant.home)
    for name, columns in documented_schemas(tenant).items():
        _create(session, name, columns)
    for table in tenant.tables:
        if not table.custom:
            _create(session, table.physical, source_schema(table))
    unknown = _custom_tables(session, tenant)
    for table in tenant.tables:
        if person_column(tenant, table) and table.asset not in unknown:
            session.execute(
                f"ALTER TABLE {quote_ident(table.physical)} ADD COLUMN amperity_id VARCHAR"
            )
    return unknown | {table.stitched_asset for table in tenant.tables if table.asset in unknown}


def _custom_tables(session: Session, tenant: Tenant) -> set[str]:
    """Bind custom domain tables until no further one does; those left over have a problem that
    `ingest` reports."""
    waiting = list(tenant.custom_tables)
    while waiting:
        failed = [table for table in waiting if not _bind_custom_table(session, table)]
        if len(failed) == len(waiting):
            break
        waiting = failed
    return {f"domain/{table.physical}" for table in waiting}


def _bind_custom_table(session: Session, table: CustomTable) -> bool:
    try:
        select = allowed_statement(table.sql.text, table.sql.path.name).text
        columns = dict(bound_columns(session.con, select))
    except (ConfigError, StatementError):
        return False
    _create(session, table.physical, {**columns, **SYSTEM_COLUMNS})
    return True


def _bind(
    session: Session, node: TableNode, unknown: set[str], own_files: dict[str, str]
) -> list[Problem]:
    """Problems of one table's SQL; afterwards its name stands for an empty table of its columns.

    `own_files` notes the tenant's tables and their files, so that a shipped table that misses a
    column can say where it was.
    """
    if not unknown.isdisjoint(node.deps):
        unknown.add(node.table)
        return []
    try:
        described = _described(session, node)
    except StatementError as error:
        unknown.add(node.table)
        return [_binding_problem(node, error, own_files)]
    columns = dict(described)
    stored = {column: stored_type(kind) for column, kind in columns.items()}
    misfits = [*repeated(column for column, _ in described), *_misfits(node, stored)]
    if misfits:
        unknown.add(node.table)
        return [Problem("error", node.file, f"{node.name}: {text}") for text in misfits]
    _create(session, node.name, columns)
    if node.source == "tenant":
        own_files[node.table] = node.file
    apart = departures(dict(node.static), stored) if node.static else []
    remedy = "list the columns as they are, or remove static_schema"
    file = f"database/{node.name}.yaml"
    return [Problem("error", file, text, key="static_schema", remedy=remedy) for text in apart]


def _described(session: Session, node: TableNode) -> list[tuple[str, str]]:
    """Name and type of each column of a table's SQL. Raises StatementError when it does not
    bind."""
    if node.core is None:
        return bound_columns(session.con, node.sql)
    name = quote_ident(node.name)
    try:
        session.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {node.core.sql}")
        return bound_columns(session.con, node.sql)
    except duckdb.Error as error:  # the core version itself misses a column
        raise StatementError(str(error).split("\n", 1)[0].strip()) from None
    finally:
        session.execute(f"DROP VIEW IF EXISTS temp.{name}")


def _binding_problem(
    node: TableNode, error: StatementError, own_files: Mapping[str, str]
) -> Problem:
    message = error.message.split("\n", 1)[0]
    if node.file == "tenant.yaml":
        key = f"customer_360.passthrough.{node.name}"
        return Problem("error", node.file, message, key=key)
    changed = [file for table, file in own_files.items() if table in node.deps]
    remedy = None
    if changed and node.source != "tenant":
        remedy = f"keep the columns that it reads in {', '.join(changed)}"
    return Problem("error", node.file, f"{node.name}: {message}", error.line, remedy=remedy)


def _misfits(node: TableNode, columns: dict[str, str]) -> list[str]:
    """What keeps a table of these columns from being stored and published, however good its SQL."""
    misfits = not_stored(columns)
    column_names = {column.lower() for column in columns}
    if node.name.lower() in ONE_ROW_PER_PERSON and "amperity_id" not in column_names:
        misfits.append("must have a column amperity_id, one row each")
    return misfits


def _columns(session: Session, table: str) -> dict[str, str]:
    return dict(bound_columns(session.con, f"SELECT * FROM {quote_ident(table)}"))


def _create(session: Session, name: str, columns: Mapping[str, str]) -> None:
    create_empty(session.con, name, {column: stored_type(kind) for column, kind in columns.items()})


def _advice_on_custom_table(tenant: Tenant, table: CustomTable) -> list[Problem]:
    """What a file of custom SQL says and seldom means; that it cannot be read is told elsewhere."""
    file = table.sql.named(tenant.root)
    try:
        read = allowed_statement(table.sql.text, file)
    except ConfigError:
        return []
    return _warnings(tenant, table.name, file, read)


def _warnings(tenant: Tenant, name: str, file: str, read: Statement) -> list[Problem]:
    for_spark = tenant.config.engine.type == "spark"
    texts = advice_on(read, for_spark=for_spark)
    return [Problem("warning", file, f"{name} {text}") for text in texts]


def _advice(tenant: Tenant, node: TableNode) -> list[Problem]:
    """Warnings about the tenant's own SQL; the machine's clock gives another result at each run,
    the run's own date does not."""
    if node.source != "tenant":
        return []
    read = statement(node.sql, node.file)
    warnings = _warnings(tenant, node.name, node.file, read)
    replaces_core = node.name.lower() in BY_NAME or node.table.startswith(f"{OVERRIDE_FOLDER}/")
    if replaces_core and not _builds_on_core(node):
        message = f"{node.name} replaces the core table without reading it"
        remedy = "read it by its own name"
        warnings.append(Problem("warning", node.file, message, remedy=remedy))
    if asks_clock(read):
        message = "reads the machine's clock or chance, so that no two runs agree"
        remedy = f"take as_of FROM {RUN_CONTEXT}"
        warnings.append(Problem("warning", node.file, message, remedy=remedy))
    return warnings


def _builds_on_core(node: TableNode) -> bool:
    reads_itself = any(called.lower() == node.name.lower() for called, _ in node.binds)
    return node.core is not None or reads_itself

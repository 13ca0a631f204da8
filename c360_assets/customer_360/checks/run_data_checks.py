"""Runs the checks of a built database and keeps their counts as the table `database_validation`.

What is checked is data in `data_checks`. A check warns; only one that the tenant lists as blocking
stops publication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import duckdb
import polars as pl

from c360_assets.customer_360.checks.data_checks import CHECKS, SHARED, Check, order_words
from c360_assets.customer_360.rendering.merge_policy import phone_region
from c360_assets.customer_360.rendering.render import RUN_CONTEXT, macro_statements, room_version
from c360_assets.customer_360.tables.build import prepare_context
from c360_assets.customer_360.tables.databases import Database
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.references import Names
from c360_assets.errors import C360Error
from c360_assets.tenant.customer_360 import DatabaseColumn
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import ENGINE, fingerprint
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.statement import read_statement

TABLE = "database_validation"
COUNTED = "counted"  # its figure: what the counts of a check rest on, and the counts
BASIS_LETTERS = 24
# The table that holds rows that checks share while they run.
KEPT = {name: f"_c360_{name}" for name in SHARED}
COLUMNS = {
    "validation_id": pl.String,
    "question": pl.String,
    "table": pl.String,
    "checked_count": pl.Int64,
    "finding_count": pl.Int64,
    "finding_pct": pl.Float64,
    "threshold_pct": pl.Float64,
    "status": pl.String,
    "sql": pl.String,
}


class Result(NamedTuple):
    """One row of `database_validation`, in the order of its columns.

    `checked` is how many rows were looked at, `findings` how many of them break the rule; both are
    None where the check does not apply. Shares are in percent.
    """

    id: str
    question: str
    table: str
    checked: int | None
    findings: int | None
    share: float | None
    threshold: float
    status: str
    sql: str


class Scopes(NamedTuple):
    """What stands in the scopes of checks, by its name there.

    Rows that are shared are a table while checks run (`kept`), a query in the SQL that people read
    (`inline`).
    """

    kept: Mapping[str, str]
    inline: Mapping[str, str]


class Held(NamedTuple):
    """What a table that checks read holds."""

    digest: str
    has_rows: bool = True


class Counts(NamedTuple):
    """How many rows a check looked at, and how many of them are findings."""

    checked: int
    findings: int


def validate_database(
    session: Session, database: Database, *, as_of: date, anew: bool = True
) -> TableState:
    """Run every check on the database's tables and write its `database_validation`.

    The table is pending until commit. Unless `anew`, what was counted last time is not counted
    again where no table that it was counted in has changed. `figures` of the state: number of
    warnings, the ids that warn, and the counts with what they rest on. Raises C360Error when a
    blocking check warns.
    """
    tenant = database.tenant
    prepare_context(session, as_of, tenant.home)
    tables = _bind(session, database, as_of)
    settings = tenant.config.customer_360.validations
    region = phone_region(tenant)
    checks = [replace(check, finding=check.finding.replace("{region}", region)) for check in CHECKS]
    scopes = _scopes(tenant)
    bases = _bases(database, checks, scopes, tables)
    known = {} if anew else _known_counts(session, database)
    counts = {id_: known[basis] for id_, basis in bases.items() if basis in known}
    open_checks = [check for check in checks if check.id not in counts]
    counts |= _run(session, open_checks, tables, scopes)
    results = [_result_of(check, counts[check.id], settings.thresholds, scopes) for check in checks]
    for node in database.nodes:
        results += _broken_promises(session, database, node)
    warned = [result.id for result in results if result.status == "warning"]
    state = session.write(
        database.own(TABLE),
        pl.DataFrame(results, schema=COLUMNS, orient="row"),
        figures={
            "checks": len(results),
            "warnings": len(warned),
            "warned": warned,
            COUNTED: {basis: counts[id_] for id_, basis in bases.items()},
        },
    )
    blocking = _blocking(warned, settings.blocking)
    if blocking:
        raise C360Error(
            f"the database is not published: {', '.join(blocking)} found more than allowed "
            f"(tenant.yaml: customer_360.validations.blocking); see the table {TABLE}"
        )
    return state


def _scopes(tenant: Tenant) -> Scopes:
    words = order_words(tenant.order_key)
    inline = {name: f"({sql.format_map(words)})" for name, sql in SHARED.items()}
    return Scopes({**KEPT, **words}, {**inline, **words})


def _blocking(warned: Sequence[str], configured: Sequence[str]) -> list[str]:
    """Those of the warnings that are to stop publication, by their id or their check's number."""
    # Ids may hold names of columns, which are compared without case.
    stopping = {check_id.lower() for check_id in configured}
    return sorted(
        check_id
        for check_id in warned
        if check_id.lower() in stopping or _number(check_id).lower() in stopping
    )


def _number(check_id: str) -> str:
    """The id without the column that it is about: `CV-T06` of `CV-T06.product_id`."""
    return check_id.split(".")[0]


def _bind(session: Session, database: Database, as_of: date) -> dict[str, Held]:
    """Make the checked tables readable by their names; those that are built, and what they hold."""
    names = Names(database.tenant)
    built = {node.name.lower(): node.table for node in database.nodes}
    database.prepare(session)
    tables = {RUN_CONTEXT: Held(as_of.isoformat())}
    read = {table for check in CHECKS for table in check.reads}
    for name in sorted(read - {RUN_CONTEXT}):
        stored = built.get(name) or names.warehouse_name(name)
        state = session.state(stored) if stored is not None else None
        if stored is not None and state is not None:
            database.bind(session, stored, name)
            tables[name] = Held(state.digest, bool(state.rows))
    return tables


def _bases(
    database: Database, checks: Sequence[Check], scopes: Scopes, tables: Mapping[str, Held]
) -> dict[str, str]:
    """Check -> digest of all that its counts rest on: its SQL and functions, and what the tables
    hold that the SQL names. None of a database that holds the rows of one key only: which those are
    other tables decide.
    """
    if database.key is not None:
        return {}
    functions = fingerprint(ENGINE, room_version(), macro_statements(home=database.tenant.home))
    bases = {}
    for check in checks:
        sql = f"SELECT {check.where}, {check.finding} FROM {check.source(scopes.inline)}"
        names = sorted({table.name.lower() for table in read_statement(sql).tables})
        held = {name: tables.get(name) for name in names}
        bases[check.id] = fingerprint(functions, sql, held)[:BASIS_LETTERS]
    return bases


def _known_counts(session: Session, database: Database) -> dict[str, Counts | None]:
    """What checks rest on -> their counts, of the last time; None where one did not apply."""
    state = session.state(database.own(TABLE))
    kept = state.figures.get(COUNTED, {}) if state is not None else {}
    return {basis: Counts(*counts) if counts else None for basis, counts in kept.items()}


def _threshold(check: Check, configured: Mapping[str, float]) -> float:
    """As configured for the check or for all checks of its number, else its own."""
    of_number = configured.get(_number(check.id), check.threshold)
    return configured.get(check.id, of_number)


def _broken_promises(session: Session, database: Database, node: TableNode) -> list[Result]:
    """Whether columns of the tenant's own table keep what `required` and `unique` say of them.

    An empty text is a value to both; NULL counts for `required` only.
    """
    promises = _promises(session, database, node)
    if not promises:
        return []
    database.bind(session, node.table, "_c360_promised")
    table = quote_ident(node.name)
    results: list[Result] = []
    for name, promise in promises.items():
        column = quote_ident(name)
        ((rows, filled, distinct),) = session.rows(
            f"SELECT count(*), count({column}), count(DISTINCT {column}) FROM _c360_promised"
        )
        if promise.required:
            results.append(
                _result(
                    f"db/required.{node.name}.{name}",
                    "Does every row have a value?",
                    node.name,
                    Counts(rows, rows - filled),
                    f"SELECT * FROM {table} WHERE {column} IS NULL",
                )
            )
        if promise.unique:
            results.append(
                _result(
                    f"db/unique.{node.name}.{name}",
                    "Is every value there once?",
                    node.name,
                    Counts(filled, filled - distinct),
                    f"SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT NULL "
                    f"GROUP BY {column} HAVING count(*) > 1",
                )
            )
    return results


def _promises(session: Session, database: Database, node: TableNode) -> dict[str, DatabaseColumn]:
    """Column of the table as it is stored -> what is declared of it, where that can be broken."""
    declared = database.tenant.database_yaml.get(node.name)
    state = session.state(node.table)
    if declared is None or state is None:
        return {}
    # Names are compared without case, as `c360 check` does.
    stored = {column.lower(): column for column in state.columns}
    return {
        stored[name.lower()]: facts
        for name, facts in declared.columns.items()
        if name.lower() in stored and (facts.required or facts.unique)
    }


def _run(
    session: Session, checks: Sequence[Check], tables: Mapping[str, Held], scopes: Scopes
) -> dict[str, Counts | None]:
    """The counts of each check, None where it does not apply.

    Checks of one source are counted in one pass over it; what several share is computed once.
    """
    by_source: dict[str, list[Check]] = {}
    for check in checks:
        if _is_applicable(session, check, tables, scopes):
            _keep_shared_rows(session, check, scopes)
            by_source.setdefault(check.source(scopes.kept), []).append(check)
    counts: dict[str, Counts | None] = {check.id: None for check in checks}
    for source, of_source in by_source.items():
        counts |= _counts(session, source, of_source)
    for table in KEPT.values():
        session.execute(f"DROP TABLE IF EXISTS {table}")
    return counts


def _result_of(
    check: Check, counts: Counts | None, thresholds: Mapping[str, float], scopes: Scopes
) -> Result:
    return _result(
        check.id,
        check.question,
        check.table,
        counts,
        f"SELECT {', '.join(check.keys)} FROM {check.source(scopes.inline)} "
        f"WHERE {_finding(check)}",
        _threshold(check, thresholds),
    )


def _keep_shared_rows(session: Session, check: Check, scopes: Scopes) -> None:
    for name, table in KEPT.items():
        if f"{{{name}}}" in check.scope:
            rows = scopes.inline[name]
            session.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} AS SELECT * FROM {rows}")


def _counts(session: Session, source: str, checks: Sequence[Check]) -> dict[str, Counts]:
    """The counts of checks that all look at `source`, by id."""
    aggregates = []
    for check in checks:
        # Not FILTER: with dozens of counts the engine takes three times as long for it.
        aggregates.append(f"count(CASE WHEN {check.where} THEN 1 END)")
        aggregates.append(f"count(CASE WHEN {_finding(check)} THEN 1 END)")
    (values,) = session.rows(f"SELECT {', '.join(aggregates)} FROM {source}")
    pairs = zip(values[::2], values[1::2], strict=True)
    return {check.id: Counts(*pair) for check, pair in zip(checks, pairs, strict=True)}


def _finding(check: Check) -> str:
    """The condition of a row that is looked at and is a finding."""
    return f"({check.where}) AND ({check.finding})"


def _result(
    id_: str,
    question: str,
    table: str,
    counts: Counts | None,
    sql: str,
    threshold: float | None = None,
) -> Result:
    """The row of a check; without a `threshold` not one finding is allowed."""
    allowed = threshold or 0.0
    if counts is None:
        return Result(
            id_, question, table, None, None, None, allowed, status="not_applicable", sql=sql
        )
    share = round(100.0 * counts.findings / counts.checked, 3) if counts.checked else None
    if share is None:
        status = "not_applicable"
    elif threshold is None:
        # The share of one finding among millions of rows is rounded to nothing.
        status = "warning" if counts.findings else "ok"
    else:
        status = "warning" if share > threshold else "ok"
    return Result(id_, question, table, *counts, share, allowed, status, sql)


def _is_applicable(
    session: Session, check: Check, tables: Mapping[str, Held], scopes: Scopes
) -> bool:
    """Whether the checked table has rows, and all tables and columns that the check names exist."""
    if check.table not in tables or not tables[check.table].has_rows:
        return False
    try:
        session.rows(
            f"DESCRIBE SELECT {_finding(check)} AS found FROM {check.source(scopes.inline)}"
        )
    except (duckdb.BinderException, duckdb.CatalogException):
        return False
    return True

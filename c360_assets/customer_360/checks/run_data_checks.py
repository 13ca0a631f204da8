"""Runs the checks of a built database and keeps their counts as the table `database_validation`.

What is checked is data in `checks`. A check warns; only one that the tenant lists as blocking stops
publication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import duckdb
import polars as pl

from c360_assets.customer_360.checks.data_checks import CHECKS, SHARED, Check
from c360_assets.customer_360.rendering.merge_policy import phone_region
from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.build import prepare_context
from c360_assets.customer_360.tables.databases import Database
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.references import Names
from c360_assets.errors import C360Error
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

Row = tuple[str | int | float | None, ...]
TABLE = "database_validation"
# Where rows that checks share are: a table while checks run, a query in the SQL that people read.
KEPT = {name: f"_c360_{name}" for name in SHARED}
INLINE = {name: f"({sql})" for name, sql in SHARED.items()}
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


def validate_database(session: Session, database: Database, *, as_of: date) -> TableState:
    """Run every check on the database's tables and write its `database_validation` (pending until
    commit).

    `figures` of the state: number of warnings, and the ids that warn. Raises C360Error when a
    blocking check warns.
    """
    prepare_context(session, as_of)
    tenant = database.tenant
    columns = _bind(session, database)
    settings = tenant.config.customer_360.validations
    region = phone_region(tenant)
    checks = [replace(check, finding=check.finding.replace("{region}", region)) for check in CHECKS]
    rows = _run(session, checks, columns, settings.thresholds)
    rows += [row for node in database.nodes for row in _promised(session, database, node)]
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    warned = frame.filter(pl.col("status") == "warning")["validation_id"].to_list()
    state = session.write(
        database.own(TABLE),
        frame,
        figures={"checks": len(rows), "warnings": len(warned), "warned": warned},
    )
    stopping = {
        id_.lower() for id_ in settings.blocking
    }  # they name columns, which are compared without case
    blocking = sorted(
        id_ for id_ in warned if not {id_.lower(), id_.split(".")[0].lower()}.isdisjoint(stopping)
    )
    if blocking:
        raise C360Error(
            f"the database is not published: {', '.join(blocking)} found more than allowed "
            f"(tenant.yaml: customer_360.validations.blocking); see the table {TABLE}"
        )
    return state


def _bind(session: Session, database: Database) -> dict[str, set[str]]:
    """Make the checked tables readable by their names; table -> its columns, for those that are
    built and have rows.
    """
    names = Names(database.tenant)
    built = {node.name.lower(): node.table for node in database.nodes}
    database.prepare(session)
    columns: dict[str, set[str]] = {RUN_CONTEXT: {"as_of"}}
    for name in sorted({table for check in CHECKS for table in check.reads} - {RUN_CONTEXT}):
        stored = built.get(name) or names.warehouse_name(name)
        state = session.state(stored) if stored is not None else None
        if stored is not None and state is not None:
            database.bind(session, stored, name)
            if state.rows:
                columns[name] = set(state.columns)
    return columns


def _threshold(check: Check, configured: Mapping[str, float]) -> float:
    """As configured for the check or for all checks of its number, else its own."""
    return configured.get(check.id, configured.get(check.id.split(".")[0], check.threshold))


def _promised(session: Session, database: Database, node: TableNode) -> list[Row]:
    """Warnings where a column of the tenant's own table breaks what `required` or `unique` says
    about it.

    An empty text is a value to both; NULL counts for `required` only.
    """
    own = database.tenant.database_yaml.get(node.name)
    state = session.state(node.table)
    # Names are compared without case, as `c360 check` does.
    called = {column.lower(): column for column in state.columns} if state is not None else {}
    promises = {called[column.lower()]: item for column, item in own.columns.items()
                if column.lower() in called and (item.required or item.unique)} if own else {}  # fmt: skip
    if state is None or not promises:
        return []
    database.bind(session, node.table, "_c360_promised")
    rows: list[Row] = []
    for column, item in promises.items():
        name, table = quote_ident(column), quote_ident(node.name)
        ((total, known, distinct),) = session.rows(
            f"SELECT count(*), count({name}), count(DISTINCT {name}) FROM _c360_promised"
        )
        told = f"{node.name}.{column}"
        if item.required:
            rows.append(_promise(f"db/required.{told}", "Does every row have a value?", node.name, total, total - known,
                                 f"SELECT * FROM {table} WHERE {name} IS NULL"))  # fmt: skip
        if item.unique:
            rows.append(_promise(f"db/unique.{told}", "Is every value there once?", node.name, known, known - distinct,
                                 f"SELECT {name}, count(*) FROM {table} WHERE {name} IS NOT NULL GROUP BY {name} "
                                 "HAVING count(*) > 1"))  # fmt: skip
    return rows


def _promise(id_: str, question: str, table: str, checked: int, found: int, sql: str) -> Row:
    share = round(100.0 * found / checked, 3) if checked else None
    status = "not_applicable" if share is None else "warning" if found else "ok"
    return (id_, question, table, checked, found, share, 0.0, status, sql)


def _run(
    session: Session,
    checks: Sequence[Check],
    columns: Mapping[str, set[str]],
    thresholds: Mapping[str, float],
) -> list[Row]:
    """A row per check, in order. Checks of one source are counted in one pass over it, what several
    share is computed once.
    """
    asked: dict[str, list[Check]] = {}
    for check in checks:
        if _is_applicable(session, check, columns):
            for name in (name for name in SHARED if f"{{{name}}}" in check.scope):
                session.execute(f"CREATE TEMP TABLE IF NOT EXISTS {KEPT[name]} AS {SHARED[name]}")
            asked.setdefault(check.source(KEPT), []).append(check)
    counts: dict[str, tuple[int, int]] = {}
    for source, together in asked.items():
        # Not FILTER: with dozens of counts the engine takes three times as long for it.
        each = [
            _count(condition)
            for c in together
            for condition in (c.where, f"({c.where}) AND ({c.finding})")
        ]
        (values,) = session.rows(f"SELECT {', '.join(each)} FROM {source}")
        counts |= {
            c.id: pair
            for c, pair in zip(together, zip(values[::2], values[1::2], strict=True), strict=True)
        }
    for table in KEPT.values():
        session.execute(f"DROP TABLE IF EXISTS {table}")
    return [_row(check, counts.get(check.id), _threshold(check, thresholds)) for check in checks]


def _count(condition: str) -> str:
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _row(check: Check, counted: tuple[int, int] | None, threshold: float) -> Row:
    sql = f"SELECT {', '.join(check.keys)} FROM {check.source(INLINE)} WHERE ({check.where}) AND ({check.finding})"
    told = (check.id, check.question, check.table)
    if counted is None:
        return (*told, None, None, None, threshold, "not_applicable", sql)
    checked, found = counted
    share = round(100.0 * found / checked, 3) if checked else None
    status = "not_applicable" if share is None else "warning" if share > threshold else "ok"
    return (*told, checked, found, share, threshold, status, sql)


def _is_applicable(session: Session, check: Check, columns: Mapping[str, set[str]]) -> bool:
    """Whether the checked table has rows, and the tenant has every table and column that the check
    names.
    """
    if check.table not in columns:
        return False
    try:
        session.rows(
            f"DESCRIBE SELECT ({check.where}) AND ({check.finding}) AS found FROM {check.source(INLINE)}"
        )
    except (duckdb.BinderException, duckdb.CatalogException):
        return False
    return True

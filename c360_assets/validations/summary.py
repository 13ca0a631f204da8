"""What people read after all tables were looked at: the list of reports, findings with their queries, figures of this run and of
earlier ones, and what tables have in common.

Figures of single tables are `run`'s. The wide result of each report is a view over the figures; the
page made of all this belongs to `reporting`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from c360_assets.semantics.tables import TableSpec
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations import findings
from c360_assets.validations.declarations import Across, Item, Listing, Ratio, Report
from c360_assets.validations.drilldown import drilldown_sql, union_of
from c360_assets.validations.overlap import OVERLAP, Common, alone, compare
from c360_assets.validations.reports import REPORTS, applies, columns, report_spec
from c360_assets.validations.run import (
    RESULT,
    code,
    context_of,
    newest_day,
    report_tables,
    reports_of,
    validation_table,
)
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

REPORT, METRIC, TEXT, RUN, OVERLAPS = (
    "input_validation_report",
    "input_validation_metric",
    "input_validation_text",
    "input_validation_run",
    "input_validation_overlap",
)
SUMMARY_TABLES = (REPORT, findings.TABLE, METRIC, TEXT, OVERLAPS, RUN)
KEPT_RUNS = 400  # of the figures, for trends: a year of days
COMPARED = ("email", "phone", "order_id")
METRIC_SCHEMA = pl.Schema(
    {
        "run_id": pl.String,
        "report_id": pl.String,
        "datasource": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "run_number": pl.Int64,
    }
)
TEXT_SCHEMA = pl.Schema(
    {
        "run_id": pl.String,
        "report_id": pl.String,
        "datasource": pl.String,
        "metric": pl.String,
        "text": pl.String,
    }
)
RUN_SCHEMA = pl.Schema(
    {
        "run_id": pl.String(),
        "run_number": pl.Int64(),
        "started_at": pl.Datetime("us", "UTC"),
        "finished_at": pl.Datetime("us", "UTC"),
        "delivery_day": pl.Date(),
        "tables_scanned": pl.Int64(),
        "findings": pl.Int64(),
        "status": pl.String(),
    }
)
REPORT_SCHEMA = pl.Schema(
    {
        "run_id": pl.String,
        "report_id": pl.String,
        "title": pl.String,
        "category": pl.String,
        "reason": pl.String,
        "semantic_tags": pl.String,
        "datasource_count": pl.Int64,
        "has_findings": pl.Boolean,
        "drilldown_sql": pl.String,
    }
)


def report_fingerprint(session: Session, tenant: Tenant) -> str:
    """Of everything that the summary over all tables depends on."""
    tables = report_tables(tenant)
    names = [name for t in tables for name in (validation_table(t), t.asset)]
    digests = [(name, getattr(session.state(name), "digest", None)) for name in names]
    return fingerprint(REPORT, code(), context_of(tenant, newest_day(session, tenant)), digests)


def build_report(
    session: Session,
    tenant: Tenant,
    *,
    run_id: str = "",
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, TableState]:
    """Write the tables of the summary; what is current stays, and the result is empty. Pending until commit.

    The tables' own figures are taken as they are; a table without any is not there yet. Figures that compare a table with the
    others are computed here.
    """
    mark = report_fingerprint(session, tenant)
    current = session.state(REPORT)
    if current is not None and current.fingerprint == mark and not force:
        return {}
    started, number = datetime.now(UTC), _last_run(session) + 1
    tables = report_tables(tenant)
    parts = [pl.DataFrame(schema=RESULT)]
    tables = [table for table in tables if session.state(validation_table(table)) is not None]
    for table in tables:
        session.bind(validation_table(table), "_result")
        parts.append(
            session.frame("SELECT * FROM _result WHERE day IS NULL")
            .select(RESULT.names())
            .cast(RESULT)
        )
    common: dict[str, Common] = {}
    for column in COMPARED:
        if progress is not None:
            progress(f"comparing {column} between tables")
        holders = _holders(tenant, tables, column)
        if len(holders) == 1:
            (table,) = holders
            common[column] = alone(
                table.name, _counted(parts, table, f"unique_{column}_count"), _rows(session, table)
            )
        else:
            common[column] = compare(session, holders, column)
    parts.append(_across(tenant, tables, common))
    long = pl.concat(parts).sort("report_id", "datasource", "ordinal")
    ranked = _with_queries(session, tenant, tables, findings.ranked(long), run_id)
    written = {
        REPORT: _listing(session, tenant, tables, long, run_id),
        findings.TABLE: ranked,
        METRIC: _history(session, METRIC, METRIC_SCHEMA, _numbers(long, run_id, number), number),
        TEXT: long.filter(pl.col("text").is_not_null()).select(
            pl.lit(run_id).alias("run_id"), *TEXT_SCHEMA.names()[1:]
        ),
        OVERLAPS: pl.concat(
            [pl.DataFrame(schema=OVERLAP), *(common[c].overlap(c) for c in COMPARED)]
        ).select(pl.lit(run_id).alias("run_id"), *OVERLAP.names()),
    }
    run = (
        run_id,
        number,
        started,
        datetime.now(UTC),
        newest_day(session, tenant),
        len(tables),
        ranked.height,
        "succeeded",
    )
    written[RUN] = _history(
        session, RUN, RUN_SCHEMA, pl.DataFrame([run], schema=RUN_SCHEMA, orient="row"), number
    )
    return {name: session.write(name, frame, fingerprint=mark) for name, frame in written.items()}


def _counted(parts: Sequence[pl.DataFrame], table: SourceTable, metric: str) -> int:
    """A number that a table's own figures hold."""
    values = pl.concat(parts).filter(
        (pl.col("datasource") == table.name) & (pl.col("metric") == metric)
    )["value"]
    return int(values.item(0))


def _rows(session: Session, table: SourceTable) -> int:
    state = session.state(table.asset)
    return state.rows if state else 0


def _holders(tenant: Tenant, tables: Sequence[SourceTable], column: str) -> list[SourceTable]:
    """The tables that have a report which compares the column."""

    def compared(table: SourceTable) -> bool:
        items = (item for report in reports_of(tenant, table) for item in report.items)
        return any(isinstance(item, Across) and item.column == column for item in items)

    return [table for table in tables if compared(table)]


def _across(
    tenant: Tenant, tables: Sequence[SourceTable], common: dict[str, Common]
) -> pl.DataFrame:
    rows = [
        (
            report.id,
            table.name,
            1000 + place,
            item.name,
            None,
            common[item.column].figure(item, table.name),
            None,
            False,
        )
        for table in tables
        for report in reports_of(tenant, table)
        for place, item in enumerate(report.items)
        if isinstance(item, Across)
    ]
    return pl.DataFrame(rows, schema=RESULT, orient="row")


def _last_run(session: Session) -> int:
    """The number of the last run; 0 before the first."""
    state = session.state(RUN)
    if state is None or "run_number" not in state.columns:
        return 0
    session.bind(RUN, "_runs")
    return int(session.rows("SELECT coalesce(max(run_number), 0) FROM _runs")[0][0])


def _numbers(long: pl.DataFrame, run_id: str, number: int) -> pl.DataFrame:
    texts = {
        (r.id, c.name)
        for r in REPORTS
        for c in columns(r)
        if isinstance(c.item, Listing | Ratio) and c.type == "VARCHAR"
    }
    words = pl.DataFrame(sorted(texts), schema=["report_id", "metric"], orient="row")
    numbers = long.join(words, on=["report_id", "metric"], how="anti")
    return numbers.with_columns(
        run_id=pl.lit(run_id), run_number=pl.lit(number, dtype=pl.Int64)
    ).select(METRIC_SCHEMA.names())


def _history(
    session: Session, table: str, schema: pl.Schema, fresh: pl.DataFrame, number: int
) -> pl.DataFrame:
    """The rows of the latest earlier runs, then those of this one."""
    state = session.state(table)
    if state is None or not set(schema.names()) <= set(state.columns):
        return fresh
    session.bind(table, "_history")
    before = session.frame(
        "SELECT * FROM _history WHERE run_number > ? ORDER BY ALL", [number - KEPT_RUNS]
    )
    return pl.concat([before.select(schema.names()).cast(schema), fresh.cast(schema)])


def _with_queries(
    session: Session,
    tenant: Tenant,
    tables: Sequence[SourceTable],
    ranked: pl.DataFrame,
    run_id: str,
) -> pl.DataFrame:
    """The findings with their words, and the query that shows the rows of each."""
    by_name = {table.name: table for table in tables}
    context = context_of(tenant, newest_day(session, tenant))
    rows = []
    for place, (report_id, datasource, metric, value, share) in enumerate(ranked.iter_rows(), 1):
        report, item = findings.item_of(report_id, metric)
        sql = drilldown_sql(
            report, [item], by_name[datasource], _types(session, by_name[datasource]), context
        )
        advice = item.advice or report.advice
        rows.append(
            (
                run_id,
                place,
                report_id,
                report.title,
                datasource,
                metric,
                int(value),
                share,
                report.reason,
                advice,
                sql,
            )
        )
    return pl.DataFrame(rows, schema=findings.SCHEMA, orient="row")


def _types(session: Session, table: SourceTable) -> dict[str, str]:
    state = session.state(table.asset)
    return state.columns if state else {}


def _listing(
    session: Session, tenant: Tenant, tables: Sequence[SourceTable], long: pl.DataFrame, run_id: str
) -> pl.DataFrame:
    context = context_of(tenant, newest_day(session, tenant))
    rows = []
    for report in REPORTS:
        holders = [table for table in tables if report in reports_of(tenant, table)]
        if not holders:
            continue
        found = long.filter((pl.col("report_id") == report.id) & pl.col("is_finding")).height > 0
        queries = [
            drilldown_sql(report, _asked(report, table), table, _types(session, table), context)
            for table in holders
        ]
        sql = union_of([query for query in queries if query])
        about = (report.id, report.title, report.category, report.reason, ", ".join(report.tags))
        rows.append((run_id, *about, len(holders), found, sql))
    return pl.DataFrame(rows, schema=REPORT_SCHEMA, orient="row")


def _asked(report: Report, table: SourceTable) -> list[Item]:
    tags = frozenset(tag for listed in table.tags.values() for tag in listed)
    return [item for item in report.items if item.finding and applies(item, tags)]


def report_specs(session: Session, tenant: Tenant) -> dict[str, TableSpec]:
    """The wide results to publish, by table name: views of the reports that apply to a table, once figures are stored."""
    if session.state(RUN) is None:
        return {}
    applied = {report.id for table in report_tables(tenant) for report in reports_of(tenant, table)}
    return {r.table: replace(report_spec(r), view=wide_sql(r)) for r in REPORTS if r.id in applied}


def wide_sql(report: Report) -> str:
    """The wide result of a report over the stored figures of the last run, in schema `reports` of the published database."""
    about = f"report_id = {quote_literal(report.id)}"
    mine = f"{about} AND run_number = (SELECT max(run_number) FROM reports.{RUN})"
    words = any(column.type == "VARCHAR" for column in columns(report))
    picked = [("record_count", "BIGINT"), *((c.name, c.type) for c in columns(report))]
    if report.unknown:
        picked.append(("not_evaluated_count", "BIGINT"))
    listed = ",\n  ".join(
        f"max({source}) FILTER (metric = {quote_literal(name)})::{type_} AS {quote_ident(name)}"
        for name, type_ in picked
        for source in ("text" if type_ == "VARCHAR" else "value",)
    )
    rows = f"SELECT run_id, report_id, datasource, metric, value, NULL AS text FROM reports.{METRIC} WHERE {mine}"
    if words:
        rows += f"\n  UNION ALL SELECT NULL, report_id, datasource, metric, NULL, text FROM reports.{TEXT} WHERE {about}"
    return f"SELECT max(run_id) AS run_id, report_id, datasource,\n  {listed}\nFROM (\n  {rows}\n)\nGROUP BY ALL ORDER BY datasource"

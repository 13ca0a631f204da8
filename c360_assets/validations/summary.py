"""What people read after all tables were looked at: the list of reports, findings with their
queries, figures of this run and of earlier ones, and what tables have in common.

Figures of single tables are `run`'s. The wide result of each report is a view over the figures; the
page made of all this belongs to `reporting`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

import polars as pl

from c360_assets.semantics.tables import TableSpec
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations import findings
from c360_assets.validations.declarations import Across, Item, Listing, Ratio, Report
from c360_assets.validations.drilldown import drilldown_sql, union_of
from c360_assets.validations.overlap import OVERLAP, Common, alone, compare
from c360_assets.validations.reports import REPORTS, Column, applies, columns, report_spec
from c360_assets.validations.run import (
    RESULT,
    STAGE,
    FigureRow,
    code,
    context_of,
    newest_day,
    report_tables,
    reports_of,
    validation_table,
)
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.history import earlier_rows
from c360_assets.warehouse.recipe import Built, Recipe, RunContext
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

REPORT = "input_validation_report"
METRIC = "input_validation_metric"
TEXT = "input_validation_text"
RUN = "input_validation_run"
OVERLAPS = "input_validation_overlap"
SUMMARY_TABLES = (REPORT, findings.TABLE, METRIC, TEXT, OVERLAPS, RUN)
FIRST_ACROSS = 1000  # place of the first figure that compares tables
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


@dataclass(frozen=True)
class ReportRun:
    """A row of `input_validation_run`."""

    run_id: str
    run_number: int
    started_at: datetime
    finished_at: datetime
    delivery_day: date
    tables_scanned: int
    findings: int
    status: str = "succeeded"


class ReportSummary(Recipe):
    """The tables of the summary over all tables' reports.

    The tables' own figures are taken as they are; a table without any is not there yet. Figures
    that compare a table with the others are computed here.
    """

    stage = STAGE

    def __init__(self, tenant: Tenant) -> None:
        self.validated = report_tables(tenant)
        reads = [validation_table(table) for table in self.validated]
        super().__init__(SUMMARY_TABLES, reads, step=REPORT)
        self.tenant = tenant

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        digests: list[tuple[str, str | None]] = []
        for table in self.validated:
            for name in (validation_table(table), table.asset):
                state = session.state(name)
                digests.append((name, state.digest if state is not None else None))
        context = context_of(self.tenant, newest_day(session, self.tenant))
        return fingerprint(REPORT, code(), context, digests)

    def build(self, session: Session, run: RunContext) -> Built:
        mark = self.fingerprint(session, run.as_of) or ""
        for name, frame in summary_frames(session, self.tenant, run.progress).items():
            session.write(name, frame, fingerprint=mark)
        return Built()


def summary_recipes(tenant: Tenant) -> list[ReportSummary]:
    """The recipe of the summary; none where no table has a report."""
    return [ReportSummary(tenant)] if report_tables(tenant) else []


def summary_frames(
    session: Session, tenant: Tenant, progress: Callable[[str], None]
) -> dict[str, pl.DataFrame]:
    """The content of every table of the summary, after the tables' own figures are stored."""
    started = datetime.now(UTC)
    number = _last_run(session) + 1
    run_id = session.run_id
    tables = _tables_with_figures(session, tenant)
    own_figures = _own_figures(session, tables)
    common: dict[str, Common] = {}
    for column in COMPARED:
        progress(f"comparing {column} between tables")
        common[column] = _common_values(session, tenant, tables, column, own_figures)
    figures = pl.concat([own_figures, _across(tenant, tables, common)])
    figures = figures.sort("report_id", "datasource", "ordinal")
    ranked = _with_queries(session, tenant, tables, findings.ranked(figures), run_id)
    run = ReportRun(
        run_id=run_id,
        run_number=number,
        started_at=started,
        finished_at=datetime.now(UTC),
        delivery_day=newest_day(session, tenant),
        tables_scanned=len(tables),
        findings=ranked.height,
    )
    runs = pl.DataFrame([asdict(run)], schema=RUN_SCHEMA)
    numbers = _numbers(figures, run_id, number)
    this_run = pl.lit(run_id).alias("run_id")
    texts = figures.filter(pl.col("text").is_not_null())
    return {
        REPORT: _listing(session, tenant, tables, figures, run_id),
        findings.TABLE: ranked,
        METRIC: _with_earlier_runs(session, METRIC, METRIC_SCHEMA, numbers, number),
        TEXT: texts.select(this_run, *TEXT_SCHEMA.names()[1:]),
        OVERLAPS: _overlaps(common).select(this_run, *OVERLAP.names()),
        RUN: _with_earlier_runs(session, RUN, RUN_SCHEMA, runs, number),
    }


def _tables_with_figures(session: Session, tenant: Tenant) -> list[SourceTable]:
    """The tables whose reports have been computed."""
    tables = report_tables(tenant)
    return [table for table in tables if session.state(validation_table(table)) is not None]


def _own_figures(session: Session, tables: Sequence[SourceTable]) -> pl.DataFrame:
    """What the tables' own reports found, without the figures of single days."""
    # An empty frame first, so that a tenant without tables has the columns all the same.
    frames = [pl.DataFrame(schema=RESULT)]
    for table in tables:
        session.bind(validation_table(table), "_result")
        stored = session.frame("SELECT * FROM _result WHERE day IS NULL")
        frames.append(stored.select(RESULT.names()).cast(RESULT))
    return pl.concat(frames)


def _overlaps(common: Mapping[str, Common]) -> pl.DataFrame:
    """The matrices of all compared columns as rows."""
    matrices = [common[column].overlap(column) for column in COMPARED]
    return pl.concat([pl.DataFrame(schema=OVERLAP), *matrices])


def _common_values(
    session: Session,
    tenant: Tenant,
    tables: Sequence[SourceTable],
    column: str,
    figures: pl.DataFrame,
) -> Common:
    """What tables have in common in the column; a table that alone has it has counted its own
    values already.
    """
    holders = _holders(tenant, tables, column)
    if len(holders) != 1:
        return compare(session, tenant, holders, column)
    (table,) = holders
    is_count = pl.col("metric") == f"unique_{column}_count"
    counted = figures.filter((pl.col("datasource") == table.name) & is_count)["value"]
    return alone(table.name, int(counted.item(0)), _rows(session, table))


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
    tenant: Tenant, tables: Sequence[SourceTable], common: Mapping[str, Common]
) -> pl.DataFrame:
    """The figures that compare each table with the others; in a report they come after its own."""
    rows = []
    for table in tables:
        for report in reports_of(tenant, table):
            for place, item in enumerate(report.items, FIRST_ACROSS):
                if isinstance(item, Across):
                    value = common[item.column].figure(item, table.name)
                    rows.append(
                        FigureRow(report.id, table.name, place, item.name, None, value, None, False)
                    )
    return pl.DataFrame([asdict(row) for row in rows], schema=RESULT)


def _last_run(session: Session) -> int:
    """The number of the last run; 0 before the first."""
    state = session.state(RUN)
    if state is None or "run_number" not in state.columns:
        return 0
    session.bind(RUN, "_runs")
    return int(session.rows("SELECT coalesce(max(run_number), 0) FROM _runs")[0][0])


def _numbers(figures: pl.DataFrame, run_id: str, number: int) -> pl.DataFrame:
    """The figures that are numbers, as the history keeps them."""
    texts = {
        (report.id, column.name)
        for report in REPORTS
        for column in columns(report)
        if _is_text(column)
    }
    text_metrics = pl.DataFrame(sorted(texts), schema=["report_id", "metric"], orient="row")
    numbers = figures.join(text_metrics, on=["report_id", "metric"], how="anti")
    numbered = numbers.with_columns(
        run_id=pl.lit(run_id), run_number=pl.lit(number, dtype=pl.Int64)
    )
    return numbered.select(METRIC_SCHEMA.names())


def _is_text(column: Column) -> bool:
    return isinstance(column.item, Listing | Ratio) and column.type == "VARCHAR"


def _with_earlier_runs(
    session: Session, table: str, schema: pl.Schema, fresh: pl.DataFrame, number: int
) -> pl.DataFrame:
    """The rows of the latest earlier runs, then those of this one.

    Rows from before runs had numbers are left out.
    """
    state = session.state(table)
    if state is None or not set(schema.names()) <= set(state.columns):
        return fresh
    clauses = f"WHERE run_number > {number - KEPT_RUNS} ORDER BY ALL"
    return pl.concat([earlier_rows(session, table, schema, clauses), fresh.cast(schema)])


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
        table = by_name[datasource]
        types = _types(session, table)
        row = {
            "run_id": run_id,
            "place": place,
            "report_id": report_id,
            "title": report.title,
            "datasource": datasource,
            "metric": metric,
            "finding_count": int(value),
            "finding_pct": share,
            "reason": report.reason,
            "advice": item.advice or report.advice,
            "drilldown_sql": drilldown_sql(report, [item], table, types, context),
        }
        rows.append(row)
    return pl.DataFrame(rows, schema=findings.SCHEMA)


def _types(session: Session, table: SourceTable) -> dict[str, str]:
    state = session.state(table.asset)
    return state.columns if state else {}


def _listing(
    session: Session,
    tenant: Tenant,
    tables: Sequence[SourceTable],
    figures: pl.DataFrame,
    run_id: str,
) -> pl.DataFrame:
    """One row per report that applies to a table, with a query that shows what it found in all."""
    context = context_of(tenant, newest_day(session, tenant))
    with_findings = set(figures.filter(pl.col("is_finding"))["report_id"])
    rows = []
    for report in REPORTS:
        holders = [table for table in tables if report in reports_of(tenant, table)]
        if not holders:
            continue
        queries = []
        for table in holders:
            items = _finding_items(report, table)
            types = _types(session, table)
            queries.append(drilldown_sql(report, items, table, types, context))
        row = {
            "run_id": run_id,
            "report_id": report.id,
            "title": report.title,
            "category": report.category,
            "reason": report.reason,
            "semantic_tags": ", ".join(report.tags),
            "datasource_count": len(holders),
            "has_findings": report.id in with_findings,
            "drilldown_sql": union_of([query for query in queries if query]),
        }
        rows.append(row)
    return pl.DataFrame(rows, schema=REPORT_SCHEMA)


def _finding_items(report: Report, table: SourceTable) -> list[Item]:
    """The items of a report that may be findings in a table with these tags."""
    return [item for item in report.items if item.finding and applies(item, table.all_tags)]


def report_specs(session: Session, tenant: Tenant) -> dict[str, TableSpec]:
    """The wide results to publish, by table name.

    They are views of the reports that apply to a table, once figures are stored.
    """
    if session.state(RUN) is None:
        return {}
    applied = {report.id for table in report_tables(tenant) for report in reports_of(tenant, table)}
    return {
        report.table: replace(report_spec(report), view=wide_sql(report))
        for report in REPORTS
        if report.id in applied
    }


def wide_sql(report: Report) -> str:
    """The wide result of a report over the stored figures of the last run.

    It reads schema `reports` of the published database.
    """
    of_report = f"report_id = {quote_literal(report.id)}"
    last_run = f"run_number = (SELECT max(run_number) FROM reports.{RUN})"
    rows_sql = (
        f"SELECT run_id, report_id, datasource, metric, value, NULL AS text FROM reports.{METRIC} "
        f"WHERE {of_report} AND {last_run}"
    )
    shown = [("record_count", "BIGINT")]
    shown += [(column.name, column.type) for column in columns(report)]
    if any(type_ == "VARCHAR" for _, type_ in shown):
        rows_sql += (
            "\n  UNION ALL SELECT NULL, report_id, datasource, metric, NULL, text "
            f"FROM reports.{TEXT} WHERE {of_report}"
        )
    if report.unknown:
        shown.append(("not_evaluated_count", "BIGINT"))
    columns_sql = ",\n  ".join(_wide_column_sql(name, type_) for name, type_ in shown)
    return (
        f"SELECT max(run_id) AS run_id, report_id, datasource,\n  {columns_sql}\n"
        f"FROM (\n  {rows_sql}\n)\nGROUP BY ALL ORDER BY datasource"
    )


def _wide_column_sql(name: str, type_: str) -> str:
    source = "text" if type_ == "VARCHAR" else "value"
    of_metric = f"FILTER (metric = {quote_literal(name)})"
    return f"max({source}) {of_metric}::{type_} AS {quote_ident(name)}"

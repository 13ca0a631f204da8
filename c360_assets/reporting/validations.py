"""What the input validations found, gathered for people: terminal table, JSON, the page's content.

Reads the warehouse and changes nothing. How figures come about belongs to `validations`, how the
page looks to `validation_page`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from c360_assets.configuration import load_tenant
from c360_assets.errors import C360Error
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.findings import Finding, worst_findings
from c360_assets.validations.relation import day_sql, relation
from c360_assets.validations.reports import BY_ID, REPORTS, reason_against
from c360_assets.validations.run import report_tables, validation_table
from c360_assets.validations.summary import OVERLAPS
from c360_assets.warehouse.session import Session, open_session
from c360_assets.wording import counted


@dataclass(frozen=True)
class Share:
    """A bar: what it shows, in percent of what can have it.

    `kind` is completeness, validity or uniqueness.
    """

    kind: str
    label: str
    percent: float


@dataclass(frozen=True)
class Trend:
    """A figure by day, oldest first."""

    label: str
    unit: str
    days: list[date]
    values: list[float]


class FigureText(NamedTuple):
    """One figure of a report as the page lists it."""

    report_id: str
    title: str
    metric: str
    value: str


class NotApplicable(NamedTuple):
    """A report that is about such tables and does not apply to this one."""

    report_id: str
    title: str
    reason: str


@dataclass(frozen=True)
class Source:
    """One table: rows, bars, trends, every figure, and which reports are not applicable.

    `by` says what the trends' days are.
    """

    name: str
    rows: int
    shares: list[Share]
    trends: list[Trend]
    by: str
    figures: list[FigureText]
    inapplicable: list[NotApplicable]

    def of(self, kind: str) -> list[Share]:
        return [share for share in self.shares if share.kind == kind]


@dataclass(frozen=True)
class Matrix:
    """How many different values two tables have in common.

    `cells[row][column]` are a number and its percent of the row's own.
    """

    semantic: str
    names: list[str]
    cells: list[list[tuple[int, float]]]


@dataclass(frozen=True)
class Validations:
    """Everything the last run of the reports says."""

    sources: list[Source]
    findings: list[Finding]
    matrices: list[Matrix] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: the findings, and which reports do not apply to which table."""
        sources = []
        for source in self.sources:
            not_applicable = [
                {"report_id": item.report_id, "reason": item.reason} for item in source.inapplicable
            ]
            sources.append(
                {
                    "datasource": source.name,
                    "record_count": source.rows,
                    "not_applicable": not_applicable,
                }
            )
        return {"sources": sources, "findings": self.findings}


def read_validations(session: Session, tenant: Tenant, only: str | None = None) -> Validations:
    """What is stored of the reports on all tables, or on `only` (`Source:Feed`, or a custom table).

    Raises C360Error for a table that has no reports.
    """
    tables = _reported_tables(tenant, only)
    tables = [table for table in tables if session.state(validation_table(table)) is not None]
    names = {table.name for table in tables}
    findings = [item for item in worst_findings(session, None) if item.datasource in names]
    sources = [_source(session, tenant, table) for table in tables]
    # Tables of which nothing can be drawn come last.
    sources.sort(key=lambda source: not source.shares)
    return Validations(sources, findings, _matrices(session, names))


def _reported_tables(tenant: Tenant, only: str | None) -> Sequence[SourceTable]:
    tables = report_tables(tenant)
    if only is None:
        return tables
    chosen = [table for table in tables if only in (table.name, table.physical)]
    if not chosen:
        remedy = instead_of(only, [table.name for table in tables])
        raise C360Error(f"there are no reports on {only}; {remedy}")
    return chosen


def finding_sql(root: Path, number: int, only: str | None) -> str:
    """The query behind finding `number`, as `c360 validate [FEED]` counts them."""
    tenant = load_tenant(root)
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        findings = read_validations(session, tenant, only).findings
    if not findings:
        raise C360Error("there are no findings; `c360 validate` runs the reports on what is loaded")
    if number > len(findings):
        raise C360Error(f"there are {counted(len(findings), 'finding')}; {number} is none of them")
    sql = findings[number - 1].drilldown_sql
    if not sql:
        raise C360Error(f"finding {number} counts no rows that a query could show")
    return sql


SHOWN_TRENDS = 4
# Figures that say how full a table is are named after what is missing; these are no columns of it.
NO_COLUMN = {"missing_any_pct"}


def _source(session: Session, tenant: Tenant, table: SourceTable) -> Source:
    session.bind(validation_table(table), "_result")
    frame = session.frame("SELECT * FROM _result ORDER BY report_id, ordinal, day")
    whole = frame.filter(pl.col("day").is_null())
    record_counts = whole.filter(pl.col("metric") == "record_count")["value"].to_list()
    _, day_column = day_sql(relation(table))
    return Source(
        name=table.name,
        rows=int(record_counts[0]) if record_counts else 0,
        shares=_shares(whole),
        trends=_trends(frame.filter(pl.col("day").is_not_null())),
        by=day_column.replace("_", " "),
        figures=_figures(whole),
        inapplicable=_inapplicable(tenant, table),
    )


def _figures(whole: pl.DataFrame) -> list[FigureText]:
    figures = []
    rows = whole.select("report_id", "metric", "value", "text")
    for report_id, metric, value, text in rows.iter_rows():
        # Results of an earlier version may hold reports that are no more.
        if report_id in BY_ID:
            shown = text if text is not None else _number(metric, value)
            figures.append(FigureText(report_id, BY_ID[report_id].title, metric, shown))
    return figures


def _number(metric: str, value: float | None) -> str:
    if value is None:
        return "–"
    digits = f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{digits} %" if metric.endswith("_pct") else digits


def _inapplicable(tenant: Tenant, table: SourceTable) -> list[NotApplicable]:
    groups = {_group(tag) for tag in table.all_tags}
    inapplicable = []
    for report in REPORTS:
        reason = reason_against(report, table, tenant.config.extra_validations)
        if reason and _is_near(report.needs, groups):
            inapplicable.append(NotApplicable(report.id, report.title, reason))
    return inapplicable


def _is_near(needs: Sequence[str], groups: set[str]) -> bool:
    """Whether a report is about such tables: one of its tags is of a group that the table has."""
    wanted = {_group(tag) for need in needs for tag in need.split("|")}
    return not groups.isdisjoint(wanted)


def _group(tag: str) -> str:
    """The part of a tag before its slash; tags of customer profiles have none."""
    group, slash, _ = tag.partition("/")
    return group if slash else ""


def _shares(whole: pl.DataFrame) -> list[Share]:
    bars: dict[tuple[str, str], Share] = {}
    for report_id, metric, value in whole.select("report_id", "metric", "value").iter_rows():
        if value is None or not metric.endswith("_pct") or metric in NO_COLUMN:
            continue
        share = _share(report_id, metric.removesuffix("_pct"), value)
        # Several reports look at one column; the first figure stands for it.
        if share is not None:
            bars.setdefault((share.kind, share.label), share)
    return list(bars.values())


def _share(report_id: str, name: str, percent: float) -> Share | None:
    """The bar of a figure `name` with its percentage; None where a bar would say nothing."""
    if name.startswith("missing_"):
        return Share("completeness", _label(name.removeprefix("missing_")), 100 - percent)
    if name.startswith("invalid_"):
        return Share("validity", _label(name.removeprefix("invalid_")), 100 - percent)
    if name.endswith("_uniqueness") and not name.startswith("all_sources"):
        return Share("uniqueness", _label(name.removesuffix("_uniqueness")), min(percent, 100.0))
    if name in _rules(report_id):
        return Share("validity", BY_ID[report_id].title, 100 - percent)
    return None


def _label(name: str) -> str:
    return name.replace("_", " ")


def _rules(report_id: str) -> set[str]:
    """The findings of a transaction report, whose shares say how many rows keep its rule."""
    report = BY_ID[report_id]
    if report.category != "transactions":
        return set()
    return {item.name for item in report.items if item.finding}


def _trends(daily: pl.DataFrame) -> list[Trend]:
    """Rows by day, and the `SHOWN_TRENDS` shares that moved most."""
    rows = daily.filter(pl.col("metric") == "record_count").unique(["day"]).sort("day")
    if rows.height < 2:
        return []
    trends = [Trend("rows", "", rows["day"].to_list(), rows["value"].to_list())]
    shares = daily.filter(pl.col("metric").str.ends_with("_pct")).drop_nulls("value")
    moved = (
        shares.group_by("report_id", "metric")
        .agg((pl.col("value").max() - pl.col("value").min()).alias("spread"))
        .filter(pl.col("spread") > 0)
        .sort(["spread", "report_id", "metric"], descending=[True, False, False])
        .unique("metric", keep="first", maintain_order=True)
        .head(SHOWN_TRENDS)
    )
    for report_id, metric in moved.select("report_id", "metric").iter_rows():
        of_figure = (pl.col("report_id") == report_id) & (pl.col("metric") == metric)
        figure = shares.filter(of_figure).sort("day")
        label = _label(metric.removesuffix("_pct"))
        trends.append(Trend(label, " %", figure["day"].to_list(), figure["value"].to_list()))
    return trends


OVERLAP_TITLES = {"email": "e-mail addresses", "phone": "phone numbers", "order_id": "order ids"}


def _matrices(session: Session, names: set[str]) -> list[Matrix]:
    """What tables have in common, of the kinds of values that one of the tables `names` has."""
    if session.state(OVERLAPS) is None:
        return []
    session.bind(OVERLAPS, "_overlap")
    matrices = []
    for semantic, title in OVERLAP_TITLES.items():
        shared = _shared_counts(session, semantic)
        tables = sorted({datasource for datasource, _ in shared})
        if len(tables) < 2 or names.isdisjoint(tables):
            continue
        # Order ids of different sources rarely meet; where none do, there is nothing to see.
        if semantic == "order_id" and not _have_in_common(shared):
            continue
        cells = [[_cell(shared, row, column) for column in tables] for row in tables]
        matrices.append(Matrix(title, tables, cells))
    return matrices


def _shared_counts(session: Session, semantic: str) -> dict[tuple[str, str], int]:
    """(table, other table) -> how many different values both have; of itself, its own."""
    rows = session.rows(
        "SELECT datasource, other, shared_count FROM _overlap WHERE semantic = ?", [semantic]
    )
    return {(datasource, other): count for datasource, other, count in rows}


def _have_in_common(shared: dict[tuple[str, str], int]) -> bool:
    return any(datasource != other for datasource, other in shared)


def _cell(shared: dict[tuple[str, str], int], row: str, column: str) -> tuple[int, float]:
    count = shared.get((row, column), 0)
    own = shared.get((row, row), 0)
    return count, 100.0 * count / own if own else 0.0


def render_validations(
    validations: Validations, console: Console, page: str, limit: int | None
) -> None:
    """Print findings, worst first and at most `limit`, with a line of advice each.

    `page` is where the whole picture is.
    """
    findings = validations.findings
    rows = sum(source.rows for source in validations.sources)
    tables = len(validations.sources)
    console.print(
        f"{counted(tables, 'table')}, {counted(rows, 'row')}, {counted(len(findings), 'finding')}",
        style="bold",
    )
    if findings:
        console.print(_findings_table(findings[:limit]))
    else:
        console.print("Nothing to look at.", style="green")
    if limit is not None and len(findings) > limit:
        console.print(
            f"… and {len(findings) - limit} more; "
            "`c360 validate FEED` shows all of a feed, the page all of them",
            style="dim",
        )
    console.print(f"The whole picture: {page}", style="dim", soft_wrap=True)
    if findings:
        console.print(
            'The rows behind finding 1: c360 sql "$(c360 validate --sql 1)"',
            style="dim",
            soft_wrap=True,
        )


def _findings_table(findings: Sequence[Finding]) -> Table:
    table = plain_table()
    table.add_column("#", justify="right", style="dim")
    table.add_column("source", overflow="fold")
    table.add_column("finding", overflow="fold")
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("what to do", overflow="fold", ratio=1)
    for number, finding in enumerate(findings, start=1):
        table.add_row(
            str(number),
            Text(finding.datasource),
            Text.assemble((finding.what, "bold"), (f"  {finding.report_id}", "dim")),
            f"{finding.count:,}",
            f"{100 * finding.share:.1f} %",
            finding.advice,
        )
    return table

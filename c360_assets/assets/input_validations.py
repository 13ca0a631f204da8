"""How the input validation reports are shown in Dagster: a check of a domain table for each report
on it, and the page over all tables.

What a report asks and how it is computed belongs to `validations`, the page to `reporting`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from c360_assets.assets.check_names import report_name
from c360_assets.assets.display import Display
from c360_assets.assets.metadata import Result, asset_key, materialized, state_schema
from c360_assets.reporting.validation_page import write_page
from c360_assets.tenant.models import SourceTable
from c360_assets.validations.declarations import Report
from c360_assets.validations.findings import Figures, figures_of, finding_text
from c360_assets.validations.run import TableReports, validation_table
from c360_assets.validations.summary import METRIC, REPORT
from c360_assets.warehouse.recipe import Outcome
from c360_assets.warehouse.session import Session
from c360_assets.wording import counted

SHOWN_FINDINGS = 8  # in the chart
PERCENT_PER_BAR = 5


class TableReportsDisplay(Display):
    """The figures of one table, and a check of that table for each report."""

    kinds = frozenset({"duckdb"})
    recipe: TableReports

    def about(self, asset: str) -> dict[str, Any]:
        count = len(self.recipe.reports)
        return {
            "description": (
                f"Every figure of the {counted(count, 'report')} on {self.recipe.table.name}, "
                "one row per figure. Each report is a check of that table."
            )
        }

    def checks(self) -> list[dg.AssetCheckSpec]:
        return [_check(self.recipe.table, report) for report in self.recipe.reports]

    def check_results(self, session: Session) -> Iterator[dg.AssetCheckResult]:
        table = self.recipe.table
        figures = figures_of(session, validation_table(table))
        for report in self.recipe.reports:
            yield _checked(table, report, figures)

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        (name,) = self.recipe.tables
        state = outcome.states[name]
        figures = figures_of(session, name)
        yield materialized(
            name,
            state,
            reused=outcome.reused,
            schema=state_schema(METRIC, state),
            more={"findings_chart": dg.MetadataValue.md(chart(figures.ranked))},
        )


class SummaryDisplay(Display):
    """The tables of the summary; the page for people is written with them."""

    kinds = frozenset({"duckdb"})

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        page = Path(write_page(session, self.tenant))
        for table in self.recipe.tables:
            state = outcome.states.get(table)
            more = {"page": dg.MetadataValue.path(page)} if table == REPORT else None
            yield materialized(table, state, reused=outcome.reused, more=more)


def _check(table: SourceTable, report: Report) -> dg.AssetCheckSpec:
    """The check whose page plots a report's figures over time.

    It warns of findings and stops nothing.
    """
    return dg.AssetCheckSpec(
        report_name(report.id, report.title),
        asset=asset_key(table.asset),
        description=f"{report.id}: {report.title}\n\n{report.reason}\n\n{report.advice}",
        additional_deps=[asset_key(validation_table(table))],
        blocking=False,
    )


def _checked(table: SourceTable, report: Report, figures: Figures) -> dg.AssetCheckResult:
    mine = [row for row in figures.ranked if row[0] == report.id]
    numbers = figures.numbers.get(report.id, {})
    metadata: dict[str, Any] = dict(numbers)
    if mine:
        metadata["findings_chart"] = dg.MetadataValue.md(chart(mine))
    return dg.AssetCheckResult(
        asset_key=asset_key(table.asset),
        check_name=report_name(report.id, report.title),
        passed=not mine,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(finding_text(*row[2:]) for row in mine) or None,
        metadata=metadata,
    )


def chart(ranked: Sequence[tuple[str, str, str, float, float]]) -> str:
    """Findings as a Markdown table with bars: counts and shares, never a value.

    The UI keeps no drawing in Markdown.
    """
    if not ranked:
        return "No findings."
    lines = ["| report | finding | share |", "|---|---|---|"]
    for report_id, _, metric, count, percent in ranked[:SHOWN_FINDINGS]:
        bar = "█" * max(round(percent / PERCENT_PER_BAR), 1)
        lines.append(f"| {report_id} | {finding_text(metric, count, percent)} | `{bar:░<20}` |")
    if len(ranked) > SHOWN_FINDINGS:
        lines.append(f"\n… and {len(ranked) - SHOWN_FINDINGS} more")
    return "\n".join(lines)

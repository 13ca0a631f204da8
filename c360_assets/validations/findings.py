"""Findings as people read them.

Which figure of which report and table, how many rows, what to do, the query behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from c360_assets.validations.declarations import Item, Report
from c360_assets.validations.reports import BY_ID, REPORTS, columns
from c360_assets.warehouse.session import Session

TABLE = "input_validation_finding"
SCHEMA = pl.Schema(
    {
        "run_id": pl.String,
        "place": pl.Int64,
        "report_id": pl.String,
        "title": pl.String,
        "datasource": pl.String,
        "metric": pl.String,
        "finding_count": pl.Int64,
        "finding_pct": pl.Float64,
        "reason": pl.String,
        "advice": pl.String,
        "drilldown_sql": pl.String,
    }
)


@dataclass(frozen=True)
class Finding:
    """One finding. `share` is of the rows, values or orders that were looked at, from 0 to 1."""

    report_id: str
    title: str
    datasource: str
    metric: str
    count: int
    share: float
    advice: str = ""
    reason: str = ""
    drilldown_sql: str = ""

    @property
    def is_mild(self) -> bool:
        return item_of(self.report_id, self.metric)[1].mild

    @property
    def what(self) -> str:
        return words(self.metric)


def item_of(report_id: str, metric: str) -> tuple[Report, Item]:
    """The declaration behind a metric."""
    report = BY_ID[report_id]
    return report, next(column.item for column in columns(report) if column.name == metric)


def ranked(figures: pl.DataFrame) -> pl.DataFrame:
    """The findings among figures (columns of `RESULT`), worst first, with `share` in percent.

    Mild findings come last; among equals the largest share first.
    """
    whole = figures.filter(pl.col("day").is_null())
    values = whole.select("report_id", "datasource", base="metric", other="value")
    findings = whole.filter(pl.col("is_finding")).with_columns(
        pl.col("metric").str.replace("_count$", "_pct").alias("share_name"),
        pl.lit("record_count").alias("rows_name"),
    )
    for name in ("share_name", "rows_name"):
        findings = findings.join(
            values.rename({"base": name, "other": f"{name}_value"}),
            on=["report_id", "datasource", name],
            how="left",
        )
    # A table may hold several values a row: of rows, more than all of them cannot be wrong.
    of_rows = pl.coalesce("share_name_value", 100.0 * pl.col("value") / pl.col("rows_name_value"))
    share = pl.min_horizontal(of_rows, pl.lit(100.0))
    order = ["is_mild", "share", "report_id", "datasource", "metric"]
    return (
        findings.with_columns(
            share.fill_null(100.0).fill_nan(100.0).round(3).alias("share"),
            pl.struct("report_id", "metric").is_in(_mild_metrics()).alias("is_mild"),
        )
        .sort(order, descending=[False, True, False, False, False])
        .select("report_id", "datasource", "metric", "value", "share")
    )


def _mild_metrics() -> list[dict[str, str]]:
    metrics: list[dict[str, str]] = []
    for report in REPORTS:
        mild = [column.name for column in columns(report) if column.item.mild]
        metrics += [{"report_id": report.id, "metric": name} for name in mild]
    return metrics


@dataclass(frozen=True)
class Figures:
    """What one table's result says: numbers by report and metric, and its findings.

    The findings are worst first, as `ranked` gives them.
    """

    numbers: dict[str, dict[str, float]]
    ranked: list[tuple[str, str, str, float, float]]


def figures_of(session: Session, name: str) -> Figures:
    """The figures stored in the table `name` (`input_validations/…`), without those of single days.

    No text is among them.
    """
    session.bind(name, "_result")
    frame = session.frame(
        "SELECT * FROM _result WHERE day IS NULL AND value IS NOT NULL ORDER BY report_id, ordinal"
    )
    numbers: dict[str, dict[str, float]] = {}
    for report_id, metric, value in frame.select("report_id", "metric", "value").iter_rows():
        numbers.setdefault(report_id, {})[metric] = value
    return Figures(numbers, ranked(frame).rows())


def finding_text(metric: str, count: float, share: float) -> str:
    """A finding in words: what, how many, and which share."""
    return f"{words(metric)}: {count:,.0f} ({share:.1f} %)"


def words(metric: str) -> str:
    """What a figure counts, in words: `rc` in names stands for returns and cancellations."""
    text = metric.removesuffix("_count").replace("_", " ")
    return re.sub(r"\brc\b", "return or cancellation,", text)


def worst_findings(session: Session, limit: int | None = 3) -> list[Finding]:
    """The findings of the last summary, worst first; all of them with `limit` None."""
    if session.state(TABLE) is None:
        return []
    session.bind(TABLE)
    rows = session.rows(
        "SELECT report_id, title, datasource, metric, finding_count, finding_pct / 100,"
        " advice, reason, drilldown_sql"
        f" FROM {TABLE} ORDER BY place"
    )
    return [Finding(*row) for row in rows[:limit]]

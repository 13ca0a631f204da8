"""What the input validations found, gathered from the warehouse for people: the terminal's table, JSON, and the page's content.

Looks and changes nothing. How figures come about belongs to `validations`, how the page looks to `validation_page`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from c360_assets.configuration import load_tenant
from c360_assets.errors import C360Error
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.findings import Finding, worst_findings
from c360_assets.validations.relation import day_sql, relation
from c360_assets.validations.reports import BY_ID, REPORTS, reason_against
from c360_assets.validations.run import report_tables, validation_table
from c360_assets.validations.summary import OVERLAPS
from c360_assets.warehouse.session import Session, open_session


@dataclass(frozen=True)
class Share:
    """A bar: what it shows, in percent of what can have it; `kind` is completeness, validity or uniqueness."""

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


@dataclass(frozen=True)
class Source:
    """One table: rows, bars, trends, every figure, and which reports are not applicable, with the reason."""

    name: str
    rows: int
    shares: list[Share]
    trends: list[Trend]
    by: str  # what the trends' days are
    figures: list[tuple[str, str, str, str]]  # report id, title, figure, value
    inapplicable: list[tuple[str, str, str]]  # report id, title, reason

    def of(self, kind: str) -> list[Share]:
        return [share for share in self.shares if share.kind == kind]


@dataclass(frozen=True)
class Matrix:
    """How many different values two tables have in common: `cells[row][column]` are a number and its percent of the row's own."""

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
        return {
            "sources": [
                {
                    "datasource": source.name,
                    "record_count": source.rows,
                    "not_applicable": [
                        {"report_id": r, "reason": why} for r, _, why in source.inapplicable
                    ],
                }
                for source in self.sources
            ],
            "findings": [asdict(finding) for finding in self.findings],
        }


def read_validations(session: Session, tenant: Tenant, only: str | None = None) -> Validations:
    """What is stored of the reports on all tables, or on `only` (a feed `Source:Feed`, or a custom table).

    Raises C360Error for a table that has no reports.
    """
    tables = report_tables(tenant)
    if only is not None:
        chosen = [t for t in tables if only in (t.name, t.physical)]
        if not chosen:
            raise C360Error(
                f"no reports on {only}; there are some on {', '.join(t.name for t in tables)}"
            )
        tables = chosen
    tables = [t for t in tables if session.state(validation_table(t)) is not None]
    names = {t.name for t in tables}
    found = [f for f in worst_findings(session, None) if f.datasource in names]
    sources = sorted(
        (_source(session, tenant, t) for t in tables), key=lambda source: not source.shares
    )
    return Validations(sources, found, _matrices(session, names))


def finding_sql(root: Path, number: int, only: str | None = None) -> str:
    """The query behind finding `number` as `c360 validate [FEED]` counts them, from what is stored."""
    tenant = load_tenant(root)
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        found = read_validations(session, tenant, only).findings
    if not found:
        raise C360Error("there are no findings; `c360 validate` runs the reports on what is loaded")
    if number > len(found):
        raise C360Error(f"there are {len(found)} findings; {number} is none of them")
    if not found[number - 1].drilldown_sql:
        raise C360Error(f"finding {number} counts no rows that a query could show")
    return found[number - 1].drilldown_sql


# Figures that say how full a table is are named after what is missing; these are no columns of the table.
NO_COLUMN = {"missing_any_pct"}


def _source(session: Session, tenant: Tenant, table: SourceTable) -> Source:
    session.bind(validation_table(table), "_result")
    frame = session.frame("SELECT * FROM _result ORDER BY report_id, ordinal, day")
    whole = frame.filter(pl.col("day").is_null())
    counts = whole.filter(pl.col("metric") == "record_count")["value"].to_list()
    _, by = day_sql(relation(table))
    figures = [
        (
            r["report_id"],
            BY_ID[r["report_id"]].title,
            r["metric"],
            _number(r["metric"], r["value"], r["text"]),
        )
        for r in whole.iter_rows(named=True)
        if r["report_id"] in BY_ID
    ]
    present = {
        tag.split("/")[0] if "/" in tag else "" for tags in table.tags.values() for tag in tags
    }
    inapplicable = [
        (report.id, report.title, why)
        for report in REPORTS
        if _is_near(report.needs, present)
        and (why := reason_against(report, table, tenant.config.extra_validations))
    ]
    return Source(
        table.name,
        int(counts[0]) if counts else 0,
        _shares(whole),
        _trends(frame.filter(pl.col("day").is_not_null())),
        by.replace("_", " "),
        figures,
        inapplicable,
    )


def _is_near(needs: Sequence[str], present: set[str]) -> bool:
    """Whether a report is about the kind of table this is: one of its tags is of a group that the table has tags of."""
    groups = {tag.split("/")[0] if "/" in tag else "" for need in needs for tag in need.split("|")}
    return not groups.isdisjoint(present)


def _number(metric: str, value: float | None, text: str | None) -> str:
    if text is not None:
        return text
    if value is None:
        return "–"
    return f"{value:,.3f}".rstrip("0").rstrip(".") + (" %" if metric.endswith("_pct") else "")


def _shares(whole: pl.DataFrame) -> list[Share]:
    bars: dict[tuple[str, str], Share] = {}
    for report_id, metric, value in whole.select("report_id", "metric", "value").iter_rows():
        if value is None or not metric.endswith("_pct") or metric in NO_COLUMN:
            continue
        name = metric.removesuffix("_pct")
        if name.startswith("missing_"):
            share = Share(
                "completeness", name.removeprefix("missing_").replace("_", " "), 100 - value
            )
        elif name.startswith("invalid_"):
            share = Share("validity", name.removeprefix("invalid_").replace("_", " "), 100 - value)
        elif name.endswith("_uniqueness") and not name.startswith("all_sources"):
            share = Share(
                "uniqueness", name.removesuffix("_uniqueness").replace("_", " "), min(value, 100.0)
            )
        elif any(c == f"{name}_count" for c in _rules(report_id)):
            share = Share("validity", BY_ID[report_id].title, 100 - value)
        else:
            continue
        bars.setdefault((share.kind, share.label), share)
    return list(bars.values())


def _rules(report_id: str) -> list[str]:
    """The findings of a transaction report, whose shares say how many rows keep its rule."""
    report = BY_ID[report_id]
    return (
        [f"{item.name}_count" for item in report.items if item.finding]
        if report.category == "transactions"
        else []
    )


def _trends(daily: pl.DataFrame, limit: int = 4) -> list[Trend]:
    """Rows by day, and the shares that moved most."""
    rows = daily.filter(pl.col("metric") == "record_count").unique(["day"]).sort("day")
    if rows.height < 2:
        return []
    trends = [Trend("rows", "", rows["day"].to_list(), rows["value"].to_list())]
    shares = daily.filter(pl.col("metric").str.ends_with("_pct")).drop_nulls("value")
    spread = (
        shares.group_by("report_id", "metric")
        .agg((pl.col("value").max() - pl.col("value").min()).alias("spread"))
        .filter(pl.col("spread") > 0)
        .sort(["spread", "report_id", "metric"], descending=[True, False, False])
        .unique("metric", keep="first", maintain_order=True)
        .head(limit)
    )
    for report_id, metric in spread.select("report_id", "metric").iter_rows():
        mine = shares.filter(
            (pl.col("report_id") == report_id) & (pl.col("metric") == metric)
        ).sort("day")
        label = metric.removesuffix("_pct").replace("_", " ")
        trends.append(Trend(label, " %", mine["day"].to_list(), mine["value"].to_list()))
    return trends


def _matrices(session: Session, names: set[str]) -> list[Matrix]:
    if session.state(OVERLAPS) is None:
        return []
    session.bind(OVERLAPS, "_overlap")
    found = []
    for semantic in ("email", "phone", "order_id"):
        rows = session.rows(
            "SELECT datasource, other, shared_count FROM _overlap WHERE semantic = ?", [semantic]
        )
        shared = {(a, b): n for a, b, n in rows}
        listed = sorted({a for a, _, _ in rows})
        if (
            len(listed) < 2
            or names.isdisjoint(listed)
            or (semantic == "order_id" and all(a == b for a, b in shared))
        ):
            continue
        cells = [
            [
                (
                    n := shared.get((row, column), 0),
                    100.0 * n / shared[row, row] if shared.get((row, row)) else 0.0,
                )
                for column in listed
            ]
            for row in listed
        ]
        found.append(
            Matrix(
                {"email": "e-mail addresses", "phone": "phone numbers"}.get(semantic, "order ids"),
                listed,
                cells,
            )
        )
    return found


def render_validations(
    found: Validations, console: Console, page: str, limit: int | None = None
) -> None:
    """Print findings, worst first and at most `limit`, with a line of advice each; `page` is where the whole picture is."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("#", justify="right", style="dim")
    table.add_column("source", overflow="fold")
    table.add_column("finding", overflow="fold")
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("what to do", overflow="fold", ratio=1)
    for number, f in enumerate(found.findings[:limit], 1):
        what = Text.assemble((f.what, "bold"), (f"  {f.report_id}", "dim"))
        table.add_row(
            str(number),
            Text(f.datasource),
            what,
            f"{f.count:,}",
            f"{100 * f.share:.1f} %",
            f.advice,
        )
    rows = sum(source.rows for source in found.sources)
    console.print(
        f"{len(found.sources)} tables, {rows:,} rows, {len(found.findings)} findings", style="bold"
    )
    if found.findings:
        console.print(table)
        if limit is not None and len(found.findings) > limit:
            rest = len(found.findings) - limit
            console.print(
                f"… and {rest} more; `c360 validate FEED` shows all of a feed, the page all of them",
                style="dim",
            )
    else:
        console.print("Nothing to look at.", style="green")
    console.print(f"The whole picture: {page}", style="dim", soft_wrap=True)
    if found.findings:
        console.print(
            'The rows behind finding 1: c360 sql "$(c360 validate --sql 1)"',
            style="dim",
            soft_wrap=True,
        )

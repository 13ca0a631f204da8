"""Runs the reports that apply to one domain table and stores every figure:
`input_validations/<table>`.

What is asked is in `reports`, how it becomes SQL in `compile`; what compares tables, and the tables
that people read, belong to `summary`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import polars as pl

from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.tenant.remembered import once_per_tenant
from c360_assets.validations.asking import AnswerRows, Ask, ask_here
from c360_assets.validations.compile import (
    Answers,
    Figure,
    Scans,
    added,
    compile_reports,
    value_of,
)
from c360_assets.validations.declarations import Loaded, Report
from c360_assets.validations.findings import item_of
from c360_assets.validations.load_log import load_log
from c360_assets.validations.on_spark import ask_of
from c360_assets.validations.relation import relation
from c360_assets.validations.reports import reports_for
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.recipe import Built, Recipe, RunContext
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

STAGE = "input_validations"
# One row per figure; those of single days have a `day`, and are figures of the rows that came with
# it.
RESULT = pl.Schema(
    {
        "report_id": pl.String,
        "datasource": pl.String,
        "ordinal": pl.Int64,
        "metric": pl.String,
        "day": pl.Date,
        "value": pl.Float64,
        "text": pl.String,
        "is_finding": pl.Boolean,
    }
)


@dataclass(frozen=True)
class FigureRow:
    """A row of the result."""

    report_id: str
    datasource: str
    ordinal: int
    metric: str
    day: date | None
    value: float | None
    text: str | None
    is_finding: bool


Answer = Mapping[str, Any]  # name of a measure -> its value
TREND_DAYS = 30
MOST_DAYS = 100_000  # since 1970
EPOCH = date(1970, 1, 1)
NEWEST = "{newest}"  # what stands for the newest delivery day in a declared condition
DATED = "dated"  # figure of a table's reports: what their dated answers are


def validation_table(table: SourceTable) -> str:
    """The name of the table that holds every figure of `table`."""
    return f"input_validations/{table.physical}"


def reports_of(tenant: Tenant, table: SourceTable) -> list[Report]:
    """The reports that apply to a table of the tenant."""
    return list(reports_for(table, tenant.config.extra_validations))


@once_per_tenant
def report_tables(tenant: Tenant) -> list[SourceTable]:
    """The tables that have at least one report."""
    return [table for table in tenant.tables if reports_of(tenant, table)]


def newest_day(session: Session, tenant: Tenant) -> date:
    """The day that "future" is judged from: the newest delivery, or today where nothing was
    delivered.

    No clock enters a figure that way, and an order of tomorrow stays one when the reports run again
    next week.
    """
    delivered = cast("date | None", session_ledger(session)["delivery_day"].max())
    return delivered or datetime.now(ZoneInfo(tenant.config.timezone)).date()


def context_of(tenant: Tenant, newest: date) -> dict[str, str]:
    """What fills the placeholders of declared conditions, as SQL literals."""
    return {
        "region": quote_literal(tenant.phone_region),
        "newest": quote_literal(newest.isoformat()),
    }


@cache
def code() -> str:
    """What the figures depend on beside data and tags; read once a process, as the files cannot
    change under it.
    """
    here = Path(__file__).parent
    return code_version(here, here.parent / "semantics")


class TableReports(Recipe):
    """Every report that applies to one domain table.

    The state's figures count reports and findings.
    """

    stage = STAGE

    def __init__(self, tenant: Tenant, table: SourceTable) -> None:
        super().__init__(
            [validation_table(table)], [table.asset], step=f"validate_{table.physical}"
        )
        self.tenant = tenant
        self.table = table
        self.reports = reports_of(tenant, table)
        self.dated = _dated(self.reports)
        self._ask = ask_of(tenant)
        self._dated_digests: dict[str, str] = {}

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        tenant = self.tenant
        state = session.state(self.table.asset)
        return fingerprint(
            "input_validations",
            code(),
            self.table.tags,
            tenant.phone_region,
            tenant.home,
            tenant.config.extra_validations,
            tenant.config.timezone,
            self._dated_digest(session),
            load_log(session, tenant, self.table),
            state.digest if state else None,
        )

    def build(self, session: Session, run: RunContext) -> Built:
        figures = table_figures(session, self.tenant, self.table, self._ask)
        findings = figures.filter(pl.col("is_finding")).height
        session.write(
            self.tables[0],
            figures,
            fingerprint=self.fingerprint(session, run.as_of) or "",
            figures={"reports": len(self.reports), "findings": findings},
        )
        return Built()

    def record_success(self, session: Session, started: float, *, reused: bool) -> None:
        """Keep the dated answers with the figures, so that the next run need not ask again."""
        stored = session.state(self.tables[0])
        digest = self._dated_digest(session)
        if stored is None or digest is None:
            return
        kept = {"of": self._dated_basis(session), "digest": digest}
        if stored.figures.get(DATED) != kept:
            figures = {**stored.figures, DATED: kept}
            session.keep(self.tables[0], fingerprint=stored.fingerprint, figures=figures)

    def _dated_basis(self, session: Session) -> str:
        """A digest of all that decides the dated answers."""
        tenant = self.tenant
        state = session.state(self.table.asset)
        return fingerprint(
            code(),
            self.table.tags,
            tenant.config.extra_validations,
            context_of(tenant, newest_day(session, tenant)),
            session.timezone,
            state.digest if state is not None else None,
        )

    def _dated_digest(self, session: Session) -> str | None:
        """What the newest delivery day decides: a digest of the answers that depend on it; None
        where none does.

        The day moves with every delivery, and next to none of them changes.
        """
        if not self.dated:
            return None
        basis = self._dated_basis(session)
        stored = session.state(self.tables[0])
        kept = stored.figures.get(DATED, {}) if stored is not None else {}
        if kept.get("of") == basis:
            return str(kept["digest"])
        if basis not in self._dated_digests:
            answers = self._dated_answers(session)
            self._dated_digests[basis] = fingerprint(answers)
        return self._dated_digests[basis]

    def _dated_answers(self, session: Session) -> Any:
        table = self.table
        state = session.state(table.asset)
        if state is None:
            return None
        context = context_of(self.tenant, newest_day(session, self.tenant))
        scans = compile_reports(self.dated, relation(table, state.columns), context)
        return _answers(scans, self._ask(session, self.tenant, table, scans))


def _dated(reports: Sequence[Report]) -> list[Report]:
    """The reports that depend on the newest delivery day, each with its items that do."""
    dated = []
    for report in reports:
        items = tuple(item for item in report.items if NEWEST in repr(item))
        if items:
            dated.append(replace(report, items=items))
    return dated


def table_report_recipes(tenant: Tenant) -> list[TableReports]:
    """One recipe per table that has a report."""
    return [TableReports(tenant, table) for table in report_tables(tenant)]


def table_figures(
    session: Session, tenant: Tenant, table: SourceTable, ask: Ask = ask_here
) -> pl.DataFrame:
    """Every figure of every report that applies to `table`, as it is in this session.

    Columns are those of `RESULT`. `ask` answers the scans; whoever does, figures are the same.
    """
    state = session.state(table.asset)
    shape = relation(table, state.columns if state else None)
    reports = reports_of(tenant, table)
    context = context_of(tenant, newest_day(session, tenant))
    scans = compile_reports(reports, shape, context)
    answers, days = _answers(scans, ask(session, tenant, table, scans))
    rows = _figure_rows(scans, table, answers)
    rows += _load_rows(reports, table, load_log(session, tenant, table))
    for day, answer in days:
        rows += _trend_rows(scans, table, day, answer)
    rows = [_held_to_plan(row, tenant.phone_region) for row in rows]
    figures = pl.DataFrame([asdict(row) for row in rows], schema=RESULT)
    return figures.sort("report_id", "ordinal", "day", nulls_last=False)


def _held_to_plan(row: FigureRow, region: str) -> FigureRow:
    """The row, no finding where its rule is of a numbering plan that the tenant's is not."""
    if not row.is_finding:
        return row
    _, item = item_of(row.report_id, row.metric)
    return replace(row, is_finding=item.plan in ("", region))


def _figure_rows(scans: Scans, table: SourceTable, answers: Answers) -> list[FigureRow]:
    return [
        _row(figure, place, table, None, value_of(figure, answers))
        for place, figure in _placed(scans)
    ]


def _trend_rows(
    scans: Scans, table: SourceTable, day: date, answer: Mapping[str, Any]
) -> list[FigureRow]:
    """The figures of the rows that came with one day."""
    answers = {"rows": answer}
    return [
        _row(figure, place, table, day, value_of(figure, answers))
        for place, figure in _placed(scans)
        if _has_trend(figure)
    ]


def _load_rows(
    reports: Sequence[Report], table: SourceTable, log: Mapping[str, int]
) -> list[FigureRow]:
    """Figures about loading, which the ledger holds and no row of the table does."""
    rows = []
    for report in reports:
        for place, item in enumerate(report.items, 1):
            if not isinstance(item, Loaded):
                continue
            count = log[item.show]
            is_finding = item.finding and count > item.over
            rows.append(
                FigureRow(
                    report.id, table.name, place, item.name, None, float(count), None, is_finding
                )
            )
    return rows


def _answers(
    scans: Scans, answered: AnswerRows
) -> tuple[dict[str, Answer], list[tuple[date, Answer]]]:
    """The answers of all scans by grain, and those of the scan `rows` for the newest days."""
    answers: dict[str, Answer] = {}
    days: list[tuple[date, Answer]] = []
    for grain, found in answered.items():
        names = _names(scans, grain)
        if grain != "rows":
            (values,) = found
            answers[grain] = dict(zip(names, values, strict=True))
            continue
        by_day = [(day, dict(zip(names, values, strict=True))) for day, *values in found]
        totals = added([answer for _, answer in by_day])
        answers[grain] = {**dict.fromkeys(names, 0), **totals}
        days = _newest_days(by_day)
    return answers, days


def _newest_days(by_day: Sequence[tuple[int | None, Answer]]) -> list[tuple[date, Answer]]:
    """The newest days with their answers; days come as numbers since 1970.

    Rows of one day are no trend, and a date of the year 9999 is a finding of its own.
    """
    known = [(day, answer) for day, answer in by_day if day is not None and abs(day) < MOST_DAYS]
    if len(known) < 2:
        return []
    return [(EPOCH + timedelta(days=day), answer) for day, answer in known[-TREND_DAYS:]]


def _names(scans: Scans, grain: str) -> list[str]:
    return list(scans.grains[grain].values()) if grain in scans.grains else ["m0"]


def _placed(scans: Scans) -> list[tuple[int, Figure]]:
    """Figures with their place among those of their report."""
    counts: dict[str, int] = {}
    placed = []
    for figure in scans.figures:
        place = counts.get(figure.report.id, 0)
        placed.append((place, figure))
        counts[figure.report.id] = place + 1
    return placed


def _has_trend(figure: Figure) -> bool:
    """Whether a figure is kept by day: the number of rows, and shares of rows."""
    if figure.name == "record_count":
        return True
    return figure.of is not None and figure.part.grain == figure.of.grain == "rows"


def _row(figure: Figure, place: int, table: SourceTable, day: date | None, value: Any) -> FigureRow:
    number = None if figure.text or value is None else float(value)
    is_finding = False
    if figure.finding and day is None and number is not None:
        is_finding = number > figure.item.over
    return FigureRow(
        report_id=figure.report.id,
        datasource=table.name,
        ordinal=place,
        metric=figure.name,
        day=day,
        value=number,
        text=value if figure.text else None,
        is_finding=is_finding,
    )

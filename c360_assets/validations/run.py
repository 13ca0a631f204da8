"""Runs the reports that apply to one domain table and stores every figure: `input_validations/<table>`.

What is asked is in `reports`, how it becomes SQL in `compile`; what compares tables, and the tables that people read, belong to
`summary`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from c360_assets.semantics.validity import VALIDITY_MACROS
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.compile import Figure, Scans, added, compile_reports, queries, value_of
from c360_assets.validations.declarations import Loaded, Report
from c360_assets.validations.load_log import load_log
from c360_assets.validations.phones import judge_phones
from c360_assets.validations.relation import relation
from c360_assets.validations.reports import reports_for
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.recipe import Built, Recipe, RunContext
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

STAGE = "input_validations"
# One row per figure; those of single days have a `day`, and are figures of the rows that came with it.
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
TREND_DAYS = 30
EPOCH = date(1970, 1, 1)
SOURCE = "_c360_validated"


def validation_table(table: SourceTable) -> str:
    """The name of the table that holds every figure of `table`."""
    return f"input_validations/{table.physical}"


def reports_of(tenant: Tenant, table: SourceTable) -> list[Report]:
    """The reports that apply to a table of the tenant."""
    return list(reports_for(table, tenant.config.extra_validations))


def report_tables(tenant: Tenant) -> list[SourceTable]:
    """The tables that have at least one report."""
    return [table for table in tenant.tables if reports_of(tenant, table)]


def newest_day(session: Session, tenant: Tenant) -> date:
    """The day that "future" is judged from: the newest delivery, or today where nothing was delivered.

    No clock enters a figure that way, and an order of tomorrow stays one when the reports run again next week.
    """
    delivered: date | None = session_ledger(session)["delivery_day"].max()  # type: ignore[assignment]
    return delivered or datetime.now(ZoneInfo(tenant.config.timezone)).date()


def context_of(tenant: Tenant, newest: date) -> dict[str, str]:
    """What fills the placeholders of declared conditions, as SQL literals."""
    return {
        "region": quote_literal(tenant.phone_region),
        "newest": quote_literal(newest.isoformat()),
    }


@cache
def code() -> str:
    """What the figures depend on beside data and tags; read once a process, as the files cannot change under it."""
    here = Path(__file__).parent
    return code_version(here, here.parent / "semantics")


class TableReports(Recipe):
    """Every report that applies to one domain table. The state's figures count reports and findings."""

    stage = STAGE

    def __init__(self, tenant: Tenant, table: SourceTable) -> None:
        super().__init__(
            [validation_table(table)], [table.asset], step=f"validate_{table.physical}"
        )
        self.tenant = tenant
        self.table = table
        self.reports = reports_of(tenant, table)

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        tenant = self.tenant
        state = session.state(self.table.asset)
        is_dated = any("{newest}" in repr(report.items) for report in self.reports)
        return fingerprint(
            "input_validations",
            code(),
            self.table.tags,
            tenant.phone_region,
            tenant.config.extra_validations,
            tenant.config.timezone,
            newest_day(session, tenant) if is_dated else None,
            load_log(session, tenant, self.table),
            state.digest if state else None,
        )

    def build(self, session: Session, run: RunContext) -> Built:
        figures = table_figures(session, self.tenant, self.table)
        findings = figures.filter(pl.col("is_finding")).height
        session.write(
            self.tables[0],
            figures,
            fingerprint=self.fingerprint(session, run.as_of) or "",
            figures={"reports": len(self.reports), "findings": findings},
        )
        return Built()


def table_report_recipes(tenant: Tenant) -> list[TableReports]:
    """One recipe per table that has a report."""
    return [TableReports(tenant, table) for table in report_tables(tenant)]


def table_figures(
    session: Session,
    tenant: Tenant,
    table: SourceTable,
    progress: Callable[[str], None] | None = None,
) -> pl.DataFrame:
    """Every figure of every report that applies to `table`, as it is in this session; columns of `RESULT`."""
    for macro in VALIDITY_MACROS:
        session.execute(macro)
    state = session.state(table.asset)
    shape = relation(table, state.columns if state else None)
    session.bind(table.asset, SOURCE)
    phones = [
        f"SELECT {shape.columns[name]} FROM {SOURCE}" for name in shape.values.get("phone", [])
    ]
    if "request_phone" in shape.columns:
        phones.append(f"SELECT {shape.columns['request_phone']} FROM {SOURCE}")
    judge_phones(session, tenant, phones)
    scans = compile_reports(
        reports_of(tenant, table), shape, context_of(tenant, newest_day(session, tenant))
    )
    answers, days = _answers(session, scans, progress)
    log = load_log(session, tenant, table)
    rows = [
        _row(figure, place, table, None, value_of(figure, answers))
        for place, figure in _placed(scans)
    ]
    rows += [
        (
            report.id,
            table.name,
            place,
            item.name,
            None,
            float(log[item.show]),
            None,
            item.finding and log[item.show] > item.over,
        )
        for report in reports_of(tenant, table)
        for place, item in enumerate(report.items, 1)
        if isinstance(item, Loaded)
    ]
    for day, answer in days:
        daily: Mapping[str, Mapping[str, Any]] = {"rows": answer}
        rows += [
            _row(figure, place, table, day, value_of(figure, daily))
            for place, figure in _placed(scans)
            if _has_trend(figure)
        ]
    return pl.DataFrame(rows, schema=RESULT, orient="row").sort(
        "report_id", "ordinal", "day", nulls_last=False
    )


def _answers(
    session: Session, scans: Scans, progress: Callable[[str], None] | None
) -> tuple[dict[str, dict[str, Any]], list[tuple[date, dict[str, Any]]]]:
    """The answers of all scans, and those of the scan `rows` for the newest days."""
    answers: dict[str, dict[str, Any]] = {}
    days: list[tuple[date, dict[str, Any]]] = []
    for grain, sql in queries(scans, SOURCE).items():
        if progress is not None:
            progress(f"{scans.shape.table.name}: {grain}")
        if grain != "rows":
            answers[grain] = dict(zip(_names(scans, grain), session.rows(sql)[0], strict=True))
            continue
        names = _names(scans, grain)
        by_day = [
            (day, dict(zip(names, values, strict=True))) for day, *values in session.rows(sql)
        ]
        answers[grain] = {**dict.fromkeys(names, 0), **added([answer for _, answer in by_day])}
        # Rows of one day are no trend, and a date of the year 9999 is a finding of its own.
        known = [(day, answer) for day, answer in by_day if day is not None and abs(day) < 100_000]
        days = (
            [(EPOCH + timedelta(days=day), answer) for day, answer in known[-TREND_DAYS:]]
            if len(known) > 1
            else []
        )
    return answers, days


def _names(scans: Scans, grain: str) -> list[str]:
    return list(scans.grains[grain].values()) if grain in scans.grains else ["m0"]


def _placed(scans: Scans) -> list[tuple[int, Figure]]:
    """Figures with their place among those of their report."""
    places: dict[str, int] = {}
    found = []
    for figure in scans.figures:
        places[figure.report.id] = places.get(figure.report.id, -1) + 1
        found.append((places[figure.report.id], figure))
    return found


def _has_trend(figure: Figure) -> bool:
    """Whether a figure is kept by day: the number of rows, and shares of rows."""
    if figure.name == "record_count":
        return True
    return figure.of is not None and figure.part.grain == figure.of.grain == "rows"


def _row(
    figure: Figure, place: int, table: SourceTable, day: date | None, value: Any
) -> tuple[Any, ...]:
    number = None if figure.text or value is None else float(value)
    text = value if figure.text else None
    finding = figure.finding and day is None and number is not None and number > figure.item.over
    return figure.report.id, table.name, place, figure.name, day, number, text, finding

"""Assets of the input validation reports: one per domain table with a check for each report, and the summary over all of them.

What a report asks and how it is computed belongs to `validations`, the page to `reporting`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from c360_assets.assets.domain_tables import ensure_tables
from c360_assets.assets.metadata import Result, asset_key, documented, materialized, state_schema
from c360_assets.assets.resources import WarehouseResource, forced
from c360_assets.reporting.validation_page import write_page
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.declarations import Report
from c360_assets.validations.findings import Figures, figures_of, finding_text
from c360_assets.validations.run import report_tables, reports_of, validate_table, validation_table
from c360_assets.validations.summary import REPORT, SUMMARY_TABLES, build_report

GROUP = "input_validations"


def validation_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """One asset per table that has a report, then `input_validation_report` and its companions."""
    tables = report_tables(tenant)
    return (
        [*(_table_reports(tenant, t) for t in tables), _summary(tenant, tables)] if tables else []
    )


def _table_reports(tenant: Tenant, table: SourceTable) -> dg.AssetsDefinition:
    name = validation_table(table)
    reports = reports_of(tenant, table)
    spec = dg.AssetSpec(
        asset_key(name),
        deps=[asset_key(table.asset)],
        description=f"Every figure of the {len(reports)} reports on {table.name}, one row per figure; a check for each report.",
        kinds={"duckdb"},
    )

    @dg.multi_asset(
        name=f"validate_{table.physical}",
        specs=[spec],
        check_specs=[_check(table, report) for report in reports],
        group_name=GROUP,
    )
    def table_reports(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[Result | dg.AssetCheckResult]:
        with warehouse.session(context) as session:
            ensure_tables(session, tenant)
            before = session.state(name)
            state = validate_table(session, tenant, table, force=forced(context))
            session.commit()
            figures = figures_of(session, name)
        result = materialized(
            name,
            state,
            reused=state == before,
            schema=state_schema("input_validation_metric", state),
        )
        metadata = {
            **(result.metadata or {}),
            "findings_chart": dg.MetadataValue.md(chart(figures.ranked)),
        }
        yield result._replace(metadata=metadata)
        for report in reports:
            yield _checked(name, report, figures)

    return table_reports


def _check(table: SourceTable, report: Report) -> dg.AssetCheckSpec:
    """The check whose page plots a report's figures over time. It warns of findings and stops nothing."""
    text = f"{report.id}: {report.title}\n\n{report.reason}\n\n{report.advice}"
    return dg.AssetCheckSpec(
        report.table, asset=asset_key(validation_table(table)), description=text, blocking=False
    )


def _checked(name: str, report: Report, figures: Figures) -> dg.AssetCheckResult:
    mine = [row for row in figures.ranked if row[0] == report.id]
    numbers = figures.numbers.get(report.id, {})
    chart_of = {"findings_chart": dg.MetadataValue.md(chart(mine))} if mine else {}
    return dg.AssetCheckResult(
        asset_key=asset_key(name),
        check_name=report.table,
        passed=not mine,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(finding_text(*row[2:]) for row in mine) or None,
        metadata={**numbers, **chart_of},
    )


def chart(ranked: Sequence[tuple[str, str, str, float, float]]) -> str:
    """Findings as a Markdown table with bars: counts and shares, never a value. The UI keeps no drawing in Markdown."""
    if not ranked:
        return "No findings."
    lines = ["| report | finding | share |", "|---|---|---|"]
    lines += [
        f"| {report_id} | {finding_text(metric, count, share)} | `{'█' * max(round(share / 5), 1):░<20}` |"
        for report_id, _, metric, count, share in ranked[:8]
    ]
    more = [f"\n… and {len(ranked) - 8} more"] if len(ranked) > 8 else []
    return "\n".join(lines + more)


def _summary(tenant: Tenant, tables: Sequence[SourceTable]) -> dg.AssetsDefinition:
    deps = [asset_key(validation_table(t)) for t in tables]
    specs = [
        dg.AssetSpec(name, deps=deps, kinds={"duckdb"}, **documented(name))
        for name in SUMMARY_TABLES
    ]

    @dg.multi_asset(name=REPORT, specs=specs, group_name=GROUP, can_subset=False)
    def input_validation_report(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[Result]:
        with warehouse.session(context) as session:
            written = build_report(
                session,
                tenant,
                run_id=context.run.run_id,
                force=forced(context),
                progress=context.log.info,
            )
            session.commit()
            page = write_page(session, tenant)
            states = {name: session.state(name) for name in SUMMARY_TABLES}
        for name, state in states.items():
            result = materialized(name, state, reused=name not in written)
            if name == REPORT:
                result = result._replace(
                    metadata={**(result.metadata or {}), "page": dg.MetadataValue.path(Path(page))}
                )
            yield result

    return input_validation_report

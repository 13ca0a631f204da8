"""Assets of the input validation reports: one multi-asset per domain table, and the summary over all of them.

What a report asks and how it is computed belongs to `validations`.
"""

from collections.abc import Iterator

import dagster as dg

from c360_assets.assets.domain_tables import ensure_tables
from c360_assets.assets.metadata import Result, asset_key, described, documented, materialized, state_schema
from c360_assets.assets.resources import WarehouseResource, forced
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.reports import Report, report_spec, reports_for
from c360_assets.validations.run import build_report, report_tables, validate_table, validation_table

GROUP = "input_validations"


def validation_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """One multi-asset per table that has a report, then `input_validation_report` and its companions."""
    tables = report_tables(tenant)
    return [*(_table_reports(tenant, t) for t in tables), _summary(tenant, tables)] if tables else []


def _reports(tenant: Tenant, table: SourceTable) -> list[Report]:
    return list(reports_for(table, tenant.config.extra_validations))


def _report_key(table: SourceTable, report: Report) -> dg.AssetKey:
    return dg.AssetKey([*asset_key(validation_table(table)).path, report.table])


def _table_reports(tenant: Tenant, table: SourceTable) -> dg.AssetsDefinition:
    long, source = asset_key(validation_table(table)), asset_key(table.asset)
    texts = {long: f"All figures of all reports on {table.name}, one row per figure."}
    texts |= {_report_key(table, r): f"{r.id} on {table.name}: {r.title}\n\n{r.reason}" for r in _reports(tenant, table)}
    specs = [dg.AssetSpec(key, deps=[source], description=text, kinds={"duckdb"}) for key, text in texts.items()]

    checks = [_check(table, r) for r in _reports(tenant, table)]

    @dg.multi_asset(name=f"validate_{table.physical}", specs=specs, check_specs=checks, group_name=GROUP, can_subset=False)
    def table_reports(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Result | dg.AssetCheckResult]:
        with warehouse.session(context) as session:
            ensure_tables(session, tenant)
            before = session.state(validation_table(table))
            state = validate_table(session, tenant, table, force=forced(context))
            session.commit()
            session.bind(validation_table(table), "_result")
            figures = session.rows(
                "SELECT report_id, metric, value, is_finding FROM _result WHERE value IS NOT NULL ORDER BY ALL"
            )
        yield materialized(
            validation_table(table), state, reused=state == before, schema=state_schema("input_validation_metric", state)
        )
        for report in _reports(tenant, table):
            metadata = {metric: value for report_id, metric, value, _ in figures if report_id == report.id}
            found = [value for report_id, _, value, is_finding in figures if report_id == report.id and is_finding]
            yield dg.AssetCheckResult(
                asset_key=long,
                check_name=report.table,
                passed=not any(found),
                severity=dg.AssetCheckSeverity.WARN,
                metadata=metadata,
            )
            yield dg.MaterializeResult(asset_key=_report_key(table, report), metadata={**metadata, "reused": state == before})

    return table_reports


def _check(table: SourceTable, report: Report) -> dg.AssetCheckSpec:
    """The check whose page plots a report's figures over time. It warns of findings and stops nothing."""
    text = f"{report.id}: {report.title}\n\n{report.reason}"
    return dg.AssetCheckSpec(report.table, asset=asset_key(validation_table(table)), description=text, blocking=False)


def _summary(tenant: Tenant, tables: list[SourceTable]) -> dg.AssetsDefinition:
    wide = {r.table: r for t in tables for r in _reports(tenant, t)}
    deps = [asset_key(validation_table(t)) for t in tables]
    names = ["input_validation_report", "input_validation_metric", "input_validation_run"]
    specs = [dg.AssetSpec(name, deps=deps, kinds={"duckdb"}, **documented(name)) for name in names]
    specs += [dg.AssetSpec(name, deps=deps, kinds={"duckdb"}, **described(report_spec(r))) for name, r in sorted(wide.items())]

    @dg.multi_asset(name="input_validation_report", specs=specs, group_name=GROUP, can_subset=False)
    def input_validation_report(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Result]:
        with warehouse.session(context) as session:
            written = build_report(session, tenant, run_id=context.run.run_id)
            states = {str(spec.key.path[-1]): session.state(spec.key.path[-1]) for spec in specs}
            session.commit()
        for name, state in states.items():
            yield materialized(name, state, reused=name not in written)

    return input_validation_report

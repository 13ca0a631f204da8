"""All input validation reports, which of them apply to a table, and what the columns of their results mean.

What a report asks is declared in the module of its subject; `compile` makes SQL of it, `run` executes and stores. Reports inform:
nothing here passes, fails or stops a run.
"""

from __future__ import annotations

from collections.abc import Sequence

from c360_assets.semantics.tables import ColumnSpec, TableSpec
from c360_assets.tenant.models import SourceTable
from c360_assets.validations import additional, customer_profiles, privacy_requests, transactions
from c360_assets.validations.declarations import Figure, Report

REPORTS: tuple[Report, ...] = (
    *customer_profiles.REPORTS,
    *transactions.REPORTS,
    *privacy_requests.REPORTS,
    *additional.REPORTS,
)

# Figures of a report that compare one table with all others; `run` computes them over all tables together.
ACROSS: dict[str, tuple[str, ...]] = {
    "IV-P01": ("all_sources_unique_email_count", "all_sources_email_uniqueness_pct", "exclusive_email_count"),
    "IV-P02": ("all_sources_phone_uniqueness_pct",),
    "IV-T04": ("order_ids_in_other_sources_count",),
}


def reports_for(table: SourceTable, extra: bool = True) -> Sequence[Report]:
    """The reports whose tags the table carries, in declared order; `extra` off leaves out the IV-X group."""
    present = {tag for tags in table.tags.values() for tag in tags}

    def has(need: str) -> bool:
        return any(
            any(tag.startswith(option[:-1]) for tag in present) if option.endswith("*") else option in present
            for option in need.split("|")
        )

    return [r for r in REPORTS if (extra or not r.id.startswith("IV-X")) and all(has(need) for need in r.needs)]


def report_specs() -> dict[str, TableSpec]:
    """The descriptions of all wide tables, by table name."""
    return {report.table: report_spec(report) for report in REPORTS}


def report_spec(report: Report) -> TableSpec:
    """The description of a report's wide table, computed from its declaration."""
    columns = {
        "run_id": ColumnSpec("VARCHAR", "Run that wrote the row"),
        "report_id": ColumnSpec("VARCHAR", "Short name of the report"),
        "datasource": ColumnSpec("VARCHAR", "Table the row is about"),
        "record_count": ColumnSpec("BIGINT", "Rows of the table"),
        "not_evaluated_count": ColumnSpec("BIGINT", "Rows in which a column that the rule reads is empty"),
    }
    for item in report.metrics:
        words = item.name.replace("_", " ")
        if isinstance(item, Figure):
            kind = "VARCHAR" if item.text else "BIGINT" if item.name.endswith("_count") else "DOUBLE"
            columns[item.name] = ColumnSpec(kind, _sentence(words))
            continue
        columns[f"{item.name}_count"] = ColumnSpec("BIGINT", f"Rows: {words}")
        if item.share:
            columns[f"{item.name}_pct"] = ColumnSpec("DOUBLE", f"Share of the rows that can be judged, in percent: {words}")
    for name in ACROSS.get(report.id, ()):
        kind = "BIGINT" if name.endswith("_count") else "DOUBLE"
        columns[name] = ColumnSpec(kind, _sentence(name.replace("_", " ")) + ", compared with the other tables")
    return TableSpec(
        report.table, f"{report.title}. {report.reason}", "one row per data source", ("datasource",), columns, "validations"
    )


def _sentence(words: str) -> str:
    return (words[0].upper() + words[1:]).replace(" pct", " in percent").removesuffix(" count")

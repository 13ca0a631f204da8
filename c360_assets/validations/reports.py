"""All input validation reports, which of them apply to a table and why not, and what the columns of
their results mean.

What a report asks is declared in the module of its subject; `compile` makes SQL of it, `run` and
`summary` execute and store. Reports inform: nothing here passes, fails or stops a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from c360_assets.semantics.tables import ColumnSpec, TableSpec
from c360_assets.tenant.models import SourceTable
from c360_assets.validations import customer_profiles, privacy_requests, transactions
from c360_assets.validations import extra_reports as additional
from c360_assets.validations.declarations import (
    Count,
    Item,
    Listing,
    Ratio,
    Report,
    Total,
    Unique,
    Values,
)
from c360_assets.validations.relation import PERSONAL, has

REPORTS: tuple[Report, ...] = (
    *customer_profiles.REPORTS,
    *transactions.REPORTS,
    *privacy_requests.REPORTS,
    *additional.REPORTS,
)
BY_ID: dict[str, Report] = {report.id: report for report in REPORTS}


def reports_for(table: SourceTable, extra: bool = True) -> Sequence[Report]:
    """The reports that apply to the table, in declared order; `extra` off leaves out the IV-X
    group.
    """
    return [report for report in REPORTS if not reason_against(report, table, extra)]


def reason_against(report: Report, table: SourceTable, extra: bool = True) -> str:
    """Why the report is not applicable to the table, in words; empty where it applies."""
    if not extra and report.id.startswith("IV-X"):
        return "switched off in tenant.yaml (extra_validations)"
    if report.feeds_only and table.custom:
        return "the key of a custom domain table is checked when it is built"
    tags = frozenset(tag for listed in table.tags.values() for tag in listed)
    lacking = [need for need in report.needs if not has(tags, need)]
    if lacking:
        return "no column has " + " and none ".join(_options(need) for need in lacking)
    if not any(applies(item, tags) for item in report.items):
        return "no column has " + _options(
            "|".join(sorted({" + ".join(item.needs) for item in report.items}))
        )
    return ""


def _options(need: str) -> str:
    return "a tag of personal data" if need == PERSONAL else " or ".join(need.split("|"))


def applies(item: Item, tags: frozenset[str]) -> bool:
    """Whether the table has all tags that this figure needs."""
    return all(has(tags, need) for need in item.needs)


@dataclass(frozen=True)
class Column:
    """One column of a report's result: which figure it belongs to, its type, and what it means."""

    name: str
    item: Item
    type: str
    text: str
    finding: bool = False


def columns_of(item: Item) -> Iterator[Column]:
    """The result columns of a figure, in order."""
    words = item.name.removesuffix("_count").removesuffix("_pct").replace("_", " ")
    if isinstance(item, Count | Values):
        what = "Rows" if isinstance(item, Count) else "Values"
        yield Column(f"{item.name}_count", item, "BIGINT", f"{what}: {words}", item.finding)
        if item.share:
            of = (
                "rows"
                if isinstance(item, Count) and not item.fields and item.scope == "TRUE"
                else "rows that can be judged"
            )
            if isinstance(item, Values):
                of = "rows" if item.of_rows else "values"
            yield Column(
                f"{item.name}_pct", item, "DOUBLE", f"Share of the {of}, in percent: {words}"
            )
        return
    text = isinstance(item, Ratio) or (isinstance(item, Listing) and item.show != "top_share")
    kind = "VARCHAR" if text else "BIGINT" if item.name.endswith("_count") else "DOUBLE"
    told = words[0].upper() + words[1:]
    if isinstance(item, Total):
        told += ", added up"
    if item.name.endswith("_pct"):
        told += ", in percent"
    yield Column(item.name, item, kind, told, item.finding)
    share = getattr(item, "share", "")
    if share:
        told = share.removesuffix("_pct").replace("_", " ")
        of = "of the rows" if isinstance(item, Unique) else "of the rows of this kind"
        yield Column(share, item, "DOUBLE", f"{told[0].upper() + told[1:]}: share {of}, in percent")


def columns(report: Report) -> list[Column]:
    """All result columns of a report, in order, without the leading ones."""
    return [column for item in report.items for column in columns_of(item)]


def report_spec(report: Report) -> TableSpec:
    """The description of a report's wide result, computed from its declaration."""
    listed = {
        "run_id": ColumnSpec("VARCHAR", "Run that wrote the row"),
        "report_id": ColumnSpec("VARCHAR", "Short name of the report"),
        "datasource": ColumnSpec("VARCHAR", "Table the row is about"),
        "record_count": ColumnSpec("BIGINT", "Rows of the table"),
    }
    listed |= {column.name: ColumnSpec(column.type, column.text) for column in columns(report)}
    if report.unknown:
        listed["not_evaluated_count"] = ColumnSpec(
            "BIGINT", "Rows in which a column that the rule reads is empty"
        )
    return TableSpec(
        report.table,
        f"{report.title}. {report.reason}",
        "one row per data source",
        ("datasource",),
        listed,
        "validations",
    )

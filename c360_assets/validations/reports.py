"""All input validation reports, which apply to a table, and what the columns of results mean.

What a report asks is declared in the module of its subject; `compile` makes SQL of it, `run` and
`summary` execute and store. Reports inform: nothing here passes, fails or stops a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from c360_assets.semantics.tables import ColumnSpec, TableSpec
from c360_assets.tenant.models import SourceTable
from c360_assets.validations import (
    customer_profiles,
    extra_reports,
    privacy_requests,
    transactions,
)
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
    *extra_reports.REPORTS,
)
BY_ID: dict[str, Report] = {report.id: report for report in REPORTS}


def reports_for(table: SourceTable, extra: bool) -> Sequence[Report]:
    """The reports that apply to the table, in declared order; IV-X only with `extra`."""
    return _reports_by_tags(table.all_tags, table.custom, extra)


@lru_cache(maxsize=1024)
def _reports_by_tags(tags: frozenset[str], is_custom: bool, extra: bool) -> Sequence[Report]:
    """Tables of many feeds carry the same tags."""
    return [report for report in REPORTS if not _reason(report, tags, is_custom, extra)]


def reason_against(report: Report, table: SourceTable, extra: bool = True) -> str:
    """Why the report is not applicable to the table, in words; empty where it applies."""
    return _reason(report, table.all_tags, table.custom, extra)


def _reason(report: Report, tags: frozenset[str], is_custom: bool, extra: bool) -> str:
    if not extra and report.id.startswith("IV-X"):
        return "switched off in tenant.yaml (extra_validations)"
    if report.feeds_only and is_custom:
        return "the key of a custom domain table is checked when it is built"
    return _lacking_tags(report, tags)


def _lacking_tags(report: Report, tags: frozenset[str]) -> str:
    lacking = [need for need in report.needs if not has(tags, need)]
    if lacking:
        return "no column has " + " and none ".join(_options(need) for need in lacking)
    if any(applies(item, tags) for item in report.items):
        return ""
    # A report that needs no tag itself may have figures that all need one.
    needs = sorted({" + ".join(item.needs) for item in report.items})
    return "no column has " + _options("|".join(needs))


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


def columns_of(item: Item) -> list[Column]:
    """The result columns of a figure, in order."""
    if isinstance(item, Count | Values):
        return _columns_of_count(item)
    columns = [Column(item.name, item, _type_of(item), _meaning(item), item.finding)]
    share = getattr(item, "share", "")
    if share:
        name = _capital(share.removesuffix("_pct").replace("_", " "))
        whole = "of the rows" if isinstance(item, Unique) else "of the rows of this kind"
        columns.append(Column(share, item, "DOUBLE", f"{name}: share {whole}, in percent"))
    return columns


def _columns_of_count(item: Count | Values) -> list[Column]:
    words = _words(item)
    counted = "Rows" if isinstance(item, Count) else "Values"
    columns = [
        Column(f"{item.name}_count", item, "BIGINT", f"{counted}: {words}", item.finding),
    ]
    if item.share:
        meaning = f"Share of the {_judged(item)}, in percent: {words}"
        columns.append(Column(f"{item.name}_pct", item, "DOUBLE", meaning))
    return columns


def _judged(item: Count | Values) -> str:
    """What a share is of."""
    if isinstance(item, Values):
        return "rows" if item.of_rows else "values"
    is_of_all_rows = not item.fields and item.scope == "TRUE"
    return "rows" if is_of_all_rows else "rows that can be judged"


def _type_of(item: Item) -> str:
    is_list = isinstance(item, Listing) and item.show != "top_share"
    if is_list or isinstance(item, Ratio):
        return "VARCHAR"
    return "BIGINT" if item.name.endswith("_count") else "DOUBLE"


def _meaning(item: Item) -> str:
    meaning = _capital(_words(item))
    if isinstance(item, Total):
        meaning += ", added up"
    if item.name.endswith("_pct"):
        meaning += ", in percent"
    return meaning


def _words(item: Item) -> str:
    return item.name.removesuffix("_count").removesuffix("_pct").replace("_", " ")


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def columns(report: Report) -> list[Column]:
    """All result columns of a report, in order, without the leading ones."""
    return [column for item in report.items for column in columns_of(item)]


def report_spec(report: Report) -> TableSpec:
    """The description of a report's wide result, computed from its declaration."""
    specs = {
        "run_id": ColumnSpec("VARCHAR", "Run that wrote the row"),
        "report_id": ColumnSpec("VARCHAR", "Short name of the report"),
        "datasource": ColumnSpec("VARCHAR", "Table the row is about"),
        "record_count": ColumnSpec("BIGINT", "Rows of the table"),
    }
    for column in columns(report):
        specs[column.name] = ColumnSpec(column.type, column.text)
    if report.unknown:
        specs["not_evaluated_count"] = ColumnSpec(
            "BIGINT", "Rows in which a column that the rule reads is empty"
        )
    return TableSpec(
        report.table,
        f"{report.title}. {report.reason}",
        "one row per data source",
        ("datasource",),
        specs,
        "validations",
    )

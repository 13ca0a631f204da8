"""From a report's declaration and a table's tags to SQL: the relation `t` that reports read, their figures, the drill-down.

Nothing here runs a query; `run` does. Column names of the feed appear only here, quoted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from c360_assets.semantics.tags import column_for, tag_info
from c360_assets.semantics.validity import EMAIL_PATTERN
from c360_assets.tenant.models import SourceTable
from c360_assets.validations.declarations import Count, Figure, Report, missing
from c360_assets.warehouse.sql import quote_ident, quote_literal

FLAGS = ("is_return", "is_cancellation")
SQL_TYPES = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMPTZ",
    "decimal": "DECIMAL(38,4)",
    "float": "DOUBLE",
    "integer": "BIGINT",
}


@dataclass(frozen=True)
class Metric:
    """One figure of a report as an aggregate over `t`."""

    name: str
    sql: str
    text: bool
    finding: bool


def tagged_columns(table: SourceTable) -> dict[str, str]:
    """Documented column name -> SQL over the table, for the first column of every tag; the flags are never NULL."""
    found: dict[str, str] = {}
    for column, tags in table.tags.items():
        for tag in tags:
            name = column_for(tag)
            if name not in found:
                info = tag_info(tag)
                found[name] = f"TRY_CAST({quote_ident(column)} AS {SQL_TYPES.get(info.type, 'VARCHAR')})"
            if tag.startswith("fk-"):
                found.setdefault("customer_key", f"CAST({quote_ident(column)} AS VARCHAR)")
    if "customer_key" not in found and "customer_id" in found:
        found["customer_key"] = found["customer_id"]
    for flag in FLAGS:
        if flag in found:
            found[f"{flag}_raw"] = found[flag]
        found[flag] = f"coalesce({found[flag]}, FALSE)" if flag in found else "FALSE"
    return found


def relation_sql(table: SourceTable, source: str) -> str:
    """The SELECT behind `t`: one row per row of `source`, columns by documented name, plus whether e-mail or phone is missing.

    A table with several columns of one tag misses a value only where all of them do.
    """
    columns = [f"{sql} AS {quote_ident(name)}" for name, sql in sorted(tagged_columns(table).items())]
    for semantic in ("email", "phone"):
        tagged = table.columns_with(semantic)
        if tagged:
            every = " AND ".join(missing(f"CAST({quote_ident(c)} AS VARCHAR)") for c in tagged)
            columns.append(f"({every}) AS {semantic}_missing")
    return f"SELECT _pk, {', '.join(columns)} FROM {source}"


def values_sql(table: SourceTable, semantic: str, source: str) -> str:
    """The SELECT behind `vals`: one row per non-missing value of the semantic, its comparison key, whether it is blocked."""
    parts = []
    for column in table.columns_with(semantic):
        value = f"CAST({quote_ident(column)} AS VARCHAR)"
        if semantic == "email":
            shape = f"lower(trim({value})) AS key, email_blocked({value}) AS blocked, NULL AS digits"
        else:
            shape = (
                f"right(phone_digits({value}), 10) AS key, phone_blocked({value}) AS blocked,"
                f" coalesce(phone_digits({value}), '') AS digits"
            )
        parts.append(f"SELECT {value} AS value, {shape} FROM {source} WHERE NOT {missing(value)}")
    return " UNION ALL ".join(parts)


def metrics(report: Report, table: SourceTable) -> Iterator[Metric]:
    """The report's figures in declared order; those of a tag that the table lacks are left out."""
    present = {tag for tags in table.tags.values() for tag in tags}
    for item in report.metrics:
        if item.tag and item.tag not in present:
            continue
        if isinstance(item, Figure):
            yield Metric(item.name, item.sql, item.text, item.finding)
            continue
        judged = _judged(item)
        count = f"count(*) FILTER ({judged} AND ({item.when}))"
        yield Metric(f"{item.name}_count", count, False, item.finding)
        if item.share:
            yield Metric(f"{item.name}_pct", f"pct({count}, count(*) FILTER ({judged}))", False, False)
    used = _used_fields(report, present)
    if len(report.needs) > 1 and used:
        unknown = " OR ".join(f"{column} IS NULL" for column in used)
        yield Metric("not_evaluated_count", f"count(*) FILTER ({unknown})", False, False)


def _judged(item: Count) -> str:
    return " AND ".join([f"({item.scope})", *(f"{field} IS NOT NULL" for field in item.fields)])


def _used_fields(report: Report, present: set[str]) -> list[str]:
    columns = [column_for(tag) for tag in report.tags if tag in present]
    return [column for column in columns if column not in FLAGS]


def drilldown_sql(report: Report, table: SourceTable) -> str:
    """A query on the published database that lists the rows behind the findings; empty where the report finds no rows."""
    source = f"domain.{quote_ident(table.physical)}"
    if report.values:
        return _values_drilldown(report.values, table, source)
    present = {tag for tags in table.tags.values() for tag in tags}
    counts = [
        c
        for c in report.metrics
        if isinstance(c, Count) and c.finding and (not c.tag or c.tag in present) and "(SELECT" not in c.when
    ]
    counts = [
        c for c in counts if "phone_" not in c.when and "value_blocked" not in c.when
    ]  # functions of a run, not of the file
    if not counts:
        return ""
    columns = tagged_columns(table)
    listed = ", ".join(f"{sql} AS {quote_ident(name)}" for name, sql in sorted(columns.items()))
    shown = sorted({column_for(tag) for tag in report.tags if tag in present} | ({"order_id"} & set(columns)))
    tests = {c.name: f"({_judged(c)} AND ({c.when}))" for c in counts}
    return (
        f"WITH t AS (SELECT _pk, {listed} FROM {source})\n"
        f"SELECT {quote_literal(table.name)} AS datasource, _pk, {', '.join(map(quote_ident, shown))},\n       "
        + ",\n       ".join(f"{test} AS {quote_ident(name)}" for name, test in tests.items())
        + "\nFROM t\nWHERE "
        + "\n   OR ".join(tests.values())
    )


def _values_drilldown(semantic: str, table: SourceTable, source: str) -> str:
    column = quote_ident(table.columns_with(semantic)[0])
    value = f"CAST({column} AS VARCHAR)"
    if semantic == "email":
        invalid = f"NOT regexp_matches(trim({value}), {quote_literal(EMAIL_PATTERN)})"
    else:
        invalid = f"length(regexp_replace({value}, '[^0-9]', '', 'g')) <> 10"
    return (
        f"SELECT {quote_literal(table.name)} AS datasource, _pk, {column},\n"
        f"       {missing(value)} AS missing,\n       coalesce({invalid}, FALSE) AS invalid\n"
        f"FROM {source}\nWHERE {missing(value)} OR {invalid}"
    )

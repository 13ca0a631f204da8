"""The query behind findings: the rows they count, on the published database, as it stands.

It repeats the conditions of the declared figures, so that it gives the rows that were counted. A
figure over several tables has no query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from c360_assets.semantics.tags import column_for
from c360_assets.tenant.models import SourceTable
from c360_assets.validations.compile import count_test, filled, value_test
from c360_assets.validations.declarations import (
    Count,
    Item,
    Keys,
    Loaded,
    Orders,
    Report,
    Unique,
    Values,
    Whole,
)
from c360_assets.validations.phones import plan_sql
from c360_assets.validations.relation import Relation, relation
from c360_assets.warehouse.sql import quote_ident, quote_literal


def drilldown_sql(
    report: Report,
    items: Sequence[Item],
    table: SourceTable,
    types: Mapping[str, str],
    context: Mapping[str, str],
) -> str:
    """The query for figures of a report on one table; empty where they count nothing that a query
    could show.

    Its rows are those of the table that one of the figures counts: datasource, `_pk`, the columns
    that the report reads, and for each figure whether it counts the row. Figures about values or
    days, not rows, list those.
    """
    shape = relation(table, types)
    tests = {
        name: filled(test, context)
        for item in items
        for name, test in _tests(item, shape, context).items()
    }
    statements = [_rows(report, shape, tests, context)] if tests else []
    statements += [sql for item in items if (sql := _listed(item, shape))]
    return statements[0] if len(statements) == 1 else union_of(statements)


def union_of(statements: Sequence[str]) -> str:
    """One query of several, which runs as it stands: columns meet by name."""
    return "\nUNION ALL BY NAME\n".join(f"({sql})" for sql in statements)


def _tests(item: Item, shape: Relation, context: Mapping[str, str]) -> dict[str, str]:
    """Name -> the condition on a row that the figure counts; several where several columns carry
    its tag."""
    if isinstance(item, Count):
        return {item.name: count_test(item)}
    if isinstance(item, Values):
        names = shape.values[item.tag]
        return {
            item.name if len(names) == 1 else f"{item.name}_{name.rsplit('_', 1)[1]}": _value_test(
                item, name, context
            )
            for name in names
        }
    if isinstance(item, Orders):
        chosen = f"SELECT order_id FROM t WHERE NOT order_id_missing GROUP BY order_id HAVING {item.when}"
        rows = f" AND {item.rows}" if item.rows else ""
        return {item.name.removesuffix("_count"): f"order_id IN ({chosen}){rows}"}
    if isinstance(item, Keys):
        parts = ", ".join([*item.key, *(name for name in item.optional if name in shape.columns)])
        # A hash, unlike a comparison, also finds keys of which a part is NULL.
        chosen = (
            f"SELECT hash({parts}) FROM t WHERE {item.where} GROUP BY {parts} HAVING {item.having}"
        )
        return {item.name.removesuffix("_count"): f"{item.where} AND hash({parts}) IN ({chosen})"}
    if isinstance(item, Whole) and item.name == "duplicate_day_count":
        twice = "SELECT calendar_date FROM t GROUP BY calendar_date HAVING count(*) > 1"
        return {"duplicate_day": f"calendar_date IN ({twice})"}
    return {}


def _value_test(item: Values, name: str, context: Mapping[str, str]) -> str:
    """A phone number is held against the plan's general form: the library that the count asks is
    not in the database."""
    test = value_test(item, name)
    plan = plan_sql(name, context["region"].strip("'")) if item.name == "invalid_phone" else ""
    return f"{test} OR NOT {name}_missing AND NOT {plan}" if plan else test


def _rows(
    report: Report, shape: Relation, tests: Mapping[str, str], context: Mapping[str, str]
) -> str:
    shown = _shown(report, shape)
    source = f"domain.{quote_ident(shape.table.physical)}"
    inner = filled(shape.sql(source, [*shown, *tests.values()], ["_pk"]), context)
    flags = [f"coalesce({test}, FALSE) AS {quote_ident(name)}" for name, test in tests.items()]
    return (
        f"WITH t AS ({inner})\nSELECT {quote_literal(shape.table.name)} AS datasource,\n  "
        + ",\n  ".join(["_pk", *map(quote_ident, shown), *flags])
        + "\nFROM t\nWHERE "
        + "\n   OR ".join(f"({test})" for test in tests.values())
    )


def _shown(report: Report, shape: Relation) -> list[str]:
    """The columns that the report reads, by documented name; all of a tag that several columns
    carry."""
    names: list[str] = []
    for tag in report.tags:
        if tag in shape.values:
            names += shape.values[tag]
        elif tag.startswith("fk-") or tag.endswith("customer-id"):
            names += ["customer_key"] if "customer_key" in shape.columns else []
        elif tag in shape.tags:
            names.append(column_for(tag))
    if "order_id" in shape.columns and report.id[3] in "TX":
        names.append("order_id")
    return list(dict.fromkeys(names))


def _listed(item: Item, shape: Relation) -> str:
    """The query of a figure that counts no rows of the table: different values, days, or rows that
    were not loaded."""
    name = quote_literal(shape.table.name)
    source = f"domain.{quote_ident(shape.table.physical)}"
    if isinstance(item, Loaded) and item.show == "without_key":
        return (
            f"SELECT {name} AS datasource, delivery_day, path, rows_read, rows_rejected\nFROM reports.ingest_files\n"
            f"WHERE feed = {name} AND rows_rejected > 0\nORDER BY delivery_day, path"
        )
    if isinstance(item, Whole) and item.name == "missing_day_count":
        return (
            f"WITH t AS ({shape.sql(source, ['calendar_date'])})\n"
            f"SELECT {name} AS datasource, CAST(day AS DATE) AS missing_day\n"
            "FROM (SELECT unnest(generate_series(min(calendar_date), max(calendar_date), INTERVAL 1 DAY)) AS day FROM t)\n"
            "WHERE CAST(day AS DATE) NOT IN (SELECT calendar_date FROM t WHERE calendar_date IS NOT NULL)\nORDER BY day"
        )
    if isinstance(item, Unique):
        return (
            f"WITH t AS ({shape.sql(source, [item.column, f'{item.column}_missing'])})\n"
            f"SELECT {name} AS datasource, {item.column}, count(*) AS row_count\nFROM t\n"
            f"WHERE NOT {item.column}_missing\nGROUP BY ALL\nORDER BY row_count DESC, {item.column}"
        )
    return ""

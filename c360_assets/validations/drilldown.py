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
    tests: dict[str, str] = {}
    for item in items:
        for name, test in _tests(item, shape, context).items():
            tests[name] = filled(test, context)
    statements = [_rows(report, shape, tests, context)] if tests else []
    listings = (_listing(item, shape) for item in items)
    statements += [listing for listing in listings if listing]
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
        return _value_tests(item, shape, context)
    if isinstance(item, Orders):
        return {item.name.removesuffix("_count"): _order_test(item)}
    if isinstance(item, Keys):
        return {item.name.removesuffix("_count"): _key_test(item, shape)}
    if isinstance(item, Whole) and item.name == "duplicate_day_count":
        repeated = "SELECT calendar_date FROM t GROUP BY calendar_date HAVING count(*) > 1"
        return {"duplicate_day": f"calendar_date IN ({repeated})"}
    return {}


def _value_tests(item: Values, shape: Relation, context: Mapping[str, str]) -> dict[str, str]:
    columns = shape.values[item.tag]
    tests = {}
    for column in columns:
        number = column.rsplit("_", 1)[-1]
        name = item.name if len(columns) == 1 else f"{item.name}_{number}"
        tests[name] = _value_test(item, column, context)
    return tests


def _order_test(item: Orders) -> str:
    orders = (
        f"SELECT order_id FROM t WHERE NOT order_id_missing GROUP BY order_id HAVING {item.when}"
    )
    test = f"order_id IN ({orders})"
    return f"{test} AND {item.rows}" if item.rows else test


def _key_test(item: Keys, shape: Relation) -> str:
    present = [name for name in item.optional if name in shape.columns]
    parts = ", ".join([*item.key, *present])
    # A hash, unlike a comparison, also finds keys of which a part is NULL.
    keys = f"SELECT hash({parts}) FROM t WHERE {item.where} GROUP BY {parts} HAVING {item.having}"
    return f"{item.where} AND hash({parts}) IN ({keys})"


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
    columns_sql = ",\n  ".join(["_pk", *map(quote_ident, shown), *flags])
    counted = "\n   OR ".join(f"({test})" for test in tests.values())
    datasource = quote_literal(shape.table.name)
    return (
        f"WITH t AS ({inner})\nSELECT {datasource} AS datasource,\n  {columns_sql}\n"
        f"FROM t\nWHERE {counted}"
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


def _listing(item: Item, shape: Relation) -> str:
    """The query of a figure that counts no rows of the table: different values, days, or rows that
    were not loaded."""
    name = quote_literal(shape.table.name)
    source = f"domain.{quote_ident(shape.table.physical)}"
    if isinstance(item, Loaded) and item.show == "without_key":
        return (
            f"SELECT {name} AS datasource, delivery_day, path, rows_read, rows_rejected\n"
            "FROM reports.ingest_files\n"
            f"WHERE feed = {name} AND rows_rejected > 0\nORDER BY delivery_day, path"
        )
    if isinstance(item, Whole) and item.name == "missing_day_count":
        days = "generate_series(min(calendar_date), max(calendar_date), INTERVAL 1 DAY)"
        present = "SELECT calendar_date FROM t WHERE calendar_date IS NOT NULL"
        return (
            f"WITH t AS ({shape.sql(source, ['calendar_date'])})\n"
            f"SELECT {name} AS datasource, CAST(day AS DATE) AS missing_day\n"
            f"FROM (SELECT unnest({days}) AS day FROM t)\n"
            f"WHERE CAST(day AS DATE) NOT IN ({present})\nORDER BY day"
        )
    if isinstance(item, Unique):
        column = item.column
        return (
            f"WITH t AS ({shape.sql(source, [column, f'{column}_missing'])})\n"
            f"SELECT {name} AS datasource, {column}, count(*) AS row_count\nFROM t\n"
            f"WHERE NOT {column}_missing\nGROUP BY ALL\nORDER BY row_count DESC, {column}"
        )
    return ""

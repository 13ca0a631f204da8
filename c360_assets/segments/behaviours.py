"""What people did: purchases, e-mails opened and clicked, loyalty events, each counted over a table
of events.

A behaviour is a row of `BEHAVIOURS`; reading one from YAML is here, other conditions belong to
`definition`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from c360_assets.segments.conditions import TableTest
from c360_assets.segments.schema import Column, Schema
from c360_assets.segments.values import (
    COMPARED,
    ValueProblemError,
    check_operator,
    kind_of,
    operand,
    test_sql,
)
from c360_assets.semantics.closest import closest
from c360_assets.tenant.document import KeyPath
from c360_assets.warehouse.sql import quote_ident


@dataclass(frozen=True)
class Behaviour:
    """A kind of events: their table, which rows count, when they happened, and what is counted.

    Orders are counted, or rows; `summed` is what `sum` adds up where it names no column.
    """

    table: str
    rows_sql: str
    moment: str
    counts_orders: bool
    summed: str | None


# A row without an order is no order's, as in unified_transactions.
_ITEM = (
    "{t}.is_return IS NOT TRUE AND {t}.is_cancellation IS NOT TRUE AND NOT is_blank({t}.order_id)"
)
_EMAIL_EVENT = "lower(trim({{t}}.event_type)) IN ({})"
BEHAVIOURS: Mapping[str, Behaviour] = {
    "bought": Behaviour(
        "unified_itemized_transactions", _ITEM, "order_datetime", True, "item_revenue"
    ),
    "opened": Behaviour(
        "unified_email_events",
        _EMAIL_EVENT.format("'open', 'opened', 'email open', 'email opened'"),
        "event_datetime",
        False,
        None,
    ),
    "clicked": Behaviour(
        "unified_email_events",
        _EMAIL_EVENT.format("'click', 'clicked', 'email click', 'email clicked'"),
        "event_datetime",
        False,
        None,
    ),
    "earned": Behaviour(
        "unified_loyalty_events",
        "{t}.accrual_amount > 0",
        "event_datetime",
        False,
        "accrual_amount",
    ),
}
SPANS = ("within", "before", "after")
COUNTS = ("at_least", "at_most")
OWN_KEYS = (*SPANS, *COUNTS, "sum")
SUM_OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte")


class BehaviourProblemError(Exception):
    """What is wrong with a behaviour, and below which of its keys."""

    def __init__(self, path: KeyPath, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.remedy = remedy


def behaviour_test(name: str, item: Mapping[str, Any], schema: Schema) -> TableTest:
    """The test of a behaviour. Raises BehaviourProblemError."""
    behaviour = BEHAVIOURS[name]
    table = schema.table(behaviour.table)
    if table is None:
        message = f"the database {schema.database} has no {behaviour.table} with amperity_id"
        raise BehaviourProblemError((), message)
    alias = quote_ident(table)
    conditions = [behaviour.rows_sql.format(t=alias)]
    for key, value in item.items():
        if key in SPANS:
            conditions.append(_span_sql(behaviour, table, schema, key, value))
        elif key not in OWN_KEYS:
            conditions += _filter_sql(table, schema, key, value)
    rows_sql = " AND ".join(f"({condition})" for condition in conditions)
    counted = f"DISTINCT {_order_sql(table, schema)}" if behaviour.counts_orders else "*"
    text = f"{name} {_shown(item)}".strip()
    if "sum" in item:
        return _sum_test(behaviour, table, schema, item, rows_sql, text)
    outcome = _count_outcome(item)
    if outcome == "{} >= 1":
        return TableTest(table, f"bool_or({rows_sql})", text, is_aggregate=True)
    aggregate = f"count({counted}) FILTER (WHERE {rows_sql})"
    return TableTest(table, aggregate, text, outcome.replace("{}", "COALESCE({}, 0)"), True)


def _order_sql(table: str, schema: Schema) -> str:
    """Which order a row is of, as unified_transactions tells orders apart."""
    alias = quote_ident(table)
    order = f"clean({alias}.order_id)"
    if "datasource" in schema.order_key and "datasource" in schema.tables[table]:
        return f"({alias}.datasource, {order})"
    return order


def _shown(item: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in item.items())


def _column(table: str, schema: Schema, name: str) -> Column:
    columns = schema.tables[table]
    for column, type_ in columns.items():
        if column.lower() == name.lower():
            return Column(table, column, type_)
    nearest = closest(name.lower(), [*columns, *OWN_KEYS])
    remedy = f"did you mean {nearest}?" if nearest else f"besides columns: {', '.join(OWN_KEYS)}"
    raise BehaviourProblemError((name,), f"{table} has no column {name}", remedy)


def _span_sql(behaviour: Behaviour, table: str, schema: Schema, key: str, value: Any) -> str:
    column = _column(table, schema, behaviour.moment)
    return _tested(column, key, value, (key,))


def _tested(column: Column, operator: str, value: Any, path: KeyPath) -> str:
    kind = kind_of(column.type)
    column_sql = f"{quote_ident(column.table)}.{quote_ident(column.name)}"
    try:
        check_operator(operator, kind, column.name)
        return test_sql(column_sql, kind, operator, value)
    except ValueProblemError as problem:
        raise BehaviourProblemError(path, problem.message, problem.remedy) from None


def _filter_sql(table: str, schema: Schema, name: str, value: Any) -> Iterator[str]:
    column = _column(table, schema, name)
    if isinstance(value, dict):
        for operator, operand_value in value.items():
            yield _tested(column, operator, operand_value, (name, operator))
        return
    yield _tested(column, "in" if isinstance(value, list) else "eq", value, (name,))


def _count_outcome(item: Mapping[str, Any]) -> str:
    for key in COUNTS:
        value = item.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BehaviourProblemError((key,), "must be a whole number, zero or more")
    at_least = item.get("at_least", 0 if "at_most" in item else 1)
    if "at_most" not in item:
        if at_least == 0:
            raise BehaviourProblemError(("at_least",), "always holds: everybody has at least 0")
        return f"{{}} >= {at_least}"
    if at_least > item["at_most"]:
        message = f"can never hold: at least {at_least} and at most {item['at_most']}"
        raise BehaviourProblemError(("at_most",), message)
    lowest = f"{{}} >= {at_least} AND " if at_least else ""
    return f"{lowest}{{}} <= {item['at_most']}"


def _sum_test(
    behaviour: Behaviour,
    table: str,
    schema: Schema,
    item: Mapping[str, Any],
    rows_sql: str,
    text: str,
) -> TableTest:
    counts = [key for key in COUNTS if key in item]
    if counts:
        message = f"has both sum and {counts[0]}"
        raise BehaviourProblemError((counts[0],), message, "write two conditions")
    name, limits = _summed(behaviour, item["sum"])
    column = _column(table, schema, name)
    if kind_of(column.type) != "number":
        raise BehaviourProblemError(("sum",), f"{name} is no number, so it has no sum")
    tests = [f"COALESCE({{}}, 0) {sign} {limit}" for sign, limit in _sum_limits(limits)]
    aggregate = f"sum({quote_ident(table)}.{quote_ident(column.name)}) FILTER (WHERE {rows_sql})"
    return TableTest(table, aggregate, text, " AND ".join(tests), True)


def _summed(behaviour: Behaviour, value: Any) -> tuple[str, Mapping[str, Any]]:
    """The column that `sum` adds up, and the limits of the sum."""
    example = f"such as sum: {{{behaviour.summed or 'column'}: {{gt: 100}}}}"
    if not isinstance(value, dict) or not value:
        raise BehaviourProblemError(("sum",), "must say what the sum must be", example)
    if set(value) <= set(SUM_OPERATORS):
        if behaviour.summed is None:
            raise BehaviourProblemError(("sum",), "must name the column to add up", example)
        return behaviour.summed, value
    if len(value) != 1:
        raise BehaviourProblemError(("sum",), "must name one column", example)
    ((name, limits),) = value.items()
    if not isinstance(limits, dict):
        limits = {"eq": limits}
    return name, limits


def _sum_limits(limits: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    signs = []
    for operator, value in limits.items():
        if operator not in SUM_OPERATORS:
            message = f"there is no operator {operator} of a sum"
            raise BehaviourProblemError(("sum",), message, f"allowed: {', '.join(SUM_OPERATORS)}")
        try:
            signs.append((COMPARED[operator], operand(value, "number").sql))
        except ValueProblemError as problem:
            raise BehaviourProblemError(("sum",), problem.message, problem.remedy) from None
    return signs

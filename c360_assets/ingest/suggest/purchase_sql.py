"""The SQL of a custom domain table of what was bought, and its YAML.

No value of a file goes into it: words are those of `semantics`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from c360_assets.ingest.suggest.column import PURCHASE, Column
from c360_assets.ingest.suggest.flatten import FlatTable, table_sql, table_yaml
from c360_assets.ingest.suggest.goods_sql import (
    GOODS_AMOUNT,
    called_off_sql,
    goods_sql,
    has_own_amount,
    money,
)
from c360_assets.ingest.suggest.left_out import in_lines
from c360_assets.ingest.suggest.purchases import (
    DAY,
    IS_CANCELLATION,
    IS_RETURN,
    ORDER_ID,
    PRODUCT,
    QUANTITY,
    REVENUE,
    Orders,
    Refunds,
    lower_sql,
)
from c360_assets.semantics.tags import column_for
from c360_assets.tenant.base_models import physical_name
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.wording import counted

TAGS_OF_FIELD = re.compile(r"(  .+: \{tags: \[)(.*)\]\}")
UNITS, AMOUNT = column_for(QUANTITY), column_for(REVENUE)
# What an order without items is one unit of.
NO_ITEMS = {PRODUCT: "'order'", QUANTITY: "1"}


def purchase_table(orders: Orders, key: Sequence[str]) -> FlatTable:
    """The table; `key` tells the rows of its items apart."""
    source = physical_name(orders.items.name)
    name = f"CDT_{source.removeprefix('CDT_')}_Purchases"
    bought = _bought_sql(orders)
    # Names of columns are compared without case.
    key = [part.lower() if part.lower() in bought else part for part in key]
    kept = {part: quote_ident(part) for part in key if part not in bought}
    rows = _selected(kept | _forward(orders, bought) | _marks(orders, bought))
    sql = f"{_comment(orders)}WITH orders AS (\n{_orders_sql(orders)}\n)\n{rows}FROM orders\n"
    if orders.says_what_became:
        back = _selected(kept | _back(orders, bought) | _is("TRUE", "FALSE"))
        came_back = f"is_returned AND NOT is_cancelled AND {bought[AMOUNT]} > 0"
        came_back += " AND NOT is_refund" if orders.refunds is not None else ""
        sql += f"UNION ALL\n{back}FROM orders\nWHERE {came_back}\n"
    return FlatTable(name, sql, _yaml(orders, name, [*key, "is_return"]), has_persons=False)


def _selected(columns: dict[str, str]) -> str:
    """The beginning of a SELECT of these columns, each with its SQL."""
    listed = [
        sql if sql == quote_ident(column) else f"{sql} AS {_output(column)}"
        for column, sql in columns.items()
    ]
    return "SELECT\n  " + ",\n  ".join(listed) + "\n"


def _output(column: str) -> str:
    return column if column in {"is_return", "is_cancellation"} else quote_ident(column)


def _is(is_return: str, is_cancellation: str) -> dict[str, str]:
    return {"is_return": is_return, "is_cancellation": is_cancellation}


def _marks(orders: Orders, bought: dict[str, str]) -> dict[str, str]:
    """Whether a row is a return, a cancellation."""
    by_sign = _by_sign(orders, bought) if orders.has_negatives else "FALSE"
    if not orders.says_what_became:
        return _is(by_sign, "FALSE")
    is_return = f"is_returned AND {bought[AMOUNT]} <= 0"
    if orders.has_negatives:
        is_return += f" OR NOT is_cancelled AND {by_sign}"
    if orders.refunds is not None:
        is_return += " OR is_refund AND NOT is_cancelled"
    return _is(is_return, "is_cancelled")


def _by_sign(orders: Orders, bought: dict[str, str]) -> str:
    columns = [AMOUNT, *([UNITS] if QUANTITY in orders.item_tags else [])]
    return " AND ".join(f"{bought[column]} < 0" for column in columns)


def _forward(orders: Orders, bought: dict[str, str]) -> dict[str, str]:
    """The columns of what was bought; what was cancelled, or is a return itself, is below zero."""
    if not orders.says_what_became:
        # Of items the sign of the quantity says so itself.
        is_order = orders.has_negatives and QUANTITY not in orders.item_tags
        below = {UNITS: _negated(f"{bought[AMOUNT]} < 0", bought[UNITS])}
        return bought | (below if is_order else {})
    negated = "is_cancelled" if orders.refunds is None else "is_cancelled OR is_refund"
    return bought | {
        UNITS: _negated(f"{negated} OR is_returned AND {bought[AMOUNT]} < 0", bought[UNITS]),
        AMOUNT: _negated(negated, bought[AMOUNT]),
    }


def _negated(when: str, sql: str) -> str:
    return f"CASE WHEN {when} THEN -abs({sql}) ELSE {sql} END"


def _back(orders: Orders, bought: dict[str, str]) -> dict[str, str]:
    """The columns of an order that came back: the same, with amounts below zero."""
    units, amount = bought[UNITS], bought[AMOUNT]
    if orders.units_back is not None:
        back = f"abs({quote_ident(orders.units_back.output)})"
        share = f"least(1, {back} / nullif(abs({units}), 0))"
        return bought | {
            UNITS: f"-abs(CASE WHEN {back} > 0 THEN least({back}, abs({units})) ELSE {units} END)",
            AMOUNT: money(f"-abs(CASE WHEN {back} > 0 THEN {amount} * {share} ELSE {amount} END)"),
        }
    if orders.refunded is not None:
        back = f"abs({quote_ident(orders.refunded.output)})"
        back = f"({back} / 100.0)" if orders.goods is not None and orders.goods.hundredths else back
        part = f"{back} > 0 AND {back} < {amount}"
        paid_back = f"CASE WHEN {part} THEN {back} ELSE {amount} END"
    elif orders.whole_refund is not None:
        back, total = (f"abs({quote_ident(one.output)})" for one in orders.whole_refund)
        part = f"{back} > 0 AND {back} < {total}"
        paid_back = f"CASE WHEN {part} THEN {amount} * {back} / {total} ELSE {amount} END"
    else:
        return bought | {UNITS: f"-abs({units})", AMOUNT: f"-abs({amount})"}
    # A part of the money back is none of the goods.
    return bought | {
        UNITS: f"CASE WHEN {part} THEN 0 ELSE -abs({units}) END",
        AMOUNT: money(f"-abs({paid_back})"),
    }


def _bought_sql(orders: Orders) -> dict[str, str]:
    """The columns of the table, each with its SQL over `orders`."""
    of_items = {tag: quote_ident(column.output) for tag, column in orders.item_tags.items()}
    of_head = {tag: f'"head_{column.output}"' for tag, column in orders.head_tags.items()}
    by_tag = NO_ITEMS | of_head | of_items
    bought = {column_for(tag): sql for tag, sql in by_tag.items()}
    if QUANTITY in orders.item_tags:
        bought[UNITS] = _units_sql(orders, bought)
        if orders.units_cancelled is not None:
            bought[UNITS] = f"({bought[UNITS]} - {called_off_sql(orders, '')})"
    if orders.goods is not None and has_own_amount(orders):
        bought[AMOUNT] = quote_ident(GOODS_AMOUNT)
    if orders.time is not None:
        bought[column_for(DAY)] = _moment_sql(orders, by_tag[DAY])
    for column in orders.links:
        own = quote_ident(column.output)
        bought[_link_name(column)] = own if orders.head is None else f'"head_{column.output}"'
    return bought


def _units_sql(orders: Orders, bought: dict[str, str]) -> str:
    """The units of a row: what is sold by weight or length is one at least."""
    units = bought[UNITS]
    if orders.item_tags[QUANTITY].type == "integer":
        return units
    if not orders.has_weights:
        return f"round({units})::BIGINT"
    at_least_one = f"greatest(1, round(abs({units})))::BIGINT"
    return f"(CASE WHEN {units} < 0 THEN -1 ELSE 1 END * {at_least_one})"


def _moment_sql(orders: Orders, day: str) -> str:
    """The moment of a day and a time of day that stand in two columns, both in local time."""
    assert orders.time is not None
    prefix = "" if orders.head is None or DAY not in orders.head_tags else "head_"
    time = quote_ident(f"{prefix}{orders.time.output}")
    of_day = f"TRY_CAST({time} AS TIME)"
    if orders.has_half_days:
        letters = f"replace(replace(upper({time}), '.', ''), ' ', '')"
        of_day = f"TRY_STRPTIME({letters}, ['%I:%M%p', '%I:%M:%S%p'])::TIME"
    seconds = f"to_seconds(coalesce(epoch({of_day}), 0))"
    zone = quote_literal(orders.items.zone)
    return f"timezone({zone}, timezone({zone}, {day}) + {seconds})"


def _link_name(column: Column) -> str:
    return _link_tag(column).replace("-", "_")


def _link_tag(column: Column) -> str:
    # The last one is that of the person in the order itself, where that is there too.
    return [tag for tag in column.tags if tag.startswith("fk-")][-1]


def _orders_sql(orders: Orders) -> str:
    """The rows of items, with the columns of their orders as `head_…`, and what became of them."""
    source = physical_name(orders.items.name)
    columns = ["items.*"]
    joined = ""
    if orders.head is not None and orders.head_key is not None:
        used = [*orders.head_tags.values(), *orders.links]
        used += [orders.time] if orders.time is not None and DAY in orders.head_tags else []
        outputs = dict.fromkeys(column.output for column in used)
        columns += [f'head.{quote_ident(output)} AS "head_{output}"' for output in outputs]
        own_key = quote_ident((orders.key or orders.item_tags[ORDER_ID]).output)
        head_key = quote_ident(orders.head_key.output)
        joined = (
            f"\n  JOIN {table_sql(physical_name(orders.head.name))} AS head"
            f"\n    ON head.{head_key}::VARCHAR = items.{own_key}::VARCHAR"
        )
    if orders.goods is not None and has_own_amount(orders):
        columns.append(f"{goods_sql(orders, orders.goods)} AS {GOODS_AMOUNT}")
    if orders.says_what_became:
        columns += [f"{sql} AS {name}" for name, sql in _became_sql(orders).items()]
    selected = ",\n    ".join(columns)
    tests = "\n    AND ".join(rows.sql(table) for table, rows in orders.left_out)
    kept = f"\n  WHERE {tests}" if tests else ""
    return f"  SELECT\n    {selected}\n  FROM {table_sql(source)} AS items{joined}{kept}"


def _became_sql(orders: Orders) -> dict[str, str]:
    """Whether a row was cancelled, and whether it came back."""
    cancelled, returned = [], []
    if orders.states is not None:
        cancelled.append(_any_state(orders, orders.states.cancelled))
        returned.append(_any_state(orders, orders.states.returned))
    for flag in orders.flags:
        yes = f"coalesce(items.{quote_ident(flag.column.output)}, FALSE)"
        (cancelled if flag.is_cancellation else returned).append(yes)
    if orders.units_cancelled is not None:
        off = f"items.{quote_ident(orders.units_cancelled.output)}"
        units = f"items.{quote_ident(orders.item_tags[QUANTITY].output)}"
        cancelled.append(f"coalesce({off} >= {units} AND {off} > 0, FALSE)")
    back = [orders.units_back, orders.refunded, (orders.whole_refund or (None,))[0]]
    returned += [
        f"coalesce(abs(items.{quote_ident(one.output)}) > 0, FALSE)"
        for one in back
        if one is not None
    ]
    became = {
        "is_cancelled": " OR ".join(cancelled or ["FALSE"]),
        "is_returned": " OR ".join(returned or ["FALSE"]),
    }
    if orders.refunds is not None:
        became["is_refund"] = _is_refund_sql(orders.refunds)
    return became


def _is_refund_sql(refunds: Refunds) -> str:
    listed = in_lines(list(map(quote_literal, refunds.words)))
    kind = lower_sql(f"items.{quote_ident(refunds.column.output)}")
    return f"coalesce({kind} IN ({listed}), FALSE)"


def _any_state(orders: Orders, words: tuple[str, ...]) -> str:
    assert orders.states is not None
    listed = in_lines(list(map(quote_literal, words)))
    own = set(map(id, orders.items.columns))
    tests = [
        f"coalesce({lower_sql(f'{table}.{quote_ident(column.output)}')} IN ({listed}), FALSE)"
        for table, column in (
            ("items" if id(column) in own else "head", column) for column in orders.states.columns
        )
    ]
    return f"({' OR '.join(tests)})"


def _comment(orders: Orders) -> str:
    source = physical_name(orders.items.name)
    lines = [f"One row for each row of {source}, as what was bought."]
    if orders.head is not None:
        head = physical_name(orders.head.name)
        lines.append(
            f"Days and customers are those of {head}; items without an order are left out."
        )
    if QUANTITY not in orders.item_tags or PRODUCT not in orders.item_tags:
        lines.append("GUESSED: where it says no product or quantity, a row is one unit of 'order'.")
    lines += orders.goods.notes if orders.goods is not None else ()
    if orders.has_weights:
        lines.append("GUESSED: quantities with fractions are weights, each of one unit or more.")
    if orders.refunded is not None:
        lines.append(
            f"What was paid back is {orders.refunded.output}; where it is a part of the amount, no "
            "unit came back."
        )
    if orders.whole_refund is not None:
        back = orders.whole_refund[0].output
        lines.append(
            f"What was paid back of the whole order is {back}; of a part each row has its share, "
            "and no unit came back."
        )
    if orders.units_back is not None:
        back = orders.units_back.output
        lines.append(f"Units that came back are {back}, each with its share of the row's amount.")
    if orders.units_cancelled is not None:
        lines.append(f"Units that were called off are {orders.units_cancelled.output}.")
    for flag in orders.flags:
        what = "cancelled" if flag.is_cancellation else "returned"
        lines.append(f"Rows of which {flag.column.output} is true are {what}.")
    if orders.refunds is not None:
        rows, kind = counted(orders.refunds.rows, "row"), orders.refunds.column.output
        lines.append(f"{rows} of the sample that {kind} calls so took back what others sold.")
    if orders.has_negatives:
        lines.append("Rows of amounts below zero are returns.")
    if orders.states is not None:
        sample = (orders.head or orders.items).sample.frame.height
        lines.append(f"Of the sample's {sample} orders' rows, {orders.states.in_words}.")
        lines.append("A cancelled one is no purchase; one that came back is bought and returned.")
    lines += [rows.in_words for _, rows in orders.left_out]
    return "".join(f"-- {line}\n" for line in lines)


def _yaml(orders: Orders, name: str, key: Sequence[str]) -> str:
    by_tag = {column_for(tag): tag for tag in (NO_ITEMS | orders.head_tags | orders.item_tags)}
    by_tag |= {AMOUNT: REVENUE, "is_return": IS_RETURN, "is_cancellation": IS_CANCELLATION}
    for column in orders.links:
        by_tag[_link_name(column)] = _link_tag(column)
    tags = [f"  {column}: {{tags: [{tag}]}}" for column, tag in by_tag.items()]
    return table_yaml(name, key, tags)


def with_tag(table: FlatTable, column: Column) -> FlatTable:
    """The table of persons with the tag of a column by which another table names them."""
    name = column.output
    line = f"  {name}: {{tags: [{column.tags[-1]}]}}"
    kept = [one for one in table.yaml.rstrip().splitlines() if not one.startswith(f"  {name}: ")]
    return replace(table, yaml="\n".join([*kept, line]) + "\n")


def without_purchases(table: FlatTable) -> FlatTable:
    """The table without tags of what was bought, which another table says."""
    lines = []
    for line in table.yaml.splitlines():
        tagged = TAGS_OF_FIELD.fullmatch(line)
        kept = [tag for tag in tagged[2].split(", ") if PURCHASE not in tag] if tagged else []
        if tagged is None or kept:
            lines.append(line if tagged is None else f"{tagged[1]}{', '.join(kept)}]}}")
    if lines[-1:] == ["fields:"]:
        lines.pop()
    return replace(table, yaml="\n".join(lines) + "\n")

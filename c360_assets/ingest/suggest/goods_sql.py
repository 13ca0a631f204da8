"""The SQL of what a row's goods cost, over the rows of items as `items`."""

from __future__ import annotations

from c360_assets.ingest.suggest.goods import Goods
from c360_assets.ingest.suggest.purchases import ORDER_ID, QUANTITY, Orders
from c360_assets.ingest.suggest.sums import Part
from c360_assets.warehouse.sql import quote_ident

GOODS_AMOUNT = "goods_amount"


def has_own_amount(orders: Orders) -> bool:
    """Whether what goods cost is computed, and stands in no column as it is."""
    goods = orders.goods
    return goods is not None and not (goods.is_plain and orders.units_cancelled is None)


def goods_sql(orders: Orders, goods: Goods) -> str:
    """What a row's goods cost, with what is taken off and without units that were called off."""
    amount = f"items.{quote_ident(goods.amount.output)}"
    units = ""
    if QUANTITY in orders.item_tags:
        units = f"items.{quote_ident(orders.item_tags[QUANTITY].output)}"
    whole = f"({units} * {amount})" if goods.is_price else amount
    sql = whole
    for part in goods.parts:
        sql = _less(sql, part, whole, units, orders)
    if goods.hundredths:
        sql = f"({sql}) / 100.0"
    if orders.units_cancelled is not None:
        kept = f"1 - {called_off_sql(orders, 'items.')}::DOUBLE / nullif({units}, 0)"
        sql = f"({sql}) * coalesce({kept}, 1)"
    return money(sql)


def money(sql: str) -> str:
    """An amount in units of money, rounded."""
    return f"round({sql}, 2)::DECIMAL(38, 2)"


def called_off_sql(orders: Orders, prefix: str) -> str:
    """Units of a row that were called off, where that were not all: those stay, as a cancellation.

    `prefix` is that of its columns."""
    assert orders.units_cancelled is not None
    off = f"{prefix}{quote_ident(orders.units_cancelled.output)}"
    units = f"{prefix}{quote_ident(orders.item_tags[QUANTITY].output)}"
    return f"(CASE WHEN {off} < {units} THEN {off} ELSE 0 END)"


def _less(sql: str, part: Part, whole: str, units: str, orders: Orders) -> str:
    off = f"coalesce(items.{quote_ident(part.column.output)}, 0)"
    if part.kind == "percent":
        return f"({sql}) * (1 - {off} / 100.0)"
    if part.kind == "order":
        order = f"PARTITION BY items.{quote_ident(orders.item_tags[ORDER_ID].output)}"
        share = f"max(abs({off})) OVER ({order}) / nullif(sum({whole}) OVER ({order}), 0)"
        return f"({sql}) * (1 - coalesce({share}, 0))"
    if part.kind == "in":
        return f"{sql} - {off}"
    if part.kind == "paid":
        return f"{sql} + abs({off})"
    off = f"{off} * {units}" if part.kind == "unit" else off
    return f"{sql} - sign({whole}) * abs({off})"

"""Columns beside an amount that say what of it was paid back."""

from __future__ import annotations

import re

import polars as pl

from c360_assets.ingest.suggest.amount_names import money_back
from c360_assets.ingest.suggest.column import NUMBERS, Column
from c360_assets.ingest.suggest.column_names import plain_header
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.goods import is_of_order
from c360_assets.ingest.suggest.purchases import ORDER_ID

TOTAL = re.compile(
    r"(order|grand|invoice)?[ _]*(total|amount|value)([ _]*(price|paid|amount))?", re.I
)
# Of an order, on each of its items.
WHOLE_REFUNDED = re.compile(r"order[ _]*((total|amount)[ _]*refunded|refunded[ _]*total)", re.I)
WHOLE_TOTAL = re.compile(r"order[ _]*(grand[ _]*)?total([ _]*(price|amount|paid))?", re.I)


def refunded_column(draft: Draft, tags: dict[str, Column]) -> Column | None:
    """What was paid back, where a column beside the amount says so."""
    taken = [id(column) for column in tags.values()]
    back = [one for one in money_back(draft.columns) if id(one) not in taken]
    return next(iter(back), None)


def is_of_whole_refund(refunded: Column, order_id: Column, frame: pl.DataFrame) -> bool:
    is_called = WHOLE_REFUNDED.fullmatch(plain_header(refunded.name)) is not None
    return is_called or is_of_order(refunded, order_id, frame)


def whole_refund(
    draft: Draft, tags: dict[str, Column], refunded: Column
) -> tuple[Column, Column] | None:
    """What was paid back of the whole order and what that cost, where rows of items say both."""
    named = [one for one in draft.columns if _is_amount(one, WHOLE_TOTAL)]
    totals = [one for one in draft.columns if _is_amount(one, TOTAL)]
    frame = draft.sample.frame
    whole = [one for one in totals if is_of_order(one, tags[ORDER_ID], frame)]
    total = next(iter([*named, *whole]), None)
    if total is None:
        refunded.notes.append(
            "CHECK: what was paid back of whole orders, of which no column says what they cost: "
            "what came back is not counted"
        )
        return None
    return refunded, total


def _is_amount(column: Column, pattern: re.Pattern[str]) -> bool:
    is_number = column.type in NUMBERS and column.inferred.number is None
    return is_number and pattern.fullmatch(plain_header(column.name)) is not None

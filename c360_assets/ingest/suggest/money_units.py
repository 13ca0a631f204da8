"""Whether amounts are written in cents, as programs hand them over: `1999` for 19.99.

What an amount means is for `goods`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from c360_assets.ingest.suggest.amount_names import CENTS, amounts_in, words_of
from c360_assets.ingest.suggest.column import PURCHASE, Column
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.goods import Goods, is_near
from c360_assets.ingest.suggest.line_totals import QUANTITY, numbers
from c360_assets.ingest.suggest.sums import count
from c360_assets.semantics.currencies import PRICED_IN_CENTS

CURRENCY = f"{PURCHASE}currency"
FRACTION = r"[.,]\d{1,2}\D*$"
# A currency or thousands beside digits, as people read amounts: cents come as bare digits.
FOR_READERS = r"\d[,' \u00a0\u202f]\d{3}|\p{Sc}|[^\W\d_]"
FEWEST_CENTS = 20  # amounts, from which on they show it
CENTS_FROM, CENTS_ODD = 300, 0.5  # the median of what may be cents, the share that is no hundreds
CENTS_SURE = 0.3  # the share that is no multiple of five


def in_units_of_money(
    goods: Goods, tags: Mapping[str, Column], columns: Sequence[Column], frame: pl.DataFrame
) -> Goods:
    """The goods by amounts that are not written in cents, as far as it can be told."""
    amounts = [one for one in amounts_in(columns) if one is not tags.get(QUANTITY)]
    name, values = goods.amount.output, numbers(goods.amount, frame)
    if CENTS.search(words_of(goods.amount)) is not None:
        rows = (values != 0).fill_null(False)
        for other in amounts:
            if not goods.parts and is_near(values / 100, numbers(other, frame), rows):
                return replace(goods, amount=other)
        note = f"{name} is in cents, as its name says: divided by 100."
        return replace(goods, hundredths=True, notes=(*goods.notes, note))
    if not _may_be_cents(goods.amount, amounts, frame):
        return goods
    if CURRENCY in tags and _are_surely_cents(values, frame[tags[CURRENCY].name]):
        note = f"GUESSED: {name} is in cents, as no prices are: divided by 100."
        return replace(goods, hundredths=True, notes=(*goods.notes, note))
    note = (
        f"CHECK: {name} has whole numbers only, as amounts in cents have: divide them by 100 where "
        "they are."
    )
    return replace(goods, notes=(*goods.notes, note))


def _may_be_cents(column: Column, amounts: Sequence[Column], frame: pl.DataFrame) -> bool:
    """Whether amounts are whole numbers as no prices are, and no amount of the feed is another."""
    texts = [present(frame[one.name]).cast(pl.String) for one in amounts]
    if any(one.str.contains(FRACTION).any() for one in texts):
        return False
    if present(frame[column.name]).cast(pl.String).str.contains(FOR_READERS).any():
        return False
    values = numbers(column, frame).drop_nulls().abs()
    values = values.filter(values > 0)
    median = values.median()
    if len(values) < FEWEST_CENTS or not isinstance(median, float) or median < CENTS_FROM:
        return False
    return count(values % 100 != 0) >= CENTS_ODD * len(values)


def _are_surely_cents(values: pl.Series, currency: pl.Series) -> bool:
    """Whether amounts are no round numbers in currencies in which prices have cents."""
    codes = set(present(currency).cast(pl.String).str.to_uppercase().unique())
    amounts = values.drop_nulls()
    odd = count(amounts % 5 != 0)
    return bool(codes) and codes <= PRICED_IN_CENTS and odd >= CENTS_SURE * len(amounts)

"""What an amount of items is, told by arithmetic: that of a line, or of an order on each line.

Which columns are meant is told by their names, in `table_tags`; an export that repeats what an
order cost on each of its lines would count it as often as it has lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

import polars as pl

from c360_assets.ingest.suggest.column import NUMBERS, PURCHASE, Column
from c360_assets.ingest.suggest.column_names import is_identifier_name
from c360_assets.ingest.suggest.column_types import present

ORDER_ID, QUANTITY = f"{PURCHASE}order-id", f"{PURCHASE}item-quantity"
REVENUE, UNIT_PRICE = f"{PURCHASE}item-revenue", f"{PURCHASE}unit-list-price"
FEWEST_ORDERS = 5  # of several lines that differ, from which on they tell
FEWEST_SEVERAL = 3  # lines of several units, without which a price is a total too
NEARLY_ALL = 0.95
CENT = 0.011
MOST_UNITS, MOST_AMOUNTS = 1000, 6
UNITS_NOTE = "GUESSED: how many were bought, as {price} times it is {total}"


def is_of_whole_order(tags: Mapping[str, Column], frame: pl.DataFrame) -> bool:
    """Whether the revenue of items repeats on lines of an order that differ in what they cost."""
    if not {ORDER_ID, REVENUE, QUANTITY, UNIT_PRICE} <= tags.keys():
        return False
    lines = pl.DataFrame(
        {
            "order": frame[tags[ORDER_ID].name].cast(pl.String),
            "revenue": numbers(tags[REVENUE], frame),
            "product": _products(tags, frame),
        }
    )
    orders = lines.group_by("order").agg(
        pl.len().alias("lines"), pl.col("revenue").n_unique(), pl.col("product").n_unique()
    )
    unlike = orders.filter((pl.col("lines") > 1) & (pl.col("product") > 1))
    repeated = unlike.filter(pl.col("revenue") == 1)
    return len(unlike) >= FEWEST_ORDERS and len(repeated) >= NEARLY_ALL * len(unlike)


def line_total(
    tags: Mapping[str, Column], columns: Iterable[Column], frame: pl.DataFrame
) -> Column | None:
    """The column that holds price times quantity of nearly all lines, None where none does."""
    if not {QUANTITY, UNIT_PRICE} <= tags.keys():
        return None
    products = _products(tags, frame)
    several = numbers(tags[QUANTITY], frame).abs() > 1
    if several.sum() < FEWEST_SEVERAL:
        return None
    for column in columns:
        if column.type not in NUMBERS or column in (tags[QUANTITY], tags[UNIT_PRICE]):
            continue
        is_near = (numbers(column, frame) - products).abs() < CENT
        if is_near.sum() >= NEARLY_ALL * len(frame):
            return column
    return None


def units_by_product(
    tags: Mapping[str, Column], columns: Iterable[Column], frame: pl.DataFrame
) -> dict[str, Column]:
    """The columns of units, price and amount by tag, of items whose units are called by a word that
    is not known: of nearly all lines the amount is price times units. Empty where none are."""
    if QUANTITY in tags or ORDER_ID not in tags:
        return {}
    named = [tags.get(tag) for tag in (REVENUE, UNIT_PRICE)]
    amounts = [one for one in columns if one.type in NUMBERS]
    counts = [one for one in amounts if one.type == "integer" and _may_be_units(one, frame)]
    prices = [one for one in amounts if not is_identifier_name(one.name)]
    for units, price, total in product(counts[:MOST_AMOUNTS], prices, prices):
        is_other = units not in (price, total) and price is not total and total is not named[1]
        if is_other and price is not named[0] and _is_product(units, price, total, frame):
            units.notes = [UNITS_NOTE.format(price=price.output, total=total.output)]
            return {QUANTITY: units, UNIT_PRICE: price, REVENUE: total}
    return {}


def _may_be_units(column: Column, frame: pl.DataFrame) -> bool:
    if column.tags or column.lost_digits or is_identifier_name(column.name):
        return False
    units = numbers(column, frame)
    return int((units > 1).sum()) >= FEWEST_SEVERAL and bool((units.abs() < MOST_UNITS).all())


def _is_product(units: Column, price: Column, total: Column, frame: pl.DataFrame) -> bool:
    counted, each = numbers(units, frame), numbers(price, frame)
    is_near = (numbers(total, frame) - counted * each).abs() < CENT
    tells = is_near & (counted > 1) & (each != 0)
    return is_near.sum() >= NEARLY_ALL * len(frame) and tells.sum() >= FEWEST_SEVERAL


def _products(tags: Mapping[str, Column], frame: pl.DataFrame) -> pl.Series:
    return (numbers(tags[QUANTITY], frame) * numbers(tags[UNIT_PRICE], frame)).round(4)


# The dots and dashes of currencies are none of the number: `Rs. 990/-`, `12.50 ر.س`, `5.-`.
CURRENCY_SIGNS = r"[^\W\d_]+/?\.|/-|[.,]-$"


def numbers(column: Column, frame: pl.DataFrame) -> pl.Series:
    """A column's values as numbers, of the frame's length; what is none is null."""
    values = frame[column.name].cast(pl.String)
    if len(present(values)) == 0:
        return pl.Series([None] * len(values), dtype=pl.Float64)
    form = column.inferred.number
    bare = values.str.replace_all(CURRENCY_SIGNS, "").str.replace_all(r"[^\d.,\-]", "")
    if form is not None:
        other = "," if form.decimal == "." else "."
        bare = bare.str.replace_all(other, "", literal=True).str.replace(
            form.decimal, ".", literal=True
        )
    return bare.cast(pl.Float64, strict=False)

"""What the goods of a row cost, after discounts and without shipping, told by arithmetic.

Exports hold several amounts: before and after discounts, with and without taxes, of one unit, of a
line, of a whole order. Which is which shows where they differ: an amount that is another one less
the discount is after it. What cannot be told is said in `notes`, for a person to look at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import polars as pl

from c360_assets.ingest.suggest.amount_names import (
    BACK,
    DISCOUNT,
    FEE,
    FEWEST_ROWS,
    RATE,
    SHIPPING,
    TAX,
    TIP,
    amounts_in,
    called,
    filled,
    without_tax_twin,
    words_of,
)
from c360_assets.ingest.suggest.column import NUMBERS, PURCHASE, Column
from c360_assets.ingest.suggest.column_names import MONEY_NAME
from c360_assets.ingest.suggest.line_totals import (
    CENT,
    FEWEST_ORDERS,
    NEARLY_ALL,
    ORDER_ID,
    QUANTITY,
    REVENUE,
    UNIT_PRICE,
    numbers,
)
from c360_assets.ingest.suggest.sums import (
    LOOKED_AT,
    MANY,
    Part,
    count,
    one_sum,
    parts_in,
    signed,
    sum_of,
)

PRODUCT = f"{PURCHASE}product-id"
MOST_PAIRED = 4  # discounts of which two are tried together
MOST_PARTS, MOST_AMOUNTS = 9, 12  # of a whole order, that are tried
NEAR = 0.02
NOT_PAID = re.compile(r"cost|profit|margin|balance|budget|credit|debit|points?|list", re.IGNORECASE)
OF_UNIT = re.compile(r"unit|each|per[ _]|stuck|unitario|unitaire", re.IGNORECASE)


@dataclass(frozen=True)
class Goods:
    """What a row's goods cost: `amount`, times the units where it `is_price`, of which `parts` are
    taken off; `hundredths` where it is written in cents. `notes` say what was seen or guessed."""

    amount: Column
    is_price: bool
    parts: tuple[Part, ...] = ()
    hundredths: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the amount's column says it as it stands."""
        return not (self.is_price or self.parts or self.hundredths)


def goods_of_lines(
    tags: Mapping[str, Column], columns: Sequence[Column], frame: pl.DataFrame
) -> Goods | None:
    """What rows of items cost; None where no column says so."""
    amounts = [one for one in amounts_in(columns) if one is not tags.get(QUANTITY)]
    goods = _named(tags, frame)
    discounts = filled(called(DISCOUNT, _of_goods(amounts)), frame)
    if goods is None:
        found = _less_a_discount(amounts, discounts, frame)
        if found is not None:
            after, before, taken = found
            goods = replace(_of_line_or_unit(before, tags, frame), amount=after)
            if len(taken) > 1:
                names = " and ".join(one.output for one in taken)
                note = f"{after.output} is {before.output} less {names}."
                goods = replace(goods, notes=(*goods.notes, note))
                discounts = [one for one in discounts if one not in taken]
    if goods is None and (QUANTITY in tags or PRODUCT in tags):
        goods = _by_any_name(tags, amounts, frame)
    if REVENUE in tags and _is_missing_of_products(tags, frame):
        without = {tag: column for tag, column in tags.items() if tag != REVENUE}
        goods = _named(without, frame) or _price_in_total(tags, amounts, frame) or goods
    if goods is None:
        return None
    goods = _without_tax(goods, tags, amounts, frame)
    goods = _without_shipping(goods, tags, amounts, frame)
    for discount in [*_without_sums(discounts, tags, frame), *_percents(columns, frame)]:
        goods = _after(goods, discount, tags, amounts, frame)
    return goods


def goods_of_order(
    tags: Mapping[str, Column], columns: Sequence[Column], frame: pl.DataFrame
) -> Goods:
    """What the goods of whole orders cost, of which the revenue's column says all that was paid."""
    total = tags[REVENUE]
    amounts = [one for one in amounts_in(columns) if one is not total]
    amounts = [one for one in amounts if BACK.search(words_of(one)) is None]
    parts = parts_in(amounts, frame)
    others = filled([one for one in amounts if one.name not in parts], frame)[:MOST_AMOUNTS]
    found = sum_of(total, others, list(parts.values())[:MOST_PARTS], frame)
    name = total.output
    if found is not None:
        taken = tuple(part for part in found if part.kind != "line")
        goods = Goods(total, is_price=False, parts=taken, notes=tuple(_about_parts(name, taken)))
        return goods
    notes: tuple[str, ...] = ()
    inside = [part.column.output for part in parts.values() if part.kind == "in"]
    if inside:
        notes = (
            f"CHECK: it cannot be told whether {name} holds {', '.join(inside)}: it counts as "
            "it stands.",
        )
    return Goods(total, is_price=False, notes=notes)


def _is_missing_of_products(tags: Mapping[str, Column], frame: pl.DataFrame) -> bool:
    """Whether the revenue's column is empty in rows of products: it is that of whole orders."""
    if not {PRODUCT, QUANTITY} <= tags.keys():
        return False
    products = _rows_of_products(tags, frame)
    missing = numbers(tags[REVENUE], products).null_count()
    return missing > (1 - NEARLY_ALL) * len(products)


def _rows_of_products(tags: Mapping[str, Column], frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(frame[tags[PRODUCT].name].cast(pl.String).str.strip_chars() != "")


def _price_in_total(
    tags: Mapping[str, Column], amounts: Sequence[Column], frame: pl.DataFrame
) -> Goods | None:
    """The price of which a total is the product with the quantity, and other parts."""
    total, frame = tags[REVENUE], _rows_of_products(tags, frame).head(LOOKED_AT)
    units = numbers(tags[QUANTITY], frame)
    parts = parts_in([one for one in amounts if one is not total], frame)
    others = [one for one in amounts if one is not total and one.name not in parts]
    products = [(one, numbers(one, frame) * units) for one in others[:MOST_AMOUNTS]]
    found = one_sum(total, products, list(parts.values())[:MOST_PARTS], frame)
    if found is None:
        return None
    price = found[0]
    note = f"{total.output} is that of whole orders; a row costs {price.output} times the quantity."
    return Goods(price, is_price=True, notes=(note,))


def _without_shipping(
    goods: Goods, tags: Mapping[str, Column], amounts: Sequence[Column], frame: pl.DataFrame
) -> Goods:
    """The amount of a line without shipping, taxes and tips that it holds, as sums show."""
    amounts = [one for one in amounts if one is not goods.amount and not BACK.search(words_of(one))]
    parts = parts_in(amounts, frame)
    if goods.is_price or not any(part.kind == "in" for part in parts.values()):
        return goods
    others = filled([one for one in amounts if one.name not in parts], frame)[:MOST_AMOUNTS]
    found = sum_of(goods.amount, others, list(parts.values())[:MOST_PARTS], frame, tags)
    taken = tuple(part for part in found or [] if part.kind != "line")
    notes = (*goods.notes, *_about_parts(goods.amount.output, taken))
    return replace(goods, parts=(*goods.parts, *taken), notes=notes)


def _of_goods(amounts: Sequence[Column]) -> list[Column]:
    """The amounts that are not those of shipping, taxes or money back."""
    others = {id(one) for kind in (SHIPPING, TAX) for one in called(kind, amounts)}
    return [one for one in amounts if id(one) not in others and not BACK.search(words_of(one))]


def _named(tags: Mapping[str, Column], frame: pl.DataFrame) -> Goods | None:
    """By the columns that are called so."""
    if REVENUE in tags:
        return Goods(tags[REVENUE], is_price=False)
    if {QUANTITY, UNIT_PRICE} <= tags.keys():
        return _of_line_or_unit(tags[UNIT_PRICE], tags, frame)
    return None


def _of_line_or_unit(column: Column, tags: Mapping[str, Column], frame: pl.DataFrame) -> Goods:
    """An amount that grows with the quantity of the same product is that of the line."""
    name = column.output
    grows = _grows(column, tags, frame)
    if QUANTITY not in tags:
        return Goods(column, is_price=False)
    if grows is None:
        note = (
            f"GUESSED: no column says what a row costs as a whole; it is {name} times the "
            "quantity, as nothing shows that it is the line's."
        )
        return Goods(column, is_price=True, notes=(note,))
    if grows:
        note = f"{name} is that of the line: it grows with the quantity of the same product."
        return Goods(column, is_price=False, notes=(note,))
    note = f"No column says what a row costs as a whole; it is {name} times the quantity."
    return Goods(column, is_price=True, notes=(note,))


def _grows(column: Column, tags: Mapping[str, Column], frame: pl.DataFrame) -> bool | None:
    """Whether an amount is that of all units of a row; None where nothing tells."""
    if not {PRODUCT, QUANTITY} <= tags.keys():
        return None
    lines = pl.DataFrame(
        {
            "product": frame[tags[PRODUCT].name].cast(pl.String),
            "units": numbers(tags[QUANTITY], frame).abs(),
            "amount": numbers(column, frame).abs(),
        }
    ).filter(pl.col("amount") > 0)
    of_one = lines.filter(pl.col("units") == 1).group_by("product")
    several = lines.filter(pl.col("units") > 1).join(
        of_one.agg(pl.col("amount").median().alias("one")), on="product"
    )
    ratio = several["amount"] / several["one"]
    as_price = int(((ratio - 1).abs() < NEAR).sum())
    as_line = int(((ratio / several["units"] - 1).abs() < NEAR).sum())
    if as_price + as_line < FEWEST_ROWS or as_price == as_line:
        return None
    return as_line > as_price


def is_near(one: pl.Series, other: pl.Series, rows: pl.Series) -> bool:
    """Whether two amounts are equal in nearly all of these rows."""
    near = ((one - other).abs() < CENT).filter(rows)
    number = count(rows)
    return number >= FEWEST_ROWS and count(near) >= NEARLY_ALL * number


def _less(amount: pl.Series, discount: pl.Series) -> pl.Series:
    """An amount less a discount, whatever the signs of both are."""
    return amount - amount.sign() * discount.abs()


def _less_a_discount(
    amounts: Sequence[Column], discounts: Sequence[Column], frame: pl.DataFrame
) -> tuple[Column, Column, tuple[Column, ...]] | None:
    """The first amount that is another one less a discount or two, that one, and these."""
    goods = _of_goods(amounts)
    pairs = combinations(discounts[:MOST_PAIRED], 2)
    for several in [*((one,) for one in discounts), *pairs]:
        off = sum_of_amounts(several, frame)
        rows = (off != 0).fill_null(False)
        taken = set(map(id, several))
        for after in goods:
            for before in goods:
                is_other = after is not before and not taken & {id(after), id(before)}
                if is_other and is_near(
                    numbers(after, frame), _less(numbers(before, frame), off), rows
                ):
                    return after, before, several
    return None


def sum_of_amounts(columns: Sequence[Column], frame: pl.DataFrame) -> pl.Series:
    """What the amounts of each row are together, whatever their signs."""
    total = numbers(columns[0], frame).abs()
    for column in columns[1:]:
        total = total.fill_null(0) + numbers(column, frame).abs().fill_null(0)
    return total


def _by_any_name(
    tags: Mapping[str, Column], amounts: Sequence[Column], frame: pl.DataFrame
) -> Goods | None:
    """By the first column that is called like money, and like nothing beside the goods."""
    beside = [id(one) for kind in (DISCOUNT, TIP, FEE) for one in called(kind, amounts)]
    for column in _of_goods(amounts):
        name = words_of(column)
        if MONEY_NAME.search(name) and not NOT_PAID.search(name) and id(column) not in beside:
            goods = _of_line_or_unit(column, tags, frame)
            note = f"GUESSED: {column.output} is what was paid, as no column is called so."
            return replace(goods, notes=(note, *goods.notes))
    return None


def _without_tax(
    goods: Goods, tags: Mapping[str, Column], amounts: Sequence[Column], frame: pl.DataFrame
) -> Goods:
    """The amount without the tax that stands in a column of its own, where it stands there too."""
    twin = without_tax_twin(goods.amount, filled(amounts, frame))
    if twin is not None:
        note = f"{goods.amount.output} is {twin.output} with taxes: that without."
        return replace(goods, amount=twin, notes=(*goods.notes, note))
    if goods.is_price:
        return goods
    amount = numbers(goods.amount, frame)
    for tax in filled(called(TAX, amounts), frame):
        part = numbers(tax, frame)
        rows = (part != 0).fill_null(False)
        for other in filled(amounts, frame):
            if other in (tax, goods.amount) or tags.get(UNIT_PRICE) is other:
                continue
            if tax is goods.amount:
                continue  # it would be itself and nothing
            if is_near(amount, numbers(other, frame) + part, rows):
                note = f"{goods.amount.output} is {other.output} with {tax.output}: that without."
                return replace(goods, amount=other, notes=(*goods.notes, note))
    return goods


def _without_sums(
    discounts: Sequence[Column], tags: Mapping[str, Column], frame: pl.DataFrame
) -> list[Column]:
    """The discounts without those of whole orders that are the sum of a row's own."""
    if ORDER_ID not in tags:
        return list(discounts)
    whole = [one for one in discounts if is_of_order(one, tags[ORDER_ID], frame)]
    own = [one for one in discounts if one not in whole]
    order = frame[tags[ORDER_ID].name].cast(pl.String)
    kept = list(own)
    for column in whole:
        values = pl.DataFrame({"order": order, "whole": numbers(column, frame).abs()})
        values = values.with_columns(
            numbers(one, frame).abs().alias(str(place)) for place, one in enumerate(own)
        )
        orders = (
            values.group_by("order")
            .agg(pl.col("whole").max(), *(pl.col(str(place)).sum() for place in range(len(own))))
            .filter(pl.col("whole") > 0)
        )
        sums = [(orders[str(place)] - orders["whole"]).abs() < CENT for place in range(len(own))]
        if not any(count(each) >= MANY * len(orders) for each in sums):
            kept.append(column)
    return kept


def _percents(columns: Sequence[Column], frame: pl.DataFrame) -> list[Column]:
    """The columns that say a discount as a share of the price, in percent."""
    found = [one for one in columns if one.type in NUMBERS and _is_percent(one)]
    return filled([one for one in found if DISCOUNT.search(words_of(one))], frame)


def _is_percent(column: Column) -> bool:
    return RATE.search(words_of(column)) is not None


def _after(
    goods: Goods,
    discount: Column,
    tags: Mapping[str, Column],
    amounts: Sequence[Column],
    frame: pl.DataFrame,
) -> Goods:
    """What the goods cost after a discount: by a column that is less by it, or less by it here."""
    off = numbers(discount, frame)
    rows = (off != 0).fill_null(False)
    units = numbers(tags[QUANTITY], frame) if QUANTITY in tags else None
    price = numbers(tags[UNIT_PRICE], frame) if UNIT_PRICE in tags else None
    name, amount = discount.output, numbers(goods.amount, frame)
    for part in goods.parts:
        if part.kind in ("in", "paid"):
            amount = amount - signed(part, frame)
    if goods.is_price and units is not None:
        amount = amount * units
    others = [one for one in _of_goods(amounts) if one not in (discount, goods.amount)]
    befores = [numbers(one, frame) for one in others]
    if price is not None and units is not None:
        befores.append(price * units)
    written = numbers(goods.amount, frame)
    for less in _readings(discount, off, units):
        if any(is_near(one, less(before), rows) for before in befores for one in (amount, written)):
            note = f"{goods.amount.output} is after {name}."
            return replace(goods, notes=(*goods.notes, note))
        for other in others:
            if is_near(numbers(other, frame), less(amount), rows):
                note = f"{other.output} is after {name}, {goods.amount.output} before it."
                return replace(goods, amount=other, is_price=False, notes=(*goods.notes, note))
    is_shown = price is not None and units is not None and is_near(amount, price * units, rows)
    if not (is_shown or goods.is_price or goods.amount is tags.get(UNIT_PRICE)):
        note = (
            f"CHECK: it cannot be told whether {goods.amount.output} is before or after {name}: it "
            "counts as after."
        )
        return replace(goods, notes=(*goods.notes, note))
    kind = _kind_of(discount, tags, frame)
    guessed = "" if is_shown else "GUESSED: "
    how = {"percent": "percent", "order": "of the whole order, shared among its rows"}.get(kind)
    note = f"{guessed}{goods.amount.output} is before {name}, which is taken off"
    note = f"{note} ({how})." if how else f"{note}."
    return replace(goods, parts=(*goods.parts, Part(discount, kind)), notes=(*goods.notes, note))


def _readings(
    discount: Column, off: pl.Series, units: pl.Series | None
) -> list[Callable[[pl.Series], pl.Series]]:
    """How an amount may be less by a discount: of a share, of the line, of each unit."""
    if _is_percent(discount):
        return [lambda before: before * (1 - off / 100)]
    of_line: list[Callable[[pl.Series], pl.Series]] = [partial(_less, discount=off)]
    return of_line if units is None else [*of_line, partial(_less, discount=off * units)]


def _kind_of(discount: Column, tags: Mapping[str, Column], frame: pl.DataFrame) -> str:
    if _is_percent(discount):
        return "percent"
    if ORDER_ID in tags and is_of_order(discount, tags[ORDER_ID], frame):
        return "order"
    return "unit" if OF_UNIT.search(words_of(discount)) else "line"


def is_of_order(column: Column, order_id: Column, frame: pl.DataFrame) -> bool:
    """Whether an amount is that of a whole order, on each of its lines or on the first one only."""
    lines = pl.DataFrame(
        {"order": frame[order_id.name].cast(pl.String), "amount": numbers(column, frame)}
    )
    orders = lines.group_by("order").agg(
        pl.len().alias("lines"),
        pl.col("amount").count().alias("filled"),
        pl.col("amount").n_unique().alias("different"),
        pl.col("amount").first().alias("first"),
        (pl.col("amount") != 0).any().alias("is_there"),
    )
    telling = orders.filter((pl.col("lines") > 1) & pl.col("is_there"))
    is_first = (telling["filled"] == 1) & telling["first"].is_not_null()
    is_repeated = (telling["filled"] == telling["lines"]) & (telling["different"] == 1)
    is_whole = (is_first | is_repeated).sum()
    return len(telling) >= FEWEST_ORDERS and is_whole >= NEARLY_ALL * len(telling)


def _about_parts(name: str, parts: Sequence[Part]) -> list[str]:
    notes = []
    inside = [part.column.output for part in parts if part.kind == "in"]
    paid = [part.column.output for part in parts if part.kind == "paid"]
    if inside:
        notes.append(f"{name} holds {', '.join(inside)}, as sums show: taken off, as no goods.")
    if paid:
        notes.append(f"{name} is less what was paid by {', '.join(paid)}: added, as it paid goods.")
    return notes

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
    CENTS,
    DISCOUNT,
    FEE,
    FEWEST_ROWS,
    PAID_BY_CREDIT,
    RATE,
    SHIPPING,
    TAX,
    TIP,
    amounts_in,
    called,
    filled,
    words_of,
)
from c360_assets.ingest.suggest.column import NUMBERS, PURCHASE, Column
from c360_assets.ingest.suggest.column_types import present
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

PRODUCT = f"{PURCHASE}product-id"
MANY = 0.7  # of the rows, that a sum has to explain
MOST_PARTS, MOST_AMOUNTS = 9, 12  # of a whole order, that are tried
NEAR = 0.02
LOOKED_AT = 1000  # rows for sums of many amounts
FRACTION = r"[.,]\d{1,2}\D*$"
OF_UNIT = re.compile(r"unit|each|per[ _]|stuck|unitario|unitaire", re.IGNORECASE)
FEWEST_CENTS = 20  # amounts, from which on they show it
CENTS_FROM, CENTS_ODD = 300, 0.5  # the median of what may be cents, the share that is no hundreds


@dataclass(frozen=True)
class Part:
    """An amount that is taken off (`line`, `unit`, `percent`, `order`), is `in` another amount
    without being paid for goods, or was `paid` for it in another way than money."""

    column: Column
    kind: str


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
        after = _less_a_discount(amounts, discounts, frame)
        goods = None if after is None else _of_line_or_unit(after, tags, frame)
    if goods is None:
        return None
    goods = _without_tax(goods, tags, amounts, frame)
    for discount in [*_without_sums(discounts, tags, frame), *_percents(columns, frame)]:
        goods = _after(goods, discount, tags, amounts, frame)
    return _in_units_of_money(goods, amounts, frame)


def goods_of_order(total: Column, columns: Sequence[Column], frame: pl.DataFrame) -> Goods:
    """What the goods of whole orders cost, of which `total` is what was paid for all."""
    amounts = [one for one in amounts_in(columns) if one is not total]
    amounts = [one for one in amounts if BACK.search(words_of(one)) is None]
    kinds = [("in", SHIPPING), ("in", TAX), ("in", TIP), ("in", FEE), ("paid", PAID_BY_CREDIT)]
    parts: dict[str, Part] = {}
    for kind, pattern in [("line", DISCOUNT), *kinds]:
        for column in filled(called(pattern, amounts), frame):
            parts[column.name] = Part(column, kind)
    others = filled([one for one in amounts if one.name not in parts], frame)[:MOST_AMOUNTS]
    found = _sum_of(total, others, list(parts.values())[:MOST_PARTS], frame)
    name = total.output
    if found is not None:
        taken = tuple(part for part in found if part.kind != "line")
        goods = Goods(total, is_price=False, parts=taken, notes=tuple(_about_parts(name, taken)))
        return _in_units_of_money(goods, amounts, frame)
    notes: tuple[str, ...] = ()
    inside = [part.column.output for part in parts.values() if part.kind == "in"]
    if inside:
        notes = (
            f"CHECK: it cannot be told whether {name} holds {', '.join(inside)}: it counts as "
            "it stands.",
        )
    return _in_units_of_money(Goods(total, is_price=False, notes=notes), amounts, frame)


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


def _is_near(one: pl.Series, other: pl.Series, rows: pl.Series) -> bool:
    """Whether two amounts are equal in nearly all of these rows."""
    near = ((one - other).abs() < CENT).filter(rows)
    number = _count(rows)
    return number >= FEWEST_ROWS and _count(near) >= NEARLY_ALL * number


def _count(rows: pl.Series) -> int:
    return int(rows.sum() or 0)


def _less(amount: pl.Series, discount: pl.Series) -> pl.Series:
    """An amount less a discount, whatever the signs of both are."""
    return amount - amount.sign() * discount.abs()


def _less_a_discount(
    amounts: Sequence[Column], discounts: Sequence[Column], frame: pl.DataFrame
) -> Column | None:
    """The first amount that is another one less a discount."""
    goods = _of_goods(amounts)
    for discount in discounts:
        off = numbers(discount, frame)
        rows = (off != 0).fill_null(False)
        for after in goods:
            for before in goods:
                is_other = len({id(after), id(before), id(discount)}) == 3
                if is_other and _is_near(
                    numbers(after, frame), _less(numbers(before, frame), off), rows
                ):
                    return after
    return None


def _without_tax(
    goods: Goods, tags: Mapping[str, Column], amounts: Sequence[Column], frame: pl.DataFrame
) -> Goods:
    """The amount without the tax that stands in a column of its own, where it stands there too."""
    if goods.is_price:
        return goods
    amount = numbers(goods.amount, frame)
    for tax in filled(called(TAX, amounts), frame):
        part = numbers(tax, frame)
        rows = (part != 0).fill_null(False)
        for other in amounts:
            if other in (tax, goods.amount) or tags.get(UNIT_PRICE) is other:
                continue
            if _is_near(amount, numbers(other, frame) + part, rows):
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
        if not any(_count(each) >= MANY * len(orders) for each in sums):
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
    if goods.is_price and units is not None:
        amount = amount * units
    others = [one for one in _of_goods(amounts) if one not in (discount, goods.amount)]
    befores = [numbers(one, frame) for one in others]
    if price is not None and units is not None:
        befores.append(price * units)
    for less in _readings(discount, off, units):
        if any(_is_near(amount, less(before), rows) for before in befores):
            note = f"{goods.amount.output} is after {name}."
            return replace(goods, notes=(*goods.notes, note))
        for other in others:
            if _is_near(numbers(other, frame), less(amount), rows):
                note = f"{other.output} is after {name}, {goods.amount.output} before it."
                return replace(goods, amount=other, is_price=False, notes=(*goods.notes, note))
    is_shown = price is not None and units is not None and _is_near(amount, price * units, rows)
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


def _sum_of(
    total: Column, others: Sequence[Column], parts: Sequence[Part], frame: pl.DataFrame
) -> list[Part] | None:
    """The parts of a total, where it is another amount and them; that one may have parts too."""
    frame = frame.head(LOOKED_AT)
    found: list[Part] | None = None
    left, parts = list(others), list(parts)
    explained: Column | None = total
    while explained is not None:
        step = _one_sum(explained, left, parts, frame)
        if step is None:
            break
        explained, taken = step
        left = [one for one in left if one is not explained]
        parts = [part for part in parts if part not in taken]
        found = [*(found or []), *taken]
    return found


def _one_sum(
    total: Column, others: Sequence[Column], parts: Sequence[Part], frame: pl.DataFrame
) -> tuple[Column, list[Part]] | None:
    """The amount of which a total is the sum with some of the parts, and these: what explains most
    rows, then with most parts."""
    best: tuple[float, int] = (MANY, 0)
    found: tuple[Column, list[Part]] | None = None
    whole = numbers(total, frame)
    rows = (whole != 0).fill_null(False)
    signed = [_signed(part, frame) for part in parts]
    for other in others:
        rest = whole - numbers(other, frame)
        for number in range(1, len(parts) + 1):
            for chosen in combinations(range(len(parts)), number):
                left = rest
                for place in chosen:
                    left = left - signed[place]
                fits = (left.abs() < CENT).fill_null(False) & rows
                is_used = all(
                    (signed[place].filter(fits) != 0).sum() >= FEWEST_ROWS for place in chosen
                )
                rank = (round(_count(fits) / max(1, _count(rows)), 2), number)
                if is_used and rank > best:
                    best, found = rank, (other, [parts[place] for place in chosen])
    return found


def _signed(part: Part, frame: pl.DataFrame) -> pl.Series:
    values = numbers(part.column, frame).fill_null(0)
    return values if part.kind == "in" else -values.abs()


def _about_parts(name: str, parts: Sequence[Part]) -> list[str]:
    notes = []
    inside = [part.column.output for part in parts if part.kind == "in"]
    paid = [part.column.output for part in parts if part.kind == "paid"]
    if inside:
        notes.append(f"{name} holds {', '.join(inside)}, as sums show: taken off, as no goods.")
    if paid:
        notes.append(f"{name} is less what was paid by {', '.join(paid)}: added, as it paid goods.")
    return notes


def _in_units_of_money(goods: Goods, amounts: Sequence[Column], frame: pl.DataFrame) -> Goods:
    """The goods by amounts that are not written in cents, as far as it can be told."""
    name, values = goods.amount.output, numbers(goods.amount, frame)
    if CENTS.search(words_of(goods.amount)) is not None:
        rows = (values != 0).fill_null(False)
        for other in amounts:
            if not goods.parts and _is_near(values / 100, numbers(other, frame), rows):
                return replace(goods, amount=other)
        note = f"{name} is in cents, as its name says: divided by 100."
        return replace(goods, hundredths=True, notes=(*goods.notes, note))
    if not _may_be_cents(goods.amount, [*amounts, goods.amount], frame):
        return goods
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
    values = numbers(column, frame).drop_nulls().abs()
    values = values.filter(values > 0)
    median = values.median()
    if len(values) < FEWEST_CENTS or not isinstance(median, float) or median < CENTS_FROM:
        return False
    return _count(values % 100 != 0) >= CENTS_ODD * len(values)

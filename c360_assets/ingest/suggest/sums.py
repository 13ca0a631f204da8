"""Of which other amounts an amount is the sum, with shipping, taxes and the like, by trying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from c360_assets.ingest.suggest.amount_names import (
    DISCOUNT,
    FEE,
    FEWEST_ROWS,
    PAID_BY_CREDIT,
    SHIPPING,
    TAX,
    TIP,
    called,
    filled,
)
from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.line_totals import CENT, QUANTITY, UNIT_PRICE, numbers

MANY = 0.7  # of the rows, that a sum has to explain
LOOKED_AT = 1000  # rows for sums of many amounts


@dataclass(frozen=True)
class Part:
    """An amount that is taken off (`line`, `unit`, `percent`, `order`), is `in` another amount
    without being paid for goods, or was `paid` for it in another way than money."""

    column: Column
    kind: str


def count(rows: pl.Series) -> int:
    return int(rows.sum() or 0)


def parts_in(amounts: Sequence[Column], frame: pl.DataFrame) -> dict[str, Part]:
    """What else than goods a total may hold, by the names of columns."""
    kinds = [("in", SHIPPING), ("in", TAX), ("in", TIP), ("in", FEE), ("paid", PAID_BY_CREDIT)]
    parts: dict[str, Part] = {}
    for kind, pattern in [("line", DISCOUNT), *kinds]:
        for column in filled(called(pattern, amounts), frame):
            parts[column.name] = Part(column, kind)
    return parts


def sum_of(
    total: Column,
    others: Sequence[Column],
    parts: Sequence[Part],
    frame: pl.DataFrame,
    tags: Mapping[str, Column] | None = None,
) -> list[Part] | None:
    """The parts of a total, where it is another amount and them; that one may have parts too. By
    the tags of a line it may also be the price times the quantity."""
    frame = frame.head(LOOKED_AT)
    products: list[tuple[Column, pl.Series]] = []
    if tags is not None and {QUANTITY, UNIT_PRICE} <= tags.keys():
        price, units = tags[UNIT_PRICE], numbers(tags[QUANTITY], frame)
        products = [(price, numbers(price, frame) * units)]
    found: list[Part] | None = None
    left, parts = list(others), list(parts)
    explained: Column | None = total
    while explained is not None:
        whole = [(one, numbers(one, frame)) for one in left]
        step = one_sum(explained, [*whole, *products], parts, frame)
        if step is None:
            break
        explained, taken = step
        left = [one for one in left if one is not explained]
        parts = [part for part in parts if part not in taken]
        found = [*(found or []), *taken]
    return found


def one_sum(
    total: Column,
    others: Sequence[tuple[Column, pl.Series]],
    parts: Sequence[Part],
    frame: pl.DataFrame,
) -> tuple[Column, list[Part]] | None:
    """The amount of which a total is the sum with some of the parts, and these: what explains most
    rows, then with most parts."""
    best: tuple[float, int] = (MANY, 0)
    found: tuple[Column, list[Part]] | None = None
    whole = numbers(total, frame)
    rows = (whole != 0).fill_null(False)
    amounts = [signed(part, frame) for part in parts]
    for other, values in others:
        rest = whole - values
        for number in range(1, len(parts) + 1):
            for chosen in combinations(range(len(parts)), number):
                left = rest
                for place in chosen:
                    left = left - amounts[place]
                fits = (left.abs() < CENT).fill_null(False) & rows
                is_used = all(
                    (amounts[place].filter(fits) != 0).sum() >= FEWEST_ROWS for place in chosen
                )
                rank = (round(count(fits) / max(1, count(rows)), 2), number)
                if is_used and rank > best:
                    best, found = rank, (other, [parts[place] for place in chosen])
    return found


def signed(part: Part, frame: pl.DataFrame) -> pl.Series:
    values = numbers(part.column, frame).fill_null(0)
    return values if part.kind == "in" else -values.abs()

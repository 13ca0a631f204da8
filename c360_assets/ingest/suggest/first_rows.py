"""Columns that an export writes on the first row of an order only, told by where they are empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.suggest.column import PURCHASE
from c360_assets.ingest.suggest.column_names import MONEY_NAME
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.line_totals import ORDER_ID, QUANTITY
from c360_assets.ingest.suggest.table_tags import table_kinds
from c360_assets.semantics.tags import without_marks
from c360_assets.wording import counted

PRODUCT = f"{PURCHASE}product-id"
LEAST_BLANK = 0.1  # of the rows, from which on numbers of orders are on first rows only
FEWEST_EXPECTED = 5  # values that would stand in other rows, were a column one of lines
FEWEST_COLUMNS = 2  # beside the order's number, without which its gaps are no layout
NEARLY_ALL = 0.95
IS_NUMBER = r"^[^A-Za-z]*\d[^A-Za-z]*([A-Z]{3})?$"


@dataclass(frozen=True)
class FirstRows:
    """The column of the order's number, which is empty in `rows` rows, and those that are empty in
    the same ones; by the names in the file."""

    by: str
    columns: list[str]
    rows: int

    @property
    def note(self) -> str:
        return (
            f"CHECK: empty in {counted(self.rows, 'row')} of the sample, as an export has it that "
            "writes an order on its first line only: `fill_down` gives them the order of the row "
            "above that has it"
        )


def order_id_with_gaps(frame: pl.DataFrame) -> tuple[str, pl.Series] | None:
    """The column of the order's number in rows of items, and where it is empty; None where it is
    not in many rows, or not told of the first one."""
    tags = sales_columns(frame.columns)
    order_id = tags.get(ORDER_ID)
    if order_id is None or not {QUANTITY, PRODUCT} & tags.keys() or not len(frame):
        return None
    blank = _is_blank(frame[order_id])
    if blank[0] or int(blank.sum()) < LEAST_BLANK * len(frame):
        return None
    return order_id, blank


def first_rows(frame: pl.DataFrame) -> FirstRows | None:
    """What is written on the first row of each order only, None where nothing is. Amounts are
    left where they stand: in each row they would count as often as there are rows."""
    found = order_id_with_gaps(frame)
    if found is None:
        return None
    order_id, blank = found
    tags = sales_columns(frame.columns)
    of_items = [tags[tag] for tag in (QUANTITY, PRODUCT) if tag in tags]
    others = frame.filter(blank)
    items = pl.DataFrame([~_is_blank(others[name]) for name in of_items])
    if items.select(pl.any_horizontal(pl.all()).mean()).item() < NEARLY_ALL:
        return None
    first = frame.filter(~blank)
    empty = [
        name
        for name in frame.columns
        if name != order_id and _is_blank(others[name]).all() and _would_show(first, others, name)
    ]
    if len(empty) < FEWEST_COLUMNS:
        return None
    columns = [name for name in empty if not _is_amount(name, first[name])]
    return FirstRows(order_id, columns, int(blank.sum()))


def filled_down(frame: pl.DataFrame, found: FirstRows) -> pl.DataFrame:
    """The frame as the loader fills it."""
    block = (~_is_blank(frame[found.by])).cum_sum()
    return frame.with_columns(
        pl.when(_is_blank(frame[name]))
        .then(pl.col(name).first().over(block))
        .otherwise(pl.col(name))
        .alias(name)
        for name in (found.by, *found.columns)
    )


def sales_columns(names: Sequence[str]) -> dict[str, str]:
    """Tag of what was bought -> the column whose name means it."""
    kinds = table_kinds(list(names))
    kind = next((kind for kind in kinds if kind.prefix == "txn-item"), None)
    return {} if kind is None else {tag: name for name, tag in kind.tags.items()}


def _is_blank(values: pl.Series) -> pl.Series:
    return values.cast(pl.String).str.strip_chars().fill_null("") == ""


def _would_show(first: pl.DataFrame, others: pl.DataFrame, name: str) -> bool:
    """Whether a column is filled so often that it would be in other rows too."""
    filled = len(first) - int(_is_blank(first[name]).sum())
    return filled * len(others) >= FEWEST_EXPECTED * len(first)


def _is_amount(name: str, values: pl.Series) -> bool:
    if MONEY_NAME.search(without_marks(name)) is None:
        return False
    return bool(present(values).cast(pl.String).str.contains(IS_NUMBER).all())

"""What to say of feeds of items of which no table can be made that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from c360_assets.ingest.suggest.amount_names import DISCOUNT, amounts_in, called, filled
from c360_assets.ingest.suggest.column import NESTED, PURCHASE
from c360_assets.ingest.suggest.column_names import is_state_name
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.first_rows import order_id_with_gaps, sales_columns
from c360_assets.ingest.suggest.flatten import FlatTable
from c360_assets.ingest.suggest.goods import Goods
from c360_assets.ingest.suggest.line_totals import numbers
from c360_assets.ingest.suggest.purchases import Orders
from c360_assets.ingest.suggest.table_tags import needed_tags
from c360_assets.semantics.tags import is_profile
from c360_assets.tenant.base_models import physical_name
from c360_assets.wording import counted

FEWEST_CODES, MOST_CODES = 2, 40  # different numbers of a column of states


def note_lines_without_order(drafts: Sequence[Draft]) -> None:
    """Say of items of which some have no number of an order what becomes of them."""
    for draft in drafts:
        columns = {column.name: column for column in draft.columns}
        if draft.first_rows is not None:
            columns[draft.first_rows.by].notes.append(draft.first_rows.note)
            continue
        found = order_id_with_gaps(draft.sample.frame.select(_plain_names(draft)))
        if found is not None:
            name, blank = found
            columns[name].notes.append(
                f"CHECK: empty in {counted(int(blank.sum()), 'row')} of the sample, which belong "
                "to no order; where an order stands on its first row only, "
                "`fill_down: {by: …, columns: […]}` gives it to the rows below"
            )


def note_sales_without_table(drafts: Sequence[Draft], tables: Mapping[str, FlatTable]) -> None:
    """Say of rows that have a customer's number, a day and money, and of which no purchases are
    made, which columns were not found: in another language they are called otherwise."""
    for draft in drafts:
        physical = physical_name(draft.name)
        if any(physical in table.sql for table in tables.values()) or not _may_be_sales(draft):
            continue
        found = sales_columns(_plain_names(draft))
        lacking = [tag for tag in needed_tags(PURCHASE.rstrip("/")) if tag not in found]
        amount = next(column for column in amounts_in(draft.columns) if column.type == "decimal")
        if lacking and not any("purchases are made" in one for one in _notes(draft)):
            amount.notes.append(
                "CHECK: rows with a customer's number, a day and money, and no purchases are made "
                f"of them, as no column is known as {', '.join(lacking)}: tag them"
            )


def _plain_names(draft: Draft) -> list[str]:
    return [column.name for column in draft.columns if column.type not in NESTED]


def _may_be_sales(draft: Draft) -> bool:
    tags = {tag for column in draft.columns for tag in column.tags}
    types = {column.type for column in draft.columns}
    is_tagged = any(tag.startswith(PURCHASE) or is_profile(tag) for tag in tags)
    has_money = any(column.type == "decimal" for column in amounts_in(draft.columns))
    has_link = any(tag.startswith("fk-") for tag in tags)
    return has_money and has_link and not is_tagged and not types.isdisjoint({"date", "datetime"})


def _notes(draft: Draft) -> list[str]:
    return [note for column in draft.columns for note in column.notes]


def note_untold(orders: Orders) -> None:
    """Say of orders what their columns leave open, and what is made of it."""
    for draft in (orders.items, orders.head):
        if draft is not None and not orders.says_what_became:
            _note_state_codes(draft)
    if orders.head is not None:
        _note_discounts(orders.head)


def _note_discounts(head: Draft) -> None:
    """Say of discounts that stand beside items, in the feed of their orders."""
    frame = head.sample.frame
    for column in filled(called(DISCOUNT, amounts_in(head.columns)), frame)[:1]:
        rows = counted(int((numbers(column, frame) != 0).sum()), "order")
        column.notes.append(
            f"CHECK: {rows} of the sample have a discount here, of which it cannot be told whether "
            "the amounts of their items are after it: they count as after"
        )


def _note_state_codes(draft: Draft) -> None:
    """Say of a column with numbers for what became of orders that it cannot be told from them."""
    for column in draft.columns:
        if not is_state_name(column.name) or column.tags:
            continue
        codes = present(draft.sample.frame[column.name]).cast(pl.String)
        if codes.str.contains(r"^\d{1,4}$").all():
            number = codes.n_unique()
            if FEWEST_CODES <= number <= MOST_CODES:
                column.notes.append(
                    f"CHECK: {number} numbers say what became of orders: which of them mean "
                    "cancelled or returned cannot be told, and all count as bought; leave those "
                    "out in the SQL of the purchases"
                )


def note_checks(goods: Goods) -> None:
    """Say at an amount that stands as it is what cannot be told of it."""
    kept = goods.amount.notes
    checks = [note for note in goods.notes if note.startswith("CHECK") and note not in kept]
    goods.amount.notes = [*kept, *checks]

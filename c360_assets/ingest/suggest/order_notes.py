"""What to say of feeds of items of which no table can be made that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from c360_assets.ingest.suggest.amount_names import amounts_in
from c360_assets.ingest.suggest.column import NESTED, PURCHASE, Column
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.flatten import FlatTable
from c360_assets.ingest.suggest.goods import Goods
from c360_assets.ingest.suggest.purchases import ORDER_ID, PRODUCT, QUANTITY
from c360_assets.ingest.suggest.table_tags import needed_tags, table_kinds
from c360_assets.semantics.tags import is_profile
from c360_assets.tenant.base_models import physical_name
from c360_assets.wording import counted

LEAST_BLANK = 0.1  # of the rows, from which on numbers of orders are on first lines only


def note_lines_without_order(drafts: Sequence[Draft]) -> None:
    """Say of items of which only the first one of an order has its number, how many are lost."""
    for draft in drafts:
        frame = draft.sample.frame
        order_id = _sales_columns(draft).get(ORDER_ID)
        if order_id is None or not len(frame):
            continue
        is_blank = frame[order_id.name].cast(pl.String).str.strip_chars().fill_null("") == ""
        blank = int(is_blank.sum())
        is_first_filled = not is_blank[0]
        if is_first_filled and blank >= LEAST_BLANK * len(frame):
            order_id.notes.append(
                f"CHECK: empty in {counted(blank, 'row')} of the sample, as an export has it that "
                "writes an order's number on its first line only: these belong to no order; fill "
                "it down in the file before it lands"
            )


def note_sales_without_table(drafts: Sequence[Draft], tables: Mapping[str, FlatTable]) -> None:
    """Say of rows that have a customer's number, a day and money, and of which no purchases are
    made, which columns were not found: in another language they are called otherwise."""
    for draft in drafts:
        physical = physical_name(draft.name)
        if any(physical in table.sql for table in tables.values()) or not _may_be_sales(draft):
            continue
        found = _sales_columns(draft)
        lacking = [tag for tag in needed_tags(PURCHASE.rstrip("/")) if tag not in found]
        amount = next(column for column in amounts_in(draft.columns) if column.type == "decimal")
        if lacking and not any("purchases are made" in one for one in _notes(draft)):
            amount.notes.append(
                "CHECK: rows with a customer's number, a day and money, and no purchases are made "
                f"of them, as no column is known as {', '.join(lacking)}: tag them"
            )


def _may_be_sales(draft: Draft) -> bool:
    tags = {tag for column in draft.columns for tag in column.tags}
    types = {column.type for column in draft.columns}
    is_tagged = any(tag.startswith(PURCHASE) or is_profile(tag) for tag in tags)
    has_money = any(column.type == "decimal" for column in amounts_in(draft.columns))
    has_link = any(tag.startswith("fk-") for tag in tags)
    return has_money and has_link and not is_tagged and not types.isdisjoint({"date", "datetime"})


def _notes(draft: Draft) -> list[str]:
    return [note for column in draft.columns for note in column.notes]


def _sales_columns(draft: Draft) -> dict[str, Column]:
    """The columns by the tags of what was bought that their names mean, of items of orders."""
    usable = {column.name: column for column in draft.columns if column.type not in NESTED}
    kinds = table_kinds(list(usable))
    kind = next((kind for kind in kinds if f"{kind.prefix}/" == PURCHASE), None)
    tags = {} if kind is None else {tag: usable[name] for name, tag in kind.tags.items()}
    return tags if {QUANTITY, PRODUCT} & tags.keys() else {}


def note_checks(goods: Goods) -> None:
    """Say at an amount that stands as it is what cannot be told of it."""
    kept = goods.amount.notes
    checks = [note for note in goods.notes if note.startswith("CHECK") and note not in kept]
    goods.amount.notes = [*kept, *checks]

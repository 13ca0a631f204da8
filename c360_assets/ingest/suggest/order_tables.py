"""Custom domain tables of what was bought, where a feed alone does not say it as rows of items.

Orders say by words what became of them, keep their day in another file than their items, or have no
items at all. Here is which feeds are meant and which of their columns; whose customers they name is
told by `links`, what rows of `txn-item` tags are made of them by `purchase_sql`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from c360_assets.ingest.suggest.column import NESTED, NUMBERS, PURCHASE, Column
from c360_assets.ingest.suggest.column_names import is_customer_number_name, plain_header
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.feed import draft_of_table, tried
from c360_assets.ingest.suggest.flatten import FlatTable
from c360_assets.ingest.suggest.line_totals import UNIT_PRICE, is_of_whole_order, line_total
from c360_assets.ingest.suggest.primary_key import propose_primary_key
from c360_assets.ingest.suggest.purchase_sql import purchase_table
from c360_assets.ingest.suggest.purchases import (
    DAY,
    IS_CANCELLATION,
    IS_RETURN,
    ORDER_ID,
    PRODUCT,
    QUANTITY,
    REVENUE,
    Orders,
    names_customer,
    states_of,
)
from c360_assets.ingest.suggest.table_tags import is_called_after_sales, sales_tags, table_kinds
from c360_assets.ingest.suggest.tagging import LINK, take_type, typed
from c360_assets.semantics.tags import CATALOGUE, is_profile
from c360_assets.tenant.base_models import physical_name

# What an order's own row may say of all of its items together.
OF_ITEMS = {ORDER_ID, PRODUCT, QUANTITY, REVENUE}
TOTAL = re.compile(
    r"(order|grand|invoice)?[ _]*(total|amount|value)([ _]*(price|paid|amount))?", re.I
)
REFUNDED = re.compile(
    r"((amount|total|value)[ _]*refunded|refund(ed)?[ _]*(amount|total|value))", re.I
)
# Of an order, on each of its items.
WHOLE_REFUNDED = re.compile(r"order[ _]*((total|amount)[ _]*refunded|refunded[ _]*total)", re.I)
WHOLE_TOTAL = re.compile(r"order[ _]*(grand[ _]*)?total([ _]*(price|amount|paid))?", re.I)
TAGS_OF_FIELD = re.compile(r"(  .+: \{tags: \[)(.*)\]\}")
LEAST_SHARED, LEAST_SHARE = 5, 0.5
ALL_DIFFER = 0.98


def note_states(draft: Draft) -> None:
    """Say of orders that stand as they are how many of them their own words call cancelled."""
    if not _tagged(draft, ORDER_ID) or _tagged(draft, IS_CANCELLATION) or _tagged(draft, IS_RETURN):
        return
    states = states_of(draft.columns, draft.sample.frame)
    if states is not None and states.cancelled_rows + states.returned_rows:
        states.columns[0].notes.append(
            f"CHECK: {states.in_words}, and count as bought: --flatten --write makes a table that "
            "knows them"
        )


def note_sales_said_twice(drafts: Sequence[Draft]) -> None:
    """Say of sales that stand in two feeds of a source, such as invoices and payments, that nothing
    is made of them, as they would count twice."""
    for draft in drafts:
        amount = _tags_of_sales(draft, {}).get(REVENUE)
        others = [other for other in drafts if _is_of_same_source(draft, other)]
        if amount is not None and others and not _columns_by_tag(draft):
            names = ", ".join(other.name for other in others)
            amount.notes.append(
                f"CHECK: sales, as in {names}: no purchases are made of them, as they might count "
                "twice; a custom domain table makes them"
            )


def mark_heads(drafts: Sequence[Draft]) -> None:
    """Tag the customers' numbers of orders whose items are in other feeds, or that have none, so
    that their customers are looked for."""
    for orders in _orders_of(drafts):
        draft = orders.head or orders.items
        for column in draft.columns:
            if is_customer_number_name(column.name) and not column.tags and not column.lost_digits:
                take_type(column, "string", draft.sample.frame[column.name])
                column.tags.append(LINK)


def order_tables(drafts: Sequence[Draft]) -> tuple[list[Draft], dict[str, FlatTable]]:
    """The drafts, tried again where they changed, and by a draft's name the table of what was
    bought that is made of it; its own columns lose their `txn-item` tags."""
    tables: dict[str, FlatTable] = {}
    changed: set[str] = set()
    for orders in _orders_of(drafts):
        if not orders.links:
            _link_by_order(orders)
        if not orders.links:
            continue
        if orders.refunded is not None:
            take_type(orders.refunded, "decimal", orders.items.sample.frame[orders.refunded.name])
        for draft, tags in ((orders.items, orders.item_tags), (orders.head, orders.head_tags)):
            if draft is not None:
                _take_types(draft, tags)
                changed.add(draft.name)
        for column in orders.items.columns:
            column.tags = [tag for tag in column.tags if not tag.startswith(PURCHASE)]
        for tag, column in orders.item_tags.items():
            # What tells rows of orders apart is told by tags, wherever they are written.
            column.tags = [tag, *(other for other in column.tags if other != tag)]
            column.bought_elsewhere = True
            column.notes = [note for note in column.notes if not note.startswith("looks like txn")]
        key = propose_primary_key(orders.items.columns, orders.items.sample.frame).columns
        tables[orders.items.name] = purchase_table(orders, key)
    return [tried(draft) if draft.name in changed else draft for draft in drafts], tables


def purchases_in(flat: Sequence[FlatTable], draft: Draft) -> list[FlatTable]:
    """The tables that flatten the feed `draft`, with those of what was bought that are made of
    nested orders, whose customer is the person that they stand in; of these the first ones lose
    their tags of what was bought."""
    tables: list[FlatTable] = []
    for table in flat:
        orders = None if table.frame is None else _of_items(draft_of_table(draft, table), [])
        if orders is None or not orders.links:
            tables.append(table)
        else:
            tables += [_without_purchases(table), purchase_table(orders, table.key)]
    return tables


def _without_purchases(table: FlatTable) -> FlatTable:
    """The table without tags of what was bought, which another table says."""
    lines = []
    for line in table.yaml.splitlines():
        tagged = TAGS_OF_FIELD.fullmatch(line)
        kept = [tag for tag in tagged[2].split(", ") if PURCHASE not in tag] if tagged else []
        if tagged is None or kept:
            lines.append(line if tagged is None else f"{tagged[1]}{', '.join(kept)}]}}")
    if lines[-1:] == ["fields:"]:
        lines.pop()
    return replace(table, yaml="\n".join(lines) + "\n")


def _orders_of(drafts: Sequence[Draft]) -> list[Orders]:
    """The feeds of orders of which a table has to be made."""
    found = [_of_items(draft, drafts) for draft in drafts]
    made = [orders for orders in found if orders is not None]
    heads = {orders.head.name for orders in made if orders.head is not None}
    return [orders for orders in made if orders.items.name not in heads]


def _of_items(draft: Draft, drafts: Sequence[Draft]) -> Orders | None:
    tags = _columns_by_tag(draft)
    if PRODUCT not in tags and (ORDER_ID not in tags or tags[ORDER_ID].unique < ALL_DIFFER):
        is_said_twice = any(_is_of_same_source(draft, other) for other in drafts)
        tags = tags if is_said_twice else _tags_of_sales(draft, tags) or tags
    has_amount = REVENUE in tags or {QUANTITY, UNIT_PRICE} <= tags.keys()
    if ORDER_ID not in tags or not has_amount:
        return None
    if IS_RETURN in tags or IS_CANCELLATION in tags:
        return None
    frame = draft.sample.frame
    states = states_of(draft.columns, frame)
    if DAY in tags and _knows_customer(draft):
        if PRODUCT not in tags and tags[ORDER_ID].unique < ALL_DIFFER:
            return None  # rows of something else about orders, such as payments
        back = _whole_refund(draft, tags)
        orders = Orders(draft, None, None, tags, {}, states, _refunded(draft, tags), back)
        return None if _tagged(draft, ORDER_ID) and not orders.says_more else orders
    for head, key in _heads(draft, tags[ORDER_ID], drafts):
        head_tags = {
            tag: column for tag, column in _tags_of_head(head).items() if tag not in OF_ITEMS
        }
        if DAY in head_tags and _knows_customer(head):
            states = states or states_of(head.columns, head.sample.frame)
            return Orders(draft, head, key, tags, head_tags, states)
    return None


def _columns_by_tag(draft: Draft) -> dict[str, Column]:
    """The columns by the tags of what was bought that their names mean and their values allow."""
    usable = [column for column in draft.columns if column.type not in NESTED]
    kinds = table_kinds([column.name for column in usable])
    kind = next((kind for kind in kinds if f"{kind.prefix}/" == PURCHASE), None)
    if kind is None:
        return {}
    frame = draft.sample.frame
    tags = {
        kind.tags[column.name]: column
        for column in usable
        if column.name in kind.tags and _fits(column, kind.tags[column.name], frame[column.name])
    }
    if is_of_whole_order(tags, frame):
        del tags[REVENUE]
    if REVENUE not in tags:
        found = line_total(tags, usable, frame)
        tags |= {} if found is None else {REVENUE: found}
    if DAY not in tags and {ORDER_ID, QUANTITY} <= tags.keys():
        tags |= _day_by_any_name(draft)
    if REVENUE not in tags and not OF_ITEMS & tags.keys() - {ORDER_ID}:
        # Beside items the same name may be the total of all of them, on each of their rows.
        totals = [column for column in usable if TOTAL.fullmatch(plain_header(column.name))]
        amounts = [each for each in totals if _fits(each, REVENUE, frame[each.name])]
        if amounts:
            tags[REVENUE] = amounts[0]
    return tags


def _tags_of_head(head: Draft) -> dict[str, Column]:
    """The columns by tag of a feed in which each order has a row; its time may be called `created`
    or the like."""
    tags = _columns_by_tag(head)
    return tags if DAY in tags else tags | _day_by_any_name(head)


def _day_by_any_name(draft: Draft) -> dict[str, Column]:
    """The time of orders, where it is called by a name that other tables have too."""
    named = sales_tags([column.name for column in draft.columns])
    days = [column for column in draft.columns if named.get(column.name) == DAY]
    fitting = [day for day in days if _fits(day, DAY, draft.sample.frame[day.name])]
    return dict(zip((DAY,), fitting, strict=False))


def _fits(column: Column, tag: str, values: pl.Series) -> bool:
    if tag == QUANTITY and column.type in NUMBERS:
        return True  # goods by weight are counted by the table
    return typed(column, CATALOGUE[tag].type, values) is not None


def _is_of_same_source(draft: Draft, other: Draft) -> bool:
    """Whether another feed of a draft's source says the same sales, as orders by that name."""
    if other is draft or other.source != draft.source:
        return False
    tags = _columns_by_tag(other)
    return {ORDER_ID, REVENUE} <= tags.keys() or bool(_tags_of_sales(other, tags))


def _tags_of_sales(draft: Draft, tags: dict[str, Column]) -> dict[str, Column]:
    """The columns by tag of a feed that is called after sales, of which each row is one by its own
    key, `id`: payments, deals, donations. Those of other feeds mean something else."""
    if not is_called_after_sales(draft.feed):
        return {}
    usable = [column for column in draft.columns if column.type not in NESTED]
    frame = draft.sample.frame
    named = sales_tags([column.name for column in usable])
    found = {
        tag: column
        for column in usable
        if (tag := named.get(column.name)) and _fits(column, tag, frame[column.name])
    }
    order_id = found.get(ORDER_ID)
    if order_id is None or order_id.unique < ALL_DIFFER:
        return {}
    return tags | found


def _refunded(draft: Draft, tags: dict[str, Column]) -> Column | None:
    """What was paid back of each order, where a column beside its amount says so."""
    if QUANTITY in tags or PRODUCT in tags:
        return None  # on each row of items it may be that of the whole order
    for column in draft.columns:
        is_named = REFUNDED.fullmatch(plain_header(column.name)) is not None
        if is_named and typed(column, "decimal", draft.sample.frame[column.name]) is not None:
            return column
    return None


def _whole_refund(draft: Draft, tags: dict[str, Column]) -> tuple[Column, Column] | None:
    """What was paid back of the whole order and what that cost, where rows of items say both."""
    if QUANTITY not in tags and PRODUCT not in tags:
        return None
    of_order = {"paid back": WHOLE_REFUNDED, "total": WHOLE_TOTAL}
    found = {
        what: [column for column in draft.columns if _is_amount(column, pattern)]
        for what, pattern in of_order.items()
    }
    if not found["paid back"] or not found["total"]:
        return None
    return found["paid back"][0], found["total"][0]


def _is_amount(column: Column, pattern: re.Pattern[str]) -> bool:
    is_number = column.type in NUMBERS and column.inferred.number is None
    return is_number and pattern.fullmatch(plain_header(column.name)) is not None


def _take_types(draft: Draft, tags: dict[str, Column]) -> None:
    for tag, column in tags.items():
        # Of a weight nothing is lost: the table makes units of it.
        take_type(column, CATALOGUE[tag].type, draft.sample.frame[column.name])


def _heads(items: Draft, order_id: Column, drafts: Sequence[Draft]) -> list[tuple[Draft, Column]]:
    """The feeds in which each of these orders has a row, with the column that says which: those
    that call it by the same name first, as short numbers of other things are equal by chance."""
    wanted = present(items.sample.frame[order_id.name]).cast(pl.String).unique()
    found = [
        (head, column)
        for head in drafts
        if head is not items
        for column in head.columns
        if _may_be_key_of_head(column) and _shares(wanted, head.sample.frame[column.name])
    ]
    name = plain_header(order_id.name).lower()
    return sorted(found, key=lambda one: plain_header(one[1].name).lower() != name)


def _may_be_key_of_head(column: Column) -> bool:
    is_plain = column.type not in NESTED and column.unique >= ALL_DIFFER
    return is_plain and not is_customer_number_name(column.name)


def _shares(wanted: pl.Series, values: pl.Series) -> bool:
    shared = int(wanted.is_in(present(values).cast(pl.String).implode()).sum())
    return shared >= LEAST_SHARED and shared >= LEAST_SHARE * len(wanted)


def _tagged(draft: Draft, tag: str) -> bool:
    return any(tag in column.tags for column in draft.columns)


def _knows_customer(draft: Draft) -> bool:
    return any(map(_may_name_customer, draft.columns)) or _holds_persons(draft)


def _holds_persons(draft: Draft) -> bool:
    """Whether rows say who bought: guests have no number, and stand in their order only."""
    tags = {tag for column in draft.columns for tag in column.tags if is_profile(tag)}
    return len(tags) > 1 and bool(tags & {"email", "phone"})


def _link_by_order(orders: Orders) -> None:
    """Make the number of an order the foreign key of the person that stands in it."""
    draft = orders.head or orders.items
    column = orders.head_key or orders.item_tags[ORDER_ID]
    if _holds_persons(draft):
        take_type(column, "string", draft.sample.frame[column.name])
        column.tags.append(f"fk-{physical_name(draft.name).lower().replace('_', '-')}")


def _may_name_customer(column: Column) -> bool:
    return names_customer(column) or (
        is_customer_number_name(column.name) and not column.lost_digits
    )

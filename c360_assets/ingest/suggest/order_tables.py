"""Custom domain tables of what was bought, where a feed alone does not say it as rows of items.

Orders say by words what became of them, keep their day in another file than their items, or have no
items at all. Here is which feeds are meant and which of their columns; whose customers they name is
told by `links`, what rows of `txn-item` tags are made of them by `purchase_sql`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from c360_assets.ingest.suggest.amount_names import (
    BACK,
    CANCELLED,
    filled,
    units_back,
)
from c360_assets.ingest.suggest.column import NESTED, NUMBERS, PURCHASE, Column
from c360_assets.ingest.suggest.column_names import (
    is_customer_number_name,
    plain_header,
)
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.feed import draft_of_table, tried
from c360_assets.ingest.suggest.flatten import FlatTable
from c360_assets.ingest.suggest.goods import (
    Goods,
    goods_of_lines,
    goods_of_order,
)
from c360_assets.ingest.suggest.line_totals import (
    UNIT_PRICE,
    is_of_whole_order,
    line_total,
    units_by_product,
)
from c360_assets.ingest.suggest.money_units import in_units_of_money
from c360_assets.ingest.suggest.order_heads import (
    ALL_DIFFER,
    heads_of,
    may_name_customer,
    shares,
    take_links,
    values_of,
)
from c360_assets.ingest.suggest.order_notes import note_checks, note_untold
from c360_assets.ingest.suggest.primary_key import propose_primary_key
from c360_assets.ingest.suggest.purchase_sql import (
    purchase_table,
    with_tag,
    without_purchases,
)
from c360_assets.ingest.suggest.purchases import (
    DAY,
    IS_CANCELLATION,
    IS_RETURN,
    ORDER_ID,
    PRODUCT,
    QUANTITY,
    REVENUE,
    Orders,
    flags_of,
    own_link,
    refunds_of,
    states_of,
)
from c360_assets.ingest.suggest.refunds import (
    TOTAL,
    is_of_whole_refund,
    refunded_column,
    whole_refund,
)
from c360_assets.ingest.suggest.table_tags import (
    is_called_after_sales,
    is_own_key,
    sales_tags,
    table_kinds,
)
from c360_assets.ingest.suggest.tagging import LINK, take_type, typed
from c360_assets.semantics.tags import CATALOGUE, is_profile

# What an order's own row may say of all of its items together.
OF_ITEMS = {ORDER_ID, PRODUCT, QUANTITY, REVENUE}


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
        if not orders.links or orders.has_strangers:
            _link_by_order(orders)
        if not orders.links:
            continue
        note_untold(orders)
        _take_types_of_amounts(orders)
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
        if orders is not None and not orders.links:
            take_links(orders.items, draft)
        is_linked = orders is not None and orders.links and not orders.has_strangers
        if orders is not None and not is_linked and table.has_persons:
            _link_by_order(orders)
            table = with_tag(table, orders.item_tags[ORDER_ID])
        if orders is None or not orders.links:
            tables.append(table)
        else:
            tables += [without_purchases(table), purchase_table(orders, table.key)]
    return tables


def _orders_of(drafts: Sequence[Draft]) -> list[Orders]:
    """The feeds of orders of which a table has to be made."""
    found = [_of_items(draft, drafts) for draft in drafts]
    made = [orders for orders in found if orders is not None]
    heads = {orders.head.name for orders in made if orders.head is not None}
    made = [orders for orders in made if orders.items.name not in heads]
    numbers = [
        (orders.items, number)
        for orders in made
        for number in (orders.item_tags[ORDER_ID], orders.key)
        if number is not None and _has_items(orders)
    ]
    numbers += [
        (draft, column)
        for draft in drafts
        for column in draft.columns
        if ORDER_ID in column.tags and _tagged(draft, PRODUCT)
    ]
    return [orders for orders in made if not _says_again(orders, numbers)]


def _says_again(orders: Orders, numbers: Sequence[tuple[Draft, Column]]) -> bool:
    """Whether rows are payments or sums of orders of which another feed of the source has the
    items, by the numbers of these."""
    if _has_items(orders):
        return False
    amount, own = orders.item_tags[REVENUE], orders.items
    of_orders = values_of(own, orders.item_tags[ORDER_ID])
    for draft, number in numbers:
        is_other = draft is not own and draft.source == own.source
        if is_other and shares(of_orders, draft.sample.frame[number.name]):
            note = (
                f"CHECK: no purchases are made of these rows, as {draft.name} has the items of the "
                "same orders"
            )
            amount.notes = [*(one for one in amount.notes if one != note), note]
            return True
    return False


def _has_items(orders: Orders) -> bool:
    return QUANTITY in orders.item_tags or PRODUCT in orders.item_tags


def _of_items(draft: Draft, drafts: Sequence[Draft]) -> Orders | None:
    tags = _columns_by_tag(draft)
    if PRODUCT not in tags and (ORDER_ID not in tags or tags[ORDER_ID].unique < ALL_DIFFER):
        is_said_twice = any(_is_of_same_source(draft, other) for other in drafts)
        tags = tags if is_said_twice else _tags_of_sales(draft, tags) or tags
    orders = _alone(draft, tags) if ORDER_ID in tags else None
    if orders is None or orders.goods is None:
        return None
    if DAY in tags and _knows_customer(draft):
        if PRODUCT not in tags and tags[ORDER_ID].unique < ALL_DIFFER:
            return None  # rows of something else about orders, such as payments
        if _tagged(draft, ORDER_ID) and not orders.says_more:
            note_checks(orders.goods)
            return None
        return orders
    for head, key, own_key in heads_of(draft, tags[ORDER_ID], drafts):
        head_tags = {
            tag: column
            for tag, column in _tags_of_head(head).items()
            if tag not in OF_ITEMS | {IS_RETURN, IS_CANCELLATION}
        }
        if DAY in head_tags | tags and _knows_customer(head):
            states = orders.states or states_of(head.columns, head.sample.frame)
            return replace(
                orders, head=head, head_key=key, key=own_key, head_tags=head_tags, states=states
            )
    return None


def _alone(draft: Draft, tags: dict[str, Column]) -> Orders:
    """What the rows of one feed say of what was bought."""
    frame = draft.sample.frame
    goods = _goods(draft, tags)
    tags = {tag: one for tag, one in tags.items() if tag not in {IS_RETURN, IS_CANCELLATION}}
    if goods is not None:
        if goods.amount is tags.get(UNIT_PRICE) and not goods.is_price:
            del tags[UNIT_PRICE]
        if REVENUE in tags or not goods.is_price:
            tags[REVENUE] = goods.amount
    is_of_items = QUANTITY in tags or PRODUCT in tags
    came_back = next(iter(filled(units_back(BACK, draft.columns), frame)), None)
    called_off = next(iter(filled(units_back(CANCELLED, draft.columns), frame)), None)
    refunded = refunded_column(draft, tags)
    whole = None
    if is_of_items and refunded is not None and is_of_whole_refund(refunded, tags[ORDER_ID], frame):
        whole, refunded = whole_refund(draft, tags, refunded), None
    refunds = refunds_of(draft.columns, frame)
    others = [one for one in draft.columns if refunds is None or one is not refunds.column]
    return Orders(
        draft,
        None,
        None,
        tags,
        {},
        states_of(others, frame),
        None if is_of_items and came_back is not None else refunded,
        None if came_back is not None else whole,
        came_back if QUANTITY in tags else None,
        called_off if QUANTITY in tags else None,
        tuple(flags_of(draft.columns, frame)),
        refunds,
        goods,
    )


def _goods(draft: Draft, tags: dict[str, Column]) -> Goods | None:
    frame = draft.sample.frame
    usable = [column for column in draft.columns if column.type not in NESTED]
    if QUANTITY in tags or PRODUCT in tags:
        goods = goods_of_lines(tags, usable, frame)
    else:
        goods = goods_of_order(tags, usable, frame) if REVENUE in tags else None
    return None if goods is None else in_units_of_money(goods, tags, usable, frame)


def _columns_by_tag(draft: Draft) -> dict[str, Column]:
    """The columns by the tags of what was bought that their names mean and their values allow."""
    frame = draft.sample.frame
    usable = [column for column in draft.columns if column.type not in NESTED]
    # An export has columns for all that its system may know, and most are empty.
    usable = [column for column in usable if len(present(frame[column.name]))]
    kinds = table_kinds([column.name for column in usable])
    kind = next((kind for kind in kinds if f"{kind.prefix}/" == PURCHASE), None)
    if kind is None:
        return {}
    tags = {
        kind.tags[column.name]: column
        for column in usable
        if column.name in kind.tags and _fits(column, kind.tags[column.name], frame[column.name])
    }
    tags |= units_by_product(tags, usable, frame)
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
        # Payments that name an invoice are told apart by their own key.
        own = [one for one in usable if is_own_key(one.name) and one.unique >= ALL_DIFFER]
        if not own:
            return {}
        found[ORDER_ID] = own[0]
        tags = {tag: one for tag, one in tags.items() if tag != ORDER_ID}
    return tags | found


def _take_types(draft: Draft, tags: dict[str, Column]) -> None:
    for tag, column in tags.items():
        # Of a weight nothing is lost: the table makes units of it.
        take_type(column, CATALOGUE[tag].type, draft.sample.frame[column.name])


def _take_types_of_amounts(orders: Orders) -> None:
    frame = orders.items.sample.frame
    amounts = [orders.refunded, *(orders.whole_refund or ())]
    if orders.goods is not None:
        amounts += [orders.goods.amount, *(part.column for part in orders.goods.parts)]
    for column in amounts:
        if column is not None:
            take_type(column, "decimal", frame[column.name])
    for flag in orders.flags:
        take_type(flag.column, "boolean", frame[flag.column.name])


def _tagged(draft: Draft, tag: str) -> bool:
    return any(tag in column.tags for column in draft.columns)


def _knows_customer(draft: Draft) -> bool:
    return any(map(may_name_customer, draft.columns)) or _holds_persons(draft)


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
        column.tags.append(own_link(draft))

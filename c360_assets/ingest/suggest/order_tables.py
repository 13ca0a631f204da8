"""Custom domain tables of what was bought, where a feed alone does not say it as rows of items.

Orders say by words what became of them, keep their day in another file than their items, or have no
items at all. Here is the SQL that makes rows of `txn-item` tags of them; which columns are meant is
told by `table_tags`, whose customers they name by `links`. No value of a file goes into it: words
are those of `semantics`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.suggest.column import NESTED, PURCHASE, Column
from c360_assets.ingest.suggest.column_names import (
    STATE_NAME,
    is_customer_number_name,
    plain_header,
)
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.feed import draft_of_table, tried
from c360_assets.ingest.suggest.flatten import FlatTable, table_yaml
from c360_assets.ingest.suggest.primary_key import propose_primary_key
from c360_assets.ingest.suggest.table_tags import table_kinds
from c360_assets.ingest.suggest.tagging import LINK, take_type, typed
from c360_assets.semantics.lookups import OrderStates, order_states
from c360_assets.semantics.tags import CATALOGUE, column_for, is_profile, without_marks
from c360_assets.tenant.base_models import physical_name
from c360_assets.warehouse.sql import quote_ident, quote_literal

ORDER_ID, DAY, PRODUCT = f"{PURCHASE}order-id", f"{PURCHASE}order-datetime", f"{PURCHASE}product-id"
QUANTITY, REVENUE = f"{PURCHASE}item-quantity", f"{PURCHASE}item-revenue"
IS_RETURN, IS_CANCELLATION = f"{PURCHASE}is-return", f"{PURCHASE}is-cancellation"
# What an order's own row may say of all of its items together.
OF_ITEMS = {ORDER_ID, PRODUCT, QUANTITY, REVENUE}
TOTAL = re.compile(
    r"(order|grand|invoice)?[ _]*(total|amount|value)([ _]*(price|paid|amount))?", re.I
)
# What an order without items is one unit of.
NO_ITEMS = {PRODUCT: "'order'", QUANTITY: "1"}
LINE = 90
MOST_STATES = 40  # different values of a column that says what became of orders
LEAST_SHARED, LEAST_SHARE = 5, 0.5
ALL_DIFFER = 0.98


@dataclass(frozen=True)
class States:
    """The columns that say what became of orders, the words for it in their languages, and how many
    rows of the sample were cancelled and returned."""

    columns: tuple[Column, ...]
    cancelled: tuple[str, ...]
    returned: tuple[str, ...]
    cancelled_rows: int
    returned_rows: int

    @property
    def in_words(self) -> str:
        return f"{self.cancelled_rows} rows are cancelled or failed, {self.returned_rows} returned"


@dataclass(frozen=True)
class _Orders:
    """What a table of orders is made of: the columns by tag, of the items' feed, or of the orders'
    where they have a feed of their own; `links` name the customer."""

    items: Draft
    head: Draft | None
    head_key: Column | None
    item_tags: dict[str, Column]
    head_tags: dict[str, Column]
    states: States | None

    @property
    def links(self) -> list[Column]:
        draft = self.head or self.items
        return [column for column in draft.columns if _names_customer(column)]


def states_of(columns: Sequence[Column], frame: pl.DataFrame) -> States | None:
    """Which columns say of orders that they were cancelled or returned; None where none does."""
    found: list[Column] = []
    spoken: set[str] = set()
    for column in columns:
        if column.type != "string" or STATE_NAME.search(without_marks(column.name)) is None:
            continue
        values = set(_lower(frame[column.name]).unique())
        languages = {
            language for language, states in order_states().items() if values & _words(states)
        }
        if languages and len(values) <= MOST_STATES:
            found.append(column)
            spoken |= languages
    if not found:
        return None
    known = [states for language, states in order_states().items() if language in spoken | {"en"}]
    cancelled = sorted(set().union(*(states.cancelled for states in known)))
    returned = sorted(set().union(*(states.returned for states in known)))
    counts = [
        pl.any_horizontal(_lower(frame[column.name], keep=True).is_in(words) for column in found)
        for words in (cancelled, returned)
    ]
    cancelled_rows, returned_rows = (int(frame.select(count.sum()).item()) for count in counts)
    return States(tuple(found), tuple(cancelled), tuple(returned), cancelled_rows, returned_rows)


def _words(states: OrderStates) -> frozenset[str]:
    return states.cancelled | states.returned


def _lower(values: pl.Series, *, keep: bool = False) -> pl.Series:
    texts = values.cast(pl.String) if keep else present(values)
    return texts.str.strip_chars().str.to_lowercase()


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


def mark_heads(drafts: Sequence[Draft]) -> None:
    """Tag the customers' numbers of orders whose items are in other feeds, or that have none, so
    that their customers are looked for."""
    for orders in _orders_of(drafts):
        for column in (orders.head or orders.items).columns:
            if is_customer_number_name(column.name) and not column.tags and not column.lost_digits:
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
        for draft, tags in ((orders.items, orders.item_tags), (orders.head, orders.head_tags)):
            if draft is not None:
                _take_types(draft, tags)
                changed.add(draft.name)
        for tag, column in orders.item_tags.items():
            # What tells rows of orders apart is told by tags, wherever they are written.
            column.tags = [tag, *(other for other in column.tags if other != tag)]
            column.bought_elsewhere = True
            column.notes = [note for note in column.notes if not note.startswith("looks like txn")]
        key = propose_primary_key(orders.items.columns, orders.items.sample.frame).columns
        tables[orders.items.name] = _table(orders, key)
    return [tried(draft) if draft.name in changed else draft for draft in drafts], tables


def purchases_in(flat: Sequence[FlatTable], draft: Draft) -> list[FlatTable]:
    """The tables of what was bought that are made of tables of nested orders of the feed `draft`,
    whose customer is the person that they stand in."""
    made = []
    for table in flat:
        if table.frame is None or any(PURCHASE in f"{column.tags}" for column in table.columns):
            continue
        orders = _of_items(draft_of_table(draft, table), [])
        if orders is not None and orders.links:
            made.append(_table(orders, table.key))
    return made


def _orders_of(drafts: Sequence[Draft]) -> list[_Orders]:
    """The feeds of orders of which a table has to be made."""
    found = [_of_items(draft, drafts) for draft in drafts]
    made = [orders for orders in found if orders is not None]
    heads = {orders.head.name for orders in made if orders.head is not None}
    return [orders for orders in made if orders.items.name not in heads]


def _of_items(draft: Draft, drafts: Sequence[Draft]) -> _Orders | None:
    tags = _columns_by_tag(draft)
    if ORDER_ID not in tags or REVENUE not in tags:
        return None
    if IS_RETURN in tags or IS_CANCELLATION in tags:
        return None
    frame = draft.sample.frame
    states = states_of(draft.columns, frame)
    if DAY in tags and _knows_customer(draft):
        is_whole = PRODUCT in tags and QUANTITY in tags
        if not is_whole and tags[ORDER_ID].unique < ALL_DIFFER:
            return None  # rows of something else about orders, such as payments
        return None if is_whole and states is None else _Orders(draft, None, None, tags, {}, states)
    for head in drafts:
        key = _key_of_head(head, frame[tags[ORDER_ID].name]) if head is not draft else None
        head_tags = _columns_by_tag(head) if key is not None else {}
        head_tags = {tag: column for tag, column in head_tags.items() if tag not in OF_ITEMS}
        if DAY in head_tags and _knows_customer(head):
            states = states or states_of(head.columns, head.sample.frame)
            return _Orders(draft, head, key, tags, head_tags, states)
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
    if REVENUE not in tags and not OF_ITEMS & tags.keys() - {ORDER_ID}:
        # Beside items the same name may be the total of all of them, on each of their rows.
        totals = [column for column in usable if TOTAL.fullmatch(plain_header(column.name))]
        amounts = [each for each in totals if _fits(each, REVENUE, frame[each.name])]
        if amounts:
            tags[REVENUE] = amounts[0]
    return tags


def _fits(column: Column, tag: str, values: pl.Series) -> bool:
    return typed(column, CATALOGUE[tag].type, values) is not None


def _take_types(draft: Draft, tags: dict[str, Column]) -> None:
    for tag, column in tags.items():
        take_type(column, CATALOGUE[tag].type, draft.sample.frame[column.name])


def _key_of_head(head: Draft, order_ids: pl.Series) -> Column | None:
    """The column of a feed in which each of these orders has a row."""
    wanted = present(order_ids).unique()
    for column in head.columns:
        if column.type in NESTED or column.unique < ALL_DIFFER:
            continue
        shared = int(wanted.is_in(present(head.sample.frame[column.name]).implode()).sum())
        if shared >= LEAST_SHARED and shared >= LEAST_SHARE * len(wanted):
            return column
    return None


def _tagged(draft: Draft, tag: str) -> bool:
    return any(tag in column.tags for column in draft.columns)


def _names_customer(column: Column) -> bool:
    return any(tag.startswith("fk-") for tag in column.tags)


def _knows_customer(draft: Draft) -> bool:
    return any(map(_may_name_customer, draft.columns)) or _holds_persons(draft)


def _holds_persons(draft: Draft) -> bool:
    """Whether rows say who bought: guests have no number, and stand in their order only."""
    tags = {tag for column in draft.columns for tag in column.tags if is_profile(tag)}
    return len(tags) > 1 and bool(tags & {"email", "phone"})


def _link_by_order(orders: _Orders) -> None:
    """Make the number of an order the foreign key of the person that stands in it."""
    draft = orders.head or orders.items
    column = orders.head_key or orders.item_tags[ORDER_ID]
    if _holds_persons(draft):
        take_type(column, "string", draft.sample.frame[column.name])
        column.tags.append(f"fk-{physical_name(draft.name).lower().replace('_', '-')}")


def _may_name_customer(column: Column) -> bool:
    return _names_customer(column) or (
        is_customer_number_name(column.name) and not column.lost_digits
    )


def _table(orders: _Orders, key: Sequence[str]) -> FlatTable:
    """The table; `key` tells the rows of its items apart."""
    source = physical_name(orders.items.name)
    name = f"CDT_{source.removeprefix('CDT_')}_Purchases"
    bought = _bought_sql(orders)
    # Names of columns are compared without case.
    key = [part.lower() if part.lower() in bought else part for part in key]
    kept = [quote_ident(part) for part in key if part not in bought]
    values = ",\n  ".join([*kept, *(f'{sql} AS "{each}"' for each, sql in bought.items())])
    sql = f"{_comment(orders)}WITH orders AS (\n{_orders_sql(orders)}\n)\nSELECT\n  {values},\n"
    if orders.states is None:
        sql += "  FALSE AS is_return,\n  FALSE AS is_cancellation\nFROM orders\n"
    else:
        quantity, revenue = column_for(QUANTITY), column_for(REVENUE)
        back = ",\n  ".join([*kept, *(_back_sql(each, sql) for each, sql in bought.items())])
        is_return = f"is_returned AND {bought[revenue]} <= 0"
        sql = sql.replace(f'{bought[quantity]} AS "{quantity}"', _signed(bought, quantity))
        sql = sql.replace(f'{bought[revenue]} AS "{revenue}"', _signed(bought, revenue))
        sql += (
            f"  {is_return} AS is_return,\n  is_cancelled AS is_cancellation\nFROM orders\n"
            "UNION ALL\n"
            f"SELECT\n  {back},\n  TRUE AS is_return,\n  FALSE AS is_cancellation\n"
            f"FROM orders\nWHERE is_returned AND NOT is_cancelled AND {bought[revenue]} > 0\n"
        )
    return FlatTable(name, sql, _yaml(orders, name, [*key, "is_return"]), has_persons=False)


def _signed(bought: dict[str, str], column: str) -> str:
    value = bought[column]
    return f'CASE WHEN is_cancelled THEN -abs({value}) ELSE {value} END AS "{column}"'


def _back_sql(column: str, sql: str) -> str:
    """What a row says of an order that came back: the same, with amounts below zero."""
    is_amount = column in (column_for(QUANTITY), column_for(REVENUE))
    return f'{f"-abs({sql})" if is_amount else sql} AS "{column}"'


def _bought_sql(orders: _Orders) -> dict[str, str]:
    """The columns of the table, each with its SQL over `orders`."""
    of_items = {tag: quote_ident(column.output) for tag, column in orders.item_tags.items()}
    of_head = {tag: f'"head_{column.output}"' for tag, column in orders.head_tags.items()}
    by_tag = NO_ITEMS | of_head | of_items
    bought = {column_for(tag): sql for tag, sql in by_tag.items()}
    for column in orders.links:
        own = quote_ident(column.output)
        bought[_link_name(column)] = own if orders.head is None else f'"head_{column.output}"'
    return bought


def _link_name(column: Column) -> str:
    tag = next(tag for tag in column.tags if tag.startswith("fk-"))
    return tag.replace("-", "_")


def _orders_sql(orders: _Orders) -> str:
    """The rows of items, with the columns of their orders as `head_…`, and what became of them."""
    source = physical_name(orders.items.name)
    columns = ["items.*"]
    joined = ""
    if orders.head is not None and orders.head_key is not None:
        used = [*orders.head_tags.values(), *orders.links]
        outputs = dict.fromkeys(column.output for column in used)
        columns += [f'head.{quote_ident(output)} AS "head_{output}"' for output in outputs]
        own_key = quote_ident(orders.item_tags[ORDER_ID].output)
        head_key = quote_ident(orders.head_key.output)
        joined = (
            f"\n  JOIN {physical_name(orders.head.name)} AS head"
            f"\n    ON head.{head_key}::VARCHAR = items.{own_key}::VARCHAR"
        )
    if orders.states is not None:
        states = (
            (orders.states.cancelled, "is_cancelled"),
            (orders.states.returned, "is_returned"),
        )
        columns += [f"{_any_state(orders, words)} AS {name}" for words, name in states]
    selected = ",\n    ".join(columns)
    return f"  SELECT\n    {selected}\n  FROM {source} AS items{joined}"


def _any_state(orders: _Orders, words: tuple[str, ...]) -> str:
    assert orders.states is not None
    words_sql = ", ".join(map(quote_literal, words))
    listed = "\n      ".join(["", *textwrap.wrap(words_sql, LINE, break_long_words=False)])
    own = set(map(id, orders.items.columns))
    tests = [
        f"coalesce(lower(trim({'items' if id(column) in own else 'head'}."
        f"{quote_ident(column.output)})) IN ({listed}), FALSE)"
        for column in orders.states.columns
    ]
    return f"({' OR '.join(tests)})"


def _comment(orders: _Orders) -> str:
    source = physical_name(orders.items.name)
    lines = [f"One row for each row of {source}, as what was bought."]
    if orders.head is not None:
        head = physical_name(orders.head.name)
        lines.append(
            f"Days and customers are those of {head}; items without an order are left out."
        )
    if QUANTITY not in orders.item_tags or PRODUCT not in orders.item_tags:
        lines.append("GUESSED: where it says no product or quantity, a row is one unit of 'order'.")
    if orders.states is not None:
        sample = (orders.head or orders.items).sample.frame.height
        lines.append(f"Of the sample's {sample} orders' rows, {orders.states.in_words}.")
        lines.append("A cancelled one is no purchase; one that came back is bought and returned.")
    return "".join(f"-- {line}\n" for line in lines)


def _yaml(orders: _Orders, name: str, key: Sequence[str]) -> str:
    by_tag = {column_for(tag): tag for tag in (NO_ITEMS | orders.head_tags | orders.item_tags)}
    by_tag |= {"is_return": IS_RETURN, "is_cancellation": IS_CANCELLATION}
    for column in orders.links:
        by_tag[_link_name(column)] = next(tag for tag in column.tags if tag.startswith("fk-"))
    tags = [f"  {column}: {{tags: [{tag}]}}" for column, tag in by_tag.items()]
    return table_yaml(name, key, tags)

"""What a feed says of what was bought, and by which columns: what a table of it is made of.

Which feeds are meant is for `order_tables`, the SQL of the table for `purchase_sql`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.suggest.column import HALF_DAY, PURCHASE, TIME_OF_DAY, Column
from c360_assets.ingest.suggest.column_names import CAMEL, is_state_name, plain_header
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.flatten import table_sql
from c360_assets.ingest.suggest.goods import Goods
from c360_assets.ingest.suggest.left_out import (
    LeftOut,
    deleted_rows,
    is_kind_name,
    no_goods,
    rows_not_won,
    sums_beside_lines,
)
from c360_assets.ingest.suggest.tagging import typed
from c360_assets.semantics.blocklist import is_placeholder_key
from c360_assets.semantics.lookups import OrderStates, order_states
from c360_assets.tenant.base_models import physical_name

ORDER_ID, DAY, PRODUCT = f"{PURCHASE}order-id", f"{PURCHASE}order-datetime", f"{PURCHASE}product-id"
QUANTITY, REVENUE = f"{PURCHASE}item-quantity", f"{PURCHASE}item-revenue"
IS_RETURN, IS_CANCELLATION = f"{PURCHASE}is-return", f"{PURCHASE}is-cancellation"
# An amount with a minus sign on either side or in brackets.
BELOW_ZERO = r"^\W*[-\u2212(]\W*\d|\d\W*[-\u2212]$"
IS = re.compile(
    r"^((order|sale|transaction|receipt|invoice|ticket) )?((is|was|has been|ist|est|es) )?(?=.)"
)
# What rows that are no returns are called beside them.
SALES = frozenset({
    "sale", "sales", "payment", "charge", "purchase", "order", "invoice", "sold", "verkauf",
    "zahlung", "rechnung", "bestellung", "vente", "paiement", "achat", "facture", "commande",
    "venta", "pago", "compra", "factura", "pedido", "vendita", "pagamento", "acquisto", "fattura",
    "venda", "fatura", "verkoop", "betaling", "bestelling", "factuur", "sprzedaż", "płatność",
    "försäljning", "köp", "salg", "myynti", "prodej", "satış", "eladás", "vânzare", "продажа",
    "продаж", "販売", "売上", "销售", "판매",
})  # fmt: skip
MOST_STATES = 40  # different values of a column that says what became of orders
MOST_STATES_BY_WORDS = 12  # of one that is not called so


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
class Flag:
    """A column that says yes or no to whether a row was cancelled, or came back."""

    column: Column
    is_cancellation: bool


@dataclass(frozen=True)
class Refunds:
    """The column that calls rows sales and others returns of them, the words for these in their
    languages, and how many rows of the sample are returns."""

    column: Column
    words: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Orders:
    """What a table of orders is made of: the columns by tag, of the items' feed, or of the orders'
    where they have a feed of their own; `links` name the customer."""

    items: Draft
    head: Draft | None
    head_key: Column | None
    item_tags: dict[str, Column]
    head_tags: dict[str, Column]
    states: States | None
    # What was paid back of the order, or of the row of an item.
    refunded: Column | None = None
    # What was paid back of the whole order and what that cost, both on each of its items.
    whole_refund: tuple[Column, Column] | None = None
    # Units of a row that came back, and that were cancelled.
    units_back: Column | None = None
    units_cancelled: Column | None = None
    flags: tuple[Flag, ...] = ()
    refunds: Refunds | None = None
    goods: Goods | None = None
    # By which the items name their order, where that is not its number.
    key: Column | None = None

    @property
    def says_what_became(self) -> bool:
        """Whether rows say of what was bought that it was cancelled or came back."""
        told = (self.states, self.refunds, self.refunded, self.whole_refund, self.units_back)
        return bool(self.flags) or any(one is not None for one in (*told, self.units_cancelled))

    @property
    def has_half_days(self) -> bool:
        """Whether times of day are written with AM and PM."""
        if self.time is None:
            return False
        draft = self.items if self.head is None or DAY not in self.head_tags else self.head
        return bool(present(draft.sample.frame[self.time.name]).str.contains(HALF_DAY).any())

    @property
    def has_negatives(self) -> bool:
        """Whether amounts below zero say that goods came back; of items the quantities have to say
        so too, as a discount is below zero as well."""
        tags = {REVENUE, QUANTITY} & self.item_tags.keys()
        return all(bool(self._texts(tag).str.contains(BELOW_ZERO).any()) for tag in tags)

    @property
    def has_weights(self) -> bool:
        """Whether quantities are those of goods by weight or length, and no units."""
        if QUANTITY not in self.item_tags:
            return False
        form = self.item_tags[QUANTITY].inferred.number
        decimal = re.escape(form.decimal if form is not None else ".")
        return bool(self._texts(QUANTITY).str.contains(rf"{decimal}\d*[1-9]").any())

    @property
    def says_more(self) -> bool:
        """Whether rows say of what was bought what tags alone do not."""
        is_whole = {PRODUCT, QUANTITY, REVENUE} <= self.item_tags.keys()
        told = self.says_what_became or self.has_negatives
        told = told or self.time is not None or bool(self.left_out)
        told = told or (self.goods is not None and not self.says_amount)
        return not is_whole or told or self.has_weights

    @property
    def says_amount(self) -> bool:
        """Whether the column that is called so holds what goods cost, as it stands."""
        goods = self.goods
        return goods is not None and goods.is_plain and REVENUE in goods.amount.tags

    @property
    def left_out(self) -> list[tuple[str, LeftOut]]:
        """What is left out, each with `items` or `head`, the table that says so."""
        heads = [] if self.head is None else [("head", self.head)]
        found = [
            (table, rows)
            for table, draft in [("items", self.items), *heads]
            for find in (deleted_rows, rows_not_won)
            for rows in find(draft.columns, draft.sample.frame)
        ]
        frame = self.items.sample.frame
        lines = no_goods(self.items.columns, self.item_tags, frame)
        if self.goods is not None:
            source = table_sql(physical_name(self.items.name))
            lines += sums_beside_lines(self.item_tags, self.goods, frame, source)
        return found + [("items", rows) for rows in lines]

    @property
    def time(self) -> Column | None:
        """The time of day of orders whose day stands in a column of its own."""
        draft, tags = (self.items, self.item_tags)
        if self.head is not None and DAY in self.head_tags:
            draft, tags = self.head, self.head_tags
        if DAY not in tags or not _are_days(draft, tags[DAY]):
            return None
        times = [
            column
            for column in draft.columns
            if column.type == "string" and _are_times(draft.sample.frame[column.name])
        ]
        return times[0] if len(times) == 1 else None

    def _texts(self, tag: str) -> pl.Series:
        return present(self.items.sample.frame[self.item_tags[tag].name]).cast(pl.String)

    @property
    def links(self) -> list[Column]:
        draft = self.head or self.items
        found = [column for column in draft.columns if names_customer(column)]
        own = [column for column in found if own_link(draft) in column.tags]
        return own or found

    @property
    def has_strangers(self) -> bool:
        """Whether orders lack the customer's number, or have one of nobody, as those of guests."""
        frame = (self.head or self.items).sample.frame
        return any(_lacks_numbers(frame[column.name]) for column in self.links)


def _lacks_numbers(values: pl.Series) -> bool:
    numbers = present(values).cast(pl.String)
    of_nobody = numbers.to_frame("n").select(is_placeholder_key(pl.col("n"))).to_series()
    return len(numbers) < len(values) or bool(of_nobody.any())


def own_link(draft: Draft) -> str:
    """The foreign key of the person that stands in an order."""
    return f"fk-{physical_name(draft.name).lower().replace('_', '-')}"


def names_customer(column: Column) -> bool:
    """Whether a column holds a number by which another feed knows the customer."""
    return any(tag.startswith("fk-") for tag in column.tags)


def _are_days(draft: Draft, column: Column) -> bool:
    texts = present(draft.sample.frame[column.name]).cast(pl.String)
    return column.type in {"date", "datetime"} and not texts.str.contains(":", literal=True).any()


def _are_times(values: pl.Series) -> bool:
    texts = present(values)
    return not texts.is_empty() and bool(texts.str.contains(TIME_OF_DAY).all())


def flags_of(columns: Sequence[Column], frame: pl.DataFrame) -> list[Flag]:
    """The columns of yes and no that are called by a word for a cancelled or a returned order."""
    cancelled = set().union(*(states.cancelled for states in order_states().values()))
    returned = set().union(*(states.returned for states in order_states().values()))
    found = []
    for column in columns:
        words = re.sub(r"[\W_]+", " ", CAMEL.sub("_", plain_header(column.name)).lower()).strip()
        word = IS.sub("", words)
        is_known = word in cancelled | returned
        if is_known and typed(column, "boolean", frame[column.name]) is not None:
            found.append(Flag(column, word in cancelled))
    return found


def refunds_of(columns: Sequence[Column], frame: pl.DataFrame) -> Refunds | None:
    """Which column of kinds of rows has sales and, as rows of their own, what came back."""
    for column in columns:
        if column.type != "string" or not is_kind_name(column.name):
            continue
        texts = _lower(frame[column.name])
        values = set(texts.unique())
        spoken = [states for states in order_states().values() if values & states.returned]
        if spoken and values & SALES and len(values) <= MOST_STATES:
            words = sorted(set().union(*(states.returned for states in spoken)))
            return Refunds(column, tuple(words), int(texts.is_in(words).sum()))
    return None


def states_of(columns: Sequence[Column], frame: pl.DataFrame) -> States | None:
    """Which columns say of orders that they were cancelled or returned; None where none does. Those
    that are called like it, else those of no other meaning that hold such words."""
    texts = [column for column in columns if column.type == "string"]
    named = [one for one in texts if is_state_name(one.name)]
    found, spoken = _with_state_words(named, frame, MOST_STATES)
    if not found:
        untagged = [one for one in texts if not one.tags]
        found, spoken = _with_state_words(untagged, frame, MOST_STATES_BY_WORDS)
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


def _with_state_words(
    columns: Sequence[Column], frame: pl.DataFrame, most: int
) -> tuple[list[Column], set[str]]:
    """The columns of at `most` so many values with words for what was cancelled or returned, and
    the languages of these."""
    found: list[Column] = []
    spoken: set[str] = set()
    for column in columns:
        values = set(_lower(frame[column.name]).unique())
        languages = {
            language for language, states in order_states().items() if values & _words(states)
        }
        if languages and len(values) <= most:
            found.append(column)
            spoken |= languages
    return found, spoken


def _words(states: OrderStates) -> frozenset[str]:
    return states.cancelled | states.returned


def _lower(values: pl.Series, *, keep: bool = False) -> pl.Series:
    """As `lower_sql`, of a sample."""
    texts = values.cast(pl.String) if keep else present(values)
    return texts.str.strip_chars().str.replace_all("İ", "I", literal=True).str.to_lowercase()


def lower_sql(sql: str) -> str:
    """A text in lower case; a Turkish capital with its dot would keep it."""
    return f"lower(replace(trim({sql}), 'İ', 'I'))"

"""Rows of a feed that stand there and no longer mean anything, and the SQL that leaves them out.

A CRM keeps what was deleted or merged and marks it, a shop its orders of tests, and both keep
offers that nobody took beside those that were. Shops write what is paid for shipping, fees, tips
and gift cards as lines of the order, which are no goods, and tills the sum of an order beside its
lines. Which tables leave them out is for `flatten` and `order_tables`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.suggest.column import PURCHASE, Column
from c360_assets.ingest.suggest.column_names import CAMEL, is_state_name, plain_header
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.goods import Goods
from c360_assets.ingest.suggest.line_totals import (
    CENT,
    FEWEST_ORDERS,
    NEARLY_ALL,
    QUANTITY,
    numbers,
)
from c360_assets.semantics.lookups import order_states, truth_words
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.wording import counted

# A truth value, or the time since which it is so.
DELETED = re.compile(
    r"[\W_]*(is[ _]?|soft[ _]?|fivetran[ _]?|sdc[ _]?)*(deleted|trashed)([ _]?(at|on|date|flag))?"
    r"|(is[ _]?)?test([ _]?(order|mode|record|account|customer|contact|user|profile|flag))?"
    r"|(geloscht|verwijderd|supprime|eliminado|apagado|eliminato|usuniety|smazano|silindi|удален"
    r"|видалено|已删除|削除済み)",
    re.IGNORECASE,
)
# A flag that is set, by any sign, or not.
DELETION_FLAG = re.compile(
    r"loevm|lvorm|loekz|(marked[ _]for[ _])?deletion([ _]?(flag|mark|indicator))?"
    r"|(del|delete)[ _]?flag|loe?sch(kennzeichen|vormerkung|kz)|deleted",
    re.IGNORECASE,
)
NOT_SET = frozenset({"", "0", "n", "no", "false", "-"})
AS_WORD = "lower(trim({column}::VARCHAR))"
# What was done to a row, as files of changes say.
CHANGE_NAME = re.compile(
    r"[\W_]*(cdc|dms|header|row|record|rec|odq|dml|sys)?[ _]*"
    r"(op|oper|operation|operation[ _]type|op[ _]?(type|code)|change([ _]?(type|mode|oper|kind))?"
    r"|changemode|action|aktion|recordmode|mode|upd[ _]?flag|event[ _]?type)",
    re.IGNORECASE,
)
DELETIONS = frozenset({"d", "del", "delete", "deleted", "delta_delete"})
CHANGES = DELETIONS | {
    "i", "u", "a", "c", "r", "n", "m", "ins", "upd", "insert", "update", "upsert", "create", "add",
    "inserted", "updated", "created", "added", "modify", "modified", "new", "changed", "read",
    "update_preimage", "update_postimage",
}  # fmt: skip
LINE_KIND = re.compile(
    r"(line|item|pos|position|positions|artikel|auftragspos|row|regel|ligne|linea"
    r"|riga|linha|zeilen|itemi[sz]ation)"
    r"[ _.-]*(item)?[ _.-]*(type|typ|tipo|kind|art|soort)",
    re.IGNORECASE,
)
# Not what an order as a whole may be called, as `delivery` beside `pickup`.
SHIPPING = frozenset({
    "shipping", "shipping cost", "shipping costs", "shipping fee", "shipping charge",
    "shipping line", "shipping_line", "shippingline", "shipitem", "shipping item", "freight",
    "postage", "delivery fee", "delivery charge", "versand", "versandposition", "versandkosten",
    "versandkostenposition", "versandpauschale", "lieferkosten", "fracht", "porto", "frais de port",
    "frais de livraison", "gastos de envío", "gastos de envio", "frete", "spese di spedizione",
    "verzendkosten", "frakt", "fragt", "poštovné", "koszt wysyłki", "koszty wysyłki",
    "szállítási díj", "стоимость доставки", "вартість доставки", "送料", "运费", "運費", "배송비",
})  # fmt: skip
# Other lines that are no goods; a gift card is bought once, and buys goods later.
OTHER_LINES = frozenset({
    "fee", "fees", "handling", "handling fee", "service fee", "service charge", "surcharge", "tip",
    "tips", "gratuity", "gift card", "gift_card", "giftcard", "gift cards", "gift certificate",
    "gift voucher", "store credit", "tax", "sales tax", "payment", "donation", "deposit", "pfand",
    "gutschein", "geschenkgutschein", "geschenkkarte", "trinkgeld", "zahlungsart", "gebühr",
    "carte cadeau", "chèque cadeau", "pourboire", "frais", "tarjeta regalo", "propina",
    "cartão presente", "vale-presente", "gorjeta", "carta regalo", "buono regalo", "mancia",
    "cadeaubon", "cadeaukaart", "fooi", "presentkort", "gavekort", "lahjakortti", "napiwek",
    "karta podarunkowa", "dárkový poukaz", "ajándékkártya", "hediye kartı",
    "bahşiş", "подарочная карта", "чаевые", "ギフト券", "ギフトカード", "礼品卡", "기프트카드",
})  # fmt: skip
# Of a kind of lines, not of a product by this name.
AMBIGUOUS = frozenset({"porto", "payment", "tax", "deposit", "fee", "fees", "frais", "freight"})
PRODUCT_ID, PRODUCT_NAME = f"{PURCHASE}product-id", f"{PURCHASE}product-name"
ORDER_ID = f"{PURCHASE}order-id"
KIND = re.compile(
    r"(?<![^\W_])(types?|typ|tipo|kind|art|soort|vrsta|turu|тип|вид)(?![^\W_])|類型|类型|種類|유형",
    re.IGNORECASE,
)
THING = re.compile(
    r"item|product|article|artikel|menu item|description|item[ _]name", re.IGNORECASE
)
MOST_KINDS = 20
LINE = 90
WON = re.compile(r"(is[ _]?)?(won|valid)", re.IGNORECASE)


@dataclass(frozen=True)
class LeftOut:
    """Rows of a sample that a table leaves out: how many, why, and the test of those it keeps.

    `test` is SQL over `{column}`.
    """

    column: Column
    test: str
    rows: int
    why: str

    def sql(self, table: str = "") -> str:
        """The test of the rows that are kept, of a table by this name."""
        name = quote_ident(self.column.output)
        return self.test.replace("{column}", f"{table}.{name}" if table else name)

    @property
    def in_words(self) -> str:
        return f"{counted(self.rows, 'row')} of the sample {self.why}, and left out."


def deleted_rows(columns: Sequence[Column], frame: pl.DataFrame) -> list[LeftOut]:
    """The marks of deleted rows, of those that the sample has."""
    marks = [_deleted_rows(column, frame[column.name]) for column in columns]
    return [mark for mark in marks if mark is not None and 0 < mark.rows < frame.height]


def _deleted_rows(column: Column, values: pl.Series) -> LeftOut | None:
    name = CAMEL.sub("_", plain_header(column.name))
    is_named = DELETED.fullmatch(name) is not None or DELETION_FLAG.fullmatch(name) is not None
    marked = f"are marked as {column.output}"
    if is_named and column.type == "boolean":
        return LeftOut(column, "NOT coalesce({column}, FALSE)", _count_true(values), marked)
    if is_named and column.type in {"date", "datetime"}:
        return LeftOut(column, "{column} IS NULL", len(present(values)), marked)
    texts = present(values).cast(pl.String).str.to_lowercase()
    found = set(texts.unique())
    if DELETION_FLAG.fullmatch(name) is not None and len(found - NOT_SET) == 1:
        rows = int((~texts.is_in(sorted(NOT_SET))).sum())
        return LeftOut(column, f"coalesce({AS_WORD}, '') IN ({_listed(NOT_SET)})", rows, marked)
    if CHANGE_NAME.fullmatch(name) is not None and found <= CHANGES and len(found) > 1:
        rows = int(texts.is_in(sorted(DELETIONS)).sum())
        test = f"coalesce({AS_WORD}, '') NOT IN ({_listed(DELETIONS)})"
        return LeftOut(column, test, rows, f"are deletions by {column.output}")
    return None


def _listed(words: frozenset[str]) -> str:
    return ", ".join(map(quote_literal, sorted(words)))


def says_state(name: str, texts: Sequence[str | None]) -> bool:
    """Whether values by this name say of orders that they were cancelled or returned."""
    if not is_state_name(name):
        return False
    found = {text.strip().lower() for text in texts if text is not None}
    return any(found & (states.cancelled | states.returned) for states in order_states().values())


def rows_not_won(columns: Sequence[Column], frame: pl.DataFrame) -> list[LeftOut]:
    """The offers among sales that are open or lost, where a column says which ones were taken."""
    for column in columns:
        is_named = WON.fullmatch(CAMEL.sub("_", plain_header(column.name))) is not None
        if is_named and column.type == "boolean":
            rows = frame.height - _count_true(frame[column.name])
            why = f"are not marked as {column.output}"
            return [LeftOut(column, "coalesce({column}, FALSE)", rows, why)]
    won = set().union(*(states.won for states in order_states().values()))
    for column in columns:
        if column.type != "string" or not is_state_name(column.name):
            continue
        texts = present(frame[column.name]).str.strip_chars().str.to_lowercase()
        words = sorted(set(texts.unique()) & won)
        if words:
            rows = frame.height - int(texts.is_in(words).sum())
            # The words of the sample's languages, as the next file may hold others of them.
            spoken = (states.won for states in order_states().values() if states.won & set(words))
            listed = ", ".join(map(quote_literal, sorted(set().union(*spoken))))
            test = f"lower(trim({{column}})) IN ({listed})"
            return [LeftOut(column, test, rows, "were not won")]
    return []


def no_goods(
    columns: Sequence[Column], tags: Mapping[str, Column], frame: pl.DataFrame
) -> list[LeftOut]:
    """Lines of orders that are no goods: what was paid for shipping, fees, tips, and for cards of
    which goods are bought later, where a column tells kinds of lines, or the product says so."""
    for column in columns:
        is_product = column in (tags.get(PRODUCT_ID), tags.get(PRODUCT_NAME)) or (
            THING.fullmatch(CAMEL.sub("_", plain_header(column.name))) is not None
        )
        if column.type != "string" or not (is_product or _tells_lines(column, tags, frame)):
            continue
        texts = present(frame[column.name]).str.strip_chars().str.to_lowercase()
        words = sorted((SHIPPING | OTHER_LINES) - (AMBIGUOUS if is_product else set()))
        rows = int(texts.is_in(words).sum())
        if 0 < rows < frame.height:
            listed = in_lines(list(map(quote_literal, words)))
            test = f"coalesce(lower(trim({{column}})), '') NOT IN ({listed})"
            is_shipping = int(texts.is_in(sorted(SHIPPING)).sum()) == rows
            what = "shipping" if is_shipping else "shipping, fees, tips or gift cards"
            return [LeftOut(column, test, rows, f"are of {what}, no goods")]
    return []


def in_lines(literals: Sequence[str]) -> str:
    """A list of literals in lines, of which none ends within a literal."""
    lines: list[str] = []
    for literal in literals:
        if lines and len(lines[-1]) + len(literal) < LINE:
            lines[-1] += f", {literal}"
        else:
            lines.append(literal)
    return "\n      " + ",\n      ".join(lines)


def is_kind_name(name: str) -> bool:
    """Whether a column is called after kinds of rows (`Transaction Type`)."""
    return KIND.search(CAMEL.sub("_", plain_header(name))) is not None


def _tells_lines(column: Column, tags: Mapping[str, Column], frame: pl.DataFrame) -> bool:
    """Whether a column tells kinds of lines: by its name, or as it differs within orders."""
    name = CAMEL.sub("_", plain_header(column.name))
    if LINE_KIND.fullmatch(name) is not None:
        return True
    if KIND.search(name) is None or ORDER_ID not in tags:
        return False
    lines = pl.DataFrame({"order": frame[tags[ORDER_ID].name], "kind": frame[column.name]})
    kinds = lines.group_by("order").agg(pl.col("kind").n_unique())["kind"]
    return lines["kind"].n_unique() <= MOST_KINDS and bool((kinds > 1).any())


def sums_beside_lines(
    tags: Mapping[str, Column], goods: Goods, frame: pl.DataFrame, source: str
) -> list[LeftOut]:
    """Rows without a product, beside rows of the same order that have one, which hold the sum of
    these or no amount: of tills that write a sale, its lines and its payments into one table.

    `source` is the table, as SQL.
    """
    if not {ORDER_ID, PRODUCT_ID} <= tags.keys():
        return []
    order_id, product = tags[ORDER_ID], tags[PRODUCT_ID]
    has_product = pl.col("product").is_not_null()
    lines = pl.DataFrame(
        {
            "order": frame[order_id.name].cast(pl.String),
            "product": _without_blanks(frame[product.name]),
            "amount": numbers(goods.amount, frame).fill_null(0),
            "units": numbers(tags[QUANTITY], frame) if goods.is_price else None,
        }
    ).with_columns((pl.col("amount") * pl.col("units").fill_null(1)).alias("cost"))
    sums = lines.filter(has_product).group_by("order").agg(pl.col("cost").sum().alias("sum"))
    beside = lines.filter(~has_product).join(sums, on="order")
    is_sum = beside["amount"] == 0
    for amount in ("amount", "cost"):
        is_sum = is_sum | ((beside[amount] - beside["sum"]).abs() < CENT)
    if len(beside) < FEWEST_ORDERS or is_sum.sum() < NEARLY_ALL * len(beside):
        return []
    order, thing = quote_ident(order_id.output), quote_ident(product.output)
    is_there = "coalesce(trim({}::VARCHAR), '') <> ''"
    test = (
        f"({is_there.format('{column}')} OR NOT EXISTS (\n      SELECT 1 FROM {source} AS line"
        f"\n      WHERE line.{order} = items.{order} AND {is_there.format(f'line.{thing}')}))"
    )
    why = "name no product and hold the sum or payment of the rows beside them"
    return [LeftOut(product, test, len(beside), why)]


def _without_blanks(values: pl.Series) -> pl.Series:
    texts = values.cast(pl.String).str.strip_chars()
    return texts.set(texts == "", None)


def _count_true(values: pl.Series) -> int:
    texts = present(values).cast(pl.String).str.to_lowercase()
    true = set().union(*(words.true for words in truth_words().values()))
    return int(texts.is_in(sorted(true)).sum())

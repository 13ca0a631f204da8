"""Rows of a feed that stand there and no longer mean anything, and the SQL that leaves them out.

A CRM keeps what was deleted or merged and marks it, a shop its orders of tests, and both keep
offers that nobody took beside those that were. Shops write what is paid for shipping as a line of
the order, which is no goods. Which tables leave them out is for `flatten` and
`order_tables`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_names import CAMEL, is_state_name, plain_header
from c360_assets.ingest.suggest.column_types import present
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
LINE_KIND = re.compile(
    r"(line|item|pos|position|positions|artikel|auftragspos|row|regel|ligne|linea|riga|linha|zeilen)"
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
    found = []
    for column in columns:
        if DELETED.fullmatch(CAMEL.sub("_", plain_header(column.name))) is None:
            continue
        values = frame[column.name]
        if column.type == "boolean":
            rows, test = _count_true(values), "NOT coalesce({column}, FALSE)"
        elif column.type in {"date", "datetime"}:
            rows, test = len(present(values)), "{column} IS NULL"
        else:
            continue
        if 0 < rows < len(values):
            found.append(LeftOut(column, test, rows, f"are marked as {column.output}"))
    return found


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


def shipping_lines(columns: Sequence[Column], frame: pl.DataFrame) -> list[LeftOut]:
    """Lines of orders that are what was paid for shipping, where a column tells kinds of lines."""
    for column in columns:
        name = CAMEL.sub("_", plain_header(column.name))
        if column.type != "string" or LINE_KIND.fullmatch(name) is None:
            continue
        texts = present(frame[column.name]).str.strip_chars().str.to_lowercase()
        rows = int(texts.is_in(sorted(SHIPPING)).sum())
        if 0 < rows < frame.height:
            listed = ", ".join(map(quote_literal, sorted(SHIPPING)))
            test = f"coalesce(lower(trim({{column}})), '') NOT IN ({listed})"
            return [LeftOut(column, test, rows, "are of shipping, no goods")]
    return []


def _count_true(values: pl.Series) -> int:
    texts = present(values).cast(pl.String).str.to_lowercase()
    true = set().union(*(words.true for words in truth_words().values()))
    return int(texts.is_in(sorted(true)).sum())

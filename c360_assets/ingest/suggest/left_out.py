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

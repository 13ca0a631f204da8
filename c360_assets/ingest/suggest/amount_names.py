"""What amounts beside that of goods are called: discounts, taxes, shipping, money back.

A name only says of which kind an amount may be; whether it is a part of another one is told by
arithmetic, in `goods`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import polars as pl

from c360_assets.ingest.suggest.column import NUMBERS, Column
from c360_assets.ingest.suggest.column_names import (
    CAMEL,
    COUNT_NAME,
    is_identifier_name,
    plain_header,
)
from c360_assets.ingest.suggest.line_totals import numbers

FEWEST_ROWS = 3  # rows of a sample that have an amount, from which on it says something
_B, _E = r"(?<![^\W_])", r"(?![^\W_])"  # where a word begins and ends
DISCOUNT = re.compile(
    r"discount|rabatt?(?!on)|remise|reduction|descuento|desconto|sconto|korting|kedvezmeny|sleva"
    r"|zlava|indirim|iskonto|popust|alennus|reducere|nuolaid|atlaide|soodus|afslattur|nachlass"
    r"|promo(tion)?s?|coupon|voucher|markdown|скидк|знижк|отстъпк|εκπτωσ|折扣|优惠|優惠|割引|値引"
    r"|할인|ส่วนลด|giam gia|chiet khau|diskon|potongan|خصم|تخفیف|הנחה",
    re.IGNORECASE,
)
TAX = re.compile(
    rf"{_B}(tax(es)?|vat|gst|hst|pst|mwst|ust|btw|iva|tva|moms|mva|dph|pdv|afa|kdv|ppn|alv|ндс|пдв"
    rf"|φπα|icms){_E}|steuer|impuesto|imposto|imposta|podat|vergi|消費税|税額|税额|세액|ภาษี|налог",
    re.IGNORECASE,
)
SHIPPING = re.compile(
    r"ship(ping|ment)?|postage|freight|delivery|versand|fracht|porto|livraison|frais de port|envio"
    r"|frete|spedizion|verzend|frakt|fragt|doprav|postovn|wysylk|szallitas|kargo|ongkir|достав"
    r"|送料|配送|运费|運費|배송|ค่าส่ง|ค่าจัดส่ง|شحن|משלוח",
    re.IGNORECASE,
)
TIP = re.compile(
    rf"{_B}(tips?|gratuity|gratuities|trinkgeld|pourboire|propina|gorjeta|mancia|fooi|dricks"
    rf"|drikkepenge|napiwek|borravalo|bahsis|spropitne|чаевые){_E}"
    r"|service[ _]?charge|チップ|小费|봉사료",
    re.IGNORECASE,
)
FEE = re.compile(
    r"handling|gift[ _]?wrap|wrapping|packaging|surcharge|deposit|pfand|zuschlag|cash on delivery",
    re.IGNORECASE,
)
PAID_BY_CREDIT = re.compile(
    r"gift[ _]?(card|certificate|voucher)|store[ _]?credit|customer[ _]?balance|gutschein"
    r"|carte[ _]?cadeau|tarjeta[ _]?regalo|(points?|loyalty)[ _]*(redeemed|used|amount|discount)",
    re.IGNORECASE,
)
BACK = re.compile(
    r"refund|return|retour|retoure?|retur|ruckerst|erstatt|rembours|devol|devuel|devuelt|reembols"
    r"|rimbors|reso$|terugbetal|zwrot|zwroc|vrac|iade|visszat|aterbetal|palaut|возвра|поверн"
    r"|返品|返金|退款|退货|退貨|환불|반품|مسترد|مرتجع|คืนเงิน|hoan ?tien|tra ?hang",
    re.IGNORECASE,
)
CANCELLED = re.compile(
    r"cancel|void|stornie|storno|annul|anulad|anulow|iptal|отмен|скасов|キャンセル|取消|취소",
    re.IGNORECASE,
)
RATE = re.compile(
    rf"%|percent|prozent|pct|porcent|procent|{_B}(rate|ratio|satz|taux|share){_E}", re.I
)
CENTS = re.compile(rf"{_B}(cents?|minor|centimes?|centavos?|pence|ore|kurus){_E}", re.IGNORECASE)
# What an amount is said to hold or not to hold, and what is no part of what a customer pays.
HOW_COUNTED = re.compile(
    r"\([^()]*\)|(tax|vat|gst|mwst|ust|btw|tva|iva|moms)[ _.]*(incl|excl|inc|exc|inkl|exkl)[a-z]*"
    r"|(incl|excl|inc|exc|with|without|before|after|ohne|inkl|hors)[a-z]*[ _.]*\w+",
    re.I,
)
# Whether an amount holds taxes, as names of two that differ in nothing else say.
WITH_TAX = re.compile(
    rf"{_B}(inc|incl|inkl|including|included|inclusive|gross|brutto|ttc){_E}", re.IGNORECASE
)
WITHOUT_TAX = re.compile(
    rf"{_B}(ex|exc|excl|exkl|excluding|excluded|exclusive|net|netto|ht){_E}", re.IGNORECASE
)
OF_ANOTHER = re.compile(
    rf"refunded|{_B}base{_E}|{_B}taxes on|{_B}(paid|payment) (by|on)|{_B}(zip|postal|code|id){_E}",
    re.I,
)


def words_of(column: Column) -> str:
    """A column's name as words without accents."""
    return CAMEL.sub("_", plain_header(column.name))


def amounts_in(columns: Iterable[Column]) -> list[Column]:
    """The columns that may hold amounts of money: numbers that are no identifiers, counts or
    shares."""
    return [
        column
        for column in columns
        if column.type in NUMBERS
        and not column.lost_digits
        and not is_identifier_name(column.name)
        and not (column.type == "integer" and COUNT_NAME.search(words_of(column)))
        and RATE.search(words_of(column)) is None
    ]


def called(kind: re.Pattern[str], columns: Iterable[Column]) -> list[Column]:
    """The columns that are called after a kind of amount, and not after one with or without it."""
    found = []
    for column in columns:
        bare = HOW_COUNTED.sub(" ", words_of(column))
        if kind.search(bare) is not None and OF_ANOTHER.search(bare) is None:
            found.append(column)
    return found


def without_tax_twin(column: Column, columns: Iterable[Column]) -> Column | None:
    """The column that is called as one with taxes, but without them."""
    words = words_of(column)
    if WITH_TAX.search(words) is None:
        return None
    bare = WITH_TAX.sub("", words).lower()
    for other in columns:
        name = words_of(other)
        if WITHOUT_TAX.search(name) and WITHOUT_TAX.sub("", name).lower() == bare:
            return other
    return None


def filled(columns: Sequence[Column], frame: pl.DataFrame) -> list[Column]:
    """The columns of which enough rows hold another amount than zero."""
    return [column for column in columns if (numbers(column, frame) != 0).sum() >= FEWEST_ROWS]


def money_back(columns: Iterable[Column]) -> list[Column]:
    """The columns of amounts that were paid back, of the goods themselves."""
    return [
        column
        for column in amounts_in(columns)
        if BACK.search(words_of(column)) is not None
        and not any(kind.search(words_of(column)) for kind in (TAX, SHIPPING, DISCOUNT, TIP, FEE))
    ]


def units_back(kind: re.Pattern[str], columns: Iterable[Column]) -> list[Column]:
    """The columns that count units of a row that came back, or were cancelled."""
    return [
        column
        for column in columns
        if column.type in NUMBERS
        and COUNT_NAME.search(words_of(column)) is not None
        and kind.search(words_of(column)) is not None
    ]

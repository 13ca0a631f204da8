"""What the name of a column says without its values: an identifier, an amount, a count.

What it may mean as a tag is in `header_words`.
"""

from __future__ import annotations

import re

from c360_assets.semantics.tags import without_marks

# What is said by names as they are without accents, in the languages of the catalogue's names.
# A last word, or an ending of a word where no other word ends so (`paid` is no id).
IDENTIFIER_NAME = re.compile(
    r"(^|[^a-z0-9])(id|ids|key|code|sku|upc|ean|isbn|asin|uuid|guid|number|no|nr|num|nro|kod|broj"
    r"|cislo|numer|numero|nummer)[^a-z0-9]*$|^(nr|numer|nro|num|no|broj|cislo)[ _.]"
    r"|(customer|client|order|user|member|contact|profile|account|person|product|item|lead|guest"
    r"|record|transaction|trans|invoice|ticket|line|subscriber|company|kunden|artikel|variant"
    r"|payment|refund|session|event|campaign|send|message)(id|key|code|no|num|number)$"
    r"|[a-z]{3}(nr|nummer)$|^(code|codigo|numero|matricule)([^a-z0-9]|$)"
    r"|^(debitor|kreditor|matricula|folio|recno)$"
    r"|^(order|invoice|receipt|ticket|transaction|reference|bestellung|commande|pedido)$"
    r"|(番号|コード|编号|編號|编码|号|號|번호|코드)$|^(код|номер|ид|κωδικος|αριθμος)(\W|_|$)"
    r"|(\W|_)(код|номер|ид)$|[^\W\d_] ?#$",
    re.IGNORECASE,
)
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
MONEY_NAME = re.compile(
    r"price|amount|revenue|total|cost|discount|tax|spend|spent|balance|paid|payment|refund|fee"
    r"|saldo|subtotal|credit|debit|ltv|clv|lifetime.?value|preis|betrag|umsatz|summe|rabatt|prix"
    r"|montant|precio|importe|preco|valor|prezzo|importo|totale|bedrag|prijs|kwota|castka|belopp"
    r"|tutar|fiyat|сумма|цена|стоимость|価格|単価|金額|金额|价格|總計|금액|가격",
    re.IGNORECASE,
)
COUNT_NAME = re.compile(
    r"orders|(?<!ac)count(?!r)|quantity|qty|items|units|visits|points|days|anzahl|menge|quanti|cantidad"
    r"|aantal|ilosc|количество|数量|數量|수량",
    re.IGNORECASE,
)
CHANGED_NAME = re.compile(
    r"updat|modif|modstamp|chang|last.?edit|geandert|geaendert|aktualis|actualiz|atualiz"
    r"|mise a jour|更新|変更",
    re.IGNORECASE,
)
CUSTOMER_NUMBER = re.compile(
    r"(cust(omer)?|client|contact|shopper|profile|member|kunden)[_ ]?"
    r"(id|no|nr|number|key|code|nummer)$|(顧客|会員)(番号|id|コード)$",
    re.IGNORECASE,
)
BRAND_NAME = re.compile(r"(home.?)?brand(.?name)?|marke|marque|marca", re.IGNORECASE)
OTHER_ALPHABET = re.compile(r"[^\W\d_A-Za-z]")
ROW_INDEX_NAME = re.compile(
    r"(unnamed([: _] ?\d+)*|index|idx|level_?\d+|__index_level_\d+__|column_?0|row|#"
    r"|row[ _]?(id|index|no|nr|num|number)|line[ _]?(no|nr|number)|s\.? ?no|sl\.? ?no"
    r"|lfd\.? ?nr|pos)\.?",
    re.IGNORECASE,
)
# What a column is called here that has no name in its file.
NO_NAME = re.compile(r"column\d+|unnamed_\d+")


def is_identifier_name(name: str) -> bool:
    """Whether a column is called like something that tells one row from another."""
    words = CAMEL.sub("_", without_marks(name).strip())
    return IDENTIFIER_NAME.search(words) is not None

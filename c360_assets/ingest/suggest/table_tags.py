"""What kind of table a file is that is not about persons, and which tags its columns get for it.

Orders, products, e-mail events, loyalty and consent are told by what columns are called together:
an id, a time and a quantity are an order, where each alone says nothing. The names are data
(`table_tags.yaml`); whether a column's values fit a tag's type is for `columns`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from c360_assets.ingest.suggest.column_names import CAMEL, plain_header
from c360_assets.ingest.suggest.header_parts import (
    LEAST_IN_TABLES,
    by_abbreviation,
    numbered,
    numbered_header,
)

SALES = re.compile(
    r"order|sale|purchase|deal|opportunit|donation|payment|charge|invoice|receipt|booking"
    r"|bestell|rechnung|verkauf|spende|commande|facture|vente|paiement|\bdons?\b"
    r"|pedido|venta|venda|factura|fattur|ordin|vendit|donazion|zamowien|sprzedaz|objednav|prodej"
    r"|siparis|satis|odeme|zakaz|prodazh|sdelk|platezh|zamovlen|uhod|chek|paragge|poliseis|tilau"
    r"|zahlung|betaling|verkopen|donatie",
    re.IGNORECASE,
)
ID_FIRST = re.compile(r"^(id)[ _]+(?:(?:de|do|da|del|della|du)[ _]+)?(\w.*)$", re.IGNORECASE)
HOW_COUNTED = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]"
    r"|(?<![^\W_])((incl|excl|inc|exc)[a-z]*[ _.]*(tax|vat|mwst|ust|btw|gst|iva)"
    r"|(tax|vat|mwst|ust|btw|gst|iva)[ _.]*(incl|excl|inc|exc)[a-z]*"
    r"|(c|com|con|cu|s|sem|sin|senza|fara|bez|z|mit|ohne|inkl|med|uten|utan|ex|vc|avec|sans)[ _./]*"
    r"(iva|tva|dph|kdv|mwst|ust|btw|igv|pdv|ddv|moms|mva|alv|pvm|pvn|vat|tax|impuestos?|impostos?)"
    r"|(kdv|afa|ндс|пдв)[ _.]*(dahil|haric|nelkul|включ[а-яі]*)|(с|без|з)[ _.]*(ндс|пдв)"
    r"|(غير )?(شامل|بدون) (ال)?ضريبة|税込|税抜|不?含税|税別"
    r"|ttc|ht|brutto|netto|ordered|eur|usd|gbp|chf)(?![^\W_])",
    re.IGNORECASE,
)
POINTS = re.compile(
    r"points?|(?<![^\W_])pts|punkt|punten|puntos|punti|pontos|poeng|point"
    r"|(?<![^\W_])miles|meilen|балл"
    r"|бал[иі]|ポイント|积分|積分|點數|포인트|نقاط|נקודות|แต้ม",
    re.IGNORECASE,
)
LAST_READING = 4
# What says where or how was bought; of a thing it means the thing's own.
NOT_OF_THINGS = {"purchase-brand", "purchase-channel", "store-id", "digital-channel"}
OF_THING = re.compile(r"(?<![^\W_])(sku|product|item|line)s?(?![^\W_])", re.IGNORECASE)
# What a row's own key is called where its table says what it is.
OWN_KEYS = (
    "id", "recordid", "uuid", "guid", "№", "ид", "код", "number", "numer", "numero", "nummer", "nr",
    "cislo", "broj", "nomor", "номер", "αριθμος", "番号", "编号", "번호", "رقم",
)  # fmt: skip
# Of `about`, so many must be found.
TELLING = 2
# Of more needed tags than that, so many tell the kind; of fewer all.
FEW, SOME = 4, 2


@dataclass(frozen=True)
class TableKind:
    """The group of tags that a table feeds: its prefix, and the tag of each column by its name.

    `missing` are needed tags that no column looks like; with any, the tags are only talked of.
    """

    prefix: str
    tags: dict[str, str]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class _Group:
    prefix: str
    needs: tuple[str, ...]
    about: tuple[str, ...]
    # The letters of a name -> its tag, and its place among the names of the tag, best first.
    tag_of_letters: dict[str, tuple[str, int]]
    weak_letters: dict[str, tuple[str, int]]


def table_kinds(names: Sequence[str]) -> list[TableKind]:
    """What a table with columns of these names may be, most likely first."""
    kinds = [_kind(group, names) for group in _groups()]
    return [kind for kind in kinds if kind is not None]


def is_order(kind: TableKind) -> bool:
    """Whether rows of the kind are orders, with or without items."""
    own = {tag.partition("/")[2] for tag in kind.tags.values()}
    return kind.prefix == "txn-item" and {"order-id", "order-datetime"} <= own


def may_be_orders(names: Sequence[str]) -> bool:
    """Whether rows with columns of these names may be orders, or items of them."""
    return any(is_order(kind) for kind in table_kinds(names))


def is_called_after_sales(feed: str) -> bool:
    """Whether a feed's name says that its rows are sales, or money that was taken for them."""
    return SALES.search(plain_header(feed)) is not None


def sales_tags(names: Sequence[str]) -> dict[str, str]:
    """The tag of each column by its name in a table of sales, where a row's own key names them."""
    group = next(group for group in _groups() if group.prefix == "txn-item")
    own_keys = {_letters(name): ("order-id", place) for place, name in enumerate(OWN_KEYS)}
    named = _named(own_keys | group.weak_letters, names) | _named(group.tag_of_letters, names)
    return {name: f"{group.prefix}/{tag}" for tag, name in named.items()}


def is_member_number_name(name: str) -> bool:
    """Whether a column is called like the number of a member of a loyalty programme."""
    group = next(group for group in _groups() if group.prefix == "loy")
    return "loyalty-id" in _named(group.tag_of_letters, [name])


def is_own_key(name: str) -> bool:
    """Whether a column is called like a row's own key, where its table says what it is."""
    return _letters(name) in map(_letters, OWN_KEYS)


def needed_tags(prefix: str) -> tuple[str, ...]:
    """The full tags without which rows of a group mean nothing."""
    group = next(group for group in _groups() if group.prefix == prefix)
    return tuple(f"{prefix}/{tag}" for tag in group.needs)


def _kind(group: _Group, names: Sequence[str]) -> TableKind | None:
    named = _named(group.tag_of_letters, names)
    if _may_have_weak_names(group.prefix, named.keys(), names):
        named = _named(group.weak_letters, names) | named
    tag_of = {name: tag for tag, name in named.items()}
    tags = {name: tag_of[name] for name in names if name in tag_of}
    found = set(tags.values())
    missing = tuple(tag for tag in group.needs if tag not in found)
    enough = SOME if len(group.needs) > FEW else len(group.needs)
    if len(group.needs) - len(missing) < enough:
        return None
    if len(found.intersection(group.about)) < min(TELLING, len(group.about)):
        return None
    prefix = group.prefix
    full_tags = {name: f"{prefix}/{tag}" for name, tag in tags.items()}
    return TableKind(prefix, full_tags, tuple(f"{prefix}/{tag}" for tag in missing))


def _named(tag_of_letters: Mapping[str, tuple[str, int]], names: Sequence[str]) -> dict[str, str]:
    """Tag -> the column of which the name stands first in the tag's list, a name as it is written
    before one of which words have to be left out."""
    best: dict[str, tuple[tuple[int, int], str]] = {}
    meanings = {letters: tag for letters, (tag, _) in tag_of_letters.items()}
    first = {tag: letters for letters, (tag, place) in tag_of_letters.items() if not place}
    for name in names:
        cut_short = by_abbreviation(name, meanings, LEAST_IN_TABLES)
        readings = (*_readings(name), *filter(None, [cut_short and first[cut_short]]))
        for reading, letters in enumerate(readings):
            if letters in tag_of_letters:
                tag, place = tag_of_letters[letters]
                if reading == LAST_READING and tag in NOT_OF_THINGS:
                    break
                if tag not in best or (reading, place) < best[tag][0]:
                    best[tag] = (reading, place), name
                break
    return {tag: name for tag, (_, name) in best.items()}


def _readings(name: str) -> tuple[str, ...]:
    """The letters by which a name is looked up: as it is written, with its number behind what it is
    the number of, and without the words that say how an amount is counted or of what it is."""
    plain = CAMEL.sub("_", plain_header(name))
    number_last = ID_FIRST.sub(r"\2_\1", plain)
    counted = HOW_COUNTED.sub(" ", plain)
    of_thing = OF_THING.sub(" ", counted)
    # `Order Lines/Quantity` is a path to it.
    end_of_path = counted.rpartition("/")[2]
    letters = map(_letters, (plain, number_last, counted, end_of_path, of_thing))
    return (*letters, *filter(None, [numbered_header(name)]))


def _may_have_weak_names(prefix: str, tags: Collection[str], names: Sequence[str]) -> bool:
    if prefix == "loy-event":
        return "loyalty-id" in tags and any(POINTS.search(plain_header(name)) for name in names)
    return "item-revenue" in tags and not {"order-id", "product-id"}.isdisjoint(tags)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", plain_header(name).lower())


@cache
def _groups() -> tuple[_Group, ...]:
    text = (resources.files(__package__) / "table_tags.yaml").read_text("utf-8")
    content: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]] = yaml.safe_load(text)
    groups = []
    for prefix, group in content.items():
        needs, about = tuple(group["needs"]), tuple(group.get("about", ()))
        letters = _tag_of_letters(group["names"])
        groups.append(_Group(prefix, needs, about, letters, _tag_of_letters(group.get("weak", {}))))
    return tuple(groups)


def _tag_of_letters(names_of_tag: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, int]]:
    tag_of_letters = {
        _letters(name): (tag, place)
        for tag, names in names_of_tag.items()
        for place, name in enumerate(names)
    }
    of_numbers = {numbered(letters): tag for letters, tag in tag_of_letters.items()}
    return {letters: tag for letters, tag in of_numbers.items() if letters} | tag_of_letters

"""Which e-mail addresses and phone numbers of a person stand in a list of its row.

Address books and sales programmes keep contacts as lists of texts, or of objects that say their
kind: `[{"kind": "phone", "value": "…"}]`. Here is what of them becomes columns of the person; the
tables and their SQL are in `flatten`. Kinds are words of here, so that no value of a file goes into
the SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from c360_assets.ingest.suggest.column_tags import guess
from c360_assets.warehouse.sql import quote_literal

# What an object of such a list calls its kind, and what the kinds are called.
KIND_KEYS = ("kind", "type", "system", "channel", "label", "contacttype", "contact_type", "name")
VALUE_KEYS = ("value", "number", "address", "contact", "detail", "val", "text")
KINDS = (
    "email", "e-mail", "mail", "phone", "telephone", "tel", "mobile", "cell", "sms", "whatsapp",
    "landline", "telefon", "handy", "celular", "movil", "hp",
)  # fmt: skip
CONTACT_TAGS = {"email", "phone"}
MOST_TAKEN = 2  # of a list without kinds


@dataclass(frozen=True)
class Contact:
    """A column made of a list: what is added to the list's name, what it is called by itself, its
    SQL after the list's column, and its values in the sample. `{list}` in the SQL stands for the
    list's column."""

    suffix: str
    name: str
    sql: str
    values: list[str | None]


def contacts_of(name: str, lists: list[Any]) -> list[Contact]:
    """The contacts in the parsed lists of a column; [] where they hold none."""
    items = [item for items in lists if isinstance(items, list) for item in items]
    if items and all(isinstance(item, str) for item in items):
        return _by_place(name, lists, None)
    if not items or not all(isinstance(item, dict) for item in items):
        return []
    value_key = _key_of(items, VALUE_KEYS)
    if value_key is None:
        return []
    kind_key = _key_of(items, KIND_KEYS)
    by_kind = _by_kind(lists, kind_key, value_key) if kind_key is not None else []
    return by_kind or _by_place(name, lists, value_key)


def _key_of(items: list[Any], names: tuple[str, ...]) -> str | None:
    """The first of these keys under which all items that have it hold a text."""
    keys = {key.lower(): key for item in items for key in item}
    for name in names:
        key = keys.get(name)
        if key is not None and all(isinstance(item.get(key), str | None) for item in items):
            return key
    return None


def _by_kind(lists: list[Any], kind_key: str, value_key: str) -> list[Contact]:
    """The first value of each kind of contact."""
    contacts = []
    for kind in KINDS:
        values = [_first_of_kind(items, kind, kind_key, value_key) for items in lists]
        if _tag_of_contacts(kind, values) is not None:
            is_kind = f"lower(item ->> {_path(kind_key)}) = {quote_literal(kind)}"
            items_sql = "from_json({list}, '[\"JSON\"]')"
            first = f"list_filter({items_sql}, lambda item: {is_kind})[1]"
            word = kind.replace("-", "_")
            contacts.append(Contact(word, word, f"{first} ->> {_path(value_key)}", values))
    return contacts


def _first_of_kind(items: Any, kind: str, kind_key: str, value_key: str) -> str | None:
    fitting = (
        item.get(value_key)
        for item in items or []
        if isinstance(item.get(kind_key), str) and item[kind_key].lower() == kind
    )
    return next(fitting, None)


def _by_place(name: str, lists: list[Any], value_key: str | None) -> list[Contact]:
    """The first values of a list that is called after what it holds."""
    contacts = []
    for place in range(MOST_TAKEN):
        values = [_at(items, place, value_key) for items in lists]
        tag = _tag_of_contacts(name, values)
        if tag is not None:
            path = f"$[{place}]" if value_key is None else f'$[{place}]."{value_key}"'
            sql = f"{{list}} ->> {quote_literal(path)}"
            contacts.append(Contact(f"{place + 1}", f"{tag}_{place + 1}", sql, values))
    return contacts


def _at(items: Any, place: int, value_key: str | None) -> str | None:
    if not isinstance(items, list) or len(items) <= place:
        return None
    item = items[place]
    value = item.get(value_key) if value_key is not None else item
    return value if isinstance(value, str) else None


def _tag_of_contacts(name: str, values: list[str | None]) -> str | None:
    """What name and values say that the values are, addresses or numbers; None without any."""
    series = pl.Series(values, dtype=pl.String)
    # A list may be called after one of its values or after several.
    guessed = guess(name, series) or guess(name.removesuffix("s"), series)
    is_contact = series.count() > 0 and guessed is not None and guessed.tag in CONTACT_TAGS
    return guessed.tag if is_contact and guessed is not None else None


def _path(key: str) -> str:
    return quote_literal(f'$."{key}"')

"""Lists of keys with values, such as `[{key: size, value: {string_value: L}}]`, as columns.

Event streams and shops keep so what differs from one row to the next. Contacts in lists, which
belong to a person, are for `contact_lists`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from c360_assets.warehouse.sql import quote_literal

KEYS, VALUES = ("key", "attribute_code", "name", "code"), ("value", "values")
# What lists of consents are called, and how their objects say for what they are and whether given.
CONSENTS = re.compile(
    r"consent|permission|subscription|preference|purpose|opt_?ins?\b|einwilligung|zgod", re.I
)
PURPOSES = ("channel", "type", "purpose", "category", "kind", "text", *KEYS)
GIVEN = (
    "granted", "given", "enabled", "consented", "subscribed", "opted_in", "optIn", "isGranted",
    "is_granted", "isSubscribed", "isConsentGranted", "status", "state", "action", *VALUES,
)  # fmt: skip
# What an object of a value is called by the type that it has.
TYPED = re.compile(r"(string|int|integer|long|float|double|bool|boolean|number|text)_?value", re.I)
MOST_KEYS = 40
PLAIN_KEY = re.compile(r"[A-Za-z_][\w.\- ]{0,60}")


@dataclass(frozen=True)
class KeyedValue:
    """The values of one key: SQL over `{list}`, and what it gives of the sample."""

    key: str
    sql: str
    values: list[str | None]


def is_of_consents(name: str) -> bool:
    """Whether a list is called like one of consents."""
    return CONSENTS.search(name) is not None


def keyed_values(name: str, lists: Sequence[Any]) -> list[KeyedValue]:
    """The values in the lists of a column by key, [] where they are none of keys and values."""
    elements = [item for items in lists if isinstance(items, list) for item in items]
    if not elements or not all(isinstance(item, dict) for item in elements):
        return []
    key_name = _common(elements, PURPOSES if is_of_consents(name) else KEYS)
    value_name = _common(elements, GIVEN if is_of_consents(name) else VALUES)
    if key_name is None or value_name is None:
        return []
    paths = _paths(value_name, [item[value_name] for item in elements])
    keys = list(dict.fromkeys(str(item[key_name]) for item in elements))
    repeats = any(len({item[key_name] for item in items}) < len(items) for items in lists if items)
    if not paths or repeats or len(keys) > MOST_KEYS:
        return []
    if not all(PLAIN_KEY.fullmatch(key) for key in keys):
        return []
    return [_value(key, key_name, paths, lists) for key in keys]


def _common(elements: Sequence[dict[str, Any]], names: Sequence[str]) -> str | None:
    return next((name for name in names if all(name in item for item in elements)), None)


def _paths(value_name: str, values: Sequence[Any]) -> list[tuple[str, ...]]:
    """Where a value may stand: by itself, or in an object under the name of its type."""
    objects = [value for value in values if isinstance(value, dict)]
    if not objects:
        is_plain = not any(isinstance(value, list) for value in values)
        return [(value_name,)] if is_plain else []
    inner = dict.fromkeys(key for value in objects for key in value if TYPED.fullmatch(key))
    return [(value_name, key) for key in inner]


def _value(
    key: str, key_name: str, paths: Sequence[tuple[str, ...]], lists: Sequence[Any]
) -> KeyedValue:
    found = (
        "list_filter(from_json({list}, '[\"JSON\"]'), lambda item: "
        f"item ->> {quote_literal(f'$.{key_name}')} = {quote_literal(key)})[1]"
    )
    parts = [f"{found} ->> {quote_literal('$.' + '.'.join(path))}" for path in paths]
    sql = parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"
    values = [_first(items, key, key_name, paths) for items in lists]
    return KeyedValue(key, f"({sql})", values)


def _first(items: Any, key: str, key_name: str, paths: Sequence[tuple[str, ...]]) -> str | None:
    item = next((item for item in items or [] if str(item[key_name]) == key), None)
    for path in paths if item is not None else ():
        value = item
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            return str(value).lower() if isinstance(value, bool) else str(value)
    return None

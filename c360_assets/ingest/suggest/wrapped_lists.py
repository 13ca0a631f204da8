"""Lists that stand in an object of their own: `{"SaleLines": {"SaleLine": [{…}, {…}]}}`.

XML has no other way to write a list, and an element that stands there once reads as an object. Here
such a field is made the list that it means; its tables are in `flatten`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_types import Inferred
from c360_assets.ingest.suggest.key_values import is_of_consents
from c360_assets.ingest.suggest.nested_leaves import path_sql
from c360_assets.ingest.suggest.sample import Sample
from c360_assets.warehouse.sql import quote_ident

ATTRIBUTE = "@"  # begins keys of what XML says of the element itself


def unwrapped(
    sample: Sample, columns: Sequence[Column]
) -> tuple[Sample, list[Column], dict[str, str]]:
    """The sample and its columns with such objects as lists, and the SQL of the JSON text of each
    list, by its column's output name."""
    frame, lists, found = sample.frame, {}, list(columns)
    for place, column in enumerate(columns):
        objects = [_parsed(text) for text in frame[column.name]] if _may_wrap(column) else []
        key = _wrapped_key(objects)
        if key is None:
            continue
        texts = [_list_text(value, key) for value in objects]
        frame = frame.with_columns(pl.Series(column.name, texts, dtype=pl.String))
        found[place] = replace(column, inferred=Inferred("array"))
        value = f"({quote_ident(column.output)} ->> {path_sql((key,))})"
        lists[column.output] = as_list_sql(value)
    return replace(sample, frame=frame), found, lists


def as_list_sql(value: str) -> str:
    """SQL for the JSON text of a list that a JSON text is, or is the only element of."""
    return f"CASE WHEN {value} LIKE '[%' THEN {value} ELSE '[' || {value} || ']' END"


def _may_wrap(column: Column) -> bool:
    return column.type in {"struct", "map"}


def _wrapped_key(objects: Sequence[Any]) -> str | None:
    """The only key of these objects, where it holds a list of objects in some of them; not of a
    person's consents, which are of the row and read by the name of their list."""
    present = [value for value in objects if isinstance(value, dict)]
    keys = {key for value in present for key in value if not key.startswith(ATTRIBUTE)}
    if len(keys) != 1:
        return None
    (key,) = keys
    if is_of_consents(key):
        return None
    inner = [value[key] for value in present if value.get(key) is not None]
    items = [item for each in inner for item in (each if isinstance(each, list) else [each])]
    has_list = any(isinstance(each, list) for each in inner)
    return key if has_list and all(isinstance(item, dict) for item in items) else None


def _list_text(value: Any, key: str) -> str | None:
    inner = value.get(key) if isinstance(value, dict) else None
    if inner is None:
        return None
    return json.dumps(inner if isinstance(inner, list) else [inner])


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None

"""The values in objects of a nested field, each by its path: what may become a column.

The tables made of them are in `flatten`, whose person they are in `nested_persons`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from c360_assets.ingest.suggest.column_names import CAMEL, OTHER_ALPHABET
from c360_assets.ingest.suggest.sample import Sample
from c360_assets.semantics.tags import without_marks
from c360_assets.tenant.check_feeds import tidy_name
from c360_assets.warehouse.sql import quote_literal

DEEPEST = 5


@dataclass(frozen=True)
class Leaf:
    """A value of a row or an element: its name as a column, and the SQL that gives it.

    `type` is the field type that the SQL's value has already, None where it is text, and of a list
    or an object that nothing makes columns of, which stays JSON text, `array`. `links` are foreign
    keys by which other feeds know the row. `path` are the field and the keys that lead to it, none
    for what is not nested.
    """

    name: str
    sql: str
    values: list[str | None]
    type: str | None = None
    links: tuple[str, ...] = ()
    path: tuple[str, ...] = ()


def leaves_in(objects: list[Any], text_sql: str, prefix: str) -> list[Leaf]:
    """The values in objects of one shape, in the order of their keys, each by its path."""
    leaves: list[Leaf] = []
    waiting: list[tuple[tuple[str, ...], list[Any]]] = [((), objects)]
    while waiting:
        path, values = waiting.pop(0)
        keys = dict.fromkeys(key for value in values if isinstance(value, dict) for key in value)
        for key in keys:
            inner = [value.get(key) if isinstance(value, dict) else None for value in values]
            inner_path = (*path, key)
            are_objects = any(isinstance(value, dict) for value in inner)
            if are_objects and len(inner_path) < DEEPEST:
                waiting.append((inner_path, inner))
                continue
            is_json = are_objects or any(isinstance(value, list) for value in inner)
            sql = f"{text_sql} ->> {path_sql(inner_path)}"
            leaf_type = "array" if is_json else None
            full_path = (prefix, *inner_path)
            leaves.append(Leaf(name_of(full_path), sql, _texts(inner), leaf_type, path=full_path))
    return leaves


def name_of(path: tuple[str, ...]) -> str:
    """What a value at a path is called as a column."""
    name = "_".join(CAMEL.sub("_", word) for word in path).strip("_")
    # Words of another alphabet say what a value is, and are named in plain letters then.
    return name if OTHER_ALPHABET.search(without_marks(name)) else tidy_name(name)


def sample_of(leaves: list[Leaf]) -> Sample:
    """The leaves as a sample, of which columns can be described."""
    leaves = distinct(leaves)
    series = [pl.Series(leaf.name, leaf.values, dtype=pl.String) for leaf in leaves]
    types = {leaf.name: leaf.type for leaf in leaves if leaf.type not in {None, "string"}}
    return Sample(pl.DataFrame(series), "csv", types, {})


def distinct(leaves: list[Leaf]) -> list[Leaf]:
    """The leaves with names of their own."""
    taken: set[str] = set()
    named = []
    for leaf in leaves:
        name, number = leaf.name, 2
        while name.lower() in taken:
            name = f"{leaf.name}_{number}"
            number += 1
        taken.add(name.lower())
        named.append(replace(leaf, name=name))
    return named


def path_sql(path: tuple[str, ...]) -> str:
    """The literal of a JSON path."""
    keys = "".join('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in path)
    return quote_literal(f"${keys}")


def _texts(values: list[Any]) -> list[str | None]:
    return [
        None if value is None else value if isinstance(value, str) else json.dumps(value)
        for value in values
    ]

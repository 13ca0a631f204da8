"""Every documented table: what it holds, its grain, key and columns, each described once.

The descriptions are the YAML files in `tables/`, one per stage, and the tags that their columns carry; column schemas in the UI,
the published `c360_catalog` and `docs/tables.md` are computed from them. The SQL that fills a table belongs to the stage's own
room; tags belong to `tags`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from c360_assets.semantics.tags import CATALOGUE


@dataclass(frozen=True)
class ColumnSpec:
    """One column: DuckDB type, meaning, full tags it carries (comma-separated), whether it holds personal data."""

    type: str
    description: str
    semantic: str = ""
    pii: bool = False


@dataclass(frozen=True)
class TableSpec:
    """One documented table. `key` is the list of columns that are unique together.

    `view` is the SELECT of a table that is not stored: over other tables of the published database, where it is a view.
    """

    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    columns: dict[str, ColumnSpec]
    stage: str
    view: str = ""


@cache
def all_tables() -> dict[str, TableSpec]:
    """Table name -> its specification, over all files in `tables/`."""
    raw: dict[str, tuple[str, dict[str, Any]]] = {}
    for file in sorted((resources.files(__package__) / "tables").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            content = _read(file.read_text("utf-8")) or {}
            words = content.pop("words", {})
            for name, item in content.items():
                raw[name] = (
                    file.name.removesuffix(".yaml"),
                    {**item, "columns": _spelt_out(item["columns"], words)},
                )
    return {
        name: TableSpec(
            name=name,
            description=item["description"].strip(),
            grain=item.get("grain", ""),
            key=tuple(item.get("key", ())),
            columns={
                column: _column(column, told, raw) for column, told in item["columns"].items()
            },
            stage=stage,
        )
        for name, (stage, item) in raw.items()
    }


def _spelt_out(columns: dict[str, Any], words: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Columns with each `{word}` of a name replaced by the words it stands for, in its description by their meaning."""
    found: dict[str, Any] = {}
    for name, told in columns.items():
        word = next((word for word in words if f"{{{word}}}" in name), None)
        for short, meaning in words[word].items() if word else [("", "")]:
            text = told.get("description", "").replace(f"{{{word}}}", meaning)
            found[name.replace(f"{{{word}}}", short)] = (
                {**told, "description": text} if word else told
            )
    return found


def _column(
    name: str, told: dict[str, Any], raw: dict[str, tuple[str, dict[str, Any]]]
) -> ColumnSpec:
    """What is told of a column; what is not, the column it repeats (`from`) or its tag says."""
    own = dict(told)
    source = own.pop("from", None)
    if source is not None:
        return replace(_column(name, raw[source][1]["columns"][name], raw), **own)
    tag = CATALOGUE.get(own.get("semantic", ""))
    known: dict[str, Any] = {"description": tag.description, "pii": tag.pii} if tag else {}
    return ColumnSpec(**known | own)


def _read(text: str) -> Any:
    # The safe loader written in C, where it is there, is seven times as fast.
    return (
        yaml.load(text, Loader=yaml.CSafeLoader) if yaml.__with_libyaml__ else yaml.safe_load(text)
    )


def table_spec(name: str) -> TableSpec:
    """The specification of a documented table. Raises KeyError for a table that is not documented."""
    return all_tables()[name]

"""Every documented table: what it holds, its grain, key and columns, each described once.

The descriptions are the YAML files in `tables/`, one per stage, and the tags that their columns
carry; column schemas in the UI, the published `c360_catalog` and `docs/tables.md` are computed from
them. The SQL that fills a table belongs to the stage's own room; tags belong to `tags`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from c360_assets.semantics.shipped import shipped_yaml
from c360_assets.semantics.tags import CATALOGUE


@dataclass(frozen=True)
class ColumnSpec:
    """One column of a documented table."""

    type: str  # DuckDB's
    description: str
    semantic: str = ""  # full tags that the column carries, comma-separated
    pii: bool = False  # whether it holds personal data


@dataclass(frozen=True)
class TableSpec:
    """One documented table. `key` is the list of columns that are unique together.

    `view` is the SELECT of a table that is not stored: over other tables of the published database,
    where it is a view.
    """

    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    columns: dict[str, ColumnSpec]
    stage: str
    view: str = ""


@dataclass(frozen=True)
class _Item:
    """One table as its file describes it."""

    stage: str
    content: dict[str, Any]

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        columns: dict[str, dict[str, Any]] = self.content["columns"]
        return columns


@cache
def all_tables() -> dict[str, TableSpec]:
    """Table name -> its specification, over all files in `tables/`."""
    items = _read_items()
    specs = {}
    for name, item in items.items():
        columns = {
            column: _column(column, description, items)
            for column, description in item.columns.items()
        }
        specs[name] = TableSpec(
            name=name,
            description=item.content["description"].strip(),
            grain=item.content.get("grain", ""),
            key=tuple(item.content.get("key", ())),
            columns=columns,
            stage=item.stage,
        )
    return specs


def _read_items() -> dict[str, _Item]:
    items: dict[str, _Item] = {}
    folder = resources.files(__package__) / "tables"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        tables = shipped_yaml("tables", file.name) or {}
        words = tables.pop("words", {})
        for name, content in tables.items():
            columns = _spelt_out(content["columns"], words)
            stage = file.name.removesuffix(".yaml")
            items[name] = _Item(stage, {**content, "columns": columns})
    return items


def _spelt_out(columns: dict[str, Any], words: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Columns with each `{word}` of a name replaced by the words that it stands for.

    In the column's description it is replaced by what those words mean.
    """
    spelt: dict[str, Any] = {}
    for name, item in columns.items():
        word = next((word for word in words if f"{{{word}}}" in name), None)
        if word is None:
            spelt[name] = item
            continue
        for short, meaning in words[word].items():
            description = item.get("description", "").replace(f"{{{word}}}", meaning)
            spelt[name.replace(f"{{{word}}}", short)] = {**item, "description": description}
    return spelt


def _column(name: str, item: dict[str, Any], items: dict[str, _Item]) -> ColumnSpec:
    """A column as its file describes it; what the file leaves out, the column it repeats (`from`)
    or its tag says.
    """
    described = dict(item)
    repeated_table = described.pop("from", None)
    if repeated_table is not None:
        repeated = _column(name, items[repeated_table].columns[name], items)
        return replace(repeated, **described)
    tag = CATALOGUE.get(described.get("semantic", ""))
    known: dict[str, Any] = {}
    if tag is not None:
        known = {"description": tag.description, "pii": tag.pii}
    return ColumnSpec(**known | described)


def table_spec(name: str) -> TableSpec:
    """The specification of a documented table.

    Raises KeyError for a table that is not documented.
    """
    return all_tables()[name]

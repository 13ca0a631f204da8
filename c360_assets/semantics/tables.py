"""Every documented table: what it holds, its grain, key and columns, each described once.

The descriptions are the YAML files in `tables/`, one per stage; column schemas in the UI, the published `c360_catalog` and
documentation are computed from them. The SQL that fills a table belongs to the stage's own room; tags belong to `tags`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


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
    found: dict[str, TableSpec] = {}
    folder = resources.files(__package__) / "tables"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".yaml"):
            continue
        for name, item in (_read(file.read_text("utf-8")) or {}).items():
            found[name] = TableSpec(
                name=name,
                description=item["description"].strip(),
                grain=item.get("grain", ""),
                key=tuple(item.get("key", ())),
                columns={column: ColumnSpec(**spec) for column, spec in item["columns"].items()},
                stage=file.name.removesuffix(".yaml"),
            )
    return found


def _read(text: str) -> Any:
    # The safe loader written in C, where it is there, is seven times as fast.
    return yaml.load(text, Loader=yaml.CSafeLoader) if yaml.__with_libyaml__ else yaml.safe_load(text)


def table_spec(name: str) -> TableSpec:
    """The specification of a documented table. Raises KeyError for a table that is not documented."""
    return all_tables()[name]

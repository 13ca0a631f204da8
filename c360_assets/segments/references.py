"""Which tables and files a definition names, by its text alone: what its step is made from, before
any table is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from c360_assets.segments.behaviours import BEHAVIOURS
from c360_assets.tenant.models import SegmentConfig


def referenced_tables(config: SegmentConfig) -> set[str]:
    """Names of tables as the definition spells them, those of behaviours too."""
    names: set[str] = set()
    for key, _ in _entries(config):
        table, dot, _ = key.rpartition(".")
        if dot:
            names.add(table)
        elif key in BEHAVIOURS:
            names.add(BEHAVIOURS[key].table)
    return names


def referenced_lists(config: SegmentConfig) -> set[str]:
    """Files of customer lists that the definition names."""
    files: set[str] = set()
    for key, value in _entries(config):
        if key == "list":
            files |= {str(file).strip() for file in (value if isinstance(value, list) else [value])}
    return files


def _entries(config: SegmentConfig) -> Iterator[tuple[str, Any]]:
    """Every key of the definition's conditions with its value, at any depth."""
    waiting: list[Any] = [config.include, config.exclude]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            for key, value in item.items():
                yield str(key), value

"""Which tables a definition names, by its text alone: what its step is made from, before any table
is there."""

from __future__ import annotations

from typing import Any

from c360_assets.segments.behaviours import BEHAVIOURS
from c360_assets.tenant.models import SegmentConfig


def referenced_tables(config: SegmentConfig) -> set[str]:
    """Names of tables as the definition spells them, those of behaviours too."""
    names: set[str] = set()
    waiting: list[Any] = [config.include, config.exclude]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            for key, value in item.items():
                waiting.append(value)
                table, dot, _ = str(key).rpartition(".")
                if dot:
                    names.add(table)
                elif key in BEHAVIOURS:
                    names.add(BEHAVIOURS[key].table)
    return names

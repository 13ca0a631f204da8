"""Settings of a feed that decide what a value of a file becomes, and whether they were changed
after rows were loaded.

A changed type, key or source of a column is refused by `domain_table`; a new column is read again
by `read_again`.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
from datetime import date
from typing import Any

from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.manifest import TableState
from c360_assets.wording import counted

SETTINGS = {"row_number", "last_updated", "timezone", "datetime_format", "scale", "null_values"}
FIELD_SETTINGS = {"format", "number", "scale", "required"}


def reading(feed: FeedConfig) -> dict[str, Any]:
    """Setting -> its value."""
    fields = {
        f"fields.{name}": item.model_dump(mode="json", include=FIELD_SETTINGS)
        for name, item in feed.fields.items()
    }
    whole = feed.model_dump(mode="json", include=SETTINGS)
    return {**whole, "files.drop_rows": feed.files.drop_rows, **fields}


def otherwise_messages(
    feed: FeedConfig, stored: TableState | None, days: Collection[date]
) -> list[str]:
    """What to say of loaded `days` whose rows were read with other settings than are declared."""
    if stored is None or not days:
        return []
    before, now = stored.figures.get("reading", {}), reading(feed)
    changed = sorted(key for key in before.keys() & now.keys() if before[key] != now[key])
    if not changed:
        return []
    keep = counted(len(days), "delivery day keeps its", "delivery days keep their")
    return [
        f"{', '.join(changed)} changed after the feed was loaded: {keep} values; "
        f"`c360 load {shlex.quote(feed.name)} --from {min(days)}` reads what is in "
        f"{feed.files.address} again"
    ]

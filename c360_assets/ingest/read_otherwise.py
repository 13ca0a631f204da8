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

SETTINGS = {
    "row_number", "fill_down", "last_updated", "timezone", "datetime_format", "scale",
    "null_values",
}  # fmt: skip
FIELD_SETTINGS = {"format", "calendar", "name_order", "number", "scale", "required"}


def reading(feed: FeedConfig) -> dict[str, Any]:
    """Setting -> its value."""
    fields = {
        f"fields.{name}": item.model_dump(mode="json", include=FIELD_SETTINGS)
        for name, item in feed.fields.items()
    }
    whole = feed.model_dump(mode="json", include=SETTINGS)
    texts = {"files.drop_rows": feed.files.drop_rows, "files.encoding": feed.files.encoding}
    return {**whole, **texts, **fields}


def otherwise_messages(
    feed: FeedConfig, stored: TableState | None, days: Collection[date]
) -> list[str]:
    """What to say of loaded `days` whose rows were read with other settings than are declared."""
    if stored is None or not days:
        return []
    before, now = stored.figures.get("reading", {}), reading(feed)
    changed = sorted(
        key for key in before.keys() & now.keys() if _given(before[key]) != _given(now[key])
    )
    if not changed:
        return []
    keep = counted(len(days), "delivery day keeps its", "delivery days keep their")
    return [
        f"{', '.join(changed)} changed after the feed was loaded: {keep} values; "
        f"`c360 load {shlex.quote(feed.name)} --from {min(days)}` reads what is in "
        f"{feed.files.address} again"
    ]


def _given(setting: Any) -> Any:
    """A setting without the options that nobody gave: those of later versions are new."""
    if not isinstance(setting, dict):
        return setting
    return {option: value for option, value in setting.items() if value is not None}

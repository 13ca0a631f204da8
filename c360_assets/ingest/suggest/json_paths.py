"""Where the records of a JSON document are: under which keys, where the document is not they.

APIs wrap their records (`{"customers": [...]}`, `{"data": {"items": [...]}}`), or key them by id.
Reading them is for `formats`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from c360_assets.ingest.suggest.header_words import guess_by_name

# A document beyond it is not parsed for its shape.
LARGEST_DOCUMENT = 256 << 20
DEEPEST = 4
# Keys of a wrapper that hold records rather than what is said of them.
FEWEST_KEYED = 2
NODE = "node"
EDGE = {NODE, "cursor"}


def records_path(path: Path) -> str | None:
    """The path of keys to the records of a document, None where it is no wrapper of records.

    The nearest list of objects, or object of objects, counts; of several the longest.
    """
    if path.stat().st_size > LARGEST_DOCUMENT:
        return None
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, UnicodeDecodeError):
        return None
    if not isinstance(document, dict) or _is_record(document):
        return None
    if _is_keyed(document):
        return "."
    waiting: deque[tuple[tuple[str, ...], dict[str, Any]]] = deque([((), document)])
    while waiting:
        keys, value = waiting.popleft()
        found = _longest(value)
        if found is not None:
            # GraphQL puts each record into an edge of its list.
            edges = all(set(item) <= EDGE and NODE in item for item in value[found])
            return written((*keys, found, NODE) if edges else (*keys, found))
        if keys and _is_keyed(value):
            return written(keys)
        for key, inner in value.items():
            if isinstance(inner, dict) and len(keys) < DEEPEST:
                waiting.append(((*keys, key), inner))
    return None


def _is_record(document: dict[str, Any]) -> bool:
    """Whether an object says something of a person by itself, beside what it nests."""
    plain = [key for key, value in document.items() if not isinstance(value, dict | list)]
    return any(guess_by_name(key) is not None for key in plain)


def _longest(value: dict[str, Any]) -> str | None:
    """The key of the longest list of objects in an object."""
    lengths = {key: len(items) for key, items in value.items() if _is_list_of_objects(items)}
    return max(lengths, key=lambda key: lengths[key]) if lengths else None


def _is_list_of_objects(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, dict) for item in value)


def _is_keyed(value: dict[str, Any]) -> bool:
    """Whether an object holds records by id: objects that share most of their keys."""
    records = list(value.values())
    if len(records) < FEWEST_KEYED or not all(isinstance(record, dict) for record in records):
        return False
    shared = set.intersection(*(set(record) for record in records))
    most = max(len(record) for record in records)
    return 2 * len(shared) >= most > 0


def written(keys: Sequence[str]) -> str:
    """A path of keys as `files.records` has it."""
    if any("." in key for key in keys):
        return "/" + "/".join(keys)
    return ".".join(keys)

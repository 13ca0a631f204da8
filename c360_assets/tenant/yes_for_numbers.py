"""A `yes`, `on` or `true` where a number belongs: YAML reads it as true, which the models take for
a one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from c360_assets.errors import Problem
from c360_assets.tenant.document import Document, KeyPath, dotted


def yes_for_numbers(document: Document, fitted: BaseModel) -> Iterator[Problem]:
    """A problem for each number of the settings that the document gives as yes or no."""
    for path in _places(document.data, fitted, ()):
        line, _ = document.locate(path)
        message = "must be a number, found true or false"
        remedy = "write the number; YAML reads yes, no, on and off as true and false"
        yield Problem("error", document.file, message, line, dotted(path), remedy)


def _places(raw: Any, value: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(raw, bool) and isinstance(value, int | float) and not isinstance(value, bool):
        yield path
    elif isinstance(raw, dict):
        for key, item in raw.items():
            yield from _places(item, _below(value, key), (*path, key))
    elif isinstance(raw, list) and isinstance(value, list | tuple) and len(raw) == len(value):
        for place, item in enumerate(raw):
            yield from _places(item, value[place], (*path, place))


def _below(value: Any, key: str) -> Any:
    """What the settings hold under the key of a file; None where it has no place of its own."""
    if isinstance(value, BaseModel):
        names = {field.alias or name: name for name, field in type(value).model_fields.items()}
        return getattr(value, names[key]) if key in names else None
    return value.get(key) if isinstance(value, dict) else None

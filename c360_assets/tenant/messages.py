"""Validation errors of the configuration models, told as problems with file, line, key and what is allowed.

Words only; reading files belongs to `loader`, cross-checks to `check`. A value is repeated only where it is one of a fixed
choice and looks like a plain word: blocklists, filters and web addresses may hold personal data or secrets.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from c360_assets.errors import Problem
from c360_assets.semantics.closest import closest
from c360_assets.tenant.document import Document, dotted

# Pydantic's error type -> what is asked for.
EXPECTED = {
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "list_type": "must be a list, such as [a, b]",
    "tuple_type": "must be a list, such as [a, b]",
    "dict_type": "must be a mapping of key: value",
    "model_type": "must be a mapping of key: value",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "uuid_type": "must be a uuid, as `c360 init` writes it",
    "uuid_parsing": "must be a uuid, as `c360 init` writes it",
    "date_type": "must be a date, such as 2024-01-31",
    "date_parsing": "must be a date, such as 2024-01-31",
    "date_from_datetime_parsing": "must be a date, such as 2024-01-31",
    "date_from_datetime_inexact": "must be a date, such as 2024-01-31",
    "too_short": "must not be empty",
}
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_.+ -]{1,40}")


def kind(value: Any) -> str:
    """What a YAML value is, in a person's words."""
    if value is None:
        return "nothing"
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a mapping",
    }
    return names.get(type(value), f"a {type(value).__name__}")


def problems_of(
    error: ValidationError, model: type[BaseModel], document: Document
) -> list[Problem]:
    """One problem per place in the file, in file order."""
    found: dict[tuple[int | None, str], Problem] = {}
    for item in error.errors(include_url=False):
        if item["loc"][-1:] == ("str",) and isinstance(item["input"], dict):
            continue  # the other alternative, a mapping, tells what is wrong inside it
        line, path = document.locate(item["loc"])
        message, remedy, key = _tell(item, path, model)
        found.setdefault(
            (line, key), Problem("error", document.file, message, line, key or None, remedy)
        )
    return sorted(found.values(), key=lambda p: (p.line or 0, p.key or ""))


def _tell(item: Any, path: list[str | int], model: type[BaseModel]) -> tuple[str, str | None, str]:
    sort, value, context = item["type"], item["input"], item.get("ctx", {})
    if sort == "missing":
        return "is missing and must be given", None, dotted([*path, item["loc"][-1]])
    key = dotted(path)
    if sort == "extra_forbidden":
        allowed = _keys_at(model, item["loc"][:-1])
        near = closest(str(item["loc"][-1]), allowed)
        remedy = f"did you mean {near!r}?" if near else f"allowed here: {', '.join(allowed)}"
        return "unknown key", remedy, key
    if sort in {"literal_error", "enum"}:
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        shown = (
            f"{value!r} is not allowed"
            if isinstance(value, str) and _PLAIN_WORD.fullmatch(value)
            else f"{kind(value)} is not allowed"
        )
        near = closest(value, allowed) if isinstance(value, str) else None
        return (
            shown,
            f"allowed: {', '.join(allowed)}" + (f"; did you mean {near!r}?" if near else ""),
            key,
        )
    if sort == "value_error":
        return str(context.get("error", item["msg"])), None, key
    if sort in EXPECTED:
        found = "" if sort in {"too_short", "string_too_short"} else f", found {kind(value)}"
        return EXPECTED[sort] + found, None, key
    limits = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    for name, words in limits.items():
        if name in context:
            return f"must be {words} {context[name]}", None, key
    return "does not fit", str(item["msg"]), key


def _keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that are allowed at `loc`, by walking the annotations."""
    here: Any = model
    for part in loc:
        here = _step(here, part)
    found = _model_in(here)
    return list(found.model_fields) if found else []


def _step(annotation: Any, part: str | int) -> Any:
    found = _model_in(annotation)
    if found is not None and part in found.model_fields:
        return found.model_fields[str(part)].annotation
    if found is not None and part == found.__name__:
        return found
    for option in _options(annotation):
        if typing.get_origin(option) in {dict, list}:
            return typing.get_args(option)[-1]
    return annotation


def _options(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType}:
        return [o for a in typing.get_args(annotation) for o in _options(a)]
    if origin is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    return [annotation]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    return next(
        (o for o in _options(annotation) if isinstance(o, type) and issubclass(o, BaseModel)), None
    )

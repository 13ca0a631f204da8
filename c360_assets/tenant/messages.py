"""Validation errors of the configuration models as problems: file, line, key and what is allowed.

Words only; reading files belongs to `loader`. A value is repeated only where it is one of a fixed
choice and looks like a plain word: blocklists, filters and web addresses may hold personal data or
secrets.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from c360_assets.errors import Problem
from c360_assets.semantics.closest import closest
from c360_assets.tenant.document import Document, dotted

# Pydantic's type of error -> what is asked for.
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
    "finite_number": "must be a finite number, not .nan or .inf",
    "uuid_type": "must be a uuid, as `c360 init` writes it",
    "uuid_parsing": "must be a uuid, as `c360 init` writes it",
    "date_type": "must be a date, such as 2024-01-31",
    "date_parsing": "must be a date, such as 2024-01-31",
    "date_from_datetime_parsing": "must be a date, such as 2024-01-31",
    "date_from_datetime_inexact": "must be a date, such as 2024-01-31",
    "too_short": "must not be empty",
}
QUOTES = "put it in quotes: YAML reads yes, no, on and off as true and false"
SAYS_ALL = {"too_short", "string_too_short", "finite_number"}  # the kind of value adds nothing
# The name under which pydantic gives the limit that a value breaks -> its words.
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a mapping",
}
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_.+ -]{1,40}")
# A choice as pydantic lists it.
_CHOICE = re.compile(r"'([^']*)'|\"([^\"]*)\"")


class Message(NamedTuple):
    """What is wrong with a key, and what to do."""

    key: str
    text: str
    remedy: str | None = None


def kind(value: Any) -> str:
    """What a YAML value is, in a person's words."""
    if value is None:
        return "nothing"
    return KINDS.get(type(value), f"a {type(value).__name__}")


def problems_of(
    error: ValidationError, model: type[BaseModel], document: Document
) -> list[Problem]:
    """One problem per place in the file, in file order."""
    problems: dict[tuple[int | None, str], Problem] = {}
    for details in error.errors(include_url=False):
        # Where a text or a mapping is allowed and a mapping is given, the other alternative's error
        # says what is wrong inside it.
        if details["loc"][-1:] == ("str",) and isinstance(details["input"], dict):
            continue
        line, path = document.locate(details["loc"])
        message = _message(details, path, model)
        problem = Problem(
            "error", document.file, message.text, line, message.key or None, message.remedy
        )
        problems.setdefault((line, message.key), problem)
    return sorted(problems.values(), key=lambda problem: (problem.line or 0, problem.key or ""))


def _message(details: ErrorDetails, path: Sequence[str | int], model: type[BaseModel]) -> Message:
    error_type = details["type"]
    context = details.get("ctx", {})
    key = dotted(path)
    if error_type == "missing":
        return Message(dotted([*path, details["loc"][-1]]), "is missing and must be given")
    if error_type == "extra_forbidden":
        return Message(key, "unknown key", _key_remedy(details["loc"], model))
    if error_type in {"literal_error", "enum"}:
        choices = _CHOICE.findall(str(context.get("expected", "")))
        choices = [one or other for one, other in choices]
        return _choice_message(key, details["input"], choices)
    if error_type == "value_error":
        return Message(key, str(context.get("error", details["msg"])))
    if error_type in {"string_too_short", "too_short"} and context.get("min_length", 1) > 1:
        unit = "characters" if error_type == "string_too_short" else "entries"
        return Message(key, f"must have at least {context['min_length']} {unit}")
    if error_type in EXPECTED:
        given = "" if error_type in SAYS_ALL else f", found {kind(details['input'])}"
        is_bare_word = error_type == "string_type" and isinstance(details["input"], bool)
        return Message(key, EXPECTED[error_type] + given, QUOTES if is_bare_word else None)
    for name, words in LIMITS.items():
        if name in context:
            return Message(key, f"must be {words} {context[name]:g}, found {details['input']}")
    return Message(key, "does not fit", details["msg"])


def _key_remedy(location: Sequence[str | int], model: type[BaseModel]) -> str:
    key = str(location[-1])
    instead = getattr(_model_at(model, location[:-1]), "INSTEAD", {})
    # Other products write hyphens, and a question mark behind switches.
    for spelling in (key, key.rstrip("?").replace("_", "-"), key.replace("-", "_")):
        if spelling in instead:
            return str(instead[spelling])
    allowed = _keys_at(model, location[:-1])
    nearest = closest(key, allowed)
    return f"did you mean {nearest!r}?" if nearest else f"allowed here: {', '.join(allowed)}"


def _choice_message(key: str, value: Any, choices: list[str]) -> Message:
    shown = kind(value)
    # A sign alone is not told from the comma behind it.
    are_words = all(choice.isidentifier() or len(choice) > 1 for choice in choices)
    remedy = f"allowed: {', '.join(choices if are_words else map(repr, choices))}"
    if isinstance(value, str):
        if _PLAIN_WORD.fullmatch(value):
            shown = repr(value)
        nearest = closest(value, choices)
        if nearest:
            remedy += f"; did you mean {nearest!r}?"
    return Message(key, f"{shown} is not allowed", remedy)


def _keys_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """The keys that are allowed at `location`."""
    model_there = _model_at(model, location)
    if model_there is None:
        return []
    return [field.alias or name for name, field in model_there.model_fields.items()]


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """The model at `location`, by walking the annotations."""
    annotation: Any = model
    for part in location:
        annotation = _annotation_below(annotation, part)
    return _model_in(annotation)


def _annotation_below(annotation: Any, part: str | int) -> Any:
    """The annotation of one part of a location: a field, an item, or an alternative."""
    model = _model_in(annotation)
    if model is not None and part in model.model_fields:
        return model.model_fields[str(part)].annotation
    # Pydantic names the alternative of a union that it tried, here by its class.
    if model is not None and part == model.__name__:
        return model
    for option in _options(annotation):
        if typing.get_origin(option) in {dict, list}:
            return typing.get_args(option)[-1]
    return annotation


def _options(annotation: Any) -> list[Any]:
    """The alternatives of a union, else the annotation itself; `Annotated` is taken off."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if origin not in {typing.Union, types.UnionType}:
        return [annotation]
    options = []
    for argument in typing.get_args(annotation):
        options += _options(argument)
    return options


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None

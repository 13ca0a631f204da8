"""XML files to copies as NDJSON, for samples and loads to read: one object per row element.

Attributes and child elements of a row become keys, without their namespace. A child without
children is its text, and its attributes stand beside it as `child.attribute`; one with children
stays nested; a repeated one becomes an array. Entities and external references are refused.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse

DEEPEST = 200
LOOKS = 20_000


class NoRowsError(Exception):
    """The document has elements, and none of them is a row."""


def likely_row_tag(source: Path) -> str:
    """The name of the elements that are rows, among the first `LOOKS` elements.

    They are the outermost ones with content of their own of which there are several, in whatever
    they are wrapped: a list, an envelope, something about the file before it. Where nothing is
    repeated, the most frequent children of the root; `row` without any.
    """
    names: defaultdict[int, Counter[str]] = defaultdict(Counter)
    holds_others: list[bool] = []
    for number, (event, element) in enumerate(iterparse(str(source), events=("start", "end"))):
        if event == "start":
            if holds_others:
                holds_others[-1] = True
            holds_others.append(bool(element.attrib))
        else:
            depth = len(holds_others)
            if holds_others.pop() and depth > 1:
                names[depth][_local(element.tag)] += 1
            element.clear()
        if number > 2 * LOOKS or len(holds_others) > DEEPEST:
            break
    most = [names[depth].most_common(1)[0] for depth in sorted(names)]
    repeated = [name for name, count in most if count > 1]
    return (repeated or [name for name, _ in most] or ["row"])[0]


def xml_to_ndjson(source: Path, target: Path, row_tag: str, rows: int | None = None) -> None:
    """Write the rows of `source`, or the first ones up to `rows`, to `target`, one at a time.

    Raises NoRowsError, or what the parser raises on broken XML.
    """
    open_elements: list[Element] = []
    row_depth: int | None = None
    written = other_elements = 0
    with target.open("w", encoding="utf-8") as lines:
        for event, element in iterparse(str(source), events=("start", "end")):
            if event == "start":
                open_elements.append(element)
                if len(open_elements) > DEEPEST:
                    raise ValueError("nested too deeply")
                if row_depth is None and _local(element.tag) == row_tag:
                    row_depth = len(open_elements)
                continue
            open_elements.pop()
            if row_depth == len(open_elements) + 1:
                lines.write(json.dumps(_object(element), ensure_ascii=False) + "\n")
                row_depth = None
                written += 1
                if written == rows:
                    break
            elif row_depth is None and open_elements:
                other_elements += 1
            # What is done with leaves its parent, so that memory does not grow with the file.
            if row_depth is None and open_elements:
                open_elements[-1].remove(element)
    if other_elements and not written:
        raise NoRowsError


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _object(element: Element) -> dict[str, Any]:
    values: dict[str, Any] = {_local(name): text for name, text in element.attrib.items()}
    for child in element:
        name = _local(child.tag)
        if len(child):
            _put(values, name, _object(child))
            continue
        attributes = [(_local(attribute), text) for attribute, text in child.attrib.items()]
        is_nil = ("nil", "true") in attributes or ("nil", "1") in attributes
        _put(values, name, None if is_nil else child.text or "")
        for attribute, text in attributes:
            if attribute != "nil":
                _put(values, f"{name}.{attribute}", text)
    return values


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    if name not in values:
        values[name] = value
    elif isinstance(values[name], list):
        values[name].append(value)
    else:
        values[name] = [values[name], value]

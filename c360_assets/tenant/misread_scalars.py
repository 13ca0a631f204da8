"""Values without quotes that YAML takes for others than people wrote: the postal code 06100 for the
number 3136, the phone number +39349 for 39349, the time 10:30 for 630, and days that no month has.

A number that means itself, and a day that there is, are as they should be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from c360_assets.errors import Problem

WHOLE = "tag:yaml.org,2002:int"
DECIMAL = "tag:yaml.org,2002:float"
DAY = "tag:yaml.org,2002:timestamp"
# As everybody reads it: no leading zero or sign, no digits of another base, no `_` and no `:`.
MEANS_ITSELF = {
    WHOLE: re.compile(r"-?(0|[1-9][0-9]*)"),
    DECIMAL: re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.\w+"),
}
QUOTES = "put it in quotes if it is a text, such as a code or a time"
Loader = yaml.SafeLoader | yaml.CSafeLoader


def misread_scalars(loader: Loader, root: yaml.Node, file: str) -> Iterator[Problem]:
    """A problem for each such value below `root`, with the key that it stands under.

    Each node is visited once, however often it is aliased.
    """
    seen: set[int] = set()
    waiting: list[tuple[str | None, yaml.Node]] = [(None, root)]
    while waiting:
        key, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend((key, item) for item in node.value)
        elif isinstance(node, yaml.MappingNode):
            waiting.extend((str(name.value), item) for name, item in node.value)
        elif isinstance(node, yaml.ScalarNode):
            yield from _problem(loader, key, node, file)


def _problem(
    loader: Loader, key: str | None, node: yaml.ScalarNode, file: str
) -> Iterator[Problem]:
    line = node.start_mark.line + 1
    pattern = MEANS_ITSELF.get(node.tag)
    if pattern is not None and not pattern.fullmatch(node.value):
        message = f"YAML reads {node.value} as the number {_number(loader, node)}"
        yield Problem("error", file, message, line, key, f"{QUOTES}, else write the number plainly")
    elif node.tag == DAY and not _is_a_day(loader, node):
        message = f"{node.value} is no day or time that there is"
        yield Problem("error", file, message, line, key, f"correct it, or {QUOTES}")


def _number(loader: Loader, node: yaml.ScalarNode) -> float:
    if node.tag == WHOLE:
        return loader.construct_yaml_int(node)
    return loader.construct_yaml_float(node)


def _is_a_day(loader: Loader, node: yaml.ScalarNode) -> bool:
    try:
        loader.construct_yaml_timestamp(node)
    except (ValueError, OverflowError, AttributeError):  # the last of no day at all
        return False
    return True

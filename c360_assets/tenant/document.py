"""One YAML file with the line of every key.

Reads text safely and remembers where things stand. What the keys mean belongs to the models, what
must hold between them to the `check_` modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeGuard

import yaml

from c360_assets.errors import Problem
from c360_assets.tenant.misread_scalars import misread_scalars

# Where a key stands in a YAML file: `("fields", "email", "tags", 0)`.
KeyPath: TypeAlias = tuple[str | int, ...]

_QUOTED = re.compile(r"'[^']{3,}'")
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
LONGEST = 200_000
MOST_SIGNS = 4_000


@dataclass(frozen=True)
class Document:
    """A parsed YAML file: its plain data, its node tree (for lines) and what was wrong with it."""

    file: str
    data: Any = None
    root: yaml.Node | None = None
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str, file: str) -> Document:
        """Parse `text`; syntax errors and duplicate keys become problems, never exceptions.

        Keys are always texts: YAML 1.1 would read a column named `no` or `on` as a boolean.
        """
        text = text.removeprefix("\ufeff")
        if yaml.__with_libyaml__ and _is_plain(text):
            # Written in C, it takes a fifth of the time. What is wrong the other one says better.
            with suppress(yaml.YAMLError, ValueError, RecursionError):
                return cls._read(yaml.CSafeLoader(text), file)
        return cls._parse_slowly(text, file)

    @classmethod
    def _parse_slowly(cls, text: str, file: str) -> Document:
        try:
            loader = yaml.SafeLoader(text)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            message = "holds a character that YAML forbids"
            problem = _error(file, line, message, remedy="remove control characters")
            return cls(file, problems=[problem])
        try:
            return cls._read(loader, file)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            mark_line = mark.line + 1 if mark else None
            # It may quote a value, such as a password that looks like an alias.
            reason = _QUOTED.sub("…", str(error.problem))
            problem = _error(file, mark_line, f"not readable as YAML: {reason}")
        except (yaml.YAMLError, ValueError, RecursionError):
            reasons = "an impossible date, a forbidden character or endless nesting"
            problem = _error(file, None, f"not readable as YAML ({reasons})")
        finally:
            loader.dispose()
        return cls(file, problems=[problem])

    @classmethod
    def _read(cls, loader: yaml.SafeLoader | yaml.CSafeLoader, file: str) -> Document:
        root = loader.get_single_node()
        if root is None:
            return cls(file)
        problems = [*_make_keys_texts(root, file), *misread_scalars(loader, root, file)]
        # Construction would not end.
        if _contains_itself(root, set(), set()):
            message = "holds an alias that contains itself"
            problems.append(_error(file, None, message, remedy="write the part out"))
        if problems:
            return cls(file, None, root, problems)
        return cls(file, loader.construct_document(root), root)

    def locate(self, path: Sequence[str | int]) -> tuple[int | None, list[str | int]]:
        """The line of the deepest part of `path` that the file holds, and the parts that it holds.

        Other parts are skipped, such as the labels that a validator adds for alternatives.
        """
        node = self.root
        line = None if node is None else 1
        held: list[str | int] = []
        for part in path:
            if isinstance(node, yaml.MappingNode):
                pair = _pair(node, str(part))
                if pair is None:
                    continue
                key, node = pair
                line = key.start_mark.line + 1
            elif _has_item(node, part):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                continue
            held.append(part)
        return line, held

    def line(self, *path: str | int) -> int | None:
        return self.locate(path)[0]


def _is_plain(text: str) -> bool:
    """Whether the loader in C reads the text as the other does, and lives to the end of it.

    It recurses without limit: each of these signs may open one level, and each further level of
    indentation takes more blanks. A tab it takes for a blank in places.
    """
    is_shallow = len(text) < LONGEST and sum(map(text.count, "[{-?")) < MOST_SIGNS
    return is_shallow and "\t" not in text


def dotted(path: Sequence[str | int]) -> str:
    """A path as people write it: `fields.email.tags[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{without_address(part)}"
    return text.removeprefix(".")


def parts_of(key: str) -> list[str | int]:
    """The path of a key as `dotted` writes it; a part that holds a point is not found whole."""
    parts: list[str | int] = []
    for name, place in _PART.findall(key):
        parts.append(int(place) if place else name)
    return parts


def without_address(key: str) -> str:
    """A key as it may be shown: of an address, which stands there by a slip and may hold a secret,
    what comes before it.

    `{webhook:https://...}`, without a blank, is one key.
    """
    before, mark, _ = key.partition("://")
    return f"{before}://…" if mark else key


def _error(
    file: str, line: int | None, message: str, key: str | None = None, remedy: str | None = None
) -> Problem:
    return Problem("error", file, message, line, key, remedy)


def _pair(node: yaml.MappingNode, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and its value; of a key that is given twice the last, which is the one in force."""
    for key_node, value_node in reversed(node.value):
        if key_node.value == key:
            return key_node, value_node
    return None


def _has_item(node: Any, part: str | int) -> TypeGuard[yaml.SequenceNode]:
    if not isinstance(node, yaml.SequenceNode) or not isinstance(part, int):
        return False
    return part < len(node.value)


def _contains_itself(node: yaml.Node, above: set[int], done: set[int]) -> bool:
    """Whether some node contains itself through an alias. `above` and `done` hold ids of nodes."""
    if id(node) in above:
        return True
    if id(node) in done or not isinstance(node, yaml.CollectionNode):
        return False
    children = node.value
    if isinstance(node, yaml.MappingNode):
        children = [value for _, value in node.value]
    above_children = above | {id(node)}
    answer = any(_contains_itself(child, above_children, done) for child in children)
    done.add(id(node))
    return answer


def _make_keys_texts(root: yaml.Node, file: str) -> Iterator[Problem]:
    """Make every key a text and report keys that are given twice.

    Each node is visited once, however often it is aliased.
    """
    seen: set[int] = set()
    waiting: list[yaml.Node] = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        else:
            yield from _make_own_keys_texts(node, file)
            waiting.extend(value for _, value in node.value)


def _make_own_keys_texts(mapping: yaml.CollectionNode, file: str) -> Iterator[Problem]:
    first_lines: dict[str, int] = {}
    for key, _ in mapping.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            message = "a key must be a single word or text"
            yield _error(file, line, message, remedy="quote it if it holds [ ] { }")
        elif key.tag != _MERGE:
            key.tag = _TEXT
            if key.value in first_lines:
                message = f"given twice; first in line {first_lines[key.value]}"
                shown = without_address(key.value)
                yield _error(file, line, message, shown, "keep one of the two")
            first_lines.setdefault(key.value, line)

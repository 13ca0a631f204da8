"""One YAML file with the line of every key.

Reads text safely and remembers where things stand; what the keys mean belongs to `models`, cross-checks
to the `check_` modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from c360_assets.errors import Problem

# Where a key stands in a YAML file: `("fields", "email", "tags", 0)`.
KeyPath: TypeAlias = tuple[str | int, ...]

_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"


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
        try:
            loader = yaml.SafeLoader(text.removeprefix("\ufeff"))
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            return cls(
                file,
                problems=[
                    _error(
                        file,
                        line,
                        "holds a character that YAML forbids",
                        remedy="remove control characters",
                    )
                ],
            )
        try:
            root = loader.get_single_node()
            if root is None:
                return cls(file)
            problems = list(_prepare(root, file))
            if _cyclic(root, set(), set()):
                problems.append(
                    _error(
                        file,
                        None,
                        "holds an alias that contains itself",
                        remedy="write the part out",
                    )
                )
            if any(p.severity == "error" for p in problems):
                return cls(file, None, root, problems)
            return cls(file, loader.construct_document(root), root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = _error(
                file, mark.line + 1 if mark else None, f"not readable as YAML: {error.problem}"
            )
        except (yaml.YAMLError, ValueError, RecursionError):
            problem = _error(
                file,
                None,
                "not readable as YAML (an impossible date, a forbidden character or endless nesting)",
            )
        finally:
            loader.dispose()
        return cls(file, problems=[problem])

    def locate(self, path: Sequence[str | int]) -> tuple[int | None, list[str | int]]:
        """The line of the deepest part of `path` that stands in the file, and the parts that were found.

        Parts that the file does not hold are skipped, such as the labels a validator adds for alternatives.
        """
        node, line, found = self.root, 1 if self.root is not None else None, []
        for part in path:
            if isinstance(node, yaml.MappingNode):
                pair = next((p for p in reversed(node.value) if p[0].value == str(part)), None)
                if pair is None:
                    continue
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif (
                isinstance(node, yaml.SequenceNode)
                and isinstance(part, int)
                and part < len(node.value)
            ):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                continue
            found.append(part)
        return line, found

    def line(self, *path: str | int) -> int | None:
        return self.locate(path)[0]


def dotted(path: Sequence[str | int]) -> str:
    """A path as people write it: `fields.email.tags[0]`."""
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
    return text.removeprefix(".")


def _error(
    file: str, line: int | None, message: str, key: str | None = None, remedy: str | None = None
) -> Problem:
    return Problem("error", file, message, line, key, remedy)


def _cyclic(node: yaml.Node, above: set[int], done: set[int]) -> bool:
    """Whether some node contains itself through an alias."""
    if id(node) in above:
        return True
    if id(node) in done or not isinstance(node, yaml.CollectionNode):
        return False
    children = (
        node.value if isinstance(node, yaml.SequenceNode) else [value for _, value in node.value]
    )
    found = any(_cyclic(child, above | {id(node)}, done) for child in children)
    done.add(id(node))
    return found


def _prepare(root: yaml.Node, file: str) -> Iterator[Problem]:
    """Make every key a text and report keys given twice; each node is visited once, however often it is aliased."""
    seen: set[int] = set()
    todo: list[yaml.Node] = [root]
    while todo:
        node = todo.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
            continue
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            todo.append(value)
            if not isinstance(key, yaml.ScalarNode):
                yield _error(
                    file,
                    line,
                    "a key must be a single word or text",
                    remedy="quote it if it holds [ ] { }",
                )
            elif key.tag != _MERGE:
                key.tag = _TEXT
                if key.value in lines:
                    yield _error(
                        file,
                        line,
                        f"given twice; first in line {lines[key.value]}",
                        key.value,
                        "keep one of the two",
                    )
                lines.setdefault(key.value, line)

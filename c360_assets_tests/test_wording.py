"""Sentences count in words: one thing is never told as several."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import c360_assets
from c360_assets.wording import counted

PACKAGE = Path(c360_assets.__file__).parent
NOUNS = (
    "rows|files|people|tables|records|values|columns|days|errors|warnings|findings|requests|objects"
    "|pairs|ids|keys|orders|segments|changes|feeds|databases|deliveries|receipts"
)
# Never one: a limit of its own, or what is told only where there are several.
SEVERAL = re.compile(r"[A-Z_]+$|^number$")


@pytest.mark.parametrize(
    ("number", "words", "expected"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (1204, ("row",), "1,204 rows"),
        (1, ("person is", "people are"), "1 person is"),
        (2, ("person is", "people are"), "2 people are"),
    ],
)
def test_counted(number: int, words: tuple[str, ...], expected: str) -> None:
    assert counted(number, *words) == expected


def test_sentences_count_by_it() -> None:
    """No f-string puts a bare number before a noun in the plural."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.is_relative_to(PACKAGE / "stitch"):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found += [f"{file.relative_to(PACKAGE)}: {text}" for text in _bare(node)]
    assert found == []


def _bare(node: ast.JoinedStr) -> list[str]:
    bare = []
    for value, after in zip(node.values, node.values[1:], strict=False):
        if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
            expression = ast.unparse(value.value)
            noun = re.match(rf" ({NOUNS})\b", str(after.value))
            is_number = "len(" in expression or value.format_spec is not None
            if noun and is_number and not SEVERAL.search(expression):
                bare.append(f"{expression} {noun[1]}")
    return bare

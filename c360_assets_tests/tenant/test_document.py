"""YAML as both loaders read it, and depth that would end a process."""

from __future__ import annotations

import pytest

from c360_assets.tenant.document import Document

TEXTS = [
    "a: é 😀\nb: 012\nc: 1_000\nd: ~\ne: 2026-01-01\n",
    "on: 1\nno: [yes, off]\n",
    "a: |\n  x\n  y\nb: >-\n  t\n  u\n",
    "a: &x {b: 1}\nc: *x\nd: {<<: *x}\n",
    "a:\tb",
    "a: 1\na: 2\n",
    "? [a]\n: 3",
    "a: &a [*a]",
    "a: [1,2\nb: 3",
    "a: !!python/object:os.system x",
    "a: 2026-02-31",
    "a: @x",
    'x: "\x01"',
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_both_loaders_give_the_same(text: str) -> None:
    fast = Document.parse(text, "f.yaml")
    slow = Document._parse_slowly(text, "f.yaml")
    assert (fast.data, fast.problems) == (slow.data, slow.problems)


@pytest.mark.parametrize("sign", ["[", "{a: ", "- ", "? "])
@pytest.mark.parametrize("depth", [3_900, 200_000])
def test_depth_is_an_error_and_ends_no_process(sign: str, depth: int) -> None:
    document = Document.parse(sign * depth, "f.yaml")
    assert document.data is None
    assert document.problems

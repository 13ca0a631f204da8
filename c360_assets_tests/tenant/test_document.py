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


MISREAD = [
    ("06100", "YAML reads 06100 as the number 3136"),
    ("+39349", "YAML reads +39349 as the number 39349"),
    ("10:30", "YAML reads 10:30 as the number 630"),
    ("1_000", "YAML reads 1_000 as the number 1000"),
    ("1:30.5", "YAML reads 1:30.5 as the number 90.5"),
    ("2026-02-30", "2026-02-30 is no day or time that there is"),
    ("!!timestamp x", "x is no day or time that there is"),
]


@pytest.mark.parametrize(("written", "message"), MISREAD)
def test_values_that_yaml_takes_for_others_are_told(written: str, message: str) -> None:
    (problem,) = Document.parse(f"a: 1\nb: {{c: [x, {written}]}}\n", "f.yaml").problems
    assert (problem.message, problem.line, problem.key) == (message, 2, "c")
    assert "put it in quotes" in str(problem)
    quoted = written.removeprefix("!!timestamp ")
    assert Document.parse(f"a: '{quoted}'", "f.yaml").data == {"a": quoted}


def test_values_that_mean_themselves_are_taken() -> None:
    text = "[0, -3, 75001, 1.50, .5, 1.0e+3, .inf, 1e5, 00187, 2026-02-28, 2026-02-28 10:30:00]"
    assert not Document.parse(text, "f.yaml").problems


@pytest.mark.parametrize("sign", ["[", "{a: ", "- ", "? "])
@pytest.mark.parametrize("depth", [3_900, 200_000])
def test_depth_is_an_error_and_ends_no_process(sign: str, depth: int) -> None:
    document = Document.parse(sign * depth, "f.yaml")
    assert document.data is None
    assert document.problems

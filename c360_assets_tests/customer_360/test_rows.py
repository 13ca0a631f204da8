"""Rows in a terminal: side by side where they fit, else a line per column."""

import io

import pytest
from rich.console import Console

from c360_assets.reporting.rows import print_rows


@pytest.mark.parametrize(
    ("columns", "width", "shown", "first_line"),
    [
        (2, 80, 3, "c0 c1"),
        (40, 80, 3, "column row 1 row 2 row 3"),
        (40, 50, 2, "column row 1 row 2"),
        (40, 26, 1, "column row 1"),
    ],
)
def test_a_row_wider_than_the_window_is_turned(
    columns: int, width: int, shown: int, first_line: str
) -> None:
    file = io.StringIO()
    names = [f"c{number}" for number in range(columns)]
    rows = [
        [f"a value {row}-{column}" if column else None for column in range(columns)]
        for row in range(3)
    ]
    assert print_rows(names, rows, Console(file=file, width=width)) == shown
    lines = file.getvalue().splitlines()
    assert " ".join(lines[0].split()) == first_line
    if shown < 3:
        assert len(lines) >= columns + 1


def test_a_name_wider_than_the_window_leaves_room_for_the_value() -> None:
    file = io.StringIO()
    names = ["count_star() FILTER (WHERE ((amount < 0) OR (amount > 1000)))", "b"]
    assert print_rows(names, [[12345, "x"]], Console(file=file, width=40)) == 1
    assert "12345" in file.getvalue()
    assert "count_star() FILTER" in file.getvalue()
    assert "1000)))" in file.getvalue()


def test_no_rows_have_a_heading() -> None:
    file = io.StringIO()
    assert print_rows(["a", "b"], [], Console(file=file, width=80)) == 0
    assert file.getvalue().split() == ["a", "b"]


def test_square_brackets_are_shown_as_they_are() -> None:
    file = io.StringIO()
    print_rows(["[/a]", "b"], [["[red]", "12 [/b] :house:"]], Console(file=file, width=80))
    assert file.getvalue().split() == ["[/a]", "b", "[red]", "12", "[/b]", ":house:"]

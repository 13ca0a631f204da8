"""The sample of a text in columns of fixed width: where its columns begin.

What a feed says of it is read by `formats/fixed_width`; what the columns mean is for `columns`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import polars as pl

from c360_assets.ingest.formats.fixed_width import as_bytes, touching
from c360_assets.ingest.suggest.dialect import RULE

FEWEST_LINES, FEWEST_COLUMNS = 3, 3
LOOKED_AT = 5000
# Share of the lines in which something stands apart from what is before it by more than a blank.
MOST = 0.9
APART = re.compile(r"\S {2,}\S")
DELIMITERS = re.compile(r"[,;\t|]")
WORD = re.compile(r"\S+(?: \S+)*")
# A header's words begin with a letter, and none is a value.
NAME = re.compile(r"[^\W\d_].*")
FIXED = (
    "is a text of columns of fixed width without a header that says where they begin; write a feed "
    "of `format: fixed`, with `columns_at: [0, 10, ...]` and `header: false`"
)


def looks_fixed(text: str) -> bool:
    """Whether lines hold no delimiter, but blanks in the same places."""
    lines = [line for line in text.splitlines()[:LOOKED_AT] if line.strip()]
    if len(lines) < FEWEST_LINES or DELIMITERS.search(lines[0]):
        return False
    starts = [{match.end() for match in re.finditer(" {2,}", line)} for line in lines]
    return bool(set.intersection(*starts))


def columns_of(text: str) -> list[int] | None:
    """Where the columns of a text begin, in characters from 0; None where it is none of fixed width
    with a header.

    Columns are apart where all lines have blanks, or as the line of dashes below the header says.
    """
    lines = [line for line in text.splitlines()[:LOOKED_AT] if line.strip()]
    if len(lines) < FEWEST_LINES or DELIMITERS.search(lines[0]) or RULE.fullmatch(lines[0]):
        return None
    header, rules, rows = lines[0], lines[1:2], lines[1:]
    if RULE.fullmatch(rules[0]) and " " in rules[0].strip():
        rows = lines[2:]
        starts = [match.start() for match in re.finditer(r"\S+", rules[0])]
    else:
        starts = _of_gaps(header, rows)
    apart = sum(APART.search(line) is not None for line in rows)
    is_named = all(NAME.fullmatch(name) for name in _cells(header, starts))
    if len(starts) < FEWEST_COLUMNS or not rows or apart < MOST * len(rows) or not is_named:
        return None
    return starts


def columns_in_bytes(text: str, encoding: str) -> list[int] | None:
    """As `columns_of`, in bytes; None where they begin in characters as well."""
    if text.isascii():
        return None
    in_bytes = as_bytes(text, encoding)
    starts, others = columns_of(in_bytes), columns_of(text)
    if starts is None:
        return None
    return starts if others is None or _fit(in_bytes, starts) > _fit(text, others) else None


def _fit(text: str, starts: Sequence[int]) -> int:
    """How many names of the header begin where columns do, less what stands right before one."""
    lines = [line for line in text.splitlines()[:LOOKED_AT] if line.strip()]
    named = sum(lines[0][begin : begin + 1].strip() != "" for begin in starts)
    return named - touching(pl.Series(lines), starts)


def _of_gaps(header: str, rows: Sequence[str]) -> list[int]:
    """The places before which all lines have a blank. What has no name of its own belongs to the
    column before it: words of a value, and words of a name that has values below one of them."""
    width = max(map(len, [header, *rows]))
    header = header.ljust(width)
    has_values = _filled(rows, width)
    ends = {match.start(): match.end() for match in WORD.finditer(header)}
    starts: list[int] = []
    end_of_name, values_below_name = 0, False
    for begin, end in _spans(_filled([header, *rows], width)):
        values_below = any(has_values[begin:end])
        is_of_a_value = not header[begin:end].strip()
        is_of_the_name = begin < end_of_name and not (values_below and values_below_name)
        if starts and (is_of_a_value or is_of_the_name):
            values_below_name = values_below_name or values_below
            continue
        starts.append(begin)
        end_of_name, values_below_name = ends.get(begin, end), values_below
    return starts


def _spans(is_filled: Sequence[bool]) -> list[tuple[int, int]]:
    """Begin and end of each run of places that are filled."""
    runs = [
        list(places)
        for filled, places in groupby(range(len(is_filled)), key=is_filled.__getitem__)
        if filled
    ]
    return [(run[0], run[-1] + 1) for run in runs]


def _filled(lines: Sequence[str], width: int) -> list[bool]:
    """Whether any line has more than a blank, by place."""
    padded = (line.ljust(width) for line in lines)
    return [any(sign != " " for sign in signs) for signs in zip(*padded, strict=True)]


def _cells(line: str, starts: Sequence[int]) -> list[str]:
    ends = [*starts[1:], None]
    return [line[begin:end].strip() for begin, end in zip(starts, ends, strict=True)]

"""Text in columns of fixed width as a CSV copy, which the reader of delimited text takes.

Where columns begin is said by a feed, `files.columns_at`; guessing it is for
`suggest/fixed_sample`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path

import polars as pl

BYTES = "latin-1"  # has a sign for each byte
MARK = "ï»¿"  # the mark of UTF-8 as such signs
# Not those of Unicode, of which two may be bytes of a letter.
ASCII_BLANKS = " \t\r\n\v\f"
FEWEST, LOOKED_AT = 3, 5000
LINES = 50_000  # that are cut at a time


class CutInBytesError(Exception):
    """Columns that are cut in characters begin where the file has them in bytes."""


def fixed_to_csv(
    source: Path, target: Path, columns_at: Sequence[int], encoding: str, *, in_bytes: bool = False
) -> None:
    """Write each line of `source` as a record of `target`, with the same number.

    Raises OSError, UnicodeDecodeError where the text is of another encoding, and CutInBytesError.
    """
    with (
        source.open("r", encoding=BYTES if in_bytes else encoding) as text,
        target.open("w", encoding="utf-8", newline="") as written,
    ):
        target.chmod(0o600)
        while lines := list(islice(text, LINES)):
            if in_bytes:
                written.write(cut_bytes(lines, columns_at, encoding))
            elif _begin_in_bytes(lines, columns_at, encoding):
                raise CutInBytesError
            else:
                written.write(cut_lines(lines, columns_at))


def as_bytes(text: str, encoding: str) -> str:
    """The text with a sign for each of its bytes; a mark at its beginning is left out."""
    signs = text.encode(encoding, "surrogateescape").decode(BYTES)
    return signs.removeprefix(MARK)


def cut_bytes(lines: Sequence[str], columns_at: Sequence[int], encoding: str) -> str:
    """As `cut_lines` of lines with a sign for each byte, in which the columns are counted."""
    unmarked = [line.removeprefix(MARK) for line in lines[:1]] + list(lines[1:])
    return cut_lines(unmarked, columns_at, ASCII_BLANKS).encode(BYTES).decode(encoding)


def cut_lines(lines: Sequence[str], columns_at: Sequence[int], blanks: str | None = None) -> str:
    """Lines as records of CSV, cut where columns begin; an empty line stays one.

    `columns_at` counts the characters of a line from 0. What stands before the first column is left
    out, the last one takes the rest; blanks around a value are no part of it.
    """
    line = pl.Series(lines, dtype=pl.String)
    bounds = [*pairwise(columns_at), (columns_at[-1], None)]
    cells = [
        line.str.slice(begin, None if end is None else end - begin)
        .str.strip_chars(blanks)
        .alias(f"{at}")
        for at, (begin, end) in enumerate(bounds)
    ]
    frame = pl.DataFrame(cells).with_columns(pl.all().replace("", None))
    records = frame.write_csv(include_header=False, quote_style="necessary")
    nothing = "," * (len(columns_at) - 1)
    return records if f"\n{nothing}\n" not in f"\n{records}" else _without(records, nothing)


def _begin_in_bytes(lines: Sequence[str], columns_at: Sequence[int], encoding: str) -> bool:
    """Whether in lines with accents something stands right before columns that are counted in
    characters, and not in bytes."""
    line = pl.Series(lines, dtype=pl.String)
    accented = line.filter(line.str.len_bytes() != line.str.len_chars())
    if accented.is_empty():
        return False
    in_characters = touching(accented, columns_at)
    if in_characters < FEWEST:
        return False
    in_bytes = [as_bytes(text, encoding) for text in accented.head(LOOKED_AT)]
    return FEWEST * touching(pl.Series(in_bytes), columns_at) < in_characters


def touching(lines: pl.Series, columns_at: Sequence[int]) -> int:
    """How often a sign stands right before where a column begins."""
    before = [lines.str.slice(begin - 1, 1).str.contains(r"\S") for begin in columns_at if begin]
    return sum(int(touches.sum()) for touches in before)


def _without(records: str, nothing: str) -> str:
    """The records, of which those without any value are empty lines."""
    texts = pl.Series(records.removesuffix("\n").split("\n"))
    return "\n".join(texts.replace(nothing, "")) + "\n"

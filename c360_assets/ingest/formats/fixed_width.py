"""Text in columns of fixed width as a CSV copy, which the reader of delimited text takes.

Where columns begin is said by a feed, `files.columns_at`; guessing it is for
`suggest/fixed_sample`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path

import polars as pl

LINES = 50_000  # that are cut at a time


def fixed_to_csv(source: Path, target: Path, columns_at: Sequence[int], encoding: str) -> None:
    """Write each line of `source` as a record of `target`, with the same number.

    Raises OSError, and UnicodeDecodeError where the text is of another encoding.
    """
    with (
        source.open("r", encoding=encoding) as text,
        target.open("w", encoding="utf-8", newline="") as written,
    ):
        target.chmod(0o600)
        while lines := list(islice(text, LINES)):
            written.write(cut_lines(lines, columns_at))


def cut_lines(lines: Sequence[str], columns_at: Sequence[int]) -> str:
    """Lines as records of CSV, cut where columns begin; an empty line stays one.

    `columns_at` counts the characters of a line from 0. What stands before the first column is left
    out, the last one takes the rest; blanks around a value are no part of it.
    """
    line = pl.Series(lines, dtype=pl.String)
    bounds = [*pairwise(columns_at), (columns_at[-1], None)]
    cells = [
        line.str.slice(begin, None if end is None else end - begin).str.strip_chars().alias(f"{at}")
        for at, (begin, end) in enumerate(bounds)
    ]
    frame = pl.DataFrame(cells).with_columns(pl.all().replace("", None))
    records = frame.write_csv(include_header=False, quote_style="necessary")
    nothing = "," * (len(columns_at) - 1)
    return records if f"\n{nothing}\n" not in f"\n{records}" else _without(records, nothing)


def _without(records: str, nothing: str) -> str:
    """The records, of which those without any value are empty lines."""
    texts = pl.Series(records.removesuffix("\n").split("\n"))
    return "\n".join(texts.replace(nothing, "")) + "\n"

"""How a text file is written, as most of its lines say: delimiter, quotes, header, lines around it.

One odd line (a footer, a short row, an inch mark) must not change the shape that all others have,
so everything here is decided by a majority. What the columns mean is for `columns`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.formats.row_shapes import TOTAL_WORDS
from c360_assets.ingest.suggest.column_types import infer
from c360_assets.ingest.suggest.header_words import guess_by_name

# In this order where two fit equally well.
DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01")
COMMA_OF_A_VALUE = re.compile(r"[^,]*(\d,\d{1,4}|[^\W\d_], [^\W\d_])[^,]*")
COLONS_OF_A_TIME = 2
# Lines whose shape is looked at; enough for a majority and few enough for any file.
LOOKED_AT = 1000
EXCEL_MARK = re.compile(r"sep=(.)\s*", re.IGNORECASE)
# Lines before the header that are never one, whatever they hold.
COMMENT = re.compile(r"\s*(#|//|--)")
# What a value looks like and a column's name does not.
VALUE = re.compile(
    r"[+-]?[\d.,' ]*\d[\d.,' %]*|\S+@\S+\.\S+|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|\+\d[\d ()-]+"
)
TOTAL = re.compile(
    r"\W*((grand|sub|report|page)[ _-]?)*"
    rf"(sums|gesamt\w*|totaux|{'|'.join(TOTAL_WORDS)})\b.*",
    re.IGNORECASE,
)
UNITS = re.compile(
    r"\(?([a-z]{3}|[€$£%]|text|date|(date)?time(stamp)?|number|numeric|n/a|kg|yyyy.*"
    r"|(var)?char(\(\d+\))?|str(ing)?|(big|small)?int(eger)?(64|32)?|decimal(\(\d+,\d+\))?|float(64)?"
    r"|double|bool(ean)?|object|uuid)\)?",
    re.IGNORECASE,
)
# A line that is drawn between the header and the rows, or around a table.
RULE = re.compile(r"[-=+:_*|,;\s\"]*(--|==|__|\*\*)[-=+:_*|,;\s\"]*")
SURVEY_NAME = re.compile(r'\s*\{\s*"ImportId"')
# Share of the cells that a header or row has filled at least.
HALF = 0.5
# Values that a sum is told by at least, and the smallest units in one of a currency.
FEWEST_ADDED = 3
HUNDRED = 100
# A header's own width may differ from the rows' by the delimiter that ends one of them.
TRAILING = 1


@dataclass(frozen=True)
class Dialect:
    """`quote` is empty where nothing is quoted; `escape` equals it where quotes are doubled."""

    delimiter: str
    quote: str
    escape: str


@dataclass(frozen=True)
class Layout:
    """Where the table is in a file's records.

    `first` is the place of its first record: the header's, or the first row's without a header.
    `width` is the number of columns that most rows have.
    """

    first: int
    header: bool
    width: int


def excel_mark(first_line: str) -> str | None:
    """The delimiter that a first line such as `sep=;` names."""
    match = EXCEL_MARK.fullmatch(first_line.strip("\r\n\ufeff"))
    return match[1] if match else None


def detect_dialect(lines: Sequence[str]) -> Dialect:
    """The delimiter that cuts most of the lines into equally many fields."""
    looked_at = [line for line in lines[:LOOKED_AT] if line.strip()]
    named = excel_mark(looked_at[0]) if looked_at else None
    if named is not None:
        return _with_quotes(named, looked_at[1:])
    scores = {delimiter: _score(delimiter, looked_at) for delimiter in DELIMITERS}
    if _are_commas_of_values(looked_at):
        del scores[","]
    # Of equals the first.
    best = max(scores, key=lambda delimiter: scores[delimiter])
    if not scores[best] and _are_cut_by_colons(looked_at):
        best = ":"
    return _with_quotes(best, looked_at)


def _are_commas_of_values(lines: Sequence[str]) -> bool:
    """Whether the file is one column of values with a comma in each, as `12,50` or `Fox, Ada`."""
    if not lines or "," in lines[0]:
        return False
    fitting = sum(COMMA_OF_A_VALUE.fullmatch(line) is not None for line in lines[1:])
    return fitting > HALF * len(lines)


def _are_cut_by_colons(lines: Sequence[str]) -> bool:
    """Whether lines without another delimiter have equally many colons, the header as well.

    Few colons are those of times.
    """
    colons = Counter(line.count(":") for line in lines)
    most = max(colons, key=lambda count: colons[count], default=0)
    return most > COLONS_OF_A_TIME and lines[0].count(":") == most


def _score(delimiter: str, lines: Sequence[str]) -> float:
    """The share of lines with the commonest number of fields; more fields are more telling."""
    widths = Counter(len(split_line(line, delimiter)) for line in lines)
    several = {width: count for width, count in widths.items() if width > 1}
    if not several:
        return 0.0
    width = max(several, key=lambda width: (several[width], width))
    # A comma of decimals makes two fields of every line, and a real delimiter more.
    return several[width] / len(lines) * (width - 1) / width


def split_line(line: str, delimiter: str, quote: str = '"', escape: str = '"') -> list[str]:
    """The fields of one record; what is malformed is read as far as it goes."""
    reader = csv.reader(
        [line],
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        doublequote=escape == quote,
        escapechar=escape if quote and escape != quote else None,
    )
    try:
        return next(reader, [])
    except csv.Error:
        return line.split(delimiter)


def _with_quotes(delimiter: str, lines: Sequence[str]) -> Dialect:
    """The quotes of fields that begin and end with one; `"` is what is assumed otherwise."""
    cut = re.escape(delimiter)
    text = "\n".join(lines)
    if not _is_quoted(text, cut, '"'):
        if _is_quoted(text, cut, "'"):
            return Dialect(delimiter, "'", "'")
        # A quote that only begins fields is an inch mark or the like, and nothing closes it.
        begins_a_field = re.search(rf'(^|{cut})"', text, re.MULTILINE)
        quote = "" if begins_a_field else '"'
        return Dialect(delimiter, quote, quote)
    escaped = re.search(r'\\"', text) and not re.search(rf'[^{cut}\n]""[^{cut}\n]', text)
    return Dialect(delimiter, '"', "\\" if escaped else '"')


def _is_quoted(text: str, cut: str, quote: str) -> bool:
    doubled = rf"[^{quote}]*(?:{quote}{quote}[^{quote}]*)*"
    escaped = rf"(?:[^{quote}\\]|\\.)*"
    field = rf"(?:^|{cut}){quote}(?:{doubled}|{escaped}){quote}(?:{cut}|$)"
    return re.search(field, text, re.MULTILINE) is not None


def find_layout(records: Sequence[Sequence[str]]) -> Layout:
    """Where the header and the rows are in the records of a file, which is not empty."""
    width = _usual_width(records)
    first = next((i for i, cells in enumerate(records) if _may_begin(cells, width)), 0)
    rows = [cells for cells in records[first + 1 :] if len(cells) == width]
    header = is_header(records[first], rows)
    if not header and first and _is_marked_header(records[first - 1], width):
        return Layout(first - 1, header=True, width=width)
    return Layout(first, header, width)


def _is_marked_header(cells: Sequence[str], width: int) -> bool:
    """Whether a record before rows without a header is one that begins like a comment: `#,Name`."""
    filled = sum(bool(cell.strip()) for cell in cells)
    is_as_wide = len(cells) == width > 1 and filled >= HALF * width
    return is_as_wide and COMMENT.match(cells[0]) is not None


def _usual_width(records: Sequence[Sequence[str]]) -> int:
    widths = Counter(len(cells) for cells in records[:LOOKED_AT])
    return max(widths, key=lambda width: (widths[width], width))


def _may_begin(cells: Sequence[str], width: int) -> bool:
    """Whether a record can be the header or a row, and no title, comment or blank line."""
    if abs(len(cells) - width) > TRAILING or COMMENT.match(cells[0]):
        return False
    filled = sum(bool(cell.strip()) for cell in cells)
    return filled >= HALF * width and (filled > 1 or width == 1)


def is_header(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a record names columns rather than holding values of them."""
    names = [cell.strip() for cell in cells if cell.strip()]
    meaning = sum(guess_by_name(name) is not None for name in names)
    values = sum(VALUE.fullmatch(name) is not None for name in names)
    if values > meaning:
        return False
    if meaning or not rows:
        return True
    columns = list(zip(*rows[:LOOKED_AT], strict=True))
    for name, column in zip(cells, columns, strict=False):
        type_of_values = infer(pl.Series(column, dtype=pl.String)).type
        if type_of_values not in {"string", infer(pl.Series([name])).type}:
            return True
    repeated = any(name in column for name, column in zip(cells, columns, strict=False))
    return not values and not repeated


def is_footer(cells: Sequence[str], width: int) -> bool:
    """Whether a record after the rows is a total or a note, by how little of it is filled."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return True
    is_total = any(TOTAL.fullmatch(cell) for cell in filled[:2])
    few = len(filled) <= HALF * width
    return (is_total and len(filled) <= HALF * width + 1) or (few and len(cells) != width)


def is_sum(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a record that is little filled holds the sum of a column, whatever it is called."""
    filled = sum(bool(cell.strip()) for cell in cells)
    if filled > HALF * len(cells) + 1:
        return False
    return any(
        _adds_up(cell, [row[place] for row in rows if len(row) == len(cells)])
        for place, cell in enumerate(cells)
    )


def _adds_up(total: str, texts: Sequence[str]) -> bool:
    expected = _whole(total)
    amounts = [_whole(text) for text in texts if text.strip()]
    if not expected or len(amounts) < FEWEST_ADDED:
        return False
    known = [amount for amount in amounts if amount is not None]
    return len(known) == len(amounts) and sum(known) == expected


def _whole(text: str) -> int | None:
    """The amount in hundredths; None for other texts."""
    digits = re.sub(r"\D", "", text)
    if not digits or re.search(r"[^\W\d_].*\d.*[^\W\d_]|\d[-/:]\d", text):
        return None
    decimals = re.search(r"\d[.,](\d{1,2})\D*$", text)
    unit = HUNDRED // 10 ** len(decimals[1]) if decimals else HUNDRED
    is_negative = re.search(r"^\s*[-(\u2212]|[-\u2212]\s*$", text) is not None
    return unit * int(digits) * (-1 if is_negative else 1)


def is_subtotal(cells: Sequence[str], width: int) -> bool:
    """Whether a record among the rows begins with a word for a total and holds little else."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return bool(filled) and len(filled) <= HALF * width and TOTAL.fullmatch(filled[0]) is not None


def is_rule(text: str) -> bool:
    return RULE.fullmatch(text) is not None


def rows_of_survey(records: Sequence[Sequence[str]]) -> list[int]:
    """The places of the records between header and rows that a survey tool (Qualtrics) writes: the
    questions, and what the tool calls them."""
    for place, cells in enumerate(records[:FEWEST_ADDED]):
        if place and all(SURVEY_NAME.match(cell) for cell in cells if cell.strip()):
            return list(range(1, place + 1))
    return []


def is_units(cells: Sequence[str]) -> bool:
    """Whether the first record after the header names units rather than values."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return len(filled) > 1 and all(UNITS.fullmatch(cell) for cell in filled)

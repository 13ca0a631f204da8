"""The sample of a delimited text file: its first rows, and what `files` has to say to read them.

Records are cut as `load` cuts them. How the lines look is for `dialect`, what encoding they are in
for `encodings`; no value of the file goes into a note.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.formats.batches import distinct_names, is_unnamed
from c360_assets.ingest.formats.row_shapes import TOTAL_WORDS
from c360_assets.ingest.formats.text_records import Dialect as LoadedDialect
from c360_assets.ingest.formats.text_records import text_records
from c360_assets.ingest.suggest.dialect import (
    RULE,
    Dialect,
    Layout,
    detect_dialect,
    excel_mark,
    find_layout,
    is_footer,
    is_rule,
    is_subtotal,
    is_sum,
    is_units,
    rows_of_survey,
    split_line,
)
from c360_assets.ingest.suggest.encodings import TextHead

FORMAT_OF_DELIMITER = {",": "csv", "|": "psv", "\t": "tsv"}
CHUNK = 1 << 20  # bytes that are cut into records at a time
# Records at the end of a file that may be totals or notes.
LAST_RECORDS = 10
SURVEY_BEGIN = 60  # signs that tell the row of a survey's questions
# What a total or a note begins with; only these words of a file may stand in a proposal.
FOOTER_WORDS = re.compile(
    r"\W*((?:(?:grand|sub|report|page|end of|number of|record|row|generated|exported|printed"
    r"|created|copyright|confidential|source|filters?|applied|as of|note)\b[ _:-]*)*"
    rf"(?:sums|gesamt\w*|totaux|{'|'.join(TOTAL_WORDS)}"
    r"|count|rows|records|report|by|on|at)?)(?!\w)",
    re.IGNORECASE,
)
# A name that several columns were glued into.
GLUED = re.compile(r"[^,;|\t]+([,;|\t])[^,;|\t]+(\1[^,;|\t]+)*")
UTF_8_MARK = "\ufeff"


@dataclass(frozen=True)
class TextSample:
    """The first rows of a text file, how it is written, and what a person should know of it.

    `skip_lines` are the lines before the header, `drop_rows` a pattern of records that are no rows
    or "". `odd_rows` counts the records that have another number of fields than the header. `text`
    is what was sampled, `whole` whether that is all of the file.
    """

    frame: pl.DataFrame
    dialect: Dialect
    header: bool
    skip_lines: int
    drop_rows: str
    odd_rows: int
    notes: tuple[str, ...]
    text: str
    whole: bool


@dataclass(frozen=True)
class _Records:
    """Records in order: the physical line that each begins in, its text, its fields.

    `whole` says that there are no more, `after` is the line in which the next one begins.
    """

    lines: list[int]
    texts: list[str]
    cells: list[list[str]]
    whole: bool
    after: int


def sample_text(head: TextHead, rows: int) -> TextSample:
    """The first `rows` rows. Raises C360Error where no columns can be told apart."""
    dialect = detect_dialect(head.text.splitlines())
    records = _records(head.text, dialect, rows)
    if not records.cells:
        raise C360Error("holds no line of text; a sample needs a header and some rows")
    begin = 1 if excel_mark(records.texts[0]) else 0
    survey = rows_of_survey(records.cells) if not begin else []
    layout = find_layout([each for n, each in enumerate(records.cells[begin:]) if n not in survey])
    first = begin + layout.first
    header = records.cells[first]
    _refuse_glued_columns(header)
    names = column_names(header, layout)
    first_row = first + 1 if layout.header else first
    odd = dict.fromkeys(survey, "survey") | _odd_records(records, layout, first, head)
    drop_rows, notes = _drop_rows(records, odd, first, dialect)
    left_out = {place for place in odd if re.search(drop_rows, records.texts[place])}
    if not drop_rows:
        left_out = set()
    cells = [
        fields
        for place, fields in enumerate(records.cells[first_row:], first_row)
        if place not in left_out
    ]
    frame = _frame(cells, names, layout.width)
    if first:
        notes = [f"the {_rows_word(layout)} in line {records.lines[first]}", *notes]
    return TextSample(
        frame=frame,
        dialect=dialect,
        header=layout.header,
        skip_lines=records.lines[first] - 1,
        drop_rows=drop_rows,
        odd_rows=sum(len(fields) not in _widths(names, layout) for fields in cells),
        notes=tuple(notes),
        text=head.text if records.whole else _before_line(head.text, records.after),
        whole=head.whole and records.whole,
    )


def _before_line(text: str, line: int) -> str:
    """The text before a line, counted from 1 as the records' are."""
    lines = re.finditer(r"\r\n|\n|\r", text)
    end = next(islice(lines, line - 2, None), None)
    return text if end is None else text[: end.end()]


def _rows_word(layout: Layout) -> str:
    return "header is" if layout.header else "first row is"


def _widths(names: Sequence[str], layout: Layout) -> set[int]:
    return {len(names), layout.width}


def _records(text: str, dialect: Dialect, rows: int) -> _Records:
    """The first records as `load` cuts them, a few more than the rows for lines around them."""
    loaded = LoadedDialect(dialect.delimiter, dialect.quote, dialect.escape)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        copy.write_text(text, "utf-8", "surrogateescape", newline="")
        frames: list[pl.DataFrame] = []
        for part in text_records(copy, loaded, CHUNK):
            frames.append(part)
            if sum(map(len, frames)) > rows:
                break
    if not frames:
        return _Records([], [], [], whole=True, after=1)
    frame = pl.concat(frames)
    whole = len(frame) <= rows
    after = 1 if whole else frame["_line"][rows]
    frame = frame.head(rows).filter(pl.col("record").is_not_null())
    texts = frame["record"].to_list()
    cells = [
        split_line(record, dialect.delimiter, dialect.quote, dialect.escape) or [""]
        for record in texts
    ]
    return _Records(frame["_line"].to_list(), texts, cells, whole, after)


def _refuse_glued_columns(header: Sequence[str]) -> None:
    """A single column whose name holds delimiters is a file that was not understood."""
    if len(header) == 1 and GLUED.fullmatch(header[0].strip()) is not None:
        raise C360Error(
            "its lines do not have equally many fields, so the columns cannot be told apart; "
            "see what separates them, and say it as files.delimiter"
        )


def column_names(header: Sequence[str], layout: Layout) -> list[str]:
    """The columns' names, as a feed has to call them.

    Later columns of one name get a number, and a column without a name its place, as the loader
    gives them.
    """
    if not layout.header:
        return [f"column{place}" for place in range(layout.width)]
    return distinct_names(cell.strip().removeprefix(UTF_8_MARK) for cell in header)


def _odd_records(records: _Records, layout: Layout, first: int, head: TextHead) -> dict[int, str]:
    """Place -> kind of the records after the header that are no rows."""
    odd: dict[int, str] = {}
    after = first + 1
    if not layout.header:
        return odd
    header = [cell.strip().lower() for cell in records.cells[first]]
    if after < len(records.cells) and is_units(records.cells[after]):
        odd[after] = "units"
    for place in range(after, len(records.cells)):
        cells = records.cells[place]
        if [cell.strip().lower() for cell in cells] == header:
            odd[place] = "header"
        elif is_rule(records.texts[place]):
            odd[place] = "rule"
        elif is_subtotal(cells, layout.width):
            odd[place] = "footer"
    last = len(records.cells) - LAST_RECORDS
    if head.whole and records.whole:
        for place in range(max(after, last), len(records.cells)):
            cells = records.cells[place]
            if is_footer(cells, layout.width) or is_sum(cells, records.cells[after:place]):
                odd.setdefault(place, "footer")
    return odd


def _drop_rows(
    records: _Records, odd: dict[int, str], first: int, dialect: Dialect
) -> tuple[str, list[str]]:
    """A pattern of the records that are no rows, and what to say of them.

    A pattern that would take other records too is left out and told.
    """
    patterns: dict[str, None] = {}
    notes: list[str] = []
    for place, kind in odd.items():
        pattern = _pattern_of(records.texts[place], records.cells[place], kind, dialect)
        if pattern:
            patterns[pattern] = None
    rows = [text for place, text in enumerate(records.texts) if place > first and place not in odd]
    kept = [
        pattern
        for pattern in patterns
        if not any(re.search(pattern, text) is not None for text in rows)
    ]
    counts = Counter(odd.values())
    for kind, count in counts.items():
        notes.append(f"{count} {_KINDS[kind]}; look at the file and at drop_rows")
    return "|".join(kept), notes


_KINDS = {
    "units": "row of units or types after the header is no record",
    "header": "row(s) repeat the header",
    "survey": "row(s) after the header are the survey's questions",
    "rule": "line(s) of dashes are no records",
    "footer": "row(s) look like totals or notes, not like records",
}


def _pattern_of(text: str, cells: Sequence[str], kind: str, dialect: Dialect) -> str:
    cut = re.escape(dialect.delimiter)
    if kind in {"units", "header"}:
        return f"^{re.escape(text)}$"
    if kind == "survey":
        # A question may go over several lines, of which a pattern of one record knows the first.
        return f"^{re.escape(text.splitlines()[0][:SURVEY_BEGIN])}"
    if kind == "rule":
        return f"^{RULE.pattern}$"
    if len(cells) == 1:
        return f"^[^{cut}]*$"
    place = next((i for i, cell in enumerate(cells) if cell.strip()), None)
    if place is None:
        return f"^[{cut} ]*$"
    words = FOOTER_WORDS.match(cells[place])
    if words is None or not words[1]:
        return ""
    signs = cells[place][: words.start(1)].strip()
    escaped = re.escape(words[1].strip()).replace("\\ ", " ")
    return f'^{cut * place}"? *{re.escape(signs) + " *" if signs else ""}{escaped}\\b'


def _frame(cells: list[list[str]], names: list[str], width: int) -> pl.DataFrame:
    """The rows that fit as columns of texts, without columns that have neither name nor value.

    A row may end with one delimiter more or less than the header.
    """
    columns = max(len(names), width)
    rows = [fields for fields in cells if len(fields) in {len(names), width}]
    padded = [fields if len(fields) == columns else [*fields, ""] for fields in rows]
    values = list(zip(*padded, strict=False)) if padded else [()] * columns
    series: list[pl.Series] = []
    # What rows have beyond the header is the end of a delimiter, which `load` leaves out.
    for name, column in zip(names, values, strict=False):
        texts = pl.Series(name, column, dtype=pl.String)
        texts = texts.set(texts == "", None)
        if not is_unnamed(name) or texts.str.strip_chars().str.len_chars().sum():
            series.append(texts)
    return pl.DataFrame(series)

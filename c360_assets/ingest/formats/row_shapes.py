"""What the rows of a text file look like: how many fields most have, and which look like totals.

Which rows are rejected belongs to `read_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from c360_assets.ingest.formats.batches import is_unnamed
from c360_assets.ingest.formats.text_records import Dialect

# Records of a file by which its width is judged.
LOOKED_AT = 1000
TOTAL_WORDS = (
    "grand total",
    "sub[- ]?total",
    "totals?",
    "sum",
    "summe",
    "(?:gesamt|end|zwischen)summe",
    "gesamt(?:betrag)?",
    "insgesamt",
    "total (?:g[eé]n[eé]ral|geral)",
    "sous[- ]total",
    "somme",
    "suma(?: total)?",
    "soma",
    "totale(?: generale)?",
    "(?:sub|eind)?totaal",
    "totalt",
    "summa",
    "yhteensä",
    "razem",
    "celkem",
    "összesen",
    "toplam",
    "итого",
    "всего",
    "σ[υύ]νολο",
    "合計",
    "総計",
    "合计",
    "总计",
    "합계",
    "총계",
    "총합계",
    "tổng cộng",
    "jumlah",
    "ukupno",
    "المجموع",
    "الإجمالي",
    'סה["״]כ',
)


@dataclass
class TotalRows:
    """Rows of a file that look like totals.

    `line` is that of the first one; `words` are the words for a total that they begin with.
    """

    rows: int
    line: int
    words: set[str]


@dataclass
class RowNotes:
    """What is told of the rows of a load, by file number.

    `dropped` counts those that `files.drop_rows` left out, `totals` are those that look like
    totals, `nested` names the fields of texts that hold objects or lists.
    """

    dropped: dict[int, int] = field(default_factory=dict)
    totals: dict[int, TotalRows] = field(default_factory=dict)
    nested: dict[int, set[str]] = field(default_factory=dict)


def without_dropped(
    rows: Iterator[pl.DataFrame], pattern: str, notes: RowNotes
) -> Iterator[pl.DataFrame]:
    """The rows whose text holds no match of `pattern`; the others are counted."""
    matches = pl.coalesce("_record", "record").str.contains(pattern).fill_null(False)
    for frame in rows:
        dropped = frame.filter(matches)["_file"].value_counts()
        for number, count in dropped.iter_rows():
            notes.dropped[number] = notes.dropped.get(number, 0) + count
        yield frame.filter(~matches)


def note_totals(frame: pl.DataFrame, dialect: Dialect, notes: RowNotes) -> None:
    """Note the rows whose first cell that is not empty is a word for a total."""
    empty = f"[{re.escape(dialect.delimiter)}{re.escape(dialect.quote)}\\s]*"
    words = "|".join(TOTAL_WORDS)
    end = f"\\s*[:=]?{re.escape(dialect.quote)}?\\s*(?:{re.escape(dialect.delimiter)}|$)"
    text = pl.coalesce("_record", "record")
    looks_like_total = text.str.contains(f"(?i)^{empty}(?:{words}){end}")
    totals = frame.filter(looks_like_total)
    if totals.is_empty():
        return
    word = text.str.extract(f"(?i)^{empty}({words}){end}").alias("word")
    by_file = totals.group_by("_file", maintain_order=True)
    counts = by_file.agg(pl.len(), pl.col("_line").first(), word.unique())
    for number, rows, line, words_of_file in counts.iter_rows():
        known = notes.totals.setdefault(number, TotalRows(0, line, set()))
        known.rows += rows
        known.words.update(words_of_file)


class RowWidths:
    """By how many delimiters the records of a file differ from its header, where most do alike.

    A delimiter at the end of every row, or of the header only, adds a column without a name that is
    always empty. What most rows have is what a row must have, so that a short one is never taken
    for a whole one whose values moved.
    """

    def __init__(self, dialect: Dialect, header: Sequence[str], *, in_file: bool) -> None:
        self.fields = len(header)
        self._dialect = dialect
        self._in_file = in_file
        self._unnamed = 0
        for name in reversed(header):
            if not is_unnamed(name):
                break
            self._unnamed += 1
        self._seen: set[int] = set()
        # File number -> fields that its rows have more than the header (less where negative).
        self._more: dict[int, int] = {}

    def normalised(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The records with as many delimiters as the header has, where those of the file allow it.

        Adds `_raw`, the records as they were.
        """
        self._look_at(frame)
        frame = frame.with_columns(pl.col("record").alias("_raw"))
        more = {n: count for n, count in self._more.items() if n in frame["_file"]}
        if not more:
            return frame
        re.escape(self._dialect.delimiter)
        record = pl.col("record")
        for number, count in more.items():
            if count > 0:
                changed = pl.col("record").str.replace(f"{self._empty_fields(count)}$", "")
            else:
                changed = pl.col("record") + self._dialect.delimiter * -count
            record = pl.when(pl.col("_file") == number).then(changed).otherwise(record)
        return frame.with_columns(record.alias("record"))

    def _empty_fields(self, count: int) -> str:
        """Regular expression of so many delimiters with nothing but blanks behind each."""
        blanks = " " if self._dialect.delimiter == "\t" else " \\t"
        return f"(?:{re.escape(self._dialect.delimiter)}[{blanks}]*){{{count}}}"

    def _look_at(self, frame: pl.DataFrame) -> None:
        """Judge the files that were not seen before by their first records in `frame`."""
        delimiters = pl.col("record").str.count_matches(self._dialect.delimiter, literal=True)
        fits = (delimiters == self.fields - 1).mean().alias("fits")
        shares = frame.group_by("_file").agg(fits)
        for number, share in shares.iter_rows():
            if number not in self._seen:
                self._seen.add(number)
                # Delimiters in quotes may make up for those that a header has more.
                if share is None or share <= 0.5 or self._unnamed:
                    self._judge(number, frame.filter(pl.col("_file") == number).head(LOOKED_AT))

    def _judge(self, number: int, records: pl.DataFrame) -> None:
        delimiter = self._dialect.delimiter
        text = records["record"].slice(int(self._in_file)).drop_nulls()
        if self._dialect.quote:
            quote = re.escape(self._dialect.quote)
            text = text.str.replace_all(f"{quote}{self._dialect.content}*{quote}", "")
        widths = text.str.count_matches(delimiter, literal=True) + 1
        counts = widths.value_counts(sort=True)
        if counts.is_empty() or counts["count"][0] * 2 <= len(text):
            return
        more = int(counts[widths.name][0]) - self.fields
        if more > 0:
            ends = text.str.contains(f"{self._empty_fields(more)}$")
            if int(ends.sum()) * 2 > len(text):
                self._more[number] = more
        elif -self._unnamed <= more < 0:
            self._more[number] = more

"""A text file cut into records: where each begins, its line number, and whether it can be read.

Works on whole chunks of bytes with array operations. A record is one physical line, or several
where a quoted field holds line breaks. A line ends with LF, CR LF or CR, also where a file mixes
them. What the fields of a record are called and mean belongs to `read_text`.
"""

from __future__ import annotations

import codecs
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa

CHUNK = 32 << 20
LONGEST_RECORD = 256 << 20
SMALL_FILE = 4 << 20
LINE_FEED, CARRIAGE_RETURN = 10, 13


class UnclosedQuoteError(Exception):
    """A quoted field that begins in line `line` is not closed within `LONGEST_RECORD` bytes."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class EndlessLineError(Exception):
    """A line, number `line`, that does not end within `LONGEST_RECORD` bytes."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True)
class Dialect:
    """How fields are written.

    `quote` is empty where nothing is quoted; `escape` equals `quote` where quotes are doubled.
    """

    delimiter: str
    quote: str
    escape: str

    @property
    def content(self) -> str:
        """Regular expression of one character inside a quoted field."""
        quote, escape = re.escape(self.quote), re.escape(self.escape)
        if self.escape in ("", self.quote):
            return f"(?:[^{quote}]|{quote}{quote})"
        return f"(?:[^{quote}{escape}]|{escape}[\\s\\S])"

    @property
    def field(self) -> str:
        """A well-formed field: closed quotes, or text that does not begin with a quote.

        Quotes later in such a text are literal.
        """
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        if not self.quote:
            return f"[^{delimiter}]*"
        bare = f"(?:[^{quote}{delimiter}][^{delimiter}]*)?"
        return f"(?:{quote}{self.content}*{quote}|{bare})"

    def record(self, fields: int) -> str:
        """A whole record of so many fields."""
        delimiter = re.escape(self.delimiter)
        return f"^{self.field}(?:{delimiter}{self.field}){{{fields - 1}}}$"

    @property
    def any_record(self) -> str:
        return f"^{self.field}(?:{re.escape(self.delimiter)}{self.field})*$"

    @property
    def leaves_open(self) -> str:
        """A line that begins between records and ends inside a quoted field.

        Text after a closing quote ends with its field.
        """
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        bare = f"(?:[^{quote}{delimiter}][^{delimiter}]*)?"
        closed = f"{quote}{self.content}*{quote}{self._after_quote}"
        return f"(?:(?:{closed}|{bare}){delimiter})*{quote}{self.content}*$"

    @property
    def stays_open(self) -> str:
        """A line that begins and ends inside quoted fields, the same one or another."""
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        next_field = f"{quote}{self._after_quote}{delimiter}{self.leaves_open}"
        return f"^(?:{self.content}*$|{self.content}*{next_field})"

    @property
    def _after_quote(self) -> str:
        """Text between a closing quote and the delimiter: malformed, and not of the next field."""
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        return f"(?:[^{delimiter}{quote}][^{delimiter}]*)?"


def text_records(
    path: Path, dialect: Dialect | None, chunk: int = CHUNK, skip_lines: int = 0
) -> Iterator[pl.DataFrame]:
    """The records of a UTF-8 file in order, chunk by chunk, without its first `skip_lines` lines.

    Columns: `_line` (first physical line, from 1), `record` (text without its line end, NULL where
    it is not UTF-8), `_garbled` (such a record's text with the bad bytes replaced). Blank lines
    between records are left out. Without a dialect every line is a record. A quote that is never
    closed makes one record up to the end of the file. Raises UnclosedQuoteError when that is more
    than `LONGEST_RECORD` bytes, EndlessLineError for a line that long.
    """
    size = path.stat().st_size
    if size == 0:
        return
    with path.open("rb") as file:
        start = 3 if _read(file, 0, 3).tobytes() == b"\xef\xbb\xbf" else 0
        start = _after_lines(file, start, size, skip_lines)
        line, length = 1 + skip_lines, chunk
        while start < size:
            stop = min(start + length, size)
            data = _read(file, start, stop - start)
            if len(data) < stop - start:
                # It shrank; who loads it sees that it changed.
                return
            begins = _line_ends(data, whole=stop == size)
            if stop == size and (not len(begins) or start + begins[-1] < size):
                begins = np.append(begins, size - start)
            begins = np.insert(begins, 0, 0)
            block = data[: int(begins[-1])]
            between = ~_open_before(block, begins, dialect)
            if stop == size:
                between[-1] = True
            bounds = np.flatnonzero(between)
            if len(bounds) < 2:
                # No record ends in this chunk: the same place is read again, twice as far.
                if length > LONGEST_RECORD:
                    raise UnclosedQuoteError(line) if len(begins) > 1 else EndlessLineError(line)
                length *= 2
                continue
            yield records_frame(block, begins[bounds], {"_line": bounds[:-1] + line})
            start += int(begins[bounds[-1]])
            line += int(bounds[-1])
            length = chunk


def _read(file: BinaryIO, start: int, length: int) -> np.ndarray:
    # Not memory-mapped: mapped pages of a large file count as the process's memory.
    file.seek(start)
    return np.frombuffer(file.read(length), dtype=np.uint8)


def _after_lines(file: BinaryIO, start: int, size: int, lines: int) -> int:
    """The place after so many physical lines from `start`; the file's end where it has fewer."""
    while lines and start < size:
        data = _read(file, start, min(CHUNK, size - start))
        ends = _line_ends(data, whole=start + len(data) == size)
        if len(ends) >= lines:
            return start + int(ends[lines - 1])
        lines -= len(ends)
        start += int(ends[-1]) if len(ends) else len(data)
    return size if lines else start


def records_of(
    files: Iterable[tuple[int, Path]],
    dialect: Dialect | None,
    faults: dict[int, Exception],
    skip_lines: int = 0,
) -> Iterator[pl.DataFrame]:
    """The records of numbered files in order, as `text_records` gives them, with a column `_file`.

    Small files are read together, since a frame for each would cost more than their rows. What
    `text_records` or reading raises is put into `faults` under the file's number; some of its
    records may have been given out.
    """
    waiting: list[tuple[int, bytes]] = []
    size = 0
    for number, path in files:
        data = _small(number, path, faults)
        if data is not None:
            waiting.append((number, data))
            size += len(data)
        if waiting and (data is None or size >= CHUNK):
            yield _joined(waiting, dialect, skip_lines)
            waiting, size = [], 0
        if data is None and number not in faults:
            yield from _alone(number, path, dialect, faults, skip_lines)
    if waiting:
        yield _joined(waiting, dialect, skip_lines)


def _small(number: int, path: Path, faults: dict[int, Exception]) -> bytes | None:
    """The content of a file that is small enough to be read together with others."""
    try:
        return path.read_bytes() if path.stat().st_size <= SMALL_FILE else None
    except OSError as error:
        faults[number] = error
        return None


def _alone(
    number: int,
    path: Path,
    dialect: Dialect | None,
    faults: dict[int, Exception],
    skip_lines: int,
) -> Iterator[pl.DataFrame]:
    try:
        for frame in text_records(path, dialect, skip_lines=skip_lines):
            yield frame.select(pl.lit(number, pl.Int32).alias("_file"), pl.all())
    except (OSError, UnclosedQuoteError, EndlessLineError) as error:
        faults[number] = error


def _joined(
    files: Sequence[tuple[int, bytes]], dialect: Dialect | None, skip_lines: int
) -> pl.DataFrame:
    """The records of whole files that are not empty, cut in one go."""
    contents = [data.removeprefix(b"\xef\xbb\xbf") for _, data in files]
    if skip_lines:
        contents = [_without_lines(data, skip_lines) for data in contents]
    contents = [data if data.endswith(b"\n") else data + b"\n" for data in contents]
    starts = np.cumsum([0, *(len(data) for data in contents)])
    block = np.frombuffer(b"".join(contents), dtype=np.uint8)
    begins = np.insert(_line_ends(block, whole=True), 0, 0)
    first_lines = np.searchsorted(begins, starts)
    between = ~_open_before(block, begins, dialect, first_lines[1:] - 1)
    between[first_lines] = True
    bounds = np.flatnonzero(between)
    place = np.searchsorted(first_lines, bounds[:-1], side="right") - 1
    numbers = np.array([number for number, _ in files], dtype=np.int32)
    return records_frame(
        block,
        begins[bounds],
        {"_file": numbers[place], "_line": bounds[:-1] - first_lines[place] + 1 + skip_lines},
    )


def _without_lines(data: bytes, lines: int) -> bytes:
    ends = _line_ends(np.frombuffer(data, dtype=np.uint8), whole=True)
    return data[int(ends[lines - 1]) :] if len(ends) >= lines else b""


def _line_ends(data: np.ndarray, *, whole: bool) -> np.ndarray:
    """The places after line ends.

    A CR that ends the data may belong to a LF behind it, unless the data is `whole`.
    """
    ends = data == LINE_FEED
    returns = data == CARRIAGE_RETURN
    if returns.any():
        returns[:-1] &= ~ends[1:]
        returns[-1:] &= whole
        ends |= returns
    return np.flatnonzero(ends).astype(np.int64) + 1


def _series(block: np.ndarray, offsets: np.ndarray) -> pl.Series:
    """The byte ranges of `block` between neighbouring `offsets`, without a copy of the bytes."""
    bounds = np.ascontiguousarray(offsets, dtype=np.int64)
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(block)]
    return pl.Series("record", pa.Array.from_buffers(pa.large_binary(), len(bounds) - 1, buffers))


def _open_before(
    block: np.ndarray,
    begins: np.ndarray,
    dialect: Dialect | None,
    last_lines: np.ndarray | None = None,
) -> np.ndarray:
    """For each line and for the end of the block: does it begin inside a quoted field?

    The block itself begins outside, and so does what follows one of `last_lines`. Each line maps
    the state it begins in to the state it ends in. Lines without a quote keep it. For the others
    both outcomes are read off the line alone, and the maps are composed: the state is that of the
    last line with a constant outcome, flipped by every line since then that swaps the states.
    """
    lines = len(begins) - 1
    opened = np.zeros(lines + 1, dtype=bool)
    if dialect is None or not dialect.quote:
        return opened
    quotes = np.flatnonzero(block == ord(dialect.quote))
    if not len(quotes):
        return opened
    lines_of_quotes = np.searchsorted(begins, quotes, side="right") - 1
    closing = np.empty(0, dtype=np.int64) if last_lines is None else last_lines
    quoted = np.unique(np.append(lines_of_quotes, closing)).astype(np.int64)
    # Structure is ASCII; any other byte is content, so that broken encodings cannot change where a
    # record ends.
    ascii_block = np.where(block < 128, block, ord("?")).astype(np.uint8)
    text = _series(ascii_block, begins).gather(quoted).cast(pl.String)
    from_outside = text.str.contains("^" + dialect.leaves_open).to_numpy()
    from_inside = text.str.contains(dialect.stays_open).to_numpy()
    if last_lines is not None:
        closes = np.isin(quoted, last_lines)
        from_outside, from_inside = from_outside & ~closes, from_inside & ~closes
    flips = np.cumsum(from_outside & ~from_inside)
    constant = from_outside == from_inside
    last_constant = np.maximum.accumulate(np.where(constant, np.arange(len(quoted)), -1))
    outcome = np.where(last_constant >= 0, from_outside[last_constant], False)
    flips_since = flips - np.where(last_constant >= 0, flips[last_constant], 0)
    after = outcome ^ (flips_since % 2 == 1)
    quoted_before = np.searchsorted(quoted, np.arange(lines + 1), side="left")
    opened = np.where(quoted_before > 0, after[quoted_before - 1], False)
    return opened


def records_frame(
    block: np.ndarray, offsets: np.ndarray, columns: dict[str, np.ndarray]
) -> pl.DataFrame:
    """The records between neighbouring `offsets`; text that is not UTF-8 is garbled."""
    try:
        text = _series(block, offsets).cast(pl.String)
        bad = np.zeros(len(text), dtype=bool)
    except pl.exceptions.ComputeError:
        places = _not_utf8(block.tobytes())
        block = block.copy()
        block[places] = ord("?")
        text = _series(block, offsets).cast(pl.String)
        bad_records = np.searchsorted(offsets, places, side="right") - 1
        bad = np.isin(np.arange(len(text)), bad_records)
    frame = pl.DataFrame({**columns, "record": text, "_bad": bad})
    without_line_end = pl.col("record").str.strip_suffix("\n").str.strip_suffix("\r")
    not_blank = frame.with_columns(without_line_end).filter(pl.col("record") != "")
    record = pl.when(~pl.col("_bad")).then("record").alias("record")
    garbled = pl.when("_bad").then("record").alias("_garbled")
    return not_blank.select(*columns, record, garbled)


# The decoder's handler has nowhere else to note what it finds; each thread has its own list.
_found = threading.local()


def _note(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    _found.places.extend(range(error.start, error.end))
    return "?", error.end


codecs.register_error("c360-note", _note)


def _not_utf8(data: bytes) -> np.ndarray:
    """The positions of the bytes that are not UTF-8."""
    _found.places = []
    data.decode("utf-8", "c360-note")
    return np.array(_found.places, dtype=np.int64)

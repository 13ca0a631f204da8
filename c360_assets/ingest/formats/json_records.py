"""Records of a JSON document that stand in a list or an object under a path of keys.

The document is cut at its brackets and commas with array operations. No value is read, so that the
digits of numbers stay as they were written. What the records hold belongs to `read_json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from c360_assets.ingest.formats.text_records import records_frame

# The key of a record in an object of records is the record's column of this name.
KEY_COLUMN = "_key"
QUOTE, BACKSLASH, COMMA, LIST_START = ord('"'), ord("\\"), ord(","), ord("[")
OPENING = (ord("{"), LIST_START)
CLOSING = (ord("}"), ord("]"))
MARK = b"\xef\xbb\xbf"
BLANKS = " \t\r\n"
KEYED_START = r'^\s*("(?:[^"\\]|\\.)*")\s*:\s*\{'
SHOWN_PATHS = 5
DEEPEST_LIST = 2


class NoRecordsError(Exception):
    """The document has no list or object at the path; `paths` are some that it has."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__()
        self.paths = paths


class BrokenDocumentError(Exception):
    """The brackets or quotes of a document do not match."""


@dataclass(frozen=True)
class _Document:
    """The brackets and commas of a document outside its texts: places, bytes, levels.

    Both brackets of the outermost value have level 0; what stands directly in a value, its commas
    too, has one level more than its brackets.
    """

    data: np.ndarray
    places: np.ndarray
    signs: np.ndarray
    levels: np.ndarray


@dataclass(frozen=True)
class _Container:
    """A list or an object: its path of keys, and the numbers of its two brackets."""

    path: tuple[str, ...]
    first: int
    last: int
    is_list: bool


class _Element(NamedTuple):
    """What stands between two commas: its text, up to the bracket where it is a container."""

    text: str
    bracket: int | None


def parse_path(path: str) -> tuple[str, ...]:
    """The keys of a path: `a.b`, or `/a/b` where a key holds a point; `.` is the document."""
    if path == ".":
        return ()
    return tuple(path[1:].split("/") if path.startswith("/") else path.split("."))


def json_records(path: Path, records: str) -> Iterator[pl.DataFrame]:
    """The records at the path `records`, in order, in frames like those of `text_records`.

    `_line` is a record's number in its document. Lists on the way are entered, so that a list of
    pages gives the records of all. In an object of objects each is a record, and its key its column
    `_key`; any other object is one record. null instead of a list is an empty one. Raises
    NoRecordsError and BrokenDocumentError.
    """
    document = _document(path)
    wanted = parse_path(records)
    others: list[str] = []
    is_there = False
    rows = 0
    waiting = list(reversed(_outermost(document)))
    while waiting:
        container = waiting.pop()
        if container.path == wanted:
            is_there = True
            frame = _records_in(document, container)
            yield frame.with_columns(pl.col("_line") + rows)
            rows += len(frame)
            continue
        inner: list[_Container] = []
        for element in _elements(document, container):
            child_path = container.path + (() if container.is_list else (_key_of(element.text),))
            is_on_path = child_path == wanted[: len(child_path)]
            if element.bracket is not None:
                if is_on_path:
                    inner.append(_container(document, child_path, element.bracket))
                elif len(others) < SHOWN_PATHS:
                    others.append(".".join(child_path))
            elif child_path == wanted and element.text.rstrip(BLANKS).endswith("null"):
                is_there = True
        waiting += reversed(inner)
    if not is_there:
        raise NoRecordsError(sorted(set(others)))


def list_paths(path: Path) -> list[str]:
    """Where records may be: paths to the lists that are at most two keys deep, in order."""
    document = _document(path)
    waiting = _outermost(document)
    paths: list[str] = []
    while waiting:
        container = waiting.pop(0)
        if container.is_list:
            if container.path:
                paths.append(".".join(container.path))
            continue
        if len(container.path) < DEEPEST_LIST:
            for element in _elements(document, container):
                if element.bracket is not None:
                    child_path = (*container.path, _key_of(element.text))
                    waiting.append(_container(document, child_path, element.bracket))
    return paths


def _document(path: Path) -> _Document:
    data = np.fromfile(path, dtype=np.uint8)
    if data[:3].tobytes() == MARK:
        data = data[3:]
    quotes = np.flatnonzero(data == QUOTE)
    quotes = quotes[~_is_escaped(data, quotes)]
    is_mark = data == COMMA
    for sign in OPENING + CLOSING:
        is_mark |= data == sign
    places = np.flatnonzero(is_mark)
    places = places[np.searchsorted(quotes, places) % 2 == 0]
    signs = data[places]
    opens = np.isin(signs, OPENING)
    depths = np.cumsum(opens.astype(np.int64) - np.isin(signs, CLOSING))
    is_balanced = len(depths) > 0 and depths.min() >= 0 and depths[-1] == 0
    if len(quotes) % 2 or not is_balanced:
        raise BrokenDocumentError
    return _Document(data, places, signs, depths - opens)


def _is_escaped(data: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Whether an odd number of backslashes stands before each quote."""
    escaped = np.zeros(len(quotes), dtype=bool)
    waiting = np.arange(len(quotes))
    distance = 1
    while len(waiting):
        before = quotes[waiting] - distance
        is_backslash = (before >= 0) & (data[before] == BACKSLASH)
        waiting = waiting[is_backslash]
        escaped[waiting] = ~escaped[waiting]
        distance += 1
    return escaped


def _outermost(document: _Document) -> list[_Container]:
    """The values of the file, of which there may be several one after another."""
    brackets = np.flatnonzero((document.levels == 0) & (document.signs != COMMA))
    return [_container(document, (), int(bracket)) for bracket in brackets[::2]]


def _container(document: _Document, path: tuple[str, ...], first: int) -> _Container:
    """The list or object whose opening bracket is mark number `first`."""
    level = document.levels[first]
    step, last = 256, 0
    start = first + 1
    while not last:
        # Looked for in ever longer pieces: most are short, and one holds all records.
        piece = document.levels[start : start + step]
        closing = np.flatnonzero(piece == level)
        if len(closing):
            last = start + int(closing[0])
        elif not len(piece):
            raise BrokenDocumentError
        start += step
        step *= 2
    return _Container(path, first, last, bool(document.signs[first] == LIST_START))


def _inside(document: _Document, container: _Container) -> np.ndarray:
    """The numbers of the marks that stand directly in a container."""
    levels = document.levels[container.first + 1 : container.last]
    direct = levels == document.levels[container.first] + 1
    return np.flatnonzero(direct) + container.first + 1


def _elements(document: _Document, container: _Container) -> Iterator[_Element]:
    """The elements of a container that leads to the records; the records are no such elements."""
    start = int(document.places[container.first]) + 1
    bracket: int | None = None
    for mark in [*_inside(document, container).tolist(), container.last]:
        sign = document.signs[mark]
        if sign in OPENING:
            bracket = mark
        elif sign == COMMA or mark == container.last:
            stop = int(document.places[mark if bracket is None else bracket])
            text = document.data[start:stop].tobytes().decode("utf-8", "replace")
            yield _Element(text, bracket)
            start, bracket = int(document.places[mark]) + 1, None


def _key_of(text: str) -> str:
    """The key at the beginning of an element of an object; "" where there is none."""
    try:
        key, _ = json.JSONDecoder().raw_decode(text.lstrip(BLANKS))
    except ValueError:
        return ""
    return str(key)


def _records_in(document: _Document, container: _Container) -> pl.DataFrame:
    inside = _inside(document, container)
    signs = document.signs[inside]
    if not container.is_list and not _holds_objects_only(document, inside, signs):
        bounds = document.places[[container.first, container.last]] + np.array([0, 1])
        return _frame(document, bounds)
    commas = document.places[inside[signs == COMMA]] + 1
    ends = document.places[[container.first, container.last]] + np.array([1, 0])
    frame = _frame(document, np.concatenate([ends[:1], commas, ends[1:]]))
    return frame if container.is_list else frame.with_columns(_with_key())


def _holds_objects_only(document: _Document, inside: np.ndarray, signs: np.ndarray) -> bool:
    commas = int((signs == COMMA).sum())
    objects = int((signs == OPENING[0]).sum())
    return objects == commas + 1


def _frame(document: _Document, bounds: np.ndarray) -> pl.DataFrame:
    """The texts between neighbouring bounds without their commas, blank ones left out."""
    start, stop = int(bounds[0]), int(bounds[-1])
    lines = np.arange(1, len(bounds), dtype=np.int64)
    frame = records_frame(document.data[start:stop], bounds - start, {"_line": lines})
    text = pl.col("record", "_garbled").str.strip_chars(BLANKS)
    text = text.str.strip_suffix(",").str.strip_chars(BLANKS)
    return frame.with_columns(text).filter(pl.coalesce("record", "_garbled") != "")


def _with_key() -> pl.Expr:
    """A record of an object, `"key": {...}`, with its key as a column of its own."""
    record = pl.col("record")
    key = record.str.extract(KEYED_START)
    rest = record.str.replace(KEYED_START, "").str.strip_chars(BLANKS)
    separator = pl.when(rest == "}").then(pl.lit("")).otherwise(pl.lit(","))
    return pl.concat_str(pl.lit(f'{{"{KEY_COLUMN}":'), key, separator, rest).alias("record")

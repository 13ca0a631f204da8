"""Searches files for values: in their bytes, and decoded where bytes are packed.

What is searched, and what a find means, belongs to `forget` and the tests; how many values are
looked for at once is `patterns`.
"""

from __future__ import annotations

import html
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import partial
from mmap import ACCESS_READ, mmap
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.privacy.patterns import Patterns
from c360_assets.privacy.unpacking import (
    BATCH,
    NotOpenedError,
    Opener,
    Readable,
    frames_within,
    head_of,
    parts_within,
)
from c360_assets.privacy.work import Work
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.warehouse.sqlite_reading import sqlite_reader

CHUNK = 16 << 20
MOST_WITHIN = 4  # packed files one within another
SQLITE = b"SQLite format 3\0"
DUCKDB = b"DUCK"
DUCKDB_OFFSET = 8
# What programs write that do not write UTF-8: UTF-16, and the code pages of Windows.
ENCODINGS = ("utf-16-le", "utf-16-be", *(f"cp{page}" for page in range(1250, 1259)))


@dataclass(frozen=True)
class Searched:
    """What a search came to: files and bytes read, the files in which something was found, and
    those that are packed and could not be opened, so that only their bytes were searched.
    """

    files: int
    size: int
    finds: list[Path]
    unopened: list[Path] = field(default_factory=list)


class Searcher:
    """Looks for values, also as JSON and pages escape them; for `cells` only as whole cells.

    A value within one of `others`, longer texts of somebody else, is none. Files may be of the
    `encodings`, besides UTF-8.
    """

    def __init__(
        self,
        values: Iterable[str],
        cells: Iterable[str] = (),
        others: Iterable[str] = (),
        encodings: Iterable[str] = ENCODINGS,
    ) -> None:
        self.values = sorted(set(values))
        self.others = sorted(set(others))
        self.patterns = Patterns(spellings(self.values), cells, spellings(self.others), encodings)
        self.unopened: set[Path] = set()

    def search(self, files: Iterable[Path], clean: Set[Path] = frozenset()) -> Searched:
        """The files in which a value stands; those of `clean` were searched before."""
        # A published database and its kept one are one file with two names.
        names: dict[tuple[int, int], list[Path]] = {}
        size = 0
        for path in files:
            with suppress(FileNotFoundError):
                stat = path.stat()
                size += stat.st_size
                names.setdefault((stat.st_dev, stat.st_ino), []).append(path)
        unknown = [paths for paths in names.values() if clean.isdisjoint(paths)]
        with ThreadPoolExecutor(os.cpu_count()) as at_once:
            holds = list(at_once.map(lambda paths: self._is_there_and_in(paths[0]), unknown))
        finds = [path for paths, held in zip(unknown, holds, strict=True) if held for path in paths]
        unopened = [path for paths in names.values() for path in paths if path in self.unopened]
        return Searched(sum(map(len, names.values())), size, finds, unopened)

    def _is_there_and_in(self, path: Path) -> bool:
        """As `is_in`, false for a file that has gone meanwhile."""
        with suppress(FileNotFoundError):
            return self.is_in(path)
        return False

    def is_in(self, path: Path) -> bool:
        """Whether a value stands in the file, in its bytes or decoded."""
        self.unopened.discard(path)
        if not self.values or not path.stat().st_size:
            return False
        opener = partial(_opened, path)
        head = head_of(opener)
        try:
            if _is_duckdb(head):
                return self._in_bytes_of_duckdb(path) or self._in_duckdb(path)
            if head.startswith(SQLITE):
                with path.open("rb") as file:
                    return self._in_stream(file) or self._in_sqlite(path)
            return self._in_opened(opener, MOST_WITHIN)
        except Exception:  # of many kinds, one for each format and each place where it is broken
            self.unopened.add(path)  # its bytes were searched as they stand
            return False

    def _in_opened(self, opener: Opener, most_within: int) -> bool:
        """Whether a value stands in what is opened, or in what is packed in it."""
        with opener() as file:
            if self._in_stream(file):
                return True
        head = head_of(opener)
        if any(self._in_frame(frame) for frame in frames_within(opener, head)):
            return True
        for part in parts_within(opener, head):
            if not most_within:
                raise NotOpenedError
            if self._in_opened(part, most_within - 1):
                return True
        return False

    def _in_bytes_of_duckdb(self, path: Path) -> bool:
        # It is replaced whole and never shortened, as SQLite's files are: what is mapped and
        # shortened ends the process.
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            return self.patterns.are_in(content, whole_numbers=True)

    def _in_stream(self, file: Readable) -> bool:
        """Whether a value stands in what is read part by part."""
        # What ends near the end of a part is looked at with the next: a longer text of somebody
        # else may go on there.
        longest = self.patterns.longest
        part = file.read(CHUNK)
        after = 0
        while part:
            more = file.read(CHUNK)
            until = max(len(part) - longest, 0) if more else len(part)
            if self.patterns.are_in(part, after=after, until=until):
                return True
            kept = part[-2 * longest :]
            after = max(until - (len(part) - len(kept)), 0)
            part = kept + more if more else b""
        return False

    def _in_frame(self, frame: pl.DataFrame) -> bool:
        return any(self.in_series(frame[name]) for name in frame.columns)

    def in_series(self, series: pl.Series) -> bool:
        """Whether a cell holds a value; of a nested column its text."""
        texts = as_texts(series)
        return texts is not None and not self.patterns.holders(texts).is_empty()

    def _in_sqlite(self, path: Path) -> bool:
        with sqlite_reader(path) as con:
            for table, columns in sqlite_tables(con):
                listed = ", ".join(map(quote_ident, columns))
                rows = con.execute(f"SELECT {listed} FROM {quote_ident(table)}")
                while part := rows.fetchmany(BATCH):
                    texts = ["\n".join(str(cell) for cell in row) for row in part]
                    if not self.patterns.holders(pl.Series(texts)).is_empty():
                        return True
        return False

    def _in_duckdb(self, path: Path) -> bool:
        with duckdb.connect() as con:
            con.execute(f"ATTACH {quote_literal(str(path))} AS searched (READ_ONLY)")
            for source, columns in duckdb_tables(con, "searched"):
                texts = [name for name, type_ in columns.items() if holds_text(type_)]
                if not texts:
                    continue
                listed = ", ".join(text_sql(name, columns[name]) for name in texts)
                reader = con.sql(f"SELECT {listed} FROM {source}").to_arrow_reader(BATCH)
                if any(self._in_frame(pl.DataFrame(batch)) for batch in reader):
                    return True
        return False


def searcher_of(tenant: Tenant, work: Work) -> Searcher:
    """What looks for the values of a work, also in the encodings of files that land."""
    declared = {feed.files.encoding for feed in tenant.feeds if feed.files.encoding}
    encodings = [*ENCODINGS, *sorted(declared)]
    return Searcher(work.texts(), work.short_cells(), work.others, encodings)


def _opened(path: Path) -> AbstractContextManager[Readable]:
    return path.open("rb")


def _is_duckdb(head: bytes) -> bool:
    return head[DUCKDB_OFFSET : DUCKDB_OFFSET + len(DUCKDB)] == DUCKDB


def spellings(values: Iterable[str]) -> set[str]:
    """The values as they stand in texts, in JSON of either kind, and in pages."""
    found = set()
    for value in values:
        found |= {value, html.escape(value)}
        found |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return found


def text_sql(column: str, type_: str) -> str:
    """SQL for a column's cells as texts; a nested one as JSON, whose escapes `spellings` knows."""
    name = quote_ident(column)
    is_nested = type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION"))
    return f"CAST(to_json({name}) AS VARCHAR)" if is_nested else f"CAST({name} AS VARCHAR)"


def holds_text(type_: str) -> bool:
    return "VARCHAR" in type_ or type_ in ("JSON", "DATE", "BLOB")


def as_texts(series: pl.Series) -> pl.Series | None:
    """The cells as texts; None for numbers and the like, of which no value is one."""
    if series.dtype == pl.String:
        return series
    if series.dtype == pl.Date:
        return series.cast(pl.String)
    if series.dtype.is_nested():
        frame = series.to_frame("cell")
        return frame.select(pl.struct("cell").struct.json_encode()).to_series()
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    return None


def sqlite_tables(con: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    """Tables of a SQLite file with their columns."""
    names = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        columns = [row[1] for row in con.execute(f"PRAGMA table_info({quote_ident(name)})")]
        if columns:
            yield name, columns


def duckdb_tables(
    con: duckdb.DuckDBPyConnection, database: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """FROM items over the tables of an attached file, with their columns (name -> type).

    Generated columns are left out: nothing of them is stored.
    """
    rows: Sequence[tuple[str, str, str, str]] = con.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() c "
        "WHERE database_name = $1 AND NOT internal AND NOT is_generated "
        "AND EXISTS (SELECT 1 FROM duckdb_tables() t "
        "WHERE t.database_name = $1 AND t.schema_name = c.schema_name "
        "AND t.table_name = c.table_name) ORDER BY ALL",
        [database],
    ).fetchall()
    tables: dict[str, dict[str, str]] = {}
    for schema, table, column, type_ in rows:
        source = ".".join(map(quote_ident, (database, schema, table)))
        tables.setdefault(source, {})[column] = type_
    yield from tables.items()

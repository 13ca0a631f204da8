"""Writes landing files day by day, in the format, date style and naming of each source, with the
rows a load must reject.

Files stay open while chunks of people arrive, so memory does not grow with the tenant. Bytes depend
on the rows alone. What the rows say belongs to `customers` and `orders`; how they are read, to the
feed files in `template/`.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from .people import FIRST_DAY, FIRST_MOMENT

# Called with the number of people done and of all.
Progress = Callable[[int, int], None]
BAD_SHARE = 0.005  # rejected rows per delivery, safely below the default threshold of 1 %


@dataclass(frozen=True)
class FeedFiles:
    """One feed's files: `path` holds `{day}` (yyyyMMdd), `columns` render a row (none: all columns
    as they are).
    """

    name: str
    path: str
    format: str  # csv, csv.gz, ndjson, parquet
    columns: dict[str, pl.Expr] = field(default_factory=dict)
    delimiter: str = ","
    key: tuple[str, ...] = ()
    bad: dict[str, str] = field(default_factory=dict)  # column -> value that cannot be cast
    first_day: int = 1
    late_day: int = 0  # no file on this day; its rows come in a second file of the next


def text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String)


def local(column: str, pattern: str) -> pl.Expr:
    return pl.col(column).dt.strftime(pattern)


def in_utc(column: str) -> pl.Expr:
    moment = pl.col(column).dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC")
    return moment.dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def delivery_day(frame: pl.DataFrame, days: int) -> pl.Series:
    """1 for everything before the first delivery.

    What changes on a day is delivered on the next.
    """
    after = (frame["_updated"] - FIRST_MOMENT).dt.total_seconds() // 86_400
    return (after + 2).clip(1, days).alias("_day")


class Landing:
    """The open files of all feeds. `add` appends rows, `close` finishes every file."""

    def __init__(self, root: Path, feeds: list[FeedFiles], days: int) -> None:
        self.days = days
        self.root = root
        self._files: dict[tuple[str, int], Any] = {}
        self._rows: dict[tuple[str, int], int] = {}
        self._paths: dict[tuple[str, int], Path] = {}
        for feed in feeds:
            for day in range(min(feed.first_day, days), days + 1):
                self._paths[feed.name, day] = root / self._name(feed, day)

    def _name(self, feed: FeedFiles, day: int) -> str:
        is_late = day == feed.late_day and day < self.days
        delivered_on = FIRST_DAY + timedelta(days=day if is_late else day - 1)
        suffix = "-late" if is_late else ""
        return feed.path.format(day=f"{delivered_on:%Y%m%d}{suffix}")

    def add(self, feed: FeedFiles, frame: pl.DataFrame, rng: np.random.Generator) -> None:
        """Append the rows of one chunk, each to the file of its delivery day, in order of time."""
        first = min(feed.first_day, self.days)
        frame = frame.with_columns(delivery_day(frame, self.days).clip(first, self.days))
        columns = feed.columns
        if not columns:
            own = [column for column in frame.columns if not column.startswith("_")]
            columns = {column: pl.col(column) for column in own}
        rendered = [expression.alias(name) for name, expression in columns.items()]
        rows = frame.select("_day", "_updated", *rendered)
        rows = rows.sort("_day", "_updated", *feed.key, maintain_order=True).drop("_updated")
        for day in range(first, self.days + 1):
            part = rows.filter(pl.col("_day") == day).drop("_day")
            self._append(feed, day, _with_rejected_rows(rng, feed, part))

    def _append(self, feed: FeedFiles, day: int, rows: pl.DataFrame) -> None:
        key = (feed.name, day)
        is_new = key not in self._files
        if is_new:
            self._files[key] = _open(self._paths[key], feed, rows)
        self._rows[key] = self._rows.get(key, 0) + len(rows)
        if feed.format == "parquet":
            if len(rows):
                self._files[key].write_table(rows.to_arrow())
            return
        stream: IO[bytes] = self._files[key]
        if feed.format == "ndjson":
            stream.write(rows.write_ndjson().encode())
        else:
            stream.write(rows.write_csv(include_header=is_new, separator=feed.delimiter).encode())

    def broken_lines(self, feed: FeedFiles, lines: list[str]) -> None:
        """Lines that no parser accepts as a row, at the end of the first delivery.

        None where they would pass its threshold.
        """
        key = (feed.name, min(feed.first_day, self.days))
        if len(lines) <= self._rows[key] * BAD_SHARE:
            self._files[key].write("".join(line + "\n" for line in lines).encode())

    def close(self) -> None:
        for stream in self._files.values():
            # A GzipFile does not close the file that it was given, and forgets it on closing.
            inner = getattr(stream, "fileobj", None) if isinstance(stream, gzip.GzipFile) else None
            stream.close()
            if inner is not None:
                inner.close()
        self._files.clear()


def _open(path: Path, feed: FeedFiles, rows: pl.DataFrame) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    if feed.format == "parquet":
        return pq.ParquetWriter(path, rows.to_arrow().schema, compression="zstd")
    if feed.format == "csv.gz":
        # No name and no time inside, so that equal rows give equal bytes.
        return gzip.GzipFile(
            filename="", fileobj=path.open("wb"), mode="wb", compresslevel=9, mtime=0
        )
    return io.BufferedWriter(io.FileIO(path, "wb"))


def _with_rejected_rows(
    rng: np.random.Generator, feed: FeedFiles, rows: pl.DataFrame
) -> pl.DataFrame:
    """Add rows that the load must reject: copies of good rows under keys of their own, with an
    impossible value or no key.
    """
    n = int(len(rows) * BAD_SHARE)
    if not feed.bad or not n:
        return rows
    sources = np.sort(rng.choice(len(rows), size=n, replace=False))
    # Which column gets the impossible value; one kind more than there are columns: the copies
    # without a key.
    kind = pl.Series("_kind", rng.integers(0, len(feed.bad) + 1, n))
    last = feed.key[-1]
    own_key = "9" + pl.col(last) if len(feed.key) > 1 else pl.col(last) + "x"
    copies = rows[sources].with_columns(kind, own_key.alias(last))
    copies = copies.with_columns(
        pl.when(pl.col("_kind") == number)
        .then(pl.lit(value))
        .otherwise(pl.col(column))
        .alias(column)
        for number, (column, value) in enumerate(feed.bad.items())
    )
    has_key = pl.col("_kind") < len(feed.bad)
    copies = copies.with_columns(pl.when(has_key).then(pl.col(key)).alias(key) for key in feed.key)
    # Each copy stands right behind the row it was made from.
    order = np.argsort(np.concatenate([np.arange(len(rows)), sources + 0.5]), kind="stable")
    return pl.concat([rows, copies.drop("_kind")])[order]

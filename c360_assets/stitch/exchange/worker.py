"""What runs on a worker of a cluster: kernels on batches and buckets of rows that Spark hands over.

Functions here are sent to workers, which need this package. They know Arrow, and no Spark. An error
on a worker ends in logs and screens of the cluster, so that none carries a value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from c360_assets.errors import C360Error
from c360_assets.stitch.exchange.rows import PAIR, RECORD, Kernel, Side, bucket_of
from c360_assets.stitch.exchange.wire import Schema, from_wire, to_wire
from c360_assets.warehouse.digest import code_version
from c360_assets.warehouse.engine import make_safe

BUCKET = "_bucket"
# Rows are equal on all machines only where these are: hashes of keys, similarities, rounding.
SAME = ("duckdb", "numpy", "polars", "scipy")
Batches = Iterator[pa.RecordBatch]


@cache
def versions() -> dict[str, str]:
    """What must be the same on every machine: of Python, of packages, and the code of this one."""
    python = ".".join(str(part) for part in sys.version_info[:2])
    stitch = Path(__file__).resolve().parents[1]
    code = code_version(stitch, stitch.parent / "semantics")
    return {"python": python, **{name: version(name) for name in SAME}, "c360_assets": code}


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """The SQL engine of this worker, on one thread: the cluster has a worker for each core."""
    con = duckdb.connect(config={"threads": 1})
    make_safe(con)
    return con


@contextmanager
def valueless(step: str) -> Iterator[None]:
    """What is raised inside the block as a C360Error, whose text has no value of a row."""
    try:
        yield
    except C360Error:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        raise C360Error(f"stitch: {step} failed ({type(error).__name__})") from None


@dataclass(frozen=True)
class Call:
    """A kernel on its way to the workers of a driver that has these versions."""

    kernel: Kernel
    driver: dict[str, str]

    def __call__(self, *sides: pl.DataFrame) -> pl.DataFrame:
        """Raises C360Error, whose text has no value, whatever fails."""
        with valueless(type(self.kernel).__name__):
            self._refuse_other_versions()
            return self.kernel(connection(), *(Side(frame) for frame in sides))

    def _refuse_other_versions(self) -> None:
        if versions() != self.driver:
            raise C360Error(f"stitch: {unlike(versions(), self.driver)}")


def unlike(worker: dict[str, str], driver: dict[str, str]) -> str:
    """A sentence about the first thing of which the two have different versions."""
    name = next(name for name in driver if worker.get(name) != driver[name])
    if name == "c360_assets":
        return "a worker has another version of this package than the machine that runs Stitch"
    return f"a worker has {name} {worker.get(name)}, the machine that runs Stitch {driver[name]}"


def _read(rows: pa.Table | pa.RecordBatch, schema: Schema) -> pl.DataFrame:
    with valueless("reading rows"):
        return from_wire(rows, schema)


def _sent(frame: pl.DataFrame) -> pa.Table:
    with valueless("returning rows"):
        return to_wire(frame)


def reporting(batches: Batches) -> Batches:
    """One row per batch with the versions of the worker, as texts."""
    for _ in batches:
        yield from pa.Table.from_pylist([versions()]).to_batches()


def mapped(call: Call, given: Schema) -> Callable[[Batches], Batches]:
    """The kernel on batches."""

    def on_batches(batches: Batches) -> Batches:
        for batch in batches:
            yield from _sent(call(_read(batch, given))).to_batches()

    return on_batches


def bucketed(
    calls: Sequence[Call], given: Schema, by: pl.Expr, buckets: int
) -> Callable[[Batches], Batches]:
    """What each of the kernels makes of batches, or the batches, with the bucket of each row."""

    def on_batches(batches: Batches) -> Batches:
        for batch in batches:
            rows = _read(batch, given)
            for frame in (call(rows) for call in calls) if calls else [rows]:
                with valueless("finding buckets"):
                    bucket = pl.Series(BUCKET, bucket_of(frame, by, buckets), dtype=pl.Int32)
                yield from _sent(frame.with_columns(bucket)).to_batches()

    return on_batches


def needs(batches: Batches) -> Batches:
    """`_bucket`, `i`: which records the pairs of each bucket name."""
    for batch in batches:
        pairs = pl.DataFrame(pl.from_arrow(batch))
        ends = [pairs.select(BUCKET, pl.col(end).alias(RECORD)) for end in PAIR]
        yield from to_wire(pl.concat(ends).unique()).to_batches()


def of_bucket(call: Call, given: Schema) -> Callable[[pa.Table], pa.Table]:
    """The kernel on all rows of a bucket."""

    def on_bucket(rows: pa.Table) -> pa.Table:
        return _sent(call(_read(rows, given)))

    return on_bucket


def of_two_buckets(
    call: Call, given: Schema, beside: Schema
) -> Callable[[pa.Table, pa.Table], pa.Table]:
    """The kernel on all pairs of a bucket and the records that they name."""

    def on_buckets(pairs: pa.Table, records: pa.Table) -> pa.Table:
        known = _read(records, beside).sort(RECORD)
        return _sent(call(_read(pairs, given), known))

    return on_buckets


def made_of_nothing(kernel: Kernel, *schemas: Schema) -> pl.Schema:
    """The columns that the kernel returns. Raises what the kernel raises whatever it is given."""
    return kernel(connection(), *(Side(pl.DataFrame(schema=schema)) for schema in schemas)).schema

"""The exchange of a cluster: rows are DataFrames of Spark, kernels Arrow functions in its workers.

DataFrame API alone, so that a classic session and Spark Connect do the same; no jar is needed.
Beginning and ending a session belongs to `warehouse.cluster`. What runs on a worker is `worker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from weakref import finalize

import polars as pl
from pyspark.sql import DataFrame

from c360_assets.errors import C360Error
from c360_assets.stitch.exchange import worker
from c360_assets.stitch.exchange.aside import set_aside
from c360_assets.stitch.exchange.rows import PAIR, RECORD, Exchange, Kernel, Rows
from c360_assets.stitch.exchange.wire import ddl, from_wire, to_wire
from c360_assets.stitch.exchange.worker import BUCKET, Call
from c360_assets.warehouse.cluster import PATIENCE, Cluster
from c360_assets.warehouse.cluster_errors import told

STAGE = "stitch"
ROWS_OF_BUCKET = 20_000  # so many records with their pairs fit a worker many times
PAIRS_OF_BUCKET = 400_000  # of pairs that are sent without their records, such as random ones
LEAST_BUCKETS = 2
SENT_ROWS = 50_000  # from this machine in one go; Spark Connect takes messages of 128 MiB
PROBES = 2  # tasks that tell their versions before the work; each worker compares them again
SETTINGS = {
    # Kernels run a statement for each comparison and strategy, whatever the rows of a batch.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
    # Rows go to a server of Spark Connect once. Below this, which is 64 MiB in Spark 4.0, they are
    # part of every question about them, and many parts are larger than a message may be.
    "spark.sql.session.localRelationCacheThreshold": str(2**20),
}


class OnSpark(Exchange):
    """Rows on a cluster; its session ends with this object. What this machine sets aside is below
    `folder`."""

    def __init__(self, cluster: Cluster, folder: Path | None = None) -> None:
        self.cluster = cluster
        self._folder = folder
        self.session = cluster.session
        self.buckets = LEAST_BUCKETS
        self._held: list[finalize[..., SparkRows]] = []
        for name, value in SETTINGS.items():
            self.session.conf.set(name, value)
        try:
            with told(STAGE, "reaching the workers"):
                self._refuse_other_versions()
        except C360Error:
            self.close()
            raise

    @classmethod
    def at_master(
        cls, master: str, *, folder: Path | None = None, patience: timedelta = PATIENCE
    ) -> OnSpark:
        """Through a classic session, as `Cluster.at_master` begins one."""
        cluster = Cluster.at_master(master, STAGE, folder=folder, patience=patience)
        return cls(cluster, folder)

    @classmethod
    def at_remote(cls, remote: str, *, patience: timedelta = PATIENCE) -> OnSpark:
        """Through Spark Connect."""
        return cls(Cluster.at_remote(remote, STAGE, patience=patience))

    def _refuse_other_versions(self) -> None:
        mine = worker.versions()
        rows = self.session.range(0, PROBES, 1, PROBES)
        columns = ddl(dict.fromkeys(mine, pl.String()))
        reported = rows.mapInArrow(worker.reporting, columns).distinct()
        for versions in self.cluster.waited(reported.toArrow).to_pylist():
            if versions != mine:
                raise C360Error(f"stitch: {worker.unlike(versions, mine)}")

    def spread(self, frame: pl.DataFrame) -> SparkRows:
        are_pairs = set(PAIR) <= set(frame.columns)
        self._fit_buckets(frame.height, PAIRS_OF_BUCKET if are_pairs else ROWS_OF_BUCKET)
        columns = ddl(frame.schema)
        with told(STAGE, "sending rows"):
            parts = [
                self.session.createDataFrame(to_wire(part), columns)
                for part in frame.iter_slices(SENT_ROWS)
            ]
        rows = parts[0] if parts else self.session.createDataFrame([], columns)
        for part in parts[1:]:
            rows = rows.unionAll(part)
        return self.held(rows, frame.schema)

    def set_aside(self, frame: pl.DataFrame) -> pl.DataFrame:
        return set_aside(frame, self._folder)

    def _fit_buckets(self, n_rows: int, most: int) -> None:
        """More buckets of at most so many rows, and as many tasks, for more rows."""
        self.buckets = max(self.buckets, -(-n_rows // most))
        self.session.conf.set("spark.sql.shuffle.partitions", str(self.buckets))

    def held(self, rows: DataFrame, schema: pl.Schema) -> SparkRows:
        """The rows, computed once, as long as somebody holds them. What a lost worker held Spark
        computes again."""
        with told(STAGE, "computing rows"):
            kept = rows.persist()
            self.cluster.waited(kept.count)
        held = SparkRows(self, kept, schema)
        self._held.append(finalize(held, _let_go, kept))
        return held

    def collected(self, rows: DataFrame, schema: pl.Schema) -> pl.DataFrame:
        with told(STAGE, "collecting rows"):
            return from_wire(self.cluster.waited(rows.toArrow), schema)

    def close(self) -> None:
        # A server of Spark Connect keeps rows beyond the session that asked for them.
        for let_go in self._held:
            let_go()
        self.cluster.close()


class SparkRows(Rows):
    """Rows of a DataFrame, and the types they have outside Spark."""

    def __init__(self, exchange: OnSpark, rows: DataFrame, schema: pl.Schema) -> None:
        self._exchange = exchange
        self._rows = rows
        self._schema = schema

    def map(self, kernel: Kernel) -> SparkRows:
        made = worker.made_of_nothing(kernel, self._schema)
        function = worker.mapped(_call(kernel), self._schema)
        return self._other(self._rows.mapInArrow(function, ddl(made)), made)

    def together(self, by: pl.Expr, kernel: Kernel, *, each: Sequence[Kernel] = ()) -> SparkRows:
        given = worker.made_of_nothing(each[0], self._schema) if each else self._schema
        made = worker.made_of_nothing(kernel, given)
        buckets = self._bucketed([_call(one) for one in each], given, by)
        function = worker.of_bucket(_call(kernel), given)
        return self._other(buckets.groupBy(BUCKET).applyInArrow(function, ddl(made)), made)

    def beside(self, records: Rows, kernel: Kernel) -> SparkRows:
        assert isinstance(records, SparkRows)
        known = records._schema
        made = worker.made_of_nothing(kernel, self._schema, known)
        pairs = self._bucketed([], self._schema, pl.col(RECORD))
        named = ddl({BUCKET: pl.Int32(), RECORD: known[RECORD]})
        needed = pairs.mapInArrow(worker.needs, named).distinct().join(records._rows, on=RECORD)
        function = worker.of_two_buckets(_call(kernel), self._schema, known)
        both = pairs.groupBy(BUCKET).cogroup(needed.groupBy(BUCKET))
        return self._other(both.applyInArrow(function, ddl(made)), made)

    def _bucketed(self, calls: Sequence[Call], made: pl.Schema, by: pl.Expr) -> DataFrame:
        """The rows, or what kernels make of them, with the bucket of each."""
        function = worker.bucketed(calls, self._schema, by, self._exchange.buckets)
        columns = ddl({**made, BUCKET: pl.Int32()})
        return self._rows.mapInArrow(function, columns)

    def with_more(self, more: Rows) -> SparkRows:
        assert isinstance(more, SparkRows)
        return self._other(self._rows.unionAll(more._rows), self._schema)

    def kept(self) -> SparkRows:
        return self._exchange.held(self._rows, self._schema)

    def count(self, by: Sequence[str]) -> pl.DataFrame:
        schema = pl.Schema({**{name: self._schema[name] for name in by}, "n": pl.Int64()})
        counted = self._rows.groupBy(*by).count().withColumnRenamed("count", "n")
        return self._exchange.collected(counted, schema).sort(by)

    def collect(self, order: Sequence[str]) -> pl.DataFrame:
        return self._exchange.collected(self._rows, self._schema).sort(order)

    def _other(self, rows: DataFrame, schema: pl.Schema) -> SparkRows:
        return SparkRows(self._exchange, rows, schema)


def _let_go(rows: DataFrame) -> None:
    # After a failure the cluster may be gone, and what failed first is what is told.
    with suppress(Exception):
        rows.unpersist()


def _call(kernel: Kernel) -> Call:
    return Call(kernel, worker.versions())

"""Rows of a SELECT computed by the workers of a cluster.

Workers read what the SELECT reads from tables of the warehouse, write its rows beside the files of
the table that gets them, and digest them; this machine adds up the digests, to the one that it
would have made. Which SQL that may be is `spark_choice`, what Spark runs `spark_sql`, what a worker
does with files `cluster_files`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa

from c360_assets.errors import C360Error
from c360_assets.warehouse.cluster_errors import fault_of_query, sentence
from c360_assets.warehouse.cluster_files import (
    ROWS,
    STAGE,
    UNSEEN,
    WRITTEN_DDL,
    Writing,
    reading,
    without_credentials,
)
from c360_assets.warehouse.cluster_place import ClusterPlace
from c360_assets.warehouse.delta import Content, DataFile, nothing, typed
from c360_assets.warehouse.digest import ENGINE, changed_digest, digest_sql
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.statement import DIALECT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from c360_assets.warehouse.cluster import Cluster
    from c360_assets.warehouse.spark_sql import Functions

ROWS_OF_TASK = 122_880  # a group of rows of a file, as DuckDB writes them
ROWS_OF_PART = 200_000  # rows that are read, for each part of what is sorted or grouped
SETTINGS = {
    # What cannot be cast is an error, as it is here, whatever a server has for its default.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
}
WHOLE = frozenset({"tinyint", "smallint", "int", "bigint"})


class NotThereError(Exception):
    """Spark cannot compute rows as this machine does; its text has no value of a row."""

    def told_of(self, table: str) -> str:
        """What to warn of where this machine has computed the table instead."""
        return f"{table} was computed on this machine and not on Spark: {self}"


@dataclass(frozen=True)
class StoredRows:
    """What a name in SQL stands for: the rows of a table of the warehouse that meet `condition`,
    by default all. Columns beside `read` need not be read; None: all are."""

    table: str
    read: Sequence[str] | None = None
    condition: str | None = None


@dataclass(frozen=True)
class ComputedRows:
    """What a name in SQL stands for: the rows of a SELECT over names before it."""

    sql: str


@dataclass(frozen=True)
class ClusterQuery:
    """A SELECT for DuckDB, whose rows become the content of `table`; `name` is what people call it.

    `names` are those that the SQL uses, each after what it reads; `functions` its own functions.
    """

    name: str
    table: str
    sql: str
    names: Mapping[str, StoredRows | ComputedRows]
    functions: Functions = field(default_factory=dict)


@contextmanager
def content_of_workers(
    session: Session,
    place: ClusterPlace,
    query: ClusterQuery,
    columns: Mapping[str, str],
    stored_as: Callable[[str], str] = "SELECT * FROM {}".format,
) -> Iterator[Content]:
    """The content that workers have written for the table, whose query has these `columns` as this
    machine would store them. What is stored of each row is the SELECT that `stored_as` makes over
    a FROM item, by default the row. Its files go where the block fails.

    Raises NotThereError where Spark refuses the query or makes other columns of it, C360Error
    where the cluster fails, which is then asked nothing more in this run.
    """
    stored = session.stored_columns(stored_as(f"({nothing(columns)})"))
    ((_, no_rows),) = session.rows(digest_sql(query.table, stored, f"({nothing(stored)})"))
    storage = session.warehouse.storage
    writing = Writing(
        query.table,
        without_credentials(storage.delta(query.table)),
        typed(stored, f"({stored_as(f'({typed(columns, ROWS)})')})"),
        stored,
        session.timezone,
        ENGINE,
    )
    try:
        cluster = place.kept(STAGE)
        is_remote = place.remote is not None
        written = _Work(session, query, cluster, is_remote=is_remote).written(columns, writing)
    except C360Error as error:
        place.give_up(str(error))
        raise
    content = content_told(written, stored, no_rows)
    try:
        refuse_unseen(session, query.table, content)
        yield content
    except BaseException:
        storage.remove([f"{query.table}/{name}" for name in content.names])
        raise


def refuse_unseen(session: Session, table: str, content: Content) -> None:
    """Raise C360Error where workers wrote into a folder that this machine does not see."""
    if session.warehouse.is_shared:
        return  # of a bucket nobody has another one by the same address
    folder = session.warehouse.path(table)
    for file in content.files:
        with suppress(FileNotFoundError):
            if (folder / file.name).stat().st_size == file.size:
                continue
        raise C360Error(f"{STAGE}: {UNSEEN}: what they wrote to {folder} is not there")


def content_told(written: pa.Table, columns: Mapping[str, str], no_rows: str) -> Content:
    """What workers tell of their files, as one. `no_rows` is the digest of no rows of the table."""
    files = written.select([field.name for field in fields(DataFile)]).to_pylist()
    digests = written.column("digest").to_pylist()
    digest = reduce(lambda known, more: changed_digest(known, no_rows, more), digests, no_rows)
    schemas = written.column("schema")
    schema = pa.ipc.read_schema(schemas[0].as_buffer()) if files else pa.schema([])
    return Content([DataFile(**file) for file in files], columns, digest, schema)


class _Work:
    """One query on a cluster."""

    def __init__(
        self, session: Session, query: ClusterQuery, cluster: Cluster, *, is_remote: bool
    ) -> None:
        self._session = session
        self._wanted = query
        self._cluster = cluster
        self._is_remote = is_remote
        self._held: list[DataFrame] = []

    def written(self, columns: Mapping[str, str], writing: Writing) -> pa.Table:
        """What workers tell (`WRITTEN`) of the files with the rows of the query, whose `columns`
        this machine knows."""
        wanted = self._wanted
        self._session.warehouse.path(wanted.table).mkdir(parents=True, exist_ok=True)
        with _answers(f"computing {wanted.name}"):
            self._set()
            for called, meant in wanted.names.items():
                self._name(called, meant)
            rows = self._answer(wanted.sql)
            _refuse_other_columns(columns, rows.dtypes)
            written = rows.toDF(*columns).mapInArrow(writing, WRITTEN_DDL)
            told = self._cluster.waited(written.toArrow)
            for rows_of_round in self._held:
                rows_of_round.unpersist()
        return told

    def _set(self) -> None:
        """The settings of the session for this query."""
        stored = [meant for meant in self._wanted.names.values() if isinstance(meant, StoredRows)]
        n_rows = sum(self._session.built(table).rows for table in {one.table for one in stored})
        settings = {
            **SETTINGS,
            "spark.sql.session.timeZone": self._session.timezone,
            "spark.sql.shuffle.partitions": str(1 + n_rows // ROWS_OF_PART),
        }
        for name, value in settings.items():
            self._cluster.session.conf.set(name, value)

    def _name(self, called: str, meant: StoredRows | ComputedRows) -> None:
        if isinstance(meant, ComputedRows):
            self._answer(meant.sql).createOrReplaceTempView(called)
            return
        rows = self._stored(meant)
        if meant.condition is None:
            rows.createOrReplaceTempView(called)
            return
        everything = f"_c360_all_{called}"
        rows.createOrReplaceTempView(everything)
        chosen = f"SELECT * FROM {quote_ident(everything)} WHERE {meant.condition}"
        self._rows_of(chosen).createOrReplaceTempView(called)

    def _answer(self, sql: str) -> DataFrame:
        """The rows of a SELECT; those of a recursive one are computed round after round here."""
        from c360_assets.warehouse.spark_recursion import recursion_in

        recursion = recursion_in(sql)
        if recursion is None:
            return self._rows_of(sql)
        if self._is_remote:
            raise NotThereError("it is recursive, and the session one of Spark Connect")
        latest = everything = self._kept(recursion.first)
        while self._cluster.waited(latest.count):
            latest.createOrReplaceTempView(recursion.name)
            latest = self._kept(recursion.further).toDF(*everything.columns)
            if latest.dtypes != everything.dtypes:
                raise NotThereError(f"further rows of {recursion.name} have other types there")
            everything = everything.unionAll(latest)
        everything.createOrReplaceTempView(recursion.name)
        return self._rows_of(recursion.whole)

    def _kept(self, sql: str) -> DataFrame:
        """The rows of a SELECT, computed once for all that is made of them. A checkpoint would cut
        off how, and through Spark Connect one was seen to wait for ever."""
        rows = self._rows_of(sql).persist()
        self._held.append(rows)
        return rows

    def _rows_of(self, sql: str) -> DataFrame:
        # SQLGlot is slow to import, and only clusters need it.
        from c360_assets.warehouse.spark_sql import spark_sql

        return self._cluster.session.sql(spark_sql(sql, self._wanted.functions))

    def _stored(self, meant: StoredRows) -> DataFrame:
        """The rows of a table of the warehouse; columns that are not read are empty."""
        state = self._session.built(meant.table)
        columns = list(state.columns)
        needed = columns if meant.read is None else meant.read
        place = without_credentials(self._session.warehouse.storage.delta(meant.table))
        tasks = 1 + state.rows // ROWS_OF_TASK
        rows = reading(place, state.version, columns, needed, tasks)
        numbers = self._cluster.session.range(0, tasks, 1, tasks)
        return numbers.mapInArrow(rows, _declared(meant.table, state.columns, needed))


def _declared(table: str, columns: Mapping[str, str], read: Sequence[str]) -> str:
    """The columns of a table as Spark declares them.

    Raises NotThereError for one that is read and has a type of DuckDB's own.
    """
    for name in read:
        if columns[name] == "JSON":
            raise NotThereError(f"column {name} of {table} is JSON")
    return ", ".join(
        f"`{name.replace('`', '``')}` {spark_type(type_)}" for name, type_ in columns.items()
    )


def spark_type(type_: str) -> str:
    """A type of a stored column, as Spark calls it."""
    from sqlglot import exp

    if type_ == "JSON":  # of which files hold the text
        return "string"
    named = exp.DataType.build(type_, dialect=DIALECT).sql(dialect="spark")
    return named.lower().replace(", ", ",").replace(": ", ":")


def _refuse_other_columns(here: Mapping[str, str], there: Sequence[tuple[str, str]]) -> None:
    """Raise NotThereError where columns are others on Spark or have other types: their values were
    computed in other ways.

    Whole numbers differ only in how large they may be. An expression without a name is called in
    each engine's own way.
    """
    names = [name for name, _ in there]
    unlike = {name for name, other in zip(here, names, strict=False) if name != other}
    if len(here) != len(names) or not unlike.isdisjoint(names):
        raise NotThereError("it has other columns there, or in another order")
    for (name, type_), (_, their_type) in zip(here.items(), there, strict=True):
        types = {spark_type(type_), their_type}
        if len(types) > 1 and not types <= WHOLE:
            raise NotThereError(f"column {name} is {type_} here and {their_type.upper()} there")


@contextmanager
def _answers(doing: str) -> Iterator[None]:
    """What Spark raises inside the block, as NotThereError where the query is at fault, else as
    C360Error; both without its text, which quotes values."""
    try:
        yield
    except (C360Error, NotThereError):
        raise
    except Exception as error:
        fault = fault_of_query(error)
        if fault is not None:
            raise NotThereError(f"it says {fault}") from None
        raise C360Error(sentence(STAGE, doing, error)) from None

"""Tables of the database computed by the workers of a cluster, where the setting `engine.tables`
says so.

Workers read what the SQL reads from the warehouse, and write the rows of the result beside the
files of its table; this machine makes a version of them, with the digest that it would have had
here. Which tables these are is `spark_choice`, their SQL `spark`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

from sqlglot import exp

from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.build import (
    TableWriter,
    Written,
    failure_named,
    prepare,
    write_here,
)
from c360_assets.customer_360.tables.databases import FILTER_TABLE, RECORDS, own_records
from c360_assets.customer_360.tables.graph import TableNode, reads
from c360_assets.customer_360.tables.references import DIALECT
from c360_assets.customer_360.tables.spark import spark_sql
from c360_assets.customer_360.tables.spark_choice import why_here
from c360_assets.errors import C360Error
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.cluster_errors import fault_of_query, sentence
from c360_assets.warehouse.cluster_files import reading, without_credentials, writing
from c360_assets.warehouse.cluster_place import ClusterPlace
from c360_assets.warehouse.delta import nothing, typed
from c360_assets.warehouse.locked_session import locked_session
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal, quote_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from c360_assets.warehouse.cluster import Cluster

STAGE = "database"
ROWS_OF_TASK = 122_880  # a group of rows of a file, as DuckDB writes them
ROWS_OF_PART = 200_000  # rows that are read, for each part of what is sorted or grouped
FILE = "name string, rows bigint"
SETTINGS = {
    # What cannot be cast is an error, as it is here, whatever a server has for its default.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
}
WHOLE = frozenset({"tinyint", "smallint", "int", "bigint"})


def writer_of(tenant: Tenant) -> TableWriter:
    """What computes and writes the tables of the tenant's database."""
    engine = tenant.config.engine
    is_here = engine.type == "local" or engine.tables == "none"
    return write_here if is_here else WriteOnSpark(tenant)


class NotThereError(Exception):
    """Spark cannot compute a table as this machine does; its text has no value of a row."""


class WriteOnSpark:
    """Writes each table through the workers of the tenant's cluster that they compute with the same
    result, others here."""

    def __init__(self, tenant: Tenant) -> None:
        engine = tenant.config.engine
        self._place = ClusterPlace.of(engine, duration(engine.wait), tenant.root)
        self._tables = engine.tables

    def __call__(self, session: Session, node: TableNode, as_of: date, mark: str) -> Written:
        """Raises C360Error as `write_here` does, and where the cluster fails."""
        schemas = {called: session.built(table).columns for called, table in node.binds}
        if node.core is not None:
            schemas[node.name] = _columns_here(session, node.core, as_of)
        if why_here(node, self._tables, schemas) is not None:
            return write_here(session, node, as_of, mark)
        try:
            return self._through_workers(session, node, as_of, mark), ()
        except NotThereError as error:
            state, warnings = write_here(session, node, as_of, mark)
            told = f"{node.name} was computed on this machine and not on Spark: {error}"
            return state, (*warnings, told)

    def _through_workers(
        self, session: Session, node: TableNode, as_of: date, mark: str
    ) -> TableState:
        columns = _columns_here(session, node, as_of)
        try:
            files = _Work(session, node, self._place.kept(STAGE)).files(columns, as_of)
        except C360Error as error:
            self._place.give_up(str(error))
            raise
        return _stored(session, node.table, files, columns, mark)


def _columns_here(session: Session, node: TableNode, as_of: date) -> dict[str, str]:
    """The columns of the table with their types, as this machine stores them.

    Raises C360Error where the SQL does not fit the tables.
    """
    with locked_session(session) as locked:
        prepare(locked, node, as_of)
        locked.lock()
        with failure_named(locked, node):
            return locked.stored_columns(node.sql)


def _stored(
    session: Session, table: str, files: Sequence[str], columns: dict[str, str], mark: str
) -> TableState:
    """The rows of files that workers wrote beside those of the table, as its content."""
    storage = session.warehouse.storage
    stored_names = [f"{table}/{name}" for name in files]
    storage.bring(stored_names)
    paths = ", ".join(quote_path(session.warehouse.path(table) / name) for name in files)
    source = f"read_parquet([{paths}])" if files else f"({nothing(columns)})"
    try:
        return session.write(table, typed(columns, source), fingerprint=mark, columns=columns)
    finally:
        storage.remove(stored_names)


class _Work:
    """One table on a cluster."""

    def __init__(self, session: Session, node: TableNode, cluster: Cluster) -> None:
        self._session = session
        self._node = node
        self._cluster = cluster

    def files(self, columns: Mapping[str, str], as_of: date) -> list[str]:
        """The names of files that hold the rows of the table, whose `columns` this machine knows.

        Raises NotThereError where Spark refuses the query or makes other columns of it, C360Error
        where the cluster fails.
        """
        node = self._node
        place = without_credentials(self._session.warehouse.storage.delta(node.table))
        self._session.warehouse.path(node.table).mkdir(parents=True, exist_ok=True)
        with _answers(f"computing {node.name}"):
            self._prepare(as_of)
            rows = self._query(node.sql)
            _refuse_other_columns(columns, rows.dtypes)
            written = rows.toDF(*columns).mapInArrow(writing(place), FILE)
            files = self._cluster.waited(written.toArrow)
        return sorted(files.column("name").to_pylist())

    def _prepare(self, as_of: date) -> None:
        """Settings, and the names that the SQL uses."""
        node, spark = self._node, self._cluster.session
        states = {table: self._session.built(table) for table in node.deps}
        parts = 1 + sum(state.rows for state in states.values()) // ROWS_OF_PART
        settings = {
            **SETTINGS,
            "spark.sql.session.timeZone": self._session.timezone,
            "spark.sql.shuffle.partitions": str(parts),
        }
        for name, value in settings.items():
            spark.conf.set(name, value)
        read = reads(node, {table: state.columns for table, state in states.items()})
        kept = dict(node.kept)
        self._name(RUN_CONTEXT, f"SELECT DATE '{as_of.isoformat()}' AS as_of")
        if node.key is not None:
            self._name(FILTER_TABLE, f"SELECT {quote_literal(node.key)} AS database_key")
            self._bind(node.unified, RECORDS, None, own_records(self._session, node.unified))
        for called, table in node.binds:
            self._bind(table, called, read.get(table), kept.get(called))
        if node.core is not None:
            self._name(node.name, node.core.sql)

    def _name(self, called: str, sql: str) -> None:
        """Give the rows of a SELECT for DuckDB a name."""
        self._query(sql).createOrReplaceTempView(called)

    def _query(self, sql: str) -> DataFrame:
        return self._cluster.session.sql(spark_sql(sql, self._node.home))

    def _bind(
        self, table: str, called: str, read: Sequence[str] | None, condition: str | None
    ) -> None:
        """Give a table of the warehouse a name, or those of its rows that meet the condition."""
        rows = self._rows_of(table, read)
        if condition is None:
            rows.createOrReplaceTempView(called)
            return
        everything = f"_c360_all_{called}"
        rows.createOrReplaceTempView(everything)
        self._name(called, f"SELECT * FROM {quote_ident(everything)} WHERE {condition}")

    def _rows_of(self, table: str, read: Sequence[str] | None) -> DataFrame:
        """A table of the warehouse; columns that are not read are empty."""
        state = self._session.built(table)
        columns = list(state.columns)
        needed = columns if read is None else read
        place = without_credentials(self._session.warehouse.storage.delta(table))
        tasks = 1 + state.rows // ROWS_OF_TASK
        rows = reading(place, state.version, columns, needed, tasks)
        numbers = self._cluster.session.range(0, tasks, 1, tasks)
        return numbers.mapInArrow(rows, _declared(table, state.columns, needed))


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

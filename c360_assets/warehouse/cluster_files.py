"""What workers of a cluster do with files of the warehouse: read the rows of a table as it is in a
version, and write rows as files of a table.

Functions here are sent to workers, which need this package. They know Arrow and Delta, and no
Spark. An error on a worker ends in logs and screens of the cluster, so that none carries a value.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from c360_assets.errors import C360Error
from c360_assets.warehouse.delta import DataFile, DeltaPlace, file_source, write_file
from c360_assets.warehouse.digest import ENGINE, digest_sql
from c360_assets.warehouse.sql_session import SqlSession

STAGE = "tables"  # the first word of what is said of a failure
Batches = Iterator[pa.RecordBatch]
ROWS = "_c360_rows"  # in SQL: the rows that a worker is given
# What `Writing` tells of a file: `DataFile`, its digest and the columns that it has.
WRITTEN = {
    "name": pa.string(),
    "rows": pa.int64(),
    "size": pa.int64(),
    "written": pa.int64(),
    "digest": pa.string(),
    "schema": pa.binary(),
}
WRITTEN_DDL = "name string, rows bigint, size bigint, written bigint, digest string, schema binary"
CHUNK = 1 << 20
# A worker has its own way to the bucket, as this machine has.
CREDENTIALS = frozenset({"aws_access_key_id", "aws_secret_access_key", "aws_session_token"})
UNSEEN = "workers must find the warehouse where this machine does, in a bucket or a shared folder"


def without_credentials(place: DeltaPlace) -> DeltaPlace:
    """The place as workers are told of it."""
    if place.options is None:
        return place
    options = {key: value for key, value in place.options.items() if key not in CREDENTIALS}
    return DeltaPlace(place.uri, options)


def reading(
    place: DeltaPlace, version: int, columns: Sequence[str], read: Sequence[str], tasks: int
) -> Callable[[Batches], Batches]:
    """From batches with the numbers of tasks (column `id`, from 0 to `tasks`) to the rows of each:
    all `columns` of the table, of which those that are not `read` hold NULL."""

    def on_batches(batches: Batches) -> Batches:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                with valueless(f"reading {place.uri}", UNSEEN):
                    yield from _rows_of_task(place, version, columns, read, (number, tasks))

    return on_batches


def _rows_of_task(
    place: DeltaPlace,
    version: int,
    columns: Sequence[str],
    read: Sequence[str],
    share: tuple[int, int],
) -> Batches:
    stored, batches = _batches_of_task(place, version, read, share)
    types = {column: stored.field(column).type for column in columns}
    for batch in batches:
        values = [
            batch.column(column) if column in read else pa.nulls(batch.num_rows, type_)
            for column, type_ in types.items()
        ]
        yield pa.RecordBatch.from_arrays(values, names=list(columns))


def rows_of_task(
    place: DeltaPlace, version: int, read: Sequence[str], share: tuple[int, int]
) -> pa.Table:
    """The columns `read` of the rows of one task: its `share` is (number, number of tasks)."""
    stored, batches = _batches_of_task(place, version, read, share)
    return pa.Table.from_batches(batches, pa.schema([stored.field(column) for column in read]))


def _batches_of_task(
    place: DeltaPlace, version: int, read: Sequence[str], share: tuple[int, int]
) -> tuple[pa.Schema, Batches]:
    """The types of all columns of the table, and the columns `read` of the rows of a task."""
    number, tasks = share
    stored = place.open(version).to_pyarrow_dataset()
    groups = [
        group for fragment in stored.get_fragments() for group in fragment.split_by_row_group()
    ]
    batches = (
        batch
        for group in groups[number::tasks]
        for batch in group.to_batches(schema=stored.schema, columns=list(read))
    )
    return stored.schema, batches


@dataclass(frozen=True)
class Writing:
    """How workers write the rows that they are given: in DuckDB, as this machine writes a table.

    `sql` is a SELECT over `ROWS`, row by row, whose `columns` have the types as stored; `engine`
    is what digests of this machine end in."""

    table: str
    place: DeltaPlace
    sql: str
    columns: Mapping[str, str]
    timezone: str
    engine: str

    def __call__(self, batches: Batches) -> Batches:
        """From batches of rows to the file beside those of the table that holds them, which is of
        no version (`WRITTEN`); none where there are no rows. What failed half-way is for `tidy`."""
        if self.engine != ENGINE:
            raise C360Error(f"{STAGE}: a worker makes digests as {ENGINE}, not as {self.engine}")
        with valueless(f"writing to {self.place.uri}", UNSEEN):
            some = (batch for batch in batches if batch.num_rows)
            for first in some:
                yield self._written(first.schema, chain([first], some))

    def _written(self, schema: pa.Schema, batches: Batches) -> pa.RecordBatch:
        with _folder_of(self.place) as folder, duckdb.connect(config={"threads": 1}) as con:
            session = SqlSession(con, self.timezone)
            con.register(ROWS, pa.RecordBatchReader.from_batches(schema, batches))
            file = write_file(con, self.table, folder, self.sql)
            stored = file_source(self.columns, [str(file)])
            ((rows, digest),) = session.rows(digest_sql(self.table, self.columns, stored))
            _put(self.place, file)
            facts = asdict(DataFile.of(file, rows))
            schema_of_file = pq.read_schema(file).serialize().to_pybytes()
        told = {**facts, "digest": digest, "schema": schema_of_file}
        return pa.RecordBatch.from_pylist([told], schema=pa.schema(WRITTEN))


@contextmanager
def _folder_of(place: DeltaPlace) -> Iterator[Path]:
    """The folder of this machine where a file of the table is written: that of the table, or one
    that goes when the file is in the bucket. What a killed worker leaves there goes with its
    shuffled rows."""
    if place.options is None:
        if not Path(place.uri).is_dir():
            raise C360Error("there is no such folder")
        yield Path(place.uri)
        return
    of_worker = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0]
    with TemporaryDirectory(dir=of_worker or None) as folder:
        yield Path(folder)


def _put(place: DeltaPlace, file: Path) -> None:
    """Have a file of this machine in the bucket of the table."""
    if place.options is None:
        return
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    bucket = PyFileSystem(DeltaStorageHandler(place.uri, place.options, None))
    with (
        file.open("rb") as here,
        bucket.open_output_stream(file.name) as there,
        # It takes bytes, and is given them only by a buffer that is larger than each chunk.
        pa.BufferedOutputStream(there, 2 * CHUNK) as buffered,
    ):
        shutil.copyfileobj(here, buffered, CHUNK)
    if bucket.get_file_info(file.name).size != file.stat().st_size:
        raise C360Error("not all of a file has arrived")


@contextmanager
def valueless(doing: str, hint: str = "") -> Iterator[None]:
    """What is raised inside the block as a C360Error, whose text has no value of a row."""
    begin = f"{STAGE}: {hint}: {doing} failed" if hint else f"{STAGE}: {doing} failed"
    try:
        yield
    except C360Error as error:
        raise C360Error(f"{begin}: {error}") from None
    except Exception as error:
        raise C360Error(f"{begin} ({type(error).__name__})") from None

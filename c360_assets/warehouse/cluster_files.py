"""What workers of a cluster do with files of the warehouse: read the rows of a table as it is in a
version, and write rows aside.

Functions here are sent to workers, which need this package. They know Arrow and Delta, and no
Spark. An error on a worker ends in logs and screens of the cluster, so that none carries a value.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from c360_assets.errors import C360Error
from c360_assets.warehouse.delta import DeltaPlace

STAGE = "tables"  # the first word of what is said of a failure
Batches = Iterator[pa.RecordBatch]
WRITTEN = {"name": pa.string(), "rows": pa.int64()}  # what `writing` tells of a file
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


def writing(place: DeltaPlace) -> Callable[[Batches], Batches]:
    """From batches of rows to the file beside those of the table that holds them, which is of no
    version: its name and number of rows. What failed half-way is for `tidy`."""

    def on_batches(batches: Batches) -> Batches:
        with valueless(f"writing to {place.uri}", UNSEEN):
            yield from _written(place, batches)

    return on_batches


def _written(place: DeltaPlace, batches: Batches) -> Batches:
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    folder = PyFileSystem(DeltaStorageHandler(place.uri, place.options, None))
    name = f"part-{uuid.uuid4().hex}.parquet"
    rows = 0
    writer = None
    for batch in batches:
        if writer is None:
            writer = pq.ParquetWriter(name, batch.schema, filesystem=folder)
        writer.write_batch(batch)
        rows += batch.num_rows
    if writer is not None:
        writer.close()
        told = {"name": [name], "rows": [rows]}
        yield pa.RecordBatch.from_pydict(told, schema=pa.schema(WRITTEN))


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

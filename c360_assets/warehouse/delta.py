"""One Delta table as files: DuckDB writes the Parquet file, a commit to the table's log makes it
the whole content.

DuckDB writes on all cores and in row groups that it reads on all cores again; Delta's own writer
does neither. Which version is current, and what tables hold, belongs to `session` and `manifest`.
"""

from __future__ import annotations

import errno
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import WAREHOUSE
from c360_assets.warehouse.remote_failures import bucket_failure
from c360_assets.warehouse.sealed_files import seal
from c360_assets.warehouse.sql import quote_ident, quote_literal, quote_path

# Types that Delta cannot hold, and what they are stored as.
STORED_AS = {
    "HUGEINT": "BIGINT",
    "UBIGINT": "BIGINT",
    "UINTEGER": "BIGINT",
    "USMALLINT": "INTEGER",
    "UTINYINT": "SMALLINT",
    '"NULL"': "VARCHAR",
    "UUID": "VARCHAR",
    "TIMESTAMP": "TIMESTAMPTZ",
    "TIMESTAMP_S": "TIMESTAMPTZ",
    "TIMESTAMP_MS": "TIMESTAMPTZ",
    "TIMESTAMP_NS": "TIMESTAMPTZ",
    "TIMESTAMPTZ_NS": "TIMESTAMPTZ",
}
# Types that Delta has no name for and that are stored as no other: to write one fails, or what is
# read back is another value.
_NOT_STORED = re.compile(r"(TIME|TIME WITH TIME ZONE|TIMETZ|TIME_NS|INTERVAL|BIT|UNION\(.*)")
# As fast as Snappy, in a fraction of the space. Looking for a dictionary in columns that have none
# takes a sixth of the time.
FILE = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 10000"
CONFIGURATION: dict[str, str | None] = {
    "delta.deletedFileRetentionDuration": "interval 14 days",
    "delta.logRetentionDuration": "interval 30 days",
}


@dataclass(frozen=True)
class DeltaPlace:
    """Where a Delta table is: its folder or address, and for a bucket what `deltalake` must know of
    it, credentials among it."""

    uri: str
    options: dict[str, str] | None = field(default=None, repr=False)

    def open(self, version: int | None = None) -> DeltaTable:
        """Raises DeltaError where there is no such table or version, C360Error where its bucket
        does not answer."""
        try:
            return DeltaTable(self.uri, version=version, storage_options=self.options)
        except OSError as error:
            if self.options is None:
                raise
            raise bucket_failure(WAREHOUSE, self.uri, error) from None


@dataclass(frozen=True)
class DataFile:
    """A data file beside those of its table: its rows, its bytes, and when it was written, in
    milliseconds since 1970."""

    name: str
    rows: int
    size: int
    written: int

    @classmethod
    def of(cls, file: Path, rows: int) -> DataFile:
        facts = file.stat()
        return cls(file.name, rows, facts.st_size, facts.st_mtime_ns // 1_000_000)


@dataclass(frozen=True)
class Content:
    """The whole content of a table in data files of no version, none where it has no rows.

    `columns` maps column to type, `digest` is that of the content, `schema` that of the files."""

    files: Sequence[DataFile]
    columns: Mapping[str, str]
    digest: str
    schema: pa.Schema

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def names(self) -> list[str]:
        return sorted(file.name for file in self.files)


def stored_type(type_: str) -> str:
    """The DuckDB type under which a column of `type_` is stored.

    The values of an ENUM are data: they are no type's name.
    """
    return "VARCHAR" if type_.startswith("ENUM(") else STORED_AS.get(type_, type_)


def not_stored(columns: Mapping[str, str]) -> list[str]:
    """A sentence for each of `columns` (name -> DuckDB type) that no table can hold."""
    return [
        f"column {column} is {type_}, which no table can hold: cast it"
        for column, type_ in columns.items()
        if _NOT_STORED.fullmatch(type_)
    ]


def typed(columns: Mapping[str, str], source: str) -> str:
    """A SELECT of `columns` (name -> type), cast, from the FROM item `source`."""
    casts = [
        f"CAST({quote_ident(column)} AS {type_}) AS {quote_ident(column)}"
        for column, type_ in columns.items()
    ]
    return f"SELECT {', '.join(casts)} FROM {source}"


def nothing(columns: Mapping[str, str]) -> str:
    """A SELECT of `columns` without rows."""
    nulls = [f"CAST(NULL AS {type_}) AS {quote_ident(name)}" for name, type_ in columns.items()]
    return f"SELECT {', '.join(nulls)} WHERE false"


def data_files(place: DeltaPlace, version: int) -> list[str]:
    """The names of the data files of a Delta table in `version`, sorted.

    Not `file_uris`: a URI encodes blanks, accents and `#` of the folders above, and names no file.
    Raises C360Error where the log does not know the version.
    """
    try:
        return _names(place.open(version))
    except (DeltaError, OSError) as error:
        raise C360Error(
            f"{place.uri} has no version {version} ({type(error).__name__}): put back that folder "
            "of your last copy, then run again; what is published stays"
        ) from None


def _names(table: DeltaTable) -> list[str]:
    # Not by way of a table of pyarrow, which imports pandas to see whether it is given a frame.
    return sorted(table.get_add_actions(flatten=True)["path"].to_pylist())


def file_source(columns: Mapping[str, str], files: list[str]) -> str:
    """A FROM item over `columns` of data files.

    Files from before a column was added show NULL in it.
    """
    if not files:
        return f"({nothing(columns)})"
    paths = ", ".join(quote_path(file) for file in files)
    return f"({typed(columns, f'read_parquet([{paths}], union_by_name=true)')})"


def blank_columns(files: list[str]) -> frozenset[str]:
    """Columns of data files that hold nothing but NULL, as their footers say."""
    value_counts: Counter[str] = Counter()
    for file in files:
        footer = pq.read_metadata(file)
        for group_number in range(footer.num_row_groups):
            group = footer.row_group(group_number)
            for column_number in range(group.num_columns):
                chunk = group.column(column_number)
                # Without statistics nothing is known, so every row counts as a value.
                nulls = chunk.statistics.null_count if chunk.statistics is not None else 0
                value_counts[chunk.path_in_schema] += group.num_rows - nulls
    return frozenset(column for column, count in value_counts.items() if count == 0)


def write_file(con: duckdb.DuckDBPyConnection, table: str, path: Path, query: str) -> Path:
    """The rows of `query` as a new data file below `path`, of no version until `commit` names it.

    Raises C360Error when it cannot be written; what DuckDB says about the query itself passes.
    """
    file = path / f"part-{uuid.uuid4().hex}.parquet"
    try:
        with _storage_errors(table):
            path.mkdir(parents=True, exist_ok=True)
            con.execute(f"COPY ({query}) TO {quote_literal(str(file))} ({FILE})").fetchall()
            file = seal(file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return file


def commit(
    table: str, place: DeltaPlace, files: Sequence[DataFile], columns: pa.Schema, run_id: str
) -> int:
    """Make new data `files`, which have these `columns`, the whole content of the Delta table at
    `place`, where they already are. A table without rows has none.

    Returns its version.
    """
    # In Delta too every column may be NULL, whatever this content holds.
    schema = Schema.from_arrow(pa.schema([field.with_nullable(True) for field in columns]))
    added = [_added(file) for file in files]
    names = {file.name for file in files}
    properties = CommitProperties(custom_metadata={"c360.run_id": run_id})
    with _storage_errors(table, place):
        stored = _opened(place)
        if stored is not None:
            stored.create_write_transaction(
                [*added], "overwrite", schema, commit_properties=properties
            )
        else:
            create_table_with_add_actions(
                place.uri,
                schema,
                added,
                configuration=CONFIGURATION,
                storage_options=place.options,
                commit_properties=properties,
            )
        committed = place.open()
        # In a bucket a run that lost its lease may have committed since; its version is not named.
        while place.options and not names.issubset(_names(committed)):
            committed.load_as_version(committed.version() - 1)
        return committed.version()


def _added(file: DataFile) -> AddAction:
    return AddAction(
        path=file.name,
        size=file.size,
        partition_values={},
        modification_time=file.written,
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _opened(place: DeltaPlace) -> DeltaTable | None:
    """The table; None where there is none yet.

    Not asked by `is_deltatable`, which lets no other thread work while it waits for a bucket.
    """
    try:
        return place.open()
    except TableNotFoundError:
        return None


@contextmanager
def _storage_errors(table: str, place: DeltaPlace | None = None) -> Iterator[None]:
    """Turn failures of storage into a C360Error; their texts may quote values."""
    try:
        yield
    except (DeltaError, OSError, duckdb.IOException) as error:
        unwritten = f"table {table} could not be written, and stays as it was"
        if _is_disk_full(error):
            reason = "the disk is full: make room"
        elif place is not None and place.options is not None:
            failure = bucket_failure(WAREHOUSE, place.uri, error)
            raise C360Error(f"{unwritten}: {failure}") from None
        elif place is not None and isinstance(error, DeltaError):
            reason = (
                f"{type(error).__name__}: {place.uri}/_delta_log is damaged or may not be written "
                "to: see to its permissions, or put that folder back from your last backup"
            )
        else:
            reason = f"{type(error).__name__}: check the disk and its permissions"
        raise C360Error(f"{unwritten} ({reason}, then run again)") from None


def _is_disk_full(error: Exception) -> bool:
    # Only an OSError has the number; DuckDB and Delta write it into their texts, each in its way.
    if getattr(error, "errno", None) == errno.ENOSPC:
        return True
    text = str(error)
    return "os error 28" in text or "No space left" in text

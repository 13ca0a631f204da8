"""Versions of the Delta tables of a lake: a commit makes files that are there the whole content.

Nothing of the rows stands in a table's log: its entries say how many rows a file has, and no
values. Files and the pointer are `published_lake`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from c360_assets.warehouse.lake_document import LakeTable
from c360_assets.warehouse.lake_storage import LakeStorage

# A publication names a version for as long as it is kept; which files go is not for others to say.
CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 3650 days",
}


def is_head(storage: LakeStorage, table: LakeTable) -> bool:
    """Whether the newest version of a Delta table is the one that a publication names."""
    if table.version is None:
        return False
    head = _opened(storage, table.path)
    return head is not None and head.version() == table.version


def make_head(storage: LakeStorage, table: LakeTable) -> LakeTable:
    """Commit the files of `table` as the newest version of its Delta table; the table with its
    version."""
    head = _opened(storage, table.path)
    footers = [storage.footer(file) for file in table.files]
    schema = _schema(footers[0].schema, table)
    if head is not None and _shows(head, table, schema):
        return replace(table, version=head.version())
    actions = [
        AddAction(
            path=file.rpartition("/")[2],
            size=footer.size,
            partition_values={},
            modification_time=0,
            data_change=True,
            stats=json.dumps({"numRecords": footer.rows}),
        )
        for file, footer in zip(table.files, footers, strict=True)
    ]
    uri = storage.table_uri(table.path)
    try:
        if head is None:
            create_table_with_add_actions(
                uri,
                schema,
                [*actions],
                name=table.table,
                description=table.description or None,
                configuration=CONFIGURATION,
                storage_options=storage.options,
            )
            version = 0
        else:
            head.create_write_transaction([*actions], "overwrite", schema)
            head.update_incremental()
            version = head.version()
        storage.make_private(f"{table.path}/_delta_log")
        return replace(table, version=version)
    except (DeltaError, OSError) as error:
        raise storage.failure(table.path, error) from None


def _shows(head: DeltaTable, table: LakeTable, schema: Schema) -> bool:
    """Whether a version has these files; their columns may be described in other words by now."""
    return _files(head) == _names(table) and head.schema().to_json() == schema.to_json()


def _names(table: LakeTable) -> set[str]:
    return {file.rpartition("/")[2] for file in table.files}


def _files(table: DeltaTable) -> set[str]:
    return set(table.get_add_actions(flatten=True)["path"].to_pylist())


def _schema(stored: pa.Schema, table: LakeTable) -> Schema:
    """The columns of a table as its files have them, each with its description; in Delta too every
    one may be NULL."""
    described = {column.name: column.description for column in table.columns}
    fields = []
    for field in stored:
        text = described.get(field.name, "")
        metadata = {"comment": text} if text else None
        fields.append(field.with_nullable(True).with_metadata(metadata))
    return Schema.from_arrow(pa.schema(fields))


def named_by_heads(storage: LakeStorage, files: Iterable[str]) -> set[str]:
    """Those of the files that the newest version of their Delta table names."""
    named: set[str] = set()
    for folder in sorted({file.rpartition("/")[0] for file in files}):
        head = _opened(storage, folder)
        if head is not None:
            named |= {f"{folder}/{name}" for name in _files(head)}
    return named


def _opened(storage: LakeStorage, folder: str) -> DeltaTable | None:
    """The Delta table in a folder; None where there is none yet.

    Not asked by `is_deltatable`, which lets no other thread work while it waits for a bucket.
    """
    try:
        return DeltaTable(storage.table_uri(folder), storage_options=storage.options)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise storage.failure(folder, error) from None

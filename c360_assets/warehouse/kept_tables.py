"""Tables of the last published file that stand in the next one as they are.

From one day to the next most of a database does not change. The next file begins as a copy of the
last one, in which what has changed is dropped and written again into the blocks that this frees;
blocks that stay free are emptied, so that no row that was replaced can be read from the file. What
has changed, and what the tables hold, is decided by the caller.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

# Of a DuckDB file: three headers, then blocks of one size.
HEADER_BYTES = 3 * 4096
# Blocks that are free may be so many of those in use: a file built whole has next to none.
MOST_FREE = 0.15
READ_BYTES = 1 << 20
TableName = tuple[str, str]  # schema and name


@dataclass(frozen=True)
class Earlier:
    """The published file as it was left, and what each of its tables was written from.

    `marks` maps schema and name to what the caller said of the content.
    """

    path: Path
    inode: int
    size: int
    changed_ns: int
    checksum: int
    marks: Mapping[TableName, str]

    @classmethod
    def of(cls, path: Path, marks: Mapping[TableName, str]) -> Earlier:
        """`path` as it is now."""
        stat = path.stat()
        checksum = _checksum(path)
        return cls(path, stat.st_ino, stat.st_size, stat.st_mtime_ns, checksum, marks)

    def copied_to(self, aside: Path) -> bool:
        """Begin the next file as a copy of this one; False where nothing can be begun with it:
        somebody replaced the file or wrote to it, or the disk does not give back what it was given.

        It is known by its content: a tenant whose folder was moved or put back goes on with it.
        """
        if not self._has_its_size():
            return False
        shutil.copyfile(self.path, aside)
        return _checksum(aside) == self.checksum

    def _has_its_size(self) -> bool:
        try:
            return self.path.stat().st_size == self.size
        except FileNotFoundError:
            return False


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum


def keep_tables(
    session: Session, database: str, unchanged: Collection[TableName]
) -> set[TableName]:
    """Drop all of the attached `database` but tables named in `unchanged`; returns those that stay.

    A table that shares a block with one that goes cannot stay: the block would hold its rows.
    """
    tables = _tables(session, database)
    blocks = {table: _blocks(session, database, table) for table in tables}
    staying = set(unchanged) & set(tables)
    while True:
        going = set().union(*(blocks[table] for table in tables if table not in staying))
        sharing = {table for table in staying if blocks[table] & going}
        if not sharing:
            break
        staying -= sharing
    for kind, schema, name in _other_objects(session, database):
        session.execute(f"DROP {kind} {database}.{quote_ident(schema)}.{quote_ident(name)}")
    for schema, name in tables:
        if (schema, name) not in staying:
            session.execute(f"DROP TABLE {database}.{quote_ident(schema)}.{quote_ident(name)}")
    for schema in {schema for schema, _ in tables} - {schema for schema, _ in staying} - {"main"}:
        session.execute(f"DROP SCHEMA {database}.{quote_ident(schema)}")
    session.execute(f"CHECKPOINT {database}")  # now what they were in can be written to
    return staying


def empty_free_blocks(session: Session, path: Path) -> bool:
    """Write zeros over all blocks of the database at `path` that no table uses.

    False, with nothing written, where a file built whole is to be preferred: too much of this one
    is free, or it is laid out otherwise than is known here.
    """
    name = "_c360_emptied"
    session.execute(f"ATTACH {quote_literal(str(path))} AS {name} (READ_ONLY)")
    try:
        block_size, total, free = _sizes(session, name)
        used = set().union(*(_blocks(session, name, table) for table in _tables(session, name)))
        used |= {
            row[0]
            for row in session.rows(
                f"SELECT block_id FROM pragma_metadata_info({quote_literal(name)})"
            )
        }
    finally:
        session.execute(f"DETACH {name}")
    unused = sorted(set(range(total)) - used)
    is_as_known = path.stat().st_size == HEADER_BYTES + total * block_size
    if not is_as_known or len(unused) != free or free > MOST_FREE * len(used):
        return False
    with path.open("r+b") as file:
        for block in unused:
            file.seek(HEADER_BYTES + block * block_size)
            file.write(bytes(block_size))
    return True


def _sizes(session: Session, database: str) -> tuple[int, int, int]:
    """Bytes of a block, how many blocks there are, how many of them are free."""
    ((block_size, total, free),) = session.rows(
        "SELECT block_size, total_blocks, free_blocks FROM pragma_database_size() "
        f"WHERE database_name = {quote_literal(database)}"
    )
    return int(block_size), int(total), int(free)


def _tables(session: Session, database: str) -> list[TableName]:
    return [
        (schema, name)
        for schema, name in session.rows(
            "SELECT schema_name, table_name FROM duckdb_tables() "
            f"WHERE database_name = {quote_literal(database)} ORDER BY ALL"
        )
    ]


def _blocks(session: Session, database: str, table: TableName) -> set[int]:
    """The blocks that hold rows of a table."""
    full_name = ".".join([quote_ident(database), *map(quote_ident, table)])
    rows = session.rows(
        "SELECT DISTINCT unnest(list_append(coalesce(additional_block_ids, []), block_id)) "
        f"FROM pragma_storage_info({quote_literal(full_name)})"
    )
    return {block for (block,) in rows if block is not None and block >= 0}


def _other_objects(session: Session, database: str) -> list[tuple[str, str, str]]:
    """Kind, schema and name of views and macros: they are made anew, at no cost."""
    of_database = f"database_name = {quote_literal(database)} AND NOT internal"
    rows = session.rows(
        f"SELECT 'VIEW', schema_name, view_name FROM duckdb_views() WHERE {of_database} UNION "
        "SELECT if(function_type = 'table_macro', 'MACRO TABLE', 'MACRO'), schema_name, "
        f"function_name FROM duckdb_functions() WHERE {of_database}"
    )
    return [(str(kind), str(schema), str(name)) for kind, schema, name in rows]

"""One unit of work on a tenant's warehouse: run SQL, read tables at their pinned version, write
whole tables, commit.

The only module that knows which engine runs the SQL and how tables are stored. Library functions
take a `Session`; they never open a connection. What tables mean belongs to the stages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from c360_assets.errors import C360Error
from c360_assets.warehouse.delta import (
    Content,
    DataFile,
    blank_columns,
    commit,
    data_files,
    file_source,
    nothing,
    stored_type,
    typed,
    write_file,
)
from c360_assets.warehouse.digest import changed_digest, digest_rows, digest_sql, is_comparable
from c360_assets.warehouse.files import private_folder as private_folder
from c360_assets.warehouse.files import working_folder
from c360_assets.warehouse.manifest import Manifest, TableState
from c360_assets.warehouse.readers import reading
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.sql_session import SqlSession
from c360_assets.warehouse.storage import BucketStorage, Storage, storage_of


class Warehouse:
    """Delta tables, and the manifest that names their current versions.

    `root` is the folder of their data files on this machine.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.root = storage.root
        self.manifest = storage.load()
        # Data files of versions that were asked for: a version never changes, and to read a table's
        # log takes milliseconds.
        self._files: dict[tuple[str, int], list[str]] = {}

    @classmethod
    def open(cls, root: Path) -> Warehouse:
        """The warehouse of the tenant whose folder `warehouse/` is `root`, which may keep it in a
        bucket.

        Raises C360Error where it is damaged, or cannot be reached.
        """
        return cls(storage_of(root))

    @property
    def is_shared(self) -> bool:
        """Whether other machines may write it too."""
        return isinstance(self.storage, BucketStorage)

    def reload(self) -> None:
        self.manifest = self.storage.load()

    def save(self, manifest: Manifest) -> None:
        """Make the manifest the current one, in place of the one that was loaded last."""
        self.storage.save(manifest)
        self.manifest = manifest

    def state(self, table: str) -> TableState | None:
        return self.manifest.tables.get(table)

    def path(self, table: str) -> Path:
        path = (self.root / table).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise C360Error(f"table name {table!r} leaves the warehouse folder")
        return path

    def source(self, table: str, state: TableState) -> str:
        """A FROM item over `table` at exactly the version of `state`."""
        return file_source(state.columns, self.files(table, state))

    def files(self, table: str, state: TableState) -> list[str]:
        """The data files of `table` at exactly the version of `state`, on this machine."""
        return self._brought(table, self.file_names(table, state))

    def content_source(self, table: str, content: Content) -> str:
        """A FROM item over rows that others wrote for the table."""
        return file_source(content.columns, self._brought(table, content.names))

    def _brought(self, table: str, names: list[str]) -> list[str]:
        """Data files of the table by their names, on this machine."""
        self.storage.bring([f"{table}/{name}" for name in names])
        folder = self.path(table)
        return [str(folder / name) for name in names]

    def file_names(self, table: str, state: TableState) -> list[str]:
        """Their names, sorted."""
        if not state.rows:
            return []
        if state.files is not None:
            return state.files
        version = (table, state.version)
        if version not in self._files:
            self._files[version] = data_files(self.storage.delta(table), state.version)
        return self._files[version]

    def bring_all(self) -> None:
        """Have every data file of the current versions on this machine."""
        names = [
            f"{table}/{name}"
            for table, state in self.manifest.tables.items()
            for name in self.file_names(table, state)
        ]
        self.storage.bring(names)

    def add_version(self, table: str, file: Path, rows: int, run_id: str) -> int:
        """Make a new data file the whole content of a table; returns its version, which is current
        once a manifest names it."""
        added = [DataFile.of(file, rows)] if rows else []
        self.storage.put([f"{table}/{one.name}" for one in added])
        schema = pq.read_schema(file)
        version = commit(table, self.storage.delta(table), added, schema, run_id)
        if not added:
            file.unlink()
        return version


class Session(SqlSession):
    """SQL over a warehouse in one DuckDB connection, whose `TimeZone` is the tenant's."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        warehouse: Warehouse,
        timezone: str = "UTC",
        run_id: str = "",
    ) -> None:
        super().__init__(con, timezone)
        self.warehouse = warehouse
        self.run_id = run_id
        self.pending: dict[str, TableState] = {}

    @contextmanager
    def beside(self) -> Iterator[Session]:
        """A session for another thread, on a connection of its own to the same engine.

        It sees the same versions, pending ones too, and the same attached databases; temporary
        objects are each session's own.
        """
        with self.con.cursor() as con:
            other = Session(con, self.warehouse, self.timezone, self.run_id)
            other.pending = self.pending
            yield other

    def state(self, table: str) -> TableState | None:
        """What this session sees: its own uncommitted write, else the manifest's version."""
        return self.pending.get(table) or self.warehouse.state(table)

    def built(self, table: str) -> TableState:
        """The state of a table. Raises C360Error when it has not been built."""
        state = self.state(table)
        if state is None:
            raise C360Error(f"table {table} has not been built yet; run `c360 run` first")
        return state

    def in_memory(self, table: str) -> pa.Table | None:
        """The rows of a table that this session holds in memory and not in files, as a dry run
        does."""
        return None

    def blank_columns(self, table: str) -> frozenset[str]:
        """Columns of a built table known to hold nothing but NULL."""
        state = self.state(table)
        return (
            blank_columns(self.warehouse.files(table, state)) if state is not None else frozenset()
        )

    def bind(self, table: str, as_name: str | None = None) -> None:
        """A temporary view over `table` at its pinned version, named by its last part unless
        `as_name` is given.

        Raises C360Error when the table has not been built.
        """
        state = self.built(table)
        name = quote_ident(as_name or table.rsplit("/", 1)[-1])
        self.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS "
            f"SELECT * FROM {self.warehouse.source(table, state)}"
        )

    def write(
        self,
        table: str,
        source: str | pl.DataFrame,
        *,
        fingerprint: str = "",
        figures: Mapping[str, Any] | None = None,
        columns: dict[str, str] | None = None,
    ) -> TableState:
        """Write the whole content of `table` as one atomic Delta version and remember it until
        `commit`.

        `source` is a SELECT or a frame; `columns` are the types of its columns as stored, where
        they are not those that it tells. Columns whose type Delta lacks are stored as
        `delta.stored_type` says. When the content equals the pinned version's, nothing is written
        and that version is named again.
        """
        is_frame = isinstance(source, pl.DataFrame)
        if isinstance(source, pl.DataFrame):
            self.register("_c360_frame", source)
            source = "SELECT * FROM _c360_frame"
        columns = columns or self.stored_columns(source)
        path = self.warehouse.path(table)
        before = self.state(table)
        select = typed(columns, f"({source})")
        # Rows in memory are looked at before they are written; those of a SELECT are written first,
        # as it is to run once.
        file: Path | None = None
        if is_frame:
            counted = f"({select})"
        else:
            file = write_file(self.con, table, path, select)
            counted = file_source(columns, [str(file)])
        ((rows, digest),) = self.rows(digest_sql(table, columns, counted))
        if before is not None and before.holds(digest, columns):
            version, files = before.version, before.files
            if file is not None:
                file.unlink()
        else:
            file = file or write_file(self.con, table, path, select)
            version = self.warehouse.add_version(table, file, rows, self.run_id)
            files = [file.name] if rows else []
        figures = dict(figures or {})
        state = TableState(version, digest, fingerprint, rows, columns, figures, files)
        self.pending[table] = state
        return state

    def take(self, table: str, content: Content, *, fingerprint: str = "") -> TableState:
        """Make the content, whose files others wrote beside those of `table`, that of the table as
        `write` does with rows. When the pinned version has it already, those files are removed.
        """
        columns = dict(content.columns)
        if not content.files:
            return self.write(table, nothing(columns), fingerprint=fingerprint, columns=columns)
        before = self.state(table)
        if before is not None and before.holds(content.digest, columns):
            version, files = before.version, before.files
            self.warehouse.storage.remove([f"{table}/{name}" for name in content.names])
        else:
            place = self.warehouse.storage.delta(table)
            version = commit(table, place, content.files, content.schema, self.run_id)
            files = content.names
        state = TableState(version, content.digest, fingerprint, content.rows, columns, files=files)
        self.pending[table] = state
        return state

    def upsert(
        self,
        table: str,
        fresh: str,
        replaced: str,
        key: str,
        *,
        fingerprint: str = "",
        figures: Mapping[str, Any] | None = None,
    ) -> TableState:
        """Write `table` anew with the rows of the SELECT `fresh` in place of stored rows whose
        `key` is in the SELECT `replaced`.

        The result is that of `write` with the whole content, at less cost: only rows that go or
        come are digested, and nothing is copied, so that memory does not grow with the table. The
        SELECTs are run several times and must give the same rows. Raises C360Error when the table
        has rows and other columns than `fresh`.
        """
        columns = self.stored_columns(fresh)
        before = self.state(table)
        if before is not None and before.rows:
            if before.columns != columns:
                raise C360Error(f"table {table} has other columns than the rows to be put into it")
            columns = before.columns  # in their order
        kept_sql = ""
        fresh_sql = typed(columns, f"({fresh})")
        ((_, digest),) = self.rows(digest_sql(table, columns, f"({fresh_sql})"))
        if before is not None and before.rows:
            stored = self.warehouse.source(table, before)
            join = f"JOIN ({replaced}) _c360_replaced USING ({quote_ident(key)})"
            removed_sql = f"(SELECT * FROM {stored} SEMI {join})"
            ((_, removed),) = self.rows(digest_sql(table, columns, removed_sql))
            digest = changed_digest(self._digest_now(table, before, stored), removed, digest)
            kept_sql = f"SELECT * FROM {stored} ANTI {join} UNION ALL "
        rows = digest_rows(digest)
        if before is not None and before.holds(digest, columns):
            version, files = before.version, before.files
        else:
            path = self.warehouse.path(table)
            file = write_file(self.con, table, path, kept_sql + fresh_sql)
            version = self.warehouse.add_version(table, file, rows, self.run_id)
            files = [file.name] if rows else []
        figures = dict(figures or {})
        state = TableState(version, digest, fingerprint, rows, columns, figures, files)
        self.pending[table] = state
        return state

    def _digest_now(self, table: str, state: TableState, stored: str) -> str:
        """The digest of a table as this engine makes it; another one may have written the table."""
        if is_comparable(state.digest):
            return state.digest
        ((_, digest),) = self.rows(digest_sql(table, state.columns, stored))
        return str(digest)

    def digest(self, select: str) -> str:
        """The content digest of the rows of a SELECT."""
        ((_, digest),) = self.rows(digest_sql("", self.stored_columns(select), f"({select})"))
        return str(digest)

    def stored_columns(self, source: str) -> dict[str, str]:
        """Column -> the type under which the rows of the SELECT `source` would be stored."""
        return {row[0]: stored_type(row[1]) for row in self.rows(f"DESCRIBE {source}")}

    def keep(
        self, table: str, *, fingerprint: str, figures: Mapping[str, Any] | None = None
    ) -> TableState:
        """Name the pinned version again under a new fingerprint: its content is known to be what
        would be written.
        """
        state = self.state(table)
        if state is None:
            raise C360Error(f"table {table} has not been built yet")
        kept = replace(state, fingerprint=fingerprint)
        if figures is not None:
            kept = replace(kept, figures=dict(figures))
        self.pending[table] = kept
        return kept

    def commit(self, **meta: Any) -> None:
        """Make all pending versions current at once by replacing the manifest.

        `meta` joins its facts about stages.
        """
        self.warehouse.reload()
        self.warehouse.save(self.warehouse.manifest.with_changes(self.pending, meta))
        self.pending = {}

    def drop(self, tables: Collection[str]) -> None:
        """Make what is pending current, and these tables none of the warehouse any more; their
        files are for `tidy`."""
        self.warehouse.reload()
        kept = self.warehouse.manifest.without(tables)
        self.warehouse.save(kept.with_changes(self.pending, {}))
        self.pending = {}

    def forget(self, fact: str) -> None:
        """Empty a fact about a stage at once, before what it is about changes.

        What is pending stays pending.
        """
        self.note(fact, {})

    def note(self, fact: str, value: Mapping[str, Any]) -> None:
        """Set a fact at once, before what it is about is begun; what is pending stays pending."""
        pending, self.pending = self.pending, {}
        try:
            self.commit(**{fact: dict(value)})
        finally:
            self.pending = pending


@contextmanager
def open_session(root: Path, timezone: str = "UTC", run_id: str = "") -> Iterator[Session]:
    """A session on the warehouse below `root` in an in-memory DuckDB that spills to the
    `working_folder` of its tenant. What is current when it begins can be read until it ends.
    """
    with working_folder(root.parent) as spill, reading(root.parent):
        con = duckdb.connect(":memory:", config={"temp_directory": str(spill)})
        try:
            yield Session(con, Warehouse.open(root), timezone, run_id)
        finally:
            con.close()

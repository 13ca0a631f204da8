"""The activated database as a lake: Parquet files, or Delta tables of such files, and a pointer
that is replaced last.

Below the address stand `SCHEMA/TABLE/part-….parquet`, named by their content and never changed;
`publication.json`, the pointer: what is published, whole; `history/NUMBER.json`, the same of
earlier publications that are kept. A file goes once no publication names it. Which tables there are
is decided by the caller; how files are put belongs to `lake_storage`, versions of Delta tables to
`lake_delta`, what the pointer says to `lake_document`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import duckdb
import pyarrow.parquet as pq

from c360_assets.errors import C360Error
from c360_assets.warehouse.delta import not_stored, stored_type, typed
from c360_assets.warehouse.kept_tables import TableName
from c360_assets.warehouse.lake_bucket import S3Storage
from c360_assets.warehouse.lake_delta import is_head, make_head, named_by_heads
from c360_assets.warehouse.lake_document import (
    DATA_FILE,
    HISTORY,
    LOG_FILE,
    POINTER,
    DamagedDocumentError,
    Document,
    LakeTable,
    is_own,
    kept_name,
    publication_id,
)
from c360_assets.warehouse.lake_files import names_of, write_parts
from c360_assets.warehouse.lake_folder import LocalStorage
from c360_assets.warehouse.lake_storage import LakeStorage
from c360_assets.warehouse.lake_tables import columns_of, lake_table, stays
from c360_assets.warehouse.lake_views import (
    attach_lake,
    create_functions,
    create_schema,
    create_view,
    detach_lake,
)
from c360_assets.warehouse.parallel import together
from c360_assets.warehouse.published_file import (
    ATTACHED,
    Filling,
    Keeping,
    PublishedTable,
    Written,
)
from c360_assets.warehouse.remote_places import scheme_of
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

LakeFormat = Literal["delta", "parquet"]
NOTHING_MORE = Filling()
USUAL = Keeping()


class About(NamedTuple):
    """What a publication says of itself beside its tables."""

    database: str
    tenant: str
    as_of: str


@dataclass(frozen=True)
class Lake:
    """One lake. `working` is a private folder of this machine for what cannot be written there."""

    format: LakeFormat
    address: str
    working: Path

    @cached_property
    def storage(self) -> LakeStorage:
        is_remote = bool(scheme_of(self.address))
        return S3Storage(self.address) if is_remote else LocalStorage(self.address)

    def published(self) -> Document | None:
        """What is published. Raises C360Error where it cannot be read."""
        content = self.storage.read(POINTER)
        if content is None:
            return None
        return Document.from_json(content, f"{self.address}/{POINTER}")

    def kept(self) -> dict[int, Document]:
        """Earlier publications by number, newest first."""
        return {number: self._kept_one(number) for number in self.kept_numbers()}

    def kept_numbers(self) -> list[int]:
        """The numbers of those that are kept, newest first."""
        matches = (HISTORY.fullmatch(name) for name in self.storage.files())
        return sorted((int(match[1]) for match in matches if match), reverse=True)

    def _kept_one(self, number: int) -> Document:
        name = kept_name(number)
        content = self.storage.read(name)
        if content is None:
            raise C360Error(f"{self.address}/{name} has gone meanwhile; try again")
        return Document.from_json(content, f"{self.address}/{name}")

    def publish(
        self,
        session: Session,
        tables: Sequence[PublishedTable],
        about: About,
        filling: Filling = NOTHING_MORE,
        keeping: Keeping = USUAL,
        filled: Collection[TableName] = (),
        whole: bool = False,
    ) -> Written:
        """Write the files that the last publication does not have, then replace the pointer.

        Tables `filled` are those into which `filling.finish` writes. Unless the publication is to
        be written `whole`, tables of the mark that they have in the last one are named again; the
        rest is written several at once. What was published before is kept, once, and what `keeping`
        does not keep is removed. A crash at any moment leaves the last publication whole.
        """
        with self.storage.owned(f"publishing {about.database}"):
            return self._publish(session, tables, about, filling, keeping, filled, whole)

    def _publish(
        self,
        session: Session,
        tables: Sequence[PublishedTable],
        about: About,
        filling: Filling,
        keeping: Keeping,
        filled: Collection[TableName],
        whole: bool,
    ) -> Written:
        try:
            published = self.published()
        except DamagedDocumentError:
            published = None  # it is to be replaced
        self._require_own(published, about)
        self.storage.sweep()
        documents = self._documents(published)
        self.remove_unnamed(documents)
        aside = self.storage.aside_folder(self.working)
        try:
            earlier = None if whole else published
            written, kept_tables = self._write_all(session, tables, filling, filled, earlier, aside)
        except BaseException:
            # A full disk most of all: what was begun must not keep filling it.
            with suppress(C360Error, OSError):
                self.remove_unnamed(documents)
            raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        numbers = [document.number for document in documents]
        document = Document(
            about.database,
            about.tenant,
            self.format,
            "",
            max(numbers, default=0) + 1,
            datetime.now(UTC).isoformat(timespec="microseconds"),
            about.as_of,
            tuple(written),
            tuple(filling.statements),
        )
        document = replace(document, id=publication_id(document))
        self.keep(published)
        self.drop_old(keeping, datetime.now(UTC), documents)
        self.point_to(document)
        self.remove_unnamed(self._documents(document))
        return Written(document.size, kept_tables)

    def _require_own(self, published: Document | None, about: About) -> None:
        """Raise C360Error where another tenant publishes here."""
        if published is not None and published.tenant != about.tenant:
            raise C360Error(
                f"{self.address} holds the database {published.database} of another tenant, "
                f"{published.tenant}: give {about.database} an address of its own (tenant.yaml: "
                "databases)"
            )

    def documents(self) -> list[Document]:
        """What is published and what is kept, each once."""
        return self._documents(self.published())

    def _documents(self, published: Document | None) -> list[Document]:
        """All publications there are, each once."""
        by_number = self.kept()
        if published is not None:
            by_number[published.number] = published
        return list(by_number.values())

    def _write_all(
        self,
        session: Session,
        tables: Sequence[PublishedTable],
        filling: Filling,
        filled: Collection[TableName],
        earlier: Document | None,
        aside: Path,
    ) -> tuple[list[LakeTable], int]:
        """The tables of the next publication, their files in place, and how many of them are those
        of the earlier one."""
        present = self.storage.files()
        staying: dict[TableName, LakeTable] = {}
        if earlier is not None:
            for table in tables:
                known = earlier.by_name.get(table.key)
                if known is not None and stays(table, known, present):
                    staying[table.key] = known
        rest = [table for table in tables if table.key not in staying]
        to_write = [table for table in rest if not table.view and table.key not in filled]
        largest_first = sorted(to_write, key=lambda table: table.rows, reverse=True)

        def write(own: Session, table: PublishedTable) -> LakeTable:
            return self._write(own, table, table.source, aside, present)

        done = together(session, write, largest_first, filling.ready)
        by_name = {table.key: table for table in done} | staying
        views = [table for table in tables if table.view]
        self._finish(session, tables, by_name, views, filling, filled, earlier, aside, present)
        return [by_name[table.key] for table in tables], len(staying)

    def _finish(
        self,
        session: Session,
        tables: Sequence[PublishedTable],
        by_name: dict[TableName, LakeTable],
        views: Sequence[PublishedTable],
        filling: Filling,
        filled: Collection[TableName],
        earlier: Document | None,
        aside: Path,
        present: Mapping[str, int],
    ) -> None:
        """Open what is written as the database `ATTACHED`, and let the caller finish it there: its
        views, functions and the tables that it fills."""
        attach_lake(session.con, self.storage, by_name.values(), ATTACHED)
        try:
            of_caller = [table for table in tables if table.key in filled]
            for table in of_caller:
                self._begin(session, table, filling, earlier)
            for table in views:
                target = ".".join(map(quote_ident, (ATTACHED, *table.key)))
                create_schema(session.con, ATTACHED, table.schema)
                session.execute(f"CREATE VIEW {target} AS {table.source}")
                columns = columns_of(session, table, target)
                by_name[table.key] = lake_table(table, columns, view=table.source)
            create_functions(session.con, filling.statements, ATTACHED)
            if filling.finish is not None:
                staying = [
                    key
                    for key, table in by_name.items()
                    if earlier is not None and earlier.by_name.get(key) == table
                ]
                filling.finish(session, ATTACHED, staying)
            for table in of_caller:
                source = f"SELECT * FROM {'.'.join(map(quote_ident, (ATTACHED, *table.key)))}"
                by_name[table.key] = self._write(session, table, source, aside, present)
        finally:
            detach_lake(session.con, ATTACHED)

    def _begin(
        self,
        session: Session,
        table: PublishedTable,
        filling: Filling,
        earlier: Document | None,
    ) -> None:
        """A table that the caller fills: as the earlier publication has it, for a look, then
        empty."""
        create_schema(session.con, ATTACHED, table.schema)
        target = ".".join(map(quote_ident, (ATTACHED, *table.key)))
        known = earlier.by_name.get(table.key) if earlier is not None else None
        if known is not None and filling.begun is not None:
            create_view(session.con, self.storage, ATTACHED, known)
            filling.begun(session, ATTACHED)
            session.execute(f"DROP VIEW {target}")
        session.execute(f"CREATE TABLE {target} AS {table.source}")

    def _write(
        self,
        session: Session,
        table: PublishedTable,
        source: str,
        aside: Path,
        present: Mapping[str, int],
    ) -> LakeTable:
        """Put the rows of a SELECT, unless a file of the same content is there."""
        columns = columns_of(session, table, f"({source})")
        types = {column.name: column.type for column in columns}
        problems = not_stored(types)
        if problems:
            raise C360Error(f"table {table.name} cannot be published in a lake: {problems[0]}")
        stored = {name: stored_type(type_) for name, type_ in types.items()}
        name = hashlib.sha256("/".join(table.key).encode()).hexdigest()
        file = aside / f"{name}.parquet"
        select = typed(stored, f"({source})")
        return self.put_table(session.con, lake_table(table, columns), select, file, present)

    def put_table(
        self,
        con: duckdb.DuckDBPyConnection,
        table: LakeTable,
        select: str,
        file: Path,
        present: Mapping[str, int],
    ) -> LakeTable:
        """Make the rows of a SELECT the content of a table, by way of the local `file`."""
        parts = write_parts(con, select, file)
        rows = sum(pq.read_metadata(part).num_rows for part in parts)
        size = sum(part.stat().st_size for part in parts)
        folder = f"{table.schema}/{table.table}"
        files = tuple(f"{folder}/{name}" for name in names_of(parts))
        for part, name in zip(parts, files, strict=True):
            if present.get(name) == part.stat().st_size:
                part.unlink()
            else:
                self.storage.put_file(part, name)
        return replace(table, path=folder, files=files, rows=rows, bytes=size, version=None)

    def keep(self, published: Document | None) -> int | None:
        """Keep what is published under its number, unless it is kept already; None where nothing
        is published."""
        if published is None:
            return None
        name = kept_name(published.number)
        content = published.to_json()
        if self.storage.read(name) != content:
            self.storage.put(name, content)
        return published.number

    def too_old(self, keeping: Keeping, at: datetime, documents: Iterable[Document]) -> list[int]:
        """Numbers of publications, of those that are kept, that are too many or too old."""
        kept = sorted(documents, key=lambda document: document.number, reverse=True)[1:]
        recent = [one for one in kept if one.written_at >= at - keeping.span][: keeping.most - 1]
        return [one.number for one in kept if one not in recent]

    def drop_old(self, keeping: Keeping, at: datetime, documents: Iterable[Document]) -> list[int]:
        """Remove publications that are too many or too old, not yet their files."""
        old = self.too_old(keeping, at, documents)
        self.storage.delete(map(kept_name, old))
        return old

    def drop(self, numbers: Iterable[int]) -> None:
        """Remove kept publications and the files that no other names."""
        with self.storage.owned("tidying"):
            self.storage.delete(map(kept_name, numbers))
            self.remove_unnamed(self.documents())

    def point_to(self, document: Document) -> Document:
        """Publish it: first every Delta table is made to show it, the pointer comes last."""
        pointed = self.with_versions(document)
        if self.storage.has(kept_name(document.number)):
            self.storage.put(kept_name(document.number), pointed.to_json())
        self.storage.put_pointer(POINTER, pointed.to_json())
        return pointed

    def replace_kept(self, document: Document) -> None:
        """Name other files in a kept publication: those of Delta tables are committed, so that it
        has versions of its own."""
        tables = []
        for table in document.tables:
            if self.format == "delta" and table.files and table.version is None:
                table = make_head(self.storage, table)
            tables.append(table)
        kept = document.with_tables(tables)
        self.storage.put(kept_name(document.number), kept.to_json())

    def with_versions(self, document: Document) -> Document:
        """The publication as it is shown in the lake's format, which may have been another once:
        what Delta tables show that differs is committed."""
        tables = []
        for table in document.tables:
            if self.format != "delta":
                table = replace(table, version=None)
            elif table.files and not is_head(self.storage, table):
                table = make_head(self.storage, table)
            tables.append(table)
        return replace(document, format=self.format, tables=tuple(tables))

    def restore(self, number: int) -> tuple[int, int | None]:
        """Publish a kept one again; readers see it whole. Returns its number and that of the one it
        replaced, which is kept."""
        with self.storage.owned(f"publishing number {number} again"):
            chosen = self._kept_one(number)
            replaced = self.keep(self.published())
            self.point_to(chosen)
        return number, replaced

    def missing_files(self, document: Document) -> list[str]:
        """Files of a publication that are not there as they were put."""
        present = self.storage.files()
        missing: list[str] = []
        for table in document.tables:
            if not table.is_in(present):
                missing += table.files
        return missing

    def remove_unnamed(self, documents: Iterable[Document]) -> list[str]:
        """Remove data files that none of the publications names; returns them.

        Not those that the newest version of a Delta table names, as a killed publication leaves it:
        they go once a publication is through. Delta's log of a table goes with its last file.
        """
        tables = [table for document in documents for table in document.tables]
        named = {file for table in tables for file in table.files}
        present = self.storage.files()
        unnamed = [name for name in present if DATA_FILE.fullmatch(name) and name not in named]
        logged = {table.path for table in tables} if self.format == "delta" else set()
        logs = [
            name
            for name in present
            if (match := LOG_FILE.fullmatch(name)) and match[1] not in logged
        ]
        shown = named_by_heads(
            self.storage, [name for name in unnamed if name.rpartition("/")[0] in logged]
        )
        # A table without its files is one that nobody can read: its log goes first.
        removed = [*logs, *(name for name in unnamed if name not in shown)]
        if removed:
            self.storage.delete(removed)
        return removed

    def remove(self, number: int | None) -> None:
        """Remove a kept publication, or with None what is published; files go with
        `remove_unnamed`."""
        self.storage.delete([POINTER if number is None else kept_name(number)])

    def remove_all(self) -> int:
        """Remove the lake: the pointer first, so that no reader begins; returns how many files."""
        self.storage.sweep()
        self.storage.delete([POINTER])
        own = [name for name in self.storage.files() if is_own(name)]
        self.storage.delete(own)
        return len(own)

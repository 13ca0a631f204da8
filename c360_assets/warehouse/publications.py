"""Where a database is published, and what is published and kept there, whatever the format: a
DuckDB file, or a lake.

The one door for all who read a publication. A file is written by `published_file`, a lake by
`published_lake`; what is in a publication is decided by the caller of these.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import duckdb

from c360_assets.errors import C360Error
from c360_assets.warehouse import published_file
from c360_assets.warehouse.lake_document import POINTER, Document, kept_name
from c360_assets.warehouse.lake_views import attach_document
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.published_lake import Lake, LakeFormat
from c360_assets.warehouse.read_only_names import read_only_path
from c360_assets.warehouse.remote_places import scheme_of
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.warehouse.unopened import unopened

# The database that holds everything, whatever its tenant calls it.
GROUP = "customer_360"
OPENED = "opened"  # what a publication is called in an engine of its own


class Publisher(Protocol):
    """A tenant, as far as it matters here."""

    @property
    def root(self) -> Path: ...

    def lake_of(self, database: str) -> tuple[LakeFormat, str] | None:
        """Format and absolute address of a database that is published as a lake."""


@dataclass(frozen=True)
class Publication(ABC):
    """One publication: its number where it is kept, what people call it, what tells it from others,
    when it was written, its bytes."""

    number: int | None
    name: str
    version: str
    written_at: datetime
    bytes: int

    @abstractmethod
    def attach(self, con: duckdb.DuckDBPyConnection, alias: str) -> None:
        """Open it, read-only, as the database `alias` of an engine. Raises duckdb.Error."""

    @abstractmethod
    def attach_locked(self, con: duckdb.DuckDBPyConnection, alias: str) -> list[str]:
        """Open it in an engine that reads through `read_only_files` and is to be locked; returns
        the paths that this one has to be allowed then."""

    @abstractmethod
    def stored_tables(
        self, con: duckdb.DuckDBPyConnection, alias: str
    ) -> Iterator[tuple[str, dict[str, str]]]:
        """FROM items over its tables, attached as `alias`, with their columns (name -> type);
        nothing that is computed when it is read."""

    @property
    @abstractmethod
    def reference(self) -> str:
        """The file that stands for it in a command."""

    @property
    @abstractmethod
    def is_whole(self) -> bool:
        """Whether all of it can be read; one that another program holds counts as whole."""

    def detach(self, con: duckdb.DuckDBPyConnection, alias: str) -> None:
        con.execute(f"DETACH {quote_ident(alias)}")

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """An engine of its own, in which the tables need no prefix. Raises duckdb.Error."""
        with duckdb.connect() as con:
            self.attach(con, OPENED)
            con.execute(f"USE {OPENED}")
            yield con

    @contextmanager
    def readable(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """As `opened`. Raises C360Error where it cannot be opened."""
        with ExitStack() as stack:
            try:
                con = stack.enter_context(self.opened())
            except duckdb.Error as error:
                raise unopened(self.name, error) from None
            yield con

    @contextmanager
    def attached(self, con: duckdb.DuckDBPyConnection, alias: str) -> Iterator[None]:
        """It as the database `alias` of an engine, while it lasts. Raises C360Error where it cannot
        be opened."""
        try:
            self.attach(con, alias)
        except duckdb.Error as error:
            raise unopened(self.name, error) from None
        try:
            yield
        finally:
            self.detach(con, alias)

    def has_table(self, con: duckdb.DuckDBPyConnection, alias: str, schema: str, name: str) -> bool:
        """Whether it has such a table, attached as `alias`."""
        found = con.execute(
            "SELECT 1 FROM information_schema.tables "
            "WHERE table_catalog = ? AND table_schema = ? AND table_name = ?",
            [alias, schema, name],
        )
        return bool(found.fetchall())


@dataclass(frozen=True)
class FilePublication(Publication):
    """A DuckDB file."""

    path: Path

    @classmethod
    def of(cls, path: Path, number: int | None) -> FilePublication:
        stat = path.stat()
        # Also where it is kept: it is linked, not copied.
        version = f"{stat.st_size}-{stat.st_mtime_ns}"
        written_at = datetime.fromtimestamp(stat.st_mtime, UTC)
        return cls(number, path.name, version, written_at, stat.st_size, path)

    def attach(self, con: duckdb.DuckDBPyConnection, alias: str) -> None:
        published_file.drop_foreign_log(self.path)
        source = quote_literal(str(self.path))
        con.execute(f"ATTACH {source} AS {quote_ident(alias)} (READ_ONLY)")

    def attach_locked(self, con: duckdb.DuckDBPyConnection, alias: str) -> list[str]:
        published_file.drop_foreign_log(self.path)
        source = quote_literal(read_only_path(str(self.path.absolute())))
        con.execute(f"ATTACH {source} AS {quote_ident(alias)} (READ_ONLY)")
        return []  # what is attached stays open

    def stored_tables(
        self, con: duckdb.DuckDBPyConnection, alias: str
    ) -> Iterator[tuple[str, dict[str, str]]]:
        # Of generated columns nothing is stored.
        rows = con.execute(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() c "
            "WHERE database_name = $1 AND NOT internal AND NOT is_generated "
            "AND EXISTS (SELECT 1 FROM duckdb_tables() t "
            "WHERE t.database_name = $1 AND t.schema_name = c.schema_name "
            "AND t.table_name = c.table_name) ORDER BY ALL",
            [alias],
        ).fetchall()
        tables: dict[str, dict[str, str]] = {}
        for schema, table, column, type_ in rows:
            source = ".".join(map(quote_ident, (alias, schema, table)))
            tables.setdefault(source, {})[column] = type_
        yield from tables.items()

    @property
    def reference(self) -> str:
        return str(self.path)

    @property
    def is_whole(self) -> bool:
        published_file.drop_foreign_log(self.path)
        with duckdb.connect() as con:
            return published_file.opens(con, self.path)


@dataclass(frozen=True)
class LakePublication(Publication):
    """A publication of a lake."""

    lake: Lake
    document: Document

    @classmethod
    def of(cls, lake: Lake, document: Document, number: int | None) -> LakePublication:
        name = lake.address if number is None else f"number {number} at {lake.address}"
        return cls(number, name, document.id, document.written_at, document.size, lake, document)

    def attach(self, con: duckdb.DuckDBPyConnection, alias: str) -> None:
        self.attach_locked(con, alias)

    def attach_locked(self, con: duckdb.DuckDBPyConnection, alias: str) -> list[str]:
        return attach_document(con, self.lake.storage, self.document, alias)

    def stored_tables(
        self, con: duckdb.DuckDBPyConnection, alias: str
    ) -> Iterator[tuple[str, dict[str, str]]]:
        for table in sorted(self.document.tables, key=lambda table: table.key):
            if not table.view:
                yield ".".join(map(quote_ident, (alias, *table.key))), table.types

    @property
    def reference(self) -> str:
        name = POINTER if self.number is None else kept_name(self.number)
        return f"{self.lake.address}/{name}"

    @property
    def is_whole(self) -> bool:
        return not self.lake.missing_files(self.document)


class Place(ABC):
    """Where one database is published."""

    @property
    @abstractmethod
    def shown(self) -> str:
        """The place as people are told it: a path, or an address."""

    @property
    @abstractmethod
    def is_remote(self) -> bool:
        """Whether to look costs a request to another machine."""

    @abstractmethod
    def is_published(self) -> bool: ...

    @abstractmethod
    def published(self) -> Publication | None:
        """What is published; its number where it was published again from a kept one, or is kept
        already."""

    @abstractmethod
    def kept(self) -> list[Publication]:
        """The publications that are kept, newest first; one that is published again too."""

    def count_kept(self) -> int:
        return len(self.kept())

    @abstractmethod
    def restore(self, number: int) -> tuple[int, int | None]:
        """Publish a kept one again; readers see it whole. Returns its number and that of the one it
        replaced, which is kept. None is forgotten, so that it can be taken back."""

    @abstractmethod
    def sweep(self) -> None:
        """Remove what was begun and not ended. The caller owns the tenant."""

    def of_version(self, version: str) -> Publication | None:
        """What is published or kept and has that version, None where nothing does."""
        published = self.published()
        if published is not None and published.version == version:
            return published
        return next((one for one in self.kept() if one.version == version), None)

    def earlier_one(self, number: int | None = None) -> Publication:
        """The kept one of that number; without one, the newest that was kept before what is
        published.

        Raises LookupError when there is none.
        """
        kept = self.kept()
        published = self.published()
        known = published.number if published is not None else None
        if number is not None:
            kept = [one for one in kept if one.number == number]
            missing = f"no kept database number {number} beside {self.shown_name}"
        elif known is not None:
            kept = [one for one in kept if one.number is not None and one.number < known]
            missing = f"number {known} is published, no earlier one is kept"
        else:
            missing = f"no kept database beside {self.shown_name}"
        if not kept:
            raise LookupError(missing)
        return kept[0]

    @property
    def shown_name(self) -> str:
        return self.shown


@dataclass(frozen=True)
class FilePlace(Place):
    """A DuckDB file below `activated/`, earlier ones below `history/`."""

    path: Path

    @property
    def shown(self) -> str:
        return str(self.path)

    @property
    def shown_name(self) -> str:
        return self.path.name

    @property
    def is_remote(self) -> bool:
        return False

    def is_published(self) -> bool:
        return self.path.exists()

    def published(self) -> Publication | None:
        if not self.path.exists():
            return None
        return FilePublication.of(self.path, published_file.published_number(self.path))

    def kept(self) -> list[Publication]:
        files = published_file.kept(self.path)
        return [FilePublication.of(file, published_file.number_of(file)) for file in files]

    def restore(self, number: int) -> tuple[int, int | None]:
        return published_file.restore(self.path, number)

    def sweep(self) -> None:
        published_file.sweep(self.path)


@dataclass(frozen=True)
class LakePlace(Place):
    """A lake."""

    lake: Lake

    @property
    def shown(self) -> str:
        return self.lake.address

    @property
    def is_remote(self) -> bool:
        return bool(scheme_of(self.lake.address))

    def is_published(self) -> bool:
        return self.lake.storage.has(POINTER)

    def published(self) -> Publication | None:
        document = self.lake.published()
        if document is None:
            return None
        is_kept = self.lake.storage.has(kept_name(document.number))
        publication = LakePublication.of(self.lake, document, None)
        return replace(publication, number=document.number if is_kept else None)

    def kept(self) -> list[Publication]:
        kept = self.lake.kept()
        return [LakePublication.of(self.lake, one, number) for number, one in kept.items()]

    def count_kept(self) -> int:
        return len(self.lake.kept_numbers())

    def restore(self, number: int) -> tuple[int, int | None]:
        return self.lake.restore(number)

    def sweep(self) -> None:
        self.lake.storage.sweep()


def place_of(publisher: Publisher, database: str = GROUP) -> Place:
    """Where a database of a tenant is published, by the name under which it is."""
    lake = lake_of(publisher, database)
    return LakePlace(lake) if lake else FilePlace(database_path(publisher.root, database))


def publication_at(reference: str, working: Path) -> Publication:
    """The publication that a file stands for: a DuckDB file, or one of a lake that says what is
    published or kept; `working` as in `Lake`.

    Raises C360Error where there is none.
    """
    if not reference.endswith(".json"):
        path = Path(reference)
        if not path.is_file():
            raise C360Error(f"there is no file {path}")
        return FilePublication.of(path, None)
    folder, _, name = reference.rpartition("/")
    if folder.endswith("/history") or folder == "history":
        folder, name = folder.removesuffix("history").rstrip("/"), f"history/{name}"
    address = folder if scheme_of(folder) else os.path.abspath(folder or ".")
    # Which of the two formats it has is of no matter to who reads it.
    lake = Lake("parquet", address, working)
    content = lake.storage.read(name)
    if content is None:
        raise C360Error(f"there is no file {reference}")
    document = Document.from_json(content, reference)
    number = None if name == POINTER else document.number
    return LakePublication.of(lake, document, number)


def lake_of(publisher: Publisher, database: str) -> Lake | None:
    """The lake of a database; None for one that is a DuckDB file."""
    declared = publisher.lake_of(database)
    return Lake(*declared, publisher.root / ".tmp") if declared else None

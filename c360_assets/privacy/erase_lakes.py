"""Takes people out of lakes: what is published, what is kept, and the versions that a bucket keeps.

Each file that holds somebody is written anew under another name, all publications that name it name
that one, the pointer comes last, and the file goes. What is taken out of a table is `changes`; the
files of databases are `erase_files`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb

from c360_assets.customer_360.publication.lakes import all_lakes
from c360_assets.errors import C360Error
from c360_assets.privacy.changes import BLOCKING_KEYS, Changes, register_work
from c360_assets.privacy.search import Searched, Searcher
from c360_assets.stitch.publish.generation import KEYS_SQL
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.delta import stored_type, typed
from c360_assets.warehouse.lake_document import Document, LakeTable, is_own
from c360_assets.warehouse.lake_views import table_select
from c360_assets.warehouse.published_lake import Lake
from c360_assets.warehouse.remote_places import scheme_of
from c360_assets.warehouse.session import private_folder
from c360_assets.wording import counted

RECORDS = ("main", "unified_coalesced")
GENERATION = ("main", "stitch_generation")
SOURCES = "domain"


def erase_lakes(tenant: Tenant, changes: Changes) -> None:
    """Rewrite what holds rows or values of the work in every lake, present ones and those that were
    left; counts and notes go to the work.

    Raises C360Error where a lake does not answer.
    """
    work = changes.work
    for lake in all_lakes(tenant):
        if not lake.storage.files():
            continue
        with lake.storage.owned("forgetting"):
            rows = _Eraser(lake, tenant, changes).erase()
        if rows:
            key = f"lake {lake.address}"
            work.counts[key] = work.counts.get(key, 0) + rows
        purged = lake.storage.purge(is_own)
        if purged.removed:
            key = f"earlier versions of objects at {lake.address}"
            work.counts[key] = work.counts.get(key, 0) + purged.removed
        _note(work.notes, lake, purged.kept, purged.is_known)


def _note(notes: list[str], lake: Lake, kept: int, is_known: bool) -> None:
    note = ""
    if kept:
        note = (
            f"the bucket of {lake.address} keeps earlier versions of {counted(kept, 'object')}, "
            "which these credentials may not delete: have its owner delete them"
        )
    elif not is_known:
        note = (
            f"versions of objects at {lake.address} could not be listed: if its bucket keeps them, "
            "have its owner delete those that are not current"
        )
    if note and note not in notes:
        notes.append(note)


class _Eraser:
    """One lake while it is cleaned."""

    def __init__(self, lake: Lake, tenant: Tenant, changes: Changes) -> None:
        self.lake = lake
        self.tenant = tenant
        self.changes = changes
        self.present = lake.storage.files()
        # Files of a table -> the table without the people; publications share files.
        self.done: dict[tuple[str, ...], LakeTable] = {}
        self.keys: LakeTable | None = None  # of blocks, in the publication that is looked at
        self.rows = 0

    def erase(self) -> int:
        """How many rows, else cells, it concerned, each file counted once."""
        lake = self.lake
        published = lake.published()
        kept = lake.kept()
        if published is not None:
            kept.pop(published.number, None)
        oldest_first = [kept[number] for number in sorted(kept)]
        documents = [*oldest_first, *([published] if published is not None else [])]
        try:
            with self._engine() as con:
                cleaned = [self._cleaned(con, document) for document in documents]
        except (duckdb.Error, OSError) as error:
            if isinstance(error, OSError) or "No space" in str(error):
                raise
            raise C360Error(
                f"{lake.address} cannot be rewritten ({type(error).__name__}); if a file there is "
                "damaged, remove it, then run again"
            ) from None
        if published is not None and cleaned == documents:
            # A killed erasing, or publication, may have left Delta tables at another version.
            if lake.with_versions(published) != published:
                lake.point_to(published)
        else:
            for before, after in zip(oldest_first, cleaned, strict=False):
                if before != after:
                    lake.replace_kept(after)
            if published is not None:
                # Last, and also where only earlier ones were changed: of Delta tables these are the
                # newest versions now.
                lake.point_to(cleaned[-1])
        lake.remove_unnamed(lake.documents())
        return self.rows

    @contextmanager
    def _engine(self) -> Iterator[duckdb.DuckDBPyConnection]:
        spill = private_folder(self.tenant.root / ".tmp")
        self.aside = self.lake.storage.aside_folder(spill)
        try:
            with duckdb.connect(config={"temp_directory": str(spill)}) as con:
                self.lake.storage.connect(con)
                register_work(con, self.changes.work)
                yield con
        finally:
            shutil.rmtree(self.aside, ignore_errors=True)

    def _cleaned(self, con: duckdb.DuckDBPyConnection, document: Document) -> Document:
        """The publication without the people; its files are in place."""
        self.keys = next((one for one in document.tables if one.table == BLOCKING_KEYS), None)
        tables = {table.key: self._table(con, table) for table in document.tables}
        records, generation = tables.get(RECORDS), tables.get(GENERATION)
        if records is None or generation is None:
            return document.with_tables(tables.values())
        if records.files != document.by_name[RECORDS].files:
            tables[GENERATION] = self._restamped(con, generation, records)
        return document.with_tables(tables.values())

    def _table(self, con: duckdb.DuckDBPyConnection, table: LakeTable) -> LakeTable:
        if not table.files:
            return table
        if table.files not in self.done:
            self.done[table.files] = self._written(con, table)
        done = self.done[table.files]
        if done.files == table.files:
            return table
        return replace(table, files=done.files, rows=done.rows, bytes=done.bytes, version=None)

    def _written(self, con: duckdb.DuckDBPyConnection, table: LakeTable) -> LakeTable:
        source = f"({table_select(self.lake.storage, table)})"
        physical = table.table if table.schema == SOURCES else ""
        keys = None
        if self.keys is not None and self.keys.files:
            keys = f"({table_select(self.lake.storage, self.keys)})"
        change = self.changes.by_keys(con, table.table, table.types, source, physical, keys)
        change = self.changes.by_values(con, table.types, source, change)
        if change.is_none:
            return table
        self.rows += change.rows or change.cells
        return self._put(con, table, change.select(list(table.types), source))

    def _restamped(
        self, con: duckdb.DuckDBPyConnection, table: LakeTable, records: LakeTable
    ) -> LakeTable:
        """`generation.restamp` for a lake: what is said of the ids is true again."""
        storage = self.lake.storage
        counted = KEYS_SQL.format(source=f"({table_select(storage, records)})")
        select = (
            "SELECT g.* REPLACE (c.records AS records, c.ids AS ids, c.keys AS keys) "
            f"FROM ({table_select(storage, table)}) AS g, ({counted}) AS c"
        )
        return self._put(con, table, select)

    def _put(self, con: duckdb.DuckDBPyConnection, table: LakeTable, select: str) -> LakeTable:
        stored = {name: stored_type(type_) for name, type_ in table.types.items()}
        file = self.aside / "rewritten.parquet"
        query = typed(stored, f"({select})")
        return self.lake.put_table(con, table, query, file, self.present)


def search_remote_lakes(tenant: Tenant, searcher: Searcher) -> Searched:
    """Search every object of the lakes on other machines; finds are their addresses as paths."""
    files = size = 0
    finds: list[Path] = []
    for lake in all_lakes(tenant):
        if not scheme_of(lake.address):
            continue
        sizes = lake.storage.files()
        working = tenant.root / ".tmp"
        for name, copy in lake.storage.local_copies(filter(is_own, sizes), working):
            files += 1
            size += sizes[name]
            if searcher.is_in(copy):
                finds.append(Path(lake.address, name))
    return Searched(files, size, finds)

"""The activated database: one DuckDB file, built aside from pinned tables and published in one
step.

Readers see the last published file, whole, always. Which tables are published and what their
columns mean is decided by the caller; this module writes, replaces, keeps and sweeps files.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

from c360_assets.errors import C360Error
from c360_assets.warehouse.files import put_in_place, sync_file
from c360_assets.warehouse.kept_tables import (
    Earlier,
    TableName,
    empty_free_blocks,
    keep_tables,
)
from c360_assets.warehouse.parallel import together
from c360_assets.warehouse.session import Session, private_folder
from c360_assets.warehouse.sql import quote_ident, quote_literal

ATTACHED = "published"  # what a file is called in SQL while it is built
STORAGE_VERSION = "v1.5.0"  # any DuckDB client from 1.5 on can open the file
# Half of the engine's own: fewer rows are compressed by one core, when the file is closed, and most
# tables have fewer.
ROW_GROUP = 61_440
# A build that ends early is begun anew, so a log of what was written would be read by nobody, and
# takes as much room as the file.
OPTIONS = (
    f"STORAGE_VERSION {quote_literal(STORAGE_VERSION)}, ROW_GROUP_SIZE {ROW_GROUP}, "
    "RECOVERY_MODE NO_WAL_WRITES"
)
# What the engine says of a log that belongs to another file, or to another state of this one.
FOREIGN_LOG = re.compile(r"WAL (checkpoint iteration )?does not match")


@dataclass(frozen=True)
class Keeping:
    """Which earlier files are kept: at most so many, none that is older, and the newest always."""

    most: int = 10
    span: timedelta = timedelta(days=14)


@dataclass(frozen=True)
class PublishedTable:
    """One table of the database: where it goes, the SELECT that fills it, and what people read
    about it.

    `source` is a query over views bound in the session, or of a `view` over tables of the database
    itself; `descriptions` maps column to text. `blank` are columns known to hold nothing but NULL.
    `rows` is about how many it has: large ones go first. `mark` tells all that decides what the
    table shows: one of the same mark in the earlier file stays as it is; '' is always written.
    `semantics` maps column to its tags, `personal` are columns that tell of persons: a lake says it
    beside its files.
    """

    schema: str
    name: str
    source: str
    description: str = ""
    descriptions: dict[str, str] = field(default_factory=dict)
    view: bool = False
    blank: frozenset[str] = frozenset()
    rows: int = 0
    mark: str = ""
    semantics: dict[str, str] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()

    @property
    def key(self) -> TableName:
        return (self.schema, self.name)


class Written(NamedTuple):
    """A file that was put in place: its bytes, and how many tables of the earlier one it kept."""

    size: int
    kept: int


@dataclass(frozen=True)
class Filling:
    """What the caller does with the new file while it is built.

    `ready` binds in a session what the tables' sources name. `statements` are run on the file, when
    its tables are written: functions that its users may call. `begun` is called with the copy of
    the earlier file that the new one begins with, before anything goes from it. `finish` is called
    when all is written, with the tables and views that show what they showed there. The file is
    attached under the name that they are given.
    """

    ready: Callable[[Session], None] | None = None
    statements: Sequence[str] = ()
    begun: Callable[[Session, str], None] | None = None
    finish: Callable[[Session, str, Collection[TableName]], None] | None = None


def database_path(tenant_root: Path, database: str = "customer_360") -> Path:
    return tenant_root / "activated" / f"{database}.duckdb"


def publish(
    session: Session,
    path: Path,
    tables: Sequence[PublishedTable],
    filling: Filling = Filling(),
    keeping: Keeping = Keeping(),
    earlier: Earlier | None = None,
) -> Written:
    """Build the database aside and replace `path` with it.

    Several tables are written at once, in sessions of their own. Of the `earlier` file, where
    nobody touched it, tables of an unchanged mark stay as they are; the new file holds nothing of
    those that go, and is hardly larger than one that is built whole.

    The file that was published before is kept under `history/`, once, and what `keeping` does not
    keep is removed. A crash at any moment leaves the old file in place. Raises C360Error where a
    link stands in its place.
    """
    private_folder(path.parent)
    _refuse_link(path)
    sweep(path)
    aside = path.with_name(f"{path.stem}.{os.getpid()}.building")
    kept_tables = _build_on(session, earlier, aside, tables, filling) if earlier else None
    if kept_tables is None:
        sweep(path)
        _build(session, aside, tables, filling)
    os.chmod(aside, 0o600)
    sync_file(aside)
    _keep(path)
    for file in too_old(path, keeping, time.time()):
        file.unlink()
    size = aside.stat().st_size
    _put(aside, path)
    return Written(size, kept_tables or 0)


def _build_on(
    session: Session,
    earlier: Earlier,
    aside: Path,
    tables: Sequence[PublishedTable],
    filling: Filling,
) -> int | None:
    """Build the file from a copy of the earlier one; returns how many of its tables stay, None
    where it has to be built whole.
    """
    unchanged = {
        table.key for table in tables if table.mark and table.mark == earlier.marks.get(table.key)
    }
    if not unchanged or not earlier.copied_to(aside):
        return None
    try:
        staying = _build(session, aside, tables, filling, unchanged)
        return len(staying) if empty_free_blocks(session, aside) else None
    except duckdb.Error:
        # What is wrong with the tables is found again when the file is built whole.
        return None


def _build(
    session: Session,
    aside: Path,
    tables: Sequence[PublishedTable],
    filling: Filling,
    unchanged: Collection[TableName] = (),
) -> Collection[TableName]:
    """Write the tables to the file `aside`, in which `unchanged` ones stand already; returns those
    that stayed as they were.
    """
    session.execute(f"ATTACH {quote_literal(str(aside))} AS {ATTACHED} ({OPTIONS})")
    # Rows of large tables may stand in any order: keeping that of the source leaves scraps of row
    # groups to merge at the end.
    session.execute("SET preserve_insertion_order = false")
    # One checkpoint at the end: one that a commit sets off holds up all that are writing.
    session.execute("SET checkpoint_threshold = '1TB'")
    try:
        staying: Collection[TableName] = ()
        if unchanged:
            if filling.begun is not None:
                filling.begun(session, ATTACHED)
            staying = keep_tables(session, ATTACHED, unchanged)
        for schema in sorted({table.schema for table in tables}):
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {ATTACHED}.{quote_ident(schema)}")
        written = [table for table in tables if not table.view and table.key not in staying]
        largest_first = sorted(written, key=lambda table: table.rows, reverse=True)
        together(session, _write, largest_first, filling.ready)
        for table in tables:
            if table.view:  # of tables that are there by now
                _write(session, table)
        for statement in filling.statements:
            session.execute(statement)
        if filling.finish is not None:
            filling.finish(session, ATTACHED, unchanged)
        session.execute(f"CHECKPOINT {ATTACHED}")
    finally:
        session.execute("RESET checkpoint_threshold")
        session.execute("RESET preserve_insertion_order")
        session.execute(f"DETACH {ATTACHED}")
    return staying


def _write(session: Session, table: PublishedTable) -> None:
    name = f"{ATTACHED}.{quote_ident(table.schema)}.{quote_ident(table.name)}"
    kind = "VIEW" if table.view else "TABLE"
    if table.blank:
        _fill(session, name, table)
    else:
        session.execute(f"CREATE {kind} {name} AS {table.source}")
    comments = []
    if table.description:
        comments.append(f"COMMENT ON {kind} {name} IS {quote_literal(table.description)}")
    for column, text in table.descriptions.items():
        if text:
            column_name = f"{name}.{quote_ident(column)}"
            comments.append(f"COMMENT ON COLUMN {column_name} IS {quote_literal(text)}")
    # One transaction: a commit for each of a thousand comments would take longer than the data.
    session.execute("; ".join(["BEGIN", *comments, "COMMIT"]))


def _fill(session: Session, name: str, table: PublishedTable) -> None:
    """Create a table that has blank columns and fill the others.

    A blank column is one generated as NULL: it stands in its place and reads as any other, but none
    of its rows are written. A table of many documented columns, of which a tenant has half, takes a
    third less time.
    """
    columns = {row[0]: row[1] for row in session.rows(f"DESCRIBE {table.source}")}
    filled = [column for column in columns if column not in table.blank]
    if not filled:  # a table must have a column that is stored
        filled = list(columns)[:1]
    definitions = []
    for column, type_ in columns.items():
        definition = f"{quote_ident(column)} {type_}"
        if column not in filled:
            definition += f" GENERATED ALWAYS AS (CAST(NULL AS {type_})) VIRTUAL"
        definitions.append(definition)
    filled_sql = ", ".join(map(quote_ident, filled))
    session.execute(f"CREATE TABLE {name} ({', '.join(definitions)})")
    session.execute(f"INSERT INTO {name} ({filled_sql}) SELECT {filled_sql} FROM ({table.source})")


def _refuse_link(path: Path) -> None:
    """Raise C360Error where a link would be replaced by the file: who reads what it leads to would
    have the old database for ever."""
    if path.is_symlink():
        raise C360Error(
            f"{path} is a link, in the place of which a new file would come: remove it, or make "
            f"{path.parent.name}/ itself the link; what it leads to stays as it is"
        )


def _put(aside: Path, path: Path) -> None:
    """Replace the published file in one step.

    A client that wrote to the old file and was killed leaves its log of changes beside it, and with
    that no engine opens the new.
    """
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    put_in_place(aside, path)


def drop_foreign_log(path: Path) -> bool:
    """Remove the log of changes of a client that had an earlier file open when this one came, and
    wrote later; whether there was one.

    It stands beside the file that came, and with it no engine opens that.
    """
    log = path.with_name(f"{path.name}.wal")
    if not log.exists():
        return False
    with duckdb.connect() as con:
        try:
            con.execute(f"ATTACH {quote_literal(str(path))} AS _c360_opened (READ_ONLY)")
            return False
        except duckdb.Error as error:
            if FOREIGN_LOG.search(str(error)) is None:
                return False
    with suppress(OSError):  # a folder that may only be read; opening the file says so
        log.unlink(missing_ok=True)
    return not log.exists()


def kept(path: Path) -> list[Path]:
    """Earlier published files of this database, newest first."""
    files = (path.parent / "history").glob(f"{path.stem}.*.duckdb")
    return sorted(files, key=number_of, reverse=True)


def number_of(path: Path) -> int:
    """The number of a kept file."""
    return int(path.name.split(".")[-2])


def opens(con: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether the file is a database that can be read.

    One that another program has open for writing counts as one.
    """
    try:
        con.execute(f"ATTACH {quote_literal(str(path))} AS _c360_opened (READ_ONLY)")
    except duckdb.Error as error:
        return "Could not set lock" in str(error)
    con.execute("DETACH _c360_opened")
    return True


def published_number(path: Path) -> int | None:
    """The number under which the published file is kept as well: it was published again, or a
    killed run had kept it already.

    A file that somebody wrote to since is another one, which the time of its last change tells.
    """
    if not path.exists():
        return None
    published = path.stat()
    for file in kept(path):
        stat = file.stat()
        if stat.st_size == published.st_size and stat.st_mtime_ns == published.st_mtime_ns:
            return number_of(file)
    return None


def _keep(path: Path) -> int | None:
    """Keep the published file, unless it is kept already, and return its number.

    None where nothing is published.
    """
    number = published_number(path)
    if number is not None or not path.exists():
        return number
    history = private_folder(path.parent / "history")
    earlier = kept(path)
    number = number_of(earlier[0]) + 1 if earlier else 1
    target = history / f"{path.stem}.{number}.duckdb"
    try:
        os.link(path, target)
    except OSError:  # a file system without hard links
        aside = path.with_name(f"{path.stem}.{os.getpid()}.kept.building")
        shutil.copy2(path, aside)
        os.replace(aside, target)
    return number


def too_old(path: Path, keeping: Keeping, now: float) -> list[Path]:
    """Kept files of this database that are too many, or too old at the instant `now`."""
    oldest = now - keeping.span.total_seconds()
    earlier = kept(path)[1:]
    recent = [file for file in earlier if file.stat().st_mtime >= oldest][: keeping.most - 1]
    return [file for file in earlier if file not in recent]


def sweep(path: Path) -> None:
    """Remove what killed builds left behind.

    The caller owns the tenant, so no build is under way.
    """
    for leftover in path.parent.glob(f"{path.stem}.*.building*"):
        leftover.unlink()


def restore(path: Path, number: int) -> tuple[int, int | None]:
    """Publish the kept file of that number again; readers see it whole. Returns the number and that
    of the one it replaced, which is kept.

    None is forgotten here, so that it can be taken back. Raises LookupError when nothing of that
    number is kept, C360Error where a link stands in its place.
    """
    chosen = next((file for file in kept(path) if number_of(file) == number), None)
    if chosen is None:
        raise LookupError(f"no kept database number {number} beside {path.name}")
    _refuse_link(path)
    aside = path.with_name(f"{path.stem}.{os.getpid()}.building")
    shutil.copy2(chosen, aside)  # with its times: by them it is known again
    sync_file(aside)
    replaced = _keep(path)
    _put(aside, path)
    return number, replaced

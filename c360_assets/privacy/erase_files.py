"""Takes people out of files: databases of DuckDB and SQLite, pages, logs, exports, versions.

Each file is replaced whole or stays; nothing is written in place. Which files there are is
`stores`, what is taken out of a table `erase_tables`.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.privacy.changes import BLOCKING_KEYS, BLOCKS, Change, Changes, register_work
from c360_assets.privacy.search import Searcher, duckdb_tables, spellings, sqlite_tables
from c360_assets.privacy.work import Work
from c360_assets.stitch.publish.generation import restamp
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.files import put_in_place, sync_file, write_private
from c360_assets.warehouse.published_file import OPTIONS
from c360_assets.warehouse.session import Warehouse, private_folder
from c360_assets.warehouse.sql import quote_ident, quote_literal, quote_path
from c360_assets.warehouse.storage import LOG, BucketStorage
from c360_assets.warehouse.tidy import remove_empty_folders
from c360_assets.wording import counted

FORGOTTEN = "[forgotten]"
LINES = (".ndjson", ".jsonl")
TABLES = (".csv", ".tsv")


def drop_versions(warehouse: Warehouse) -> int:
    """Remove every data file of a table that its current version does not name, at no retention.

    Folders of tables that the manifest does not know do not exist for anybody, and go. Returns how
    many files went.
    """
    storage = warehouse.storage
    tables = warehouse.manifest.tables
    kept = {
        f"{name}/{file}"
        for name, state in tables.items()
        for file in warehouse.file_names(name, state)
    }
    stale: list[str] = []
    unknown: list[str] = []
    for file in storage.stored():
        table, is_log, _ = file.name.partition(f"/{LOG}/")
        if is_log:
            if table not in tables:
                unknown.append(file.name)
        elif file.name.endswith(".parquet") and file.name not in kept:
            stale.append(file.name)
    storage.remove([*stale, *unknown])
    for name in unknown:
        remove_empty_folders(warehouse.root / name.partition(f"/{LOG}/")[0])
    return len(stale)


def versions_kept(warehouse: Warehouse) -> list[str]:
    """Remove what a bucket keeps of replaced and removed objects; sentences about what it keeps all
    the same."""
    storage = warehouse.storage
    if not isinstance(storage, BucketStorage):
        return []
    address = storage.place.address
    try:
        kept = storage.drop_old_versions()
    except C360Error:
        return [
            f"{address} does not say which earlier versions of objects it keeps: see that its "
            "rules remove them, or allow s3:ListBucketVersions and s3:DeleteObjectVersion"
        ]
    if not kept:
        return []
    return [
        f"{address} keeps earlier versions of {counted(kept, 'object')}, which may hold values: "
        "they could not be removed (retention of the bucket, or no s3:DeleteObjectVersion)"
    ]


def erase_databases(tenant: Tenant, changes: Changes) -> dict[str, int]:
    """Rewrite the published and kept files that hold rows or values of the work; rows by file.

    A file is read and written by one processor, so there are as many at once as processors.
    """
    folder = tenant.root / "activated"
    for left in folder.glob("*.building*"):
        left.unlink()
    # The published file and its kept one are one file with two names.
    copies: dict[tuple[int, int], list[Path]] = {}
    for path in sorted(folder.rglob("*.duckdb")):
        stat = path.stat()
        copies.setdefault((stat.st_size, stat.st_mtime_ns), []).append(path)
    with ThreadPoolExecutor(os.cpu_count()) as at_once:
        erased = at_once.map(lambda paths: erase_database(paths[0], changes), copies.values())
        counts = dict(zip((paths[0] for paths in copies.values()), erased, strict=True))
    for first, *others in copies.values():
        for path in others:
            _link(first, path)
    for wal in sorted(folder.rglob("*.wal")):
        wal.unlink()
    return {path.relative_to(tenant.root).as_posix(): rows for path, rows in counts.items() if rows}


def _link(source: Path, path: Path) -> None:
    """Let `path` be what `source` is now: the published file and its kept one are one."""
    aside = path.with_name(f"{path.stem}.{os.getpid()}.building")
    with suppress(FileNotFoundError):
        aside.unlink()
    try:
        os.link(source, aside)
    except OSError:
        shutil.copy2(source, aside)
    os.replace(aside, path)


def erase_database(path: Path, changes: Changes) -> int:
    """Take rows, and cells of other rows, out of one file; how many rows, else cells, it concerns.

    Deleted rows stay in a file's blocks, so what is left is written into a new one. Its times stay:
    by them a kept file is known.
    """
    stat = path.stat()
    fresh = path.with_name(f"{path.stem}.{os.getpid()}.building")
    try:
        with duckdb.connect(config={"temp_directory": str(_spill(path))}) as con:
            con.execute("SET preserve_insertion_order = true")
            con.execute(f"ATTACH {quote_literal(str(path))} AS stored (READ_ONLY)")
            register_work(con, changes.work)
            tables = dict(duckdb_tables(con, "stored"))
            change_of = {source: _change(con, changes, source, tables) for source in tables}
            touched = sum(change.rows or change.cells for change in change_of.values())
            if touched:
                con.execute(f"ATTACH {quote_literal(str(fresh))} AS fresh ({OPTIONS})")
                con.execute("COPY FROM DATABASE stored TO fresh (SCHEMA)")
                for source, change in change_of.items():
                    columns = list(tables[source])
                    target = source.replace('"stored"', '"fresh"', 1)
                    listed = ", ".join(map(quote_ident, columns))
                    con.execute(f"INSERT INTO {target} ({listed}) {change.select(columns, source)}")
                restamp(con, "fresh")
                con.execute("CHECKPOINT fresh")
                con.execute("DETACH fresh")
            con.execute("DETACH stored")
        if touched:
            fresh.chmod(0o600)
            os.utime(fresh, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            sync_file(fresh)
            put_in_place(fresh, path)
    except duckdb.Error as error:
        if "No space" in str(error):
            raise OSError(28, os.strerror(28)) from None
        raise C360Error(
            f"{path.name} cannot be rewritten ({type(error).__name__}); if it is damaged, remove "
            "it, then run again"
        ) from None
    finally:
        for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            left.unlink(missing_ok=True)
    return touched


def _spill(path: Path) -> Path:
    folder = path.parent.parent if path.parent.name == "history" else path.parent
    return private_folder(folder.parent / ".tmp")


def _change(
    con: duckdb.DuckDBPyConnection,
    changes: Changes,
    source: str,
    tables: dict[str, dict[str, str]],
) -> Change:
    """What is to be done to a table of the file, whose tables are `tables`."""
    columns = tables[source]
    _, schema, table = (part.strip('"') for part in source.split('"."'))
    physical = table if schema == "domain" else ""
    keys = source.replace(f'"{BLOCKS}"', f'"{BLOCKING_KEYS}"')
    beside = keys if keys in tables else None
    change = changes.by_keys(con, table, columns, source, physical, beside)
    return changes.by_values(con, columns, source, change)


def erase_file(path: Path, work: Work, searcher: Searcher) -> str:
    """Take the values out of one file that holds some, and say what was done: `rewritten`,
    `removed`, or empty where nothing was found.
    """
    if not searcher.is_in(path):
        return ""
    database = path.with_name(path.name.removesuffix("-wal"))
    if database != path and database.exists():
        # A log that programs have open; the database takes it in.
        _erase_sqlite(database, searcher)
        return "rewritten"
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"SQLite format 3\0"):
        _erase_sqlite(path, searcher)
        return "rewritten"
    if head.startswith(b"PAR1"):
        _erase_parquet(path, work)
        return "rewritten"
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        path.unlink()
        return "removed"
    suffix = path.suffix.lower()
    if suffix in LINES:
        cleaned = _without_lines(text, searcher)
    elif suffix in TABLES:
        cleaned = _without_records(text, "\t" if suffix == ".tsv" else ",", searcher)
    else:
        cleaned = _replaced(text, searcher)
    if searcher.patterns.are_in(cleaned.encode()):
        path.unlink()  # UTF-16 of Latin letters is UTF-8 too, of which nothing was replaced
        return "removed"
    write_private(path, cleaned)
    return "rewritten"


def _hits(texts: list[str], searcher: Searcher) -> list[bool]:
    holders = set(searcher.patterns.holders(pl.Series(texts, dtype=pl.String)))
    return [text in holders for text in texts]


def _without_lines(text: str, searcher: Searcher) -> str:
    lines = text.splitlines(keepends=True)
    flagged = _hits(lines, searcher)
    return "".join(line for line, hit in zip(lines, flagged, strict=True) if not hit)


def _without_records(text: str, delimiter: str, searcher: Searcher) -> str:
    """A record may run over several lines, so it is read as CSV; the header stays."""
    csv.field_size_limit(1 << 30)
    records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    flagged = _hits(["\n".join(record) for record in records], searcher)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    for number, (record, hit) in enumerate(zip(records, flagged, strict=True)):
        if not hit or number == 0:
            writer.writerow(record)
    return out.getvalue()


def _replaced(text: str, searcher: Searcher) -> str:
    """The longest texts first: one may stand inside another, such as in one of somebody else."""
    others = spellings(searcher.others)
    longest_first = sorted(spellings(searcher.values) | others, key=len, reverse=True)
    parts = pl.Series([text]).str.extract_many(longest_first, overlapping=True).to_list()[0]
    found = sorted(set(parts), key=len, reverse=True)
    if not found:
        return text
    return re.sub(
        "|".join(map(re.escape, found)),
        lambda match: match[0] if match[0] in others else FORGOTTEN,
        text,
    )


def _erase_sqlite(path: Path, searcher: Searcher) -> None:
    """Replace the values in a database of the orchestrator, and give its blocks back."""
    with closing(sqlite3.connect(path, timeout=60)) as con:
        con.execute("PRAGMA secure_delete = ON")
        for table, columns in list(sqlite_tables(con)):
            for column in columns:
                name = quote_ident(column)
                rows = con.execute(
                    f"SELECT rowid, {name} FROM {quote_ident(table)} WHERE typeof({name}) = 'text'"
                ).fetchall()
                if not rows:
                    continue
                flagged = _hits([text for _, text in rows], searcher)
                changed = [
                    (_replaced(text, searcher), rowid)
                    for (rowid, text), hit in zip(rows, flagged, strict=True)
                    if hit
                ]
                statement = f"UPDATE {quote_ident(table)} SET {name} = ? WHERE rowid = ?"
                con.executemany(statement, changed)
        con.commit()
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.execute("VACUUM")


def _erase_parquet(path: Path, work: Work) -> None:
    """An export: rows of theirs go, as from a table."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with duckdb.connect() as con:
            register_work(con, work)
            source = f"read_parquet({quote_path(path)})"
            described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            columns = {row[0]: row[1] for row in described}
            changes = Changes(work)
            change = changes.by_keys(con, path.stem, columns, source)
            change = changes.by_values(con, columns, source, change)
            query = change.select(list(columns), source)
            con.execute(f"COPY ({query}) TO {quote_literal(str(aside))} (FORMAT parquet)")
        aside.chmod(0o600)
        sync_file(aside)
        put_in_place(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def clear_folder(folder: Path) -> None:
    """Remove what a run left in its working folder; the caller owns the tenant."""
    for left in folder.glob("*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)

"""Database files that came from elsewhere: a backup may hold people who were forgotten since.

A file is known as clean by its size and the time of its last change. Tables that came back with a
backup are for `forget`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl

from c360_assets.privacy.search import duckdb_tables
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.session import private_folder
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.warehouse.suppression import (
    SEPARATOR,
    Suppression,
    privacy_folder,
)

# A key that is an e-mail address was blanked to a keyed hash.
KEYED_HASH = "[0-9a-f]{64}"
VALUES = ("given_name", "surname", "full_name", "email", "phone", "address")
Stamp = list[int]


def _known_path(root: Path) -> Path:
    return privacy_folder(root) / "clean_files.json"


def _stamps(root: Path) -> dict[str, Stamp]:
    return {
        path.relative_to(root).as_posix(): [path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted((root / "activated").rglob("*.duckdb"))
    }


def note_clean(root: Path) -> None:
    """Remember every database file as it is now as one that holds nobody who was forgotten."""
    write_private(_known_path(root), json.dumps(_stamps(root)) + "\n")


def unknown_files(root: Path) -> list[Path]:
    """Database files that are not known to be clean."""
    path = _known_path(root)
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    # A file that was kept is the one that was published, under another name.
    stamps = [tuple(stamp) for stamp in known.values()]
    return [root / name for name, stamp in _stamps(root).items() if tuple(stamp) not in stamps]


def drop_returned_files(tenant: Tenant, suppression: Suppression) -> list[str]:
    """Remove database files that hold people who were forgotten, and know the others."""
    dropped = []
    for path in unknown_files(tenant.root):
        if _holds_forgotten(path, tenant, suppression):
            path.unlink()
            dropped.append(path.relative_to(tenant.root).as_posix())
    note_clean(tenant.root)
    return dropped


def _holds_forgotten(path: Path, tenant: Tenant, suppression: Suppression) -> bool:
    try:
        return _finds(path, tenant, suppression)
    except duckdb.Error:
        pass
    # Somebody has it open to write, such as a client that was not told to read only.
    with TemporaryDirectory(dir=private_folder(tenant.root / ".tmp")) as aside:
        copy = Path(shutil.copy2(path, aside))
        try:
            return _finds(copy, tenant, suppression)
        except duckdb.Error:
            return True  # what cannot be read cannot be shown to be clean


def _finds(path: Path, tenant: Tenant, suppression: Suppression) -> bool:
    """Raises duckdb.Error where the file cannot be read."""
    names = {table.physical: table.name for table in tenant.tables}
    with duckdb.connect() as con:
        con.execute(f"ATTACH {quote_literal(str(path))} AS checked (READ_ONLY)")
        for kind, query in _keys(con, names):
            texts = con.sql(query).pl()["text"]
            hits = suppression.hits(con, kind, texts)  # type: ignore[arg-type]
            if (hits["mode"] == "delete").any():
                return True
        return _holds_blanked(con, suppression)


def _keys(con: duckdb.DuckDBPyConnection, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Queries of all source keys and ids in a file, as they are hashed."""
    for source, columns in duckdb_tables(con, "checked"):
        table = source.split('"."')[-1].strip('"')
        if {"datasource", "pk"} <= columns.keys():
            yield "record", f"SELECT DISTINCT datasource || chr(31) || pk AS text FROM {source}"
        elif "_pk" in columns and table in names:
            name = quote_literal(names[table] + SEPARATOR)
            yield "record", f"SELECT DISTINCT {name} || _pk AS text FROM {source}"
        if "amperity_id" in columns:
            yield "person", f"SELECT DISTINCT amperity_id AS text FROM {source}"


def _holds_blanked(con: duckdb.DuckDBPyConnection, suppression: Suppression) -> bool:
    """Whether a record that was blanked has values in the file."""
    for source, columns in duckdb_tables(con, "checked"):
        filled = [
            f"NOT regexp_full_match({quote_ident(name)}, '{KEYED_HASH}')"
            for name in VALUES
            if name in columns
        ]
        if not {"datasource", "pk"} <= columns.keys() or not filled:
            continue
        texts = con.sql(
            f"SELECT DISTINCT datasource || chr(31) || pk AS text FROM {source} "
            f"WHERE {' OR '.join(filled)}"
        ).pl()["text"]
        hits = suppression.hits(con, "record", texts)
        if not hits.filter(pl.col("mode") == "delete_pii").is_empty():
            return True
    return False

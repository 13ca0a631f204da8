"""Databases that came from elsewhere: a backup may hold people who were forgotten since.

A file is known as clean by its size and the time of its last change, a publication of a lake by the
names of its files, which are made of what they hold. Tables that came back with a
backup are for `forget`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl

from c360_assets.customer_360.publication.lakes import all_lakes
from c360_assets.ingest.forgotten_stored import stored_rows
from c360_assets.ingest.personal_columns import meanings
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.lake_document import Document
from c360_assets.warehouse.publications import (
    OPENED,
    FilePublication,
    LakePublication,
    Publication,
)
from c360_assets.warehouse.session import private_folder
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import (
    Kind,
    Suppression,
    privacy_folder,
)

# A key that is an e-mail address was blanked to a keyed hash.
KEYED_HASH = "[0-9a-f]{64}"
VALUES = ("given_name", "surname", "full_name", "email", "phone", "address")
Stamp = list[int]
Tables = Mapping[str, Mapping[str, str]]  # FROM item -> column -> type


def _known_path(root: Path) -> Path:
    return privacy_folder(root) / "clean_files.json"


def _stamps(root: Path) -> dict[str, Stamp]:
    return {
        path.relative_to(root).as_posix(): [path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted((root / "activated").rglob("*.duckdb"))
    }


def note_clean(tenant: Tenant) -> None:
    """Remember every database as it is now as one that holds nobody who was forgotten."""
    root = tenant.root
    write_private(_known_path(root), json.dumps(_stamps(root)) + "\n")
    clean = sorted({_stamp(one.document) for one in _publications(tenant)})
    write_private(_known_lakes_path(root), json.dumps(clean) + "\n")


def _known_lakes_path(root: Path) -> Path:
    return privacy_folder(root) / "clean_lakes.json"


def _publications(tenant: Tenant) -> list[LakePublication]:
    """What is published and kept in all lakes."""
    found = []
    for lake in all_lakes(tenant):
        published = lake.published()
        if published is not None:
            found.append(LakePublication.of(lake, published, None))
        found += [LakePublication.of(lake, one, number) for number, one in lake.kept().items()]
    return found


def _stamp(document: Document) -> str:
    return fingerprint(sorted(document.files))


def unknown_publications(tenant: Tenant) -> list[LakePublication]:
    """Publications of lakes that are not known to be clean."""
    path = _known_lakes_path(tenant.root)
    known = set(json.loads(path.read_text("utf-8"))) if path.exists() else set()
    return [one for one in _publications(tenant) if _stamp(one.document) not in known]


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
        if _holds_forgotten(FilePublication.of(path, None), tenant, suppression):
            path.unlink()
            dropped.append(path.relative_to(tenant.root).as_posix())
    for one in unknown_publications(tenant):
        if _holds_forgotten(one, tenant, suppression):
            one.lake.remove(one.number)
            one.lake.remove_unnamed(one.lake.documents())
            dropped.append(one.name)
    note_clean(tenant)
    return dropped


def _holds_forgotten(publication: Publication, tenant: Tenant, suppression: Suppression) -> bool:
    try:
        return _finds(publication, tenant, suppression)
    except duckdb.Error:
        if not isinstance(publication, FilePublication):
            return True  # what cannot be read cannot be shown to be clean
        # Somebody has it open to write, such as a client that was not told to read only.
        with TemporaryDirectory(dir=private_folder(tenant.root / ".tmp")) as aside:
            copy = Path(shutil.copy2(publication.path, aside))
            try:
                return _finds(FilePublication.of(copy, None), tenant, suppression)
            except duckdb.Error:
                return True


def _finds(publication: Publication, tenant: Tenant, suppression: Suppression) -> bool:
    """Raises duckdb.Error where the database cannot be read."""
    known = meanings(tenant)
    with publication.opened() as con:
        tables = dict(publication.stored_tables(con, OPENED))
        for source, columns in tables.items():
            meaning = known.get(source.split('"."')[-1].strip('"'))
            if meaning is None or not {"_pk", "_updated"} <= columns.keys():
                continue
            if stored_rows(con, suppression, tenant, meaning, source, columns):
                return True
        # Only rows of source tables say when they were delivered.
        never = suppression.without_let_in()
        for kind, query in _keys(tables):
            texts = con.sql(query).pl()["text"]
            hits = never.hits(con, kind, texts)
            if (hits["mode"] == "delete").any():
                return True
        return _holds_blanked(con, tables, never)


def _keys(tables: Tables) -> Iterator[tuple[Kind, str]]:
    """Queries of the source keys and ids in tables that are made of others, as they are hashed."""
    for source, columns in tables.items():
        if {"datasource", "pk"} <= columns.keys():
            yield "record", f"SELECT DISTINCT datasource || chr(31) || pk AS text FROM {source}"
        if "amperity_id" in columns:
            yield "person", f"SELECT DISTINCT amperity_id AS text FROM {source}"


def _holds_blanked(
    con: duckdb.DuckDBPyConnection, tables: Tables, suppression: Suppression
) -> bool:
    """Whether a record that was blanked has values in the database."""
    for source, columns in tables.items():
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

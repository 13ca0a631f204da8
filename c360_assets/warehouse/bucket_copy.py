"""A copy of the tables of a bucket in a folder of this machine, and the way back.

Data files never change, so that a copy needs no lock: the manifest is read first and stands in the
copy last, and everything that it names is there. Which tables there are belongs to `manifest`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import bucket_at
from c360_assets.warehouse.files import private_folder, write_private
from c360_assets.warehouse.lease import held_lease
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.move import copy_files, missing_files
from c360_assets.warehouse.place import MANIFEST, Place, place_of
from c360_assets.warehouse.storage import (
    files_below,
    is_of_a_table,
    is_whole,
    read_manifest,
    save_manifest,
)
from c360_assets.wording import counted


@dataclass(frozen=True)
class CopiedBucket:
    """What was copied, or put back: tables of the manifest, files, bytes. `is_current`: the bucket
    has a manifest of its own, which stays."""

    address: str
    folder: str
    tables: int
    files: int
    size: int
    is_current: bool = False


def copy_bucket(root: Path, folder: Path) -> CopiedBucket:
    """Copy the tables of the tenant at `root` into a new folder.

    Raises C360Error where something is in the folder already, or was removed from the bucket
    meanwhile.
    """
    place = _place(root)
    if folder.exists() and any(folder.iterdir()):
        raise C360Error(f"{folder} is not empty: name a new folder")
    bucket = bucket_at(place.address)
    found = read_manifest(bucket, place)
    if found.etag is None or found.has_left:
        raise C360Error(f"{place.address} holds no tables")
    stored = list(filter(is_of_a_table, bucket.stored()))
    private_folder(folder)
    with _removed_on_failure(folder):
        names = [file.name for file in stored]
        copy_files(lambda name: bucket.download(name, folder / name), names)
        _require_whole(place, found.manifest, folder)
        write_private(folder / MANIFEST, found.manifest.text(tenant=place.tenant_id))
    size = sum(file.size for file in stored)
    return CopiedBucket(place.address, str(folder), len(found.manifest.tables), len(stored), size)


def restore_bucket(root: Path, folder: Path) -> CopiedBucket:
    """Put a copy back: what the bucket lacks, or has in another size. A manifest that is there
    stays; the caller owns the tenant.

    Raises C360Error where the folder is no copy of this tenant's tables.
    """
    place = _place(root)
    path = folder / MANIFEST
    if not path.is_file():
        raise C360Error(f"{folder} is no copy of tables: it has no {MANIFEST}")
    if f'"tenant": "{place.tenant_id}"' not in path.read_text("utf-8"):
        raise C360Error(f"{folder} holds the tables of another tenant")
    manifest = Manifest.load(path)
    bucket = bucket_at(place.address)
    lease = held_lease(place.address)
    assert lease is not None, "the caller owns the tenant"
    found = read_manifest(bucket, place)
    copied = list(filter(is_of_a_table, files_below(folder)))
    wanted = set(missing_files(copied, bucket.stored()))
    is_current = not found.is_empty
    if is_current:
        there = {file.name for file in bucket.stored()}
        # Logs of a bucket that is in use are longer by now.
        wanted = {name for name in wanted if name not in there or name.endswith(".parquet")}
    put = [file for file in copied if file.name in wanted]
    copy_files(lambda name: bucket.upload(folder / name, name), [file.name for file in put])
    if not is_current:
        save_manifest(bucket, place, lease, manifest, found.etag)
    size = sum(file.size for file in put)
    tables = found.manifest.tables if is_current else manifest.tables
    return CopiedBucket(place.address, str(folder), len(tables), len(put), size, is_current)


def _place(root: Path) -> Place:
    place = place_of(root)
    if place is None:
        raise C360Error(
            "the tables are in the folder warehouse/, and a copy of the tenant's folder holds them"
        )
    return place


@contextmanager
def _removed_on_failure(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _require_whole(place: Place, manifest: Manifest, folder: Path) -> None:
    """Raise C360Error where the copy lacks a data file that the manifest names."""
    named = [
        f"{table}/{name}"
        for table, state in manifest.tables.items()
        if state.rows
        for name in state.files or ()
    ]
    lost = [name for name in named if not is_whole(folder / name)]
    if lost:
        raise C360Error(
            f"missing or damaged: {counted(len(lost), 'file')} of {place.address}, such as "
            f"{lost[0]}: copy again, as a run may have removed them meanwhile; if they still are, "
            "`c360 "
            "warehouse restore` puts them back from an earlier copy"
        )

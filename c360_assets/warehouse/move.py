"""Moves the tables to the place that the settings name: from the folder to a bucket, back, or from
one bucket to another; whole or not at all.

Every file goes, of earlier versions too, then the manifest, then what says where the tables are. A
move that was killed is ended by the next: until then nothing is written at either place, as each
opening refuses (`place.require_place`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import Bucket, StoredFile, bucket_at
from c360_assets.warehouse.lease import Lease, held_lease
from c360_assets.warehouse.lock import own_bucket, release_bucket
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.place import (
    FOLDER,
    MANIFEST,
    Place,
    mark,
    marked_address,
    place_of,
    unmark,
)
from c360_assets.warehouse.storage import (
    COPIES_AT_ONCE,
    LEFT,
    LOG,
    files_below,
    is_of_a_table,
    is_own,
    read_manifest,
    save_manifest,
)


@dataclass(frozen=True)
class Moved:
    """What a move came to: from where to where, how many tables and files, bytes together.

    `kept_versions` is of how many objects a bucket keeps earlier versions of what was taken away,
    None where it does not say.
    """

    source: str
    target: str
    tables: int
    files: int
    size: int
    kept_versions: int | None = 0


def move_warehouse(root: Path, tenant_id: str, source: str = "") -> list[Moved]:
    """Take the tables of the tenant at `root` to where its settings name them; returns the moves,
    none where they are there.

    `source` is the bucket that holds them, where this machine does not know it. The caller owns the
    tenant. Raises C360Error where other tables are at the target.
    """
    folder = root / FOLDER
    target = place_of(root)
    marked = marked_address(folder)
    is_here = (folder / MANIFEST).exists()
    if source and marked and source != marked:
        raise C360Error(f"the tables are in {marked}, not in {source}")
    if source and is_here and not marked:
        raise C360Error(f"{folder} holds tables of its own: set it aside first")
    source = marked or source
    moves = []
    if source and (target is None or source != target.address):
        moves.append(_to_folder(folder, Place(source, tenant_id)))
        is_here = True
    if target is not None and is_here:
        moves.append(_to_bucket(folder, target))
    return moves


def _to_folder(folder: Path, place: Place) -> Moved:
    """The bucket is the truth until its manifest says that the tables have left."""
    bucket = bucket_at(place.address)
    with _owned(place) as lease:
        found = read_manifest(bucket, place)
        stored = list(filter(is_of_a_table, bucket.stored()))
        if not found.is_empty:
            mark(folder, place.address)
            copy_files(
                lambda name: bucket.download(name, folder / name),
                missing_files(stored, files_below(folder)),
            )
            there = {file.name for file in stored}
            for file in filter(is_of_a_table, files_below(folder)):
                if file.name not in there:
                    (folder / file.name).unlink()
            found.manifest.save(folder / MANIFEST)
            save_manifest(bucket, place, lease, Manifest(), found.etag, **{LEFT: "yes"})
        elif not (folder / MANIFEST).exists():
            raise C360Error(f"{place.address} holds no tables")
        bucket.remove([file.name for file in stored])
        kept = _versions_kept(bucket)
        unmark(folder)
    manifest = Manifest.load(folder / MANIFEST)
    size = sum(file.size for file in stored)
    return Moved(place.address, f"{folder.name}/", len(manifest.tables), len(stored), size, kept)


def _to_bucket(folder: Path, place: Place) -> Moved:
    """The folder is the truth until the bucket has a manifest."""
    bucket = bucket_at(place.address)
    lease = held_lease(place.address)
    assert lease is not None, "the caller owns the tenant"
    manifest = Manifest.load(folder / MANIFEST)
    found = read_manifest(bucket, place)
    files = list(filter(is_of_a_table, files_below(folder)))
    if found.is_empty:
        there = list(filter(is_of_a_table, bucket.stored()))
        copy_files(lambda name: bucket.upload(folder / name, name), missing_files(files, there))
        # Of an earlier attempt, after which work went on here.
        names = {file.name for file in files}
        bucket.remove([file.name for file in there if file.name not in names])
        save_manifest(bucket, place, lease, manifest, found.etag)
    elif found.manifest != manifest and marked_address(folder) != place.address:
        raise C360Error(
            f"{place.address} holds other tables of this tenant than {folder}: name an empty "
            f"folder of the bucket; if those there are the newer ones, delete {folder / MANIFEST}"
        )
    mark(folder, place.address)
    (folder / MANIFEST).unlink()
    for log in sorted(folder.rglob(LOG)):
        shutil.rmtree(log)
    size = sum(file.size for file in files)
    return Moved(f"{folder.name}/", place.address, len(manifest.tables), len(files), size)


@contextmanager
def _owned(place: Place) -> Iterator[Lease]:
    """The lease of a bucket that is not the tenant's any more, or not yet."""
    message = own_bucket(place, "`c360 warehouse move`")
    lease = held_lease(place.address)
    if lease is None:
        raise C360Error(message)
    try:
        yield lease
    finally:
        release_bucket(place.address)


def missing_files(wanted: Sequence[StoredFile], there: Sequence[StoredFile]) -> list[str]:
    """Names of files that are not there, or may not be the same: the name and size of a data file
    tell its content, those of a log do not."""
    sizes = {file.name: file.size for file in there}
    return [
        file.name for file in wanted if f"/{LOG}/" in file.name or sizes.get(file.name) != file.size
    ]


def copy_files(copy_one: Callable[[str], None], names: Sequence[str]) -> None:
    with ThreadPoolExecutor(COPIES_AT_ONCE) as at_once:
        list(at_once.map(copy_one, names))


def _versions_kept(bucket: Bucket) -> int | None:
    try:
        return bucket.drop_old_versions(is_own).kept
    except C360Error:
        return None

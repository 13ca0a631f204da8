"""The store behind a warehouse: the folder of a tenant, or a bucket of which that folder keeps
copies.

Data files are written once under a name of their own and never changed, so that the engine always
reads and writes files of this machine: those of a bucket are brought when they are asked for, and
put there before a commit names them. Where a tenant's tables are is `place`; what they are, and
which version is current, belongs to `session` and `manifest`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import Bucket, ChangedError, SameError, StoredFile, bucket_at
from c360_assets.warehouse.delta import DeltaPlace
from c360_assets.warehouse.files import private_folder
from c360_assets.warehouse.lease import (
    LEASE,
    PROBE,
    Lease,
    held_lease,
    require_conditions,
    require_own_folder,
)
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.place import (
    MANIFEST,
    MARK,
    MOVE,
    Place,
    mark,
    place_of,
    require_place,
)
from c360_assets.warehouse.sealed_files import is_unchanged

COPIES_AT_ONCE = 8
LONGEST_DOWNLOAD = 3600.0  # seconds
LOG = "_delta_log"
DATA_MARK = b"PAR1"  # of a Parquet file
LEFT = "moved"  # the key of a manifest whose tables are elsewhere now


class Storage(Protocol):
    """What a warehouse asks of its store; `root` is the folder of data files on this machine.

    Names are paths below the warehouse, as objects and files have alike.
    """

    root: Path

    def load(self) -> Manifest:
        """The manifest as it is now."""

    def save(self, manifest: Manifest) -> None:
        """Replace the manifest that was loaded last."""

    def delta(self, table: str) -> DeltaPlace:
        """The Delta table of that name."""

    def bring(self, names: Sequence[str]) -> None:
        """Have these data files on this machine."""

    def put(self, names: Sequence[str]) -> None:
        """Have these new data files of this machine where others find them."""

    def stored(self) -> list[StoredFile]:
        """Every file, by name."""

    def text(self, name: str) -> str:
        """The content of a file of a log."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove files, here and where others find them."""

    def drop_old_versions(self) -> int:
        """Remove what the store itself keeps of removed files; of how many it still keeps some."""

    def copies_of_rest(self, folder: Path) -> list[Path]:
        """Copies below `folder` of what is stored and not on this machine."""


def storage_of(folder: Path) -> Storage:
    """The store of the tenant whose folder `warehouse/` is `folder`.

    Raises C360Error where the tables are not where its settings say.
    """
    place = place_of(folder.parent)
    require_place(folder, place)
    if place is None:
        return FolderStorage(folder)
    return BucketStorage(folder, place, bucket_at(place.address))


def require_usable(folder: Path) -> None:
    """Raise C360Error where the tables of the tenant whose folder `warehouse/` is `folder` could
    not be read and written at the place that its settings name."""
    storage = storage_of(folder)
    if isinstance(storage, BucketStorage):
        storage.load()
        if storage.bucket.read(LEASE) is None:
            require_own_folder(storage.bucket)
        require_conditions(storage.bucket)


class FolderStorage:
    """A folder of this machine, which is the truth itself."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self) -> Manifest:
        return Manifest.load(self.root / MANIFEST)

    def save(self, manifest: Manifest) -> None:
        manifest.save(self.root / MANIFEST)

    def delta(self, table: str) -> DeltaPlace:
        return DeltaPlace(str(self.root / table))

    def bring(self, names: Sequence[str]) -> None:
        """They are here."""
        for name in names:
            if not is_whole(self.root / name):
                raise C360Error(
                    f"{self.root / name} is missing or damaged: put back the folder warehouse/ of "
                    "your last backup, then run again; what is published stays"
                )

    def put(self, names: Sequence[str]) -> None:
        """They are there."""

    def stored(self) -> list[StoredFile]:
        return files_below(self.root)

    def text(self, name: str) -> str:
        return (self.root / name).read_text("utf-8")

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            (self.root / name).unlink(missing_ok=True)

    def drop_old_versions(self) -> int:
        return 0

    def copies_of_rest(self, folder: Path) -> list[Path]:
        return []


class BucketStorage:
    """A bucket, which is the truth; `root` keeps copies of its data files."""

    def __init__(self, root: Path, place: Place, bucket: Bucket) -> None:
        self.root = root
        self.place = place
        self.bucket = bucket
        self._etag: str | None = None

    def load(self) -> Manifest:
        """Raises C360Error where it is damaged, or the manifest of another tenant."""
        found = read_manifest(self.bucket, self.place)
        if found.has_left:
            raise C360Error(
                f"the tables have left {self.place.address} by {MOVE}: name their new place in "
                "tenant.yaml, or run it there to take them back"
            )
        self._etag = found.etag
        return found.manifest

    def save(self, manifest: Manifest) -> None:
        """Raises C360Error where another run has taken the tenant over: nothing is saved."""
        lease = held_lease(self.place.address)
        if lease is None:
            raise C360Error(
                f"the tables in {self.place.address} are written only by who owns the tenant"
            )
        # Looked at after the manifest was read: whoever takes the lease over later puts the
        # manifest again before anything else, and then this put finds another one.
        lease.require()
        self._etag = save_manifest(self.bucket, self.place, lease, manifest, self._etag)
        mark(self.root, self.place.address)

    def delta(self, table: str) -> DeltaPlace:
        return DeltaPlace(f"{self.place.address}/{table}", self.bucket.delta_options())

    def bring(self, names: Sequence[str]) -> None:
        missing = [name for name in names if not is_whole(self.root / name)]
        if not missing:
            return
        private_folder(self.root)
        mark(self.root, self.place.address)
        with ThreadPoolExecutor(COPIES_AT_ONCE) as at_once:
            list(at_once.map(self._bring, missing))

    def _bring(self, name: str) -> None:
        problem = ""
        try:
            self.bucket.download(name, self.root / name)
        except FileNotFoundError:
            problem = "is missing"
        else:
            if not is_whole(self.root / name):
                (self.root / name).unlink()
                problem = "is damaged"
        if problem:
            raise C360Error(
                f"{self.place.address}/{name} {problem}: put back what is missing by "
                "`c360 warehouse restore COPY`, or in a bucket with versions the last one of that "
                "object, then run again; what is published stays"
            )

    def put(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(COPIES_AT_ONCE) as at_once:
            list(at_once.map(lambda name: self.bucket.upload(self.root / name, name), names))

    def stored(self) -> list[StoredFile]:
        """Only files of tables: others that somebody put there are not ours to remove."""
        return list(filter(is_of_a_table, self.bucket.stored()))

    def text(self, name: str) -> str:
        content = self.bucket.read(name)
        if content is None:
            raise C360Error(f"{self.place.address}/{name} is missing")
        return content.body.decode()

    def remove(self, names: Sequence[str]) -> None:
        self.bucket.remove(names)
        for name in names:
            (self.root / name).unlink(missing_ok=True)

    def drop_old_versions(self) -> int:
        return self.bucket.drop_old_versions(is_own).kept

    def copies_of_rest(self, folder: Path) -> list[Path]:
        here = {file.name: file.size for file in files_below(self.root)}
        rest = [file.name for file in self.bucket.stored() if here.get(file.name) != file.size]
        for name in rest:
            with suppress(FileNotFoundError):
                self.bucket.download(name, folder / name)
        return [folder / name for name in rest if (folder / name).exists()]

    def stray_copies(self, stored: Sequence[StoredFile]) -> list[StoredFile]:
        """Files of this machine that are none of the bucket's, which are `stored`."""
        there = {file.name for file in stored} | {MARK}
        begun_since = time.time() - LONGEST_DOWNLOAD
        return [
            file
            for file in files_below(self.root)
            if file.name not in there
            and not (file.name.endswith(".new") and file.modified >= begun_since)
        ]


def is_whole(path: Path) -> bool:
    """Whether a data file is there and as it was written: with its mark at both ends."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(DATA_MARK)) == DATA_MARK
            length = file.seek(0, os.SEEK_END)
            file.seek(max(length - len(DATA_MARK), 0))
            if not (begins and length > 2 * len(DATA_MARK) and file.read() == DATA_MARK):
                return False
        return is_unchanged(path)
    except FileNotFoundError:
        return False


def is_of_a_table(file: StoredFile) -> bool:
    """Whether a file is one that this program writes for a table: data, or of its log."""
    folder, _, name = file.name.rpartition("/")
    is_log = folder.endswith(f"/{LOG}")
    is_data = name.startswith("part-") and name.endswith(".parquet")
    return bool(folder) and (is_log or is_data)


def is_own(name: str) -> bool:
    """Whether an object of that name is one that this program puts."""
    is_named = name in (MANIFEST, LEASE) or name.startswith(PROBE)
    return is_named or is_of_a_table(StoredFile(name, 0, 0.0))


def files_below(root: Path) -> list[StoredFile]:
    """Every file below a folder, by name."""
    files = []
    for folder, _, names in os.walk(root):
        below = Path(folder).relative_to(root).as_posix()
        for name in names:
            with suppress(FileNotFoundError):
                stat = os.stat(os.path.join(folder, name))
                path = name if below == "." else f"{below}/{name}"
                files.append(StoredFile(path, stat.st_size, stat.st_mtime))
    return sorted(files)


@dataclass(frozen=True)
class Found:
    """The manifest in a bucket and its ETag, None where there is none yet; and whether it only says
    that the tables have left."""

    etag: str | None
    manifest: Manifest
    has_left: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.manifest.tables and not self.manifest.meta


# Place -> what was read last. Manifests are not changed.
_found: dict[Place, Found] = {}


def read_manifest(bucket: Bucket, place: Place) -> Found:
    """The manifest in a bucket as it is now.

    Raises C360Error where it is damaged or another tenant's.
    """
    known = _found.get(place)
    try:
        content = bucket.read(MANIFEST, unless=known.etag if known is not None else None)
    except SameError:
        assert known is not None
        return known
    if content is None:
        return Found(None, Manifest())
    text = content.body.decode("utf-8", "replace")
    try:
        facts = json.loads(text)
        owner = str(facts["tenant"])
        found = Found(content.etag, Manifest.parse(text), LEFT in facts)
    except (ValueError, KeyError, TypeError):
        raise C360Error(
            f"{place.address}/{MANIFEST} is damaged: put back an earlier version of it; what is "
            "published stays"
        ) from None
    if owner != place.tenant_id:
        raise C360Error(
            f"{place.address} holds the tables of another tenant (id {owner}): name a folder of "
            "your own, as in warehouse: s3://bucket/brand"
        )
    _found[place] = found
    return found


def save_manifest(
    bucket: Bucket,
    place: Place,
    lease: Lease,
    manifest: Manifest,
    replaces: str | None,
    **more: str,
) -> str:
    """Put the manifest in place of the one with the ETag `replaces`; returns its own.

    Raises C360Error where that is no longer there.
    """
    text = manifest.text(tenant=place.tenant_id, holder=lease.token, **more)
    try:
        etag = bucket.put(MANIFEST, text.encode(), replaces)
    except ChangedError:
        raise lease.lost() from None
    _found[place] = Found(etag, manifest, LEFT in more)
    return etag


def fence(bucket: Bucket, place: Place, lease: Lease) -> None:
    """Put the manifest again as it is, so that who held the lease before can put none."""
    while True:
        found = read_manifest(bucket, place)
        more = {LEFT: "yes"} if found.has_left else {}
        text = found.manifest.text(tenant=place.tenant_id, holder=lease.token, **more)
        with suppress(ChangedError):
            bucket.put(MANIFEST, text.encode(), found.etag)
            return

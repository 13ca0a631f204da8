"""Where a tenant's tables are: in the folder `warehouse/`, or in the bucket of `tenant.yaml`.

Of `tenant.yaml` only the key `warehouse` is read here, and with it whose tables they are, so that
no opening of a warehouse can forget to ask; its form is checked where all settings are
(`tenant.check_tenant`). Where the tables are in a bucket, `warehouse/` keeps copies of the data
files that were read or written on this machine, and `in_bucket.json` there says of which bucket.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import yaml

from c360_assets.errors import C360Error
from c360_assets.warehouse.files import private_folder, write_private

SETTINGS = "tenant.yaml"
KEY = "warehouse"
FOLDER = "warehouse"
MANIFEST = "manifest.json"
MARK = "in_bucket.json"
MOVE = "`c360 warehouse move`"


@dataclass(frozen=True)
class Place:
    """A bucket and the folder in it (`s3://bucket/folder`), and the id of the tenant whose tables
    are there."""

    address: str
    tenant_id: str


def place_of(root: Path) -> Place | None:
    """The bucket that holds the tables of the tenant at `root`; None where its folder does.

    Raises C360Error where `tenant.yaml` cannot be read.
    """
    path = root / SETTINGS
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    identity = (str(path.resolve()), facts.st_ino, facts.st_mtime_ns, facts.st_size)
    if not _last or _last[0][0] != identity:
        _last[:] = [(identity, _read(path))]
    return _last[0][1]


# The place that was read last: sensors ask at each tick.
_last: list[tuple[tuple[str, int, int, int], Place | None]] = []


def has_warehouse(root: Path) -> bool:
    """Whether the tenant at `root` has a warehouse, be it an empty one."""
    return (root / FOLDER).is_dir() or place_of(root) is not None


def _read(path: Path) -> Place | None:
    try:
        text = path.read_text("utf-8")
        # To parse it takes longer than to open a warehouse of this machine.
        settings = yaml.safe_load(text) if _may_name_it(text) else {}
    except (OSError, ValueError, yaml.YAMLError):
        raise C360Error(f"{path} cannot be read; `c360 check` says where") from None
    address = settings.get(KEY) if isinstance(settings, dict) else None
    if address is None:
        return None
    if not isinstance(address, str) or not address.startswith("s3://"):
        raise C360Error(f"{path}: warehouse must be s3://bucket/folder; `c360 check` says more")
    return Place(address.rstrip("/"), _canonical(str(settings.get("id"))))


def _canonical(tenant_id: str) -> str:
    """An id in the one of its spellings that manifests have; `c360 check` refuses what is none."""
    try:
        return str(UUID(tenant_id))
    except ValueError:
        return tenant_id


def _may_name_it(text: str) -> bool:
    return any(KEY in line and not line.startswith("#") for line in text.splitlines())


def marked_address(folder: Path) -> str:
    """The address of the bucket of which the folder `warehouse/` keeps copies; empty where it is of
    none."""
    try:
        return str(json.loads((folder / MARK).read_text("utf-8"))["address"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError):
        raise C360Error(
            f"{folder / MARK} is damaged: delete the folder, which only keeps copies of what is in "
            f"the bucket, unless {folder / MANIFEST} is there"
        ) from None


def mark(folder: Path, address: str) -> None:
    """Note that the folder keeps copies of what is at the address."""
    if marked_address(folder) != address:
        write_private(private_folder(folder) / MARK, json.dumps({"address": address}) + "\n")


def unmark(folder: Path) -> None:
    """From now on the folder `warehouse/` holds the tables themselves."""
    (folder / MARK).unlink(missing_ok=True)


def require_place(folder: Path, place: Place | None) -> None:
    """Raise C360Error where the tables are not at the place that the settings name: to go on would
    start a new warehouse there."""
    marked = marked_address(folder)
    if place is None:
        if marked:
            raise C360Error(
                f"the tables are in {marked}, and {SETTINGS} names no `{KEY}:`; put it back, or "
                f"{MOVE} brings them to this machine"
            )
        return
    if (folder / MANIFEST).exists():
        raise C360Error(
            f"{SETTINGS} names {KEY}: {place.address}, and the tables are still in {folder}; "
            f"{MOVE} takes them there"
        )
    if marked and marked != place.address:
        raise C360Error(
            f"{SETTINGS} names {KEY}: {place.address}, and the tables are in {marked}; {MOVE} "
            f"takes them there. Are they there already, delete {folder}, which keeps copies only"
        )

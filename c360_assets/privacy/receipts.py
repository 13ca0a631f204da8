"""Receipts: what was forgotten, when, at whose request, and how it was proved, without a value.

A receipt is one JSON file, signed with a keyed hash (HMAC-SHA256) over its other lines: whoever
holds the tenant's key can tell that it was not changed.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.session import private_folder
from c360_assets.warehouse.suppression import Suppression, keyed_hash, privacy_folder

MARK = "privacy"  # the fact of the manifest that says up to which receipt the tables are clean


@dataclass
class Receipt:
    """One request that was carried out.

    `request` is the keyed hash of its id, empty for one from the command line. `rows` are counts by
    store, `remaining` the files in which the search still found a value, by store: landed files are
    not ours to write. `before` and `after` are content digests of the tables that changed. `key`
    names the key of the signature.
    """

    receipt: str
    at: str
    asked_by: str
    mode: str
    strategy: str
    people: int
    requests: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    searched: dict[str, int] = field(default_factory=dict)
    remaining: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    key: str = ""
    signature: str = ""

    @property
    def is_proved(self) -> bool:
        """Whether the search found nothing that is ours to take out."""
        return not set(self.remaining) - {"landed files", "configuration"}


def folder_of(root: Path) -> Path:
    return privacy_folder(root) / "receipts"


def next_number(root: Path) -> str:
    """The number of the next receipt: also those of work that is not done are given."""
    numbers = [
        int(path.stem)
        for folder in (folder_of(root), privacy_folder(root) / "open")
        for path in folder.glob("*.json")
        if path.stem.isdigit()
    ]
    return f"{max(numbers, default=0) + 1:06}"


def write_receipt(root: Path, receipt: Receipt, suppression: Suppression) -> Path:
    """Sign and store a receipt, in one step."""
    receipt.key = max(suppression.keys)
    receipt.signature = _signature(receipt, suppression.keys[receipt.key])
    folder = private_folder(folder_of(root))
    path = folder / f"{receipt.receipt}.json"
    write_private(path, json.dumps(asdict(receipt), indent=1) + "\n")
    return path


def read_receipts(root: Path) -> list[Receipt]:
    """All receipts, oldest first."""
    return [
        Receipt(**json.loads(path.read_text("utf-8")))
        for path in sorted(folder_of(root).glob("*.json"))
    ]


def last_receipt(root: Path) -> str:
    """The number of the newest receipt, empty before the first."""
    return max((path.stem for path in folder_of(root).glob("*.json")), default="")


def is_genuine(receipt: Receipt, suppression: Suppression) -> bool:
    """Whether the receipt is as it was written."""
    key = suppression.keys.get(receipt.key)
    return key is not None and hmac.compare_digest(_signature(receipt, key), receipt.signature)


def _signature(receipt: Receipt, key: bytes) -> str:
    content: dict[str, Any] = {**asdict(receipt), "signature": ""}
    return keyed_hash(key, "receipt", json.dumps(content, sort_keys=True))

"""One piece of work: which rows of whom are to be forgotten, written down until it is done.

The file is what makes a killed `c360 forget` end as if it had not been killed. It holds the values
themselves, so it lives in `privacy/open/` (0600, a store of the list) and goes with the receipt.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.session import private_folder
from c360_assets.warehouse.suppression import Mode, privacy_folder

# Shorter values stand in too many places to say that they are somebody's.
CELL_LENGTH = 5
TEXT_LENGTH = 8
# The strategy of work on what came back with a backup: all of it is remembered already.
RESTORED = "restored"


@dataclass
class Work:
    """Who is to be forgotten, and where.

    `rows` are keys of domain tables by physical name, `records` the source keys (datasource, pk) of
    all of them. `ids` are the people all of whose records are concerned, `all_ids` everybody.
    `values` are texts that nobody else holds, each with what takes its place (empty: nothing).
    `others` are longer texts of those who stay in which one of the values stands.
    `suppress_email` and `suppress_phone` are cleaned contacts that nobody else holds,
    `suppress_fk` foreign keys (tag, compared form) of customers that nobody else names. `stitched`
    is how many records Stitch had of them. `pins` are the ids that blanked records keep, by source
    key; `new_keys` are source keys as they are and as blanking makes them. `received` is what
    receivers of campaigns know the people by: campaign, destination,
    address; `listed` their rows in files of lists: file, cells. `personal` are the columns of
    source tables that blanking empties. `requests` are keys of rows of compliance tables, by
    physical name, and their request ids.
    `notes` are sentences for the receipt about what cannot be reached from here.
    """

    receipt: str
    mode: Mode
    strategy: str
    asked_by: str
    rows: dict[str, list[str]] = field(default_factory=dict)
    records: list[tuple[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    all_ids: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    suppress_email: list[str] = field(default_factory=list)
    suppress_phone: list[str] = field(default_factory=list)
    suppress_fk: list[tuple[str, str]] = field(default_factory=list)
    stitched: int = 0
    pins: list[tuple[str, str, str]] = field(default_factory=list)
    new_keys: list[tuple[str, str, str]] = field(default_factory=list)
    received: list[tuple[str, str, str]] = field(default_factory=list)
    listed: list[tuple[str, list[str]]] = field(default_factory=list)
    requests: dict[str, list[str]] = field(default_factory=dict)
    request_ids: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)
    personal: dict[str, list[str]] = field(default_factory=dict)
    people: int = 0
    before: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def short_cells(self) -> list[str]:
        """Values that are told only where they are a whole cell."""
        return [value for value in self.values if CELL_LENGTH <= len(value) < TEXT_LENGTH]

    def texts(self) -> list[str]:
        """Values that are looked for inside longer texts."""
        return [value for value in self.values if len(value) >= TEXT_LENGTH]

    def save(self, root: Path) -> None:
        folder = private_folder(private_folder(privacy_folder(root)) / "open")
        write_private(folder / f"{self.receipt}.json", json.dumps(asdict(self)))

    def done(self, root: Path) -> None:
        (privacy_folder(root) / "open" / f"{self.receipt}.json").unlink(missing_ok=True)


def open_work(root: Path) -> list[Work]:
    """Work that was begun and not ended, oldest first."""
    return [_read(path) for path in sorted((privacy_folder(root) / "open").glob("*.json"))]


def _read(path: Path) -> Work:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    content["records"] = [tuple(record) for record in content["records"]]
    content["pins"] = [tuple(pin) for pin in content["pins"]]
    content["new_keys"] = [tuple(key) for key in content.get("new_keys", [])]
    content["received"] = [tuple(row) for row in content["received"]]
    content["listed"] = [tuple(row) for row in content.get("listed", [])]
    content["suppress_fk"] = [tuple(key) for key in content.get("suppress_fk", [])]
    return Work(**content)

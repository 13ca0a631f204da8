"""What a privacy officer asks first: what was done, what is open, where values are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE

from rich.console import Console
from rich.table import Table

from c360_assets.privacy.receipts import MARK, Receipt, is_genuine, last_receipt, read_receipts
from c360_assets.privacy.removals import pending_removals
from c360_assets.privacy.stores import all_files, store_of, stores
from c360_assets.privacy.work import open_work
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse
from c360_assets.warehouse.suppression import Suppression
from c360_assets.wording import counted

OTHERS = 0o077
NOT_OURS = ("landed files", "configuration")


@dataclass(frozen=True)
class StoreState:
    """One store as it is: files, bytes, and those that others than the owner may open."""

    name: str
    holds: str
    treatment: str
    stays: str
    files: int
    size: int
    open_to_others: int


@dataclass(frozen=True)
class PrivacyStatus:
    """The keys of `--json`. `removed` tells of tables and files that the settings no longer have,
    in which people stay; empty where there are none."""

    receipts: list[Receipt]
    forged: list[str]
    unfinished: list[str]
    pending: list[tuple[str, str]]
    remembered: dict[str, int]
    is_older_than_last_receipt: bool
    stores: list[StoreState]
    unknown_files: int
    removed: str


def privacy_status(tenant: Tenant, removed: str = "") -> PrivacyStatus:
    root = tenant.root
    suppression = Suppression.of(root)
    receipts = read_receipts(root)
    manifest = Warehouse.open(root / "warehouse").manifest
    last = last_receipt(root)
    counts = suppression.lines.group_by("kind").len().sort("kind")
    states, unknown = _stores(tenant)
    return PrivacyStatus(
        receipts,
        [receipt.receipt for receipt in receipts if not is_genuine(receipt, suppression)],
        [work.receipt for work in open_work(root)],
        pending_removals(root),
        dict(counts.iter_rows()),
        bool(last and manifest.tables) and manifest.meta.get(MARK, "") != last,
        states,
        unknown,
        removed,
    )


def _stores(tenant: Tenant) -> tuple[list[StoreState], int]:
    listed = stores(tenant)
    files = {store.name: [0, 0, 0] for store in listed}
    unknown = 0
    for path in all_files(tenant):
        store = store_of(tenant, path, listed)
        if store is None:
            unknown += 1
            continue
        stat = path.stat()
        figures = files[store.name]
        figures[0] += 1
        figures[1] += stat.st_size
        figures[2] += _is_exposed(path, tenant.root.resolve())
    states = [
        StoreState(store.name, store.holds, store.treatment, store.stays, *files[store.name])
        for store in listed
    ]
    return states, unknown


def _is_exposed(path: Path, root: Path) -> bool:
    """Whether others than the owner may open the file: no folder up to the tenant's keeps them
    out."""
    if not S_IMODE(path.stat().st_mode) & OTHERS:
        return False
    folders = [folder for folder in path.parents if folder.is_relative_to(root)]
    return all(S_IMODE(folder.stat().st_mode) & OTHERS for folder in folders)


def render(status: PrivacyStatus, console: Console) -> None:
    """Print the status for people."""
    if status.is_older_than_last_receipt:
        console.print(
            "the warehouse is older than the last receipt, as after a restored backup: the next "
            "run cleans it first",
            style="yellow",
        )
    for number in status.unfinished:
        console.print(f"receipt {number} is not ended: the next run ends it", style="yellow")
    for receipt, name in status.pending:
        console.print(f"receipt {receipt}: {name} has not confirmed the removal", style="yellow")
    for number in status.forged:
        console.print(f"receipt {number} is not as it was written", style="red")
    if status.receipts:
        console.print(_receipts(status.receipts))
    else:
        console.print("nobody was forgotten yet")
    if status.remembered:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in status.remembered.items())
        console.print(f"remembered by keyed hash: {kinds}")
    console.print(_store_table(status.stores))
    if status.removed:
        console.print(f"! {status.removed}", style="yellow", markup=False)
    if status.unknown_files:
        console.print(
            f"{counted(status.unknown_files, 'other file is', 'other files are')} of no store of "
            "personal values"
        )


def _receipts(receipts: list[Receipt]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("receipt", "when", "type", "asked by", "people", "found afterwards", "state"):
        table.add_column(heading)
    for one in receipts:
        found = ", ".join(f"{name} {count}" for name, count in one.remaining.items()) or "nothing"
        state = f"pending: {', '.join(one.pending)}" if one.pending else "closed"
        cells = (one.receipt, one.at, one.mode, one.asked_by, str(one.people), found, state)
        table.add_row(*cells)
    return table


def _store_table(states: list[StoreState]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("store", "files", "MiB", "forgetting", "open to others"):
        table.add_column(heading, overflow="fold")
    for state in states:
        if not state.files:
            continue
        mib = f"{state.size / 2**20:,.1f}"
        # Who may read what others deliver and a tenant writes, they decide.
        exposed = str(state.open_to_others) if state.name not in NOT_OURS else ""
        table.add_row(state.name, f"{state.files:,}", mib, state.treatment, exposed or "–")
    return table

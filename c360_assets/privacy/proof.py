"""The search that a forgetting ends with, and the receipt that says what it found.

What a receipt is and how it is signed belongs to `receipts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from c360_assets.customer_360.destinations import receivers_of_tables
from c360_assets.privacy.erase_lakes import search_remote_lakes
from c360_assets.privacy.receipts import Receipt
from c360_assets.privacy.removals import DELETION_FILES
from c360_assets.privacy.search import Searcher
from c360_assets.privacy.stores import LAKES, all_files, orchestrator_home, store_of, stores
from c360_assets.privacy.work import Work
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse, private_folder
from c360_assets.warehouse.storage import BucketStorage
from c360_assets.wording import counted

MOST_NAMED = 10


def prove(
    tenant: Tenant,
    work: Work,
    warehouse: Warehouse,
    searcher: Searcher,
    clean: Set[Path] = frozenset(),
    pending: Sequence[str] = (),
) -> Receipt:
    """Search every file for the values and say in a receipt what was found.

    `clean` are files in which the search found nothing before and which have not changed since,
    `pending` the receivers that did not take the removal.
    """
    own = tenant.root.resolve() / "privacy"
    with TemporaryDirectory(dir=private_folder(tenant.root.resolve() / ".tmp")) as copies:
        left_out = (own / "open", own / "pending", Path(copies))
        files = (
            path
            for path in all_files(tenant)
            if not any(path.is_relative_to(folder) for folder in left_out)
            and DELETION_FILES not in path.name
        )
        elsewhere = warehouse.storage.copies_of_rest(Path(copies))
        searched = searcher.search(chain(files, elsewhere), clean)
        finds = [
            warehouse.root.resolve() / path.relative_to(copies) if path in elsewhere else path
            for path in searched.finds
        ]
    remaining, unknown = _by_store(tenant, finds)
    remote = search_remote_lakes(tenant, searcher)
    if remote.finds:
        remaining[LAKES.name] = remaining.get(LAKES.name, 0) + len(remote.finds)
    after = {name: state.digest for name, state in warehouse.manifest.tables.items()}
    changed = sorted(name for name in work.before if work.before[name] != after.get(name))
    return Receipt(
        work.receipt,
        datetime.now(UTC).isoformat(timespec="seconds"),
        work.asked_by,
        work.mode,
        work.strategy,
        work.people,
        rows=dict(sorted(work.counts.items())),
        searched={
            "values": len(searcher.values),
            "files": searched.files + remote.files,
            "bytes": searched.size + remote.size,
            "finds": len(searched.finds) + len(remote.finds),
            "unopened": len(searched.unopened),
        },
        remaining=remaining,
        pending=list(pending),
        notes=[
            *_notes(tenant, work, remaining, warehouse.manifest.meta, pending),
            *_notes_of_bucket(warehouse, len(elsewhere)),
            *work.notes,
            *_notes_of_unopened(tenant, searched.unopened),
            *(
                f"{path} holds a value and is of no known store: look at it, and delete it by hand"
                for path in unknown
            ),
        ],
        before={name: work.before[name] for name in changed},
        after={name: after[name] for name in changed if name in after},
    )


def _by_store(tenant: Tenant, files: Sequence[Path]) -> tuple[dict[str, int], list[str]]:
    """How many of the files are of which store, and those of none."""
    listed = stores(tenant)
    found = {path: store_of(tenant, path, listed) for path in files}
    root = tenant.root.resolve()
    unknown = [
        path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        for path, store in found.items()
        if store is None
    ]
    names = [store.name if store else "files of no known store" for store in found.values()]
    return dict(sorted(Counter(names).items())), unknown


def _notes(
    tenant: Tenant,
    work: Work,
    remaining: dict[str, int],
    facts: Mapping[str, Any],
    pending: Collection[str],
) -> list[str]:
    notes = []
    if work.unmarked:
        notes.append(
            f"{', '.join(work.unmarked)}: no field carries compliance/pii, so every field with a "
            "personal semantic was blanked"
        )
    landed = remaining.get("landed files", 0)
    if landed:
        notes.append(
            f"{counted(landed, 'file')} below landing/ with values of theirs: not written, as "
            "files "
            "there are their sender's, and loaded without these people"
        )
    if remaining.get("configuration"):
        notes.append("a file of the configuration holds a value: edit it by hand")
    if _is_stored_elsewhere(tenant):
        notes.append(
            "the orchestrator's storage in PostgreSQL is not searched: by rule its messages hold "
            "no values"
        )
    campaigns = sorted(
        {
            campaign
            for campaign, destination, _ in work.received
            if f"{destination}.{campaign}" not in pending
        }
    )
    if campaigns:
        notes.append(
            f"receivers of {', '.join(campaigns)} were sent rows that say remove; files "
            f"*{DELETION_FILES}{work.receipt[-5:]}* hold what they know the people by: delete them "
            "when they are taken"
        )
    left = [name for name in receivers_of_tables(facts) if name not in pending]
    if left:
        notes.append(
            f"receivers {', '.join(left)} were sent the data without these people; copies that "
            "they made themselves cannot be reached from here"
        )
    return notes


def _notes_of_bucket(warehouse: Warehouse, copied: int) -> list[str]:
    storage = warehouse.storage
    if not isinstance(storage, BucketStorage):
        return []
    return [
        f"every object of {storage.place.address} was searched, {copied} of them in copies made "
        "for it",
        "other machines that worked on this tenant keep copies and databases until their next run, "
        "which asks for this folder privacy/",
    ]


def _notes_of_unopened(tenant: Tenant, files: Sequence[Path]) -> list[str]:
    if not files:
        return []
    root = tenant.root.resolve()
    names = [
        path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        for path in files
    ]
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return [
        f"{counted(len(names), 'file')} could not be opened, as it is packed in a way that is not "
        f"read, has a password or is broken, and may hold values of theirs: "
        f"{', '.join(names[:MOST_NAMED])}{more}; look at it by hand"
    ]


def _is_stored_elsewhere(tenant: Tenant) -> bool:
    """Whether the orchestrator keeps its storage in a database server."""
    config = orchestrator_home(tenant) / "dagster.yaml"
    return config.is_file() and "postgres" in config.read_text("utf-8")

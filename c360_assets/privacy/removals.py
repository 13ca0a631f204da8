"""Receivers learn that somebody is gone: what they have is sent again without these people.

A destination is a whole copy that every sending replaces, so a sending is the removal. Of a
receiver that does not take it, the identifiers that it got are kept until it does.
"""

from __future__ import annotations

import json
from pathlib import Path

from c360_assets.customer_360 import destinations
from c360_assets.errors import C360Error
from c360_assets.privacy.receipts import read_receipts, write_receipt
from c360_assets.privacy.work import Work
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Session, private_folder
from c360_assets.warehouse.suppression import Suppression, privacy_folder


def _folder(root: Path) -> Path:
    return privacy_folder(root) / "pending"


def pending_removals(root: Path) -> list[tuple[str, str]]:
    """Receipt and receiver of every removal that was not confirmed."""
    pairs = []
    for path in sorted(_folder(root).glob("*.json")):
        receipt, _, name = path.stem.partition(".")
        pairs.append((receipt, name))
    return pairs


def pending_receivers(root: Path) -> list[str]:
    return sorted({name for _, name in pending_removals(root)})


def remove_at_receivers(session: Session, tenant: Tenant, work: Work) -> list[str]:
    """Send again to everybody who received something; those who did not take it."""
    failed = []
    for name, config in tenant.destinations.items():
        received = session.warehouse.manifest.meta.get(f"{destinations.SENT}:{name}")
        if not received or not database_path(tenant.root, config.database).exists():
            continue
        path = _folder(tenant.root) / f"{work.receipt}.{name}.json"
        try:
            destinations.send(session, tenant, name, force=True)
            path.unlink(missing_ok=True)
        except C360Error:
            failed.append(name)
            private_folder(path.parent)
            write_private(path, json.dumps(_identifiers(tenant, name, work)) + "\n")
    return failed


def _identifiers(tenant: Tenant, name: str, work: Work) -> dict[str, list[str]]:
    """Only what this receiver got people by."""
    columns = {
        column.lower()
        for table in tenant.destinations[name].tables.values()
        for column in table.columns or ["amperity_id"]
    }
    if "amperity_id" in columns:
        return {"amperity_id": work.all_ids}
    if "email" in columns:
        return {"email": [email.lower() for email in work.suppress_email]}
    return {"phone": work.suppress_phone} if "phone" in columns else {}


def retry_removals(session: Session, tenant: Tenant) -> list[str]:
    """Try the pending removals again and close the receipts of those that are taken; the rest."""
    root = tenant.root
    for name in pending_receivers(root):
        if name in tenant.destinations:
            try:
                destinations.send(session, tenant, name, force=True)
            except C360Error:
                continue
        for receipt, receiver in pending_removals(root):
            if receiver == name:
                _confirm(root, receipt, name)
    return pending_receivers(root)


def _confirm(root: Path, number: str, name: str) -> None:
    for receipt in read_receipts(root):
        if receipt.receipt == number and name in receipt.pending:
            receipt.pending.remove(name)
            write_receipt(root, receipt, Suppression.of(root))
    (_folder(root) / f"{number}.{name}.json").unlink(missing_ok=True)

"""Receivers learn that somebody is gone.

A destination is a whole copy that every sending replaces, so a sending without these people is the
removal. A campaign sends rows that say `remove`, or takes them out of its list where that is a
table. Of a receiver that does not take it, the identifiers that it got are kept until it does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from c360_assets.customer_360 import destinations
from c360_assets.errors import C360Error
from c360_assets.privacy.receipts import read_receipts, write_receipt
from c360_assets.privacy.work import Work
from c360_assets.segments.audience import attribute_columns, campaign_named, written_address
from c360_assets.segments.deliver import deliver, take_out
from c360_assets.segments.delivery import Delivery
from c360_assets.segments.rows_in_files import rows_in_files
from c360_assets.segments.send_record import RECEIVED
from c360_assets.segments.whole_lists import in_whole_lists
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import Session, private_folder
from c360_assets.warehouse.sql import quote_ident
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


# Files that say whom to remove are called `CAMPAIGN-forgotten-RECEIPT`. They hold what the receiver
# knows people by.
DELETION_FILES = "-forgotten-"


def note_received(session: Session, tenant: Tenant, work: Work) -> None:
    """Write down what receivers of campaigns have of the people, before it is taken out here."""
    work.received = [*_of_changes(session, work), *in_whole_lists(session, tenant, work.ids)]
    work.listed = rows_in_files(session, tenant, work.ids)
    # What somebody who stays holds too, such as a household's mailbox, is searched for nowhere.
    theirs = _written_addresses(session, tenant, work)
    for _, _, address in work.received:
        if address in theirs:
            work.values.setdefault(address, "")


def _written_addresses(session: Session, tenant: Tenant, work: Work) -> set[str]:
    """The addresses that nobody else holds, in the forms in which the campaigns send them."""
    forms: set[str] = set()
    for name in sorted({campaign for campaign, _, _ in work.received}):
        if name not in tenant.campaigns:
            continue
        campaign = campaign_named(tenant, name)
        known = {"email": work.suppress_email, "phone": work.suppress_phone}
        texts = pl.Series(campaign.address, known.get(campaign.address, []), dtype=pl.String)
        session.register("_c360_addresses", texts.to_frame())
        rows = session.rows(f"SELECT {written_address(campaign)} FROM _c360_addresses AS p")
        forms |= {address for (address,) in rows if address}
    return forms


def _of_changes(session: Session, work: Work) -> list[tuple[str, str, str]]:
    """Campaign, destination and address at receivers of changes."""
    if session.state(RECEIVED) is None:
        return []
    session.bind(RECEIVED, "_c360_received")
    session.register("_c360_ids", pl.DataFrame({"id": work.ids}, schema={"id": pl.String}))
    rows = session.rows(
        "SELECT DISTINCT campaign_name, destination_name, address FROM _c360_received "
        "WHERE amperity_id IN (SELECT id FROM _c360_ids) AND address IS NOT NULL ORDER BY ALL"
    )
    return [(campaign, destination, address) for campaign, destination, address in rows]


def _remove_from_campaigns(session: Session, tenant: Tenant, work: Work) -> list[str]:
    """Have the people removed from what receivers of campaigns have; those who did not do it."""
    failed = []
    for campaign, destination in sorted({(one[0], one[1]) for one in work.received}):
        addresses = [
            address
            for name, receiver, address in work.received
            if (name, receiver) == (campaign, destination)
        ]
        label = f"{destination}.{campaign}"
        path = _folder(tenant.root) / f"{work.receipt}.{label}.json"
        try:
            _send_removal(session, tenant, work.receipt, campaign, destination, addresses)
            path.unlink(missing_ok=True)
        except C360Error:
            failed.append(label)
            private_folder(path.parent)
            write_private(path, json.dumps({"address": addresses}) + "\n")
    return failed


def _send_removal(
    session: Session,
    tenant: Tenant,
    receipt: str,
    campaign: str,
    destination: str,
    addresses: Sequence[str],
) -> None:
    """Raises C360Error where the receiver does not take it, or is not declared any more."""
    _require_declared(tenant, destination)
    config = tenant.destinations[destination]
    declared = campaign_named(tenant, campaign)
    columns = tuple(name for name, _ in attribute_columns(declared))
    listed = ", ".join(
        f"{'address' if name == declared.address else 'NULL'} AS {quote_ident(name)}"
        for name in columns
    )
    session.register("_c360_removed", pl.DataFrame({"address": list(addresses)}))
    session.execute(
        "CREATE OR REPLACE TEMP TABLE leaving AS "
        f"SELECT 'remove' AS action, {listed} FROM _c360_removed"
    )
    if config.type == "postgres" and declared.config.mode == "full":
        take_out(tenant, destination, campaign, declared.address, list(addresses))
        return
    if config.type == "postgres":
        # A table of changes knows deliveries by number; a campaign's own count up from one.
        delivery = Delivery(campaign, destination, -int(receipt), True, columns)
    else:
        name = f"{campaign}{DELETION_FILES.rstrip('-')}"
        delivery = Delivery(name, destination, int(receipt), True, columns)
    if deliver(session, tenant, delivery):
        raise C360Error(f"destination {destination} did not take all removals")


def remove_at_receivers(session: Session, tenant: Tenant, work: Work) -> list[str]:
    """Send again to everybody who received something; those who did not take it, or are not
    declared any more.
    """
    failed = _remove_from_campaigns(session, tenant, work)
    for name in destinations.receivers_of_tables(session.warehouse.manifest.meta):
        config = tenant.destinations.get(name)
        if config is not None and not place_of(tenant, config.database).is_published():
            continue
        path = _folder(tenant.root) / f"{work.receipt}.{name}.json"
        try:
            _require_declared(tenant, name)
            destinations.send(session, tenant, name, force=True)
            path.unlink(missing_ok=True)
        except C360Error:
            failed.append(name)
            private_folder(path.parent)
            write_private(path, json.dumps(_identifiers(tenant, name, work)) + "\n")
    return failed


def _identifiers(tenant: Tenant, name: str, work: Work) -> dict[str, list[str]]:
    """Only what this receiver got people by: of one that is not declared any more, their ids."""
    config = tenant.destinations.get(name)
    columns = {
        column.lower()
        for table in (config.tables.values() if config is not None else ())
        for column in table.columns or ["amperity_id"]
    } or {"amperity_id"}
    if "amperity_id" in columns:
        return {"amperity_id": work.all_ids}
    if "email" in columns:
        return {"email": [email.lower() for email in work.suppress_email]}
    return {"phone": work.suppress_phone} if "phone" in columns else {}


def retry_removals(session: Session, tenant: Tenant) -> dict[str, str]:
    """Try the pending removals again and close the receipts of those that are taken.

    Returns receiver -> why it did not take it, empty where it did.
    """
    root = tenant.root
    outcome: dict[str, str] = {}
    for receipt, label in pending_removals(root):
        name, _, campaign = label.partition(".")
        try:
            if campaign:
                path = _folder(root) / f"{receipt}.{label}.json"
                addresses = json.loads(path.read_text("utf-8"))["address"]
                _send_removal(session, tenant, receipt, campaign, name, addresses)
            else:
                _require_declared(tenant, name)
                destinations.send(session, tenant, name, force=True)
        except C360Error as error:
            outcome[label] = str(error)
            continue
        confirm_removal(root, receipt, label)
        outcome.setdefault(label, "")
    return outcome


def _require_declared(tenant: Tenant, name: str) -> None:
    if name not in tenant.destinations:
        raise C360Error(
            f"there is no destination {name} any more (destinations.yaml); have the receiver "
            f"delete what privacy/pending/ lists, then say `c360 privacy retry --confirmed {name}`"
        )


def confirm_removal(root: Path, number: str, name: str) -> None:
    """Close the receipt for a receiver that has confirmed, and drop what was kept for it."""
    for receipt in read_receipts(root):
        if receipt.receipt == number and name in receipt.pending:
            receipt.pending.remove(name)
            write_receipt(root, receipt, Suppression.of(root))
    (_folder(root) / f"{number}.{name}.json").unlink(missing_ok=True)

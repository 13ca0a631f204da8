"""Sending what is published outside a run: each destination alone, so that one failure keeps no
other from its data.

How a destination is reached belongs to `customer_360.destinations`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.destinations import Sent, due, receiving_tables, send
from c360_assets.errors import C360Error
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import open_session


@dataclass
class SendResults:
    """What was sent, and the messages of the destinations that failed; where there was nothing to
    send, `idle` says why."""

    sent: list[Sent] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    idle: str = ""


def send_all(root: Path, names: list[str], *, force: bool = False) -> SendResults:
    """Send to `names`, or to every destination that lacks what is published (`force`: to every
    one)."""
    tenant = load_tenant(root)
    results = SendResults()
    with (
        tenant_lock(root, "a sending"),
        open_session(root / "warehouse", tenant.config.timezone) as session,
    ):
        if not names:
            names = receiving_tables(tenant) if force else due(session, tenant)
            results.idle = "" if names else _why_idle(tenant)
        for name in names:
            try:
                results.sent.append(send(session, tenant, name, force=force))
            except C360Error as error:
                results.failures.append(str(error))
    return results


def _why_idle(tenant: Tenant) -> str:
    receivers = receiving_tables(tenant)
    if not receivers:
        return "no destination of destinations.yaml receives tables"
    if not any(place_of(tenant, tenant.destinations[n].database).is_published() for n in receivers):
        return "nothing is published that could be sent: `c360 run`"
    return (
        f"nothing to send: {', '.join(receivers)} has received what is published; "
        "`c360 send --force` sends it again"
    )

"""Deliveries that landed and are not loaded: whoever is in them is not known yet."""

from __future__ import annotations

from collections.abc import Collection

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landing import pending
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import Session


def not_loaded(
    session: Session, tenant: Tenant, feeds: Collection[str] | None = None
) -> dict[str, int]:
    """Feed -> delivery days that wait or failed; 0 where its files cannot be looked at.

    `feeds` are names as `Source:Feed`; without them all feeds are looked at.
    """
    ledger = session_ledger(session)
    days = {}
    for feed in tenant.feeds:
        if feeds is not None and feed.name not in feeds:
            continue
        try:
            waiting = len(pending(tenant, feed, ledger, fetched=False))
        except LoadError:
            days[feed.name] = 0
            continue
        if waiting:
            days[feed.name] = waiting
    return days

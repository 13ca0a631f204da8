"""Sending what is published outside a run: each destination alone, so that one failure keeps no
other from its data.

How a destination is reached belongs to `customer_360.destinations`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.destinations import Sent, due, receiving_tables, send
from c360_assets.customer_360.publication.consent import statements_table
from c360_assets.errors import C360Error
from c360_assets.ingest.not_loaded import not_loaded
from c360_assets.segments.consent_feeds import consent_feeds
from c360_assets.segments.consent_state import day_of_sending, make_table_current
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import Session, open_session


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
        ready = _with_newest_consent(session, tenant, names or receiving_tables(tenant), results)
        if not names and not force:
            lacking = due(session, tenant)
            ready = [name for name in ready if name in lacking]
        if not ready and not results.failures:
            results.idle = _why_idle(tenant)
        for name in ready:
            try:
                results.sent.append(send(session, tenant, name, force=force))
            except C360Error as error:
                results.failures.append(str(error))
    return results


def _with_newest_consent(
    session: Session, tenant: Tenant, names: list[str], results: SendResults
) -> list[str]:
    """Those of the destinations whose consent is what has landed; others are failures."""
    ready = []
    for name in names:
        try:
            _make_consent_current(session, tenant, name)
            ready.append(name)
        except C360Error as error:
            results.failures.append(str(error))
    return ready


def _make_consent_current(session: Session, tenant: Tenant, name: str) -> None:
    """Raises C360Error where withdrawals may have landed that are not loaded."""
    tables = _consent_tables(tenant, name)
    feeds = {feed for table in tables for feed in consent_feeds(tenant, table)}
    waiting = not_loaded(session, tenant, feeds)
    if waiting:
        listed = ", ".join(waiting)
        raise C360Error(
            f"destination {name} is not sent: files of {listed}, which holds consent, have landed "
            f"and are not loaded; `c360 load {' '.join(waiting)}` loads them"
        )
    for table in tables:
        make_table_current(session, tenant, table, day_of_sending(session, tenant))
    session.commit()


def _consent_tables(tenant: Tenant, name: str) -> list[str]:
    """The tables of consent by which addresses leave for a destination."""
    config = tenant.destinations.get(name)
    names = [item.purpose for item in config.tables.values()] if config is not None else []
    tables = set()
    for purpose in (tenant.workflow.purposes.get(one) for one in names if one is not None):
        if purpose is None:
            continue
        tables |= {
            statements_table(one) for one in ("email", "sms") if getattr(purpose, one) is not None
        }
        if purpose.post is not None:
            tables.add(purpose.post.table)
    return sorted(tables)


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

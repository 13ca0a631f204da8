"""Campaigns on a terminal: what a send would do, what it did, what it brought.

Who is sent what is decided in `segments`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from c360_assets.configuration import load_tenant
from c360_assets.errors import C360Error
from c360_assets.reporting.paths import short_path
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.segments.audience import Accounting, Campaign, campaign_named
from c360_assets.segments.campaign_send import (
    SentCampaign,
    opened_for,
    preview,
    send_campaign,
)
from c360_assets.segments.consent_state import day_of_sending, make_consent_current
from c360_assets.segments.preview import Expected, expected
from c360_assets.segments.replay import Replayed, replay
from c360_assets.segments.results import Interval, Results, results
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.session import Session, open_session

COUNTS = ("sent", "control", "no_consent", "unreachable", "too_recent", "failed")


@contextmanager
def _opened(root: Path, name: str) -> Iterator[tuple[Session, Campaign]]:
    tenant = load_tenant(root)
    campaign = campaign_named(tenant, name)
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        yield session, campaign


@dataclass(frozen=True)
class Previewed:
    """What a send would do now."""

    campaign: str
    accounting: Accounting
    expected: Expected


def preview_campaign(root: Path, name: str) -> Previewed:
    """Writes nothing. Statements of consent are those that are loaded."""
    with _opened(root, name) as (session, campaign):
        numbers = preview(session, campaign)
        return Previewed(name, numbers, expected(session, campaign, numbers))


@dataclass
class CampaignResults:
    """What was sent, and the messages of what was not."""

    sent: list[SentCampaign] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def send_now(root: Path, names: Sequence[str]) -> CampaignResults:
    """Send campaigns to all their receivers, each alone: one that fails keeps no other back.

    The tables that hold consent are made current first, from what is loaded.
    """
    tenant = load_tenant(root)
    campaigns = [campaign_named(tenant, name) for name in names]
    done = CampaignResults()
    with (
        tenant_lock(root, "a campaign"),
        open_session(root / "warehouse", tenant.config.timezone) as session,
    ):
        for campaign in campaigns:
            try:
                make_consent_current(session, campaign, day_of_sending(session, tenant))
                session.commit()
            except C360Error as error:
                done.failures.append(f"campaign {campaign.name} is not sent: {error}")
                continue
            for destination in campaign.config.destination:
                try:
                    done.sent.append(send_campaign(session, campaign, destination))
                except C360Error as error:
                    done.failures.append(str(error))
    return done


def replay_campaign(root: Path, name: str, delivery: int, to: Path | None) -> list[Replayed]:
    with _opened(root, name) as (session, campaign):
        return replay(session, campaign, delivery, to)


def campaign_results(root: Path, name: str, days: int) -> Results:
    with _opened(root, name) as (session, campaign), opened_for(session, campaign):
        return results(session, campaign, days)


def render_preview(shown: Previewed, console: Console) -> None:
    _render_accounting(shown.accounting, console)
    found = shown.expected
    if found.missing:
        listed = ", ".join(f"{name} {count:,}" for name, count in found.missing.items())
        console.print(f"of those who are sent, an attribute is missing for: {listed}")
    if found.expansion:
        console.print(
            f"{found.expansion:,} more rows than people: some have several values of an attribute"
        )
    if found.smallest_lift is not None:
        console.print(
            f"control and treated of these sizes show a lift in conversion of "
            f"{100 * found.smallest_lift:.0f} % or more "
            f"(buyers in {found.window_days} days: {100 * found.conversion:.1f} %)"
        )


def _render_accounting(numbers: Accounting, console: Console) -> None:
    table = plain_table(heading="")
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    notes = {
        "control": f"{numbers.held_out_merged:,} merged of control and treated"
        if numbers.held_out_merged
        else "",
        "unreachable": f"{numbers.shared_address:,} share their address with another"
        if numbers.shared_address
        else "",
    }
    table.add_row("audience", f"{numbers.audience:,}", "")
    for name in COUNTS:
        words = name.replace("_", " ")
        table.add_row(f"  {words}", f"{getattr(numbers, name):,}", notes.get(name, ""))
    console.print(table)


def render_sent(done: SentCampaign, console: Console) -> None:
    what = f"delivery {done.delivery}" + (", begun before" if done.again else "")
    rows = f"{done.added:,} rows"
    if done.removed:
        rows += f", {done.removed:,} to remove"
    console.print(f"sent {done.campaign} to {done.destination} ({what}): {rows}")
    _render_accounting(done.accounting, console)


def render_replayed(found: Sequence[Replayed], console: Console) -> None:
    for one in found:
        place = f", written to {short_path(one.path)}" if one.path is not None else ""
        state = "the same bytes" if one.is_same else "other bytes than were sent"
        console.print(
            f"{one.destination}, delivery {one.delivery}: {one.rows:,} rows, {state}{place}"
        )


def render_results(found: Results, console: Console) -> None:
    console.print(
        f"{found.campaign}: orders from the day of the first delivery, {found.window_days} days"
    )
    table = plain_table(heading="bold")
    table.add_column("treatment", overflow="fold")
    for heading in ("recipients", "purchasers", "conversion", "revenue per recipient", "lift"):
        table.add_column(heading, justify="right")
    for group in found.groups:
        table.add_row(
            group.treatment,
            f"{group.recipients:,}",
            f"{group.purchasers:,}",
            _percent(group.conversion),
            _interval(group.revenue_per_recipient),
            "–" if group.lift is None else _percent(group.lift),
        )
    console.print(table)
    for group in found.groups:
        if group.incremental_purchasers is not None and group.incremental_revenue is not None:
            console.print(
                f"{group.treatment} over control: {_interval(group.incremental_purchasers)} "
                f"purchasers, {_interval(group.incremental_revenue)} revenue"
            )
    if found.left_out_merged:
        console.print(
            f"{found.left_out_merged:,} people merged of control and treated are left out"
        )
    if found.unfinished:
        console.print(
            f"not final: of {found.unfinished:,} people the {found.window_days} days are not over "
            "on the date of the published database"
        )


def _percent(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _interval(interval: Interval) -> str:
    return f"{interval.value:,.2f} ({interval.low:,.2f} to {interval.high:,.2f})"

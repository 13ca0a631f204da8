"""Campaigns on a terminal: what a send would do, what it did, what it brought.

Who is sent what is decided in `segments`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from c360_assets.configuration import all_problems, load_tenant
from c360_assets.customer_360.tables.dry_run import open_scratch
from c360_assets.errors import C360Error, ConfigError
from c360_assets.ingest.not_loaded import not_loaded
from c360_assets.reporting.paths import short_path
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.segments.audience import Accounting, Campaign, campaign_named
from c360_assets.segments.campaign_send import SentCampaign, opened_for, send_campaign
from c360_assets.segments.consent_feeds import consent_feeds
from c360_assets.segments.consent_state import (
    day_of_sending,
    make_consent_current,
    make_statements_current,
    unread_statements,
)
from c360_assets.segments.preview import PreviewedSend, preview
from c360_assets.segments.replay import Replayed, replay
from c360_assets.segments.results import Interval, Results, results
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.session import Session, open_session
from c360_assets.wording import counted

COUNTS = ("sent", "control", "no_consent", "unreachable", "too_recent", "failed")


@contextmanager
def _opened(root: Path, name: str) -> Iterator[tuple[Session, Campaign]]:
    tenant = load_tenant(root)
    campaign = campaign_named(tenant, name)
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        yield session, campaign


def _sound_campaign(tenant: Tenant, name: str) -> Campaign:
    campaign = campaign_named(tenant, name)
    refuse_campaign(campaign)
    return campaign


def refuse_campaign(campaign: Campaign) -> None:
    """Raises ConfigError with the errors that `c360 check` finds in the campaign's file: a
    misspelt segment would leave nobody out."""
    tenant, name = campaign.tenant, campaign.name
    file = tenant.places.get(f"campaign {name}", f"campaigns/{name}.yaml")
    found = [problem for problem in all_problems(tenant.root) if problem.file == file]
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        raise ConfigError(errors)


@dataclass(frozen=True)
class Previewed:
    """What a send would do now. `not_loaded`: feed behind the consent -> delivery days that landed,
    which a send loads first, and whose withdrawals are not in the figures; `unread`: feed -> rows
    that could not be loaded."""

    campaign: str
    receivers: list[PreviewedSend]
    not_loaded: Mapping[str, int]
    unread: Mapping[str, int]


def preview_campaign(root: Path, name: str) -> Previewed:
    """Writes nothing. Statements of consent are those that are loaded."""
    tenant = load_tenant(root)
    campaign = _sound_campaign(tenant, name)
    gate = campaign.gate
    feeds = consent_feeds(tenant, gate.table) if gate is not None else []
    with open_scratch(root, tenant.config.timezone) as session:
        day = day_of_sending(session, tenant)
        make_statements_current(session, campaign, day)
        receivers = preview(session, campaign, day)
        waiting = not_loaded(session, tenant, feeds)
        return Previewed(name, receivers, waiting, unread_statements(session, campaign))


@dataclass
class CampaignResults:
    """What was sent, and the messages of what was not. `unread`: feed behind the consent -> rows
    that could not be loaded."""

    sent: list[SentCampaign] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def send_now(root: Path, names: Sequence[str]) -> CampaignResults:
    """Send campaigns to all their receivers, each alone: one that fails keeps no other back.

    The tables that hold consent are made current first, from what is loaded.
    """
    tenant = load_tenant(root)
    campaigns = [_sound_campaign(tenant, name) for name in names]
    done = CampaignResults()
    with (
        tenant_lock(root, "a campaign"),
        open_session(root / "warehouse", tenant.config.timezone) as session,
    ):
        for campaign in campaigns:
            try:
                make_consent_current(session, campaign, day_of_sending(session, tenant))
                session.commit()
                done.unread |= unread_statements(session, campaign)
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
    for receiver in shown.receivers:
        if len(shown.receivers) > 1:
            console.print(f"to {receiver.destination}", markup=False)
        _render_receiver(receiver, console)
    for feed, days in shown.not_loaded.items():
        waiting = counted(days, "delivery day of it is", "delivery days of it are")
        what = f"{waiting} not loaded" if days else "its files cannot be looked at"
        console.print(
            f"{feed} holds consent, and {what}: a send loads what has landed first, and whoever "
            "withdrew there is not sent",
            markup=False,
        )

    render_unread(shown.unread, console)


def render_unread(unread: Mapping[str, int], console: Console) -> None:
    """Tell of rows of consent that nobody has read."""
    for feed, rows in unread.items():
        log = f"logs/{feed.replace(':', '_')}.*.row_errors.csv"
        console.print(
            f"{feed} holds consent, and {counted(rows, 'row')} of it could not be loaded ({log}): "
            "whoever withdrew there counts as before; correct the file and load its day again",
            markup=False,
        )


def _render_receiver(shown: PreviewedSend, console: Console) -> None:
    for reason in shown.refused:
        console.print(f"would not be sent now: {reason}", markup=False)
    _render_accounting(shown.accounting, console)
    if shown.removed:
        console.print(_rows(shown.added, shown.removed))
    if shown.before.left_out:
        console.print(str(shown.before))
    found = shown.expected
    if found.missing:
        listed = ", ".join(f"{name} {count:,}" for name, count in found.missing.items())
        console.print(f"of those who are sent, an attribute is missing for: {listed}")
    if found.expansion:
        console.print(
            f"{counted(found.expansion, 'more row')} than people: some have several values of an "
            "attribute"
        )
    if found.smallest_lift is not None:
        console.print(
            f"control and treated of these sizes show a lift in conversion of "
            f"{100 * found.smallest_lift:.0f} % or more "
            f"(buyers in {counted(found.window_days, 'day')}: {100 * found.conversion:.1f} %)"
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
    rows = _rows(done.added, done.removed)
    console.print(f"sent {done.campaign} to {done.destination} ({what}): {rows}")
    _render_accounting(done.accounting, console)
    if done.before.left_out:
        console.print(str(done.before))


def _rows(added: int, removed: int) -> str:
    return counted(added, "row") + (f", {removed:,} to remove" if removed else "")


def render_replayed(found: Sequence[Replayed], console: Console) -> None:
    for one in found:
        place = f", written to {short_path(one.path)}" if one.path is not None else ""
        state = "the same bytes" if one.is_same else "other bytes than were sent"
        console.print(
            f"{one.destination}, delivery {one.delivery}: {counted(one.rows, 'row')}, "
            f"{state}{place}"
        )


def render_results(found: Results, console: Console) -> None:
    console.print(
        f"{found.campaign}: orders from the day of the first delivery, "
        f"{counted(found.window_days, 'day')}"
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
    if found.left_out_on_both_sides:
        console.print(
            f"left out: {counted(found.left_out_on_both_sides, 'person', 'people')} on both sides, "
            "as they were merged or the share of control was changed"
        )
    if found.unfinished:
        console.print(
            f"not final: of {counted(found.unfinished, 'person', 'people')} the "
            f"{counted(found.window_days, 'day is', 'days are')} not over "
            "on the date of the published database"
        )


def _percent(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _interval(interval: Interval) -> str:
    return f"{interval.value:,.2f} ({interval.low:,.2f} to {interval.high:,.2f})"

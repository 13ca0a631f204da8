"""Whether the consent that is loaded may be relied on, and its table made current before a send."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from c360_assets.customer_360.tables.build import database_table_recipes
from c360_assets.errors import C360Error
from c360_assets.ingest.custom_runs import custom_table_recipes
from c360_assets.ingest.delivery_days import newest_delivery
from c360_assets.segments.audience import Campaign
from c360_assets.segments.consent_feeds import consent_feeds, consent_tables
from c360_assets.stitch.tenant_run import StitchedDomainTable, stitch_recipes
from c360_assets.tenant.durations import rhythm_days, whole_days
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import Session


def day_of_sending(session: Session, tenant: Tenant) -> date:
    """The day by which files are late: today where the tenant is, or the last delivery where its
    figures do not age.
    """
    if tenant.config.as_of == "last_delivery":
        delivered = newest_delivery(tenant, session.warehouse)
        if delivered is not None:
            return delivered
    return datetime.now(ZoneInfo(tenant.config.timezone)).date()


def make_consent_current(session: Session, campaign: Campaign, day: date) -> None:
    """Make the table of a campaign's consent from the domain tables as they are loaded now.

    Raises C360Error where a feed behind it is late, or its newest file could not be loaded: then
    nobody knows who has withdrawn, and nothing may be sent.
    """
    problems = consent_problems(session, campaign, day)
    if problems:
        raise C360Error(problems[0])
    make_statements_current(session, campaign, day)


def consent_problems(session: Session, campaign: Campaign, day: date) -> list[str]:
    """At most one sentence: why the consent of a campaign cannot be relied on."""
    gate = campaign.gate
    reasons = _unreliable(session, campaign, gate.table, day) if gate is not None else []
    if not reasons:
        return []
    return [
        f"campaign {campaign.name} is not sent, nor anything else by "
        f"{campaign.config.channel}: {'; '.join(reasons)}"
    ]


def make_statements_current(session: Session, campaign: Campaign, day: date) -> None:
    """Make the table of a campaign's consent from what is loaded, reliable or not."""
    gate = campaign.gate
    if gate is not None:
        make_table_current(session, campaign.tenant, gate.table, day)


def make_table_current(session: Session, tenant: Tenant, table: str, day: date) -> None:
    """Make a table of consent, by its name in SQL, from what is loaded."""
    wanted = consent_tables(tenant, table)
    # What Stitch wrote stays as it is: a statement is joined on its address, not on a person.
    stitched = [one for one in stitch_recipes(tenant) if isinstance(one, StitchedDomainTable)]
    made_from = [*custom_table_recipes(tenant), *stitched, *database_table_recipes(tenant)]
    for recipe in made_from:
        if not wanted.isdisjoint(recipe.tables):
            make_current(session, recipe, RunContext(day))


def unread_statements(session: Session, campaign: Campaign) -> dict[str, int]:
    """Feed behind the consent -> rows that its last loads could not read: a withdrawal may be among
    them. Of a feed whose deliveries hold everything those of the newest day count."""
    gate = campaign.gate
    if gate is None:
        return {}
    ledger = session_ledger(session)
    found = {}
    for name in consent_feeds(campaign.tenant, gate.table):
        feed = next(one for one in campaign.tenant.feeds if one.name == name)
        of_feed = ledger.filter((pl.col("feed") == name) & (pl.col("status") != "failed"))
        is_last = pl.col("attempt") == pl.col("attempt").max().over("delivery_day")
        if feed.load == "truncate_and_upsert":
            is_last &= pl.col("delivery_day") == pl.col("delivery_day").max()
        rows = int(of_feed.filter(is_last)["rows_rejected"].sum())
        if rows:
            found[name] = rows
    return found


def _unreliable(session: Session, campaign: Campaign, table: str, day: date) -> list[str]:
    """Why the consent that is loaded is not the newest: a sentence for each feed."""
    ledger = session_ledger(session)
    reasons = []
    for feed in consent_feeds(campaign.tenant, table):
        of_feed = ledger.filter(pl.col("feed") == feed)
        reason = _failed(feed, of_feed) or _late(campaign, feed, of_feed, day)
        if reason:
            reasons.append(reason)
    return reasons


def _failed(feed: str, files: pl.DataFrame) -> str | None:
    """The newest attempt at a day that has no later one that went well."""
    newest = files.sort("delivery_day", "attempt").tail(1)
    if newest.height and newest["status"][0] == "failed":
        return f"{feed} of {newest['delivery_day'][0]} could not be loaded"
    return None


def _late(campaign: Campaign, feed: str, files: pl.DataFrame, day: date) -> str | None:
    expected = campaign.tenant.workflow.feeds.get(feed)
    if expected is None or not expected.required:
        return None
    loaded = files.filter(pl.col("status") != "failed")["delivery_day"].to_list()
    newest = max(loaded, default=None)
    days = rhythm_days(expected.every) - 1 + whole_days(expected.offset)
    if newest is None:
        return f"{feed}, which holds consent, was never loaded"
    if newest < day - timedelta(days=days):
        return f"{feed}, which holds consent, is late: its newest file is of {newest}"
    return None

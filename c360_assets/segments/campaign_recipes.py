"""Campaigns that follow a publication: one recipe for each of its receivers, so that one that fails
keeps no other from its list.

Which campaigns those are is said in workflow.yaml; sending is `campaign_send`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from c360_assets.customer_360.publication.publish import (
    STAGE,
    published_asset,
    published_facts,
)
from c360_assets.segments.audience import Campaign
from c360_assets.segments.campaign_send import send_campaign
from c360_assets.segments.consent_state import make_consent_current
from c360_assets.segments.send_record import NotDueError
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.recipe import Built, Recipe, RunContext, is_current
from c360_assets.warehouse.session import Session


class SendCampaign(Recipe):
    """What one receiver has of one campaign on the day of the published database."""

    stage = STAGE

    def __init__(self, campaign: Campaign, destination: str) -> None:
        name = f"campaign/{campaign.name}/{destination}"
        super().__init__((), [published_asset(campaign.database)], outputs=[name])
        self.campaign = campaign
        self.destination = destination

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        """The day and the declaration: what is published again on its day is not sent again."""
        published = published_facts(session, self.campaign.database)
        if not published:
            return None
        return fingerprint(published["as_of"], self.campaign.config.model_dump(mode="json"))

    def stored_fingerprint(self, session: Session) -> str | None:
        return self.remembered(session).get("mark")

    def is_forced(self, run: RunContext) -> bool:
        """Never: what people were sent is not sent again because tables are computed again."""
        return False

    def remembered(self, session: Session) -> dict[str, Any]:
        """`mark` (the fingerprint) and the counts of the last send; empty before the first."""
        return session.warehouse.manifest.meta.get(self.outputs[0]) or {}

    def build(self, session: Session, run: RunContext) -> Built:
        """Raises C360Error where the consent cannot be relied on or the receiver refuses."""
        mark = self.fingerprint(session, run.as_of)
        make_consent_current(session, self.campaign, run.as_of)
        session.commit()
        try:
            done = send_campaign(session, self.campaign, self.destination)
        except NotDueError:
            # The next day asks again.
            return Built({self.outputs[0]: {**self.remembered(session), "mark": mark}})
        counts = {"delivery": done.delivery, "added": done.added, "removed": done.removed}
        facts = {"mark": mark, "audience": done.accounting.audience, **counts}
        return Built({self.outputs[0]: facts})


def due_campaigns(
    session: Session, tenant: Tenant, as_of: date, is_published_anew: bool
) -> list[str]:
    """The assets of campaigns whose receivers lack the list of the day; of all, where a database is
    about to be published, as only then it is known what each lacks.
    """
    recipes = campaign_recipes(tenant)
    if is_published_anew:
        return [recipe.outputs[0] for recipe in recipes]
    published = [recipe for recipe in recipes if recipe.fingerprint(session, as_of) is not None]
    return [one.outputs[0] for one in published if not is_current(session, one, as_of)]


def campaign_recipes(tenant: Tenant) -> list[SendCampaign]:
    """One recipe for each receiver of the campaigns that workflow.yaml names."""
    recipes = []
    for name in tenant.workflow.campaigns:
        config = tenant.campaigns.get(name)
        if config is not None:
            campaign = Campaign(name, config, tenant)
            recipes += [SendCampaign(campaign, one) for one in config.destination]
    return recipes

"""Whether any statement of consent says what a campaign asks for: else nobody could be in its
list."""

from __future__ import annotations

from c360_assets.customer_360.publication.unsaid_words import unsaid
from c360_assets.errors import C360Error
from c360_assets.segments.audience import Campaign
from c360_assets.warehouse.session import Session


def check_words(session: Session, campaign: Campaign) -> None:
    """Raise C360Error where no statement counts for the campaign, though there are statements. The
    session has the table of its gate bound by its name."""
    gate = campaign.gate
    problem = unsaid(session, gate.table, gate.words) if gate is not None else None
    if problem is not None:
        raise C360Error(
            f"campaign {campaign.name} is not sent, as nobody could be in its list: {problem}"
        )

"""Whom receivers of whole lists have, and how somebody is taken out of one before the next list.

Of receivers of changes `receiver_state` knows it, and a row says `remove`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from c360_assets.segments.audience import Campaign, written_address
from c360_assets.segments.campaign_send import ATTACHED
from c360_assets.segments.send_record import RECIPIENTS, SENDS
from c360_assets.tenant.models import CampaignConfig, Tenant
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

# The deliveries that a receiver may have: the last that it took, and later ones that it may have.
LAST = """
    SELECT campaign_name, destination_name, min(delivery) AS first_delivery,
      max_by(definition, delivery) AS definition, max_by(dataset_version, delivery) AS version
    FROM (FROM _c360_sends QUALIFY delivery >= coalesce(
      max(delivery) FILTER (state = 'sent') OVER (PARTITION BY campaign_name, destination_name), 0))
    GROUP BY ALL ORDER BY ALL
"""


def in_whole_lists(
    session: Session, tenant: Tenant, ids: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Campaign, destination and address, as it was sent, of each of the people in a whole list.

    The address is read from the database that the list was made from, or, where that is no longer
    kept, from the published one.
    """
    if session.state(SENDS) is None or session.state(RECIPIENTS) is None:
        return []
    session.bind(SENDS, "_c360_sends")
    session.bind(RECIPIENTS, "_c360_recipients")
    session.register("_c360_people", pl.DataFrame({"id": ids}, schema={"id": pl.String}))
    found = []
    for name, destination, first_delivery, definition, version in session.rows(LAST):
        config = CampaignConfig.model_validate(json.loads(definition.partition(" ")[2]))
        if config.mode == "add_remove":
            continue
        # As it was sent: it may be declared in another way since, or not at all any more.
        campaign = Campaign(name, config, tenant)
        listed = (
            "SELECT DISTINCT amperity_id FROM _c360_recipients "
            "JOIN _c360_people ON id = amperity_id "
            f"WHERE campaign_name = {quote_literal(name)} "
            f"AND destination_name = {quote_literal(destination)} "
            f"AND delivery >= {first_delivery} AND action = 'add'"
        )
        addresses = _addresses(session, campaign, listed, version)
        found += [(name, destination, address) for address in addresses]
    return found


def _addresses(session: Session, campaign: Campaign, listed: str, version: str) -> list[str]:
    place = place_of(campaign.tenant, campaign.database)
    read_from = place.of_version(version) or place.published() or next(iter(place.kept()), None)
    if read_from is None or not session.rows(f"{listed} LIMIT 1"):
        return []
    with read_from.attached(session.con, ATTACHED):
        rows = session.rows(
            f"SELECT DISTINCT {written_address(campaign)} AS address "
            "FROM published.customer_360 AS p "
            f"SEMI JOIN ({listed}) USING (amperity_id) ORDER BY 1"
        )
    return [address for (address,) in rows if address]

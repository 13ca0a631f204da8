"""The rows of some people in the files of lists, as they were sent: by them a row is known to be
somebody's also where everything in it, such as a name and an address, is somebody else's too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from c360_assets.customer_360.publication.send_files import FORMATS
from c360_assets.segments.audience import Campaign, attribute_columns, list_sql
from c360_assets.segments.campaign_send import ATTACHED
from c360_assets.segments.delivery import Delivery
from c360_assets.segments.send_record import RECIPIENTS, SENDS
from c360_assets.tenant.models import CampaignConfig, Tenant
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

# A whole list takes the place of the one before; of changes each delivery has a file of its own.
DELIVERIES = """
    SELECT s.campaign_name, s.destination_name, s.delivery, s.definition, s.dataset_version
    FROM _c360_sends AS s
    SEMI JOIN (
      FROM _c360_recipients JOIN _c360_people ON id = amperity_id WHERE action = 'add'
    ) AS r USING (campaign_name, destination_name, delivery)
    ORDER BY ALL
"""


def rows_in_files(
    session: Session, tenant: Tenant, ids: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """File of this machine and cells as text, for each row that a list had of one of the people.

    They are read from the database that the list was made from, or, where that is no longer kept,
    from the published one.
    """
    if session.state(SENDS) is None or session.state(RECIPIENTS) is None:
        return []
    session.bind(SENDS, "_c360_sends")
    session.bind(RECIPIENTS, "_c360_recipients")
    session.register("_c360_people", pl.DataFrame({"id": ids}, schema={"id": pl.String}))
    found: list[tuple[str, list[str]]] = []
    for name, destination, number, definition, version in session.rows(DELIVERIES):
        config = CampaignConfig.model_validate(json.loads(definition.partition(" ")[2]))
        # As it was sent: it may be declared in another way since, or not at all any more.
        campaign = Campaign(name, config, tenant)
        columns = tuple(column for column, _ in attribute_columns(campaign))
        is_changes = config.mode == "add_remove"
        delivery = Delivery(name, destination, number, is_changes, columns)
        file = _file(tenant, delivery)
        if file is not None and file.exists():
            found += [(str(file), cells) for cells in _rows(session, campaign, delivery, version)]
    return found


def _file(tenant: Tenant, delivery: Delivery) -> Path | None:
    """The file of a delivery, None where it is not on this machine, or the receiver is not known
    any more."""
    config = tenant.destinations.get(delivery.destination)
    if config is None or config.type != "files" or "://" in str(config.path):
        return None
    suffix, _ = FORMATS[config.format]
    return (tenant.root / str(config.path)).resolve() / f"{delivery.file_stem}.{suffix}"


def _rows(
    session: Session, campaign: Campaign, delivery: Delivery, version: str
) -> list[list[str]]:
    place = place_of(campaign.tenant, campaign.database)
    read_from = place.of_version(version) or place.published()
    if read_from is None:
        return []
    session.execute(
        "CREATE OR REPLACE TEMP TABLE _c360_listed AS "
        "SELECT amperity_id, treatment_name, audience_name, segment_name, 'sent' AS status "
        "FROM _c360_recipients JOIN _c360_people ON id = amperity_id "
        f"WHERE campaign_name = {quote_literal(campaign.name)} AND action = 'add' "
        f"AND destination_name = {quote_literal(delivery.destination)} "
        f"AND delivery = {delivery.number}"
    )
    texts = [f"coalesce({quote_ident(name)}::VARCHAR, '')" for name in delivery.columns]
    if delivery.has_actions:
        texts = ["'add'", *texts]
    with read_from.attached(session.con, ATTACHED):
        rows = session.rows(
            f"SELECT {', '.join(texts)} FROM ({list_sql(campaign, '_c360_listed')}) ORDER BY ALL"
        )
    return [list(row) for row in rows]

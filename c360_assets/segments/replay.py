"""Makes a past list again: the same bytes, from the database that is kept, the definition and the
consent of the send record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from c360_assets.errors import C360Error
from c360_assets.segments.audience import Campaign, attribute_columns, list_sql
from c360_assets.segments.campaign_send import ATTACHED
from c360_assets.segments.deliver import write_list
from c360_assets.segments.delivery import Delivery
from c360_assets.segments.send_record import RECIPIENTS, SENDS
from c360_assets.tenant.models import CampaignConfig
from c360_assets.warehouse.files import shared_folder, working_folder
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal


@dataclass(frozen=True)
class Replayed:
    """A list made again. `is_same`: byte for byte as it was sent; `path` where it was written."""

    destination: str
    delivery: int
    rows: int
    is_same: bool
    path: Path | None


@dataclass(frozen=True)
class _Record:
    destination: str
    delivery: int
    sha256: str
    definition: str
    dataset_version: str


def replay(session: Session, campaign: Campaign, delivery: int, to: Path | None) -> list[Replayed]:
    """Every receiver's list of the delivery with that number.

    Raises C360Error with the reason where one cannot be made again: no such delivery, a database
    that is no longer kept, or people who are no longer in it.
    """
    records = _records(session, campaign, delivery)
    return [_replayed(session, campaign, record, to) for record in records]


def _records(session: Session, campaign: Campaign, delivery: int) -> list[_Record]:
    if session.state(SENDS) is None:
        raise C360Error(f"campaign {campaign.name} was never sent")
    session.bind(SENDS, "campaign_sends")
    rows = session.rows(
        "SELECT destination_name, delivery, sha256, definition, dataset_version "
        "FROM campaign_sends WHERE campaign_name = ? AND delivery = ? ORDER BY 1",
        [campaign.name, delivery],
    )
    if rows:
        return [_Record(*row) for row in rows]
    known = session.rows(
        "SELECT DISTINCT delivery FROM campaign_sends WHERE campaign_name = ? ORDER BY 1",
        [campaign.name],
    )
    there_are = ", ".join(str(number) for (number,) in known) or "none"
    raise C360Error(f"campaign {campaign.name} has no delivery {delivery}; there are {there_are}")


def _replayed(session: Session, campaign: Campaign, record: _Record, to: Path | None) -> Replayed:
    as_sent = _as_sent(campaign, record)
    with _attached(session, as_sent, record):
        has_actions = as_sent.config.mode == "add_remove"
        columns = tuple(name for name, _ in attribute_columns(as_sent))
        delivery = Delivery(
            campaign.name, record.destination, record.delivery, has_actions, columns
        )
        _leaving(session, as_sent, delivery)
        tenant = campaign.tenant
        with (
            working_folder(tenant.root) as parent,
            TemporaryDirectory(dir=parent) as aside,
        ):
            file = Path(aside) / "list"
            write_list(session, tenant, delivery, file)
            content = file.read_bytes()
        ((rows,),) = session.rows("SELECT count(*) FROM leaving")
    is_same = hashlib.sha256(content).hexdigest() == record.sha256
    path = None
    if to is not None:
        path = shared_folder(to) / f"{delivery.file_stem}-{record.destination}"
        path.write_bytes(content)
        path.chmod(0o600)
    return Replayed(record.destination, record.delivery, rows, is_same, path)


def _as_sent(campaign: Campaign, record: _Record) -> Campaign:
    """The campaign as it was declared when it was sent."""
    _, _, text = record.definition.partition(" ")
    config = CampaignConfig.model_validate(json.loads(text))
    return replace(campaign, config=config)


@contextmanager
def _attached(session: Session, campaign: Campaign, record: _Record) -> Iterator[None]:
    read_from = place_of(campaign.tenant, campaign.database).of_version(record.dataset_version)
    if read_from is None:
        raise C360Error(
            f"delivery {record.delivery} to {record.destination} cannot be made again: the "
            "database that it was read from is no longer kept (`c360 database history`)"
        )
    with read_from.attached(session.con, ATTACHED):
        yield


def _leaving(session: Session, campaign: Campaign, delivery: Delivery) -> None:
    """The rows of the delivery as the temporary table `leaving`, by whom the record names."""
    session.bind(RECIPIENTS, "campaign_recipients")
    is_this = (
        f"campaign_name = {quote_literal(campaign.name)} "
        f"AND destination_name = {quote_literal(delivery.destination)} "
        f"AND delivery = {delivery.number}"
    )
    session.execute(
        "CREATE OR REPLACE TEMP TABLE as_recorded AS "
        "SELECT amperity_id, treatment_name, audience_name, segment_name, 'sent' AS status "
        f"FROM campaign_recipients WHERE {is_this} AND action = 'add'"
    )
    rows = list_sql(campaign, "as_recorded")
    ((recorded,),) = session.rows("SELECT count(*) FROM as_recorded")
    ((found,),) = session.rows(f"SELECT count(*) FROM ({rows})")
    if found != recorded:
        raise C360Error(
            f"delivery {delivery.number} to {delivery.destination} cannot be made again: "
            f"{recorded - found:,} of its people are no longer in the database"
        )
    shown = ", ".join(quote_ident(name) for name in delivery.columns)
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE leaving AS SELECT 'add' AS action, {shown} FROM ({rows})"
    )
    if not delivery.has_actions:
        return
    gone = ", ".join(
        f"removed_address AS {quote_ident(name)}" if name == campaign.address else "NULL"
        for name in delivery.columns
    )
    session.execute(
        f"INSERT INTO leaving SELECT 'remove', {gone} FROM campaign_recipients "
        f"WHERE {is_this} AND action = 'remove'"
    )

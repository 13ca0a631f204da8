"""What is remembered of sending: the tables, the record of each delivery, and whose turn it is.

How a delivery is made belongs to `campaign_send`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.segments.audience import Accounting, Campaign
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.durations import duration
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

RECIPIENTS = "segments/campaign_recipients"
SENDS = "segments/campaign_sends"
STATES = "segments/activation_states"
# What each receiver that takes changes has: addresses as they were sent.
RECEIVED = "segments/receiver_state"
# What was answered about each address of a delivery, by digests.
CONSENT_READ = "segments/consent_read"
RECEIVED_COLUMNS = {
    "campaign_name": "VARCHAR",
    "destination_name": "VARCHAR",
    "amperity_id": "VARCHAR",
    "address": "VARCHAR",
    "row_digest": "VARCHAR",
    "delivery": "BIGINT",
}
CONSENT_COLUMNS = {
    "campaign_name": "VARCHAR",
    "destination_name": "VARCHAR",
    "delivery": "BIGINT",
    "address_digest": "VARCHAR",
    "is_yes": "BOOLEAN",
}


class NotDueError(C360Error):
    """It is not the campaign's turn at a receiver, which keeps what it has: no failure of a run."""


@dataclass(frozen=True)
class SendRecord(Accounting):
    """A row of campaign_sends: one delivery to one receiver, with its accounting."""

    campaign_name: str
    destination_name: str
    delivery: int
    state: str
    day: date
    added: int
    removed: int
    sha256: str
    consent: str
    definition: str
    dataset_version: str
    launch_datetime: datetime
    workflow_id: str

    @property
    def accounting(self) -> Accounting:
        """The accounting without the rest of the record."""
        counts = {field.name: getattr(self, field.name) for field in fields(Accounting)}
        return Accounting(**counts)

    @property
    def is_whole_list(self) -> bool:
        """Whether it was sent whole; else it was what changed."""
        declared = json.loads(self.definition.partition(" ")[2])
        return bool(declared["mode"] == "full")

    @property
    def receiver_sql(self) -> str:
        """A condition that holds for rows of this campaign at this receiver."""
        return (
            f"campaign_name = {quote_literal(self.campaign_name)} "
            f"AND destination_name = {quote_literal(self.destination_name)}"
        )

    @property
    def receiver_columns_sql(self) -> str:
        """The campaign and the receiver as the first columns of a SELECT."""
        return (
            f"{quote_literal(self.campaign_name)} AS campaign_name, "
            f"{quote_literal(self.destination_name)} AS destination_name"
        )


def send_tables() -> dict[str, Mapping[str, str]]:
    documented = {
        stored: {
            name: column.type
            for name, column in all_tables()[stored.rpartition("/")[2]].columns.items()
        }
        for stored in (RECIPIENTS, SENDS, STATES)
    }
    return {**documented, RECEIVED: RECEIVED_COLUMNS, CONSENT_READ: CONSENT_COLUMNS}


def next_delivery(last: SendRecord | None) -> int:
    """A delivery that did not end is made again under its number."""
    if last is None:
        return 1
    return last.delivery + 1 if last.state == "sent" else last.delivery


def last_send(
    session: Session, campaign: Campaign, destination: str, *, is_taken: bool = False
) -> SendRecord | None:
    """The last delivery; with `is_taken` the last that the receiver took."""
    columns = list(SendRecord.__dataclass_fields__)
    taken = "AND state = 'sent' " if is_taken else ""
    rows = session.rows(
        f"SELECT {', '.join(columns)} FROM campaign_sends WHERE campaign_name = ? "
        f"AND destination_name = ? {taken}ORDER BY delivery DESC LIMIT 1",
        [campaign.name, destination],
    )
    return SendRecord(*rows[0]) if rows else None


def sends_since(session: Session, before: TableState | None) -> list[SendRecord]:
    """What was sent since `campaign_sends` was as `before` says, in the order of the sends.

    The data files of that version must still be there.
    """
    state = session.state(SENDS)
    if state is None or state == before:
        return []
    columns = ", ".join(SendRecord.__dataclass_fields__)
    sql = f"SELECT {columns} FROM {session.warehouse.source(SENDS, state)} WHERE state = 'sent'"
    if before is not None:
        sql += f" EXCEPT SELECT {columns} FROM {session.warehouse.source(SENDS, before)}"
    order = "launch_datetime, campaign_name, destination_name, delivery"
    return [SendRecord(*row) for row in session.rows(f"FROM ({sql}) ORDER BY {order}")]


def check_turn(campaign: Campaign, last: SendRecord | None, moment: datetime) -> None:
    """Raises NotDueError where the turn has not come, and C360Error where the salt is another, or a
    whole list was sent before of which changes would take nobody out."""
    if last is None:
        return
    if last.state == "sent":
        _check_rhythm(campaign, last, moment)
    if salt_digest(campaign) != last.definition.partition(" ")[0]:
        raise C360Error(
            f"the salt of campaign {campaign.name} is another than when it was sent before: "
            "control and treated people would change sides; "
            "give it the old one, or the campaign a new name"
        )
    if campaign.config.mode == "add_remove" and last.is_whole_list:
        raise C360Error(
            f"campaign {campaign.name} was sent whole before, and changes name nobody whom that "
            f"list has too many: give the campaign a new name, and have {last.destination_name} "
            "drop the old list"
        )


def _check_rhythm(campaign: Campaign, last: SendRecord, moment: datetime) -> None:
    when = f"{last.launch_datetime:%Y-%m-%d}"
    if campaign.config.once:
        raise NotDueError(f"campaign {campaign.name} is sent once, and was on {when}")
    every = campaign.config.every
    if every is not None and moment - last.launch_datetime < duration(every):
        raise NotDueError(f"campaign {campaign.name} is sent every {every}, last {when}")


def salt_digest(campaign: Campaign) -> str:
    return hashlib.sha256(campaign.salt.encode()).hexdigest()[:16]


def replace_delivery(session: Session, stored: str, send: SendRecord, rows: str) -> None:
    """Write the rows of one delivery in place of those that it may have already."""
    called = stored.rpartition("/")[2]
    kept = f"SELECT * FROM {called} WHERE NOT ({send.receiver_sql} AND delivery = {send.delivery})"
    session.write(stored, f"{kept} UNION ALL BY NAME {rows}")


def write_send(session: Session, send: SendRecord) -> None:
    frame = pl.DataFrame([asdict(send)], infer_schema_length=None)
    session.register("_c360_send", frame)
    columns = ", ".join(
        f"CAST({name} AS {column.type}) AS {name}"
        for name, column in all_tables()["campaign_sends"].columns.items()
    )
    replace_delivery(session, SENDS, send, f"SELECT {columns} FROM _c360_send")


def bind_send_tables(session: Session) -> None:
    for stored in send_tables():
        if session.state(stored) is not None:
            session.bind(stored, stored.rpartition("/")[2])

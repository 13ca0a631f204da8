"""Sends a campaign to a receiver: prepared, delivered, remembered.

What will leave is committed before anything leaves, so that a send that is killed is made again
under its number and its file's name, and nobody is delivered twice. Whose consent was withdrawn in
between is left out, and where the receiver takes changes, removed, as it may have the address. Who
is in a list is `audience`; how it travels is `deliver`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from c360_assets.customer_360.tables.build import prepare_context
from c360_assets.customer_360.tables.databases import databases
from c360_assets.errors import C360Error
from c360_assets.segments.audience import (
    Accounting,
    Campaign,
    accounting,
    attribute_columns,
    decide,
    list_sql,
    written_address,
)
from c360_assets.segments.compute import SIZES, stored_name
from c360_assets.segments.database_tables import stored_names
from c360_assets.segments.deliver import Delivery, deliver, render_digest
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.durations import duration
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

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


@dataclass(frozen=True)
class SentCampaign:
    """What a receiver was sent. `again`: a delivery that was begun before was ended."""

    campaign: str
    destination: str
    delivery: int
    accounting: Accounting
    added: int
    removed: int
    again: bool = False


@dataclass(frozen=True)
class _Send:
    """The send record: a row of campaign_sends."""

    campaign_name: str
    destination_name: str
    delivery: int
    state: str
    day: date
    audience: int
    sent: int
    control: int
    no_consent: int
    unreachable: int
    too_recent: int
    failed: int
    held_out_merged: int
    shared_address: int
    added: int
    removed: int
    sha256: str
    consent: str
    definition: str
    dataset_version: str
    launch_datetime: datetime
    workflow_id: str


@contextmanager
def opened_for(session: Session, campaign: Campaign) -> Iterator[str]:
    """Attach the published database as `published` and bind what a campaign reads; yields its
    version.

    Raises C360Error when it is not published, or has no segments.
    """
    path = database_path(campaign.tenant.root, campaign.database)
    if not path.exists():
        raise C360Error(f"the database {campaign.database} is not published yet; run `c360 run`")
    session.execute(f"ATTACH {quote_literal(str(path))} AS published (READ_ONLY)")
    try:
        found = session.rows(
            "SELECT 1 FROM duckdb_tables() WHERE database_name = 'published' "
            "AND schema_name = 'segments' AND table_name = 'segment_membership'"
        )
        if not found:
            raise C360Error("segments are not published yet; run `c360 run` first")
        ((day,),) = session.rows("SELECT as_of FROM published.main.run_context")
        prepare_context(session, day, campaign.tenant.home)
        _bind_all(session, campaign)
        yield version_of(path)
    finally:
        session.execute("DETACH published")


def version_of(path: Path) -> str:
    """What tells a published file from others, also where it is kept: it is linked, not copied."""
    stat = path.stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _bind_all(session: Session, campaign: Campaign) -> None:
    for stored, columns in _own_tables().items():
        called = stored.rpartition("/")[2]
        if session.state(stored) is not None:
            session.bind(stored, called)
        else:
            empty = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
            session.execute(f"CREATE OR REPLACE TEMP VIEW {called} AS SELECT {empty} WHERE FALSE")
    session.bind("unified_changes_pks", "identity_changes")
    gate = campaign.gate
    if gate is None:
        return
    group = databases(campaign.tenant)[0]
    by_name = {name.lower(): table for name, table in stored_names(group).items()}
    table = by_name.get(gate.table.lower())
    if table is None or session.state(table) is None:
        raise C360Error(
            f"{gate.table}, which holds the consent, is not built: nothing is sent by "
            f"{campaign.config.channel}"
        )
    # Statements count whoever made them: they are joined on the address.
    session.bind(table, gate.table)


def _own_tables() -> dict[str, Mapping[str, str]]:
    documented = {
        stored: {
            name: column.type
            for name, column in all_tables()[stored.rpartition("/")[2]].columns.items()
        }
        for stored in (RECIPIENTS, SENDS, STATES)
    }
    return {**documented, RECEIVED: RECEIVED_COLUMNS, CONSENT_READ: CONSENT_COLUMNS}


def preview(session: Session, campaign: Campaign) -> Accounting:
    """What a send would do now, for the first of its receivers; writes nothing."""
    with opened_for(session, campaign):
        decide(session, campaign, campaign.config.destination[0])
        return accounting(session)


def send_campaign(
    session: Session, campaign: Campaign, destination: str, *, now: datetime | None = None
) -> SentCampaign:
    """Send the campaign to one receiver and commit that it was sent.

    Raises C360Error where a limit of a segment has failed, a salt has changed, the campaign was
    sent once already, or the receiver refuses; then the send record says so.
    """
    moment = now or datetime.now(UTC)
    _check_limits(session, campaign)
    with opened_for(session, campaign) as version:
        last = _last_send(session, campaign, destination)
        _check_turn(campaign, last, moment)
        is_again = last is not None and last.state != "sent"
        decide(session, campaign, destination)
        delivery = Delivery(
            campaign.name,
            destination,
            _number(last),
            campaign.config.mode == "add_remove",
            tuple(name for name, _ in attribute_columns(campaign)),
        )
        _make_leaving(session, campaign, delivery)
        send = _prepare(session, campaign, delivery, version, moment)
        try:
            deliver(session, campaign.tenant, delivery)
        except C360Error as error:
            _refused(session, send)
            again = f"`c360 campaign send {campaign.name}` tries it again"
            raise C360Error(f"campaign {campaign.name}, {destination}: {error}; {again}") from None
        _delivered(session, send, has_actions=delivery.has_actions)
    numbers = Accounting(
        send.audience,
        send.sent,
        send.control,
        send.no_consent,
        send.unreachable,
        send.too_recent,
        send.failed,
        send.held_out_merged,
        send.shared_address,
    )
    return SentCampaign(
        campaign.name, destination, send.delivery, numbers, send.added, send.removed, is_again
    )


def _number(last: _Send | None) -> int:
    """A delivery that did not end is made again under its number."""
    if last is None:
        return 1
    return last.delivery + 1 if last.state == "sent" else last.delivery


def _check_limits(session: Session, campaign: Campaign) -> None:
    """A `fail` limit of a segment of the audience stops sending."""
    database = next(d for d in databases(campaign.tenant) if d.name == campaign.database)
    state = session.state(stored_name(database, SIZES))
    findings = state.figures.get("findings", []) if state is not None else []
    config = campaign.config
    broken = [
        f"{finding['segment']} {finding['message']}"
        for finding in findings
        if finding["severity"] == "fail" and finding["segment"] in config.include
    ]
    if broken:
        raise C360Error(f"campaign {campaign.name} is not sent: {'; '.join(broken)} (expect.fail)")


def _last_send(session: Session, campaign: Campaign, destination: str) -> _Send | None:
    columns = list(_Send.__dataclass_fields__)
    rows = session.rows(
        f"SELECT {', '.join(columns)} FROM campaign_sends WHERE campaign_name = ? "
        "AND destination_name = ? ORDER BY delivery DESC LIMIT 1",
        [campaign.name, destination],
    )
    return _Send(*rows[0]) if rows else None


def is_due(
    session: Session, campaign: Campaign, destination: str, now: datetime | None = None
) -> bool:
    """Whether the campaign's turn has come: not one that is sent once and was, or was too short a
    time ago (`every`).
    """
    config = campaign.config
    if session.state(SENDS) is None:
        return True
    session.bind(SENDS, "campaign_sends")
    last = _last_send(session, campaign, destination)
    if last is None or last.state != "sent":
        return True
    if config.once:
        return False
    moment = now or datetime.now(UTC)
    return config.every is None or moment - last.launch_datetime >= duration(config.every)


def _check_turn(campaign: Campaign, last: _Send | None, moment: datetime) -> None:
    if last is None:
        return
    if _salt_digest(campaign) != last.definition.partition(" ")[0]:
        raise C360Error(
            f"the salt of campaign {campaign.name} is another than when it was sent before: "
            "control and treated people would change sides; "
            "give it the old one, or the campaign a new name"
        )
    if last.state != "sent":
        return
    if campaign.config.once:
        when = f"{last.launch_datetime:%Y-%m-%d}"
        raise C360Error(f"campaign {campaign.name} is sent once, and was on {when}")
    every = campaign.config.every
    if every is not None and moment - last.launch_datetime < duration(every):
        raise C360Error(
            f"campaign {campaign.name} is sent every {every}, last {last.launch_datetime:%Y-%m-%d}"
        )


def _salt_digest(campaign: Campaign) -> str:
    return hashlib.sha256(campaign.salt.encode()).hexdigest()[:16]


def _make_leaving(session: Session, campaign: Campaign, delivery: Delivery) -> None:
    """The temporary tables `wanted`, all whom the receiver should have, and `leaving`, the rows of
    this delivery, each with `_person` and `_address`.
    """
    rows = list_sql(campaign).replace(
        "SELECT ", f"SELECT d.amperity_id AS _person, {written_address(campaign)} AS _address, ", 1
    )
    texts = ", ".join(f"{quote_ident(name)}::VARCHAR" for name in delivery.columns)
    session.execute(
        "CREATE OR REPLACE TEMP TABLE wanted AS "
        f"SELECT *, sha256(to_json([{texts}])::VARCHAR) AS _digest FROM ({rows})"
    )
    shown = ", ".join(quote_ident(name) for name in delivery.columns)
    added = f"SELECT 'add' AS action, _person, _address, _digest, {shown} FROM wanted"
    if not delivery.has_actions:
        session.execute(f"CREATE OR REPLACE TEMP TABLE leaving AS {added}")
        return
    # What a delivery that did not end may have brought is not known to be there, but may be.
    has = (
        f"SELECT * FROM receiver_state WHERE campaign_name = {quote_literal(campaign.name)} "
        f"AND destination_name = {quote_literal(delivery.destination)}"
    )
    gone = ", ".join(
        f"s.address AS {quote_ident(name)}" if name == campaign.address else "NULL"
        for name in delivery.columns
    )
    session.execute(
        "CREATE OR REPLACE TEMP TABLE leaving AS "
        f"{added} ANTI JOIN ({has} AND delivery < {delivery.number}) AS s "
        "ON s.address = wanted._address AND s.row_digest = wanted._digest "
        "UNION ALL SELECT 'remove', s.amperity_id, s.address, NULL, "
        f"{gone} FROM (SELECT address, max(amperity_id) AS amperity_id FROM ({has}) "
        "GROUP BY 1) AS s "
        "ANTI JOIN wanted ON wanted._address = s.address"
    )


def _prepare(
    session: Session, campaign: Campaign, delivery: Delivery, version: str, moment: datetime
) -> _Send:
    """Commit what will leave: who, the accounting, the consent that was read."""
    numbers = accounting(session)
    ((added, removed),) = session.rows(
        "SELECT count(*) FILTER (WHERE action = 'add'), count(*) FILTER (WHERE action = 'remove') "
        "FROM leaving"
    )
    ((day,),) = session.rows("SELECT as_of FROM published.main.run_context")
    config = campaign.config
    reason = config.reason_without_consent
    send = _Send(
        campaign.name,
        delivery.destination,
        delivery.number,
        "prepared",
        day,
        **asdict(numbers),
        added=added,
        removed=removed,
        sha256=render_digest(session, campaign.tenant, delivery),
        consent=str(config.purpose) if reason is None else f"none, because {reason}",
        definition=f"{_salt_digest(campaign)} {config.model_dump_json()}",
        dataset_version=version,
        launch_datetime=moment,
        workflow_id=session.run_id,
    )
    _write_send(session, send)
    _replace_delivery(session, RECIPIENTS, send, _recipients_sql(campaign, send))
    _replace_delivery(session, CONSENT_READ, send, _consent_sql(send))
    if delivery.has_actions:
        _replace_delivery(session, RECEIVED, send, _received_sql(send, "leaving", "action = 'add'"))
    session.commit()
    return send


def _own(send: _Send) -> str:
    return (
        f"campaign_name = {quote_literal(send.campaign_name)} "
        f"AND destination_name = {quote_literal(send.destination_name)}"
    )


def _replace_delivery(session: Session, stored: str, send: _Send, rows: str) -> None:
    """Write the rows of one delivery in place of those that it may have already."""
    called = stored.rpartition("/")[2]
    kept = f"SELECT * FROM {called} WHERE NOT ({_own(send)} AND delivery = {send.delivery})"
    session.write(stored, f"{kept} UNION ALL BY NAME {rows}")


def _write_send(session: Session, send: _Send) -> None:
    frame = pl.DataFrame([asdict(send)], infer_schema_length=None)
    session.register("_c360_send", frame)
    columns = ", ".join(
        f"CAST({name} AS {column.type}) AS {name}"
        for name, column in all_tables()["campaign_sends"].columns.items()
    )
    _replace_delivery(session, SENDS, send, f"SELECT {columns} FROM _c360_send")


def _recipients_sql(campaign: Campaign, send: _Send) -> str:
    """The rows of campaign_recipients: those who leave with the list, and control."""
    treatments = [quote_literal(name) for name in campaign.config.treatments]
    audiences = [quote_literal(one.name) for one in campaign.config.audiences]
    launch = f"TIMESTAMPTZ {quote_literal(send.launch_datetime.isoformat())}"
    key = (
        f"sha256(concat_ws('|', {quote_literal(campaign.id)}, "
        f"{quote_literal(send.destination_name)}, {send.delivery}, amperity_id, action))"
    )
    people = (
        "SELECT l._person AS amperity_id, l.action, "
        "CASE WHEN l.action = 'remove' THEN l._address END AS removed_address, "
        "d.segment_id, d.segment_name, d.audience_name, "
        "d.treatment_name, FALSE AS is_control, coalesce(d.is_measured, TRUE) AS is_measured, "
        "coalesce(d.unit_id, l._person) AS unit_id "
        "FROM leaving AS l LEFT JOIN decided AS d ON d.amperity_id = l._person "
        "UNION ALL SELECT amperity_id, NULL, NULL, segment_id, segment_name, audience_name, "
        "'control', "
        "TRUE, is_measured, unit_id FROM decided WHERE status = 'control'"
    )
    return (
        f"SELECT amperity_id, {quote_literal(campaign.id)} AS campaign_id, "
        f"{quote_literal(campaign.name)} AS campaign_name, segment_id, segment_name, "
        f"list_position({_list(audiences)}, audience_name)::VARCHAR AS audience_id, "
        f"audience_name, list_position({_list(treatments)}, treatment_name)::VARCHAR "
        "AS treatment_id, treatment_name, "
        f"{quote_literal(send.destination_name)} AS destination_id, "
        f"{quote_literal(send.destination_name)} AS destination_name, is_control, is_measured, "
        f"unit_id, action, removed_address, {send.delivery}::BIGINT AS delivery, "
        f"{launch} AS launch_datetime, "
        "CAST(NULL AS TIMESTAMPTZ) AS delivery_datetime, "
        f"{quote_literal(send.dataset_version)} AS dataset_version, "
        f"{quote_literal(send.workflow_id)} AS workflow_id, {key} AS pk FROM ({people})"
    )


def _list(items: list[str]) -> str:
    return f"CAST([{', '.join(items)}] AS VARCHAR[])"


def _consent_sql(send: _Send) -> str:
    """What was answered about each address, by its digest: for a list to be made again."""
    return (
        f"SELECT {_identity(send)}, {send.delivery}::BIGINT AS delivery, "
        "sha256(r.address_key) AS address_digest, bool_and(coalesce(g.is_yes, FALSE)) AS is_yes "
        "FROM reach AS r LEFT JOIN gate AS g USING (address_key) "
        "WHERE r.address_key IS NOT NULL GROUP BY r.address_key"
    )


def _identity(send: _Send) -> str:
    return (
        f"{quote_literal(send.campaign_name)} AS campaign_name, "
        f"{quote_literal(send.destination_name)} AS destination_name"
    )


def _received_sql(send: _Send, table: str, condition: str = "TRUE") -> str:
    return (
        f"SELECT {_identity(send)}, _person AS amperity_id, _address AS address, "
        f"_digest AS row_digest, {send.delivery}::BIGINT AS delivery FROM {table} WHERE {condition}"
    )


def _rebind(session: Session) -> None:
    for stored in _own_tables():
        if session.state(stored) is not None:
            session.bind(stored, stored.rpartition("/")[2])


def _refused(session: Session, send: _Send) -> None:
    """Remember that the receiver refused; it may have a part, and the next send is the same one."""
    _rebind(session)
    _write_send(session, replace(send, state="failed", failed=send.sent, sent=0))
    session.commit()


def _delivered(session: Session, send: _Send, *, has_actions: bool) -> None:
    """Remember that the receiver has it: when, how often for each person, and what is there."""
    _rebind(session)
    _write_send(session, replace(send, state="sent"))
    now = f"TIMESTAMPTZ {quote_literal(datetime.now(UTC).isoformat())}"
    is_this = f"{_own(send)} AND delivery = {send.delivery}"
    recipients = (
        f"SELECT * REPLACE (CASE WHEN {is_this} AND NOT is_control THEN {now} "
        "ELSE delivery_datetime END AS delivery_datetime) FROM campaign_recipients"
    )
    session.write(RECIPIENTS, recipients)
    session.write(
        STATES,
        "SELECT amperity_id, campaign_name, destination_name, count(*) AS activation_count, "
        "min(delivery_datetime) AS first_activated_datetime, "
        f"max(delivery_datetime) AS last_activated_datetime FROM ({recipients}) "
        "WHERE action = 'add' AND delivery_datetime IS NOT NULL GROUP BY ALL",
    )
    if has_actions:
        session.write(
            RECEIVED,
            f"SELECT * FROM receiver_state WHERE NOT ({_own(send)}) UNION ALL BY NAME "
            f"{_received_sql(send, 'wanted')}",
        )
    session.commit()

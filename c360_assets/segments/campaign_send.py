"""Sends a campaign to a receiver: prepared, delivered, remembered.

What will leave is committed before anything leaves, so that a send that is killed is made again
under its number and its file's name, and nobody is delivered twice. Whose consent was withdrawn in
between is left out, and where the receiver takes changes, removed, as it may have the address. Who
is in a list is `audience`; how it travels is `deliver`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

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
from c360_assets.segments.consent_words import check_words
from c360_assets.segments.database_tables import stored_names
from c360_assets.segments.deliver import deliver, render_digest
from c360_assets.segments.delivery import Delivery
from c360_assets.segments.list_before import ListBefore, check_somebody_is_due, list_before
from c360_assets.segments.send_record import (
    CONSENT_READ,
    RECEIVED,
    RECIPIENTS,
    STATES,
    SendRecord,
    bind_send_tables,
    check_turn,
    last_send,
    next_delivery,
    replace_delivery,
    salt_digest,
    send_tables,
    write_send,
)
from c360_assets.segments.table_names import SIZES, stored_name
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

ATTACHED = "published"  # what SQL of campaigns calls the published database


@dataclass(frozen=True)
class SentCampaign:
    """What a receiver was sent. `again`: a delivery that was begun before was ended; `before`: the
    whole list that it takes the place of."""

    campaign: str
    destination: str
    delivery: int
    accounting: Accounting
    added: int
    removed: int
    again: bool
    before: ListBefore


@contextmanager
def opened_for(session: Session, campaign: Campaign) -> Iterator[str]:
    """Attach the published database as `published` and bind what a campaign reads; yields its
    version.

    Raises C360Error when it is not published, or has no segments.
    """
    published = place_of(campaign.tenant, campaign.database).published()
    if published is None:
        raise C360Error(f"the database {campaign.database} is not published yet; run `c360 run`")
    with published.attached(session.con, ATTACHED):
        if not published.has_table(session.con, ATTACHED, "segments", "segment_membership"):
            raise C360Error("segments are not published yet; run `c360 run` first")
        ((day,),) = session.rows("SELECT as_of FROM published.main.run_context")
        prepare_context(session, day, campaign.tenant.home)
        _bind_all(session, campaign)
        yield published.version


def _bind_all(session: Session, campaign: Campaign) -> None:
    for stored, columns in send_tables().items():
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


def send_campaign(
    session: Session, campaign: Campaign, destination: str, *, now: datetime | None = None
) -> SentCampaign:
    """Send the campaign to one receiver and commit that it was sent; `now` stands for the clock.

    Raises NotDueError where it is not its turn or nobody's, C360Error where a limit of a segment
    has failed, no statement of consent is of the campaign's brand and purpose, a salt has changed,
    or the receiver refuses; then the send record says so.
    """
    moment = now or datetime.now(UTC)
    with opened_for(session, campaign) as version:
        last = last_send(session, campaign, destination)
        check_turn(campaign, last, moment)
        check_limits(session, campaign)
        check_words(session, campaign)
        is_again = last is not None and last.state != "sent"
        decide(session, campaign, destination, moment)
        before = the_list_before(session, campaign, destination)
        if not is_again:
            check_somebody_is_due(campaign, before, accounting(session))
        delivery = delivery_of(campaign, destination, last)
        make_leaving(session, campaign, delivery)
        send = _prepare(session, campaign, delivery, version, moment)
        try:
            refused = deliver(session, campaign.tenant, delivery)
        except C360Error as error:
            _refused(session, send)
            again = f"`c360 campaign send {campaign.name}` tries it again"
            raise C360Error(f"campaign {campaign.name}, {destination}: {error}; {again}") from None
        send = _delivered(session, send, delivery, refused, now or datetime.now(UTC))
    return SentCampaign(
        campaign.name,
        destination,
        send.delivery,
        send.accounting,
        send.added,
        send.removed,
        is_again,
        before,
    )


def delivery_of(campaign: Campaign, destination: str, last: SendRecord | None) -> Delivery:
    """The delivery that follows the last one."""
    return Delivery(
        campaign.name,
        destination,
        next_delivery(last),
        campaign.config.mode == "add_remove",
        tuple(name for name, _ in attribute_columns(campaign)),
    )


def the_list_before(session: Session, campaign: Campaign, destination: str) -> ListBefore:
    """The whole list that the receiver has; `decided` is that of this session."""
    taken = last_send(session, campaign, destination, is_taken=True)
    return list_before(session, campaign, taken)


def check_limits(session: Session, campaign: Campaign) -> None:
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


def make_leaving(session: Session, campaign: Campaign, delivery: Delivery) -> None:
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
) -> SendRecord:
    """Commit what will leave: who, the accounting, the consent that was read."""
    ((added, removed),) = session.rows(
        "SELECT count(*) FILTER (WHERE action = 'add'), count(*) FILTER (WHERE action = 'remove') "
        "FROM leaving"
    )
    ((day,),) = session.rows("SELECT as_of FROM published.main.run_context")
    config = campaign.config
    reason = config.reason_without_consent
    send = SendRecord(
        **asdict(accounting(session)),
        campaign_name=campaign.name,
        destination_name=delivery.destination,
        delivery=delivery.number,
        state="prepared",
        day=day,
        added=added,
        removed=removed,
        sha256=render_digest(session, campaign.tenant, delivery),
        consent=str(config.purpose) if reason is None else f"none, because {reason}",
        definition=f"{salt_digest(campaign)} {config.model_dump_json()}",
        dataset_version=version,
        launch_datetime=moment,
        workflow_id=session.run_id,
    )
    write_send(session, send)
    replace_delivery(session, RECIPIENTS, send, _recipients_sql(campaign, send))
    replace_delivery(session, CONSENT_READ, send, _consent_sql(send))
    if delivery.has_actions:
        replace_delivery(session, RECEIVED, send, _received_sql(send, "leaving", "action = 'add'"))
    session.commit()
    return send


def _recipients_sql(campaign: Campaign, send: SendRecord) -> str:
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


def _consent_sql(send: SendRecord) -> str:
    """What was answered about each address, by its digest: for a list to be made again."""
    return (
        f"SELECT {send.receiver_columns_sql}, {send.delivery}::BIGINT AS delivery, "
        "sha256(r.address_key) AS address_digest, bool_and(coalesce(g.is_yes, FALSE)) AS is_yes "
        "FROM reach AS r LEFT JOIN gate AS g USING (address_key) "
        "WHERE r.address_key IS NOT NULL GROUP BY r.address_key"
    )


def _received_sql(send: SendRecord, table: str, condition: str = "TRUE") -> str:
    return (
        f"SELECT {send.receiver_columns_sql}, _person AS amperity_id, _address AS address, "
        f"_digest AS row_digest, {send.delivery}::BIGINT AS delivery FROM {table} WHERE {condition}"
    )


def _refused(session: Session, send: SendRecord) -> None:
    """Remember that the receiver refused; it may have a part, and the next send is the same one."""
    bind_send_tables(session)
    write_send(session, replace(send, state="failed", failed=send.sent, sent=0))
    session.commit()


def _delivered(
    session: Session, send: SendRecord, delivery: Delivery, refused: Sequence[int], moment: datetime
) -> SendRecord:
    """Remember that the receiver has it since then: how often for each person, what is there.

    `refused` are the places of rows that it did not take: the next delivery has them again. Returns
    the record as it is kept.
    """
    bind_send_tables(session)
    _bind_refused(session, delivery, refused)
    ((not_added, not_removed),) = session.rows(
        "SELECT count(*) FILTER (WHERE action = 'add'), count(*) FILTER (WHERE action = 'remove') "
        "FROM refused"
    )
    sent = replace(
        send,
        state="sent",
        sent=send.sent - not_added,
        failed=not_added,
        added=send.added - not_added,
        removed=send.removed - not_removed,
    )
    write_send(session, sent)
    now = f"TIMESTAMPTZ {quote_literal(moment.isoformat())}"
    is_this = f"{send.receiver_sql} AND delivery = {send.delivery}"
    is_taken = (
        f"{is_this} AND NOT is_control "
        "AND (amperity_id, action) NOT IN (SELECT (_person, action) FROM refused)"
    )
    recipients = (
        f"SELECT * REPLACE (CASE WHEN {is_taken} THEN {now} "
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
    if delivery.has_actions:
        session.write(
            RECEIVED,
            f"SELECT * FROM receiver_state WHERE NOT ({send.receiver_sql}) UNION ALL BY NAME "
            f"{_there_now_sql(send)}",
        )
    session.commit()
    return sent


def _bind_refused(session: Session, delivery: Delivery, places: Sequence[int]) -> None:
    """The temporary table `refused`: the rows of `leaving` that the receiver did not take."""
    session.register("_c360_places", pl.DataFrame({"place": places}, schema={"place": pl.Int64}))
    order = ", ".join(quote_ident(name) for name in delivery.shown)
    session.execute(
        "CREATE OR REPLACE TEMP TABLE refused AS SELECT action, _person, _address FROM ("
        f"SELECT *, row_number() OVER (ORDER BY {order}) - 1 AS place FROM leaving"
        ") SEMI JOIN _c360_places USING (place)"
    )


def _there_now_sql(send: SendRecord) -> str:
    """What the receiver has after a delivery: all whom it should have, but of rows that it did not
    take what it had before."""
    taken = _received_sql(
        send, "wanted ANTI JOIN (FROM refused WHERE action = 'add') AS r USING (_address)"
    )
    kept = (
        f"SELECT * FROM receiver_state WHERE {send.receiver_sql} AND delivery < {send.delivery} "
        "AND address IN (SELECT _address FROM refused)"
    )
    return f"{taken} UNION ALL BY NAME {kept}"

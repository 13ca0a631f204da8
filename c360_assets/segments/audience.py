"""Who is in a campaign's audience, and what becomes of each: exactly one of sent, control, no
consent, unreachable, too recent.

Reads the published database, attached as `published`, and the newest statements of consent. Sending
is `campaign_send`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid5

from c360_assets.customer_360.publication.consent import ADDRESSES, Gate, gate_of
from c360_assets.errors import C360Error
from c360_assets.segments.control import control_sql, treatment_sql
from c360_assets.segments.hash_forms import hashed, normalised
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.campaigns import OWN_ATTRIBUTES, REST
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import CampaignConfig, Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

STATUSES = ("sent", "control", "no_consent", "unreachable", "too_recent")
CONTROL = "control"
ADDRESS_KINDS = {"email": "email", "phone": "phone"}
# An id that a record had and the one that it has, a row per record and earlier id.
MOVED_RECORDS = """
    SELECT unnest(list(amperity_id_prev)) AS before, arg_max(amperity_id, "timestamp") AS now
    FROM identity_changes WHERE change_type = 'updated' AND amperity_id_prev IS NOT NULL
    GROUP BY datasource, pk
"""


@dataclass(frozen=True)
class Campaign:
    """A campaign by its name, with what follows from the tenant."""

    name: str
    config: CampaignConfig
    tenant: Tenant

    @property
    def id(self) -> str:
        return str(uuid5(self.tenant.config.id, f"campaign/{self.name}"))

    @property
    def salt(self) -> str:
        return self.config.salt or f"{self.tenant.config.id}/{self.name}"

    @property
    def address(self) -> str:
        return ADDRESSES[self.config.channel]

    @property
    def database(self) -> str:
        """The name of the published file."""
        configured = self.tenant.config.databases.get(self.config.database)
        is_primary = configured is not None and configured.primary
        return "customer_360" if is_primary else self.config.database

    @property
    def gate(self) -> Gate | None:
        return gate_of(self.tenant, self.config)


@dataclass(frozen=True)
class Accounting:
    """People by what became of them; the first is the sum of the next six."""

    audience: int
    sent: int
    control: int
    no_consent: int
    unreachable: int
    too_recent: int
    failed: int
    held_out_merged: int
    shared_address: int


def campaign_named(tenant: Tenant, name: str) -> Campaign:
    """Raises C360Error where there is no such campaign."""
    if name not in tenant.campaigns:
        remedy = instead_of(name, tenant.campaigns, none="write campaigns/NAME.yaml")
        raise C360Error(f"there is no campaign {name}; {remedy}")
    return Campaign(name, tenant.campaigns[name], tenant)


def decide(session: Session, campaign: Campaign, destination: str, moment: datetime) -> None:
    """Make the temporary table `decided`: a row per person of the audience at that moment.

    The session has the published file attached as `published`, and the tables
    `campaign_recipients`, `identity_changes` and, where one is asked, the table of the gate.
    Raises C360Error where the campaign names a segment that is not published.
    """
    _members(session, campaign)
    _units(session, campaign)
    _reach(session, campaign)
    _gate(session, campaign)
    _recent(session, campaign, destination, moment)
    config = campaign.config
    control = control_sql("u.unit_id", campaign.salt, config.control)
    treatment = treatment_sql("u.unit_id", campaign.salt, config.treatments)
    _table(
        session,
        "judged",
        "SELECT m.*, u.unit_id, r.address_key, "
        f"u.is_mixed OR {control} AS is_control, NOT u.is_mixed AS is_measured, "
        f"{treatment} AS treatment_name, "
        "r.address_key IS NULL AS has_no_address, "
        "coalesce(g.is_yes, FALSE) AS may_be_used, "
        "t.amperity_id IS NOT NULL OR a.address_key IS NOT NULL AS is_recent "
        "FROM members AS m JOIN units AS u USING (amperity_id) "
        "JOIN reach AS r USING (amperity_id) "
        "LEFT JOIN gate AS g ON g.address_key = r.address_key "
        "LEFT JOIN recent AS t ON t.amperity_id = m.amperity_id "
        "LEFT JOIN recent_addresses AS a ON a.address_key = r.address_key",
    )
    # One address is written to once. Of the people who share it, one who is control keeps it back.
    _table(
        session,
        "addressed",
        "SELECT address_key, bool_or(is_control) AS any_control, "
        "min(amperity_id) FILTER (WHERE is_control) AS control_owner, "
        "min(amperity_id) AS owner FROM judged WHERE address_key IS NOT NULL GROUP BY 1",
    )
    _table(
        session,
        "decided",
        "SELECT j.*, CASE WHEN j.has_no_address THEN 'unreachable' "
        "WHEN NOT j.may_be_used THEN 'no_consent' "
        "WHEN j.is_control THEN 'control' "
        "WHEN j.is_recent THEN 'too_recent' "
        "WHEN a.any_control OR a.owner <> j.amperity_id THEN 'unreachable' "
        "ELSE 'sent' END AS status, "
        "NOT j.has_no_address AND j.may_be_used AND NOT j.is_recent AND NOT j.is_control "
        "AND (a.any_control OR a.owner <> j.amperity_id) AS shares_address "
        "FROM judged AS j LEFT JOIN addressed AS a ON a.address_key = j.address_key",
    )


def accounting(session: Session) -> Accounting:
    """What became of everybody in `decided`."""
    counts = dict(session.rows("SELECT status, count(*) FROM decided GROUP BY status"))
    ((mixed, shared),) = session.rows(
        "SELECT count(*) FILTER (WHERE status = 'control' AND NOT is_measured), "
        "count(*) FILTER (WHERE shares_address) FROM decided"
    )
    numbers = {status: counts.get(status, 0) for status in STATUSES}
    return Accounting(
        audience=sum(numbers.values()),
        failed=0,
        held_out_merged=mixed,
        shared_address=shared,
        **numbers,
    )


def _check_computed(session: Session, campaign: Campaign) -> None:
    """Raise C360Error where a segment that the campaign names is not published: nobody would be in
    it, and who is to be left out would be sent."""
    computed = session.rows(
        "SELECT DISTINCT segment FROM published.segments.segment_definition "
        "QUALIFY last_day = max(last_day) OVER ()"
    )
    config = campaign.config
    of_audiences = [name for audience in config.audiences for name in audience.segments]
    named = {*config.include, *config.exclude, *of_audiences}
    missing = sorted(named - {name for (name,) in computed})
    if missing:
        raise C360Error(
            f"campaign {campaign.name} names what is no segment of the published database: "
            f"{', '.join(missing)}; correct the name, or `c360 run` computes a new segment"
        )


def _members(session: Session, campaign: Campaign) -> None:
    """`members`: the audience with the segment and the sub-audience of each person."""
    _check_computed(session, campaign)
    config = campaign.config
    place = " ".join(
        f"WHEN {quote_literal(name)} THEN {number}" for number, name in enumerate(config.include)
    )
    order = f"CASE segment {place} END"
    included = ", ".join(quote_literal(name) for name in config.include)
    excluded = ", ".join(quote_literal(name) for name in config.exclude) or "NULL"
    membership = "published.segments.segment_membership"
    cases = []
    for audience in config.audiences:
        names = ", ".join(quote_literal(name) for name in audience.segments)
        cases.append(f"WHEN list_has_any(s.names, [{names}]) THEN {quote_literal(audience.name)}")
    rest = quote_literal(REST)
    audience_sql = f"CASE {' '.join(cases)} ELSE {rest} END" if cases else rest
    _table(
        session,
        "members",
        f"SELECT i.amperity_id, i.segment_name, i.segment_id, {audience_sql} AS audience_name "
        f"FROM (SELECT amperity_id, arg_min(segment, {order}) AS segment_name, "
        f"arg_min(definition, {order}) AS segment_id FROM {membership} "
        f"WHERE segment IN ({included}) GROUP BY amperity_id) AS i "
        f"ANTI JOIN (SELECT amperity_id FROM {membership} WHERE segment IN ({excluded})) AS x "
        "ON x.amperity_id = i.amperity_id "
        f"JOIN (SELECT amperity_id, list(segment) AS names FROM {membership} GROUP BY 1) AS s "
        "ON s.amperity_id = i.amperity_id",
    )


def _units(session: Session, campaign: Campaign) -> None:
    """`units`: the first id of each person in this campaign.

    A person who was in it keeps the id. One who was not takes that of an ended id whose records
    came to the person, else that of a living one from which the records were split, else the own.
    """
    name = quote_literal(campaign.name)
    known = (
        "SELECT amperity_id, min(unit_id) AS unit_id FROM campaign_recipients "
        f"WHERE campaign_name = {name} GROUP BY amperity_id"
    )
    _table(session, "known_units", known)
    moved = "SELECT DISTINCT before AS earlier_id, now AS later_id"
    _table(session, "moved", f"{moved} FROM ({MOVED_RECORDS}) WHERE before <> now")
    control = control_sql("unit_id", campaign.salt, campaign.config.control)
    _table(
        session,
        "units",
        "SELECT m.amperity_id, coalesce(own.unit_id, ended.unit_id, split.unit_id, m.amperity_id) "
        "AS unit_id, coalesce(mixed.is_mixed, FALSE) AS is_mixed FROM members AS m "
        "LEFT JOIN known_units AS own USING (amperity_id) "
        f"LEFT JOIN ({_inherited('ANTI')}) AS ended USING (amperity_id) "
        f"LEFT JOIN ({_inherited('SEMI')}) AS split USING (amperity_id) "
        "LEFT JOIN (SELECT amperity_id, count(DISTINCT is_control) > 1 AS is_mixed FROM ("
        f"SELECT amperity_id, {control} AS is_control FROM known_units UNION ALL "
        f"SELECT v.later_id, {control} FROM moved AS v "
        "JOIN known_units AS k ON k.amperity_id = v.earlier_id "
        "ANTI JOIN published.customer_360 AS living ON living.amperity_id = v.earlier_id"
        ") AS sides GROUP BY amperity_id) AS mixed USING (amperity_id)",
    )


def _inherited(join: str) -> str:
    """Units of ids whose records moved to a person: of ended ones, or of those still living."""
    return (
        "SELECT v.later_id AS amperity_id, min(k.unit_id) AS unit_id FROM moved AS v "
        "JOIN known_units AS k ON k.amperity_id = v.earlier_id "
        f"{join} JOIN published.customer_360 AS living ON living.amperity_id = v.earlier_id "
        "GROUP BY 1"
    )


def _reach(session: Session, campaign: Campaign) -> None:
    """`reach`: the key of the address that would be sent to, NULL where there is none."""
    _table(
        session,
        "reach",
        f"SELECT m.amperity_id, {_address_key(campaign)} AS address_key "
        "FROM members AS m LEFT JOIN published.customer_360 AS p USING (amperity_id)",
    )


def _address_key(campaign: Campaign) -> str:
    """The key of the address of a person `p`; NULL where nothing could be sent to it."""
    gate = campaign.gate
    column = f"p.{quote_ident(campaign.address)}"
    key = gate.key if gate is not None else f"lower(trim({column}))"
    empty = f"nullif(trim({column}), '') IS NULL"
    form = campaign.config.hash_as
    if campaign.address in ADDRESS_KINDS and form is not None:
        country = campaign.tenant.config.country
        written = normalised(column, ADDRESS_KINDS[campaign.address], form, country)
        empty += f" OR nullif({written}, '') IS NULL"
    return f"CASE WHEN {empty} THEN NULL ELSE {key} END"


def _gate(session: Session, campaign: Campaign) -> None:
    """`gate`: whether each address may be used."""
    gate = campaign.gate
    answers = "SELECT DISTINCT address_key, TRUE AS is_yes FROM reach"
    if gate is not None:
        answers = gate.answers
    _table(session, "gate", answers)


def _recent(session: Session, campaign: Campaign, destination: str, moment: datetime) -> None:
    """`recent`: who got the campaign too short a time ago, under whatever id; `recent_addresses`:
    where. Somebody else may have one of them.
    """
    limit = campaign.config.not_more_often_than
    condition = "FALSE"
    if limit is not None:
        seconds = duration(limit) / timedelta(seconds=1)
        condition = (
            f"campaign_name = {quote_literal(campaign.name)} "
            f"AND destination_name = {quote_literal(destination)} AND NOT is_control "
            "AND action = 'add' AND delivery_datetime IS NOT NULL "
            f"AND delivery_datetime > TIMESTAMPTZ {quote_literal(moment.isoformat())} "
            f"- INTERVAL {int(seconds)} SECONDS"
        )
    delivered = f"SELECT amperity_id FROM campaign_recipients WHERE {condition}"
    _table(
        session,
        "recent",
        f"{delivered} UNION SELECT v.later_id FROM moved AS v "
        f"JOIN ({delivered}) AS r ON r.amperity_id = v.earlier_id",
    )
    _table(
        session,
        "recent_addresses",
        f"SELECT DISTINCT {_address_key(campaign)} AS address_key "
        "FROM published.customer_360 AS p SEMI JOIN recent USING (amperity_id)",
    )


def attribute_columns(campaign: Campaign) -> list[tuple[str, str]]:
    """Column of the list -> its expression over a person `p` and what was decided, `d`."""
    names = {"treatment": "d.treatment_name", "audience": "d.audience_name"}
    names["segment"] = "d.segment_name"
    form = campaign.config.hash_as
    columns = []
    for attribute in campaign.config.attributes:
        lower = attribute.lower()
        if lower in OWN_ATTRIBUTES:
            columns.append((lower, names[lower]))
            continue
        expression = f"p.{quote_ident(lower)}"
        if form is not None and lower in ADDRESS_KINDS:
            country = campaign.tenant.config.country
            expression = hashed(expression, ADDRESS_KINDS[lower], form, country)
        columns.append((lower, expression))
    return columns


def list_sql(campaign: Campaign, people: str = "decided") -> str:
    """The rows of the list: those of `people` who are sent, with the attributes that may leave."""
    attributes = attribute_columns(campaign)
    columns = ", ".join(f"{sql} AS {quote_ident(name)}" for name, sql in attributes)
    return (
        f"SELECT {columns} FROM {people} AS d JOIN published.customer_360 AS p USING (amperity_id) "
        "WHERE d.status = 'sent'"
    )


def written_address(campaign: Campaign) -> str:
    """The address of a person `p` in the form in which it leaves."""
    column = f"p.{quote_ident(campaign.address)}"
    form = campaign.config.hash_as
    if form is not None and campaign.address in ADDRESS_KINDS:
        country = campaign.tenant.config.country
        return hashed(column, ADDRESS_KINDS[campaign.address], form, country)
    return column


def _table(session: Session, name: str, select: str) -> None:
    session.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")

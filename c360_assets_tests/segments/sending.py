"""A tenant whose published database is a file written here, and campaigns sent from it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb

from c360_assets.segments.audience import Campaign
from c360_assets.tenant.models import (
    CampaignConfig,
    DestinationConfig,
    Tenant,
    WorkflowConfig,
)
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal
from c360_assets_tests.customer_360.world import make_tenant, put
from c360_assets_tests.segments.people import columns_of_table

WORKFLOW = {"purposes": {"offers": {"email": {"email_program": "offers"}, "sms": {}}}}
BASE = {
    "include": "buyers",
    "channel": "email",
    "purpose": "offers",
    "brand": "larkmere",
    "destination": "crm",
    "attributes": ["email", "given_name"],
}


def is_control(unit: str, salt: str, share: str) -> bool:
    """Whether the id is held out at such a share, as "20%": by numbers, where the product's SQL
    compares texts."""
    drawn = int(hashlib.sha256(f"{salt}|{unit}".encode()).hexdigest(), 16)
    return Fraction(drawn, 2**256) < Fraction(share.removesuffix("%")) / 100


def sending_tenant(root: Path) -> Tenant:
    destination = DestinationConfig.model_validate({"path": "exports", "format": "csv"})
    return replace(
        make_tenant(root),
        workflow=WorkflowConfig.model_validate(WORKFLOW),
        destinations={"crm": destination, "other": destination},
    )


def campaign(tenant: Tenant, name: str = "spring", **config: Any) -> Campaign:
    settings = {**BASE, **config}
    return Campaign(name, CampaignConfig.model_validate(settings), tenant)


def publish(
    tenant: Tenant,
    people: Mapping[str, str | None],
    segments: Mapping[str, Sequence[str]] | None = None,
    day: date = date(2026, 6, 30),
    orders: Sequence[tuple[str, str, float]] = (),
) -> None:
    """Publish people (id -> e-mail) and the segments that they are in; all are `buyers`."""
    path = database_path(tenant.root, "customer_360")
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    memberships = {"buyers": list(people), **(segments or {})}
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA segments")
        con.execute(f"CREATE TABLE run_context AS SELECT DATE '{day}' AS as_of")
        con.execute(
            "CREATE TABLE customer_360 (amperity_id VARCHAR, email VARCHAR, given_name VARCHAR, "
            "phone VARCHAR, address VARCHAR, city VARCHAR, postal VARCHAR)"
        )
        rows = [(name, email, f"N{name}", None, None, None, None) for name, email in people.items()]
        con.executemany("INSERT INTO customer_360 VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        con.execute(
            "CREATE TABLE unified_transactions (amperity_id VARCHAR, order_id VARCHAR, "
            "order_datetime TIMESTAMPTZ, order_revenue DOUBLE, order_returned_revenue DOUBLE, "
            "order_canceled_revenue DOUBLE, is_purchase_order BOOLEAN)"
        )
        for place, (person, moment, revenue) in enumerate(orders):
            con.execute(
                "INSERT INTO unified_transactions VALUES (?, ?, ?, ?, 0, 0, TRUE)",
                [person, str(place), moment, revenue],
            )
        con.execute(
            "CREATE TABLE segments.segment_membership "
            "(segment VARCHAR, amperity_id VARCHAR, member_since DATE, definition VARCHAR)"
        )
        members = [
            (segment, person, day, "d") for segment, ids in memberships.items() for person in ids
        ]
        con.executemany("INSERT INTO segments.segment_membership VALUES (?, ?, ?, ?)", members)
        con.execute("CREATE TABLE segments.segment_definition (segment VARCHAR, last_day DATE)")
        computed = [(segment, day) for segment in memberships]
        con.executemany("INSERT INTO segments.segment_definition VALUES (?, ?)", computed)


def consent(session: Session, answers: Mapping[str, bool], **columns: str) -> None:
    """Write the statements of consent (e-mail -> answer), and no changes of identity."""
    kept = {"brand": "larkmere", "email_program": "offers", **columns}
    rows = [
        {"email": email, "is_email_opted_in": answer, **kept} for email, answer in answers.items()
    ]
    put(session, "email_opt_status", columns_of_table("email_opt_status"), rows)
    if session.state("unified_changes_pks") is None:
        moves(session, [])


def moves(session: Session, rows: Sequence[tuple[str, str, str]]) -> None:
    """Write identity changes: key of the record, the id before, the id now."""
    content = [
        {
            "datasource": "Shop",
            "pk": pk,
            "amperity_id_prev": before,
            "amperity_id": now,
            "change_type": "updated",
            "timestamp": "2026-06-30 05:00:00",
        }
        for pk, before, now in rows
    ]
    put(session, "unified_changes_pks", columns_of_table("unified_changes_pks"), content)


def listed(tenant: Tenant, file: str = "spring.csv") -> list[dict[str, str]]:
    """The rows of a delivered file."""
    text = (tenant.root / "exports" / file).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def addresses(tenant: Tenant, file: str = "spring.csv") -> list[str]:
    return [row["email"] for row in listed(tenant, file)]


def sends(session: Session, columns: str) -> list[tuple[Any, ...]]:
    session.bind("segments/campaign_sends", "seen_sends")
    return session.rows(f"SELECT {columns} FROM seen_sends ORDER BY campaign_name, delivery")


def recipients(session: Session, where: str = "TRUE") -> list[tuple[Any, ...]]:
    session.bind("segments/campaign_recipients", "seen_recipients")
    return session.rows(
        "SELECT amperity_id, is_control, action, delivery FROM seen_recipients "
        f"WHERE {where} ORDER BY ALL"
    )


def literal(text: str) -> str:
    return quote_literal(text)

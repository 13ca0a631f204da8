"""What a tenant may switch on: stable matching of e-mails, classifications, churn, engagement, the
table of all values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from c360_assets.customer_360.rendering.render import available_tables, summary_from_events
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import (
    build_all,
    feed,
    make_tenant,
    one,
    put_gathered,
    put_unified,
    table,
)

ORDERS = feed(
    "Shop:Items",
    {"order": {"tags": ["txn-item/order-id"]}, "text": {"tags": ["txn-item/product-description"]}},
)
EVENTS = feed(
    "Mail:Events",
    {"mail": {"tags": ["email-event/email"]}, "brand": {"tags": ["email-event/brand"]}},
)


SUMMARY = feed(
    "Mail:Summary",
    {
        "mail": {"tags": ["email-summary/email"]},
        "clicks": {"tags": ["email-summary/email-clicks-last-14-days"]},
    },
)


@pytest.mark.parametrize(
    ("feeds", "is_counted", "is_there"),
    [
        ([EVENTS], True, True),
        ([SUMMARY], False, True),
        ([EVENTS, SUMMARY], False, True),
        ([], False, False),
    ],
)
def test_engagement_is_counted_from_events_where_no_source_sends_it(
    tmp_path: Path, feeds: list[FeedConfig], is_counted: bool, is_there: bool
) -> None:
    tenant = make_tenant(tmp_path, feeds=feeds)
    assert summary_from_events(tenant) == is_counted
    assert ("email_engagement_summary" in available_tables(tenant)) == is_there


def people(
    session: Session, tenant: Tenant, records: list[dict[str, Any]], items: list[dict[str, Any]]
) -> None:
    put_unified(session, records)
    put_gathered(session, tenant, "unified_itemized_transactions", items)
    for name in ("email_opt_status", "sms_opt_status", "unified_email_events"):
        put_gathered(session, tenant, name, [])


@pytest.mark.parametrize(
    ("rounds", "assigned"),
    [(2, ["A1", "A2"]), (3, ["A1", "A2", "A3"]), (0, ["A1", "A2", "A3", "A4"])],
)
def test_cg09_zero_rounds_go_on_until_nothing_changes(
    session: Session, tmp_path: Path, rounds: int, assigned: list[str]
) -> None:
    policy = {
        "email_ampid_assignment": {
            "email_order": [],
            "amperity_id_order": ["l12m_order_revenue desc"],
            "rounds": rounds,
        }
    }
    tenant = make_tenant(tmp_path, policy=policy, feeds=[ORDERS])
    owned = [
        ("A1", "e1"),
        ("A2", "e1"),
        ("A2", "e2"),
        ("A3", "e2"),
        ("A3", "e3"),
        ("A4", "e3"),
        ("A4", "e4"),
    ]
    items = [
        {
            "amperity_id": f"A{n}",
            "order_id": f"O{n}",
            "item_revenue": 500 - n,
            "order_datetime": "2026-06-01",
        }
        for n in range(1, 5)
    ]
    people(session, tenant, [{"amperity_id": a, "email": f"{e}@x.com"} for a, e in owned], items)
    build_all(
        session,
        tenant,
        only=["unified_transactions", "transaction_attributes_extended", "email_ampid_assignment"],
    )
    found = table(session, "email_ampid_assignment", "amperity_id, email, assignment_round")
    assert [row["amperity_id"] for row in found] == assigned
    assert [row["email"] for row in found] == [f"e{a[1]}@x.com" for a in assigned]
    assert [row["assignment_round"] for row in found] == [int(a[1]) for a in assigned]


RULES = {
    "is_business": {"exceptions": ["ann service"], "address_exceptions": ["9 suite road"]},
    "is_gift_giver": {"exceptions": ["gift wrap"]},
    "is_reseller": {"records": 2, "percentile": 500},
    "is_test_account": {"exceptions": ["testa@x.com"]},
    "churn": {"active": 60, "cooling down": 120, "lost": 730},
}


def test_classifications_and_churn(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, options={"customer_attributes": RULES}, feeds=[ORDERS])
    records: list[dict[str, Any]] = [
        {"amperity_id": "A1", "given_name": "Acme", "surname": "Tools Inc"},
        {
            "amperity_id": "A2",
            "given_name": "Vince",
            "surname": "Incognito",
            "email": "tester@x.com",
        },
        {"amperity_id": "A3", "given_name": "Ann", "surname": "Service", "email": "testa@x.com"},
        {"amperity_id": "A4", "given_name": "Bo", "surname": "Test", "address": "1 Elm St Suite 4"},
        {"amperity_id": "A5", "given_name": "Cy", "surname": "Lee", "address": "9 Suite Road"},
        *({"amperity_id": "A5", "pk": f"x{n}", "is_supersized": True} for n in range(2)),
    ]
    bought = [
        ("A1", "Gift card", 1, "2026-05-01"),
        ("A2", "gift wrap", 2, "2026-04-30"),
        ("A3", "Chair", 3, "2024-06-30"),
        ("A4", "Chair", 4, "2024-06-29"),
        ("A5", None, 9, "2026-07-02"),
    ]
    items = [
        {
            "amperity_id": a,
            "order_id": a,
            "product_description": d,
            "item_revenue": r,
            "order_datetime": day,
        }
        for a, d, r, day in bought
    ]
    people(session, tenant, records, items)
    build_all(session, tenant, "customer_attributes")
    columns = (
        "is_business, is_gift_giver, is_reseller, is_test_account, churn_trigger, "
        "churn_trigger_start_datetime::DATE::VARCHAR"
    )
    found = [
        tuple(row.values())
        for row in table(
            session, "customer_attributes", f"amperity_id, {columns}", order="amperity_id"
        )
    ]
    assert [row[:5] for row in found] == [
        ("A1", True, True, False, False),
        ("A2", False, False, False, True),
        ("A3", False, False, False, False),
        ("A4", True, False, False, True),
        ("A5", False, False, True, False),
    ]
    assert [row[5:] for row in found] == [
        ("active", "2026-05-01"),
        ("cooling down", "2026-06-30"),
        ("lost", "2024-10-29"),
        (None, None),
        ("active", "2026-07-02"),
    ]


def test_rules_that_are_not_given_say_nothing(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path)
    people(session, tenant, [{"amperity_id": "A1", "surname": "Inc"}], [])
    build_all(session, tenant, "customer_attributes", "pii_table")
    columns = "is_business, is_gift_giver, is_reseller, is_test_account, churn_trigger"
    assert set(one(session, "customer_attributes", columns).values()) == {None}
    assert table(session, "pii_table") == []


def test_engagement_is_counted_from_events(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, feeds=[EVENTS, ORDERS], options={"pii_table": True})
    bought = {
        "amperity_id": "A1",
        "order_id": "O1",
        "item_revenue": 1,
        "order_datetime": "2026-06-10",
    }
    record = {
        "amperity_id": "A1",
        "email": "Ann@x.com",
        "phone": "(415) 555-0101",
        "state": "Nevada",
        "gender": "F",
    }
    people(session, tenant, [record], [bought])
    events = [("Sent", f"2026-06-0{n}") for n in range(1, 6)] + [
        ("Open", "2026-06-29"),
        ("Click", "2026-05-31"),
    ]
    events += [("Click", "2026-05-30"), ("Optin", "2026-06-01"), ("Unsubscribe", "2025-01-01")]
    rows = [
        {"email": " ANN@x.com", "brand": "B", "event_type": t, "event_datetime": d}
        for t, d in events
    ]
    put_gathered(
        session,
        tenant,
        "unified_email_events",
        [*rows, {"email": "bob@x.com", "event_type": "Optin"}],
    )
    build_all(session, tenant, "email_engagement_attributes", "pii_table")
    columns = (
        "amperity_id, brand, email, email_clicks_last_30_days AS c, "
        "email_clicks_lifetime AS l, "
        "email_opens_last_1_days AS o, email_click_rate_lifetime::VARCHAR AS r, "
        "engagement_frequency_last_15_months AS f, "
        "engagement_status_last_15_months AS s, purchase_before_signup AS p, "
        "signup_to_purchase_days AS d"
    )
    expected = ("A1", "B", "ann@x.com", 1, 2, 1, "0.4000", "Low", "Active", False, 9)
    assert tuple(one(session, "email_engagement_attributes", columns).values()) == expected
    other = one(
        session,
        "email_engagement_summary",
        "engagement_status_last_15_months AS s, email_open_rate_lifetime AS r",
        "brand IS NULL",
    )
    assert tuple(other.values()) == ("Non-recipient", None)
    assert one(session, "pii_table", "phone, state, gender") == {
        "phone": "+14155550101",
        "state": None,
        "gender": "f",
    }

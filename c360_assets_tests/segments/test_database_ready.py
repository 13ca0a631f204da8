"""What segments need of the database: events know their person, further attributes are one name."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.customer_360.check_settings import check_attributes
from c360_assets.customer_360.check_sql import bound_schemas
from c360_assets.customer_360.rendering.scaffold import scaffold
from c360_assets.customer_360.rendering.transaction_columns import (
    order_columns,
    transaction_attributes,
)
from c360_assets.errors import C360Error
from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import (
    build_all,
    feed,
    make_tenant,
    put,
    put_gathered,
    put_unified,
    table,
)
from c360_assets_tests.segments.people import compute, members, with_segments, write_tables

EVENTS = feed(
    "Mail:Events",
    {
        "address": {"tags": ["email-event/email"]},
        "what": {"tags": ["email-event/event-type"]},
        "at": {"type": "datetime", "tags": ["email-event/event-datetime"]},
    },
)
COLUMNS = {"id": "VARCHAR", "address": "VARCHAR", "what": "VARCHAR", "at": "TIMESTAMPTZ"}


def test_email_events_belong_to_the_newest_carrier_of_the_address(
    session: Session, tmp_path: Path
) -> None:
    tenant = make_tenant(tmp_path, feeds=[EVENTS])
    rows = [
        {"id": str(n), "address": address, "what": what, "at": "2026-06-20", "_pk": str(n)}
        for n, (address, what) in enumerate(
            [(" Ann@X.com", "Open"), ("ann@x.com", "Click"), ("bob@x.com", "Open"), (None, "Open")]
        )
    ]
    put(session, "domain/Mail_Events", {**COLUMNS, "_pk": "VARCHAR"}, rows)
    put_unified(
        session,
        [
            {"amperity_id": "A", "email": "ann@x.com", "update_dt": "2026-01-01"},
            {"amperity_id": "B", "email": "ANN@x.com,other@x.com", "update_dt": "2026-02-01"},
            {"amperity_id": "C", "email": "carl@x.com"},
        ],
    )
    build_all(session, tenant, only=["unified_email_events"])
    found = table(session, "unified_email_events", "pk, amperity_id", order="pk")
    assert [row["amperity_id"] for row in found] == ["B", "B", None, None]
    write_tables(session, customer_360=[{"amperity_id": one} for one in "ABC"])
    asked = with_segments(
        tmp_path,
        {
            "opened": {"include": [{"opened": {"within": "30 days"}}]},
            "clicked_twice": {"include": [{"clicked": {"at_least": 2}}]},
        },
        feeds=[EVENTS],
    )
    compute(session, asked)
    assert members(session, "opened") == ["B"]
    assert members(session, "clicked_twice") == []


def test_customer_360_is_extended_by_names(session: Session, tmp_path: Path) -> None:
    options = {"customer_360": {"attributes": ["L12M_order_revenue", "payment_method"]}}
    tenant = make_tenant(tmp_path, options=options)
    put_unified(session, [{"amperity_id": "A", "given_name": "Ann"}])
    put_gathered(
        session,
        tenant,
        "unified_itemized_transactions",
        [
            {
                "amperity_id": "A",
                "order_id": order,
                "product_id": "p",
                "order_datetime": day,
                "item_quantity": 1,
                "item_revenue": 10,
                "payment_method": method,
            }
            for order, day, method in (("1", "2026-05-01", "cash"), ("2", "2026-06-01", "card"))
        ],
    )
    build_all(session, tenant, "customer_360")
    (row,) = table(session, "customer_360", "l12m_order_revenue::INT AS r, payment_method AS p")
    assert row == {"r": 20, "p": "card"}


def test_attributes_that_there_are_not(tmp_path: Path) -> None:
    options = {"customer_360": {"attributes": ["paymentmethod", "given_name", "order_id"]}}
    check = ConfigCheck(make_tenant(tmp_path, options=options))
    check_attributes(check)
    assert [problem.key for problem in check.problems] == [
        "customer_360.customer_360.attributes[0]",
        "customer_360.customer_360.attributes[1]",
    ]
    assert check.problems[0].remedy == "did you mean 'payment_method'?"


def test_the_columns_offered_are_those_that_are_built(tmp_path: Path) -> None:
    tenant = make_tenant(
        tmp_path,
        options={
            "unified_transactions": {"options": ["order_cost"]},
            "transaction_attributes_extended": {"blocks": ["returns"]},
        },
    )
    schemas = bound_schemas(tenant)
    attributes = set(schemas["transaction_attributes_extended"])
    assert set(transaction_attributes(tenant)) == attributes
    assert set(order_columns(tenant)) == set(schemas["unified_transactions"])


def test_scaffold_gives_the_shipped_table_until_it_is_changed(tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path)
    path = scaffold(tenant, "customer_360")
    text = path.read_text("utf-8")
    assert "-- bought.l12m_order_revenue," in text
    own = make_tenant(tmp_path, database={"customer_360": text})
    assert bound_schemas(own)["customer_360"] == bound_schemas(tenant)["customer_360"]
    for line in ("bought.l12m_order_revenue,", "latest_order.payment_method,"):
        text = text.replace(f"    -- {line}", f"    {line}")
    head, join = text.split("-- LEFT JOIN (")
    text = f"{head}-- LEFT JOIN ({join}".replace("\n-- ", "\n")
    changed = bound_schemas(make_tenant(tmp_path, database={"customer_360": text}))
    assert {"l12m_order_revenue", "payment_method"} <= changed["customer_360"].keys()
    with pytest.raises(C360Error, match="there already"):
        scaffold(tenant, "customer_360")
    with pytest.raises(C360Error, match="did you mean customer_360"):
        scaffold(tenant, "customer_36")

"""The views of schema `transactions_qa`, and when a database has them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from c360_assets.customer_360.publication.entries import entries
from c360_assets.customer_360.publication.stitch_questions import TRANSACTIONS_QA, question_sql
from c360_assets.customer_360.tables.databases import databases
from c360_assets.semantics.tables import all_tables
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import (
    build_all,
    make_tenant,
    put_gathered,
    put_unified,
)

ITEMS = "unified_itemized_transactions"
ORDERS = "unified_transactions"
# Order, day, currency, units, revenue, and whether the row is a return.
ROWS = [
    ("O1", "2026-01-31", "eur", 2, "30.00", None),
    ("O1", "2026-02-01", "EUR ", 1, "5.50", False),
    ("O1", "2026-03-09", "EUR", -1, "-15.00", True),
    ("O2", "2026-02-28", "SEK", 1, "90.00", None),
    (None, "2026-02-28", "SEK", 1, "1.00", None),
    ("O3", None, None, 1, "7.00", None),
]
JANUARY = (2026, 1, "EUR", 2, "30.00", 1, 3, "35.50", "-15.00", "0.00")
FEBRUARY = [
    (2026, 2, "EUR", 1, "5.50", *[None] * 5),
    (2026, 2, "SEK", 2, "91.00", 1, 1, "90.00", "0.00", "0.00"),
]
UNDATED = (None, None, None, 1, "7.00", 1, 1, "7.00", "0.00", "0.00")


def test_items_and_orders_are_summed_by_month_and_currency(
    session: Session, tmp_path: Path
) -> None:
    names = ("order_id", "order_datetime", "currency", "item_quantity", "item_revenue", "is_return")
    tenant = make_tenant(tmp_path)
    put_unified(session, [])
    put_gathered(session, tenant, ITEMS, [dict(zip(names, row, strict=True)) for row in ROWS])
    build_all(session, tenant, ORDERS)
    for name in (ITEMS, ORDERS):
        session.bind(name, name)
    found = session.rows(question_sql("monthly_totals", TRANSACTIONS_QA).replace("main.", ""))

    def shown(value: Any) -> Any:
        return str(value) if isinstance(value, Decimal) else value

    assert [tuple(map(shown, row)) for row in found] == [JANUARY, *FEBRUARY, UNDATED]


@pytest.mark.parametrize(
    ("own", "is_there"),
    [(f"SELECT * FROM {ORDERS}", True), (f"SELECT * EXCLUDE (currency) FROM {ORDERS}", False)],
)
def test_a_database_without_the_columns_has_no_question_about_them(
    session: Session, tmp_path: Path, own: str, is_there: bool
) -> None:
    tenant = make_tenant(tmp_path, database={ORDERS: own})
    put_unified(session, [])
    build_all(session, tenant)
    schemas = {entry.schema for entry in entries(session, databases(tenant)[0])}
    assert (TRANSACTIONS_QA in schemas) == is_there
    spec = all_tables()["monthly_totals"]
    assert list(spec.columns)[:3] == list(spec.key)

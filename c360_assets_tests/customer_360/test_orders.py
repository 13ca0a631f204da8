"""Orders from order items, and what a person bought."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from c360_assets.customer_360.checks.run_data_checks import validate_database
from c360_assets.customer_360.tables.databases import databases
from c360_assets.errors import C360Error
from c360_assets.semantics.column_types import SQL_TYPES
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import (
    AS_OF,
    build_all,
    feed,
    make_tenant,
    one,
    put,
    put_gathered,
    put_unified,
    table,
)

ALL_OPTIONS = ["net_order_revenue", "order_cost", "order_discount_amount"]
ITEMS = (
    "product_id",
    "is_return",
    "is_cancellation",
    "item_quantity",
    "item_revenue",
    "item_list_price",
    "item_discount_amount",
    "order_discount_amount",
    "order_datetime",
    "purchase_channel",
)
CG11 = [
    ("P1", False, None, 2, 40, 50, 10, 5, "2026-01-10 09:00", "online"),
    ("P2", None, False, 1, 30, 30, 0, 5, "2026-01-10 09:00", "online"),
    ("P2", True, False, -1, -30, -30, 0, 0, "2026-01-20 12:00", "in-store"),
    ("P3", False, False, 1, 12, 12, 0, 5, "2026-01-10 09:00", "online"),
    ("P3", False, True, -1, -12, -12, 0, 0, "2026-01-11 08:00", "online"),
]


def orders_of(
    session: Session,
    tmp_path: Path,
    items: list[dict[str, Any]],
    unified: Sequence[dict[str, Any]] = (),
    **options: Any,
) -> None:
    tenant = make_tenant(
        tmp_path, options={"unified_transactions": {"options": ALL_OPTIONS, **options}}
    )
    put_unified(session, unified)
    put_gathered(session, tenant, "unified_itemized_transactions", items)
    build_all(session, tenant, only=["unified_transactions"])


@pytest.mark.parametrize(
    ("mode", "discount", "net"),
    [("auto", "5.00", "35.00"), ("max", "5.00", "35.00"), ({"POS": "sum"}, "15.00", "25.00")],
)
def test_cg11_an_order_of_purchases_a_return_and_a_cancellation(
    session: Session, tmp_path: Path, mode: Any, discount: str, net: str
) -> None:
    items = [
        {"order_id": "O1", "amperity_id": "A1", **dict(zip(ITEMS, row, strict=True))}
        for row in CG11
    ]
    orders_of(session, tmp_path, items, order_discount_mode=mode)
    order = one(
        session, "unified_transactions", "* REPLACE (order_datetime::VARCHAR AS order_datetime)"
    )
    expected: dict[str, Any] = {
        "order_id": "O1",
        "amperity_id": "A1",
        "order_datetime": "2026-01-10 09:00:00+00",
        "order_quantity": 4,
        "order_revenue": Decimal("82.00"),
        "order_returned_quantity": -1,
        "order_returned_revenue": Decimal("-30.00"),
        "order_canceled_quantity": -1,
        "order_canceled_revenue": Decimal("-12.00"),
        "order_list_price": Decimal("92.00"),
        "sum_item_discount_amount": Decimal("10.00"),
        "purchase_channel": "online",
        "order_discount_amount": Decimal(discount),
        "net_order_revenue": Decimal(net),
        "is_purchase_order": True,
    }
    assert {key: order[key] for key in expected} == expected


def test_auto_mode_sees_that_a_source_spreads_its_discounts(
    session: Session, tmp_path: Path
) -> None:
    shares = ("3.00", "2.00")
    items = [
        {
            "order_id": o,
            "product_id": f"P{n}",
            "item_quantity": 1,
            "item_revenue": 10,
            "item_list_price": 12,
            "order_discount_amount": s,
        }
        for o in ("O1", "O2")
        for n, s in enumerate(shares)
    ]
    orders_of(session, tmp_path, items)
    rows = table(session, "unified_transactions", "order_discount_amount, order_discount_percent")
    assert rows == [{"order_discount_amount": Decimal("5.00"), "order_discount_percent": None}] * 2


@pytest.mark.parametrize("nothing", [None, 0])
def test_orders_without_a_discount_do_not_say_how_it_is_written(
    session: Session, tmp_path: Path, nothing: int | None
) -> None:
    discounts = {"O1": (7, 4), **{f"O{n}": (nothing, nothing) for n in range(2, 40)}}
    items = [
        {"order_id": order, "product_id": f"P{n}", "item_revenue": 20, "order_discount_amount": d}
        for order, both in discounts.items()
        for n, d in enumerate(both)
    ]
    orders_of(session, tmp_path, items)
    columns = "order_discount_amount, net_order_revenue"
    order = one(session, "unified_transactions", columns, "order_id = 'O1'")
    assert list(order.values()) == [Decimal("11.00"), Decimal("29.00")]


# order_discount_mode -> order_discount_amount, order_discount_percent of an order whose rows say 3
# and 2.
SPREAD = {
    "sum": ("5.00", "0.2083"),
    "max": ("3.00", "0.1250"),
    "auto": ("5.00", None),
    "POS=max": ("3.00", "0.1250"),
    "WEB=max": ("5.00", None),  # of a source that is not in the list, what its orders show
}


@pytest.mark.parametrize("setting", SPREAD)
def test_the_discount_mode_holds_for_sources_that_no_feed_names(
    session: Session, tmp_path: Path, setting: str
) -> None:
    item = {"order_id": "O1", "item_quantity": 1, "item_revenue": 10, "item_list_price": 12}
    items = [
        {**item, "product_id": f"P{amount}", "order_discount_amount": amount} for amount in (3, 2)
    ]
    source, _, mode = setting.rpartition("=")
    orders_of(session, tmp_path, items, order_discount_mode={source: mode} if source else mode)
    order = one(session, "unified_transactions", "order_discount_amount, order_discount_percent")
    assert tuple(order.values()) == tuple(amount and Decimal(amount) for amount in SPREAD[setting])


@pytest.mark.parametrize(
    ("ids", "owner"),
    [
        (["A1", "A2"], "A2"),
        (["A1", "A3"], "A1"),
        ([None, None], None),
        ([None, "A1"], "A1"),
        (["A1", "unknown"], "A1"),
    ],
)
def test_cg12_the_person_changed_last_owns_the_order(
    session: Session, tmp_path: Path, ids: list[Any], owner: str | None
) -> None:
    unified = [
        {"amperity_id": "A1", "update_dt": "2026-01-01"},
        {"amperity_id": "A2", "update_dt": "2025-01-01"},
        {"amperity_id": "A2", "update_dt": "2026-02-01"},
        {"amperity_id": "A3", "update_dt": "2026-01-01"},
    ]
    items = [
        {"order_id": " O2 ", "product_id": f"P{n}", "amperity_id": a, "item_revenue": 1}
        for n, a in enumerate(ids)
    ]
    orders_of(session, tmp_path, items, unified)
    assert one(session, "unified_transactions", "order_id, amperity_id") == {
        "order_id": "O2",
        "amperity_id": owner,
    }


def test_cg13_an_orphan_return_is_an_order_without_purchase(
    session: Session, tmp_path: Path
) -> None:
    items = [
        {
            "order_id": "O3",
            "amperity_id": "A1",
            "is_return": True,
            "item_quantity": -1,
            "item_revenue": -20,
        }
    ]
    orders_of(session, tmp_path, items)
    tenant = make_tenant(tmp_path)
    build_all(session, tenant, only=["transaction_attributes_extended"])
    order = one(
        session,
        "unified_transactions",
        "order_quantity, order_revenue, order_returned_quantity, "
        "order_returned_revenue, is_purchase_order",
    )
    assert list(order.values()) == [0, Decimal("0.00"), -1, Decimal("-20.00"), False]
    assert table(session, "transaction_attributes_extended") == []


def test_rows_without_order_id_are_left_out_and_order_time_is_that_of_purchases(
    session: Session, tmp_path: Path
) -> None:
    items: list[dict[str, Any]] = [
        {"order_id": "\u00a0", "item_revenue": 1},
        {"order_id": None, "item_revenue": 1},
        {
            "order_id": "O1",
            "is_return": True,
            "order_datetime": "2026-01-01 00:00",
            "item_revenue": -1,
        },
        {"order_id": "O1", "item_revenue": 1, "store_id": " "},
        {"order_id": "O1", "item_revenue": 1, "store_id": " S1\t"},
    ]
    orders_of(session, tmp_path, items)
    order = one(session, "unified_transactions", "order_id, order_datetime, store_id")
    assert order == {"order_id": "O1", "order_datetime": None, "store_id": "S1"}


def test_a_day_that_two_calendars_hold_does_not_double_its_orders(
    session: Session, tmp_path: Path
) -> None:
    tenant = make_tenant(
        tmp_path, options={"unified_transactions": {"options": ["fiscal_calendar"]}}
    )
    put_unified(session, [])
    put_gathered(
        session,
        tenant,
        "unified_itemized_transactions",
        [{"order_id": "O1", "order_datetime": "2026-05-31 09:00"}],
    )
    days = [
        {"calendar_date": "2026-05-31", "fiscal_year": 2026, "holiday_sale_name": name}
        for name in (None, "Spring", "Summer")
    ]
    put_gathered(session, tenant, "fiscal_calendar", days)
    build_all(session, tenant, only=["unified_transactions"])
    found = one(session, "unified_transactions", "order_id, fiscal_year, holiday_sale_name")
    assert found == {"order_id": "O1", "fiscal_year": 2026, "holiday_sale_name": "Spring"}


ORDER_COLUMNS = {
    **dict.fromkeys(
        ("order_id", "amperity_id", "purchase_brand", "purchase_channel", "store_id", "datasource"),
        "VARCHAR",
    ),
    "order_datetime": "TIMESTAMPTZ",
    "order_quantity": "BIGINT",
    **dict.fromkeys(("order_revenue", "net_order_revenue", "order_cost"), "DECIMAL(38, 2)"),
    "is_purchase_order": "BOOLEAN",
}


def attributes_of(
    session: Session,
    tmp_path: Path,
    orders: list[dict[str, Any]],
    *,
    as_of: date = AS_OF,
    **config: Any,
) -> None:
    """Attributes computed from orders given directly."""
    tenant = make_tenant(tmp_path, options={"transaction_attributes_extended": config})
    put_gathered(session, tenant, "unified_itemized_transactions", [])
    usual = {
        "amperity_id": "A1",
        "is_purchase_order": True,
        "order_revenue": 1,
        "order_quantity": 1,
        "datasource": "POS",
    }
    put(
        session,
        "unified_transactions",
        ORDER_COLUMNS,
        [{**usual, "order_id": f"O{n}", **o} for n, o in enumerate(orders, 1)],
    )
    build_all(session, tenant, as_of=as_of, only=["transaction_attributes_extended"])


CG14 = [
    ("2024-03-01", 100, 2, "X", "online", None),
    ("2024-09-01", 50, 1, "X", "in-store", "S1"),
    ("2025-07-10", 30, 3, "Y", "online", None),
    ("2026-06-10", 80, 1, "X", "in-store", "S2"),
]
CG14_WINDOWS = {
    "order_frequency": "1 1 1 2 1 4",
    "order_revenue": "80.00 80.00 80.00 110.00 50.00 260.00",
    "total_items": "1 1 1 4 1 7",
    "average_order_value": "80.00 80.00 80.00 55.00 50.00 65.00",
    "average_item_price": "80.00 80.00 80.00 27.50 50.00 37.14",
    "average_num_items": "1.00 1.00 1.00 2.00 1.00 1.75",
    "purchase_brands": "1 1 1 2 1 2",
    "preferred_purchase_brand": "X X X X X X",
    "preferred_purchase_channel": "in-store in-store in-store in-store in-store in-store",
    "preferred_store_id": "S2 S2 S2 S2 S1 S2",
    "stores": "1 1 1 1 1 2",
}


def test_cg14_attributes_of_a_person_with_four_orders(session: Session, tmp_path: Path) -> None:
    names = (
        "order_datetime",
        "order_revenue",
        "order_quantity",
        "purchase_brand",
        "purchase_channel",
        "store_id",
    )
    attributes_of(session, tmp_path, [dict(zip(names, row, strict=True)) for row in CG14])
    person = one(session, "transaction_attributes_extended")
    expected = {
        "first_order_id": "O1",
        "second_order_id": "O2",
        "latest_order_id": "O4",
        "first_to_second_order_days": 184,
        "first_to_latest_order_days": 831,
        "days_since_latest_order": 20,
        "early_repeat_purchaser": False,
        "first_order_is_retained": True,
        "second_order_is_retained": True,
        "one_and_done": False,
        "multi_purchase_brand": True,
        "multi_purchase_channel": True,
        "lifetime_largest_order_value": Decimal("100.00"),
        "latest_order_store_id": "S2",
        "second_order_total_items": 1,
    }
    assert {key: person[key] for key in expected} == expected
    windows = ("l30d", "l3m", "l6m", "l12m", "ly12m", "lifetime")
    found = {m: " ".join(str(person[f"{w}_{m}"]) for w in windows) for m in CG14_WINDOWS}
    assert found == CG14_WINDOWS


# Days of a person's orders -> early_repeat_purchaser, first_order_is_retained.
CG15 = {
    "2026-05-01": (None, None),
    "2026-04-07": (None, None),
    "2026-04-06": (False, None),
    "2025-06-29": (False, False),
    "2026-01-01 2026-03-26": (True, True),
    "2026-01-01 2026-03-27": (False, True),
}


def test_cg15_flags_that_need_time(session: Session, tmp_path: Path) -> None:
    attributes_of(
        session,
        tmp_path,
        [{"amperity_id": days, "order_datetime": day} for days in CG15 for day in days.split()],
    )
    columns = (
        "amperity_id, early_repeat_purchaser, first_order_is_retained, "
        "second_order_is_retained, one_and_done"
    )
    found = {
        row["amperity_id"]: tuple(row.values())[1:]
        for row in table(session, "transaction_attributes_extended", columns)
    }
    assert found == {days: (*flags, None, len(days.split()) == 1) for days, flags in CG15.items()}


# as_of -> day of a single order -> the windows that hold it, beside lifetime.
CG16 = {
    "2026-06-30": {
        "2026-05-31": "l30d l3m l6m l12m",
        "2026-05-30": "l3m l6m l12m",
        "2026-03-30": "l3m l6m l12m",
        "2026-03-29": "l6m l12m",
        "2025-12-30": "l6m l12m",
        "2025-06-30": "l12m",
        "2025-06-29": "ly12m",
        "2024-06-30": "ly12m",
        "2024-06-29": "",
        "2026-07-01": "",
    },
    "2026-03-31": {"2025-09-30": "l6m l12m", "2025-09-29": "l12m"},
}


@pytest.mark.parametrize("as_of", CG16)
def test_cg16_window_edges(session: Session, tmp_path: Path, as_of: str) -> None:
    orders = [{"amperity_id": day, "order_datetime": day} for day in CG16[as_of]]
    attributes_of(session, tmp_path, orders, as_of=date.fromisoformat(as_of))
    windows = ("l30d", "l3m", "l6m", "l12m", "ly12m")
    found = {
        person["amperity_id"]: " ".join(w for w in windows if person[f"{w}_order_frequency"] == 1)
        for person in table(
            session,
            "transaction_attributes_extended",
            where="lifetime_order_frequency = 1",
            order="amperity_id",
        )
    }
    assert found == CG16[as_of]


def test_cg17_rfm_parts_and_score(session: Session, tmp_path: Path) -> None:
    def of(person: str, latest: str, frequency: int, revenue: int) -> list[dict[str, Any]]:
        first = {
            "amperity_id": person,
            "order_datetime": latest,
            "order_revenue": revenue - (frequency - 1) * 10,
        }
        more = {"amperity_id": person, "order_datetime": "2025-08-01", "order_revenue": 10}
        return [first] + [dict(more) for _ in range(frequency - 1)]

    orders = (
        of("A", "2026-06-01", 1, 300)
        + of("B", "2026-01-01", 1, 100)
        + of("C", "2026-03-01", 5, 200)
    )
    attributes_of(session, tmp_path, orders + of("D", "2024-01-01", 1, 900), blocks=["rfm"])
    rows = table(
        session,
        "transaction_attributes_extended",
        "l12m_recency, l12m_frequency, l12m_monetary, l12m_rfm_score",
        order="amperity_id",
    )
    assert [tuple(row.values()) for row in rows] == [
        (3, 1, 3, 313),
        (1, 2, 1, 121),
        (2, 3, 2, 232),
        (None,) * 4,
    ]


def test_returns_count_by_their_own_day(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(
        tmp_path,
        options={
            "transaction_attributes_extended": {
                "blocks": ["returns", "cancellations", "net_order_revenue", "order_cost"]
            }
        },
    )
    put_unified(session, [{"amperity_id": "A1"}])
    put_gathered(
        session,
        tenant,
        "unified_itemized_transactions",
        [
            {
                "amperity_id": "A1",
                "order_id": "O1",
                "product_id": "P",
                "item_quantity": 2,
                "item_revenue": 20,
                "item_cost": 8,
                "order_datetime": "2025-01-01",
            },
            *(
                {
                    "amperity_id": "A1",
                    "order_id": order_id,
                    "product_id": "P",
                    "item_quantity": quantity,
                    "item_revenue": -5,
                    "is_return": True,
                    "order_datetime": "2026-06-20",
                }
                for order_id, quantity in (
                    ("O1", -1),
                    (" O1 ", 0),
                )  # one order: its number is trimmed
            ),
        ],
    )
    build_all(session, tenant, "transaction_attributes_extended")
    person = one(session, "transaction_attributes_extended")
    found = [
        person[c]
        for c in (
            "l30d_order_returned_frequency",
            "l30d_order_returned_revenue",
            "lifetime_total_returned_items",
            "ly12m_order_returned_frequency",
            "lifetime_order_canceled_frequency",
            "lifetime_net_order_revenue",
            "lifetime_order_cost",
            "l30d_order_frequency",
        )
    ]
    assert found == [1, Decimal("-10.00"), -1, 0, 0, Decimal("10.00"), Decimal("8.00"), 0]


@pytest.mark.parametrize(("key", "orders"), [(["order_id"], 1), (["datasource", "order_id"], 2)])
def test_orders_of_one_number_are_told_apart_by_their_source_where_that_counts(
    session: Session, tmp_path: Path, key: list[str], orders: int
) -> None:
    options = {
        "unified_transactions": {"order_key": key},
        "transaction_attributes_extended": {"blocks": ["returns"]},
    }
    tenant = make_tenant(tmp_path, options=options)
    put_unified(session, [{"amperity_id": "A1"}])
    items = [
        {
            "amperity_id": "A1",
            "datasource": source,
            "order_id": "O1",
            "product_id": "P",
            "item_quantity": 1 - 2 * is_return,
            "item_revenue": 10 - 20 * is_return,
            "is_return": is_return,
            "order_datetime": day,
        }
        for source, day in (("Shop:Items", "2026-05-01"), ("Till:Items", "2026-06-01"))
        for is_return in (False, True)
    ]
    put_gathered(session, tenant, "unified_itemized_transactions", items)
    build_all(session, tenant, "transaction_attributes_extended")
    person = one(session, "transaction_attributes_extended")
    assert person["lifetime_order_frequency"] == orders
    assert person["lifetime_order_returned_frequency"] == orders
    validate_database(session, databases(tenant)[0], as_of=AS_OF)
    counts = {
        row["validation_id"]: (row["checked_count"], row["finding_count"])
        for row in table(session, "database_validation")
    }
    # Returns of a known order, and months whose orders add up.
    assert [counts["CV-T08"], counts["CV-R01"]] == [(2, 0), (orders, 0)]
    assert counts["CV-T04"] == (orders, 2 - orders)


@pytest.mark.parametrize(
    ("amount", "n", "result"),
    [
        ("2.01", 2, "1.01"),
        ("-2.01", 2, "-1.01"),
        ("1.00", 3, "0.33"),
        ("5.00", 0, None),
        ("0.05", -2, "-0.03"),
        ("9999999999999.99", 1, "9999999999999.99"),
        (
            "-40000000000000.01",
            2,
            "-20000000000000.01",
        ),  # more digits than the engine's fast numbers hold
    ],
)
def test_money_is_divided_in_whole_cents(
    session: Session, amount: str, n: int, result: str | None
) -> None:
    from c360_assets.customer_360.rendering.render import macro_statements

    for statement in macro_statements():
        session.execute(statement)
    ((found,),) = session.rows(f"SELECT divide_money({amount}::DECIMAL(38, 2), {n})")
    assert found == (None if result is None else Decimal(result))


@pytest.mark.parametrize(
    ("amount", "total", "result"),
    [
        ("1.00", "3.00", "0.3333"),
        ("-0.01", "200.00", "-0.0001"),  # half of the last digit
        ("1.00", "0.00", None),
        ("6000000000000.00", "12345678901234.56", "0.4860"),
        ("12345678901234.56", "0.01", "1234567890123456.0000"),
        ("-40000000000000.01", "80000000000000.02", "-0.5000"),
    ],
)
def test_ratios_of_money_have_four_decimals(
    session: Session, amount: str, total: str, result: str | None
) -> None:
    from c360_assets.customer_360.rendering.render import macro_statements

    for statement in macro_statements():
        session.execute(statement)
    ((found,),) = session.rows(
        f"SELECT money_ratio({amount}::DECIMAL(38, 2), {total}::DECIMAL(38, 2))"
    )
    assert found == (None if result is None else Decimal(result))


def test_item_amounts_are_whole_cents_however_many_digits_they_have(
    session: Session, tmp_path: Path
) -> None:
    amounts = {
        "1.0049": "1.00",
        "1.0050": "1.01",
        "-1.0050": "-1.01",
        "99999999999999.9999": "100000000000000.00",
        "-123456789012345678.0050": "-123456789012345678.01",
        None: None,
    }
    fields: dict[str, dict[str, Any]] = {
        "paid": {"type": "decimal", "tags": ["txn-item/item-revenue"]},
        "listed": {"tags": ["txn-item/item-list-price"]},
    }
    tenant = make_tenant(tmp_path, feeds=[feed("Tills:Items", fields)])
    columns = {"id": "VARCHAR", "paid": "DECIMAL(38, 4)", "listed": "VARCHAR", "_pk": "VARCHAR"}
    rows = [
        {"id": i, "paid": amount, "listed": "2.005", "_pk": i} for i, amount in enumerate(amounts)
    ]
    put(session, "domain/Tills_Items", columns, rows)
    build_all(session, tenant, "unified_itemized_transactions")
    session.bind("unified_itemized_transactions")
    found = session.rows(
        "SELECT item_revenue, item_list_price FROM unified_itemized_transactions ORDER BY pk"
    )
    assert found == [(amount and Decimal(amount), Decimal("2.01")) for amount in amounts.values()]


@pytest.mark.parametrize(
    ("kind", "values"),
    [("string", ["12.50", "12,50", "call us", None]), ("float", [1.0, 2.0, 3.0, math.nan])],
)
def test_values_that_are_no_amounts_are_told_with_their_field(
    session: Session, tmp_path: Path, kind: str, values: list[object]
) -> None:
    tenant = make_tenant(
        tmp_path,
        feeds=[feed("Shop:Products", {"msrp": {"tags": ["pc/product-msrp"], "type": kind}})],
    )
    rows = [{"id": i, "msrp": value, "_pk": i} for i, value in enumerate(values)]
    put(
        session,
        "domain/Shop_Products",
        {"id": "VARCHAR", "msrp": SQL_TYPES[kind], "_pk": "VARCHAR"},
        rows,
    )
    with pytest.raises(C360Error) as failed:
        build_all(session, tenant, "unified_product_catalog")
    bad, known, fit = (2, 3, "do not fit") if kind == "string" else (1, 4, "does not fit")
    told = f"{bad} of {known} values of msrp in Shop_Products {fit} DECIMAL(38, 2)"
    assert told in str(failed.value)
    assert "12,50" not in str(failed.value)


def test_a_typed_column_of_a_text_field_is_empty_where_the_text_is_blank(
    session: Session, tmp_path: Path
) -> None:
    texts = {"12.505": "12.51", " 3 ": "3.00", "": None, " \u00a0": None, None: None}
    tenant = make_tenant(
        tmp_path, feeds=[feed("Shop:Products", {"msrp": {"tags": ["pc/product-msrp"]}})]
    )
    rows = [{"id": i, "msrp": text, "_pk": i} for i, text in enumerate(texts)]
    put(session, "domain/Shop_Products", dict.fromkeys(("id", "msrp", "_pk"), "VARCHAR"), rows)
    build_all(session, tenant, "unified_product_catalog")
    found = table(session, "unified_product_catalog", "product_msrp", order="pk")
    assert [row["product_msrp"] for row in found] == [
        amount and Decimal(amount) for amount in texts.values()
    ]

"""Who is in a segment: conditions, behaviours, lists, SQL, other segments, several databases."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from c360_assets.errors import C360Error, ConfigError
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import put, table
from c360_assets_tests.segments.people import (
    DAY,
    columns_of_table,
    compute,
    members,
    with_segments,
    write_tables,
)

PEOPLE: list[dict[str, Any]] = [
    {
        "amperity_id": "ann",
        "city": "Boston",
        "lifetime_order_revenue": 310,
        "latest_order_datetime": "2026-06-01 23:30:00",
        "one_and_done": True,
        "birthdate": "1990-05-01",
    },
    {
        "amperity_id": "bob",
        "city": "Austin",
        "lifetime_order_revenue": 100,
        "latest_order_datetime": "2025-12-31 12:00:00",
        "one_and_done": False,
    },
    {"amperity_id": "cleo", "city": "boston"},
]


def members_of_each(session: Session, root: Path, conditions: list[Any]) -> list[list[str]]:
    """Who fits each condition, a segment each."""
    asked = {f"asked_{n}": {"include": [one]} for n, one in enumerate(conditions)}
    compute(session, with_segments(root, asked))
    return [members(session, name) for name in asked]


def condition_members(session: Session, root: Path, condition: Any) -> list[str]:
    write_tables(session, customer_360=PEOPLE)
    (found,) = members_of_each(session, root, [condition])
    return found


OPERATORS: list[tuple[Any, list[str]]] = [
    ({"city": "Boston"}, ["ann"]),
    ({"city": ["Boston", "Austin"]}, ["ann", "bob"]),
    ({"city": {"ne": "Boston"}}, ["bob", "cleo"]),
    ({"city": {"not_in": ["Boston", "boston"]}}, ["bob"]),
    ({"city": {"contains": "ost"}}, ["ann", "cleo"]),
    ({"city": {"starts_with": "B"}}, ["ann"]),
    ({"city": {"ends_with": "in"}}, ["bob"]),
    ({"one_and_done": True}, ["ann"]),
    ({"one_and_done": {"ne": True}}, ["bob"]),
    ({"one_and_done": {"is_null": True}}, ["cleo"]),
    ({"birthdate": {"is_not_null": True}}, ["ann"]),
    ({"birthdate": date(1990, 5, 1)}, ["ann"]),
    ({"lifetime_order_revenue": {"gt": 100}}, ["ann"]),
    ({"lifetime_order_revenue": {"gte": 100}}, ["ann", "bob"]),
    ({"lifetime_order_revenue": {"lt": 310}}, ["bob"]),
    ({"lifetime_order_revenue": {"between": [100, 311]}}, ["ann"]),
    ({"lifetime_order_revenue": {"between_inclusive": [100, 310]}}, ["ann", "bob"]),
    ({"latest_order_datetime": {"before": "180 days ago"}}, ["bob"]),
    ({"latest_order_datetime": {"after": "2026-05-31"}}, ["ann"]),
    ({"latest_order_datetime": {"after": "2026-06-01"}}, []),
    ({"latest_order_datetime": {"within": "29 days"}}, ["ann"]),
    ({"latest_order_datetime": {"within": "28 days"}}, []),
    ({"latest_order_datetime": {"eq": "29 days ago"}}, ["ann"]),
    ([{"city": "Boston"}, {"one_and_done": False}], ["ann", "bob"]),
    ({"city": "Boston", "one_and_done": False}, []),
    ({"any": [{"city": "boston"}, {"all": [{"city": "Austin"}]}]}, ["bob", "cleo"]),
    ({"not": {"city": "Boston"}}, ["bob", "cleo"]),
    ({"customer_360.city": "Austin"}, ["bob"]),
]


def test_operators(session: Session, tmp_path: Path) -> None:
    write_tables(session, customer_360=PEOPLE)
    found = members_of_each(session, tmp_path, [condition for condition, _ in OPERATORS])
    asked = zip(OPERATORS, found, strict=True)
    assert [(condition, people) for (condition, _), people in asked] == OPERATORS


ITEMS = [
    {
        "amperity_id": "ann",
        "order_id": "o1",
        "product_id": "p1",
        "order_datetime": "2026-06-01 10:00:00",
        "item_revenue": 60,
        "purchase_brand": "larkmere",
    },
    {
        "amperity_id": "ann",
        "order_id": "o1",
        "product_id": "p2",
        "order_datetime": "2026-06-01 10:00:00",
        "item_revenue": 40,
        "purchase_brand": "larkmere",
    },
    {
        "amperity_id": "bob",
        "order_id": "o2",
        "product_id": "p1",
        "order_datetime": "2024-06-01 10:00:00",
        "item_revenue": 60,
        "purchase_brand": "larkmere",
    },
    {
        "amperity_id": "bob",
        "order_id": "o3",
        "product_id": "p1",
        "order_datetime": "2026-06-02 10:00:00",
        "item_revenue": -60,
        "purchase_brand": "larkmere",
        "is_return": True,
    },
]


BEHAVIOURS: list[tuple[Any, list[str]]] = [
    ({"bought": True}, ["ann", "bob"]),
    ({"bought": {"within": "365 days"}}, ["ann"]),
    ({"bought": {"before": "2025-01-01"}}, ["bob"]),
    ({"bought": {"at_least": 2}}, []),
    ({"bought": {"at_most": 0}}, ["cleo"]),
    ({"bought": {"product_id": "p2"}}, ["ann"]),
    ({"bought": {"item_revenue": {"gt": 50}}}, ["ann", "bob"]),
    ({"bought": {"sum": {"gte": 100}}}, ["ann"]),
    ({"bought": {"sum": {"item_revenue": {"lt": 100}}}}, ["bob", "cleo"]),
    ({"bought": {"purchase_brand": ["oskwell"]}}, []),
    ({"earned": {"sum": {"gt": 10}}}, ["cleo"]),
    ({"unified_loyalty.current_tier": "gold"}, ["cleo"]),
    ({"unified_loyalty.current_tier": {"is_null": True}}, ["ann", "bob"]),
]


def test_behaviours_and_tables_of_several_rows(session: Session, tmp_path: Path) -> None:
    write_tables(
        session,
        customer_360=PEOPLE,
        unified_itemized_transactions=ITEMS,
        unified_loyalty=[
            {"amperity_id": "cleo", "loyalty_id": "1", "current_tier": "silver"},
            {"amperity_id": "cleo", "loyalty_id": "2", "current_tier": "gold"},
        ],
        unified_loyalty_events=[
            {"amperity_id": "cleo", "pk": "1", "accrual_amount": 7},
            {"amperity_id": "cleo", "pk": "2", "accrual_amount": 7},
            {"amperity_id": "ann", "pk": "3", "accrual_amount": 9},
        ],
    )
    found = members_of_each(session, tmp_path, [behaviour for behaviour, _ in BEHAVIOURS])
    asked = zip(BEHAVIOURS, found, strict=True)
    assert [(behaviour, people) for (behaviour, _), people in asked] == BEHAVIOURS


ORDERS: list[dict[str, Any]] = [
    {"amperity_id": "ann", "order_id": "o1", "datasource": "Shop:Items"},
    {"amperity_id": "ann", "order_id": "o1", "datasource": "Till:Items"},
    {"amperity_id": "bob", "order_id": "o2", "datasource": "Shop:Items"},
    {"amperity_id": "bob", "order_id": " o2 ", "datasource": "Shop:Items"},
    # Of no order.
    {"amperity_id": "cleo", "order_id": " ", "datasource": "Shop:Items"},
    {"amperity_id": "cleo", "order_id": None, "datasource": "Shop:Items"},
]


@pytest.mark.parametrize(
    ("key", "limits", "expected"),
    [
        (["order_id"], {}, ["ann", "bob"]),
        (["order_id"], {"at_least": 2}, []),
        (["order_id"], {"at_most": 0}, ["cleo"]),
        (["datasource", "order_id"], {"at_least": 2}, ["ann"]),
        (["datasource", "order_id"], {"at_most": 1}, ["bob", "cleo"]),
    ],
)
def test_bought_counts_orders_as_unified_transactions_does(
    session: Session, tmp_path: Path, key: list[str], limits: Any, expected: list[str]
) -> None:
    write_tables(session, customer_360=PEOPLE, unified_itemized_transactions=ORDERS)
    asked = {"include": [{"bought": limits or True}]}
    options = {"unified_transactions": {"order_key": key}}
    compute(session, with_segments(tmp_path, {"asked": asked}, options=options))
    assert members(session, "asked") == expected


def test_segments_lists_and_sql(session: Session, tmp_path: Path) -> None:
    write_tables(session, customer_360=PEOPLE)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "picked.csv").write_text(
        "\ufeffname,Amperity_ID\nx, ann \ny,cleo\nz,stranger\n,\n", "utf-8"
    )
    tenant = with_segments(
        tmp_path,
        {
            "picked": {"include": [{"list": "lists/picked.csv"}]},
            "spent": {"description": "by SQL"},
            "both": {
                "include": [{"segment": "picked"}],
                "exclude": [{"segment": "spent"}, {"city": "Austin"}],
            },
            "everybody_else": {"exclude": [{"list": "lists/picked.csv"}]},
        },
        sql={
            "spent": "SELECT amperity_id FROM customer_360 WHERE lifetime_order_revenue > 1 "
            "UNION ALL VALUES ('stranger'), ('other'), ('other'), (NULL);"
        },
    )
    outcome = compute(session, tenant)
    assert members(session, "picked") == ["ann", "cleo"]
    assert members(session, "spent") == ["ann", "bob"]
    assert members(session, "both") == ["cleo"]
    assert members(session, "everybody_else") == ["bob"]
    assert outcome.warnings == [
        "segments: lists/picked.csv: of 3 ids 1 is of nobody in the database customer_360",
        "segments/spent.sql: of 4 ids 2 are of nobody in the database customer_360",
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"gt": 50, "lt": 60}, ["bob"]),
        ({"between": [50, 60]}, ["bob"]),
        ({"gt": 50, "is_not_null": True}, ["ann", "bob"]),
        ({"is_null": True}, ["cleo"]),
    ],
)
def test_all_that_a_condition_asks_of_a_table_of_events_one_row_fits(
    session: Session, tmp_path: Path, condition: Any, expected: list[str]
) -> None:
    orders = [("ann", "o1", 20), ("ann", "o2", 500), ("bob", "o3", 55)]
    write_tables(
        session,
        customer_360=PEOPLE,
        unified_transactions=[
            {"amperity_id": person, "order_id": order, "order_revenue": revenue}
            for person, order, revenue in orders
        ],
    )
    asked = {"include": [{"unified_transactions.order_revenue": condition}]}
    compute(session, with_segments(tmp_path, {"asked": asked}))
    assert members(session, "asked") == expected


def test_sizes_and_overlap(session: Session, tmp_path: Path) -> None:
    write_tables(
        session,
        customer_360=PEOPLE,
        customer_attributes=[
            {"amperity_id": "ann", "contactable_email": True},
            {"amperity_id": "bob", "contactable_email": False, "contactable_address": True},
        ],
        unified_transactions=[
            {
                "amperity_id": "ann",
                "order_id": "o1",
                "is_purchase_order": True,
                "order_datetime": "2026-06-01 10:00:00",
                "order_revenue": "100.10",
                "order_returned_revenue": "-0.20",
                "order_quantity": 3,
            },
            {
                "amperity_id": "ann",
                "order_id": "o2",
                "is_purchase_order": True,
                "order_datetime": "2025-06-29 10:00:00",
                "order_revenue": 500,
                "order_quantity": 1,
            },
        ],
    )
    tenant = with_segments(
        tmp_path,
        {
            "known": {"include": [{"city": {"is_not_null": True}}]},
            "rich": {"include": [{"lifetime_order_revenue": {"gt": 50}}]},
            "quiet": {"include": [{"city": "Boston"}], "track": False},
        },
    )
    compute(session, tenant)
    sizes = {row["segment"]: row for row in table(session, "segments/segment_sizes")}
    assert sizes.keys() == {"known", "rich"}
    assert (sizes["known"]["people"], sizes["rich"]["people"]) == (3, 2)
    rich = sizes["rich"]
    assert (rich["active_12m"], rich["orders_12m"], rich["units_12m"]) == (1, 1, 3)
    assert str(rich["net_revenue_12m"]) == "99.90"
    assert rich["reachable_email"] == rich["reachable_post"] == 1
    (pair,) = table(session, "segments/segment_overlap")
    assert (pair["segment"], pair["other_segment"], pair["people"]) == ("known", "rich", 2)
    assert pair["jaccard"] == pytest.approx(2 / 3)
    assert members(session, "quiet") == ["ann"]


def test_a_filtered_database_asks_its_own_people(session: Session, tmp_path: Path) -> None:
    tenant = with_segments(
        tmp_path,
        {
            "all": {"include": [{"city": {"is_not_null": True}}]},
            "own": {"database": "larkmere", "include": [{"city": {"is_not_null": True}}]},
        },
        databases={"larkmere": {}},
    )
    write_tables(session, customer_360=PEOPLE)
    put(session, "larkmere/customer_360", columns_of_table("customer_360"), PEOPLE[:1])
    compute(session, tenant)
    compute(session, tenant, database=1)
    own = table(session, "larkmere/segments/segment_membership", "segment, amperity_id")
    # Without a key of its own the database shares the group's people.
    assert {row["segment"] for row in own} == {"own"}
    assert members(session, "all") == ["ann", "bob", "cleo"]


def test_what_cannot_be_computed_is_refused(session: Session, tmp_path: Path) -> None:
    write_tables(session, customer_360=PEOPLE)
    misspelt = {"a": {"include": [{"lifetime_order_revenu": 1}]}}
    with pytest.raises(ConfigError, match="did you mean lifetime_order_revenue"):
        compute(session, with_segments(tmp_path, misspelt))
    # What failed left nothing pending.
    write_tables(session, customer_360=PEOPLE)
    with pytest.raises(C360Error, match="must select amperity_id"):
        compute(
            session,
            with_segments(tmp_path, {"a": {}}, sql={"a": "SELECT city FROM customer_360"}),
        )
    assert session.state("segments/segment_membership") is None


def test_the_same_day_again_is_reused(session: Session, tmp_path: Path) -> None:
    write_tables(session, customer_360=PEOPLE)
    tenant = with_segments(tmp_path, {"a": {"include": [{"city": "Boston"}]}})
    assert not compute(session, tenant).reused
    assert compute(session, tenant).reused
    assert not compute(session, tenant, DAY.replace(month=7)).reused

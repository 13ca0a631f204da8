"""Checks of the keys `customer_360` and `databases` of `tenant.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets_tests.tenant.right_tenant import (
    ERROR,
    LINES,
    RIGHT,
    SHOP,
    Case,
    assert_one_problem,
    more,
    problems_after,
)

CASES: dict[str, Case] = {
    "no primary": (
        {"tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases: {a: {}}\n"},
        ERROR,
        2,
        "exactly one",
    ),
    "tables of the primary": (
        {
            "tenant.yaml": (
                "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases: {all: {primary: true, "
                "tables: [customer_360]}}\n"
            )
        },
        ERROR,
        2,
        "holds all tables",
    ),
    "policy of the primary": (
        {
            "tenant.yaml": (
                "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases: {all: {primary: true, "
                "merge_policy: o.yaml}}\n"
            ),
            "o.yaml": "",
        },
        ERROR,
        2,
        "follows merge_policy.yaml",
    ),
    "attribute twice": (
        {
            "tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\n"
            "customer_360: {customer_360: {attributes: [order_cost, Order_Cost]}}\n"
        },
        ERROR,
        2,
        "Order_Cost is listed twice",
    ),
    "blank brand": (
        {
            "tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\n"
            "databases: {all: {primary: true}, a: {filter: {database_key: ''}}}\n"
        },
        ERROR,
        2,
        "is blank",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_wrong_setting_makes_one_problem(tmp_path: Path, case: str) -> None:
    assert_one_problem(tmp_path, CASES[case])


MODES = "customer_360:\n  unified_transactions:\n    order_discount_mode:\n      {}: max\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("Shop:Orders", None),
        ("Shop:Order", "did you mean 'Shop:Orders'?"),
        ("Shop:Customers", "known: Shop:Orders"),
    ],
)
def test_a_discount_mode_is_that_of_a_source_of_items(
    tmp_path: Path, source: str, told: str | None
) -> None:
    changes = {"tenant.yaml": RIGHT["tenant.yaml"] + MODES.format(source)}
    key = f"customer_360.unified_transactions.order_discount_mode.{source}"
    expected = [("error", "tenant.yaml", 6, key, told)] if told else []
    assert [
        (p.severity, p.file, p.line, p.key, p.remedy) for p in problems_after(tmp_path, changes)
    ] == expected
    # Which sources a tenant's own SQL names nobody knows.
    own = {
        "database/unified_itemized_transactions.sql": "SELECT * FROM unified_itemized_transactions"
    }
    assert problems_after(tmp_path, {**changes, **own}) == []


LIFECYCLE = "customer_360:\n  customer_attributes:\n    lifecycle_days: {}\n"


@pytest.mark.parametrize(
    ("days", "is_right"),
    [
        ("{new: 30, active: 365, lapsed: 730}", True),
        ("{new: 30, active: 365, lapsed: 730, dormant: 1095}", True),
        ("{new: 30, active: 365, lapsed: 730, dormant: 700}", False),
        ("{new: 30, active: 365, dormant: 1095}", False),
        ("{new: 30, active: 365, lapsed: 730, gone: 1095}", False),
    ],
)
def test_stages_of_the_lifecycle_follow_each_other(
    tmp_path: Path, days: str, is_right: bool
) -> None:
    changes = {"tenant.yaml": RIGHT["tenant.yaml"] + LIFECYCLE.format(days)}
    assert [p.line for p in problems_after(tmp_path, changes)] == ([] if is_right else [5])


def test_a_filtered_database_has_a_policy_of_its_own(tmp_path: Path) -> None:
    tenant = (
        "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\n"
        "databases:\n  all: {primary: true}\n  jp: {filter: {database_key: JP}, "
        "merge_policy: jp.yaml}\n"
    )
    assert [
        p.message
        for p in problems_after(tmp_path, {"tenant.yaml": tenant})
        if p.severity == "error"
    ] == ["names a file that is not in the tenant folder"]
    problems = problems_after(
        tmp_path,
        {
            **more(SHOP, "unit: {tags: [database-key]}"),
            "tenant.yaml": tenant,
            "jp.yaml": "source_priority: {Shop:Customer: 1}\n",
        },
    )
    assert ("error", "jp.yaml", 1, "there is no table Shop:Customer") in [
        (p.severity, p.file, p.line, p.message) for p in problems
    ]


def test_a_published_file_of_no_database_is_told(tmp_path: Path) -> None:
    history = tmp_path / "activated" / "history"
    history.mkdir(parents=True)
    for file in ("customer_360.duckdb", "jp.duckdb", "gone.duckdb", "history/older.1.duckdb"):
        (history.parent / file).touch()
    tenant = (
        "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases:\n  all: {primary: true}\n  jp: "
        "{filter: {database_key: JP}}\n"
    )
    brand = more(SHOP, "unit: {tags: [database-key]}")
    told = [
        (p.severity, p.message.split(",")[0])
        for p in problems_after(tmp_path, {**brand, "tenant.yaml": tenant})
        if p.key == "databases"
    ]
    assert told == [
        ("warning", "activated/ holds files of gone"),
        ("warning", "activated/ holds files of older"),
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "no field is tagged database-key, so this database will be empty"),
        (
            more(LINES, "unit: {tags: [txn-item/database-key]}"),
            "no customer table has a field tagged database-key",
        ),
        (
            {
                **more(SHOP, "unit: {tags: [database-key]}"),
                **more(LINES, "x: {tags: [database-key]}"),
            },
            "Shop:Orders: no field is tagged txn-item/database-key",
        ),
        (
            {
                **more(SHOP, "unit: {tags: [database-key]}"),
                **more(LINES, "x: {tags: [txn-item/database-key]}"),
            },
            None,
        ),
    ],
)
def test_a_filtered_database_needs_the_brand_of_its_customers(
    tmp_path: Path, changes: dict[str, str], told: str | None
) -> None:
    tenant = (
        "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases:\n  all: {primary: true}\n  jp: "
        "{filter: {database_key: JP}}\n"
    )
    found = [
        p.message
        for p in problems_after(tmp_path, {**changes, "tenant.yaml": tenant})
        if p.file == "tenant.yaml"
    ]
    assert [str(told) in message for message in found] == ([True] if told else [])

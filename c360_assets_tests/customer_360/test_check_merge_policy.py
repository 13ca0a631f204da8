"""Checks of merge policies, each by a tenant that is wrong in one way."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets_tests.tenant.right_tenant import (
    CUSTOMERS,
    ERROR,
    LINES,
    ORDERS,
    RIGHT,
    SHOP,
    WARNING,
    Case,
    assert_one_problem,
    more,
    problems_after,
)

CASES: dict[str, Case] = {
    "policy source": (
        {"merge_policy.yaml": "source_priority: {Shop:Customer: 1}\n"},
        ERROR,
        1,
        "did you mean 'Shop:Customers'?",
    ),
    "policy not stitched": (
        {"merge_policy.yaml": "source_priority: {Shop:Customers: 1, Shop:Orders: 2}\n"},
        ERROR,
        1,
        "not available",
    ),
    "policy empty": ({"merge_policy.yaml": "source_priority: {}\n"}, ERROR, 1, "names no table"),
    "policy group": (
        {"merge_policy.yaml": "rank: {emial: [Shop:Customers]}\n"},
        ERROR,
        1,
        "did you mean 'email'?",
    ),
    "policy twice": (
        {"merge_policy.yaml": "rank: {email: [Shop:Customers, Shop:Customers]}\n"},
        ERROR,
        1,
        "Shop:Customers is ranked twice",
    ),
    "policy several values": (
        {"merge_policy.yaml": "multi_value: {surname: [surname]}\n"},
        ERROR,
        1,
        "only email and phone have several values",
    ),
    "policy both": (
        {
            "merge_policy.yaml": (
                "rank: {email: [Shop:Customers]}\nfield_priority: {Shop:Customers: {email: 1}}\n"
            )
        },
        ERROR,
        2,
        "ranked for email under `rank` too",
    ),
    "policy column": (
        {"merge_policy.yaml": "custom_groups: {work: {columns: [email_work]}}\n"},
        ERROR,
        1,
        "no stitched table has a tag for",
    ),
    "policy value that is no text": (
        {
            **more(SHOP, "born: {type: date, tags: [birthdate]}", "tel: {tags: [phone]}"),
            "merge_policy.yaml": "multi_value:\n  phone: [phone, birthdate]\n",
        },
        ERROR,
        2,
        "multi_value.phone[1]: birthdate is DATE, not text",
    ),
    "policy value of an order": (
        {
            LINES: ORDERS.replace("primary_key: [line_id]", "primary_key: [line_id]\nstitch: true"),
            "merge_policy.yaml": "multi_value: {phone: [order_id]}\n",
        },
        ERROR,
        1,
        "no stitched table has a tag for order_id",
    ),
    "policy values of assigned e-mails": (
        {
            **more(SHOP, "work: {tags: [email-work]}"),
            "merge_policy.yaml": "multi_value:\n  email: [email_work, email]\n",
        },
        WARNING,
        2,
        "multi_value.email: has no effect",
    ),
    "policy group name": (
        {
            **more(SHOP, "work: {tags: [email-work]}"),
            "merge_policy.yaml": "custom_groups: {my group: {columns: [email_work]}}\n",
        },
        ERROR,
        1,
        "letters, digits and underscores",
    ),
    "policy group name in use": (
        {
            **more(SHOP, "work: {tags: [email-work]}"),
            "merge_policy.yaml": "custom_groups: {source: {columns: [email_work]}}\n",
        },
        ERROR,
        1,
        "uses itself",
    ),
    "policy column in use": (
        {"merge_policy.yaml": "custom_groups: {work: {columns: [email]}}\n"},
        ERROR,
        1,
        "columns[0]: email: merged_customers has this column already",
    ),
    "policy column twice": (
        {
            **more(SHOP, "work: {tags: [email-work]}"),
            "merge_policy.yaml": (
                "custom_groups: {a: {columns: [email_work]}, b: {columns: [email_work]}}\n"
            ),
        },
        ERROR,
        1,
        "custom_groups.b.columns[0]: email_work: custom_groups.a has this column already",
    ),
    "policy column that a group adds": (
        {
            **more(SHOP, "other: {tags: [b-pk]}"),
            "merge_policy.yaml": (
                "custom_groups:\n  a: {columns: [b_pk]}\n  b: {columns: [fk_customer_id]}\n"
            ),
        },
        ERROR,
        2,
        "custom_groups.a.columns[0]: b_pk: custom_groups.b has this column already",
    ),
    "policy order": (
        {"merge_policy.yaml": "email_ampid_assignment: {email_order: ['a; drop']}\n"},
        ERROR,
        1,
        "a column and a direction",
    ),
    "policy order's column": (
        {
            "merge_policy.yaml": (
                "email_ampid_assignment:\n  email_order: [email_click_last_30_days desc]\n"
            )
        },
        ERROR,
        2,
        "did you mean 'email_clicks_last_30_days'?",
    ),
    "another policy's order": (
        {
            "tenant.yaml": RIGHT["tenant.yaml"]
            + "databases: {all: {primary: true}, jp: {merge_policy: jp.yaml}}\n",
            "jp.yaml": (
                "email_ampid_assignment: {"
                "amperity_id_order: [predicted_clv_next_365d desc, nope]}\n"
            ),
        },
        ERROR,
        1,
        "amperity_id_order[1]: there is no column nope in",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_wrong_setting_makes_one_problem(tmp_path: Path, case: str) -> None:
    assert_one_problem(tmp_path, CASES[case])


@pytest.mark.parametrize("text", ["update_dt  desc", " Update_dt\\tDESC ", "update_dt"])
def test_an_order_may_be_spaced_as_one_likes(tmp_path: Path, text: str) -> None:
    policy = f'email_ampid_assignment: {{email_order: ["{text}"]}}\n'
    assert problems_after(tmp_path, {"merge_policy.yaml": policy}) == []


@pytest.mark.parametrize(
    "wrong", ["best_email: first", "use_blocklist: maybe", "rank: {email: Shop:Customers}"]
)
def test_a_policy_with_a_wrong_value_elsewhere_is_not_told_that_it_names_no_table(
    tmp_path: Path, wrong: str
) -> None:
    problems = problems_after(
        tmp_path, {"merge_policy.yaml": f"source_priority: {{Shop:Customers: 1}}\n{wrong}\n"}
    )
    assert [(p.severity, p.line) for p in problems] == [(ERROR, 2)]


def test_values_of_an_email_have_an_effect_where_it_is_found_by_priority(tmp_path: Path) -> None:
    assert (
        problems_after(
            tmp_path, {"merge_policy.yaml": "best_email: priority\nmulti_value: {email: [email]}\n"}
        )
        == []
    )


def test_a_new_source_without_priority_is_noticed(tmp_path: Path) -> None:
    new = CUSTOMERS.replace("source: Shop", "source: Till").replace("'shop/", "'till/")
    problems = problems_after(
        tmp_path,
        {
            "feeds/till/customers.yaml": new,
            "merge_policy.yaml": "source_priority: {Shop:Customers: 1}\n",
        },
    )
    assert [(p.severity, p.message) for p in problems] == [
        ("warning", "Till:Customers has no priority and comes last (999)")
    ]

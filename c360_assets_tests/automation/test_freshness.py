"""When an asset is too old: by its feed's rhythm and the activation's clock, never in a tenant
whose figures stand still.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from c360_assets.automation.freshness import freshness_policies
from c360_assets.definitions import build
from c360_assets_tests.automation.tenants import tiny_tenant

SHOP = dg.AssetKey(["domain", "Shop_Customers"])
LOYALTY = dg.AssetKey(["domain", "Loyalty_Members"])
PUBLISHED = dg.AssetKey("customer_360_database")
WORKFLOW = """
feeds:
  "Shop:Customers": {{every: week, wait: 6h, offset: 1d}}
  "Loyalty:Members": {{required: false}}
activation: {{cron: '{cron}'}}
"""


def test_a_required_feed_is_late_by_its_rhythm(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, WORKFLOW.format(cron="30 6 * * *"), as_of="today")
    policies = freshness_policies(tenant)
    week = timedelta(weeks=1)
    wait = timedelta(hours=6)
    assert policies[SHOP] == dg.FreshnessPolicy.time_window(
        fail_window=2 * week + wait, warn_window=week + wait
    )
    assert LOYALTY not in policies


@pytest.mark.parametrize(("cron", "days"), [("0 7 * * *", 1), ("0 7 * * mon-fri", 3)])
def test_a_daily_feed_may_rest_while_nothing_is_activated(
    tmp_path: Path, cron: str, days: int
) -> None:
    tenant = tiny_tenant(tmp_path, f"activation: {{cron: '{cron}'}}", as_of="today")
    day = timedelta(days=1)
    overdue = days * day + timedelta(hours=2)
    assert freshness_policies(tenant)[SHOP] == dg.FreshnessPolicy.time_window(
        fail_window=overdue + day, warn_window=overdue
    )


@pytest.mark.parametrize(
    ("cron", "deadline", "window"),
    [
        ("30 6 * * *", "30 8 * * *", timedelta(hours=8, minutes=30)),
        ("0 7 * * mon-fri", "0 9 * * mon-fri", timedelta(hours=9)),
        ("59 23 * * *", "59 23 * * *", timedelta(days=1)),
        ("0 6,7 1 * *", "0 6,7 1 * *", timedelta(hours=1)),
        ("*/7 * * * *", "*/7 * * * *", timedelta(minutes=4)),
        ("0 0 29 2 *", "0 2 29 2 *", timedelta(hours=2)),
    ],
)
def test_an_activation_is_late_two_hours_after_its_time(
    tmp_path: Path, cron: str, deadline: str, window: timedelta
) -> None:
    tenant = tiny_tenant(tmp_path, WORKFLOW.format(cron=cron), as_of="today")
    expected = dg.FreshnessPolicy.cron(deadline, window, timezone="America/New_York")
    policies = freshness_policies(tenant)
    assert policies[PUBLISHED] == policies[dg.AssetKey("unified_coalesced")] == expected


def test_the_policies_are_those_of_the_assets(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, as_of="today")
    policies = freshness_policies(tenant)
    specs = build(tenant).resolve_all_asset_specs()
    found = {spec.key: spec.freshness_policy for spec in specs if spec.freshness_policy}
    assert found == policies
    assert {SHOP, LOYALTY, PUBLISHED} <= set(policies)


def test_nothing_is_late_where_figures_stand_at_the_last_delivery(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, WORKFLOW.format(cron="30 6 * * *"))
    assert freshness_policies(tenant) == {}

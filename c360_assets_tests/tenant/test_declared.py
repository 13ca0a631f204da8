"""What follows from a tenant's declarations: which tables get an amperity_id, which numbering plan
holds, what columns mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from c360_assets.configuration import load_tenant
from c360_assets.semantics.countries import Home
from c360_assets_tests.tenant.right_tenant import CUSTOMERS, ORDERS


def test_a_table_is_stitched_if_it_is_read_or_shares_a_foreign_key(
    write: Callable[..., Path],
) -> None:
    other = ORDERS.replace("feed: Orders", "feed: Other").replace("fk-customer-id", "fk-till-id")
    tenant = load_tenant(write({"feeds/shop/other.yaml": other}))
    linked = {t.name: tenant.has_stitched_version(t) for t in tenant.tables}
    assert linked == {"Shop:Customers": True, "Shop:Orders": True, "Shop:Other": False}
    assert tenant.tables[2].foreign_keys == {"fk-till-id": "customer_id"}


@pytest.mark.parametrize(
    ("told", "region"),
    [
        ("", "nanp"),
        ("country: US\n", "nanp"),
        ("country: DE\n", "DE"),
        ("country: DE\nphone_region: nanp\n", "any"),
        ("phone_region: FR\n", "FR"),
        ("country: DE\nphone_region: FR\n", "FR"),
        ("country: CA\nphone_region: any\n", "any"),
    ],
)
def test_north_american_phone_rules_hold_at_home_only(
    write: Callable[..., Path], told: str, region: str
) -> None:
    root = write()
    (root / "tenant.yaml").write_text((root / "tenant.yaml").read_text() + told)
    assert load_tenant(root).phone_region == region


@pytest.mark.parametrize(
    ("told", "home"),
    [
        ("", None),
        ("phone_region: FR\n", None),
        ("country: DE\n", Home("DE", "DE")),
        ("country: DE\nphone_region: any\n", Home("DE", "DE")),
        ("country: US\nphone_region: MX\n", Home("US", "MX")),
    ],
)
def test_numbers_are_read_at_home_only_where_the_country_is_named(
    write: Callable[..., Path], told: str, home: Home | None
) -> None:
    root = write()
    (root / "tenant.yaml").write_text((root / "tenant.yaml").read_text() + told)
    assert load_tenant(root).home == home


def test_a_column_means_what_the_tenant_says_else_what_its_tags_say(
    write: Callable[..., Path],
) -> None:
    told = CUSTOMERS.replace(
        "mail: {tags: [email]}", "mail: {tags: [email], description: Where the receipt goes}"
    )
    table = load_tenant(write({"feeds/shop/customers.yaml": told + "  note: {}\n"})).tables[0]
    assert table.describe("mail") == "Where the receipt goes"
    assert table.describe("family") != ""
    assert table.describe("note") == ""

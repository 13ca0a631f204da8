"""What `check` remarks on a tenant without errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.configuration import load_tenant
from c360_assets.remarks import remarks
from c360_assets_tests.tenant.right_tenant import CUSTOMERS, RIGHT, SHOP, write_tenant

BERLIN = {"tenant.yaml": RIGHT["tenant.yaml"] + "timezone: Europe/Berlin\n"}
NAMED = {SHOP: CUSTOMERS + "timezone: UTC\n"}
WITHOUT_TIMES = {SHOP: CUSTOMERS.replace("{type: datetime, tags: [update-dt]}", "{type: integer}")}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),  # days are those of UTC
        (BERLIN, "Shop:Customers, Shop:Orders: no `timezone`"),
        ({**BERLIN, **NAMED}, "Shop:Orders: no `timezone`"),
        ({**BERLIN, **WITHOUT_TIMES}, "Shop:Orders: no `timezone`"),
    ],
)
def test_feeds_whose_times_are_taken_for_those_of_utc(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    write_tenant(tmp_path, changes)
    found = [remark for remark in remarks(load_tenant(tmp_path)) if "timezone" in remark]
    assert [remark.startswith(said) for remark in found] == [True] * bool(said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({SHOP: CUSTOMERS.replace("stitch: true\n", "")}, "no table has customers for Stitch"),
        ({"feeds/shop/orders.yaml": None}, "no table is tagged txn-item/"),
        (
            {SHOP: CUSTOMERS + "  phone: {}\n  postal_code: {}\n"},
            "Shop:Customers: no tag covers phone (phone), postal_code (postal)",
        ),
        (
            {
                SHOP: CUSTOMERS
                + "  home: {tags: [address, address-home]}\n"
                + "  work: {tags: [address, address-work]}\n"
            },
            "Shop:Customers: of a record's addresses one is matched and merged, the first that is "
            "filled: where it is, nothing is read of work",
        ),
    ],
)
def test_what_stays_empty_is_said(
    tmp_path: Path, changes: dict[str, str | None], said: str
) -> None:
    write_tenant(tmp_path, changes)
    assert [remark for remark in remarks(load_tenant(tmp_path)) if remark.startswith(said)]
    assert not any(remark.startswith(said) for remark in _of_right_tenant(tmp_path / "right"))


def _of_right_tenant(root: Path) -> list[str]:
    write_tenant(root, {})
    return remarks(load_tenant(root))

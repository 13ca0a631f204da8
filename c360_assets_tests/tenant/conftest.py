"""A small tenant that is right, to be made wrong one way at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from c360_assets.configuration import read_tenant
from c360_assets.errors import Problem

CUSTOMERS = """\
source: Shop
feed: Customers
files: {pattern: "'shop/customers-'yyyyMMdd'*.csv'"}
primary_key: [customer_id]
last_updated: updated_at
stitch: true
fields:
  customer_id: {type: string, tags: [fk-customer-id]}
  given: {tags: [given-name]}
  family: {tags: [surname]}
  mail: {tags: [email]}
  updated_at: {type: datetime, tags: [update-dt]}
"""
ORDERS = """\
source: Shop
feed: Orders
files: {pattern: "'shop/orders-'yyyyMMdd'*.csv'"}
primary_key: [line_id]
fields:
  line_id: {}
  customer_id: {tags: [fk-customer-id]}
  order_id: {tags: [txn-item/order-id]}
  ordered_at: {type: datetime, tags: [txn-item/order-datetime]}
  sku: {tags: [txn-item/product-id]}
  returned: {type: boolean, tags: [txn-item/is-return]}
  cancelled: {type: boolean, tags: [txn-item/is-cancellation]}
  quantity: {type: integer, tags: [txn-item/item-quantity]}
  revenue: {type: decimal, tags: [txn-item/item-revenue]}
  discount: {type: decimal, tags: [txn-item/order-discount-amount]}
  channel: {tags: [txn-item/purchase-channel]}
  store: {tags: [txn-item/store-id]}
"""
RIGHT = {
    "tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\nname: Test\n",
    "feeds/shop/customers.yaml": CUSTOMERS,
    "feeds/shop/orders.yaml": ORDERS,
}
Check = Callable[..., list[Problem]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the right tenant with some files replaced (None removes one) and return its folder."""

    def write(changes: dict[str, str | None] | None = None) -> Path:
        for file, text in {**RIGHT, **(changes or {})}.items():
            if text is not None:
                (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / file).write_text(text, "utf-8")
        return tmp_path

    return write


@pytest.fixture
def check(write: Callable[..., Path]) -> Check:
    return lambda changes=None: read_tenant(write(changes))[1]

"""A small tenant that is right, to be made wrong one way at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from c360_assets.configuration import read_tenant
from c360_assets.errors import Problem

ERROR = "error"
WARNING = "warning"
# File -> its text; None removes the file.
Changes: TypeAlias = Mapping[str, str | None]
# What is changed, and the one problem that it makes: severity, line, and words of its text.
Case: TypeAlias = tuple[Changes, str, int | None, str]

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
SHOP = "feeds/shop/customers.yaml"
LINES = "feeds/shop/orders.yaml"


def customers(old: str, new: str) -> dict[str, str]:
    assert old in CUSTOMERS
    return {SHOP: CUSTOMERS.replace(old, new)}


def orders(old: str, new: str) -> dict[str, str]:
    assert old in ORDERS
    return {LINES: ORDERS.replace(old, new)}


def more(file: str, *lines: str) -> dict[str, str]:
    return {file: {SHOP: CUSTOMERS, LINES: ORDERS}[file] + "".join(f"  {line}\n" for line in lines)}


def feed(*fields: str, key: str = "id", head: str = "") -> dict[str, str]:
    text = (
        "source: New\nfeed: Table\nfiles: {pattern: \"'new/'yyyyMMdd'.csv'\"}\n"
        f"primary_key: [{key}]\n{head}fields:\n"
    )
    return {"feeds/new/table.yaml": text + "".join(f"  {f}\n" for f in fields)}


def write_tenant(root: Path, changes: Changes | None = None) -> Path:
    """Write the right tenant with some files replaced and return its folder."""
    for file, text in {**RIGHT, **(changes or {})}.items():
        if text is not None:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text, "utf-8")
    return root


def problems_after(root: Path, changes: Changes) -> list[Problem]:
    """The problems of the right tenant's settings after some changes."""
    return read_tenant(write_tenant(root, changes))[1]


def assert_one_problem(root: Path, case: Case) -> None:
    changes, severity, line, words = case
    told = [problem for problem in problems_after(root, changes) if words in str(problem)]
    assert [(problem.severity, problem.line) for problem in told] == [(severity, line)]
    assert told[0].file in changes

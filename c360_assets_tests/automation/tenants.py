"""A tenant small enough for a whole day in seconds: shop customers and loyalty members who are
partly the same people."""

from __future__ import annotations

import os
import time
from datetime import date, timedelta
from pathlib import Path

from c360_assets.configuration import load_tenant
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.session import Warehouse

CANARY_EMAIL = "canary.bird@mine.example"
CANARY_NAME = "Serinusza"
DAY = date(2026, 3, 2)

TENANT = """
id: 5f0c2b1e-8a3d-4a55-9c1b-3f6f1a7e2d10
name: Tiny
timezone: America/New_York
first_day: 2026-03-01
as_of: last_delivery
"""
SHOP = """
source: Shop
feed: Customers
description: Online shop accounts
files: {pattern: "'shop/customers-'yyyyMMdd'*.csv'", format: csv}
primary_key: [customer_id]
stitch: true
fields:
  customer_id: {type: string, tags: [fk-customer-id]}
  email: {type: string, tags: [email]}
  first: {type: string, tags: [given-name]}
  last: {type: string, tags: [surname]}
  visits: {type: integer}
"""
LOYALTY = """
source: Loyalty
feed: Members
description: Members of the loyalty programme
files: {pattern: "'loyalty/members-'yyyyMMdd'*.csv'", format: csv}
primary_key: [member]
stitch: true
fields:
  member: {type: string, tags: [fk-member]}
  mail: {type: string, tags: [email]}
  name: {type: string, tags: [given-name]}
  surname: {type: string, tags: [surname]}
"""
PEOPLE = [
    ("Ann", "Archer"),
    ("Bob", "Baker"),
    ("Cleo", "Carver"),
    (CANARY_NAME, "Drover"),
    ("Eve", "Eagle"),
]


def tiny_tenant(root: Path, workflow: str = "", **tenant: str) -> Tenant:
    """Write the tenant's configuration below `root` and read it. `tenant` replaces keys of
    tenant.yaml."""
    declared = {line.split(":")[0]: line for line in TENANT.strip().splitlines()}
    declared |= {key: f"{key}: {value}" for key, value in tenant.items()}
    files = {
        "tenant.yaml": "\n".join(declared.values()),
        "workflow.yaml": workflow,
        "feeds/shop/customers.yaml": SHOP,
        "feeds/loyalty/members.yaml": LOYALTY,
        "domain_tables/Busy_Customers.sql": (
            "SELECT customer_id, email, visits FROM Shop_Customers WHERE visits > 1"
        ),
        "domain_tables/Busy_Customers.yaml": "primary_key: [customer_id]",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text:
            path.write_text(text, "utf-8")
    (root / "landing").mkdir(exist_ok=True)
    return load_tenant(root)


def land(root: Path, feed: str, day: date, rows: list[str] | None = None) -> Path:
    """Drop a file of `feed` (`shop` or `loyalty`) for `day`, complete and settled."""
    if feed == "shop":
        path, header = (
            root / f"landing/shop/customers-{day:%Y%m%d}.csv",
            "customer_id,email,first,last,visits",
        )
        default = [f"c{i},{mail(i)},{a},{b},{i}" for i, (a, b) in enumerate(PEOPLE)]
    else:
        path, header = (
            root / f"landing/loyalty/members-{day:%Y%m%d}.csv",
            "member,mail,name,surname",
        )
        default = [f"m{i},{mail(i)},{a},{b}" for i, (a, b) in enumerate(PEOPLE)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(default if rows is None else rows)]) + "\n", "utf-8")
    settled = time.time() - 60
    os.utime(path, (settled, settled))
    return path


def shop(tenant: Tenant) -> FeedConfig:
    feed = tenant.feed("Shop:Customers")
    assert feed is not None
    return feed


def warehouse(tenant: Tenant) -> Warehouse:
    return Warehouse.open(tenant.root / "warehouse")


def mail(i: int) -> str:
    return CANARY_EMAIL if PEOPLE[i][0] == CANARY_NAME else f"{PEOPLE[i][0].lower()}@example.com"


def days(count: int, first: date = DAY) -> list[date]:
    return [first + timedelta(days=i) for i in range(count)]


def files_with(folder: Path, *values: str) -> list[str]:
    """Files below `folder` whose bytes hold one of `values`."""
    files = [f for f in folder.rglob("*") if f.is_file()]
    return [
        str(f.relative_to(folder))
        for f in files
        if any(v.encode() in f.read_bytes() for v in values)
    ]

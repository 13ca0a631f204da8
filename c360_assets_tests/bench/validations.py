"""What all input validation reports cost, against the least that any of them needs: the same tables
counted by DuckDB alone.

Reference: per table the number of rows; different e-mail addresses and phone digits of the
customers; items grouped by order with the sums that reports are made of. Both read the same stored
tables in one process. Memory is that of a process that only reports.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from uuid import UUID

from c360_assets.tenant.models import FeedConfig, Tenant, TenantConfig
from c360_assets.validations.run import TableReports
from c360_assets.validations.summary import ReportSummary
from c360_assets.warehouse.recipe import RunContext
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.bench.measure import Measure, against, seconds, show

GIB = 1024**3
DAY = (date(2026, 6, 1) - date(1970, 1, 1)).days
ITEM_TAGS = {
    "order_id": "string",
    "product_id": "string",
    "store_id": "string",
    "purchase_channel": "string",
    "currency": "string",
    "order_datetime": "datetime",
    "is_return": "boolean",
    "is_cancellation": "boolean",
    "item_quantity": "integer",
    **dict.fromkeys(
        ("item_list_price", "item_discount_amount", "item_revenue", "item_cost", "item_tax_amount"),
        "decimal",
    ),
    **dict.fromkeys(
        (
            "unit_list_price",
            "unit_discount_amount",
            "order_discount_amount",
            "item_discount_percent",
        ),
        "decimal",
    ),
}
PERSON_TAGS = ("given-name", "surname", "email", "phone", "address", "city", "state", "postal")


def _feed(name: str, fields: dict[str, tuple[str, str]]) -> FeedConfig:
    return FeedConfig.model_validate(
        {
            "source": "B",
            "feed": name,
            "files": {"pattern": "'b-'yyyyMMdd'.csv'"},
            "primary_key": ["id"],
            "fields": {
                "id": {"type": "string"},
                **{c: {"type": t, "tags": [tag]} for c, (t, tag) in fields.items()},
            },
        }
    )


PERSONS = {
    **{tag.replace("-", "_"): ("string", tag) for tag in PERSON_TAGS},
    "birthdate": ("date", "birthdate"),
    "updated": ("datetime", "update-dt"),
}
# Two sources that have a third of their addresses in common, so that there is something to compare.
CUSTOMERS, MEMBERS = _feed("Customers", PERSONS), _feed("Members", PERSONS)
ITEMS = _feed(
    "Items",
    {
        **{c: (t, f"txn-item/{c.replace('_', '-')}") for c, t in ITEM_TAGS.items()},
        "customer": ("string", "fk-customer"),
    },
)
# One in a hundred values is missing, and a few are wrong in each of the ways that reports look for.
CUSTOMER_ROWS = """SELECT i::VARCHAR AS id,
    'Name' || i % 5000 AS given_name, 'Surname' || i % 90000 AS surname,
    CASE WHEN i % 100 = 0 THEN NULL WHEN i % 997 = 0 THEN 'not an address'
        WHEN i % 499 = 0 THEN 'info@shop.example'
        ELSE 'name.surname' || hash(i) % 900000 || '@mail' || i % 20 || '.example' END AS email,
    CASE WHEN i % 50 = 0 THEN '' WHEN i % 997 = 0 THEN '999-999-9999' WHEN i % 3 = 0 THEN '1'
        ELSE '' END || printf('(%d) 555-%04d', 201 + hash(i) % 700, hash(i + 1) % 10000) AS phone,
    i % 9000 || ' Main Street' AS address, 'Springfield' AS city, 'WA' AS state,
    printf('%05d', i % 99999) AS postal, DATE '1940-01-01' + (i % 20000)::INTEGER AS birthdate,
    TIMESTAMPTZ '2026-05-01 00:00+00' + INTERVAL 1 SECOND * (i % 2000000) AS updated,
    i::VARCHAR AS _pk, uuid()::VARCHAR AS _uuid_pk, (({day} + i % 14) << 43) + i AS _updated
    FROM range({first}, {first} + {rows}) AS r(i)"""
ITEM_ROWS = """SELECT i::VARCHAR AS id, 'order-' || i // 3 AS order_id,
    'sku-' || hash(i) % 20000 AS product_id,
    CASE WHEN i % 200 = 0 THEN NULL ELSE 'S' || (i // 3) % 300 END AS store_id,
    CASE WHEN i % 2 = 0 THEN 'online' ELSE 'in-store' END AS purchase_channel,
    'USD' AS currency,
    TIMESTAMPTZ '2025-01-01 00:00+00' + INTERVAL 10 SECOND * (i // 3) AS order_datetime,
    i % 40 = 0 AS is_return, i % 90 = 0 AS is_cancellation, q::BIGINT AS item_quantity,
    (q * 20.00)::DECIMAL(38, 2) AS item_list_price,
    (q * 2.00)::DECIMAL(38, 2) AS item_discount_amount,
    (q * 18.00 + CASE WHEN i % 500 = 0 THEN 1 ELSE 0 END)::DECIMAL(38, 2) AS item_revenue,
    (q * 9.50)::DECIMAL(38, 2) AS item_cost, (q * 1.44)::DECIMAL(38, 2) AS item_tax_amount,
    20.00::DECIMAL(38, 2) AS unit_list_price, 2.00::DECIMAL(38, 2) AS unit_discount_amount,
    0.00::DECIMAL(38, 2) AS order_discount_amount, 0.1::DECIMAL(38, 4) AS item_discount_percent,
    (i // 3 % 900000)::VARCHAR AS customer, i::VARCHAR AS _pk, uuid()::VARCHAR AS _uuid_pk,
    (({day} + i % 14) << 43) + i AS _updated
    FROM (SELECT i, CASE WHEN i % 40 = 0 OR i % 90 = 0 THEN -1 ELSE 1 + i % 3 END AS q
        FROM range({rows}) AS r(i))"""
REFERENCE = (
    *(
        query.format(source)
        for source in ("B_Customers", "B_Members")
        for query in (
            "SELECT count(*) FROM {}",
            "SELECT count(DISTINCT lower(trim(email))) FROM {}",
            "SELECT count(DISTINCT regexp_replace(phone, '[^0-9]', '', 'g')) FROM {}",
        )
    ),
    "SELECT count(*) FROM B_Items",
    # All sums are asked for, or the engine would not compute them.
    """SELECT count(*), max(COLUMNS(* EXCLUDE (order_id))) FROM (
        SELECT order_id, count(*) AS n, sum(item_quantity) AS quantity,
            sum(item_revenue) AS revenue, sum(item_cost) AS cost, sum(item_list_price) AS list,
            sum(item_discount_amount) AS discount, sum(item_tax_amount) AS tax,
            sum(order_discount_amount) AS order_discount, min(order_datetime) AS first,
            max(order_datetime) AS last
        FROM B_Items GROUP BY order_id)""",
)


def tenant_at(root: Path) -> Tenant:
    return Tenant(root, TenantConfig(id=UUID(int=1)), feeds=[CUSTOMERS, MEMBERS, ITEMS])


def make(root: Path, customers: int, items: int) -> None:
    with open_session(root / "warehouse") as session:
        half = customers // 2
        session.write("domain/B_Customers", CUSTOMER_ROWS.format(first=0, rows=half, day=DAY))
        session.write(
            "domain/B_Members", CUSTOMER_ROWS.format(first=half * 2 // 3, rows=half, day=DAY)
        )
        session.write("domain/B_Items", ITEM_ROWS.format(rows=items, day=DAY))
        session.commit()


def report(session: Session, tenant: Tenant) -> None:
    """Every report on all tables and the summary, as an asset run has them; nothing is
    committed."""
    run = RunContext(date(2026, 6, 1))
    for table in tenant.tables:
        TableReports(tenant, table).build(session, run)
    ReportSummary(tenant).build(session, run)


def count(session: Session) -> None:
    for table in ("B_Customers", "B_Members", "B_Items"):
        session.bind(f"domain/{table}")
    for query in REFERENCE:
        session.rows(query)


def measures(root: Path, customers: int, items: int) -> list[Measure]:
    note = f"{customers:,} customers of two sources, {items:,} items"
    with open_session(root / "warehouse") as session:
        took = against(
            lambda: seconds(lambda: report(session, tenant_at(root))),
            lambda: seconds(lambda: count(session)),
        )
    command = [sys.executable, "-m", "c360_assets_tests.bench.validations", "--report", str(root)]
    peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [
        Measure("all reports", *took, 4, note=note),
        Measure("peak memory of all reports", peak / GIB, 3, 1, "GiB", note),
    ]


def main(arguments: list[str]) -> bool:
    parser = argparse.ArgumentParser(prog="bench validations", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=5_000_000)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args(arguments)
    if options.report is not None:
        with open_session(options.report / "warehouse") as session:
            report(session, tenant_at(options.report))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return True
    with tempfile.TemporaryDirectory(prefix="c360-bench-") as folder:
        make(Path(folder), options.customers, options.items)
        return show("input validations", measures(Path(folder), options.customers, options.items))


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)

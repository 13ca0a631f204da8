"""How long the database takes from Stitch's output to published, against DuckDB copying the same
Delta inputs to a new file.

The copy is the floor: any build must read those inputs, what it computes from and what it publishes
as it stands, and write a database of about that size. Two tenants: the generated one, loaded and
stitched as any other, with some hundred columns, two feeds of orders and all that Stitch writes;
and a narrow one of made-up inputs, in which hardly a table is published as it stands, so that
nearly all of the time is the SQL of the database: the hardest case there is.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.publication.entries import entries
from c360_assets.customer_360.publication.publish import PublishDatabase
from c360_assets.customer_360.tables.build import DatabaseTable, build
from c360_assets.customer_360.tables.databases import databases
from c360_assets.demo.generate import generate_tenant
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.recipe import RunContext, is_current, make_current
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets_tests.bench.measure import Measure, seconds, show
from c360_assets_tests.customer_360.world import UNIFIED, feed, make_tenant, plan_all

AS_OF = date(2026, 6, 30)
GIB = 1 << 30
PEOPLE_PER_RECORD = 0.4
POLICY = {
    "source_priority": {"Shop:Customers": 1, "Tills:Customers": 2},
    "rank": {"phone": ["Tills:Customers", "Shop:Customers"]},
}
FEEDS = [
    feed(
        "Shop:Customers",
        {"mail": {"tags": ["email"]}, "customer": {"tags": ["fk-customer"]}},
        stitch=True,
    ),
    feed("Tills:Customers", {"mail": {"tags": ["email"]}}, stitch=True),
    feed(
        "Tills:Items",
        {
            "customer": {"tags": ["fk-customer"]},
            "order": {"tags": ["txn-item/order-id"]},
            "product": {"tags": ["txn-item/product-id"]},
            "units": {"type": "integer", "tags": ["txn-item/item-quantity"]},
            "paid": {"type": "decimal", "tags": ["txn-item/item-revenue"]},
            "listed": {"type": "decimal", "tags": ["txn-item/item-list-price"]},
            "at": {"type": "datetime", "tags": ["txn-item/order-datetime"]},
            "returned": {"type": "boolean", "tags": ["txn-item/is-return"]},
            "brand": {"tags": ["txn-item/purchase-brand"]},
            "channel": {"tags": ["txn-item/purchase-channel"]},
            "store": {"tags": ["txn-item/store-id"]},
        },
    ),
]
RECORDS = """
    SELECT 'a' || p AS amperity_id,
        CASE WHEN i % 3 = 0 THEN 'Tills:Customers' ELSE 'Shop:Customers' END AS datasource,
        'r' || i AS pk, 'Given' || (p % 900) AS given_name, 'Surname' || (p % 7000) AS surname,
        CASE WHEN i % 4 > 0 THEN 'person' || (p + i % 2) || '@example.com' END AS email,
        CASE WHEN i % 3 > 0 THEN '206' || lpad((2000000 + i * 13 % 7999999)::VARCHAR, 7, '0')
            END AS phone,
        CASE WHEN i % 5 > 0 THEN (p % 9000 + 1) || ' Elm Street' END AS address,
        CASE WHEN i % 7 > 0 THEN 'Reno' END AS city, 'NV' AS state,
        lpad((p % 99999)::VARCHAR, 5, '0') AS postal,
        DATE '1950-01-01' + (i * 17 % 20000)::INTEGER AS birthdate,
        TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_seconds(i * 37 % 60000000) AS update_dt,
        i % 97 = 0 AS blv_email
    FROM (SELECT i, i * 7919 % {people} AS p FROM range({records}) AS r(i))"""
ITEMS = """
    SELECT 'i' || i AS id, 'c' || (o * 31 % {people}) AS customer, 'o' || o AS order,
        'p' || (i * 11 % 5000) AS product,
        CASE WHEN i % 23 = 0 THEN -1 ELSE i % 4 + 1 END AS units,
        (CASE WHEN i % 23 = 0 THEN -1 ELSE 1 END * (i * 101 % 9000) / 100)::DECIMAL(38, 4) AS paid,
        (i * 101 % 9000 / 100 + 1)::DECIMAL(38, 4) AS listed,
        TIMESTAMPTZ '2023-06-01 00:00:00+00' + to_seconds(o * 173 % 97000000) AS at,
        i % 23 = 0 AS returned, CASE WHEN o % 5 > 1 THEN 'Larkmere' ELSE 'Oskwell' END AS brand,
        CASE WHEN o % 2 = 0 THEN 'online' ELSE 'store' END AS channel,
        CASE WHEN o % 2 = 1 THEN 's' || (o % 40) END AS store, 'i' || i AS _pk,
        NULL::VARCHAR AS _uuid_pk, i AS _updated, 'a' || (o * 31 % {people}) AS amperity_id
    FROM (SELECT i, i // 3 AS o FROM range({items}) AS r(i))"""
RECORDS_PER_PERSON, ITEMS_PER_PERSON = 2.62, 10.1  # of the generated tenant


def tenant_at(root: Path) -> Tenant:
    """The tenant of a folder, which has the files of one where it was generated."""
    return (
        load_tenant(root)
        if (root / "tenant.yaml").exists()
        else make_tenant(root, policy=POLICY, feeds=FEEDS)
    )


def generate(root: Path, records: int, items: int) -> None:
    """Generate a tenant of at least so many records and items, load its files and run Stitch."""
    people = max(records / RECORDS_PER_PERSON, items / ITEMS_PER_PERSON)
    generate_tenant(root, people=int(people) + 1, days=1)
    for verb in ("load", "stitch"):
        command = [str(Path(sys.executable).with_name("c360")), "--tenant", str(root), verb]
        subprocess.run(command, check=True, capture_output=True)


def prepare(root: Path, records: int, items: int) -> None:
    """Write what Stitch would have left of the narrow tenant."""
    people = max(1, int(records * PEOPLE_PER_RECORD))
    with open_session(root / "warehouse") as session:
        made = RECORDS.format(records=records, people=people)
        known = {column for column, *_ in session.rows(f"DESCRIBE {made}")}
        rest = ", ".join(
            f"NULL::{type_} AS {column}" for column, type_ in UNIFIED.items() if column not in known
        )
        session.write(
            "unified_coalesced", f"SELECT *, {rest}, NULL::VARCHAR AS fk_customer FROM ({made})"
        )
        session.write("stitched/Tills_Items", ITEMS.format(items=items, people=people))
        session.commit()


def work(root: Path) -> dict[str, float]:
    """Seconds of building and publishing, seconds of finding that nothing changed, and the peak of
    memory in GiB."""
    tenant = tenant_at(root)
    start = time.perf_counter()
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        build(session, plan_all(tenant), as_of=AS_OF)
        built = time.perf_counter() - start
        publication = PublishDatabase(databases(tenant)[0])
        make_current(session, publication, RunContext(AS_OF))
    whole = time.perf_counter() - start

    def again() -> None:
        with open_session(root / "warehouse", tenant.config.timezone) as session:
            recipes = [*map(DatabaseTable, plan_all(tenant)), publication]
            assert all(is_current(session, recipe, AS_OF) for recipe in recipes)

    nothing = seconds(again)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB
    return {"built": built, "whole": whole, "nothing": nothing, "peak": peak}


def inputs(root: Path) -> list[str]:
    """The warehouse tables that a build reads or publishes and does not make."""
    tenant = tenant_at(root)
    nodes = plan_all(tenant)
    with open_session(root / "warehouse") as session:
        read = {table for node in nodes for table in node.deps} | {
            entry.stored
            for entry in entries(session, databases(tenant)[0])
            if entry.stored is not None
        }
        return sorted(
            table
            for table in read - {node.table for node in nodes}
            if session.state(table) is not None
        )


def floor(root: Path) -> float:
    """Seconds DuckDB needs to read the inputs and write them into a new file."""
    warehouse = Warehouse.open(root / "warehouse")
    sources = [
        warehouse.source(name, state)
        for name in inputs(root)
        if (state := warehouse.state(name)) is not None
    ]
    target = root / "floor.duckdb"
    target.unlink(missing_ok=True)
    start = time.perf_counter()
    with duckdb.connect(str(target)) as con:
        for number, source in enumerate(sources):
            con.execute(f"CREATE TABLE t{number} AS SELECT * FROM {source}").fetchall()
        con.execute("CHECKPOINT").fetchall()
    return time.perf_counter() - start


def measures(name: str, root: Path) -> tuple[list[Measure], str]:
    """The lines of one tenant, and a sentence about its size."""
    warehouse = Warehouse.open(root / "warehouse")
    records, tables = warehouse.manifest.tables["unified_coalesced"].rows, len(inputs(root))
    reference = min(floor(root) for _ in range(2))
    command = [sys.executable, "-m", "c360_assets_tests.bench", "customer_360", "--work", str(root)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    items = Warehouse.open(root / "warehouse").manifest.tables["unified_itemized_transactions"].rows
    return [
        Measure(
            f"{name}: Stitch's output to published",
            found["whole"],
            reference,
            6,
            note=f"building {found['built']:.1f} s",
        ),
        Measure(f"{name}: nothing changed", found["nothing"], reference, 0.1),
        Measure(f"{name}: peak of memory", found["peak"], 8, 1, unit="GiB"),
    ], f"{name}: {records:,} records, {items:,} items, {tables} tables of inputs"


def main(arguments: list[str]) -> bool:
    parser = argparse.ArgumentParser(prog="bench customer_360", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=5_000_000)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args(arguments)
    if options.work is not None:
        print(json.dumps(work(options.work)))
        return True
    found: list[Measure] = []
    notes: list[str] = []
    for name in ("generated", "narrow"):
        root = Path(tempfile.mkdtemp(prefix="c360-bench-"))
        try:
            if name == "generated":
                generate(root, options.records, options.items)
            else:
                prepare(root, options.records, options.items)
            lines, told = measures(name, root)
        finally:
            shutil.rmtree(root, ignore_errors=True)
        found += lines
        notes.append(told)
    return show("customer 360", found, notes)

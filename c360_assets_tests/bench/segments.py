"""How long fifty segments take, against copying the table of people: membership, who came and went,
sizes and overlaps of a second day, on which one person in a hundred changed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from c360_assets.customer_360.tables.databases import databases
from c360_assets.segments.recipe import ComputeSegments
from c360_assets.warehouse.recipe import RunContext
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.bench.measure import Measure, seconds, show
from c360_assets_tests.segments.people import columns_of_table, with_segments, write_tables

DAY = date(2026, 6, 30)
SEGMENTS = 50
# A person and what decides who is in which segment; the rest of the columns is there as usual.
VALUES = {
    "amperity_id": "md5(n::VARCHAR)::UUID::VARCHAR",
    "given_name": "'Given' || (n % 900)",
    "surname": "'Surname' || (n % 7000)",
    "email": "'person' || n || '@example.com'",
    "city": "'City' || (n % 400)",
    "lifetime_order_revenue": "(hash(n) % 100000 / 100)::DECIMAL(38,2)",
    "lifetime_order_frequency": "(hash(n + 1) % 40)::BIGINT",
    "latest_order_datetime": "TIMESTAMPTZ '2026-06-29 12:00:00+00' - to_days((hash(n) % 900)::INT)",
}


def main(arguments: list[str]) -> bool:
    parser = argparse.ArgumentParser(prog="bench segments")
    parser.add_argument("--people", type=int, default=1_000_000)
    options, _ = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        measures = _measure(Path(folder), options.people)
    return show("segments", measures, [f"{SEGMENTS} segments over {options.people:,} people"])


def _measure(root: Path, people: int) -> list[Measure]:
    segments = {
        f"s{n:02}": {
            "include": [
                {"lifetime_order_revenue": {"gt": 20 * n}},
                {"latest_order_datetime": {"after": f"{30 + 15 * n} days ago"}},
            ]
        }
        for n in range(SEGMENTS)
    }
    tenant = with_segments(root, segments)
    with open_session(root / "warehouse") as session:
        _write_people(session, people, changed=False)
        recipe = ComputeSegments(databases(tenant)[0])
        recipe.build(session, RunContext(DAY))
        session.commit()
        _write_people(session, people, changed=True)
        session.commit()
        session.bind("customer_360", "copied")
        copying = seconds(lambda: session.write("copy", "SELECT * FROM copied"))
        started = time.perf_counter()
        recipe.build(session, RunContext(DAY + timedelta(days=1)))
        took = time.perf_counter() - started
        ((members,),) = session.rows("SELECT count(*) FROM (FROM base)")
    note = f"{members:,} memberships"
    return [Measure("a day of segments, against a copy", took, copying, 4.0, note=note)]


def _write_people(session: Session, people: int, *, changed: bool) -> None:
    if not changed:
        write_tables(session)
    values: dict[str, Any] = dict(VALUES)
    if changed:
        revenue = values["lifetime_order_revenue"]
        values["lifetime_order_revenue"] = f"CASE WHEN n % 100 = 0 THEN 0 ELSE {revenue} END"
    for table in ("customer_360", "customer_attributes"):
        columns = ", ".join(
            f"CAST({values.get(name, 'NULL')} AS {kind}) AS {name}"
            for name, kind in columns_of_table(table).items()
        )
        session.write(table, f"SELECT {columns} FROM range({people}) AS made(n)")

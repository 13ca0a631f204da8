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
# What decides who is in which segment.
VALUES = {
    "amperity_id": "md5(n::VARCHAR)::UUID::VARCHAR",
    "given_name": "'Given' || (n % 900)",
    "surname": "'Surname' || (n % 7000)",
    "email": "'person' || n || '@example.com'",
    "phone": "'+1206' || lpad((hash(n + 3) % 10000000)::VARCHAR, 7, '0')",
    "address": "(hash(n + 4) % 9000) || ' Road ' || (hash(n + 5) % 3000)",
    "postal": "lpad((hash(n + 6) % 3400)::VARCHAR, 5, '0')",
    "city": "'City' || (n % 400)",
    "lifetime_order_revenue": "(hash(n) % 100000 / 100)::DECIMAL(38,2)",
    "lifetime_order_frequency": "(hash(n + 1) % 40)::BIGINT",
    "latest_order_datetime": "TIMESTAMPTZ '2026-06-29 12:00:00+00' - to_days((hash(n) % 900)::INT)",
}
# The other columns, by type, filled as in the table of a shop: two people in three have ordered.
OTHER_VALUES = {
    "VARCHAR": "'X' || hash(n + {seed}) % 30000",
    "BIGINT": "(hash(n + {seed}) % 60)::BIGINT",
    "BOOLEAN": "hash(n + {seed}) % 2 = 0",
    "DATE": "DATE '1950-01-01' + (hash(n + {seed}) % 18000)::INT",
    "DECIMAL(38,2)": "(hash(n + {seed}) % 100000 / 100)::DECIMAL(38,2)",
    "TIMESTAMPTZ": "TIMESTAMPTZ '2026-06-29 12:00:00+00' "
    "- to_seconds((hash(n + {seed}) % 60000000)::INT)",
}
HAS_VALUE = "hash(n + {seed} + 1) % 3 > 0"


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
            f"CAST({values.get(name) or _other_value(kind, seed)} AS {kind}) AS {name}"
            for seed, (name, kind) in enumerate(columns_of_table(table).items(), start=100)
        )
        session.write(table, f"SELECT {columns} FROM range({people}) AS made(n)")


def _other_value(kind: str, seed: int) -> str:
    value = OTHER_VALUES[kind].format(seed=seed)
    return f"CASE WHEN {HAS_VALUE.format(seed=seed)} THEN {value} END"

"""How fast files become a domain table, against DuckDB's own reading of the same file with the same
casts and key."""

from __future__ import annotations

import argparse
import itertools
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import duckdb

from c360_assets.ingest.landing import pending
from c360_assets.ingest.load import FeedLoad, load_feed
from c360_assets.tenant.models import FeedConfig, Tenant, TenantConfig
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import open_session
from c360_assets_tests.bench.measure import Measure, against, seconds, show

THROUGH = date(2024, 12, 31)
GIB = 1 << 30
FEED = FeedConfig.model_validate(
    {
        "source": "Shop",
        "feed": "Orders",
        "files": {"pattern": "'o-'yyyyMMdd'*.csv'"},
        "primary_key": ["order_id"],
        "last_updated": "updated_at",
        "fields": {
            "order_id": {},
            "customer_id": {},
            "given_name": {},
            "surname": {},
            "email": {},
            "postal": {},
            "born": {"type": "date"},
            "ordered_at": {"type": "datetime"},
            "updated_at": {"type": "datetime"},
            "revenue": {"type": "decimal", "scale": 2},
            "items": {"type": "integer"},
            "is_gift": {"type": "boolean"},
        },
    }
)
# {first} and {last} bound the row numbers, {later} is what an update adds, {where} picks rows.
ROWS = """
    SELECT 'o-' || i AS order_id, 'c-' || (i * 7919 % 300000) AS customer_id,
        'Given' || (i % 900) AS given_name, 'Surname' || (i * 31 % 7000) AS surname,
        'person' || (i * 7919 % 300000) || '@example.com' AS email,
        lpad((i * 13 % 99999)::VARCHAR, 5, '0') AS postal,
        DATE '1950-01-01' + (i * 17 % 20000)::INTEGER AS born,
        strftime(TIMESTAMP '2023-01-01' + to_seconds(i * 31 % 30000000),
            '%Y-%m-%d %H:%M:%S') AS ordered_at,
        strftime(TIMESTAMP '2023-06-01' + to_seconds(i * 37 % 30000000 + {later}),
            '%Y-%m-%d %H:%M:%S') AS updated_at,
        ((i * 101 % 50000 + {later}) / 100)::DECIMAL(18, 2) AS revenue, i % 9 AS items,
        i % 2 = 0 AS is_gift
    FROM range({first}, {last}) AS r(i) {where}"""
REFERENCE = """
    CREATE OR REPLACE TABLE reference AS
    SELECT order_id, customer_id, given_name, surname, email, postal,
        CAST(born AS DATE) AS born, CAST(ordered_at AS TIMESTAMPTZ) AS ordered_at,
        CAST(updated_at AS TIMESTAMPTZ) AS updated_at,
        CAST(revenue AS DECIMAL(38, 2)) AS revenue, CAST(items AS BIGINT) AS items,
        CAST(is_gift AS BOOLEAN) AS is_gift
    FROM read_csv({paths}, all_varchar = true)
    QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC) = 1"""


def tenant_at(root: Path) -> Tenant:
    (root / "landing").mkdir(parents=True, exist_ok=True)
    return Tenant(root=root, config=TenantConfig(id=UUID(int=1)), feeds=[FEED])


def write_rows(path: Path, first: int, last: int, *, later: int = 0, where: str = "") -> None:
    query = ROWS.format(first=first, last=last, later=later, where=where)
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT csv, HEADER)").fetchall()


def reference(path: Path, folder: Path) -> float:
    """Seconds of DuckDB's own load into a table of a database file."""
    file = folder / "reference.duckdb"

    def work() -> None:
        with duckdb.connect(str(file)) as con:
            con.execute("SET TimeZone = 'UTC'").fetchall()
            con.execute(REFERENCE.format(paths=f"['{path}']")).fetchall()

    took = seconds(work)
    file.unlink()
    return took


def load(tenant: Tenant) -> FeedLoad:
    with open_session(tenant.root / "warehouse") as session:
        days = pending(tenant, FEED, session_ledger(session), THROUGH)
        result = load_feed(session, tenant, FEED, days, commit=True)
    assert not result.failed, result.failed
    return result


def first_load(tenant: Tenant) -> float:
    """Seconds of a load into an empty table; the table stays."""
    shutil.rmtree(tenant.root / "warehouse", ignore_errors=True)
    return seconds(lambda: load(tenant))


def upserts(tenant: Tenant, rows: int) -> Callable[[], float]:
    """Seconds of loading a day in which 1 % of the rows changed, a new day and other rows at each
    call."""
    days = itertools.count()

    def work() -> float:
        n = next(days)
        day = date(2024, 2, 1) + timedelta(days=n)
        write_rows(
            tenant.root / "landing" / f"o-{day:%Y%m%d}.csv",
            0,
            rows,
            later=10**6,
            where=f"WHERE i % 100 = {n}",
        )
        return seconds(lambda: load(tenant))

    return work


def split(path: Path, folder: Path, files: int) -> None:
    """The rows of `path` in many small files, each with the header."""
    header, *lines = path.read_text().splitlines(keepends=True)
    size = -(-len(lines) // files)
    for n in range(files):
        (folder / f"o-20240101-{n:05}.csv").write_text(
            header + "".join(lines[n * size : (n + 1) * size])
        )


def measures(folder: Path, rows: int, files: int) -> list[Measure]:
    one = tenant_at(folder / "one")
    path = one.root / "landing" / "o-20240101.csv"
    write_rows(path, 0, rows)
    found = []

    def measure(
        what: str, target: float, note: str, work: Callable[[], float], base: Callable[[], float]
    ) -> None:
        found.append(Measure(what, *against(work, base), target, note=note))

    def base() -> float:
        return reference(path, folder)

    note = f"{rows:,} rows, {len(FEED.fields)} columns"
    measure("load into an empty table", 4, note, lambda: first_load(one), base)
    measure("upsert of 1 % changed rows", 1, f"into {rows:,}", upserts(one, rows), base)
    small = min(rows, 200_000)
    whole, many = tenant_at(folder / "whole"), tenant_at(folder / "many")
    write_rows(whole.root / "landing" / "o-20240101.csv", 0, small)
    split(whole.root / "landing" / "o-20240101.csv", many.root / "landing", files)
    note = f"{small:,} rows; reference: one file"
    measure(f"{files:,} small files", 2, note, lambda: first_load(many), lambda: first_load(whole))
    return found


def large(folder: Path, rows: int) -> list[Measure]:
    """Peak memory of loading a large file, and of loading it over itself; each in a process of its
    own."""
    tenant = tenant_at(folder / "large")
    found = []
    for name, day in (("into an empty table", 1), ("over itself", 2)):
        source = tenant.root / "landing" / f"o-2024010{day}.csv"
        write_rows(source, 0, rows)
        command = [
            sys.executable,
            "-m",
            "c360_assets_tests.bench.ingest",
            "--load",
            str(tenant.root),
        ]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peak, took = (float(word) for word in output.split())
        found.append(
            Measure(f"peak memory {name}", peak / GIB, 4, 1, "GiB", f"{rows:,} rows, {took:.0f} s")
        )
        source.unlink()
    return found


def main(arguments: list[str]) -> bool:
    parser = argparse.ArgumentParser(prog="bench ingest", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument(
        "--large",
        action="store_true",
        help="also load 10 million rows, twice, and measure the memory",
    )
    parser.add_argument("--large-rows", type=int, default=10_000_000)
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args(arguments)
    if options.load is not None:
        took = seconds(lambda: load(tenant_at(options.load)))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, took)
        return True
    with tempfile.TemporaryDirectory(prefix="c360-bench-") as folder:
        found = measures(Path(folder), options.rows, options.files)
        if options.large:
            found += large(Path(folder), options.large_rows)
    return show("ingest", found)


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)

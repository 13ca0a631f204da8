"""What a day costs that changes little, against the same day computed whole (`--force`), and that
both find the same; and what a first day costs, against its parts done bare.

The tenant is a generated one. Costs are seconds of processor time, those of all threads, of one
`c360 run` in a process of its own, its start included: they are the same on a busy machine. Changed
records come with the next delivery of shop and tills, half of them new people, half with another
phone number. `Stitch alone` is `c360 stitch` after that delivery was loaded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.customer_360.publication.publish import PEOPLE
from c360_assets.demo.generate import generate_tenant
from c360_assets.ingest.removed_tables import SOURCES as SOURCE_TABLES
from c360_assets.warehouse.digest import RUN_TABLES
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Warehouse
from c360_assets_tests.bench.measure import Measure, seconds, show
from c360_assets_tests.bench.stitch import PEER, child, prepare_records, splink_version

RECORDS_PER_PERSON = 2.62  # of the generated tenant
FIRST, SECOND = date(2026, 6, 1), date(2026, 6, 2)
# Share of the records that change, None for a single one; the largest share of a whole run that the
# day may cost, and that Stitch alone may.
CHANGES: tuple[tuple[str, float | None, float, float], ...] = (
    ("one row", None, 0.25, 0.08),
    ("0.1 %", 0.001, 0.30, 0.08),
    ("1 %", 0.01, 0.40, 0.20),
)
LANDED_BEFORE = 3600  # seconds: a file that changed a moment ago is waited for
NOTHING = 0.1  # the largest share that a day without changes may cost
PARTS = 1.5  # how many times the time of its parts the first day may take
DAYS, GROWN = 30, 2  # after so many days the tables may take so many times the room
DAYS_KEPT = 14  # of earlier versions of source tables, by default
SIZE = 1.2  # and how many times the bytes of a file built whole a published one may have
READERS = {
    ".csv": "read_csv({file}, all_varchar = true, ignore_errors = true)",
    ".gz": "read_csv({file}, all_varchar = true, ignore_errors = true)",
    ".psv": "read_csv({file}, all_varchar = true, ignore_errors = true)",
    ".ndjson": "read_json({file}, ignore_errors = true)",
    ".parquet": "read_parquet({file})",
}


@dataclass(frozen=True)
class Source:
    """A feed of customers of the generated tenant: its files, and the columns to change."""

    files: str
    separator: str
    key: str
    phone: str
    email: str
    surname: str
    changed: str
    moment: str

    def of_day(self, day: date) -> str:
        return self.files.format(day=f"{day:%Y%m%d}")


SOURCES = (
    Source(
        *("shop/customers-{day}.csv", ",", "customer_id", "phone", "email", "last_name"),
        *("updated_at", "2026-06-01 20:00:00"),
    ),
    Source(
        *("till/customers_{day}.csv", ";", "card_no", "phone", "email", "last_name"),
        *("changed", "01.06.2026 20:00:00"),
    ),
)


@dataclass(frozen=True)
class Cost:
    """What a verb took: seconds of all cores, MiB at most."""

    cpu: float
    peak: float


def verb(root: Path, *words: str) -> Cost:
    """Run a verb of `c360` on the tenant. Raises CalledProcessError where it fails."""
    command = [str(Path(sys.executable).with_name("c360")), *words, "--tenant", str(root)]
    log = root.with_suffix(".log")
    with log.open("ab") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise subprocess.CalledProcessError(started.returncode, command, log.read_text())
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def run(root: Path, *options: str) -> Cost:
    return verb(root, "run", "--as-of", SECOND.isoformat(), *options)


def change(root: Path, share: float | None, records: int) -> int:
    """Land the next day's files, in which this share of all records changed; how many did."""
    sources = SOURCES if share is not None else SOURCES[:1]
    number = max(1, int(records * (share or 0) / len(sources)))
    for source in sources:
        path = root / "landing" / source.of_day(FIRST)
        rows = pl.read_csv(path, separator=source.separator, infer_schema=False)
        told = rows.filter(pl.col(source.key).is_not_null()).sample(number, seed=1)
        moved, known = told.head((number + 1) // 2), told.tail(number // 2)
        new = known.with_columns(
            pl.concat_str(pl.lit("new"), source.key).alias(source.key),
            pl.concat_str(pl.lit("new."), source.email).alias(source.email),
            pl.col(source.surname).reverse(),
            pl.lit(None, pl.String).alias(source.phone),
        )
        phones = pl.Series([f"206555{n % 10_000:04}" for n in range(moved.height)], dtype=pl.String)
        changed = pl.concat([moved.with_columns(phones.alias(source.phone)), new])
        changed = changed.with_columns(pl.lit(source.moment).alias(source.changed))
        target = root / "landing" / source.of_day(SECOND)
        changed.write_csv(target, separator=source.separator)
        os.utime(target, (time.time() - LANDED_BEFORE,) * 2)
    return number * len(sources)


def digests(root: Path) -> dict[str, str]:
    """Table -> digest of its content, of all tables but those that tell of runs."""
    tables = Warehouse.open(root / "warehouse").manifest.tables
    return {table: state.digest for table, state in tables.items() if table not in RUN_TABLES}


def day_measures(
    root: Path, work: Path, records: int, row: tuple[str, float | None, float, float]
) -> Iterator[Measure]:
    """The lines of one kind of change. Raises RuntimeError where a forced run finds other rows."""
    name, share, target, target_alone = row
    with _twins(root, work) as (little, whole):
        changed = change(little, share, records)
        change(whole, share, records)
        note = f"{changed:,} records"
        cost, forced = run(little), run(whole, "--force")
        size, built_whole = _published_mib(little), _published_mib(whole)
        tables = _tables_mib(little)
        grown = _tables_mib(little, SOURCE_TABLES) - _tables_mib(root, SOURCE_TABLES)
        found, expected = digests(little), digests(whole)
    differing = [table for table, digest in sorted(expected.items()) if found[table] != digest]
    if differing:
        raise RuntimeError(f"{name}: a forced run finds other rows in {', '.join(differing)}")
    yield Measure(f"a day with {name} changed", cost.cpu, forced.cpu, target, note=note)
    yield Measure("its peak of memory", cost.peak, forced.peak, 1, "MiB", note)
    yield Measure("its published file", size, built_whole, SIZE, "MiB", note)
    yield Measure(
        f"the tables after {DAYS} such days, reckoned from one",
        tables + (DAYS_KEPT - 1) * grown,
        _tables_mib(root),
        GROWN,
        "MiB",
        note,
    )
    with _twins(root, work) as (little, whole):
        for twin in (little, whole):
            change(twin, share, records)
            verb(twin, "load")
        cost, forced = verb(little, "stitch"), verb(whole, "stitch", "--force")
    yield Measure(f"Stitch alone, {name} changed", cost.cpu, forced.cpu, target_alone, note=note)


def _tables_mib(root: Path, below: str = "") -> float:
    """Of the files of the warehouse, earlier versions too."""
    files = (root / "warehouse" / below).rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**20


def _published_mib(root: Path) -> float:
    return database_path(root).stat().st_size / 2**20


@contextmanager
def _twins(root: Path, work: Path) -> Iterator[tuple[Path, Path]]:
    """Two copies of a tenant."""
    copies = work / "little", work / "whole"
    for copy in copies:
        shutil.copytree(root, copy)
    yield copies
    for copy in copies:
        shutil.rmtree(copy)


def bare_parts(root: Path, work: Path, splink: str) -> float:
    """Seconds of the parts of a first day: DuckDB reads the files, Splink matches the records
    (normalised before), DuckDB copies the published tables to a new file."""
    with duckdb.connect(str(work / "read.duckdb")) as con:
        reading = seconds(lambda: _read_all(con, root / "landing"))
    records = work / "records"
    records.mkdir()
    prepare_records(root, records)
    matching, _ = child(splink, str(PEER), str(records / "prepared.parquet"))
    published = database_path(root)
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{published}' AS published (READ_ONLY)")
        con.execute(f"ATTACH '{work / 'copy.duckdb'}' AS copied")
        copying = seconds(lambda: _copy_all(con))
    return reading + matching + copying


def _read_all(con: duckdb.DuckDBPyConnection, landing: Path) -> None:
    files = [path for path in sorted(landing.rglob("*")) if path.suffix in READERS]
    for number, path in enumerate(files):
        reader = READERS[path.suffix].format(file=f"'{path}'")
        con.execute(f"CREATE TABLE t{number} AS SELECT * FROM {reader}").fetchall()


def _copy_all(con: duckdb.DuckDBPyConnection) -> None:
    tables = con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'published'"
    ).fetchall()
    for number, (schema, table) in enumerate(tables):
        source = f'published."{schema}"."{table}"'
        con.execute(f"CREATE TABLE copied.t{number} AS SELECT * FROM {source}").fetchall()
    con.execute("CHECKPOINT copied").fetchall()


def first_day(root: Path, work: Path, splink: str | None) -> tuple[list[Measure], str]:
    """The first day of the tenant against its parts, where Splink is at hand; and its size."""
    whole = seconds(lambda: run(root))
    with duckdb.connect(str(database_path(root)), read_only=True) as con:
        counts = "SELECT (SELECT count(*) FROM unified_coalesced), "
        counts += f"(SELECT count(*) FROM {PEOPLE}), "
        counts += "(SELECT count(*) FROM unified_itemized_transactions)"
        ((records, people, items),) = con.execute(counts).fetchall()
    told = f"{records:,} records of {people:,} people, {items:,} items"
    if splink is None:
        return [], told
    parts = bare_parts(root, work, splink)
    return [Measure("a first day, against its parts done bare", whole, parts, PARTS)], told


def measures(work: Path, people: int, splink: str | None) -> tuple[list[Measure], str]:
    """All lines, and a sentence about the size of the tenant."""
    root = work / "tenant"
    generate_tenant(root, people=people, days=1)
    found, told = first_day(root, work, splink)
    records = Warehouse.open(root / "warehouse").manifest.tables["unified_coalesced"].rows
    nothing = run(root)
    for row in CHANGES:
        found += day_measures(root, work, records, row)
    whole = next(line for line in found if line.what.startswith("a day with"))
    found.append(Measure("a day without changes", nothing.cpu, whole.reference, NOTHING))
    return found, told


def main(arguments: Sequence[str]) -> bool:
    parser = argparse.ArgumentParser(prog="bench day", description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument(
        "--splink",
        default=os.environ.get("C360_SPLINK_PYTHON", sys.executable),
        help="a Python that has Splink 5",
    )
    options, _ = parser.parse_known_args(arguments)
    splink = options.splink if splink_version(options.splink) else None
    with tempfile.TemporaryDirectory(prefix="c360-bench-") as folder:
        people = max(1, int(options.records / RECORDS_PER_PERSON))
        found, told = measures(Path(folder), people, splink)
    return show("day", found, [told])


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)

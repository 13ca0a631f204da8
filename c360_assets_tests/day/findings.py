"""What is looked for after a tenant was disturbed: databases that are broken, tables unlike those
of a twin that nobody touched, runs and files that were left lying about."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from c360_assets.automation.instance import prepare_home
from c360_assets.automation.runs import SECONDS_TO_COME_TO_LIFE
from c360_assets.warehouse.published_file import database_path, kept
from c360_assets.warehouse.session import Warehouse
from c360_assets.warehouse.tidy import tidy_tables
from c360_assets_tests.day.command import Said, differing, digests
from c360_assets_tests.day.prepared import Verb
from c360_assets_tests.day.small import FIRST, SECOND, copy_of, land, land_all, small_tenant

DESTINATIONS = "destinations:\n  partner: {path: out, format: csv, tables: {customer_360: }}\n"
# A queued run is none: it waits for the next daemon.
UNFINISHED = ("NOT_STARTED", "STARTING", "STARTED", "CANCELING", "MANAGED")


@dataclass
class Findings:
    """What was seen. All lists should stay empty."""

    kills: dict[str, int] = field(default_factory=dict)
    too_late: int = 0  # the verb was done already
    full: int = 0  # runs that ended as the disk was full
    broken: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    left_started: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Each thing that was found, with its kind before it."""
        kinds = ("broken", "unlike", "left_started", "leftovers", "failed")
        return [f"{kind}: {line}" for kind in kinds for line in getattr(self, kind)]

    @property
    def is_clean(self) -> bool:
        return not self.lines()

    def __str__(self) -> str:
        kills = ", ".join(f"{verb} {count}" for verb, count in sorted(self.kills.items()))
        return (
            f"{sum(self.kills.values())} kills ({kills}), {self.too_late} came too late, "
            f"{self.full} full disks; "
            f"{len(self.broken)} databases broken, {len(self.unlike)} digests unlike, "
            f"{len(self.left_started)} runs left started, {len(self.leftovers)} leftovers, "
            f"{len(self.failed)} last runs failed"
        )


@dataclass(frozen=True)
class Prepared:
    """A tenant after its first day, to be copied, and the digests of one that nobody disturbed on
    its second."""

    base: Path
    twin: dict[str, str]


def prepared_tenant(folder: Path) -> Prepared:
    base = first_day(folder / "Müller & Söhne #1 [50%]")
    home_of(base)
    twin = second_day(copy_of(base, folder / "twin"))
    said = run_to_the_end(twin)
    assert said.code == 0, said.text
    return Prepared(base, digests(twin))


def home_of(root: Path) -> Path:
    """The Dagster home of a tenant, with its settings; this process goes on without one."""
    home = prepare_home(root)
    for name in ("DAGSTER_HOME", "C360_TENANT_DIR"):
        os.environ.pop(name)
    return home


def first_day(root: Path) -> Path:
    """The tenant after two publications, so that there is one to go back to."""
    small_tenant(root)
    (root / "destinations.yaml").write_text(DESTINATIONS)
    land_all(root, FIRST)
    for _ in range(2):
        said = run_to_the_end(root)
        assert said.code == 0, said.text
        land(root, "post/letters", SECOND, [("l9", "Thanks", 2)])
    return root


def second_day(root: Path) -> Path:
    """Files that change something in every table of people."""
    gus = ("c9", "gus@example.com", "Gus", "Gray", 1)
    land(root, "shop/customers", SECOND, [("c1", "bob@example.com", "Robert", "Baker", 9), gus])
    land(root, "club/members", SECOND, [("m9", "gus@example.com", "Gus", "Gray")])
    return root


def output_of(root: Path) -> Path:
    """Where verbs that work on a tenant write what they print."""
    return root.with_name(f"{root.name}.txt")


def run_to_the_end(root: Path) -> Said:
    return Verb(output_of(root), "run", "--tenant", root).finish()


def look_at_databases(root: Path, verb: str, findings: Findings) -> None:
    """Open the published database and all that are kept, as any client would."""
    published = database_path(root)
    if not published.exists():
        findings.broken.append(f"{verb}: nothing is published")
        return
    for path in (published, *kept(published)):
        try:
            with duckdb.connect(str(path), read_only=True) as con:
                sql = "SELECT (SELECT count(*) FROM customer_360), count(*) FROM merged_customers"
                ((one, other),) = con.execute(sql).fetchall()
            if one != other or one not in (6, 7):
                findings.broken.append(f"{verb}: {path.name} holds {one} and {other} people")
        except duckdb.Error as error:
            findings.broken.append(f"{verb}: {path.name}: {error}")


def look_at_the_end(root: Path, twin: dict[str, str], findings: Findings, what: str) -> None:
    """After a last run that nothing disturbs: equal tables, no run left, nothing lying about."""
    said = run_to_the_end(root)
    if said.code != 0:
        findings.failed.append(f"{what}: {said.text[-300:]}")
    findings.unlike += [f"{what}: {table}" for table in differing(digests(root), twin)]
    if _unfinished(root):
        # One that died before it named its process is told from one that is about to after a while.
        time.sleep(SECONDS_TO_COME_TO_LIFE)
        run_to_the_end(root)
    findings.left_started += [f"{what}: {run_id}" for run_id in _unfinished(root)]
    findings.leftovers += [f"{what}: {name}" for name in leftovers(root)]


def _unfinished(root: Path) -> list[str]:
    with sqlite3.connect(root / ".dagster" / "history" / "runs.db") as con:
        marks = ", ".join("?" * len(UNFINISHED))
        rows = con.execute(f"SELECT run_id FROM runs WHERE status IN ({marks})", UNFINISHED)
        return [run_id for (run_id,) in rows]


def leftovers(root: Path) -> list[str]:
    """Files that no table, no publication and no run needs, by path."""
    patterns = ("activated/*building*", ".tmp/*", ".lock.holder", "*/*.new", "*.new", "out/.*")
    found = [path for pattern in patterns for path in root.glob(pattern)]
    warehouse = Warehouse.open(root / "warehouse")
    for path in (root / "warehouse").rglob("*.parquet"):
        os.utime(path, (1, 1))
    would_go = tidy_tables(warehouse, datetime.now(UTC) + timedelta(days=400))[0]
    files = list((root / "warehouse").rglob("part-*.parquet"))
    states = warehouse.manifest.tables.items()
    named = {file for table, state in states for file in warehouse.files(table, state)}
    # Each table may keep the version before the one that is named.
    too_many = len(files) - len(named) - len(warehouse.manifest.tables)
    if too_many > 0:
        found.append(root / f"warehouse: {too_many} files beyond {would_go.count} removed")
    return [str(path.relative_to(root)) for path in found]

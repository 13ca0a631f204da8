"""Kills at random instants: `make chaos`. Whatever is killed, every database that anyone can open
is whole, and after one run that nothing disturbs all is as if nothing had happened.

    python -m c360_assets_tests.day.chaos --kills 200 --seed 1

Each round works on a copy of one tenant after its first day, with files of the second day landed:
some verbs are killed one after another, then the daemon or the process of a run of it now and then,
and a last run is compared with a twin that nobody touched.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from c360_assets.automation.instance import REPOSITORY, prepare_home
from c360_assets.warehouse.published_file import database_path, kept
from c360_assets.warehouse.session import Warehouse
from c360_assets.warehouse.tidy import tidy_tables
from c360_assets_tests.day.command import Said, clean_environment, differing, digests, end_group
from c360_assets_tests.day.prepared import Verb, seconds_of
from c360_assets_tests.day.small import FIRST, SECOND, copy_of, land, land_all, small_tenant

DESTINATIONS = "destinations:\n  partner: {path: out, format: csv, tables: {customer_360: }}\n"
VERBS: dict[str, tuple[str, ...]] = {
    "load": ("load",),
    "run": ("run",),
    "publish": ("activate",),
    "rollback": ("rollback",),
    "send": ("send", "--force"),
    "tidy": ("tidy",),
}
KILLS_PER_ROUND = 10
# From 8 KiB to about 40 MiB in twenty steps, which is more than a run needs.
STEP = 1.57
UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING", "MANAGED")


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

    @property
    def is_clean(self) -> bool:
        lists = (self.broken, self.unlike, self.left_started, self.leftovers, self.failed)
        return not any(lists)

    def __str__(self) -> str:
        kills = ", ".join(f"{verb} {count}" for verb, count in sorted(self.kills.items()))
        return (
            f"{sum(self.kills.values())} kills ({kills}), {self.too_late} came too late, "
            f"{self.full} full disks; "
            f"{len(self.broken)} databases broken, {len(self.unlike)} digests unlike, "
            f"{len(self.left_started)} runs left started, {len(self.leftovers)} leftovers, "
            f"{len(self.failed)} last runs failed"
        )


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


def kill_verb(root: Path, verb: str, after: float, findings: Findings) -> None:
    """Start a verb, and kill it after so many seconds."""
    started = Verb(output_of(root), *VERBS[verb], "--tenant", root)
    findings.too_late += started.ended_within(after)
    started.kill()
    findings.kills[verb] = findings.kills.get(verb, 0) + 1
    look_at_databases(root, verb, findings)


def kill_daemon(root: Path, after: float, findings: Findings, *, worker: bool) -> None:
    """Start the daemon, and kill it with all that it started, or at first a run's process alone."""
    environment = clean_environment(
        C360_TENANT_DIR=str(root),
        C360_SENSOR_SECONDS="2",
        DAGSTER_HOME=str(root / ".dagster"),
    )
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", "workspace.yaml"],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    what = "daemon"
    deadline = time.monotonic() + after + (100 if worker else 0)
    while time.monotonic() < deadline:
        pids = _workers(root) if worker else []
        if pids:
            time.sleep(after / 20)
            for pid in pids:
                _kill(pid)
            what = "worker"
            break
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    end_group(process)
    findings.kills[what] = findings.kills.get(what, 0) + 1
    look_at_databases(root, what, findings)


def _workers(root: Path) -> list[int]:
    """Processes of runs that say that they own a run of this tenant, and live."""
    path = root / ".dagster" / "history" / "runs.db"
    if not path.exists():
        return []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as con:
        sql = (
            "SELECT value FROM run_tags JOIN runs USING (run_id) "
            "WHERE key = '.dagster/c360_owner' AND status = 'STARTED'"
        )
        marks = [mark for (mark,) in con.execute(sql)]
    return [int(mark.split(" ")[1]) for mark in marks]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


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
    with sqlite3.connect(root / ".dagster" / "history" / "runs.db") as con:
        marks = ", ".join("?" * len(UNFINISHED))
        rows = con.execute(f"SELECT run_id FROM runs WHERE status IN ({marks})", UNFINISHED)
        findings.left_started += [f"{what}: {run_id}" for (run_id,) in rows]
    findings.leftovers += [f"{what}: {name}" for name in leftovers(root)]


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


def seconds_of_verbs(root: Path) -> dict[str, float]:
    """How long each verb takes on a tenant to which files of the second day have come."""
    seconds = {}
    for verb, words in VERBS.items():
        seconds[verb] = seconds_of(output_of(root), *words, "--tenant", root)
    # Here all tables were built already; after a killed run there is more to do.
    seconds["publish"] = max(seconds["publish"], seconds["run"] / 3)
    return seconds


def one_round(
    root: Path,
    twin: dict[str, str],
    chance: random.Random,
    findings: Findings,
    kills: int,
    seconds: dict[str, float],
) -> None:
    """Kill some verbs on a tenant, then look at the end."""
    second_day(root)
    done = []
    for _ in range(kills):
        if chance.random() < 0.06:
            worker = chance.random() < 0.5
            kill_daemon(root, chance.uniform(5, 40), findings, worker=worker)
            done.append("worker" if worker else "daemon")
            continue
        verb = chance.choice([*VERBS, "run", "run", "publish"])
        kill_verb(root, verb, chance.uniform(0, seconds[verb]), findings)
        done.append(verb)
    look_at_the_end(root, twin, findings, " ".join(done))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """A folder on a disk of its own; None where this user may mount none."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_disk(base: Path, disk: Path, free: int, twin: dict[str, str], findings: Findings) -> None:
    """Run with so many bytes of disk left; then with room again, which must end as the twin."""
    root = second_day(copy_of(base, disk / "tenant"))
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.truncate(0)
        os.posix_fallocate(file.fileno(), 0, max(shutil.disk_usage(disk).free - free, 1))
    said = run_to_the_end(root)
    what = f"{free >> 10} KiB free"
    # Near the end there is room for all of it.
    if said.code != 0 and ("Traceback" in said.text or "disk is full" not in said.text):
        findings.failed.append(f"{what}: {said.text[-300:]}")
    findings.full += said.code != 0
    look_at_databases(root, what, findings)
    filler.unlink()
    look_at_the_end(root, twin, findings, what)
    shutil.rmtree(root)


def main() -> int:
    # What has just been written is whole; else each load waits for files to settle.
    os.environ["C360_SETTLE_SECONDS"] = "0"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--full-disks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="c360-chaos-") as folder:
        base = first_day(Path(folder) / "Müller & Söhne #1 [50%]")
        prepare_home(base)
        os.environ.pop("DAGSTER_HOME")
        twin_root = second_day(copy_of(base, Path(folder) / "twin"))
        said = run_to_the_end(twin_root)
        assert said.code == 0, said.text
        twin = digests(twin_root)
        seconds = seconds_of_verbs(second_day(copy_of(base, Path(folder) / "timed")))
        left = options.kills
        number = 0
        while left > 0:
            number += 1
            root = copy_of(base, Path(folder) / f"round {number} é")
            kills = min(left, KILLS_PER_ROUND)
            one_round(root, twin, chance, findings, kills, seconds)
            left -= kills
            print(f"round {number}: {findings}", flush=True)
            subprocess.run(["rm", "-rf", str(root)], check=True)
        with small_disk(Path(folder) / "disk", 400) as disk:
            if disk is None:
                print("no disk was filled: only root may mount one")
            for i in range(options.full_disks if disk is not None else 0):
                assert disk is not None
                fill_disk(base, disk, round(8192 * STEP**i), twin, findings)
                print(f"disk {i + 1}: {findings}", flush=True)
    for name in ("broken", "unlike", "left_started", "leftovers", "failed"):
        for line in getattr(findings, name):
            print(f"{name}: {line}")
    print(findings)
    return 0 if findings.is_clean else 1


if __name__ == "__main__":
    raise SystemExit(main())

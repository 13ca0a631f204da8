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
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from c360_assets.automation.instance import REPOSITORY
from c360_assets_tests.day.command import clean_environment, end_group
from c360_assets_tests.day.findings import (
    Findings,
    Prepared,
    home_of,
    look_at_databases,
    look_at_the_end,
    output_of,
    prepared_tenant,
    second_day,
)
from c360_assets_tests.day.full_disk import fill_disks
from c360_assets_tests.day.prepared import Verb, seconds_of
from c360_assets_tests.day.small import copy_of

VERBS: dict[str, tuple[str, ...]] = {
    "load": ("load",),
    "run": ("run",),
    "publish": ("activate",),
    "rollback": ("rollback",),
    "send": ("send", "--force"),
    "tidy": ("tidy",),
}
KILLS_PER_ROUND = 10


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
        DAGSTER_HOME=str(home_of(root)),
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


def all_rounds(
    tenant: Prepared, folder: Path, kills: int, chance: random.Random, findings: Findings
) -> None:
    """Rounds of kills on copies of the tenant, until there were so many."""
    seconds = seconds_of_verbs(second_day(copy_of(tenant.base, folder / "timed")))
    for first in range(0, kills, KILLS_PER_ROUND):
        root = copy_of(tenant.base, folder / f"round {first} é [50%]")
        in_round = min(kills - first, KILLS_PER_ROUND)
        one_round(root, tenant.twin, chance, findings, in_round, seconds)
        print(findings, flush=True)
        subprocess.run(["rm", "-rf", str(root)], check=True)


def main() -> int:
    # What has just been written is whole; else each load waits for files to settle.
    os.environ["C360_SETTLE_SECONDS"] = "0"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--full-disks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="c360-chaos-") as name:
        folder = Path(name)
        tenant = prepared_tenant(folder)
        all_rounds(tenant, folder, options.kills, random.Random(options.seed), findings)
        if not fill_disks(tenant, folder / "disk", options.full_disks, findings):
            print("no disk was filled: only root may mount one")
    print("\n".join(findings.lines()))
    print(findings)
    return 0 if findings.is_clean else 1


if __name__ == "__main__":
    raise SystemExit(main())

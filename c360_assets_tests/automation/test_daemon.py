"""The day as the daemon runs it: files land one by one, nothing fires early, one Stitch follows the
last, then it publishes.

Uses the real daemon on a real instance, in processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from c360_assets.automation.instance import REPOSITORY, prepare_home
from c360_assets.automation.jobs import ACTIVATE, LOAD, STITCH
from c360_assets.automation.runs import open_instance
from c360_assets_tests.automation.tenants import (
    CANARY_EMAIL,
    CANARY_NAME,
    DAY,
    files_with,
    land,
    tiny_tenant,
)
from c360_assets_tests.day.command import end_group

ALLOWED = 400
# What the sensors ask for day by day is of `test_month`, that the daemon runs of `test_ui`.
pytestmark = pytest.mark.long
EVERY_MINUTE = "activation: {cron: '* * * * *'}"


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon on a tiny tenant in `tmp_path`, with sensors that look every two seconds."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", str(tmp_path))
    monkeypatch.setenv("C360_SENSOR_SECONDS", "2")
    # Without a first day: the files land after the daemon has loaded the definitions.
    tiny_tenant(tmp_path, EVERY_MINUTE, first_day="null")
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    with open_instance():  # before the daemon and the test look at it at once
        pass
    program = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", "workspace.yaml"]
    with (tmp_path / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            program,
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
            env=dict(os.environ),
            start_new_session=True,
        )
        yield process
        end_group(process)


class Watch:
    """Looks at the instance from outside until something is so."""

    def __init__(
        self, root: Path, daemon: subprocess.Popen[bytes], instance: dg.DagsterInstance
    ) -> None:
        self.root, self.daemon, self.instance = root, daemon, instance
        self.deadline = time.monotonic() + ALLOWED

    def runs(self, job: str) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(job_name=job)))

    def reason(self, name: str) -> str:
        """The newest skip reason of a sensor or schedule."""
        states = [s for s in self.instance.all_instigator_state() if s.name == name]
        ticks = [
            t
            for s in states
            for t in self.instance.get_ticks(s.instigator_origin_id, s.selector_id, limit=1)
        ]
        return (ticks[0].skip_reason or "") if ticks else ""

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        while not holds():
            log = (self.root / "daemon.log").read_text("utf-8", "replace")
            assert self.daemon.poll() is None, f"the daemon ended:\n{log[-3000:]}"
            assert time.monotonic() < self.deadline, f"not in {ALLOWED} s: {what}\n{log[-3000:]}"
            time.sleep(1)

    def succeeded(self, job: str, times: int) -> Callable[[], bool]:
        def holds() -> bool:
            runs = self.runs(job)
            assert not [r for r in runs if r.status == dg.DagsterRunStatus.FAILURE], (
                f"a run of {job} failed"
            )
            return sum(r.status == dg.DagsterRunStatus.SUCCESS for r in runs) >= times

        return holds


@pytest.fixture
def watch(tmp_path: Path, daemon: subprocess.Popen[bytes]) -> Iterator[Watch]:
    with dg.DagsterInstance.get() as instance:
        yield Watch(tmp_path, daemon, instance)


def test_files_land_one_by_one_and_the_day_publishes_itself(
    tmp_path: Path, daemon: subprocess.Popen[bytes], watch: Watch
) -> None:
    watch.until(
        "the Stitch sensor waits for both feeds", lambda: "0 of 2" in watch.reason("stitch_sensor")
    )

    land(tmp_path, "shop", DAY)
    watch.until("the shop's file is loaded", watch.succeeded(LOAD, 1))
    watch.until(
        "the Stitch sensor names who is missing",
        lambda: "Loyalty:Members (nothing" in watch.reason("stitch_sensor"),
    )
    watch.until(
        "the schedule says who is to blame",
        lambda: "Loyalty:Members" in watch.reason("activation_schedule"),
    )
    assert watch.runs(STITCH) == []
    assert watch.runs(ACTIVATE) == []

    land(tmp_path, "loyalty", DAY)
    watch.until("Stitch follows the last file", watch.succeeded(STITCH, 1))
    watch.until("the database is published", watch.succeeded(ACTIVATE, 1))
    watch.until(
        "nothing more is asked for",
        lambda: "activated already" in watch.reason("late_activation_sensor"),
    )
    assert [len(watch.runs(job)) for job in (LOAD, STITCH, ACTIVATE)] == [2, 1, 1]
    with duckdb.connect(str(tmp_path / "activated" / "customer_360.duckdb"), read_only=True) as con:
        assert con.execute(
            "SELECT count(DISTINCT amperity_id) FROM unified_coalesced"
        ).fetchall() == [(5,)]
        assert con.execute("SELECT count(*) FROM customer_360").fetchall() == [(5,)]
    end_group(daemon)  # its SQLite files come and go while it lives
    assert files_with(tmp_path / ".dagster", CANARY_EMAIL, CANARY_NAME) == []
    assert files_with(tmp_path, CANARY_EMAIL) != []  # the search itself works

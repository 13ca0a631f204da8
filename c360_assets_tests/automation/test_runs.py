"""Runs of this process on a persistent instance: what the UI will show, what a failure says, and
runs whose process died."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import dagster as dg
import pytest

from c360_assets.automation import runs
from c360_assets.automation.instance import prepare_home
from c360_assets.automation.jobs import LOAD, STITCH
from c360_assets.automation.runs import (
    GRPC_INFO_TAG,
    KILLED,
    TableDone,
    launch,
    open_instance,
    reconcile,
)
from c360_assets.definitions import build
from c360_assets.run_tags import FEED_TAG, OWNER_TAG, job_in_words
from c360_assets.step_failures import STOPPED, failure_of
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.last_run import last_run
from c360_assets.warehouse.processes import owner_is_gone, owner_mark, process_identity
from c360_assets.warehouse.running import dead_runs
from c360_assets_tests.automation.broken import broken
from c360_assets_tests.automation.tenants import (
    CANARY_EMAIL,
    CANARY_NAME,
    DAY,
    files_with,
    land,
    tiny_tenant,
)

SHOP, LOYALTY = (
    dg.AssetKey(["domain", "Shop_Customers"]),
    dg.AssetKey(["domain", "Loyalty_Members"]),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tenant folder, whose instance is the one that `launch` finds."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", "")
    prepared = prepare_home(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(prepared))
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as found:
        yield found


def load(
    tenant: Tenant, key: dg.AssetKey, first: date, last: date
) -> tuple[bool, list[tuple[str, str]], str]:
    with open_instance() as instance:
        outcome = launch(
            instance,
            build(tenant),
            LOAD,
            asset_keys=[key],
            days=(first, last),
            tags={"c360/run": "test"},
        )
    return outcome.success, outcome.failed_steps, outcome.run_id


def test_the_home_is_private_and_whole(home: Path) -> None:
    folder = home / ".dagster"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "telemetry: {enabled: false}" in (folder / "dagster.yaml").read_text("utf-8")


def test_an_instance_may_be_opened_by_several_at_once_the_first_time(home: Path) -> None:
    ready = Barrier(4)

    def opened() -> int:
        ready.wait()
        with open_instance() as instance:
            return instance.get_runs_count()

    with ThreadPoolExecutor(4) as pool:
        assert [f.result() for f in [pool.submit(opened) for _ in range(4)]] == [0, 0, 0, 0]


def test_a_range_is_one_run_with_every_day_materialized(
    home: Path, instance: dg.DagsterInstance
) -> None:
    tenant = tiny_tenant(home)
    for offset in range(3):
        land(home, "shop", DAY + timedelta(days=offset))
    heard: list[TableDone | str] = []
    outcome = launch(
        instance,
        build(tenant),
        LOAD,
        asset_keys=[SHOP],
        days=(DAY, DAY + timedelta(days=2)),
        progress=heard.append,
    )
    assert outcome.success
    assert [(t.table, t.rows, t.reused) for t in heard if isinstance(t, TableDone)] == [
        ("domain/Shop_Customers", 5, False)
    ]
    assert instance.get_materialized_partitions(SHOP) == {"2026-03-02", "2026-03-03", "2026-03-04"}
    run = instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert (run.job_name, *run.tags[OWNER_TAG].split(" ")[:2]) == (
        LOAD,
        outcome.run_id,
        str(os.getpid()),
    )
    # A run that somebody starts by hand would read the days again.
    again = launch(
        instance,
        build(tenant),
        LOAD,
        asset_keys=[SHOP],
        days=(DAY, DAY + timedelta(days=2)),
        tags={FEED_TAG: "Shop:Customers"},
    )
    assert [t.reused for t in again.tables] == [True]


def test_a_failed_day_names_the_feed_and_leaves_good_days_loaded(
    home: Path, instance: dg.DagsterInstance
) -> None:
    tenant = tiny_tenant(home)
    land(home, "shop", DAY)
    land(
        home,
        "shop",
        DAY + timedelta(days=1),
        [f"c9,{CANARY_EMAIL},{CANARY_NAME},Drover,{CANARY_NAME}"],
    )
    success, failed, _ = load(tenant, SHOP, DAY, DAY + timedelta(days=1))
    assert not success
    ((step, message),) = failed
    assert step == "domain__Shop_Customers"
    assert message.startswith("feed Shop:Customers:")
    assert instance.get_materialized_partitions(SHOP) == {"2026-03-02"}


def test_no_value_reaches_the_orchestrator(home: Path, instance: dg.DagsterInstance) -> None:
    """A good load, a rejected one, a whole Stitch, and an engine error that quotes a value: the
    home holds none of them."""
    tenant = tiny_tenant(home)
    land(home, "loyalty", DAY)
    land(home, "shop", DAY)
    land(
        home,
        "shop",
        DAY + timedelta(days=1),
        [f"c9,{CANARY_EMAIL},{CANARY_NAME},Drover,{CANARY_NAME}"],
    )
    load(tenant, SHOP, DAY, DAY + timedelta(days=1))
    assert load(tenant, LOYALTY, DAY, DAY)[0]
    outcome = launch(instance, build(tenant), STITCH)
    assert outcome.success, outcome.failed_steps
    outcome = launch(instance, broken(home), "broken")
    ((_, message),) = outcome.failed_steps
    assert message.startswith("ConversionException at")
    instance.dispose()
    assert files_with(home / ".dagster", CANARY_EMAIL, CANARY_NAME) == []
    assert (
        files_with(home / "logs", CANARY_NAME) != []
    )  # the search itself works, and the owner can read what happened
    assert (home / "logs" / "errors.log").stat().st_mode & 0o077 == 0


def test_a_failed_step_shows_first_what_is_wrong(home: Path, instance: dg.DagsterInstance) -> None:
    tenant = tiny_tenant(home)
    land(home, "shop", DAY).write_text("no,such\n1,2\n")
    success, failed, run_id = load(tenant, SHOP, DAY, DAY)
    ((_, message),) = failed
    assert (success, message.startswith("feed Shop:Customers: file shop/")) == (False, True)
    (failure,) = [
        entry.dagster_event.step_failure_data
        for entry in instance.all_logs(run_id)
        if entry.dagster_event is not None and entry.dagster_event.is_step_failure
    ]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == message
    assert failure.error is not None
    # No error of Dagster's own around it, whose text would stand first.
    assert (failure.error.cls_name, failure.error.cause) == ("Failure", None)


KILLED_RUN = """
import sys, time
import dagster as dg
from c360_assets.automation.runs import launch, open_instance

@dg.asset
def sleeps():
    print("sleeping", flush=True)
    time.sleep(60)

with open_instance() as instance:
    launch(instance, dg.Definitions([sleeps], jobs=[dg.define_asset_job("sleep")]), "sleep")
"""


def test_a_run_whose_process_was_killed_is_marked_failed(
    home: Path, instance: dg.DagsterInstance
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_RUN], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert reconcile(instance) == 0  # it lives
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert reconcile(instance) == 1
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert any(KILLED in e.message for e in instance.all_logs(run.run_id))
    last = last_run(home)
    assert last is not None
    assert (last.what, last.failures, last.messages) == ("job sleep", 1, [KILLED])


STOPPED_RUN = """
import os, subprocess, time
from pathlib import Path
import dagster as dg
import duckdb
from c360_assets.assets.resources import safe_errors
from c360_assets.automation.runs import launch, open_instance

def asset(name, work):
    @dg.asset(name=name)
    def made():
        with safe_errors(Path("logs")):
            subprocess.Popen(["sh", "-c", f"sleep 1; kill -TERM {os.getpid()}"])
            work()
    return made

def query():
    slow = "SELECT count(DISTINCT hash(i)) FROM range(20_000_000) t(i)"
    while True:
        duckdb.connect(config={"threads": 1}).execute(slow).fetchall()

jobs = [dg.define_asset_job(name, name) for name in ("query", "sleep")]
jobs.append(dg.define_asset_job("both", ["query", "sleep"]))
with open_instance() as instance:
    for job in ("query", "sleep", "both"):
        assets = [asset("query", query), asset("sleep", lambda: time.sleep(60))]
        made = dg.Definitions(assets, jobs=jobs)
        outcome = launch(instance, made, job)
        print(outcome.success, outcome.failed_steps, flush=True)
"""


def test_a_run_that_a_signal_stops_says_so_and_begins_nothing_more(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_RUN],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    first, second, both = done.stdout.splitlines()
    assert (first, second) == (f"False {[('query', STOPPED)]}", f"False {[('sleep', STOPPED)]}"), (
        done.stderr
    )
    assert both in (first, second)


def test_a_run_with_the_tags_of_another_is_not_judged(
    home: Path, instance: dg.DagsterInstance
) -> None:
    """Running again copies tags, also those of a process that is gone."""
    tags = {OWNER_TAG: "another 1 0 gone"}
    instance.add_run(
        dg.DagsterRun("load", run_id="again", tags=tags, status=dg.DagsterRunStatus.STARTED)
    )
    assert reconcile(instance) == 0


@pytest.mark.parametrize(("minutes", "marked"), [(9, 0), (11, 1)])
def test_a_run_that_no_process_made_its_own_for_long_is_marked(
    home: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    marked: int,
) -> None:
    """It died between its start and its first resource."""
    run = instance.add_run(dg.DagsterRun("load", status=dg.DagsterRunStatus.NOT_STARTED))
    begun = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "load")
    instance.report_dagster_event(begun, run.run_id)
    later = time.time() + minutes * 60
    monkeypatch.setattr(runs.time, "time", lambda: later)
    assert reconcile(instance) == marked


@pytest.mark.parametrize(
    ("seconds", "is_up", "marked"), [(5, False, 0), (20, False, 1), (20, True, 0)]
)
def test_a_run_whose_server_ended_before_it_came_to_life_is_marked(
    home: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    is_up: bool,
    marked: int,
) -> None:
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        address = f"{folder}/code"
        server.bind(address)
        server.listen()
        if not is_up:
            server.close()
        tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": address})}
        status = dg.DagsterRunStatus.STARTING
        instance.add_run(dg.DagsterRun("load", status=status, tags=tags))
        later = time.time() + seconds
        monkeypatch.setattr(runs.time, "time", lambda: later)
        assert reconcile(instance) == marked


def test_a_process_that_nobody_has_waited_for_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = " ".join(["a-run", *process_identity(process.pid).values()])
    assert not owner_is_gone(mark, "a-run")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owner_is_gone(mark, "a-run")
    process.communicate()


def test_a_run_whose_process_still_ends_is_asked_about_again(
    home: Path, instance: dg.DagsterInstance
) -> None:
    """Its file is free already; without it no later verb would look."""
    run = instance.add_run(dg.DagsterRun("load", status=dg.DagsterRunStatus.STARTED))
    instance.add_run_tags(run.run_id, {OWNER_TAG: owner_mark(run.run_id)})
    folder = home / ".lock.runs"
    folder.mkdir()
    (folder / run.run_id).touch()
    assert reconcile(instance) == 0
    assert dead_runs(home) == [run.run_id]


@pytest.mark.parametrize(
    ("name", "words"),
    [("__ASSET_JOB", "chosen assets"), ("__ASSET_JOB_0", "chosen assets"), (LOAD, "job load")],
)
def test_a_job_is_called_as_people_call_it(name: str, words: str) -> None:
    assert job_in_words(name) == words


@pytest.mark.parametrize(
    ("step", "message", "expected"),
    [
        ("stitch", "it was stopped", "stitch: it was stopped"),
        ("stitch", "w/stitch_ids/x is damaged", "stitch: w/stitch_ids/x is damaged"),
        ("destination__crm", "destination crm: it is down", "destination crm: it is down"),
        ("people", "table people could not be written", "table people could not be written"),
    ],
)
def test_a_failure_names_its_step_once(step: str, message: str, expected: str) -> None:
    assert failure_of(step, message) == expected

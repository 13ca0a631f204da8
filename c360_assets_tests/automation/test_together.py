"""Two runs, a person's load and a backfill from the UI at once: one after the other, each is told
what it waits for, and who reads the published file sees none of it.

Uses `c360 ui`, as a person starts it: code location, web server and daemon on a real instance.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from c360_assets.automation.instance import REPOSITORY, prepare_home
from c360_assets.automation.runs import open_instance
from c360_assets.warehouse.lock import tenant_lock
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.automation.test_ui import HOST, Ui, free_port, locations
from c360_assets_tests.day.command import (
    c360,
    clean_environment,
    command,
    differing,
    digests,
    end_group,
    finish,
    start,
)
from c360_assets_tests.day.small import copy_of
from c360_assets_tests.day.test_interrupted import Reader

NEXT = DAY + timedelta(days=1)
BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
# What somebody waits for: a verb, or a run of the daemon.
HOLDER = re.compile(r"waiting for (.+?) \(process \d+\), which holds this tenant")


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Ui]:
    """`c360 ui` on a tenant after its first day, which has somebody new and somebody changed."""
    root = tmp_path / "tenant"
    tiny_tenant(root)
    for feed in ("shop", "loyalty"):
        land(root, feed, DAY)
    said = c360("run", "--tenant", root)
    assert said.code == 0, said.text
    rows = ["c1,bob@example.com,Robert,Baker,9", "c9,gus@example.com,Gus,Gray,1"]
    land(root, "shop", NEXT, rows)
    land(root, "loyalty", NEXT, ["m9,gus@example.com,Gus,Gray"])
    port = free_port()
    log = tmp_path / "ui.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command("ui", "--tenant", root, "--port", port),
            cwd=root,
            stdout=file,
            stderr=file,
            # To its sensors all files are still being written.
            env=clean_environment(PYTHONPATH=str(REPOSITORY), C360_SETTLE_SECONDS="3600"),
            start_new_session=True,
        )
    try:
        yield Ui(process, port, log)
    finally:
        end_group(process)


def ask(port: int, query: str, variables: dict[str, Any]) -> Any:
    """What the web server answers to a question or an order of its pages."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{HOST}:{port}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)["data"]


def backfill(port: int) -> str:
    """Materialize a range of partitions, as the dialog of the asset's page does; its id."""
    params = {
        "assetSelection": [{"path": ["domain", "Shop_Customers"]}],
        "partitionNames": [DAY.isoformat(), NEXT.isoformat()],
        "tags": [],
    }
    answer = ask(port, BACKFILL, {"params": params})["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def run_of(instance: dg.DagsterInstance, backfill_id: str) -> dg.RunRecord | None:
    records = instance.get_run_records(dg.RunsFilter(tags={"dagster/backfill": backfill_id}))
    return records[0] if records else None


def messages(instance: dg.DagsterInstance, run_id: str) -> str:
    return "\n".join(entry.user_message for entry in instance.all_logs(run_id))


def turns(instance: dg.DagsterInstance) -> list[tuple[float, float]]:
    """First and last moment at which each run worked on tables, in order."""
    found = []
    for run in instance.get_runs():
        entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        times = [entry.timestamp for entry in entries]
        if times:
            found.append((min(times), max(times)))
    return sorted(found)


@pytest.mark.slow
def test_all_at_once_goes_one_after_the_other(
    ui: Ui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "tenant"
    twin = copy_of(root, tmp_path / "twin")
    assert c360("run", "--tenant", twin).code == 0
    ui.until(lambda: locations(ui.port) == [{"name": "c360", "loadStatus": "LOADED"}])
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(root)))
    with open_instance() as instance, Reader(root) as reader:
        with tenant_lock(root, "a test"):
            backfill_id = backfill(ui.port)
            verbs = [start(verb, "--tenant", root) for verb in ("run", "load", "run")]
            # All of them stand in line before the first one may begin.
            ui.until(lambda: run_of(instance, backfill_id))
            record = run_of(instance, backfill_id)
            assert record is not None
            run_id = record.dagster_run.run_id
            ui.until(lambda: "waiting for a test" in messages(instance, run_id))
            first_lines = [_line_of_waiting(process) for process in verbs]
        ended = [finish(process) for process in verbs]
        ui.until(lambda: _is_over(instance, backfill_id))
        told = [*(line + said.text for line, said in zip(first_lines, ended, strict=True))]
        told.append(messages(instance, run_id))
        record = run_of(instance, backfill_id)
        worked = turns(instance)

    assert [said.code for said in ended] == [0, 0, 0], [said.text for said in ended]
    assert record is not None
    assert record.dagster_run.status == dg.DagsterRunStatus.SUCCESS
    holders = [HOLDER.findall(text) for text in told]
    assert all(names[0] == "a test" for names in holders), holders
    # Whoever came later was told of those before it, too.
    assert sorted(min(len(names), 2) for names in holders) == [1, 2, 2, 2], holders
    overlaps = [pair for pair in pairwise(worked) if pair[0][1] > pair[1][0]]
    assert overlaps == []
    assert reader.errors == []
    assert set(reader.answers) == {(5, 5), (6, 6)}
    assert differing(digests(root), digests(twin)) == []


def _line_of_waiting(process: subprocess.Popen[str]) -> str:
    """What a verb says up to the line that names the one it waits for."""
    assert process.stderr is not None
    lines = ""
    for line in process.stderr:
        lines += line
        if "waiting for a test" in line:
            return lines
    raise AssertionError(f"it did not wait: {lines}")


def _is_over(instance: dg.DagsterInstance, backfill_id: str) -> bool:
    record = run_of(instance, backfill_id)
    return record is not None and record.dagster_run.is_finished

"""The asset graph of the tenant that ships: it loads everywhere, and reads as the pipeline."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from c360_assets.automation.instance import REPOSITORY
from c360_assets.configuration import load_tenant
from c360_assets.definitions import build
from c360_assets.tenant.models import Tenant
from c360_assets_tests.automation.tenants import tiny_tenant

STAGES = ["domain_tables", "input_validations", "stitch", "customer_360", "activation"]
PROGRAMS = {
    "the workspace": ["dagster", "definitions", "validate", "-w", "workspace.yaml"],
    "the project": ["dg", "check", "defs"],
}


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return load_tenant(REPOSITORY / "data")


@pytest.fixture(scope="module")
def specs(tenant: Tenant) -> dict[str, dg.AssetSpec]:
    return {"/".join(s.key.path): s for s in build(tenant).resolve_all_asset_specs()}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_loads(program: list[str]) -> None:
    command = [str(Path(sys.executable).with_name(program[0])), *program[1:]]
    env = {**os.environ, "C360_TENANT_DIR": str(REPOSITORY / "data")}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
    __typename ... on PythonError { message } ... on RepositoryLocation { repositories {
        assetNodes { id } sensors { name sensorState { status } }
        schedules { name scheduleState { status } } } } } } } } }"""


def test_the_webserver_shows_everything_switched_on(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [
        str(Path(sys.executable).with_name("dagster-webserver")),
        "-w",
        "workspace.yaml",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    env = {**os.environ, "C360_TENANT_DIR": str(REPOSITORY / "data"), "DAGSTER_HOME": str(tmp_path)}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": LOCATIONS}).encode(),
        {"Content-Type": "application/json"},
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(program, cwd=REPOSITORY, env=env, stdout=log, stderr=log)
    try:
        answer = _answer(process, request)
    finally:
        process.terminate()
        process.wait(30)
    (entry,) = answer["data"]["workspaceOrError"]["locationEntries"]
    assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation", entry
    (repository,) = entry["locationOrLoadError"]["repositories"]
    assert len(repository["assetNodes"]) > 50
    assert {s["sensorState"]["status"] for s in repository["sensors"]} == {"RUNNING"}
    assert [(s["name"], s["scheduleState"]["status"]) for s in repository["schedules"]] == [
        ("activation_schedule", "RUNNING")
    ]


def _answer(process: subprocess.Popen[bytes], request: urllib.request.Request) -> Any:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except OSError:
            assert process.poll() is None, "the webserver ended"
            assert time.monotonic() < deadline, "the webserver did not answer"
            time.sleep(0.5)


def test_a_broken_feed_names_itself(tmp_path: Path) -> None:
    tiny_tenant(tmp_path)
    feed = tmp_path / "feeds" / "shop" / "customers.yaml"
    feed.write_text(feed.read_text("utf-8") + "colour: red\n", "utf-8")
    code = "from c360_assets.definitions import defs; defs()"
    env = {**os.environ, "C360_TENANT_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "feeds/shop/customers.yaml" in done.stderr
    assert "colour" in done.stderr


def test_groups_are_the_stages(specs: dict[str, dg.AssetSpec]) -> None:
    assert {s.group_name for s in specs.values()} == set(STAGES)


def test_every_dependency_is_an_asset_of_the_same_or_an_earlier_stage(
    specs: dict[str, dg.AssetSpec],
) -> None:
    for name, spec in specs.items():
        for dep in spec.deps:
            upstream = specs["/".join(dep.asset_key.path)]
            assert STAGES.index(str(upstream.group_name)) <= STAGES.index(str(spec.group_name)), (
                name
            )


def test_every_asset_is_described(specs: dict[str, dg.AssetSpec]) -> None:
    assert [name for name, s in specs.items() if not s.description] == []
    assert [name for name, s in specs.items() if not s.kinds] == []


def test_documented_tables_show_their_columns_with_meaning(specs: dict[str, dg.AssetSpec]) -> None:
    for name in (
        "unified_coalesced",
        "merged_customers",
        "customer_360",
        "input_validation_report",
    ):
        schema = specs[name].metadata["dagster/column_schema"]
        assert all(column.description for column in schema.columns), name


def test_feeds_show_tags_and_personal_columns(
    specs: dict[str, dg.AssetSpec], tenant: Tenant
) -> None:
    for feed in tenant.feeds:
        spec = specs[f"domain/{feed.physical}"]
        columns = {c.name: c for c in spec.metadata["dagster/column_schema"].columns}
        for name, field in feed.outputs.items():
            assert columns[name].tags.get("semantic", "") == ", ".join(field.tags)
            if "email" in field.tags:
                assert "pii" in columns[name].tags


def test_feeds_share_one_partitioning(tenant: Tenant) -> None:
    assets = [
        a
        for a in build(tenant).assets or []
        if isinstance(a, dg.AssetsDefinition) and a.partitions_def
    ]
    assert len(assets) == len(tenant.feeds)
    assert len({id(a.partitions_def) for a in assets}) == 1

"""The asset graph of the tenant that ships: it loads everywhere, and reads as the pipeline."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from c360_assets.assets.display import CODE_LETTERS
from c360_assets.automation.instance import REPOSITORY
from c360_assets.configuration import load_tenant
from c360_assets.definitions import build
from c360_assets.errors import ConfigError
from c360_assets.tenant.models import Tenant
from c360_assets_tests.automation.tenants import tiny_tenant

STAGES = [
    "domain_tables",
    "input_validations",
    "stitch",
    "customer_360",
    "segments",
    "activation",
]
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
    settings = REPOSITORY / "c360_assets" / "automation" / "dagster.yaml"
    shutil.copy(settings, tmp_path)
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


@pytest.fixture
def brands(tmp_path: Path) -> Tenant:
    """A tenant with an owner, a feed of another owner, and databases beside the group's."""
    databases = (
        "{customer_360: {primary: true}, north: {filter: {database_key: north}}, "
        "stitch: {filter: {database_key: s}}}"
    )
    tenant = tiny_tenant(tmp_path, owner="team:crm", databases=databases)
    shop, loyalty = tenant.feeds
    owned = loyalty.model_copy(update={"owner": "ann@shop.example"})
    return replace(tenant, feeds=[shop, owned])


def test_a_database_is_a_group_of_its_own(brands: Tenant) -> None:
    groups = {"/".join(s.key.path): s.group_name for s in build(brands).resolve_all_asset_specs()}
    assert groups["merged_customers"] == groups["email_opt_status"] == "customer_360"
    assert groups["north/merged_customers"] == groups["north/customer_360"] == "north"
    # The group of Stitch is not to hold the tables of a database that is called so.
    assert groups["stitch/merged_customers"] == "stitch_database"
    assert groups["north/customer_360_database"] == "activation"


def test_activation_makes_the_tables_of_every_database(brands: Tenant) -> None:
    job = build(brands).resolve_job_def("activate")
    made = {"/".join(key.path) for key in job.asset_layer.executable_asset_keys}
    own = {"merged_customers", "customer_360", "customer_360_database", "database_validation"}
    assert {f"{name}{table}" for name in ("", "north/", "stitch/") for table in own} <= made
    # Domain tables are made by other jobs, but for custom ones that Stitch does not read.
    assert not made & {table.asset for table in brands.tables if not table.custom}


def test_assets_have_the_owner_of_their_feed_or_tenant(brands: Tenant) -> None:
    owners = {"/".join(s.key.path): s.owners for s in build(brands).resolve_all_asset_specs()}
    other = "domain/" + brands.feeds[1].physical
    assert owners.pop(other) == ["ann@shop.example"]
    assert {tuple(of_asset) for of_asset in owners.values()} == {("team:crm",)}


@pytest.mark.parametrize("owner", ["crm", "team:", "team: ", "ann@shop", "ann shop@x.example"])
def test_an_owner_that_dagster_refuses_is_an_error_of_its_line(tmp_path: Path, owner: str) -> None:
    with pytest.raises(ConfigError) as refused:
        tiny_tenant(tmp_path, owner=f"'{owner}'")
    problem = next(problem for problem in refused.value.problems if problem.key == "owner")
    assert problem.severity == "error"
    assert problem.file == "tenant.yaml"
    assert "team:crm" in problem.message


def test_code_is_what_the_fingerprint_counts(specs: dict[str, dg.AssetSpec]) -> None:
    """Dagster calls an asset outdated whose code has changed: feeds and custom tables are not made
    anew then.
    """
    assert specs["domain/Shop_Customers"].code_version is None
    assert specs["unified_coalesced"].code_version == specs["stitch_ids"].code_version
    assert specs["customer_360"].code_version != specs["merged_customers"].code_version
    versions = [spec.code_version for spec in specs.values() if spec.code_version is not None]
    assert {len(version) for version in versions} == {CODE_LETTERS}


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

"""A whole day with the tables in a bucket: equal to a local one, gone on with by other machines,
killed, moved, forgotten."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from c360_assets.warehouse.digest import RUN_TABLES
from c360_assets_tests.day.command import (
    Said,
    c360_here,
    clean_environment,
    differing,
    digests,
)
from c360_assets_tests.day.small import FIRST, SECOND, land, land_all, small_tenant
from c360_assets_tests.ingest.servers import s3_bucket

PRODUCTION = Path(__file__).parents[2] / "docs/production"
SETTINGS = ("tenant.yaml", "workflow.yaml", "feeds", "landing")
# Runs the command line and dies at the Nth call of a method of the warehouse, before or after it.
KILLED_RUN = """
import os, signal, sys
from c360_assets.warehouse import session, storage
owner, name, moment, at = sys.argv[1:5]
kind = {"Warehouse": session.Warehouse, "BucketStorage": storage.BucketStorage}[owner]
real, calls = getattr(kind, name), []
def dies(self, *args):
    calls.append(name)
    if len(calls) >= int(at) and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(self, *args)
    if len(calls) >= int(at):
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(kind, name, dies)
from c360_assets.cli import app
app(sys.argv[5:])
"""
# Before and after a file is in the bucket, a version in its log, a manifest in place.
KILLS = [
    ("BucketStorage", "put", "before", 1),
    ("BucketStorage", "put", "after", 3),
    ("Warehouse", "add_version", "after", 5),
    ("BucketStorage", "save", "before", 3),
    ("BucketStorage", "save", "after", 2),
]


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_bucket("testing-secret") as client:
        yield client


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant that had its first day on this machine."""
    root = small_tenant(tmp_path_factory.mktemp("local") / "tenant")
    land_all(root, FIRST)
    with pytest.MonkeyPatch.context() as environment:
        verb(environment, root, "run")
    return root


@pytest.fixture(scope="module")
def brand(local: Path, s3: Any) -> Path:
    """The same tenant, whose first day was with its tables in a bucket."""
    root = another_machine(local, local.with_name("brand"), "s3://brand/first")
    with pytest.MonkeyPatch.context() as environment:
        verb(environment, root, "check")
        verb(environment, root, "run")
    return root


def verb(environment: pytest.MonkeyPatch, root: Path, *args: object) -> Said:
    """A verb that does not fail, as in a process of its own."""
    said = c360_here(environment, *args, "--tenant", root)
    assert said.code == 0, said.text
    return said


def another_machine(root: Path, to: Path, address: str | None) -> Path:
    """A machine that has the settings and landed files of a tenant, and nothing else."""
    for name in SETTINGS:
        source, target = root / name, to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    name_place(to, address)
    return to


def name_place(root: Path, address: str | None) -> None:
    path = root / "tenant.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("warehouse:")]
    path.write_text("\n".join([*lines, f"warehouse: {address}" if address else "", ""]))


def copy_of_bucket(s3: Any, to: str, bucket: str = "brand") -> str:
    """The tables of `brand` at an address of their own, to be spoiled there."""
    for key in keys(s3, "first"):
        target = f"{to}/{key.removeprefix('first/')}"
        s3.copy_object(Bucket=bucket, Key=target, CopySource={"Bucket": "brand", "Key": key})
    return f"s3://{bucket}/{to}"


def keys(s3: Any, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="brand", Prefix=f"{prefix}/")
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


@pytest.mark.long
def test_the_answer_is_that_of_a_local_warehouse_and_another_machine_goes_on(
    local: Path, brand: Path, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert differing(digests(brand), digests(local)) == []
    assert not list((brand / "warehouse").rglob("_delta_log"))
    other = another_machine(brand, tmp_path / "other", copy_of_bucket(s3, "other"))
    said = verb(monkeypatch, other, "sql", "SELECT count(*) AS people FROM merged_customers")
    assert "6" in said.text, "nothing is published on this machine, so the warehouse answers"
    before = set(keys(s3, "other"))
    said = verb(monkeypatch, other, "run")
    assert "Nothing new landed" in said.text
    assert "are current and were reused" in said.text
    assert differing(digests(other), digests(local)) == []
    written = {
        key.removeprefix("other/").partition("/_delta_log/")[0]
        for key in set(keys(s3, "other")) - before
        if "/_delta_log/" in key
    }
    assert written <= RUN_TABLES, "only tables that tell of runs"
    assert "6" in verb(monkeypatch, other, "sql", "SELECT count(*) FROM customer_360").text
    assert verb(monkeypatch, other, "status").code == 0
    # As if this one's database were older than what another machine has published since.
    path = Path("activated", "customer_360.duckdb")
    assert (brand / path).stat().st_size == (other / path).stat().st_size
    shutil.copyfile(brand / path, other / path)
    verb(monkeypatch, other, "run")
    assert (brand / path).read_bytes() != (other / path).read_bytes(), "published again"


def test_a_warehouse_that_moves_there_and_back_is_reused(
    local: Path, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(local, tmp_path / "tenant"))
    name_place(root, "s3://brand/moved")
    refused = c360_here(monkeypatch, "run", "--tenant", root)
    assert refused.code == 1
    assert "`c360 warehouse move` takes them there" in refused.text
    refused = c360_here(monkeypatch, "check", "--tenant", root)
    assert refused.code == 1
    assert "tenant.yaml:6: warehouse:" in refused.text
    assert (
        "tables went from warehouse/ to s3://brand/moved"
        in verb(monkeypatch, root, "warehouse", "move").text
    )
    assert "are current and were reused" in verb(monkeypatch, root, "run").text
    assert differing(digests(root), digests(local)) == []
    name_place(root, None)
    said = verb(monkeypatch, root, "warehouse", "move")
    assert "tables went from s3://brand/moved to warehouse/" in said.text
    assert keys(s3, "moved") == ["moved/lease.json", "moved/manifest.json"]
    assert "are current and were reused" in verb(monkeypatch, root, "run").text
    assert differing(digests(root), digests(local)) == []


@pytest.mark.long
def test_a_backup_of_folder_and_bucket_is_put_back_and_reused(
    local: Path, brand: Path, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(brand, tmp_path / "tenant"))
    address = copy_of_bucket(s3, "backup")
    shutil.rmtree(root / "warehouse")
    name_place(root, address)
    verb(monkeypatch, root, "run")
    environment = clean_environment(C360=str(Path(sys.executable).with_name("c360")))
    environment.pop("PGDATABASE", None)

    def scripted(name: str, *words: Path) -> str:
        command = [PRODUCTION / name, *words]
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    copied = Path(scripted("backup.sh", root, tmp_path / "copies"))
    shutil.rmtree(root)
    for key in keys(s3, "backup"):
        s3.delete_object(Bucket="brand", Key=key)
    scripted("restore.sh", copied, root)
    assert not list((root / "warehouse").rglob("*.parquet"))
    assert differing(digests(root), digests(local)) == []
    said = verb(monkeypatch, root, "run")
    assert "Nothing new landed" in said.text
    assert "are current and were reused" in said.text
    assert differing(digests(root), digests(local)) == []
    # Of a bucket that has its tables only what is damaged is put back.
    (lost, *_) = (key for key in keys(s3, "backup") if "/merged_customers/part-" in key)
    s3.put_object(Bucket="brand", Key=lost, Body=b"PAR1")
    shutil.rmtree(root / "warehouse")
    refused = c360_here(monkeypatch, "warehouse", "copy", tmp_path / "no", "--tenant", root)
    assert refused.code == 1
    assert f"such as {lost.removeprefix('backup/')}: copy again" in refused.text
    said = verb(monkeypatch, root, "warehouse", "restore", copied / "tables")
    assert "1 file (" in said.text
    assert "whose own tables stay as they are" in said.text
    assert differing(digests(root), digests(local)) == []


@pytest.mark.long
def test_who_is_forgotten_is_in_no_version_of_an_object_of_the_bucket(
    brand: Path, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.create_bucket(Bucket="keeps")
    s3.put_bucket_versioning(Bucket="keeps", VersioningConfiguration={"Status": "Enabled"})
    other = another_machine(brand, tmp_path / "other", copy_of_bucket(s3, "forgotten", "keeps"))
    value = b"ann@example.com"
    shutil.rmtree(other / "landing")  # which is its sender's, and is not written
    (other / "landing").mkdir()
    assert any(value in body for body in bodies(s3, "keeps"))
    args = ("forget", "--email", value.decode(), "--yes")
    said = verb(monkeypatch, other, *args)
    assert said.code == 0
    assert not any(value in body for body in bodies(s3, "keeps"))
    (file,) = (other / "privacy" / "receipts").glob("*.json")
    receipt = json.loads(file.read_text())
    assert receipt["searched"]["finds"] == 0
    assert any("every object of s3://keeps/forgotten was searched" in n for n in receipt["notes"])
    # A machine that does not know of it would bring the person back.
    third = another_machine(brand, tmp_path / "third", "s3://keeps/forgotten")
    refused = c360_here(monkeypatch, "run", "--tenant", third)
    assert refused.code == 1
    assert "copy that folder from the machine" in refused.text
    shutil.copytree(other / "privacy", third / "privacy")
    verb(monkeypatch, third, "run")
    assert not any(value in body for body in bodies(s3, "keeps"))


def bodies(s3: Any, bucket: str) -> Iterator[bytes]:
    """The content of every version of every object; of Parquet files as text, as they are
    compressed."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    for version in (one for page in pages for one in page.get("Versions", [])):
        key, number = version["Key"], version["VersionId"]
        body = s3.get_object(Bucket=bucket, Key=key, VersionId=number)["Body"].read()
        is_data = key.endswith(".parquet") and "_delta_log" not in key
        yield repr(pl.read_parquet(io.BytesIO(body)).rows()).encode() if is_data else body


@pytest.mark.slow
def test_runs_that_are_killed_end_as_if_undisturbed_also_on_another_machine(
    local: Path, brand: Path, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = copy_of_bucket(s3, "killed")
    root = another_machine(brand, tmp_path / "killed", address)
    undisturbed = Path(shutil.copytree(local, tmp_path / "undisturbed"))
    for tenant in (root, undisturbed):
        land(tenant, "shop/customers", SECOND, [("c1", "bob@example.com", "Robert", "Baker", 9)])
    for kill in KILLS:
        command = [sys.executable, "-c", KILLED_RUN, *map(str, kill), "run", "--tenant", str(root)]
        ended = subprocess.run(command, env=clean_environment(), capture_output=True, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    other = another_machine(root, tmp_path / "other", address)
    verb(monkeypatch, other, "run")
    verb(monkeypatch, undisturbed, "run")
    assert differing(digests(other), digests(undisturbed)) == []

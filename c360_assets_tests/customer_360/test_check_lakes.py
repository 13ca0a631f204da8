"""Where a lake may stand: what `c360 check` refuses, with file, key, value and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from c360_assets.configuration import all_problems
from c360_assets.customer_360 import check_lakes
from c360_assets.errors import Problem
from c360_assets.warehouse.lake_document import Document
from c360_assets_tests.day.small import small_tenant
from c360_assets_tests.ingest.servers import s3_bucket

PRIMARY = "  customer_360: {primary: true}\n"


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of S3 is refused on this machine."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def _problems(root: Path, databases: str) -> list[Problem]:
    path = root / "tenant.yaml"
    path.write_text(f"{path.read_text('utf-8')}databases:\n{databases}", "utf-8")
    return [problem for problem in all_problems(root) if problem.severity == "error"]


@pytest.mark.parametrize(
    ("databases", "key", "message"),
    [
        (
            "  g: {primary: true, format: iceberg}\n",
            "databases.g.format",
            "'iceberg' is not allowed",
        ),
        ("  g: {primary: true, address: lake}\n", "databases.g.address", "one DuckDB file"),
        ("  g: {primary: true, format: delta, address: landing/x}\n", "databases.g.address", "ing"),
        ("  g: {primary: true, format: delta, address: .}\n", "databases.g.address", "holds the t"),
        ("  g: {primary: true, format: delta, address: activated}\n", "databases.g.address", "fil"),
        (
            f"{PRIMARY}  history: {{format: parquet}}\n",
            "databases.history.format",
            "history is where files of databases are",
        ),
        (
            "  g: {primary: true, format: delta, address: 'gs://b/lake'}\n",
            "databases.g.address",
            "gs:// is no place of a lake",
        ),
        (
            "  g: {primary: true, format: delta, address: 's3://b'}\n",
            "databases.g.address",
            "s3://b names no folder of a bucket",
        ),
        (
            "  g: {primary: true, format: delta, address: 's3://me:pw@b/lake'}\n",
            "databases.g.address",
            "must not hold credentials",
        ),
        (
            "  g: {primary: true, format: delta, address: lake}\n"
            "  h: {format: parquet, address: lake/}\n",
            "databases.h.address",
            "lake/ and the place of g are one",
        ),
        (
            "  g: {primary: true, format: delta}\n"
            "  h: {format: parquet, address: activated/customer_360/h}\n",
            "databases.h.address",
            "the place of g are one",
        ),
        (
            "  g: {primary: true, format: delta, address: 's3://b/x'}\n"
            "  h: {format: delta, address: 's3://b/x/y'}\n",
            "databases.h.address",
            "s3://b/x/y and the place of g are one",
        ),
        *(
            (
                f"  g: {{primary: true, format: delta, address: 's3://brand/{folder}'}}\n",
                "databases.g.address",
                "is a folder that other engines do not find",
            )
            for folder in ("a#1/lake", "a?b", "100%25", "a*", "[a]", "a//b", "a/../b")
        ),
    ],
)
def test_refused(tmp_path: Path, databases: str, key: str, message: str) -> None:
    (problem,) = _problems(small_tenant(tmp_path / "t"), databases)
    assert (problem.file, problem.key) == ("tenant.yaml", key)
    assert problem.line is not None
    assert message in problem.message
    assert problem.remedy


def test_refused_within_the_warehouse(tmp_path: Path) -> None:
    databases = (
        "  g: {primary: true, format: delta, address: 's3://brand/tables/lake'}\n"
        "warehouse: s3://brand/tables/\n"
    )
    # Nothing answers there, which is a problem of its own.
    problems = _problems(small_tenant(tmp_path / "t"), databases)
    (problem,) = (problem for problem in problems if problem.key == "databases.g.address")
    assert "s3://brand/tables/lake and the place of the warehouse are one" in problem.message


def test_places_of_other_tenants(tmp_path: Path) -> None:
    other = small_tenant(tmp_path / "other")
    databases = "  g: {primary: true, format: delta, address: ../other/lake}\n"
    (problem,) = _problems(small_tenant(tmp_path / "one"), databases)
    assert "inside the folder of another tenant" in problem.message
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / "publication.json").write_text(json.dumps({"tenant": "somebody"}), "utf-8")
    databases = "  g: {primary: true, format: delta, address: ../lake}\n"
    (problem,) = _problems(other, databases)
    assert "holds a database of another tenant, somebody" in problem.message


def test_the_optional_part_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(check_lakes.MODULES, "s3", "no_such_module")
    databases = "  g: {primary: true, format: delta, address: 's3://b/lake'}\n"
    (problem,) = _problems(small_tenant(tmp_path / "t"), databases)
    assert problem.remedy == "pip install 'c360-assets[s3]'"


@pytest.mark.parametrize(
    "address", ["lake", "../lake", "activated/x", "s3://brand/lake", "s3://brand/a é/lake"]
)
def test_accepted(tmp_path: Path, address: str) -> None:
    databases = f"  g: {{primary: true, format: delta, address: '{address}'}}\n"
    assert _problems(small_tenant(tmp_path / "t"), databases) == []


def test_a_lake_in_s3_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = small_tenant(tmp_path / "t")
    databases = "  g: {primary: true, format: delta, address: 's3://brand/lake'}\n"
    with s3_bucket() as client:
        assert _problems(root, databases) == []
        other = Document("d", "somebody", "delta", "1", 1, "2026-03-02T00:00:00", "2026-03-02", ())
        client.put_object(Bucket="brand", Key="lake/publication.json", Body=other.to_json())
        (problem,) = [p for p in all_problems(root) if p.severity == "error"]
        assert problem.key == "databases.g.address"
        assert "holds a database of another tenant, somebody" in problem.message
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        (warning,) = [p for p in all_problems(root) if p.key == "databases.g.address"]
    assert warning.severity == "warning"
    assert "lake s3://brand/lake cannot be reached" in warning.message

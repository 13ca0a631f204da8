"""Files at S3 and SFTP addresses: fetched once, kept private, fetched again when they change, and failures told apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest

from c360_assets.ingest import couriers
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landing import landed
from c360_assets.tenant.models import FeedConfig
from c360_assets_tests.ingest.servers import s3_server, sftp_server
from c360_assets_tests.ingest.tenants import feed_of, load, table, tenant_of

HEADER = "id,name,seen,spent\n"
PATTERN = "'in/c-'yyyyMMdd'*.csv'"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "PAUSE", 0.01)
    monkeypatch.setattr(couriers, "SECONDS_BETWEEN_LOOKS", 0.0)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_server() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="brand")
        yield client


def feed(address: str) -> FeedConfig:
    return feed_of(files={"pattern": PATTERN, "address": address})


def test_s3(tmp_path: Path, s3: Any) -> None:
    made = feed("s3://brand/drop")
    tenant = tenant_of(tmp_path, made)
    assert landed(tenant, made) == []
    for key, text in (
        ("drop/in/c-20240105.csv", "a,Ann,,\n"),
        ("drop/in/c-20240105-b.csv", "b,Bob,,\n"),
        ("drop/in/other.csv", "x,,,\n"),
        ("drop/in/c-20180101.csv", "too,old,,\n"),
        ("else/in/c-20240105.csv", "y,,,\n"),
    ):
        s3.put_object(Bucket="brand", Key=key, Body=(HEADER + text).encode())
    result = load(tenant, made)
    assert [(d.day, len(d.files), d.message) for d in result.days] == [(date(2024, 1, 5), 2, "")]
    assert table(tenant, made)["name"].to_list() == ["Ann", "Bob"]
    kept = tmp_path / "cache" / "Shop_Customers"
    assert sorted(p.name for p in kept.rglob("*.csv")) == ["c-20240105-b.csv", "c-20240105.csv"]
    assert {p.stat().st_mode & 0o777 for p in kept.rglob("*.csv")} == {0o600}
    assert {p.stat().st_mode & 0o777 for p in (kept, kept.parent, kept / "in")} == {0o700}
    assert load(tenant, made).days == []
    s3.put_object(Bucket="brand", Key="drop/in/c-20240105.csv", Body=(HEADER + "a,Annette,,\n").encode())
    s3.delete_object(Bucket="brand", Key="drop/in/c-20240105-b.csv")
    assert [(d.attempt, len(d.files)) for d in load(tenant, made).days] == [(2, 1)]
    assert table(tenant, made)["name"].to_list() == ["Annette", "Bob"]


def test_s3_failures(tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(tmp_path, "s3://nobody/drop") == "location"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert failure(tmp_path, "s3://brand/drop") == "connection"


def failure(root: Path, address: str) -> str:
    made = feed(address)
    with pytest.raises(LoadError) as caught:
        landed(tenant_of(root, made), made)
    what, remedy = couriers.FAILURES[caught.value.kind]
    assert what in str(caught.value)
    assert remedy in str(caught.value)
    assert "secret" not in str(caught.value)
    return caught.value.kind


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv(couriers.PASSWORD, "secret")
    return tmp_path / "home"


def test_sftp(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "served"
    (served / "drop" / "in").mkdir(parents=True)
    with sftp_server(served) as (port, key):
        made = feed(f"sftp://brand@127.0.0.1:{port}/drop")
        tenant = tenant_of(tmp_path / "tenant", made)
        assert failure(tmp_path / "tenant", made.files.address) == "host_key"
        (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n")
        assert landed(tenant, made) == []
        path = served / "drop" / "in" / "c-20240105.csv"
        path.write_text(HEADER + "a,Ann,,\n")
        assert load(tenant, made).rows_loaded == 1
        assert load(tenant, made).days == []
        path.write_text(HEADER + "a,Anna,,\n")
        assert load(tenant, made).rows_loaded == 1
        assert table(tenant, made)["name"].to_list() == ["Anna"]
        assert failure(tmp_path / "tenant", f"sftp://brand@127.0.0.1:{port}/nowhere") == "location"
        monkeypatch.setenv(couriers.PASSWORD, "wrong")
        assert failure(tmp_path / "tenant", made.files.address) == "credentials"
    assert failure(tmp_path / "tenant", made.files.address) == "connection"


def test_a_file_that_grows_while_it_is_fetched_has_not_landed(tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = feed("s3://brand/growing")
    tenant = tenant_of(tmp_path, made)
    s3.put_object(Bucket="brand", Key="growing/in/c-20240105.csv", Body=b"id\na\n")
    real = couriers._facts
    looks = iter([(5, 1), (9, 2)])
    monkeypatch.setattr(couriers, "_facts", lambda info: next(looks))
    assert landed(tenant, made) == []
    monkeypatch.setattr(couriers, "_facts", real)
    assert len(landed(tenant, made)) == 1
    assert not [p for p in (tmp_path / ".tmp").iterdir() if p.name.startswith("fetch")]


def test_the_cache_is_looked_at_once_in_a_while(tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = feed("s3://brand/rarely")
    tenant = tenant_of(tmp_path, made)
    landed(tenant, made)
    monkeypatch.setattr(couriers, "SECONDS_BETWEEN_LOOKS", 60.0)
    s3.put_object(Bucket="brand", Key="rarely/in/c-20240105.csv", Body=b"id\na\n")
    assert landed(tenant, made) == []
    monkeypatch.setattr(couriers, "SECONDS_BETWEEN_LOOKS", 0.0)
    assert len(landed(tenant, made)) == 1
    assert os.listdir(tmp_path / "landing") == []

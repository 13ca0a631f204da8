"""Files at S3 and SFTP addresses: fetched once, kept private, fetched again when they change, and
failures told apart.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.request import Request, urlopen

import pytest

from c360_assets.ingest import remote
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landed_files import landed
from c360_assets.ingest.landing import pending
from c360_assets.ingest.read_again import DayLoad
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.remote_failures import FailureKind
from c360_assets.warehouse.remote_places import SFTP_PASSWORD, SFTP_USER
from c360_assets_tests.ingest.servers import s3_bucket, sftp_server
from c360_assets_tests.ingest.tenants import feed_of, ledger, load, table, tenant_of
from c360_assets_tests.ingest.test_reliability import as_root, small_disk

HEADER = "id,name,seen,spent\n"
PATTERN = "'in/c-'yyyyMMdd'*.csv'"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0.01)
    monkeypatch.setattr(remote, "SECONDS_BETWEEN_LOOKS", 0.0)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_bucket() as client:
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
    s3.put_object(
        Bucket="brand", Key="drop/in/c-20240105.csv", Body=(HEADER + "a,Annette,,\n").encode()
    )
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
    what, remedy = remote.FAILURES[cast(FailureKind, caught.value.kind)]
    assert what in str(caught.value)
    assert remedy in str(caught.value)
    assert "secret" not in str(caught.value)
    return caught.value.kind


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv(SFTP_PASSWORD, "secret")
    return tmp_path / "home"


def test_sftp(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "served"
    (served / "drop" / "in").mkdir(parents=True)
    monkeypatch.setenv(SFTP_USER, "brand")
    with sftp_server(served) as (port, key):
        made = feed(f"sftp://127.0.0.1:{port}/drop")
        tenant = tenant_of(tmp_path / "tenant", made)
        assert failure(tmp_path / "tenant", made.files.address) == "host_key"
        (home / ".ssh" / "known_hosts").write_text(
            f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
        )
        assert landed(tenant, made) == []
        path = served / "drop" / "in" / "c-20240105.csv"
        path.write_text(HEADER + "a,Ann,,\n")
        assert load(tenant, made).rows_loaded == 1
        assert load(tenant, made).days == []
        path.write_text(HEADER + "a,Anna,,\n")
        assert load(tenant, made).rows_loaded == 1
        assert table(tenant, made)["name"].to_list() == ["Anna"]
        assert failure(tmp_path / "tenant", f"sftp://127.0.0.1:{port}/nowhere") == "location"
        monkeypatch.setenv(SFTP_PASSWORD, "wrong")
        assert failure(tmp_path / "tenant", made.files.address) == "credentials"
    assert failure(tmp_path / "tenant", made.files.address) == "connection"


def test_a_file_that_grows_while_it_is_fetched_has_not_landed(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = feed("s3://brand/growing")
    tenant = tenant_of(tmp_path, made)
    s3.put_object(Bucket="brand", Key="growing/in/c-20240105.csv", Body=b"id\na\n")
    real = remote._facts
    looks = iter([remote.Facts(5, 1), remote.Facts(9, 2)])
    monkeypatch.setattr(remote, "_facts", lambda info: next(looks))
    assert landed(tenant, made) == []
    monkeypatch.setattr(remote, "_facts", real)
    assert len(landed(tenant, made)) == 1
    assert not [p for p in (tmp_path / ".tmp").iterdir() if p.name.startswith("fetch")]


def test_versions_of_one_second_and_size_are_told_apart(tmp_path: Path, s3: Any) -> None:
    made = feed("s3://brand/quick")
    tenant = tenant_of(tmp_path, made)
    for name in ("Ann", "Bob", "Cyd"):
        s3.put_object(
            Bucket="brand", Key="quick/in/c-20240105.csv", Body=f"{HEADER}a,{name},,\n".encode()
        )
        assert load(tenant, made).rows_loaded == 1
        assert table(tenant, made)["name"].to_list() == [name]


def test_a_list_shows_what_is_news_without_fetching(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = feed("s3://brand/listed")
    tenant = tenant_of(tmp_path, made)
    content = (HEADER + "a,Ann,,\n").encode()

    def to_load() -> list[DayLoad]:
        return pending(tenant, made, ledger(tenant), fetched=False)

    s3.put_object(Bucket="brand", Key="listed/in/c-20240105.csv", Body=content)
    assert [d.day for d in to_load()] == [date(2024, 1, 5)]
    assert not (tmp_path / "cache").exists()
    load(tenant, made)
    assert to_load() == []
    real = remote._facts
    monkeypatch.setattr(
        remote, "_facts", lambda info: replace(real(info), changed=real(info).changed + 5)
    )
    assert [d.day for d in to_load()] == [date(2024, 1, 5)], "the same content was sent again"
    assert load(tenant, made).days == []
    assert to_load() == []
    monkeypatch.setattr(remote, "_facts", real)
    s3.put_object(
        Bucket="brand", Key="listed/in/c-20240105.csv", Body=content.replace(b"Ann", b"Anna")
    )
    (seen,) = to_load()
    assert load(tenant, made).rows_loaded == 1
    assert to_load() == []
    assert (seen.attempt, seen.files[0].listed) == (2, True)


def test_an_address_that_refuses(tmp_path: Path, s3: Any) -> None:
    server = os.environ["AWS_ENDPOINT_URL"]
    post = partial(
        Request,
        f"{server}/moto-api/reset-auth",
        headers={"Content-Type": "text/plain"},
        method="POST",
    )
    urlopen(post(data=b"0")).close()
    try:
        assert failure(tmp_path, "s3://brand/drop") == "credentials"
    finally:
        urlopen(post(data=b"inf")).close()


@pytest.mark.parametrize(
    ("library", "address"), [("s3fs", "s3://brand/drop"), ("paramiko", "sftp://host/drop")]
)
def test_an_optional_part_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, address: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # as if it were not: importing it fails
    monkeypatch.delitem(sys.modules, "c360_assets.warehouse.sftp", raising=False)
    assert failure(tmp_path, address) == "extra"


@as_root
def test_a_disk_that_is_full(tmp_path: Path, s3: Any) -> None:
    made = feed("s3://brand/large")
    s3.put_object(Bucket="brand", Key="large/in/c-20240105.csv", Body=b"x" * 1_000_000)
    with small_disk(tmp_path / ".tmp", "100k"):
        assert failure(tmp_path, made.files.address) == "disk"
        assert list((tmp_path / ".tmp").iterdir()) == []
    assert len(landed(tenant_of(tmp_path, made), made)) == 1


def test_the_cache_is_looked_at_once_in_a_while(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = feed("s3://brand/rarely")
    tenant = tenant_of(tmp_path, made)
    landed(tenant, made)
    monkeypatch.setattr(remote, "SECONDS_BETWEEN_LOOKS", 60.0)
    s3.put_object(Bucket="brand", Key="rarely/in/c-20240105.csv", Body=b"id\na\n")
    assert landed(tenant, made) == []
    monkeypatch.setattr(remote, "SECONDS_BETWEEN_LOOKS", 0.0)
    assert len(landed(tenant, made)) == 1
    assert os.listdir(tmp_path / "landing") == []

"""What breaks on the way to a bucket: one sentence with address, cause and remedy, in time, and
afterwards nothing is lost and nothing wrong."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from c360_assets.errors import C360Error
from c360_assets.reporting.published import attach_published
from c360_assets.warehouse import bucket as buckets
from c360_assets.warehouse import lease as leases
from c360_assets.warehouse import remote_places
from c360_assets.warehouse.bucket import Bucket
from c360_assets.warehouse.lake_bucket import S3Storage
from c360_assets.warehouse.lease import LEASE, Lease, held_lease, try_lease
from c360_assets.warehouse.lock import release_bucket
from c360_assets.warehouse.locked_session import own_engine
from c360_assets.warehouse.storage import require_usable
from c360_assets_tests.day.command import clean_environment
from c360_assets_tests.warehouse import test_published_lake as lakes
from c360_assets_tests.warehouse.faulty_s3 import Door, Fault
from c360_assets_tests.warehouse.s3 import s3_of_its_own
from c360_assets_tests.warehouse.test_bucket import machine, values, write

SILENCE = 60.0
MANIFEST, DATA, LOG = r"/(manifest|publication)\.json", r"/part-.*\.parquet", "/_delta_log/"


def denied(path: str, status: int, code: str) -> Fault:
    return Fault(path=path, status=status, code=code)


FAULTS = [
    (denied(MANIFEST, 400, "ExpiredToken"), "credentials have expired", "AWS_SESSION_TOKEN"),
    (denied(DATA, 403, "AccessDenied"), "does not allow this", "let these credentials list, read"),
    (Fault(path=LOG, seconds=SILENCE), "does not answer in time", "see that the server and the"),
    (Fault(path=MANIFEST, seconds=SILENCE), "does not answer in time", "see that the server"),
    (denied(DATA, 403, "InvalidAccessKeyId"), "refuses these credentials", "AWS_ACCESS_KEY_ID"),
    (denied(MANIFEST, 403, "SignatureDoesNotMatch"), "refuses these credentials", "AWS_SECRET_"),
    (denied(LOG, 400, "ExpiredToken"), "credentials have expired", "AWS_SESSION_TOKEN"),
    (denied(MANIFEST, 403, "RequestTimeTooSkewed"), "whose clock is wrong", "set the clock"),
    (denied(LOG, 403, "AccessDenied"), "does not allow this", "let these credentials list, read"),
    (denied(DATA, 503, "SlowDown"), "a failure of its own", "wait until the server is well"),
    (denied(LOG, 500, "InternalError"), "a failure of its own", "wait until the server is well"),
    (denied(DATA, 404, "NoSuchBucket"), "is not there", "create the bucket, or correct"),
]


def each_fault(quick: int) -> pytest.MarkDecorator:
    """A case of each fault, all but the first `quick` of them for CI."""
    cases = [
        pytest.param(*fault, marks=[pytest.mark.long] * (place >= quick))
        for place, fault in enumerate(FAULTS)
    ]
    return pytest.mark.parametrize(("fault", "problem", "remedy"), cases)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_of_its_own() as client:
        yield client


@pytest.fixture(scope="module")
def door(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    opened = Door(s3.meta.endpoint_url, tmp_path_factory.mktemp("door"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", opened.address)
        # Silence is waited for, and the tests of it wait for each attempt.
        patch.setattr(remote_places, "SECONDS_TO_ANSWER", 1)
        patch.setitem(remote_places.DELTA_LIMITS, "timeout", "1s")
        patch.setattr(buckets, "SECONDS_OF_SILENCE", 0.0)
        yield opened
    opened.shut()


@pytest.fixture
def address(door: Door, request: pytest.FixtureRequest) -> Iterator[str]:
    door.fail()
    place = f"s3://brand/{re.sub('[^a-z0-9_]+', '-', request.node.name).strip('-')[:80]}"
    yield f"{place}/w"
    door.fail()
    release_bucket(f"{place}/w")


def said(work: Callable[[], object]) -> str:
    """The one sentence with which a work fails."""
    with pytest.raises(C360Error) as caught:
        work()
    return str(caught.value)


@each_fault(quick=3)
def test_a_warehouse_that_fails_is_a_sentence_and_the_next_run_goes_on(
    tmp_path: Path, door: Door, address: str, fault: Fault, problem: str, remedy: str
) -> None:
    folder = machine(tmp_path / "one", address)
    write(folder, [1])
    door.fail(fault)
    sentence = said(lambda: write(folder, [2]))
    assert address in sentence
    assert problem in sentence
    assert remedy in sentence
    assert "testing" not in sentence
    if fault.path == MANIFEST:
        assert problem in said(lambda: require_usable(folder))
        assert problem in said(lambda: values(folder))
    door.fail()
    assert values(machine(tmp_path / "two", address)) == [1]
    write(folder, [2])
    assert values(machine(tmp_path / "two", address)) == [2]


@each_fault(quick=1)  # whose sentences are made where those of a warehouse are
def test_a_lake_that_fails_is_a_sentence_and_the_next_run_goes_on(
    tmp_path: Path, door: Door, address: str, fault: Fault, problem: str, remedy: str
) -> None:
    lake = lakes._lake(tmp_path, "delta", address)
    lakes._publish(tmp_path, lake, 1)
    door.fail(fault)
    sentence = said(lambda: lakes._publish(tmp_path, lake, 2))
    assert f"lake {address}" in sentence
    assert problem in sentence
    assert remedy in sentence
    door.fail()
    assert lakes._read(lake) == (1,)
    lakes._publish(tmp_path, lake, 2)
    assert lakes._read(lake) == (2,)
    assert lakes._kept(lake) == {1: 1}


def test_a_silent_server_is_waited_for_once(
    tmp_path: Path, door: Door, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = machine(tmp_path / "one", address)
    write(folder, [1])
    monkeypatch.setattr(buckets, "SECONDS_OF_SILENCE", 600.0)
    bucket = Bucket(address)
    door.fail(Fault(seconds=SILENCE))
    first = said(lambda: bucket.read("manifest.json"))
    asked = len(door.requests())
    assert asked == remote_places.ATTEMPTS**2
    assert said(lambda: bucket.put("x", b"1", None)) == first
    assert len(door.requests()) == asked


def test_what_is_not_allowed_is_named(tmp_path: Path, door: Door, address: str) -> None:
    folder = machine(tmp_path / "one", address)
    write(folder, [1])
    door.fail(Fault("PUT", "/domain/t/part-", 403, "AccessDenied"))
    assert f"warehouse {address}/domain/t/part-" in said(lambda: write(folder, [2]))


def test_a_server_that_is_killed_and_comes_back(tmp_path: Path, door: Door, address: str) -> None:
    folder = machine(tmp_path / "one", address)
    lake = lakes._lake(tmp_path, "delta", address.replace("/w", "/lake"))
    write(folder, [1])
    lakes._publish(tmp_path, lake, 1)
    door.shut()
    try:
        assert "cannot be reached" in said(lambda: write(folder, [2]))
        assert "cannot be reached" in said(lambda: lakes._publish(tmp_path, lake, 2))
    finally:
        door.open()
    write(folder, [2])
    assert values(folder) == [2]
    lakes._publish(tmp_path, lake, 2)
    assert lakes._read(lake) == (2,)


@pytest.mark.parametrize("problem", ["missing", "damaged"])
def test_an_object_of_a_table_that_is_not_whole(
    tmp_path: Path, s3: Any, door: Door, address: str, problem: str
) -> None:
    write(machine(tmp_path / "one", address), [1])
    prefix = address.removeprefix("s3://brand/")
    found = s3.list_objects_v2(Bucket="brand", Prefix=f"{prefix}/domain/t/part-")["Contents"]
    key = found[0]["Key"]
    whole = s3.get_object(Bucket="brand", Key=key)["Body"].read()
    if problem == "missing":
        s3.delete_object(Bucket="brand", Key=key)
    else:
        s3.put_object(Bucket="brand", Key=key, Body=whole[:-9])
    two = machine(tmp_path / "two", address)
    sentence = said(lambda: values(two))
    assert sentence.startswith(f"s3://brand/{key} is {problem}: put back")
    s3.put_object(Bucket="brand", Key=key, Body=whole)
    assert values(two) == [1]
    # A copy of this machine that was cut short is fetched again.
    copy = two / key.removeprefix(f"{prefix}/")
    copy.write_bytes(whole[:-9])
    assert values(two) == [1]
    assert copy.read_bytes() == whole


@pytest.mark.parametrize("is_cut", [True, pytest.param(False, marks=pytest.mark.long)])
def test_an_object_of_a_lake_that_is_not_whole_is_published_again(
    tmp_path: Path, s3: Any, door: Door, address: str, is_cut: bool
) -> None:
    lake = lakes._lake(tmp_path, "parquet", address)
    lakes._publish(tmp_path, lake, 1)
    place = lakes.LakePlace(lake).published()
    assert place is not None
    assert place.is_whole
    (document,) = lake.documents()
    file = document.by_name[("domain", "same")].files[0]
    key = f"{address.removeprefix('s3://brand/')}/{file}"
    s3.put_object(Bucket="brand", Key=key, Body=b"PAR1 cut") if is_cut else s3.delete_object(
        Bucket="brand", Key=key
    )
    assert lake.missing_files(document) == [file]
    assert not place.is_whole
    assert lakes._publish(tmp_path, lake, 1) == 1, "the other one stays"
    assert lakes._read(lake) == (1,)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (denied("/domain/same/part-", 404, "NoSuchKey"), "FileNotFoundError"),
        (denied("/domain/same/part-", 403, "AccessDenied"), "PermissionError"),
    ],
)
def test_a_lake_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, door: Door, address: str, fault: Fault, reason: str
) -> None:
    lake = lakes._lake(tmp_path, "parquet", address)
    lakes._publish(tmp_path, lake, 1)
    published = lakes.LakePlace(lake).published()
    assert published is not None
    door.fail(fault)
    with own_engine(tmp_path) as con:
        sentence = said(lambda: attach_published(con, published, "asked", "UTC"))
    assert sentence.startswith(f"{address} cannot be read ({reason}): see that its server")
    assert "Traceback" not in sentence


def _other_machine(address: str, what: str) -> Lease:
    """A lease of the lake that another machine holds."""
    lease = try_lease(Bucket(address, "lake"), what)
    assert isinstance(lease, Lease)
    leases._HELD.pop(address)
    return lease


def _silent(lease: Lease) -> None:
    """Its holder is not heard of any more, and it has run out."""
    lease._ended.set()
    with lease._renewing:
        content = lease.bucket.read(LEASE)
        assert content is not None
        facts = json.loads(content.body) | {"seconds": -100.0}
        lease.bucket.put(LEASE, json.dumps(facts).encode(), content.etag)


def test_two_machines_do_not_publish_at_once(
    tmp_path: Path, door: Door, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lakes._lake(tmp_path, "parquet", address)
    lakes._publish(tmp_path, lake, 1)
    other = _other_machine(address, "publishing customer_360")
    monkeypatch.setattr("c360_assets.warehouse.lake_bucket.MOST_LOOKS", 2)
    monkeypatch.setattr("c360_assets.warehouse.lake_bucket.SECONDS_BETWEEN_LOOKS", 0.01)
    sentence = said(lambda: lakes._publish(tmp_path, lake, 2))
    assert "waiting for publishing customer_360 on" in sentence
    assert f"which owns the lake {address}: run again" in sentence
    assert lakes._read(lake) == (1,)
    other.release()
    lakes._publish(tmp_path, lake, 2)
    assert lakes._read(lake) == (2,)


def test_who_was_overtaken_replaces_no_pointer(tmp_path: Path, door: Door, address: str) -> None:
    """At the last moment too: between looking at the lease and putting the pointer."""
    lake = lakes._lake(tmp_path, "delta", address)
    lakes._publish(tmp_path, lake, 1)
    storage = S3Storage(address)
    with storage.owned("the slow run"):
        slow = held_lease(address)
        assert slow is not None
        old = storage.read("publication.json")
        assert old is not None
        _silent(slow)
        leases._HELD.pop(address)
        lakes._publish(tmp_path, lake, 2)
        leases._HELD[address] = slow
        assert "took over the lake" in said(lambda: storage.put_pointer("publication.json", old))
    assert lakes._read(lake) == (2,)


def test_taking_over_makes_a_put_that_is_on_its_way_fail(
    tmp_path: Path, door: Door, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lakes._lake(tmp_path, "parquet", address)
    lakes._publish(tmp_path, lake, 1)
    storage = S3Storage(address)
    with storage.owned("the slow run"):
        old = storage.read("publication.json")
        assert old is not None
        monkeypatch.setattr(Lease, "require", lambda _self: S3Storage(address)._fence())
        assert "took over the lake" in said(lambda: storage.put_pointer("publication.json", old))
    assert lakes._read(lake) == (1,)


KILLED = """
import os, signal, sys
from pathlib import Path
from c360_assets.warehouse.bucket import Bucket
from c360_assets_tests.warehouse import test_published_lake as lakes
root, address, format_, name, at = sys.argv[1:]
real, calls = getattr(Bucket, name), []
def dies(self, *args):
    calls.append(name)
    if len(calls) == int(at):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *args)
setattr(Bucket, name, dies)
lakes._publish(Path(root), lakes._lake(Path(root), format_, address), 2)
"""


@pytest.mark.parametrize(
    ("format_", "name", "at"),
    [("delta", "upload", 2), pytest.param("parquet", "put", 2, marks=pytest.mark.long)],
)
def test_a_publisher_that_is_killed_leaves_a_whole_publication(
    tmp_path: Path, door: Door, address: str, format_: Any, name: str, at: int
) -> None:
    lake = lakes._lake(tmp_path, format_, address)
    lakes._publish(tmp_path, lake, 1)
    command = [sys.executable, "-c", KILLED, str(tmp_path), address, format_, name, str(at)]
    ended = subprocess.run(command, env=clean_environment(), capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    assert lakes._read(lake) == (1,)
    # Its lease is that of a dead process of this machine, and is not waited for.
    lakes._publish(tmp_path, lake, 2)
    assert lakes._read(lake) == (2,)
    named = {file for document in lake.documents() for file in document.files}
    assert {name for name in lake.storage.files() if name.endswith(".parquet")} == named


@pytest.mark.parametrize("size", [9, 30 << 20])
def test_a_server_that_takes_nothing_of_a_file_is_given_up(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the body was wanted, and while it was under way, no limit of the client counted.

    The buffers between the two take a small file whole, and of a large one a part.
    """
    monkeypatch.setattr(remote_places, "SECONDS_TO_ANSWER", 1)
    file = tmp_path / "file"
    with file.open("wb") as content:
        content.truncate(size)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "t")
        bucket = Bucket("s3://deaf/warehouse")
        with pytest.raises(C360Error, match=r"s3://deaf/warehouse .*then run again"):
            bucket.upload(file, "file")

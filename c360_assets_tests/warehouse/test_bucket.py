"""Tables in a bucket: a real S3 server, two machines as two folders, leases that run out."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from c360_assets.configuration import read_tenant
from c360_assets.errors import C360Error
from c360_assets.privacy.erase_files import drop_versions, versions_kept
from c360_assets.warehouse import lease as leases
from c360_assets.warehouse import storage
from c360_assets.warehouse.bucket import Bucket, ChangedError, bucket_at
from c360_assets.warehouse.lease import LEASE, Lease, held_lease, try_lease
from c360_assets.warehouse.lock import own_bucket, release_bucket, tenant_lock, tenant_lock_if_free
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.move import move_warehouse
from c360_assets.warehouse.place import place_of
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets.warehouse.tidy import tidy_tables
from c360_assets_tests.ingest.servers import s3_bucket

ID = "3d0f6a52-9d5e-4a1b-8c6e-0b6f1d2a7c11"
OTHER_ID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_bucket("testing-secret") as client:
        yield client


@pytest.fixture
def address(s3: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """A folder of the bucket for one test."""
    place = f"s3://brand/{re.sub('[^a-z0-9_]+', '-', request.node.name).strip('-')}"
    yield place
    release_bucket(place)


def machine(root: Path, address: str | None, tenant_id: str = ID) -> Path:
    """The tenant's folder on one more machine; its folder `warehouse/`."""
    root.mkdir(exist_ok=True)
    where = f"warehouse: {address}\n" if address else ""
    (root / "tenant.yaml").write_text(f"id: {tenant_id}\n{where}")
    return root / "warehouse"


def write(folder: Path, values: list[int], table: str = "domain/t", **meta: Any) -> TableState:
    """Write a table as a run does."""
    with tenant_lock(folder.parent, "a test"), open_session(folder) as session:
        state = session.write(table, pl.DataFrame({"a": values}))
        session.commit(**meta)
    return state


def values(folder: Path, table: str = "domain/t") -> list[int]:
    with open_session(folder) as session:
        session.bind(table, "t")
        return [value for (value,) in session.rows("SELECT a FROM t ORDER BY a")]


def names(s3: Any, address: str) -> list[str]:
    """Every object of a folder of the bucket."""
    prefix = address.removeprefix("s3://brand/") + "/"
    found = s3.list_objects_v2(Bucket="brand", Prefix=prefix).get("Contents", [])
    return sorted(entry["Key"].removeprefix(prefix) for entry in found)


def test_tables_are_real_delta_tables_of_the_bucket_and_equal_to_local_ones(
    tmp_path: Path, s3: Any, address: str
) -> None:
    there = machine(tmp_path / "one", address)
    here = machine(tmp_path / "local", None)
    first = write(there, [1, 2])
    assert (first.digest, first.version) == (write(here, [1, 2]).digest, 0)
    assert write(there, [3]).version == 1
    assert not (there / "manifest.json").exists()
    assert not list(there.rglob("_delta_log"))
    assert {path.stat().st_mode & 0o777 for path in [there, there / "in_bucket.json"]} == {
        0o700,
        0o600,
    }
    options = bucket_at(address).delta_options()
    foreign = DeltaTable(f"{address}/domain/t", storage_options=options)
    assert foreign.version() == 1
    assert foreign.to_pyarrow_table().to_pydict() == {"a": [3]}
    earlier = DeltaTable(f"{address}/domain/t", version=0, storage_options=options)
    assert earlier.to_pyarrow_table().num_rows == 2


def test_another_machine_goes_on_with_the_settings_alone(
    tmp_path: Path, s3: Any, address: str
) -> None:
    one = machine(tmp_path / "one", address)
    state = write(one, [1, 2], stitch_generation=7)
    two = machine(tmp_path / "two", address)
    warehouse = Warehouse.open(two)
    assert warehouse.manifest.meta == {"stitch_generation": 7}
    assert warehouse.state("domain/t") == state
    assert values(two) == [1, 2]
    # Equal content writes no version there either.
    assert write(two, [1, 2]).version == 0
    write(two, [5])
    assert values(one) == [5]


def test_a_table_without_rows_has_no_objects_but_its_log(
    tmp_path: Path, s3: Any, address: str
) -> None:
    one = machine(tmp_path / "one", address)
    write(one, [])
    assert values(machine(tmp_path / "two", address)) == []
    assert [name for name in names(s3, address) if name.endswith(".parquet")] == []


def test_a_second_machine_waits_for_the_lease_and_says_for_whom(
    tmp_path: Path, s3: Any, address: str
) -> None:
    one = machine(tmp_path / "one", address)
    write(one, [1])
    place = place_of(one.parent)
    assert place is not None
    bucket = bucket_at(address)
    other = try_lease(Bucket(address), "the other run")
    assert isinstance(other, Lease)
    leases._HELD.pop(address)  # as if it were another process
    said: list[str] = []

    def waiting(sentence: str) -> None:
        said.append(sentence)
        other.release()

    with tenant_lock_if_free(one.parent, "tidying") as is_free:
        assert not is_free
    with tenant_lock(one.parent, "this run", waiting, poll=0.01):
        with tenant_lock(one.parent, "a part of it"):
            pass
        assert held_lease(address) is not None
    assert len(said) == 1
    assert said[0].startswith("waiting for the other run on ")
    assert held_lease(address) is None
    content = bucket.read(LEASE)
    assert content is not None
    assert json.loads(content.body)["released"] is True


def test_a_lease_is_renewed_and_an_expired_one_is_taken_over_so_that_a_late_put_is_refused(
    tmp_path: Path, s3: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = machine(tmp_path / "one", address), machine(tmp_path / "two", address)
    write(one, [1])
    place = place_of(two.parent)
    assert place is not None
    bucket = bucket_at(address)
    # It is renewed all the time, and would not run out in this test.
    monkeypatch.setattr(leases, "RENEWALS", 600)
    with tenant_lock(one.parent, "the slow run"), open_session(one) as session:
        session.write("domain/t", pl.DataFrame({"a": [666]}))
        slow = held_lease(address)
        assert slow is not None
        leases._HELD.pop(address)
        taken = bucket.read(LEASE)
        renewed = taken
        while taken == renewed:
            time.sleep(0.05)
            renewed = bucket.read(LEASE)
            assert taken is not None
            assert renewed is not None
            taken = taken._replace(age=renewed.age)
        assert "the slow run" in own_bucket(place, "the next run")
        slow._ended.set()  # from now on nothing is heard of it
        with slow._renewing:
            _run_out(bucket)
        assert own_bucket(place, "the next run") == ""
        next_one = held_lease(address)
        assert next_one is not None
        assert next_one.taken_over
        # The next one has read the manifest and has written nothing yet.
        leases._HELD[address] = slow
        with pytest.raises(C360Error, match=r"another machine took over the tables in s3://brand"):
            session.commit()
        leases._HELD[address] = next_one
    assert values(two) == [1]
    release_bucket(address)
    write(two, [2])
    assert values(one) == [2]


def _run_out(bucket: Bucket) -> None:
    """Make a lease as old as one that has run out."""
    content = bucket.read(LEASE)
    assert content is not None
    facts = json.loads(content.body) | {"seconds": -100.0}
    bucket.put(LEASE, json.dumps(facts).encode(), content.etag)


def test_a_put_between_reading_and_taking_over_is_refused_by_the_bucket_itself(
    tmp_path: Path, s3: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = machine(tmp_path / "one", address)
    write(one, [1])
    place = place_of(one.parent)
    assert place is not None
    with tenant_lock(one.parent, "the slow run"), open_session(one) as session:
        session.write("domain/t", pl.DataFrame({"a": [666]}))
        slow = held_lease(address)
        assert slow is not None

        def overtaken(self: Lease) -> None:
            """The lease is looked at, then lost before the manifest is put."""
            monkeypatch.undo()
            storage.fence(bucket_at(address), place, Lease(bucket_at(address), "next", 60.0))

        monkeypatch.setattr(Lease, "require", overtaken)
        with pytest.raises(C360Error, match="nothing of what it did since is kept"):
            session.commit()
    assert values(one) == [1]


def test_a_killed_holder_of_this_machine_is_not_waited_for(
    tmp_path: Path, s3: Any, address: str
) -> None:
    one = machine(tmp_path / "one", address)
    write(one, [1])
    bucket = bucket_at(address)
    content = bucket.read(LEASE)
    assert content is not None
    facts = json.loads(content.body) | {"released": False, "started": "1"}
    bucket.put(LEASE, json.dumps(facts).encode(), content.etag)
    with tenant_lock_if_free(one.parent, "tidying") as is_free:
        assert is_free
        lease = held_lease(address)
        assert lease is not None
        assert lease.taken_over


def test_nobody_writes_without_owning_the_tenant(tmp_path: Path, s3: Any, address: str) -> None:
    one = machine(tmp_path / "one", address)
    with open_session(one) as session:
        session.write("domain/t", pl.DataFrame({"a": [1]}))
        with pytest.raises(C360Error, match="only by who owns the tenant"):
            session.commit()
    assert Warehouse.open(one).manifest.tables == {}


def test_a_conditional_put_whose_answer_was_lost_is_known_again(s3: Any, address: str) -> None:
    bucket = bucket_at(address)
    etag = bucket.put("x", b"1", None)
    assert bucket.put("x", b"1", None) == etag
    assert bucket.put("x", b"2", etag) != etag
    with pytest.raises(ChangedError):
        bucket.put("x", b"3", etag)
    with pytest.raises(ChangedError):
        bucket.put("gone", b"3", etag)


@pytest.mark.parametrize("killed", ["before the commit", "before the manifest"])
def test_what_a_killed_run_left_in_the_bucket_is_swept_as_local_orphans_are(
    tmp_path: Path, s3: Any, address: str, killed: str
) -> None:
    one = machine(tmp_path / "one", address)
    write(one, [1])
    with tenant_lock(one.parent, "killed"), open_session(one) as session:
        if killed == "before the commit":
            (one / "domain/t/part-left.parquet").write_bytes(b"PAR1")
            session.warehouse.storage.put(["domain/t/part-left.parquet"])
        else:
            session.write("domain/t", pl.DataFrame({"a": [666]}))
    assert values(machine(tmp_path / "two", address)) == [1]
    write(one, [2])
    later = datetime.now(UTC) + timedelta(days=1)
    with tenant_lock(one.parent, "tidying"):
        warehouse = Warehouse.open(one)
        would = tidy_tables(warehouse, later, dry_run=True)
        (one / "domain/t/part-never-put.parquet").write_bytes(b"PAR1")
        done = tidy_tables(warehouse, later)
    # Kept: the current version and the one before it, be that one that no manifest named.
    assert [item.count for item in would] == [1, 0, 0]
    assert [item.count for item in done] == [1, 0, 1]
    data = [name for name in names(s3, address) if name.endswith(".parquet")]
    assert len(data) == 2
    assert {path.relative_to(one).as_posix() for path in one.rglob("*.parquet")} <= set(data)
    assert values(one) == [2]


def test_logs_of_a_bucket_get_checkpoints_and_are_shortened(
    tmp_path: Path, s3: Any, address: str
) -> None:
    one = machine(tmp_path / "one", address)
    with tenant_lock(one.parent, "a run"), open_session(one) as session:
        for value in range(12):
            session.write("t", pl.DataFrame({"a": [value]}))
            session.commit()
        later = datetime.now(UTC) + timedelta(days=1)
        warehouse = session.warehouse
        data, logs, copies = tidy_tables(warehouse, later)
        assert (data.count, logs.count, copies.count) == (10, 0, 0)
        session.write("t", pl.DataFrame({"a": [99]}))
        session.commit()
        data, logs, copies = tidy_tables(warehouse, later)
    assert (data.count, logs.count, copies.count) == (1, 11, 0)
    assert values(machine(tmp_path / "two", address), "t") == [99]
    options = bucket_at(address).delta_options()
    assert DeltaTable(f"{address}/t", storage_options=options).version() == 12


def test_move_there_and_back_changes_nothing(tmp_path: Path, s3: Any, address: str) -> None:
    folder = machine(tmp_path / "one", None)
    write(folder, [1])
    write(folder, [2], stitch_generation=3)
    before = Warehouse.open(folder).manifest
    machine(folder.parent, address)
    with pytest.raises(C360Error, match=r"still in .*`c360 warehouse move` takes them there"):
        Warehouse.open(folder)
    with tenant_lock(folder.parent, "a move"):
        (there,) = move_warehouse(folder.parent, ID)
        assert move_warehouse(folder.parent, ID) == []
    assert (there.source, there.target, there.tables, there.files) == ("warehouse/", address, 1, 4)
    assert Warehouse.open(folder).manifest == before
    assert values(machine(tmp_path / "two", address)) == [2]
    assert write(folder, [2]).version == 1, "nothing is written again"
    s3.put_object(Bucket="brand", Key=f"{address.removeprefix('s3://brand/')}/notes.txt", Body=b"")
    machine(folder.parent, None)
    with pytest.raises(C360Error, match=f"the tables are in {address}"):
        Warehouse.open(folder)
    with tenant_lock(folder.parent, "a move"):
        (back,) = move_warehouse(folder.parent, ID)
    assert (back.source, back.target, back.files, back.kept_versions) == (
        address,
        "warehouse/",
        4,
        0,
    )
    assert Warehouse.open(folder).manifest == before
    assert values(folder) == [2]
    assert DeltaTable(folder / "domain/t", version=0).to_pyarrow_table().num_rows == 1
    # What is not ours stays; a machine that still names the bucket does not start anew.
    assert names(s3, address) == [LEASE, "manifest.json", "notes.txt"]
    with pytest.raises(C360Error, match="have left"):
        Warehouse.open(tmp_path / "two" / "warehouse")


def test_move_from_one_bucket_to_another_and_from_one_that_is_not_known(
    tmp_path: Path, s3: Any, address: str
) -> None:
    one = machine(tmp_path / "one", address)
    write(one, [4])
    machine(one.parent, f"{address}-next")
    with pytest.raises(C360Error, match="Are they there already, delete"):
        Warehouse.open(one)
    with tenant_lock(one.parent, "a move"):
        assert [move.target for move in move_warehouse(one.parent, ID)] == [
            "warehouse/",
            f"{address}-next",
        ]
    assert values(one) == [4]
    two = machine(tmp_path / "two", None)
    with tenant_lock(two.parent, "a move"):
        (move,) = move_warehouse(two.parent, ID, f"{address}-next")
    assert (move.tables, values(two)) == (1, [4])
    with pytest.raises(C360Error, match="holds no tables"):
        move_warehouse(machine(tmp_path / "three", None).parent, ID, f"{address}-next")


class KilledError(Exception):
    """Stands for a SIGKILL at this call."""


STEPS_THERE = ["upload 2", "put manifest.json", "mark", "rmtree"]
STEPS_BACK = ["download 2", "put manifest.json", "remove", "unmark"]


@pytest.mark.parametrize("step", [f"there: {s}" for s in STEPS_THERE] + STEPS_BACK)
def test_a_move_that_is_killed_is_ended_by_the_next(
    tmp_path: Path, s3: Any, address: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = machine(tmp_path / "one", None)
    write(folder, [1])
    write(folder, [2])
    before = Warehouse.open(folder).manifest
    machine(folder.parent, address)
    target = address
    if not step.startswith("there"):
        with tenant_lock(folder.parent, "a move"):
            move_warehouse(folder.parent, ID)
        shutil.rmtree(folder / "domain")  # not all copies are here
        machine(folder.parent, None)
        target = "warehouse/"
    with monkeypatch.context() as patch:
        _kill_at(patch, step.removeprefix("there: "))
        with pytest.raises(KilledError), tenant_lock(folder.parent, "a move"):
            move_warehouse(folder.parent, ID)
    with tenant_lock(folder.parent, "a move"):
        moves = move_warehouse(folder.parent, ID)
    # The last step of the way there is behind what says where the tables are.
    assert [move.target for move in moves] == ([] if step == "there: rmtree" else [target])
    assert Warehouse.open(folder).manifest == before
    assert values(folder) == [2]
    assert write(folder, [3]).version == 2


def _kill_at(patch: pytest.MonkeyPatch, step: str) -> None:
    name, _, which = step.partition(" ")
    owner: Any = {"upload": Bucket, "download": Bucket, "put": Bucket, "remove": Bucket}.get(name)
    if owner is None:
        owner = "c360_assets.warehouse.move.shutil" if name == "rmtree" else None
        place = f"{owner or 'c360_assets.warehouse.move'}.{name}"
        patch.setattr(place, _killed)
        return
    real = getattr(owner, name)
    calls: list[str] = []

    def until(self: Bucket, *args: Any) -> Any:
        calls.append(name)
        at_this_call = args[0] == which or (which.isdigit() and len(calls) >= int(which))
        if at_this_call or not which:
            raise KilledError
        return real(self, *args)

    patch.setattr(owner, name, until)


def _killed(*_: Any) -> None:
    raise KilledError


def test_a_move_over_other_tables_is_refused(tmp_path: Path, s3: Any, address: str) -> None:
    write(machine(tmp_path / "one", address), [1])
    two = machine(tmp_path / "two", None)
    write(two, [2])
    machine(two.parent, address)
    with (
        tenant_lock(two.parent, "a move"),
        pytest.raises(C360Error, match="holds other tables of this tenant"),
    ):
        move_warehouse(two.parent, ID)
    machine(two.parent, None)
    assert values(two) == [2]


def test_the_address_of_another_tenant_is_refused_and_its_lease_left_alone(
    tmp_path: Path, s3: Any, address: str
) -> None:
    write(machine(tmp_path / "one", address), [1])
    lease = bucket_at(address).read(LEASE)
    other = machine(tmp_path / "other", address, OTHER_ID)
    told = f"holds the tables of another tenant \\(id {ID}\\)"
    with pytest.raises(C360Error, match=told), tenant_lock(other.parent, "a run"):
        pass
    with pytest.raises(C360Error, match=told):
        storage.require_usable(other)
    after = bucket_at(address).read(LEASE)
    assert lease is not None
    assert after is not None
    assert after.etag == lease.etag


def test_a_folder_that_holds_something_else_or_is_within_a_tenants_is_refused(
    tmp_path: Path, s3: Any, address: str
) -> None:
    key = address.removeprefix("s3://brand/")
    s3.put_object(Bucket="brand", Key=f"{key}/exports/part-1.parquet", Body=b"PAR1")
    full = machine(tmp_path / "full", address)
    for use in (storage.require_usable, lambda folder: write(folder, [1])):
        with pytest.raises(C360Error, match="holds 1 object, and no tables of a tenant"):
            use(full)
    write(machine(tmp_path / "outer", f"{address}/outer"), [1])
    inner = machine(tmp_path / "inner", f"{address}/outer/a/b", OTHER_ID)
    for use in (storage.require_usable, lambda folder: write(folder, [1])):
        with pytest.raises(C360Error, match=f"is within {address}/outer, where a tenant's"):
            use(inner)
    # What somebody put there later is not removed, not even when somebody is forgotten.
    s3.put_object(Bucket="brand", Key=f"{key}/outer/notes.parquet", Body=b"PAR1")
    with tenant_lock(tmp_path / "outer", "forgetting"):
        assert drop_versions(Warehouse.open(tmp_path / "outer" / "warehouse")) == 0
    assert "outer/notes.parquet" in names(s3, address)


def test_versions_that_the_bucket_keeps_go_with_what_is_forgotten(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    one = machine(tmp_path / "one", "s3://versioned/w")
    write(one, [1])
    write(one, [2])
    with tenant_lock(one.parent, "forgetting"):
        warehouse = Warehouse.open(one)
        assert drop_versions(warehouse) == 1
        kept = s3.list_object_versions(Bucket="versioned")
        assert kept["DeleteMarkers"]
        assert versions_kept(warehouse) == []
    kept = s3.list_object_versions(Bucket="versioned")
    assert [v["Key"] for v in kept["Versions"] if not v["IsLatest"]] == ["w/lease.json"]
    assert "DeleteMarkers" not in kept
    # What may not be removed is counted.
    monkeypatch.setattr(Bucket, "_delete", lambda _self, versions: {v["Key"] for v in versions})
    assert versions_kept(Warehouse.open(one)) == [
        "s3://versioned/w keeps earlier versions of 1 object, which may hold values: they could "
        "not be removed (retention of the bucket, or no s3:DeleteObjectVersion)"
    ]
    assert values(one) == [2]


def test_what_cannot_work_is_said_before_anything_is_done(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = machine(tmp_path / "nowhere", "s3://no-such-bucket/w")
    with pytest.raises(C360Error, match=r"is not there \(NoSuchBucket\); create the bucket"):
        storage.require_usable(nowhere)
    far = machine(tmp_path / "far", "s3://brand/far")
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(C360Error, match=r"cannot be reached \(EndpointConnectionError\)"):
            storage.require_usable(far)
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "put", lambda *_: "always")
        with pytest.raises(C360Error, match="does not keep conditions"):
            storage.require_usable(far)
    with monkeypatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(C360Error, match="refuses these credentials"):
            storage.require_usable(far)
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "s3fs", None)
        patch.setenv("AWS_MAX_ATTEMPTS", "1")  # another environment, another connection
        with pytest.raises(C360Error, match=r"pip install 'c360-assets\[s3\]'"):
            storage.require_usable(far)
    storage.require_usable(far)
    assert names(s3, "s3://brand/far") == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("gs://brand/w", "is no address of an S3 bucket"),
        ("brand/w", "is no address of an S3 bucket"),
        ("s3://me:secret@brand/w", "holds a user or password"),
        ("s3://", "names no bucket"),
        ("s3://Brand_1/w", "names no bucket"),
        ("s3://brand/a//b", "names no folder of a bucket"),
        ("s3://brand/../b", "names no folder of a bucket"),
        ("s3://brand/a?x=1", "names no folder of a bucket"),
        ("s3://brand", ""),
        ("s3://brand/some.folder/w/", ""),
    ],
)
def test_the_form_of_an_address_is_checked(tmp_path: Path, written: str, told: str) -> None:
    folder = machine(tmp_path / "one", written)
    _, problems = read_tenant(folder.parent)
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    assert len(errors) == bool(told)
    assert not told or errors[0].startswith(f"tenant.yaml:2: warehouse: {told}")
    assert "secret" not in "".join(errors)


def test_no_credentials_stand_in_files(tmp_path: Path, s3: Any, address: str) -> None:
    one = machine(tmp_path / "one", address)
    write(one, [1])
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    prefix = address.removeprefix("s3://brand/")
    texts += [
        s3.get_object(Bucket="brand", Key=f"{prefix}/{name}")["Body"].read()
        for name in names(s3, address)
    ]
    assert not any(b"testing-secret" in text for text in texts)
    assert "testing-secret" not in repr(Warehouse.open(one).storage.delta("domain/t"))

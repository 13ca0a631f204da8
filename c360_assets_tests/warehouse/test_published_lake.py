"""A lake: whole publications at every instant, files that are written once, foreign readers, S3."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from c360_assets.errors import C360Error
from c360_assets.warehouse import lake_delta, lake_folder
from c360_assets.warehouse.engine import lock
from c360_assets.warehouse.lake_bucket import S3Storage
from c360_assets.warehouse.lake_document import is_own
from c360_assets.warehouse.lake_folder import LocalStorage
from c360_assets.warehouse.lake_storage import LakeStorage
from c360_assets.warehouse.publications import LakePlace, publication_at
from c360_assets.warehouse.published_file import Filling, Keeping, PublishedTable
from c360_assets.warehouse.published_lake import About, Lake, LakeFormat
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.warehouse.s3 import s3_of_its_own

FORMATS: tuple[LakeFormat, ...] = ("delta", "parquet")
MOST = Keeping().most
ABOUT = About("customer_360", "tenant-1", "2026-03-02")
FIGURES = ("reports", "figures")


def _tables(number: int) -> list[PublishedTable]:
    """One that changes, one that stays, one that is filled at the end, and a view."""
    return [
        PublishedTable(
            "main",
            "t",
            f"SELECT {number} AS i, DATE '2026-03-01' AS d, TIMESTAMPTZ '2026-03-01 10:00+00' AS at"
            ", CAST(1.5 AS DECIMAL(9, 2)) AS money, ['a', 'b'] AS tags",
            "a table",
            {"i": "it's a number"},
            mark=f"t{number}",
            semantics={"i": "fk-number"},
            personal=frozenset({"i"}),
        ),
        PublishedTable("domain", "same", "SELECT 'x' AS name", mark="same"),
        PublishedTable(*FIGURES, "SELECT 0 AS n, '' AS text WHERE FALSE"),
        PublishedTable("main", "v", "SELECT i + 1 AS j FROM main.t", view=True),
    ]


def _finish(session: Session, name: str, _staying: object) -> None:
    session.execute(f"INSERT INTO {name}.reports.figures SELECT i, 'figure' FROM {name}.main.t")


FILLING = Filling(
    statements=[
        "CREATE OR REPLACE MACRO published.main.plus(a) AS a + 1",
        "CREATE OR REPLACE MACRO published.main.twice(a) AS plus(plus(a))",
    ],
    finish=_finish,
)


def _lake(root: Path, format_: LakeFormat, address: str | None = None) -> Lake:
    return Lake(format_, address or str(root / "lake"), root / ".tmp")


def _publish(root: Path, lake: Lake, number: int, keeping: Keeping | None = None) -> int:
    with open_session(root / "warehouse") as session:
        written = lake.publish(
            session, _tables(number), ABOUT, FILLING, keeping or Keeping(), filled={FIGURES}
        )
    return written.kept


def _read(lake: Lake) -> tuple[int, ...]:
    """What a reader gets of all tables at once."""
    published = LakePlace(lake).published()
    assert published is not None
    return _read_one(published)


def _read_one(publication: Any) -> tuple[int, ...]:
    with publication.opened() as con:
        ((i, j, n, macro),) = con.execute(
            "SELECT i, j, n, twice(0) FROM main.t, main.v, reports.figures, domain.same"
        ).fetchall()
    assert (j, n, macro) == (i + 1, i, 2)
    return (int(i),)


def _kept(lake: Lake) -> dict[int | None, int]:
    return {one.number: _read_one(one)[0] for one in LakePlace(lake).kept()}


@pytest.mark.parametrize("format_", FORMATS)
def test_what_did_not_change_is_not_written_again(tmp_path: Path, format_: LakeFormat) -> None:
    lake = _lake(tmp_path, format_)
    assert _publish(tmp_path, lake, 1) == 0
    before = lake.storage.files()
    assert _publish(tmp_path, lake, 2) == 1
    after = {name: size for name, size in lake.storage.files().items() if name not in before}
    data = sorted(name.rpartition("/")[0] for name in after if name.endswith(".parquet"))
    assert data == ["main/t", "reports/figures"]
    logs = {name.split("/_delta_log")[0] for name in after if "_delta_log" in name}
    assert logs == ({"main/t", "reports/figures"} if format_ == "delta" else set())
    assert _read(lake) == (2,)


@pytest.mark.parametrize("format_", FORMATS)
def test_files_are_for_their_owner_only(tmp_path: Path, format_: LakeFormat) -> None:
    lake = _lake(tmp_path, format_)
    _publish(tmp_path, lake, 1)
    for path in [tmp_path / "lake", *(tmp_path / "lake").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("format_", FORMATS)
def test_the_pointer_says_what_is_published(tmp_path: Path, format_: LakeFormat) -> None:
    lake = _lake(tmp_path, format_)
    _publish(tmp_path, lake, 1)
    told = json.loads((tmp_path / "lake/publication.json").read_text("utf-8"))
    assert (told["database"], told["as_of"], told["number"]) == ("customer_360", "2026-03-02", 1)
    assert len(told["id"]) == 32
    table = next(one for one in told["tables"] if one["table"] == "t")
    assert (table["schema"], table["rows"], table["description"]) == ("main", 1, "a table")
    assert table["columns"][0] == {
        "name": "i",
        "type": "INTEGER",
        "description": "it's a number",
        "semantic": "fk-number",
        "is_pii": True,
    }
    assert [column["type"] for column in table["columns"][1:]] == [
        "DATE",
        "TIMESTAMP WITH TIME ZONE",
        "DECIMAL(9,2)",
        "VARCHAR[]",
    ]
    with duckdb.connect() as con:
        files = [str(tmp_path / "lake" / file) for file in table["files"]]
        assert con.execute("SELECT i, money FROM read_parquet(?)", [files]).fetchall()


def test_foreign_readers_open_the_version_that_the_pointer_names(tmp_path: Path) -> None:
    lake = _lake(tmp_path, "delta")
    for number in (1, 2, 3):
        _publish(tmp_path, lake, number)
    LakePlace(lake).restore(1)
    told = json.loads((tmp_path / "lake/publication.json").read_text("utf-8"))
    table = next(one for one in told["tables"] if one["table"] == "t")
    path = tmp_path / "lake" / table["path"]
    named = DeltaTable(path, version=table["version"])
    assert named.to_pyarrow_table().to_pylist()[0]["i"] == 1
    # Whoever asks no pointer sees what is published too, once it is.
    assert DeltaTable(path).version() == table["version"] == 3
    field = named.schema().fields[0]
    assert (field.name, field.metadata) == ("i", {"comment": "it's a number"})


def test_a_delta_table_follows_its_columns_and_their_descriptions(tmp_path: Path) -> None:
    lake = _lake(tmp_path, "delta")
    states = [
        ("SELECT 1 AS a", {"a": "one"}),
        ("SELECT 1 AS a, 'x' AS b", {"a": "one", "b": "bee"}),
        ("SELECT 'y' AS a", {"a": "text"}),
        ("SELECT 'y' AS a", {"a": "other words"}),
    ]
    for version, (source, descriptions) in enumerate(states):
        table = PublishedTable("main", "t", source, "", descriptions)
        with open_session(tmp_path / "warehouse") as session:
            lake.publish(session, [table], ABOUT)
        head = DeltaTable(tmp_path / "lake/main/t")
        assert head.version() == version
        comments = {field.name: field.metadata["comment"] for field in head.schema().fields}
        assert comments == descriptions


@pytest.mark.parametrize("format_", FORMATS)
def test_earlier_publications_are_kept_and_published_again(
    tmp_path: Path, format_: LakeFormat
) -> None:
    lake = _lake(tmp_path, format_)
    place = LakePlace(lake)
    for number in (1, 2, 3):
        _publish(tmp_path, lake, number)
    published = place.published()
    assert published is not None
    assert (published.number, _kept(lake)) == (None, {2: 2, 1: 1})
    for restored in ((2, 3), (1, 2)):
        chosen = place.earlier_one().number
        assert chosen is not None
        assert (place.restore(chosen), _read(lake)) == (restored, (restored[0],))
    with pytest.raises(LookupError, match="number 1 is published, no earlier one is kept"):
        place.earlier_one()
    with pytest.raises(LookupError, match="number 99"):
        place.earlier_one(99)
    _publish(tmp_path, lake, 4)
    assert (_read(lake), _kept(lake)) == ((4,), {3: 3, 2: 2, 1: 1})
    reference = f"{tmp_path}/lake/history/2.json"
    assert _read_one(publication_at(reference, tmp_path / ".tmp")) == (2,)


def test_publications_go_by_number_and_age_and_their_files_with_them(tmp_path: Path) -> None:
    lake = _lake(tmp_path, "delta")
    for number in range(MOST + 3):
        _publish(tmp_path, lake, number)
    assert len(_kept(lake)) == MOST
    assert len(list((tmp_path / "lake/main/t").glob("*.parquet"))) == MOST + 1
    later = datetime.now(UTC) + timedelta(days=400)
    old = lake.too_old(Keeping(), later, lake.kept().values())
    assert len(old) == MOST - 1, "the newest stays whatever its age"
    lake.drop(old)
    assert len(list((tmp_path / "lake/main/t").glob("*.parquet"))) == 2
    assert _read(lake) == (MOST + 2,)


def test_a_table_that_is_published_no_more_goes_with_the_last_that_has_it(tmp_path: Path) -> None:
    lake = _lake(tmp_path, "delta")
    _publish(tmp_path, lake, 1)
    for _ in range(2):
        with open_session(tmp_path / "warehouse") as session:
            tables = [table for table in _tables(2) if table.name != "same"]
            lake.publish(session, tables, ABOUT, FILLING, Keeping(1), filled={FIGURES})
    assert not (tmp_path / "lake/domain").exists()


def test_the_format_of_a_lake_may_change(tmp_path: Path) -> None:
    for number, format_ in enumerate(("delta", "parquet", "delta"), 1):
        lake = _lake(tmp_path, format_)  # type: ignore[arg-type]
        _publish(tmp_path, lake, number)
        assert _read(lake) == (number,)
        has_logs = any("_delta_log" in name for name in lake.storage.files())
        assert has_logs == (format_ == "delta")
    assert _kept(lake) == {2: 2, 1: 1}
    LakePlace(lake).restore(2)
    assert DeltaTable(tmp_path / "lake/main/t").to_pyarrow_table().to_pylist()[0]["i"] == 2


def test_foreign_files_and_foreign_lakes_are_left_alone(tmp_path: Path) -> None:
    lake = _lake(tmp_path, "parquet")
    _publish(tmp_path, lake, 1)
    theirs = tmp_path / "lake/main/t/theirs.parquet"
    theirs.write_bytes(b"PAR1")
    _publish(tmp_path, lake, 2)
    assert theirs.exists()
    with (
        open_session(tmp_path / "warehouse") as session,
        pytest.raises(C360Error, match="another tenant, tenant-1"),
    ):
        lake.publish(session, _tables(3), About("customer_360", "tenant-2", ""), FILLING)
    assert lake.remove_all() > 0
    left = {path for path in (tmp_path / "lake").rglob("*") if path.is_file()}
    assert left - {tmp_path / "lake" / lake_folder.LOCK} == {theirs}


def test_a_damaged_pointer_is_published_over(tmp_path: Path) -> None:
    lake = _lake(tmp_path, "parquet")
    _publish(tmp_path, lake, 1)
    pointer = tmp_path / "lake/publication.json"
    pointer.write_bytes(pointer.read_bytes()[:100])
    with pytest.raises(C360Error, match="damaged"):
        lake.published()
    _publish(tmp_path, lake, 2)
    assert _read(lake) == (2,)


class Killed(BaseException):
    pass


Step = Callable[..., Any]


def _steps(monkeypatch: pytest.MonkeyPatch, kind: type) -> Callable[[int], None]:
    """Have every change of a lake counted, and the one of that number killed before it is made."""
    left = [0]
    changes: list[tuple[Any, str]] = [(kind, name) for name in ("put", "put_file", "delete")]
    changes += [(lake_delta, "create_table_with_add_actions")]

    def counted(step: Step) -> Step:
        def change(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return step(*args, **kwargs)

        return change

    for owner, name in changes:
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    write = lake_delta.DeltaTable.create_write_transaction
    monkeypatch.setattr(lake_delta.DeltaTable, "create_write_transaction", counted(write))

    def kill_at(number: int) -> None:
        left[0] = number

    return kill_at


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("again", ["publish", "restore"])
def test_what_is_killed_before_any_step_leaves_a_whole_publication_and_keeps_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: LakeFormat, again: str
) -> None:
    def work(root: Path, lake: Lake) -> None:
        if again == "publish":
            _publish(root, lake, 3, Keeping(2))
        else:
            LakePlace(lake).restore(1)

    kill_at = _steps(monkeypatch, LocalStorage)
    expected = (3,) if again == "publish" else (1,)
    for step in range(1, 100):
        root = tmp_path / str(step)
        lake = _lake(root, format_)
        kill_at(0)
        for number in (1, 2):
            _publish(root, lake, number)
        kill_at(step)
        try:
            work(root, lake)
        except Killed:
            assert _read(lake) in ((2,), expected)
            assert set(_kept(lake).items()) <= {(1, 1), (2, 2)}
        else:
            break
        work(root, lake)
        assert _read(lake) == expected
        named = {file for document in lake.documents() for file in document.files}
        _publish(root, lake, 9)
        lake.drop(lake.kept_numbers())
        files = {name for name in lake.storage.files() if name.endswith(".parquet")}
        assert files == set(lake.documents()[0].files)
        assert not named <= files
        if format_ == "delta":
            table = DeltaTable(root / "lake/main/t")
            assert table.to_pyarrow_table().to_pylist()[0]["i"] == 9
    assert step >= 4, "each step was killed once"


def test_a_reader_keeps_its_publication_while_another_is_published(tmp_path: Path) -> None:
    lake = _lake(tmp_path, "parquet")
    _publish(tmp_path, lake, 1)
    published = LakePlace(lake).published()
    assert published is not None
    with published.opened() as con:
        _publish(tmp_path, lake, 2)
        assert con.execute("SELECT i FROM t").fetchall() == [(1,)]


def test_a_locked_engine_reads_a_lake_and_writes_nothing_to_it(tmp_path: Path) -> None:
    lake = _lake(tmp_path, "parquet")
    _publish(tmp_path, lake, 1)
    published = LakePlace(lake).published()
    assert published is not None
    with duckdb.connect() as con:
        paths = published.attach_locked(con, "asked")
        lock(con, paths)
        assert con.execute("SELECT i FROM asked.t").fetchall() == [(1,)]
        for path in (paths[0], str(tmp_path / "lake/main/t/other.parquet")):
            with pytest.raises(duckdb.Error):
                con.execute(f"COPY (SELECT 1) TO '{path}' (FORMAT parquet)")
    assert lake.missing_files(published.document) == []  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_of_its_own(keeps_versions=True) as client:
        yield client


@pytest.mark.parametrize("format_", FORMATS)
def test_a_lake_in_s3(tmp_path: Path, s3: Any, format_: LakeFormat) -> None:
    lake = _lake(tmp_path, format_, f"s3://brand/{format_}/lake")
    assert (lake.published(), lake.storage.files()) == (None, {})
    for number in (1, 2, 3):
        assert _publish(tmp_path, lake, number, Keeping(1)) == (1 if number > 1 else 0)
    assert (_read(lake), _kept(lake)) == ((3,), {2: 2})
    LakePlace(lake).restore(2)
    assert _read(lake) == (2,)
    if format_ == "delta":
        table = DeltaTable(f"{lake.address}/main/t", storage_options=lake.storage.options)
        assert table.to_pyarrow_table().to_pylist()[0]["i"] == 2
    assert list((tmp_path / ".tmp").iterdir()) == []
    _check_versions(s3, lake.storage, f"{format_}/lake/")
    copies = lake.storage.local_copies(["publication.json"], tmp_path / ".tmp")
    assert [json.loads(path.read_text("utf-8"))["number"] for _, path in copies] == [2]
    assert lake.remove_all() > 5
    assert lake.storage.files() == {}


def _check_versions(s3: Any, storage: LakeStorage, prefix: str) -> None:
    """Deleted objects are there as versions, until these are removed."""

    def not_latest() -> int:
        page = s3.list_object_versions(Bucket="brand", Prefix=prefix)
        old = [one for one in page.get("Versions", ()) if not one["IsLatest"]]
        return len(old) + len(page.get("DeleteMarkers", ()))

    assert not_latest() > 3
    before = storage.files()
    purged = storage.purge(is_own)
    assert (purged.removed > 1, purged.kept, not_latest()) == (True, 0, 0)
    assert storage.files() == before


def test_versions_that_a_bucket_locks_are_counted(s3: Any) -> None:
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    lock_configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration=lock_configuration)
    storage = S3Storage("s3://locked/lake")
    for name in ("main/t/one", "main/t/two", "main/t/three"):
        storage.put(name, b"x")
    storage.delete(["main/t/one", "main/t/two"])
    purged = storage.purge(lambda name: name != "main/t/two")
    assert (purged.removed, purged.kept, purged.is_known) == (0, 1, True)
    assert storage.files() == {"main/t/three": 1}


def test_a_place_that_does_not_answer_says_so(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        C360Error, match=r"lake s3://nobody/lake is not there .NoSuchBucket.; create the bucket"
    ):
        S3Storage("s3://nobody/lake").read("publication.json")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(
        C360Error, match=r"lake s3://brand/lake cannot be reached .EndpointConnectionError."
    ):
        S3Storage("s3://brand/lake").read("publication.json")


HOLDER = """
import sys
from c360_assets.warehouse.lake_folder import LocalStorage
with LocalStorage(sys.argv[1]).owned("publishing"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_writes_to_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of a tenant publishes at the same address: each swept away what the other wrote."""
    monkeypatch.setattr(lake_folder, "SECONDS_TO_WAIT", 0.1)
    address = str(tmp_path / "lake")
    storage = LocalStorage(address)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with (
        pytest.raises(C360Error, match=r"another process that writes to .*lake, before tidying"),
        storage.owned("tidying"),
    ):
        pass
    holder.communicate()
    with storage.owned("publishing"), LocalStorage(address).owned("tidying"):
        storage.put("publication.json", b"{}")
        assert list(storage.files()) == ["publication.json"]
    storage.delete(["publication.json"])
    assert not storage.root.exists()

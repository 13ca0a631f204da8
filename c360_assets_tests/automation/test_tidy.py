"""What is removed when it is old, and what never is."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from deltalake import DeltaTable

from c360_assets.automation.old_runs import remove_old_runs
from c360_assets.automation.tidy import tidy, tidy_what_was_replaced
from c360_assets.errors import ConfigError
from c360_assets.warehouse.heartbeat import beat
from c360_assets.warehouse.lock import tenant_lock, tenant_lock_if_free
from c360_assets.warehouse.readers import FILE, nobody_reads, reading
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets.warehouse.tidy import tidy_tables
from c360_assets_tests.automation.tenants import tiny_tenant
from c360_assets_tests.day.command import c360_here

LATER = timedelta(days=400)


def write(root: Path, value: int) -> None:
    with open_session(root / "warehouse") as session:
        session.write("made", f"SELECT {value} AS a")
        session.commit()


def read(root: Path) -> list[tuple[int]]:
    with open_session(root / "warehouse") as session:
        session.bind("made", "made")
        return session.rows("SELECT a FROM made")


def files(root: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in (root / "warehouse/made").glob(pattern))


def test_old_versions_go_and_the_pinned_one_and_the_one_before_stay(tmp_path: Path) -> None:
    for value in range(25):
        write(tmp_path, value)
        tidy_tables(Warehouse.open(tmp_path / "warehouse"), datetime.now(UTC) - LATER)
    assert len(files(tmp_path, "*.parquet")) == 25, "none is old"
    assert len(files(tmp_path, "_delta_log/*.checkpoint.parquet")) == 2
    warehouse = Warehouse.open(tmp_path / "warehouse")
    later = datetime.now(UTC) + LATER
    would = tidy_tables(warehouse, later, dry_run=True)
    assert would[0].count == 23
    assert tidy_tables(warehouse, later) == would
    assert len(files(tmp_path, "*.parquet")) == 2
    assert len(files(tmp_path, "_delta_log/*.json")) < 12
    assert read(tmp_path) == [(24,)]
    before = DeltaTable(tmp_path / "warehouse/made", version=23)
    assert before.to_pyarrow_table().to_pylist() == [{"a": 23}]
    write(tmp_path, 25)
    assert read(tmp_path) == [(25,)]


def test_a_version_that_a_killed_run_left_does_not_make_the_pinned_one_old(tmp_path: Path) -> None:
    for value in range(12):
        write(tmp_path, value)
    manifest = tmp_path / "warehouse/manifest.json"
    pinned = manifest.read_text("utf-8")
    for value in range(100, 103):
        write(tmp_path, value)
    manifest.write_text(pinned, "utf-8")
    tidy_tables(Warehouse.open(tmp_path / "warehouse"), datetime.now(UTC) + LATER)
    assert read(tmp_path) == [(11,)]
    write(tmp_path, 12)
    tidy_tables(Warehouse.open(tmp_path / "warehouse"), datetime.now(UTC) + LATER)
    assert read(tmp_path) == [(12,)]


def written(root: Path, *tables: str) -> None:
    """One more version of each table, which says how many went before."""
    with open_session(root / "warehouse") as session:
        for table in tables:
            before = session.state(table)
            number = before.version + 1 if before is not None else 0
            session.write(table, f"SELECT {number} AS a")
        session.commit()


def number_of_files(root: Path, table: str) -> int:
    return len(list((root / "warehouse" / table).glob("*.parquet")))


TABLES = ("domain/Shop", "ingest_files", "customer_360", "stitched/Shop")


def test_versions_of_source_tables_stay_for_their_time_and_of_derived_ones_none(
    tmp_path: Path,
) -> None:
    tenant = tiny_tenant(tmp_path)
    for _ in range(3):
        written(tmp_path, *TABLES)
    would = tidy(tenant, None, dry_run=True)[0]
    assert [number_of_files(tmp_path, table) for table in TABLES] == [3, 3, 3, 3]
    assert tidy(tenant, None)[0] == would
    assert would.count == 4
    assert [number_of_files(tmp_path, table) for table in TABLES] == [3, 3, 1, 1]
    tidy(tenant, None, at=datetime.now(UTC) + LATER)
    assert [number_of_files(tmp_path, table) for table in TABLES] == [2, 2, 1, 1]


def test_what_somebody_reads_stays_for_a_day(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    for _ in range(3):
        written(tmp_path, "customer_360")
    with open_session(tmp_path / "warehouse") as reader:
        reader.bind("customer_360", "read")
        written(tmp_path, "customer_360")
        tidy(tenant, None)
        assert reader.rows("SELECT a FROM read") == [(2,)]
        assert number_of_files(tmp_path, "customer_360") == 4
        tidy(tenant, None, at=datetime.now(UTC) + timedelta(days=2))
        assert number_of_files(tmp_path, "customer_360") == 2, "the current one and that before it"
        assert reader.rows("SELECT a FROM read") == [(2,)]
    tidy(tenant, None)
    assert number_of_files(tmp_path, "customer_360") == 1


def test_a_reader_waits_for_whoever_removes_files(tmp_path: Path) -> None:
    order: list[str] = []

    def read_now() -> None:
        with reading(tmp_path):
            order.append("read")

    with nobody_reads(tmp_path) as is_unread:
        assert is_unread
        thread = threading.Thread(target=read_now)
        thread.start()
        thread.join(0.1)
        order.append("removed")
    thread.join()
    assert order == ["removed", "read"]


def test_who_cannot_write_beside_the_lock_reads_all_the_same(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with reading(tmp_path):
        pass


def test_a_service_tidies_once_after_each_publication(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    tenant = tiny_tenant(tmp_path)
    for _ in range(2):
        written(tmp_path, "customer_360")
    tidy_what_was_replaced(tenant, instance)
    assert number_of_files(tmp_path, "customer_360") == 2, "nothing was published"
    beat(tmp_path, "published")
    time.sleep(0.01)
    tidy_what_was_replaced(tenant, instance)
    assert number_of_files(tmp_path, "customer_360") == 1
    written(tmp_path, "customer_360")
    tidy_what_was_replaced(tenant, instance)
    assert number_of_files(tmp_path, "customer_360") == 2, "nothing was published since"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / ".dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as found:
        yield found


def test_old_runs_go_and_partitions_stay_materialized(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    days = dg.StaticPartitionsDefinition(["one", "two"])

    @dg.asset(partitions_def=days)
    def by_day() -> None: ...

    @dg.asset
    def whole() -> None: ...

    for key in ("one", "two", "one"):
        dg.materialize([by_day], instance=instance, partition_key=key)
    runs = [dg.materialize([whole], instance=instance).run_id for _ in range(3)]
    keys = [dg.AssetKey("by_day"), dg.AssetKey("whole")]
    before = [instance.get_latest_materialization_event(key) for key in keys]
    time.sleep(1.1)
    removed = remove_old_runs(instance, datetime.now(UTC) + timedelta(minutes=1))
    assert removed.count == 6
    assert removed.size > 6 * 50_000
    assert instance.get_materialized_partitions(keys[0]) == {"one", "two"}
    assert [instance.get_latest_materialization_event(key) for key in keys] == before
    assert len(instance.get_runs()) == 3, "two days, and the last of the whole"
    assert [instance.has_run(run) for run in runs] == [False, False, True]
    folder = tmp_path / ".dagster/history/runs"
    assert [path.name for path in folder.glob("*.db") if path.name != "index.db"] == []
    assert remove_old_runs(instance, datetime.now(UTC) + timedelta(minutes=1)).count == 0
    dg.materialize([by_day], instance=instance, partition_key="two")
    assert instance.get_materialized_partitions(keys[0]) == {"one", "two"}


def test_young_runs_and_unfinished_ones_stay(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def whole() -> None: ...

    dg.materialize([whole], instance=instance)
    instance.add_run(dg.DagsterRun("load", run_id="r", status=dg.DagsterRunStatus.STARTED))
    assert remove_old_runs(instance, datetime.now(UTC) - timedelta(days=1)).count == 0
    assert remove_old_runs(instance, datetime.now(UTC) + timedelta(days=1)).count == 1
    assert instance.has_run("r")


def test_logs_and_alerts_go_by_their_age(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, retention="{logs: 10d, alerts: 10d}")
    logs = tmp_path / "logs"
    logs.mkdir()
    now = datetime.now(UTC)
    for age in (5, 15):
        file = logs / f"row_errors.{age}.csv"
        file.write_text("x")
        moment = time.time() - age * 86_400
        os.utime(file, (moment, moment))
    lines = [json.dumps({"at": (now - timedelta(days=age)).isoformat()}) for age in (5, 15)]
    (logs / "alerts.jsonl").write_text("\n".join([*lines, "not ours"]) + "\n")
    tidy(tenant, None)
    assert sorted(path.name for path in logs.iterdir()) == ["alerts.jsonl", "row_errors.5.csv"]
    assert (logs / "alerts.jsonl").read_text().splitlines() == [lines[0], "not ours"]


def aged(path: Path, days: int, text: str = "x") -> Path:
    """A file that was last changed so many days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    moment = time.time() - days * 86_400
    os.utime(path, (moment, moment))
    return path


def test_databases_go_by_age_and_number_and_the_newest_never(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, retention="{databases: 10d, most_databases: 3}")
    history = tmp_path / "activated" / "history"
    ages = {9: 1, 8: 2, 7: 3, 6: 4, 5: 30}
    for number, age in ages.items():
        aged(history / f"customer_360.{number}.duckdb", age)
    other = aged(history / "another.1.duckdb", 900)
    tidy(tenant, None, dry_run=True)
    assert len(list(history.iterdir())) == 6
    tidy(tenant, None)
    assert sorted(path.name for path in history.glob("customer_360.*")) == [
        "customer_360.7.duckdb",
        "customer_360.8.duckdb",
        "customer_360.9.duckdb",
    ]
    tidy(tenant, None, at=datetime.now(UTC) + LATER)
    assert [path.name for path in history.glob("customer_360.*")] == ["customer_360.9.duckdb"]
    assert other.exists(), "of no database of this tenant"


def test_the_file_of_errors_and_copies_that_nobody_names(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    errors = aged(tmp_path / "logs/errors.log", 0, "old\n" * 2**20 + "the last error\n")
    copy = aged(tmp_path / "cache/Gone_Feed/in/file.csv", 0)
    tidy(tenant, None)
    assert errors.stat().st_size == 2**20
    assert errors.read_text().endswith("the last error\n")
    assert copy.exists()
    tidy(tenant, None, at=datetime.now(UTC) + timedelta(days=15))
    assert not (tmp_path / "cache/Gone_Feed").exists()
    errors_left = tidy(tenant, None)[4]
    assert (errors_left.count, errors_left.kind) == (0, "earlier parts of logs/errors.log")


@pytest.mark.parametrize(
    "setting",
    ["{tables: 1h}", "{runs: long}", "{databases: 0d}", "{most_databases: 0}", "{reports: 3d}"],
)
def test_retention_that_cannot_be(tmp_path: Path, setting: str) -> None:
    with pytest.raises(ConfigError, match="retention"):
        tiny_tenant(tmp_path, retention=setting)


def test_tidy_as_a_person_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_tenant(tmp_path)
    write(tmp_path, 1)
    said = c360_here(monkeypatch, "tidy", "--dry-run", "--tenant", tmp_path)
    assert (said.code, "would remove 0 files of earlier table versions" in said.text) == (0, True)
    assert not (tmp_path / ".dagster").exists(), "there is none to tidy"
    assert "tables 14d" in c360_here(monkeypatch, "status", "--tenant", tmp_path).text


def test_a_tenant_that_another_holds_is_left(tmp_path: Path) -> None:
    with tenant_lock_if_free(tmp_path, "a test") as is_free:
        assert is_free
        assert (tmp_path / ".lock.holder").exists()
    assert not (tmp_path / ".lock.holder").exists()
    with tenant_lock(tmp_path, "a test"):
        pass

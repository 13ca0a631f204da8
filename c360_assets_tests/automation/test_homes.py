"""A Dagster home from outside keeps what a tenant relies on, and holds the runs of one tenant."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import yaml

from c360_assets.automation.instance import (
    REPOSITORY,
    mark_dead_runs,
    prepare_home,
)
from c360_assets.automation.runs import GRPC_INFO_TAG, open_instance
from c360_assets.definitions import defs
from c360_assets.errors import C360Error
from c360_assets.warehouse.running import dead_runs, running
from c360_assets_tests.automation.tenants import tiny_tenant

PACKAGED = REPOSITORY / "c360_assets" / "automation" / "dagster.yaml"
PRODUCTION = REPOSITORY / "docs" / "production" / "dagster.yaml"
OTHER_ID = "6f0c2b1e-8a3d-4a55-9c1b-3f6f1a7e2d11"
KILLED_RUN = """
import os, sys
from pathlib import Path
import dagster as dg
from c360_assets.automation.instance import prepare_home
prepare_home(Path(sys.argv[1]))
from c360_assets.automation.runs import launch, open_instance

@dg.asset
def dies():
    os.kill(os.getpid(), 9)

made = dg.Definitions([dies], jobs=[dg.define_asset_job("load", "dies")])
with open_instance() as instance:
    launch(instance, made, "load")
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Dagster home outside of tenants, which the environment names."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("C360_TENANT_DIR", "")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


def tenant_at(folder: Path, **settings: str) -> Path:
    folder.mkdir()
    tiny_tenant(folder, **settings)
    return folder


def test_settings_hold_where_a_path_looks_like_a_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", "")
    links = tmp_path / "links"
    monkeypatch.setenv("XDG_CACHE_HOME", str(links))
    root = tenant_at(tmp_path / "[x] *")
    home = prepare_home(root)
    assert prepare_home(root) == home
    assert home.resolve() == root / ".dagster"
    with open_instance() as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
    # A tenant that is gone leaves no link for long.
    root.rename(tmp_path / "[y]")
    monkeypatch.delenv("DAGSTER_HOME")
    prepare_home(tmp_path / "[y]")
    assert [link.resolve() for link in (links / "c360").iterdir()] == [
        tmp_path / "[y]" / ".dagster"
    ]


def test_an_empty_home_is_given_the_packaged_settings(home: Path, tmp_path: Path) -> None:
    assert prepare_home(tenant_at(tmp_path / "one")) == home
    assert (home / "dagster.yaml").read_text() == PACKAGED.read_text()


@pytest.mark.parametrize("settings", [PACKAGED, PRODUCTION])
def test_shipped_settings_are_taken_as_they_are(home: Path, tmp_path: Path, settings: Path) -> None:
    text = settings.read_text() + "# mine\n"
    (home / "dagster.yaml").write_text(text)
    prepare_home(tenant_at(tmp_path / "one"))
    assert (home / "dagster.yaml").read_text() == text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("telemetry", None),
        ("telemetry", {"enabled": True}),
        ("run_monitoring", {"enabled": False}),
        ("concurrency", {"runs": {"max_concurrent_runs": 4}}),
        ("compute_logs", None),
        ("telemetry", "off"),
    ],
)
def test_settings_that_lack_a_guarantee_are_refused(
    home: Path, tmp_path: Path, key: str, value: object
) -> None:
    settings = yaml.safe_load(PACKAGED.read_text())
    settings[key] = value
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    root = tenant_at(tmp_path / "one")
    with pytest.raises(C360Error, match=f"lacks `{key}: ") as refused:
        prepare_home(root)
    assert "unset DAGSTER_HOME" in str(refused.value)


@pytest.mark.parametrize("text", ["telemetry: [", "", "- 1"])
def test_settings_that_say_nothing_are_refused(home: Path, tmp_path: Path, text: str) -> None:
    (home / "dagster.yaml").write_text(text)
    with pytest.raises(C360Error, match="DAGSTER_HOME is set"):
        prepare_home(tenant_at(tmp_path / "one"))


def test_the_own_home_of_another_tenant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It notes nowhere whose it is, and `tidy` would remove the other's runs."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", "")
    one, two = tenant_at(tmp_path / "one"), tenant_at(tmp_path / "two")
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(one)))
    prepare_home(one)
    with pytest.raises(C360Error, match=f"home of another tenant .{one}"):
        prepare_home(two)


@pytest.mark.parametrize(
    ("home", "refused", "told"),
    [
        ("none", "", "DAGSTER_HOME is not set"),
        ("empty", "DAGSTER_HOME has no dagster.yaml", ""),
        ("prepared", "", ""),
    ],
)
def test_dagster_started_by_hand_is_told_what_its_home_lacks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    home: str,
    refused: str,
    told: str,
) -> None:
    root = tenant_at(tmp_path / "one")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", str(root))
    if home == "prepared":
        prepare_home(root)
    elif home == "empty":
        (root / ".dagster").mkdir()
    if home != "none":
        monkeypatch.setenv("DAGSTER_HOME", str(root / ".dagster"))
    if refused:
        with pytest.raises(C360Error, match=f"{refused}.*start it by `c360 ui`"):
            defs()
    else:
        assert isinstance(defs(), dg.Definitions)
    assert (told in capfd.readouterr().err) if told else capfd.readouterr().err == ""


@pytest.mark.parametrize("value", ["relative", "/nowhere/at/all"])
def test_a_home_that_is_no_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("C360_TENANT_DIR", "")
    monkeypatch.setenv("DAGSTER_HOME", value)
    with pytest.raises(C360Error, match="full path of a folder"):
        prepare_home(tenant_at(tmp_path / "one"))


@pytest.mark.parametrize(
    ("second_id", "first_stays", "is_refused"),
    [
        (OTHER_ID, True, True),
        (OTHER_ID, False, True),
        ("", True, True),  # a copy of the folder, which is still there
        ("", False, False),  # the same tenant, moved
    ],
)
def test_a_second_tenant_on_one_storage_is_refused(
    home: Path, tmp_path: Path, second_id: str, first_stays: bool, is_refused: bool
) -> None:
    first = tenant_at(tmp_path / "first")
    prepare_home(first)
    for _ in range(2):
        with open_instance():
            pass
    if not first_stays:
        first.rename(tmp_path / "gone")
    second = tenant_at(tmp_path / "second", **({"id": second_id} if second_id else {}))
    prepare_home(second)
    if is_refused:
        with pytest.raises(C360Error, match="runs of another tenant"), open_instance():
            pass
    else:
        with open_instance() as instance:
            assert instance.get_runs_count() == 0


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["PGHOST", "PGPORT", "PGUSER", "PGDATABASE"], "DagsterInvalidConfigError"),
        (["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD"], "DagsterPostgresException"),
    ],
)
def test_a_storage_that_does_not_answer_is_a_sentence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], kind: str
) -> None:
    pytest.importorskip("dagster_postgres", reason="needs the extra service")
    values = {
        "PGHOST": "127.0.0.1",
        "PGPORT": "9",
        "PGUSER": "me",
        "PGPASSWORD": "hunter2secret",
        "PGDATABASE": "dagster",
    }
    for name, value in values.items():
        monkeypatch.delenv(name, raising=False)
        if name in names:
            monkeypatch.setenv(name, value)
    (home / "dagster.yaml").write_text(PRODUCTION.read_text())
    prepare_home(tenant_at(tmp_path / "one"))
    with pytest.raises(C360Error, match=f"cannot be opened .{kind}") as refused, open_instance():
        pass
    assert "hunter2secret" not in str(refused.value)


def test_a_run_whose_process_was_killed_is_marked_by_the_next_verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", "")
    root = tenant_at(tmp_path / "one")
    killed = subprocess.run([sys.executable, "-c", KILLED_RUN, str(root)], check=False)
    assert killed.returncode == -9
    (run_id,) = dead_runs(root)
    mark_dead_runs(root)
    assert dead_runs(root) == []
    assert os.environ["DAGSTER_HOME"] == str(root / ".dagster")
    with dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(
    ("seconds_ago", "status", "marked"),
    [
        (60, dg.DagsterRunStatus.STARTING, True),
        (60, dg.DagsterRunStatus.STARTED, True),
        (5, dg.DagsterRunStatus.STARTED, False),
        (60, dg.DagsterRunStatus.NOT_STARTED, False),
    ],
)
def test_a_run_killed_before_its_process_named_itself_is_marked_by_the_next_verb(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds_ago: int,
    status: dg.DagsterRunStatus,
    marked: bool,
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", "")
    root = tenant_at(tmp_path / "one")
    home = prepare_home(root)
    server = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": f"{tmp_path}/gone"})}
    with dg.DagsterInstance.get() as instance:
        run = instance.add_run(dg.DagsterRun("load", status=status, tags=server))
    with closing(sqlite3.connect(home / "history" / "runs.db")) as con, con:
        con.execute(f"UPDATE runs SET update_timestamp = datetime('now', '-{seconds_ago} seconds')")
    mark_dead_runs(root)
    with dg.DagsterInstance.get() as instance:
        found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == (dg.DagsterRunStatus.FAILURE if marked else status)


def test_nobody_asks_dagster_where_no_run_died(tmp_path: Path) -> None:
    root = tenant_at(tmp_path / "one")
    program = (
        "import sys; from pathlib import Path\n"
        "from c360_assets.automation.instance import mark_dead_runs\n"
        "mark_dead_runs(Path(sys.argv[1]))\n"
        "assert 'dagster' not in sys.modules\n"
    )
    with running(root, "goes-on"):
        subprocess.run([sys.executable, "-c", program, str(root)], check=True)
        assert dead_runs(root) == []

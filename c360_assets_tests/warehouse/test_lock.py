"""One run owns a tenant; the kernel frees the lock of a dead holder."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from c360_assets.errors import C360Error
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.processes import is_alive, process_identity

HOLDER = """
import sys, time
from pathlib import Path

import pytest

from c360_assets.warehouse.lock import tenant_lock
with tenant_lock(Path(sys.argv[1]), "the other run"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_is_reentrant_in_a_process(tmp_path: Path) -> None:
    with tenant_lock(tmp_path, "outer"):
        with tenant_lock(tmp_path, "inner"):
            assert "outer" in (tmp_path / ".lock.holder").read_text()
        assert (tmp_path / ".lock.holder").exists()
    assert not (tmp_path / ".lock.holder").exists()


def test_what_a_killed_holder_left_is_swept_by_the_next_one_only(tmp_path: Path) -> None:
    (tmp_path / ".tmp" / "ingest-Shop").mkdir(parents=True)
    (tmp_path / ".tmp" / "ingest-Shop" / "unpacked.csv").write_text("left")
    with tenant_lock(tmp_path, "outer"):
        assert not list((tmp_path / ".tmp").iterdir())
        (tmp_path / ".tmp" / "mine").write_text("in use")
        with tenant_lock(tmp_path, "inner"):
            assert (tmp_path / ".tmp" / "mine").exists()


def test_a_second_run_waits_and_says_for_whom_until_the_first_dies(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    messages: list[str] = []

    def waiting(sentence: str) -> None:
        messages.append(sentence)
        holder.kill()

    with tenant_lock(tmp_path, "this run", waiting, poll=0.05):
        pass
    holder.wait()
    assert messages == [
        f"waiting for the other run (process {holder.pid}), which holds this tenant"
    ]


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    mine = process_identity()
    assert is_alive(mine)
    assert not is_alive({**mine, "started": "1"})
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    identity = process_identity(child.pid)
    child.wait()
    time.sleep(0.01)
    assert not is_alive(identity)
    assert mine["pid"] == str(os.getpid())


def test_what_was_written_aside_by_another_process_goes_and_nothing_else(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    folder = tmp_path / "warehouse"
    folder.mkdir()
    left = folder / f".manifest.json.{child.pid}.new"
    mine = folder / f".manifest.json.{os.getpid()}.new"
    others = folder / "notes.new"
    for path in (left, mine, others):
        path.write_text("half")
    with tenant_lock(tmp_path, "a test"):
        assert [path.exists() for path in (left, mine, others)] == [False, True, True]


def test_a_folder_in_the_place_of_the_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(C360Error, match="is a folder"), tenant_lock(tmp_path, "a test"):
        pass

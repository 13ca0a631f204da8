"""One run owns a tenant; the kernel frees the lock of a dead holder."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from c360_assets.errors import C360Error
from c360_assets.warehouse.lock import tenant_lock, tenant_lock_if_free
from c360_assets.warehouse.processes import is_alive, process_identity
from c360_assets.warehouse.waiting_line import waiting_for

HOLDER = """
import sys, time
from pathlib import Path
from c360_assets.warehouse.lock import tenant_lock
with tenant_lock(Path(sys.argv[1]), "the other run"):
    print("held", flush=True)
    time.sleep(60)
"""
WAITER = """
import sys
from pathlib import Path
from c360_assets.warehouse.lock import tenant_lock
root, name, poll = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
with tenant_lock(root, name, lambda sentence: print(sentence, flush=True), poll):
    with (root / "order").open("a") as order:
        order.write(name + " ")
"""


def test_the_lock_is_reentrant_in_a_process(tmp_path: Path) -> None:
    with tenant_lock(tmp_path, "outer"):
        with tenant_lock(tmp_path, "inner"):
            assert "outer" in (tmp_path / ".lock.holder").read_text()
        assert (tmp_path / ".lock.holder").exists()
    assert not (tmp_path / ".lock.holder").exists()


def test_whoever_holds_it_takes_it_again_although_others_wait(tmp_path: Path) -> None:
    with tenant_lock(tmp_path, "outer"):
        waiter, _ = started(WAITER, tmp_path, "other", 0.01)
        with tenant_lock(tmp_path, "inner", hours=1e-4):
            assert not (tmp_path / "order").exists()
        with tenant_lock_if_free(tmp_path, "tidying") as is_held:
            assert is_held
    assert waiter.wait() == 0


def test_what_a_killed_holder_left_is_swept_by_the_next_one_only(tmp_path: Path) -> None:
    (tmp_path / ".tmp" / "ingest-Shop").mkdir(parents=True)
    (tmp_path / ".tmp" / "ingest-Shop" / "unpacked.csv").write_text("left")
    (tmp_path / ".tmp" / "a-file-of-its-own.parquet").write_text("left")
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


def started(code: str, *arguments: object) -> tuple[subprocess.Popen[str], str]:
    """A process, and the first line that it prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_who_came_first_has_it_first_however_seldom_it_looks(tmp_path: Path) -> None:
    holder, _ = started(HOLDER, tmp_path)
    first, told_first = started(WAITER, tmp_path, "slow", 2)
    second, told_second = started(WAITER, tmp_path, "quick", 0.01)
    killed, _ = started(WAITER, tmp_path, "killed", 0.01)
    killed.kill()
    killed.wait()
    holds = f"waiting for the other run (process {holder.pid}), which holds this tenant"
    assert told_first == holds
    assert told_second == f"{holds}, and for slow (process {first.pid}), which came before"
    holder.kill()
    holder.wait()
    with tenant_lock_if_free(tmp_path, "tidying") as is_held:
        assert not is_held, "others wait"
    with tenant_lock(tmp_path, "last", poll=0.01):
        assert (tmp_path / "order").read_text() == "slow quick "
    assert first.wait() == second.wait() == 0


def test_places_of_the_dead_go_and_one_that_is_being_taken_stays(tmp_path: Path) -> None:
    line = tmp_path / ".lock.line"
    line.mkdir()
    dead, being_taken = line / "1-1", line / "2-2.new"
    for place in (dead, being_taken):
        place.write_text("a run (process 1)")
    assert waiting_for(tmp_path) == []
    assert [place.exists() for place in (dead, being_taken)] == [False, True]


def test_a_wait_that_takes_too_long_ends_with_who_holds_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    holder, _ = started(HOLDER, tmp_path)
    told = f"gave up after 0.0001 hours of waiting for the other run .process {holder.pid}.*if that"
    try:
        late = tenant_lock(tmp_path, "late", poll=0.01, hours=1e-4)
        with pytest.raises(C360Error, match=told), late:
            pass
        said = capfd.readouterr().err
        assert said.count("waiting for the other run") == 1, "neither never nor again and again"
    finally:
        holder.kill()
        holder.wait()
    with tenant_lock(tmp_path, "next"):
        pass


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
    names = (f".page.html.{child.pid}.new", f".page.html.{os.getpid()}.new", "notes.new")
    folders = (tmp_path / "warehouse", tmp_path / "reports")
    for folder in folders:
        folder.mkdir()
        for name in names:
            (folder / name).write_text("half")
    with tenant_lock(tmp_path, "a test"):
        for folder in folders:
            there = [(folder / name).exists() for name in names]
            assert there == [False, True, True], folder


def test_a_folder_in_the_place_of_the_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(C360Error, match="is a folder"), tenant_lock(tmp_path, "a test"):
        pass

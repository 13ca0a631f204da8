"""Executors that are killed in each step change no row of what the matcher finds, and leave none
on the disks of their workers."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from c360_assets.stitch.resolve import resolve
from c360_assets_tests.spark.test_matcher import SECONDS, _free_port, running
from c360_assets_tests.stitch.test_exchange import assert_equal, tenant

PROC = Path("/proc")
DEPLOY = "org.apache.spark.deploy"
STEPS = ("form pairs", "compare pairs", "score pairs", "cluster")


@pytest.fixture(autouse=True)
def _equipped(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(
        "pyspark.sql", reason="needs the extra spark: pip install 'c360-assets[spark]'"
    )
    if shutil.which("java") is None or not PROC.exists():
        pytest.skip("needs Java 17 (Debian: apt install default-jre-headless), and Linux")
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")


def executors(worker: int) -> Iterator[int]:
    """The processes that a worker at this port has started for an application."""
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            if b"CoarseGrainedExecutorBackend" in command and b":%d\0" % worker in command:
                yield int(folder.name)


@pytest.mark.spark
@pytest.mark.slow
def test_executors_that_are_killed_in_each_step_change_nothing(tmp_path: Path) -> None:
    from c360_assets.stitch.exchange.on_spark import OnSpark

    frame = tenant(150, 5)
    expected = resolve(frame)
    port, *workers = (_free_port() for _ in range(3))
    master = f"spark://127.0.0.1:{port}"
    host = ("--host", "127.0.0.1", "--webui-port", "0")
    killed = dict.fromkeys(STEPS, 0)

    def kill_one(step: str) -> None:
        if step in killed:
            # Of the two workers in turn, so that what the other one holds is lost as well.
            worker = workers[STEPS.index(step) % len(workers)]
            for process in executors(worker):
                os.kill(process, signal.SIGKILL)
                killed[step] += 1

    with ExitStack() as cluster:
        of_master = ("--port", str(port))
        start = (f"{DEPLOY}.master.Master", *host)
        cluster.enter_context(running(tmp_path, port, "spark-class", *start, *of_master))
        for number, worker in enumerate(workers):
            folder = tmp_path / f"worker{number}"
            folder.mkdir()
            size = ("--cores", "1", "--memory", "2g")
            of_worker = ("--port", str(worker), *size, "--work-dir", str(folder), master)
            start = (f"{DEPLOY}.worker.Worker", *host)
            cluster.enter_context(running(folder, worker, "spark-class", *start, *of_worker))
        with OnSpark.at_master(master, folder=tmp_path / "driver") as exchange:
            assert_equal(expected, resolve(frame, exchange=exchange, progress=kill_one))
        assert _gone(tmp_path, "blockmgr-*"), "rows are left on the disks of workers"
    assert all(killed.values()), killed


def _gone(folder: Path, pattern: str) -> bool:
    """Whether nothing below the folder is named so, at the latest after `SECONDS`."""
    end = time.monotonic() + SECONDS
    while any(folder.rglob(pattern)):
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True

"""On a cluster of Spark the matcher finds what it finds on one machine, through a classic session
and through Spark Connect; what fails there is told without values."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch.exchange.rows import Side
from c360_assets.stitch.resolve import resolve
from c360_assets.tenant.models import EngineConfig, StitchConfig
from c360_assets.warehouse.session import open_session
from c360_assets_tests.spark.conftest import QUICK_JVM
from c360_assets_tests.stitch.tenants import tenant as declared
from c360_assets_tests.stitch.test_exchange import PRESETS, assert_equal, labels, tenant
from c360_assets_tests.stitch.test_tenant_run import CLUB, SHOP, ZONE, digests, fill, run

SECONDS = 240  # a JVM on a busy machine
# In a process of its own: one that has a classic session cannot have a remote one.
THROUGH_CONNECT = """
import sys
import polars as pl
from c360_assets.stitch.resolve import resolve
from c360_assets_tests.stitch.test_exchange import assert_equal, tenant
from c360_assets.stitch.exchange.on_spark import OnSpark
frame = tenant(20, 7)
with OnSpark.at_remote(sys.argv[1]) as exchange:
    assert_equal(resolve(frame), resolve(frame, exchange=exchange))
    texts = pl.DataFrame({"i": range(40_000), "text": "that go to the server once and for all"})
    asked = exchange.spread(texts)._rows._plan.to_proto(exchange.session.client)
    assert asked.ByteSize() < 10_000, asked.ByteSize()
print("equal")
"""
NOBODY_WORKS = """
import sys
from datetime import timedelta
from c360_assets.errors import C360Error
from c360_assets.stitch.exchange.on_spark import OnSpark
try:
    OnSpark.at_remote(sys.argv[1], patience=timedelta(seconds=1))
except C360Error as error:
    print(error)
"""


@pytest.fixture(autouse=True)
def _equipped(jvm_folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")


@pytest.fixture
def classic(spark: Any) -> Iterator[Any]:
    from c360_assets.stitch.exchange.on_spark import OnSpark

    with OnSpark.at_master("local[1]") as exchange:
        yield exchange


def fails_on_a_value(con: duckdb.DuckDBPyConnection, rows: Side) -> pl.DataFrame:
    if not rows.frame.height:
        return rows.frame
    cast = con.execute("SELECT CAST(? AS INT)", [rows.frame["email"][0]])
    return pl.DataFrame(cast.fetchall())


@pytest.mark.spark
@pytest.mark.long
def test_a_classic_session_finds_the_same(classic: Any) -> None:
    frame = tenant(20, 3)
    config = StitchConfig.model_validate(PRESETS["parted"])
    expected = resolve(frame, config, labels=labels(frame))
    assert_equal(expected, resolve(frame, config, labels=labels(frame), exchange=classic))
    rows = classic.spread(pl.DataFrame({"email": ["canary@example.org"]}))
    with pytest.raises(C360Error, match=r"failed \(ConversionException\)") as caught:
        rows.map(fails_on_a_value).collect(["email"])
    assert "canary" not in str(caught.value)


@pytest.mark.spark
@pytest.mark.long
def test_every_table_of_a_run_has_the_same_digest(spark: Any, tmp_path: Path) -> None:
    here, twin = (declared(tmp_path / name, SHOP, CLUB) for name in ("here", "twin"))
    for brand in (here, twin):
        brand.root.mkdir()
        with open_session(brand.root / "warehouse", ZONE) as session:
            fill(session)
    spark = EngineConfig(type="spark", master="local[1]")
    there = replace(twin, config=twin.config.model_copy(update={"engine": spark}))
    assert digests(run(there)) == digests(run(here))
    assert run(twin, run_id="run-2").reused, "the engine changes nothing"


@contextmanager
def running(folder: Path, port: int, script: str, *arguments: str) -> Iterator[None]:
    """A part of Spark, once it listens at the port; its files are in the folder."""
    import pyspark

    command = [f"{Path(pyspark.__file__).parent}/bin/{script}", *arguments]
    environment = os.environ | {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_SUBMIT_OPTS": f"-Djava.io.tmpdir={folder} {QUICK_JVM}",
        "SPARK_DAEMON_JAVA_OPTS": QUICK_JVM,
    }
    with (folder / f"{script}.log").open("w") as log:
        part = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        _await_port(port)
        yield
    finally:
        # Its end takes minutes on a busy machine, and nothing of it is needed any more.
        part.kill()
        part.wait()


def connect_server(folder: Path, port: int, master: str) -> AbstractContextManager[None]:
    return running(
        folder,
        port,
        "spark-submit",
        *("--master", master),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *("--conf", f"spark.connect.grpc.binding.port={port}"),
        *("--conf", "spark.connect.grpc.binding.address=127.0.0.1"),
        *("--conf", "spark.ui.enabled=false"),
        "spark-internal",
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _await_port(port: int) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.fail("a part of Spark did not start")


@pytest.mark.spark
@pytest.mark.long
def test_spark_connect_finds_the_same(tmp_path: Path) -> None:
    port = _free_port()
    command = [sys.executable, "-c", THROUGH_CONNECT, f"sc://127.0.0.1:{port}"]
    with connect_server(tmp_path, port, "local[1]"):
        client = subprocess.run(command, capture_output=True, text=True, check=False)
    assert client.stdout.endswith("equal\n"), client.stderr[-2000:]


@pytest.mark.spark
@pytest.mark.long
def test_a_master_without_workers_is_waited_for_and_no_longer(tmp_path: Path) -> None:
    from c360_assets.stitch.exchange.on_spark import OnSpark

    port, connect_port = _free_port(), _free_port()
    master = f"spark://127.0.0.1:{port}"
    start = ("org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--webui-port", "0")
    with running(tmp_path, port, "spark-class", *start, "--port", str(port)):
        with pytest.raises(C360Error, match=r"for 1 seconds .* no worker of Spark took up a task"):
            OnSpark.at_master(master, patience=timedelta(seconds=1))
        command = [sys.executable, "-c", NOBODY_WORKS, f"sc://127.0.0.1:{connect_port}"]
        with connect_server(tmp_path, connect_port, master):
            client = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "no worker of Spark took up a task" in client.stdout, client.stderr[-2000:]

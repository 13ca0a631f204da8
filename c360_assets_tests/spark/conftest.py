"""One JVM for all tests on Spark of a process: to start one, and to warm it up, takes longer than
what most of them compute."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from c360_assets_tests.customer_360.conftest import session
from c360_assets_tests.customer_360.filled import ZONE
from c360_assets_tests.customer_360.tables_on_spark import begin_session

__all__ = ["jvm_folder", "session", "spark"]

# No code of the JVM runs for so long that to compile it well pays: half the time of CPU.
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
QUICK = {
    "spark.sql.shuffle.partitions": "1",
    # Nothing here is large: planning and compiling would take longer than the rows.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": QUICK_JVM,
    "spark.driver.memory": "1g",
    # Workers of the test on a bucket have these of their own, and no code sends them.
    "spark.executorEnv.AWS_ACCESS_KEY_ID": "testing",
    "spark.executorEnv.AWS_SECRET_ACCESS_KEY": "testing",
}


@pytest.fixture(scope="session")
def jvm_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Where the sessions of this process have their files; the last one ends with it."""
    pytest.importorskip(
        "pyspark.sql", reason="needs the extra spark: pip install 'c360-assets[spark]'"
    )
    if shutil.which("java") is None:
        pytest.skip("needs Java 17 (Debian: apt install default-jre-headless)")
    yield tmp_path_factory.mktemp("spark")
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()


@pytest.fixture
def spark(jvm_folder: Any) -> Any:
    """The classic session of this process, which the code asks for; begun anew after a test that
    has ended it."""
    return begin_session("local[1]", ZONE, jvm_folder, QUICK)

"""A session of Spark on a cluster: how one is begun and ended, and how it is waited for.

A classic session and one through Spark Connect do the same for whoever holds one. What is computed
in it belongs to the stages. Imported only where a tenant's engine is a cluster: PySpark is an
extra.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from c360_assets.warehouse.cluster_errors import told
from c360_assets.warehouse.cluster_waiting import waited

Made = TypeVar("Made")
PATIENCE = timedelta(minutes=5)  # until a worker takes up a task
OF_CLASSIC = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.maxResultSize": "0",
}
# They write what Spark says of SQL that fails on this screen, and it quotes values.
QUOTING = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


class Cluster:
    """A session, for `stage` (the first word of its messages). `patience`: how long tasks may wait
    for a worker; `stalled`: whether they do."""

    def __init__(
        self, session: SparkSession, stage: str, patience: timedelta, stalled: Callable[[], bool]
    ) -> None:
        self.session = session
        self.stage = stage
        self._patience = patience
        self._stalled = stalled
        for name in QUOTING:
            PySparkLogger.getLogger(name).disabled = True

    @classmethod
    def at_master(
        cls, master: str, stage: str, *, folder: Path | None = None, patience: timedelta = PATIENCE
    ) -> Cluster:
        """A session of this process's own on a master (`local[2]`, `spark://host:7077`), whose
        files on this machine are below `folder`, by default where Spark puts them."""
        # Workers start the same interpreter, unless somebody says which.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master(master).appName(f"c360 {stage}")
        for name, value in OF_CLASSIC.items():
            builder = builder.config(name, value)
        if folder is not None:
            builder = builder.config("spark.local.dir", str(folder))
        with told(stage, f"connecting to {master}"):
            session = builder.getOrCreate()
            session.sparkContext.setLogLevel("OFF")
        return cls(session, stage, patience, StalledStages(session))

    @classmethod
    def at_remote(cls, remote: str, stage: str, *, patience: timedelta = PATIENCE) -> Cluster:
        """A session through Spark Connect (`sc://host:15002`)."""
        with told(stage, f"connecting to {remote}"):
            session = SparkSession.builder.remote(remote).create()
            stalled = StalledQuery()
            session.registerProgressHandler(stalled.progress)
        return cls(session, stage, patience, stalled)

    def waited(self, action: Callable[[], Made]) -> Made:
        """What the action on the cluster returns, unless nobody there works on it."""
        return waited(action, self._stalled, self._patience, self.stage)

    def is_open(self) -> bool:
        """Whether nobody has ended the session: classic ones of a process end together."""
        with suppress(Exception):
            return bool(self.session.range(1).columns)
        return False

    def close(self) -> None:
        with suppress(Exception):
            self.session.stop()


class StalledStages:
    """Whether a classic session has stages, and no worker a task of one."""

    def __init__(self, session: SparkSession) -> None:
        self._tracker = session.sparkContext.statusTracker()

    def __call__(self) -> bool:
        stages = self._tracker.getActiveStageIds()
        known = [self._tracker.getStageInfo(stage) for stage in stages]
        return bool(stages) and not any(stage and stage.numActiveTasks for stage in known)


class StalledQuery:
    """Whether the last that a server of Spark Connect told of a query was that no worker has a
    task of it."""

    def __init__(self) -> None:
        self._idle = False

    def progress(
        self,
        stages: Iterable[Any] | None,
        inflight_tasks: int,
        operation_id: str | None,
        done: bool,
    ) -> None:
        unfinished = any(not stage.done for stage in stages or ())
        self._idle = unfinished and not inflight_tasks and not done

    def __call__(self) -> bool:
        return self._idle

"""A session of Spark on a cluster: how one is begun and ended, how it is waited for, and what is
said when it fails.

A classic session and one through Spark Connect do the same for whoever holds one. What is computed
in it belongs to the stages. Imported only where a tenant's engine is a cluster: PySpark is an
extra.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pyspark.sql import SparkSession

from c360_assets.errors import C360Error
from c360_assets.warehouse.cluster_waiting import waited

Made = TypeVar("Made")
PATIENCE = timedelta(minutes=5)  # until a worker takes up a task
OF_CLASSIC = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.maxResultSize": "0",
}
TOLD_BY_WORKER = re.compile(r"C360Error: ((?:stitch|database): [^\n]+)")
LACKING = re.compile(r"No module named '(\w+)")


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


@contextmanager
def told(stage: str, doing: str) -> Iterator[None]:
    """What Spark raises inside the block, as a C360Error without the text that it came with."""
    try:
        yield
    except C360Error:
        raise
    except Exception as error:
        raise C360Error(sentence(stage, doing, error)) from None


def sentence(stage: str, doing: str, error: Exception) -> str:
    """What to say of something that Spark raised, without the text that it came with."""
    text = str(error)
    if by_worker := TOLD_BY_WORKER.search(text):
        return f"{by_worker[1]}, on a worker of Spark"
    if lacking := LACKING.search(text):
        return (
            f"{stage}: the workers of Spark lack the package {lacking[1]}: they need this package, "
            "with what it needs, in the Python that they start (PYSPARK_PYTHON)"
        )
    return f"{stage}: {doing} failed on Spark ({type(error).__name__})"

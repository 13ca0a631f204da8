"""Verbs in processes of their own that have imported everything already.

What is killed a hundred times then spends its seconds in its work, not in imports. The processes
are forked from one that has no threads; all else is as if a user had typed the verb.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pkgutil
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import c360_assets
from c360_assets_tests.day.command import RUN_LIMIT, Said

# But for `__main__`, which is the command line itself.
PRELOADED = [
    *(module.name for module in pkgutil.walk_packages(c360_assets.__path__, "c360_assets.")),
    "c360_assets_tests.day.prepared",
]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(PRELOADED)


class Verb:
    """A verb that was started in a process of its own; what it prints goes to a file."""

    def __init__(self, output: Path, *args: object) -> None:
        self.output = output
        words = [str(arg) for arg in args]
        self.process: ForkServerProcess = SERVER.Process(target=_run, args=(str(output), words))
        self.process.start()

    def ended_within(self, seconds: float) -> bool:
        """Whether the verb came to its end in that time."""
        self.process.join(seconds)
        return self.process.exitcode is not None

    def kill(self) -> None:
        """End it as `kill -9` does; a verb that has ended already stays as it is."""
        self.process.kill()
        self.process.join()

    def finish(self) -> Said:
        """What it said. Raises TimeoutError where it does not end."""
        if not self.ended_within(RUN_LIMIT):
            self.kill()
            raise TimeoutError(f"no end after {RUN_LIMIT} s: {self.output.read_text()}")
        return Said(self.process.exitcode or 0, self.output.read_text(), "")


def seconds_of(output: Path, *args: object) -> float:
    """How long a verb takes that nobody disturbs, and which must succeed."""
    began = time.monotonic()
    said = Verb(output, *args).finish()
    assert said.code == 0, said.text
    return time.monotonic() - began


def _run(output: str, words: list[str]) -> None:
    """What the forked process does: the verb, with its streams in a file."""
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ.pop("DAGSTER_HOME", None)
    os.environ.pop("C360_TENANT_DIR", None)
    os.environ["COLUMNS"] = "200"
    importlib.import_module("c360_assets.cli").app(words)

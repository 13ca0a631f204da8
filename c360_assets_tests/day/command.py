"""The command line as a user has it: a process of its own, or the same verbs in this process where
seconds matter."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from c360_assets.cli import app
from c360_assets.warehouse.published_file import database_path

RUN_LIMIT = 600


@dataclass(frozen=True)
class Said:
    """What a verb ended with. `text` is both streams with line breaks and runs of blanks as one
    blank."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", f"{self.stdout} {self.stderr}")


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "c360_assets.cli", *map(str, args)]


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without a tenant or a Dagster home; wide enough that no sentence
    is folded."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DAGSTER_HOME", "C360_TENANT_DIR")}
    return {**kept, "COLUMNS": "200", **more}


def start(
    *args: object, prefix: list[str] | None = None, **environment: str
) -> subprocess.Popen[str]:
    """Start a verb as a process of its own, its streams to be read."""
    return subprocess.Popen(
        [*(prefix or []), *command(*args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(**environment),
    )


def finish(process: subprocess.Popen[str]) -> Said:
    stdout, stderr = process.communicate(timeout=RUN_LIMIT)
    return Said(process.returncode, stdout, stderr)


def end_group(process: subprocess.Popen[Any]) -> None:
    """End a process that leads its own session as Ctrl-C does, then whatever is left of its
    group."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def c360(*args: object) -> Said:
    """Run a verb to its end in a process of its own."""
    return finish(start(*args))


def c360_here(monkeypatch: pytest.MonkeyPatch, *args: object, stdin: str | None = None) -> Said:
    """Run a verb in this process, which spares the start of Dagster; an error that is not told
    fails the test."""
    # Set first, so that it is unset again at the end, whatever the verb leaves there.
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.setenv("C360_TENANT_DIR", "")
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, [str(a) for a in args], input=stdin)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def here(*args: object) -> Said:
    """`c360_here` for what outlives a test: nothing that the verb set in the environment stays."""
    with pytest.MonkeyPatch.context() as environment:
        return c360_here(environment, *args)


def digests(root: Path) -> dict[str, str]:
    """Table -> rows and digest, as `c360 status --digests` prints them."""
    said = here("status", "--digests", "--tenant", root)
    assert said.code == 0, said.text
    return dict(line.split(maxsplit=1) for line in said.stdout.splitlines())


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Tables that are not in both with equal content."""
    return sorted(t for t in one.keys() | other.keys() if one.get(t) != other.get(t))


def ask(root: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the published database, as any DuckDB client reads them."""
    with duckdb.connect(str(database_path(root)), read_only=True) as con:
        return con.execute(sql).fetchall()


def written(root: Path) -> dict[str, int]:
    """Every file below the warehouse and the published databases with the time of its last
    change."""
    folders = (root / "warehouse", root / "activated")
    return {
        str(p.relative_to(root)): p.stat().st_mtime_ns
        for f in folders
        for p in f.rglob("*")
        if p.is_file()
    }

"""A real PostgreSQL of the machine's packages, run as an unprivileged user, for the tests of
destinations."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

NOBODY = ("postgres", "nobody")


def binaries() -> Path | None:
    """The folder of PostgreSQL's programs, None where it is not installed."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin")]
    if initdb := shutil.which("initdb"):
        found.append(Path(initdb).parent)
    return max(
        (p for p in found if (p / "initdb").exists()), default=None, key=lambda p: p.parent.name
    )


@contextmanager
def postgres_or_skip() -> Iterator[str]:
    """As `postgres_server`; skips the test where the machine or the extra lacks it."""
    pytest.importorskip("adbc_driver_postgresql", reason="needs the extra postgres")
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    with postgres_server(programs) as address:
        yield address


@contextmanager
def postgres_server(programs: Path) -> Iterator[str]:
    """The address of a server; PostgreSQL refuses to run as root.

    Its data are not below pytest's folder: another pytest that starts closes it to PostgreSQL's
    user.
    """
    with (
        TemporaryDirectory(prefix="c360-postgres-", ignore_cleanup_errors=True) as folder,
        _server_in(programs, Path(folder)) as address,
    ):
        yield address


@contextmanager
def _server_in(programs: Path, folder: Path) -> Iterator[str]:
    user = None
    if os.getuid() == 0:
        user = next(
            name for name in NOBODY if any(entry.pw_name == name for entry in pwd.getpwall())
        )
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(
            [str(programs / command[0]), *command[1:]],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            extra_groups=[] if user else None,
        )

    run("initdb", "-D", str(data), "-U", "c360", "--auth=trust", "--no-sync", "-E", "UTF8")
    settings = (
        f"-c listen_addresses=127.0.0.1 -c port={port} "
        f"-c unix_socket_directories={folder} -c fsync=off"
    )
    run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield f"postgresql://c360@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")

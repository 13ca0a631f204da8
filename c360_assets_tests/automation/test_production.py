"""The production set-up of docs/production/: each service by its compose command against a real
PostgreSQL, a login in front, and a copy that is put back.

No container engine is needed: the commands are started as plain processes. The files themselves are
checked by `docker-compose config` and `systemd-analyze verify` where those are.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from c360_assets.automation.instance import REPOSITORY
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.automation.test_ui import free_port
from c360_assets_tests.customer_360.postgres import binaries, postgres_server
from c360_assets_tests.day.command import clean_environment, command, digests

PRODUCTION = REPOSITORY / "docs" / "production"
COMPOSE: dict[str, Any] = yaml.safe_load((PRODUCTION / "compose.yaml").read_text("utf-8"))
PARTS = ("code", "web", "daemon")
PASSWORD = "swordfish"
SECONDS_ALLOWED = 900
HOST_NAME = "c360.brand.example"


def test_compose_knows_every_part_and_restarts_it() -> None:
    services = COMPOSE["services"]
    assert services.keys() == {"postgres", *PARTS, "watch", "proxy"}
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert name == "watch" or name == "proxy" or "healthcheck" in service, name
    assert "ports" not in services["web"], "the login is in front of it"


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not there")
def test_compose_accepts_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "production"
    shutil.copytree(PRODUCTION, folder)
    shutil.copy(folder / "c360.env.example", folder / "c360.env")
    subprocess.run(
        ["docker-compose", "--env-file", "c360.env", "config", "--quiet"],
        cwd=folder,
        env={**os.environ, **_settings(folder / "c360.env")},
        check=True,
    )


def _settings(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not there")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    program = str(shutil.which("true"))
    for unit in (PRODUCTION / "systemd").iterdir():
        text = unit.read_text("utf-8")
        # What they start must be there for the check.
        text = text.replace("/opt/c360/.venv/bin/c360", program)
        text = text.replace("/opt/c360/docs/production/backup.sh", program)
        (tmp_path / unit.name).write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in said.stderr.splitlines() if "c360" in line]
    assert (said.returncode, ours) == (0, [])


class Service:
    """The parts of the service as plain processes, started by their compose commands."""

    def __init__(self, root: Path, home: Path, postgres: str) -> None:
        self.root, self.home = root, home
        self.code, self.web = free_port(), free_port()
        place = urlsplit(postgres)
        self.environment = clean_environment(
            C360_TENANT_DIR=str(root),
            DAGSTER_HOME=str(home),
            PGHOST=place.hostname or "",
            PGPORT=str(place.port),
            PGUSER=place.username or "",
            PGPASSWORD="nobody asks for it",
            PGDATABASE=place.path.strip("/"),
            C360_SENSOR_SECONDS="2",
            PYTHONPATH=str(REPOSITORY),
        )
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *parts: str) -> None:
        for part in parts:
            words = [self._here(word) for word in COMPOSE["services"][part]["command"]]
            with (self.home / f"{part}.log").open("ab") as log:
                self.processes[part] = subprocess.Popen(
                    command(*words),
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def _here(self, word: str) -> str:
        """A word of a command with hosts and ports of this machine."""
        if word in ("0.0.0.0:4000", "code:4000"):
            return f"127.0.0.1:{self.code}"
        known = {"0.0.0.0": "127.0.0.1", "3000": str(self.web), "${C360_HOST_NAME}": HOST_NAME}
        return known.get(word, word)

    def kill(self, part: str) -> None:
        """As a container dies: with all that runs in it."""
        process = self.processes.pop(part)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for part in list(self.processes):
            self.kill(part)

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS_ALLOWED
        while not holds():
            logs = "".join(
                f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-1500:]}"
                for log in sorted(self.home.glob("*.log"))
            )
            for part, process in self.processes.items():
                assert process.poll() is None, f"{part} ended\n{logs}"
            assert time.monotonic() < deadline, f"not in time: {what}\n{logs}"
            time.sleep(1)

    def health(self, part: str) -> bool:
        """The health check of compose.yaml."""
        _, program, *words = COMPOSE["services"][part]["healthcheck"]["test"]
        known = {"4000": str(self.code)}
        words = [known.get(word, word).replace(":3000/", f":{self.web}/") for word in words]
        path = str(Path(sys.executable).with_name(program))
        done = subprocess.run(
            [path, *words], env=self.environment, capture_output=True, check=False
        )
        return done.returncode == 0

    def runs(self) -> list[tuple[str, str]]:
        """Job and status of each run, as PostgreSQL has them."""
        sql = "SELECT pipeline_name || ' ' || status FROM runs ORDER BY id"
        asked = subprocess.run(
            ["psql", "-At", "-c", sql],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = asked.stdout.splitlines()
        return [(line.split()[0], line.split()[1]) for line in lines]

    def succeeded(self, *jobs: str) -> bool:
        done = {job for job, status in self.runs() if status == "SUCCESS"}
        return done >= set(jobs)


@pytest.fixture
def postgres() -> Iterator[str]:
    pytest.importorskip("dagster_postgres", reason="needs the extra service")
    programs = binaries()
    if programs is None or shutil.which("pg_dump") is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    with postgres_server(programs) as address:
        yield address


@pytest.fixture
def service(tmp_path: Path, postgres: str) -> Iterator[Service]:
    root, home = tmp_path / "brand", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    shutil.copy(PRODUCTION / "dagster.yaml", home)
    tiny_tenant(root, "activation: {cron: '* * * * *'}", first_day="null")
    made = Service(root, home, postgres)
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def proxy(service: Service) -> Iterator[str]:
    """The shipped proxy in front of the UI; the address at which it answers."""
    port = free_port()
    hashed = subprocess.run(
        ["caddy", "hash-password", "--plaintext", PASSWORD],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    process = subprocess.Popen(
        ["caddy", "run", "--config", str(PRODUCTION / "Caddyfile"), "--adapter", "caddyfile"],
        env={
            **os.environ,
            "C360_HOST_NAME": f"http://{HOST_NAME}:{port}",
            "C360_UI_USER": "data",
            "C360_UI_PASSWORD_HASH": hashed,
            "C360_UPSTREAM": f"127.0.0.1:{service.web}",
            "XDG_DATA_HOME": str(service.home),
            "XDG_CONFIG_HOME": str(service.home),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}/server_info"
    finally:
        process.terminate()
        process.wait(30)


def status(address: str, **headers: str) -> int:
    try:
        request = urllib.request.Request(address, headers={"Host": HOST_NAME, **headers})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.slow
def test_a_day_on_postgresql_with_a_dead_part_a_login_and_a_copy_put_back(
    service: Service, tmp_path: Path
) -> None:
    root = service.root
    service.start(*PARTS)
    service.until("the code location is well", lambda: service.health("code"))
    service.until("the web server is well", lambda: service.health("web"))
    land(root, "shop", DAY)
    land(root, "loyalty", DAY)
    service.until("the day is loaded", lambda: service.succeeded("load"))
    service.until("the daemon is well", lambda: service.health("daemon"))

    # Each part dies once; what restarts it is compose's or systemd's work.
    service.kill("daemon")
    assert service.health("web")
    service.start("daemon")
    service.kill("code")
    service.start("code")
    service.until("the day is published", lambda: service.succeeded("refresh_stitch", "activate"))
    assert "STARTED" not in {status for _, status in service.runs()}

    watched = subprocess.run(command("watch"), env=service.environment, check=False)
    assert watched.returncode == 0

    web = f"http://127.0.0.1:{service.web}/server_info"
    assert status(web) == 200
    assert status(web, Host="rebound.example") == 421
    if shutil.which("caddy"):
        login = base64.b64encode(f"data:{PASSWORD}".encode()).decode()
        with proxy(service) as address:
            service.until("the proxy answers", lambda: status(address) != 0)
            assert status(address) == 401
            assert status(address, Authorization=f"Basic {login}") == 200

    before, runs_before = digests(root), service.runs()
    made = subprocess.run(
        [PRODUCTION / "backup.sh", root, tmp_path / "copies"],
        env=service.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    copy = Path(made.stdout.strip())
    service.stop()
    shutil.rmtree(root)
    restore = [str(PRODUCTION / "restore.sh"), str(copy), str(root)]
    subprocess.run(restore, env=service.environment, check=True)
    assert digests(root) == before
    assert service.runs()[: len(runs_before)] == runs_before
    assert subprocess.run(restore, env=service.environment, check=False).returncode == 1
    again = subprocess.run(
        command("run", "--json"), env=service.environment, capture_output=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert digests(root) == before

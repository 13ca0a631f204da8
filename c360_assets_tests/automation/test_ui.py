"""What `c360 ui` starts serves the tenant to its own host names, warns of nothing, and begins again
where it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from c360_assets.automation.instance import REPOSITORY, prepare_home
from c360_assets.automation.service import HOST, only_service
from c360_assets.automation.web_server import LOOPBACK, OwnHostsOnly
from c360_assets_tests.automation.tenants import tiny_tenant
from c360_assets_tests.day.command import c360_here, clean_environment, command, end_group

LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"
SECONDS_ALLOWED = 240
DAEMON = "dagster-daemon"


def free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    return port


def locations(port: int) -> object:
    """The code locations that the web server shows, once it answers."""
    request = urllib.request.Request(
        f"http://{HOST}:{port}/graphql",
        json.dumps({"query": LOCATIONS}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["data"]["workspaceOrError"]["locationEntries"]


@dataclass(frozen=True)
class Ui:
    """A running `c360 ui`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def until(self, answer: Callable[[], object]) -> object:
        """What `answer` gives once it gives something; errors of a network are no answer."""
        deadline = time.monotonic() + SECONDS_ALLOWED
        while True:
            text = self.log.read_text("utf-8", "replace")
            assert self.process.poll() is None, text
            assert time.monotonic() < deadline, text
            try:
                found = answer()
            except OSError:
                found = None
            if found:
                return found
            time.sleep(0.5)

    def child(self, word: str) -> int | None:
        """The id of the process of this service whose command holds `word`."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
                words = (stat.parent / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == self.process.pid and word.encode() in words:
                return int(stat.parent.name)
        return None


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Ui]:
    tiny_tenant(tmp_path)
    port = free_port()
    log = tmp_path / "ui.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command("ui", "--tenant", tmp_path, "--port", port),
            cwd=tmp_path,  # no project around it
            stdout=file,
            stderr=file,
            env=clean_environment(PYTHONPATH=str(REPOSITORY)),
            start_new_session=True,
        )
    try:
        yield Ui(process, port, log)
    finally:
        end_group(process)


def test_it_serves_the_tenant_to_its_own_names_and_a_dead_daemon_begins_again(ui: Ui) -> None:
    assert ui.until(lambda: locations(ui.port)) == [{"name": "c360", "loadStatus": "LOADED"}]
    foreign = urllib.request.Request(
        f"http://{HOST}:{ui.port}/server_info", headers={"Host": "rebound.example"}
    )
    with pytest.raises(urllib.error.HTTPError, match="421"):
        urllib.request.urlopen(foreign, timeout=60)

    daemon = ui.until(lambda: ui.child(DAEMON))
    assert isinstance(daemon, int)
    assert ui.log.read_text("utf-8").count("has no login") == 1
    before = ui.log.read_text("utf-8")
    assert re.findall(r"(?i).*(?:superseded|deprecat|warning).*", before) == []
    os.kill(daemon, signal.SIGKILL)
    assert ui.until(lambda: ui.child(DAEMON) not in (daemon, None))
    assert locations(ui.port) == [{"name": "c360", "loadStatus": "LOADED"}]
    assert "the daemon ended (code -9) and is started again" in ui.log.read_text("utf-8")


def _answer(kind: str, headers: dict[str, str]) -> list[object]:
    """What a server behind the check is asked, or the status that the check answers with."""
    answered: list[object] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        answered.append(scope["type"])

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        if "status" in message:
            answered.append(message["status"])

    scope = {
        "type": kind,
        "extensions": {"websocket.http.response": {}},
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    checked = OwnHostsOnly(behind, (*LOOPBACK, "C360.example.com"))
    asyncio.run(checked(scope, receive, send))
    return answered


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"host": "localhost:3000"}, True),
        ({"host": "127.0.0.1:3000"}, True),
        ({"host": "[::1]:3000"}, True),
        ({"host": "c360.EXAMPLE.com"}, True),
        ({"host": "localhost", "origin": "http://localhost:3000"}, True),
        ({"host": "c360.example.com", "origin": "https://c360.example.com"}, True),
        ({"host": "evil.example"}, False),
        ({"host": "localhost.evil.example"}, False),
        ({"host": "127.0.0.2"}, False),
        ({"host": "[::1"}, False),
        ({"host": ""}, False),
        ({"host": "localhost@evil.example"}, False),
        ({"host": "localhost", "origin": "http://evil.example"}, False),
        ({"host": "localhost", "origin": "null"}, False),
    ],
)
def test_requests_of_other_sites_are_refused(headers: dict[str, str], is_ours: bool) -> None:
    for kind in ("http", "websocket"):
        assert _answer(kind, headers) == ([kind] if is_ours else [421])


def test_a_port_that_another_program_has_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_tenant(tmp_path)
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        said = c360_here(monkeypatch, "ui", "--tenant", tmp_path, "--port", str(port))
    assert (said.code, f"port {port} is not free" in said.text) == (1, True)
    assert not (tmp_path / ".dagster").exists()


def test_a_second_one_for_the_same_tenant_is_told_where_the_first_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two daemons on one home would both start runs."""
    tiny_tenant(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with only_service(prepare_home(tmp_path), "http://127.0.0.1:3999"):
        said = c360_here(monkeypatch, "ui", "--tenant", tmp_path, "--port", free_port())
    assert said.code == 1
    assert "serves this tenant already, on http://127.0.0.1:3999: open that" in said.text
    with only_service(tmp_path / ".dagster", ""):
        pass


def test_no_private_module_of_dagster_is_named() -> None:
    private = re.compile(r"\bdagster\w*(\.\w+)*\._")
    files = [f for f in (REPOSITORY / "c360_assets").rglob("*") if f.suffix in (".py", ".yaml")]
    named = {file.name for file in files if private.search(file.read_text("utf-8"))}
    # Its SQLite storage has no public name.
    assert named == {"event_log.py"}

"""What `c360 ui` starts, and that nothing leans on what Dagster keeps to itself."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from c360_assets.automation.instance import REPOSITORY, prepare_home
from c360_assets.automation.runs import open_instance
from c360_assets.automation.ui_command import HOST, ui_command
from c360_assets_tests.automation.tenants import tiny_tenant
from c360_assets_tests.day.command import end_group

LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"
SECONDS_ALLOWED = 240


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


def test_it_serves_the_tenant_and_warns_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_tenant(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    with open_instance():
        pass
    port = free_port()
    log = tmp_path / "ui.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ui_command(port),
            cwd=tmp_path,  # no project around it
            stdout=file,
            stderr=file,
            env=dict(os.environ),
            start_new_session=True,
        )
    deadline = time.monotonic() + SECONDS_ALLOWED
    shown: object = None
    try:
        while shown is None:
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            try:
                shown = locations(port)
            except OSError:
                time.sleep(0.5)
    finally:
        end_group(process)
    assert shown == [{"name": "c360", "loadStatus": "LOADED"}]
    assert re.findall(r"(?i).*(?:superseded|deprecat|warning).*", log.read_text("utf-8")) == []


def test_no_private_module_of_dagster_is_named() -> None:
    private = re.compile(r"\bdagster\w*(\.\w+)*\._")
    files = [f for f in (REPOSITORY / "c360_assets").rglob("*") if f.suffix in (".py", ".yaml")]
    assert [file.name for file in files if private.search(file.read_text("utf-8"))] == []

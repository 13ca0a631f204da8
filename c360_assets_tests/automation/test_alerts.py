"""Alerts: one line each, once, for the owner's eyes, and a call that may fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from c360_assets.automation.alerts import alert
from c360_assets.automation.sensors import landing_sensor
from c360_assets.tenant.models import Tenant
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.automation.test_sensors import asked
from c360_assets_tests.automation.test_waiting import alerts, refuse


class Hook(HTTPServer):
    """A web address on this machine that answers with `status` and remembers what it was sent."""

    def __init__(self, status: int) -> None:
        self.status, self.heard = status, list[dict[str, Any]]()
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?token=hidden"


class _Answer(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook(request: pytest.FixtureRequest) -> Iterator[Hook]:
    with Hook(getattr(request, "param", 200)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def with_hook(root: Path, address: str) -> Tenant:
    return tiny_tenant(root, f"alerts: {{webhook: '{address}'}}")


def test_an_alert_is_written_once(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    raised = [alert(tenant, kind, feed, DAY, "gone") for kind in ("late", "missing") for feed in ("A:B", "", "A:B")]
    assert raised == [True, True, False] * 2
    assert [(a["kind"], a["feed"], a["day"], a["message"], a["tenant"]) for a in alerts(tmp_path)] == [
        (kind, feed, "2026-03-02", "gone", "Tiny") for kind in ("late", "missing") for feed in ("A:B", "")
    ]
    path = tmp_path / "logs/alerts.jsonl"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_file_of_workflow_yaml(tmp_path: Path) -> None:
    assert alert(tiny_tenant(tmp_path, "alerts: {file: logs/told/all.jsonl}"), "late", "", DAY, "gone")
    assert len((tmp_path / "logs/told/all.jsonl").read_text("utf-8").splitlines()) == 1


@pytest.mark.parametrize("broken", ["not json", '{"feed": "A:B"}', "[1]", '{"feed": "A:B", "day": "2026-03-02", "ki'])
def test_a_broken_line_hides_no_other(tmp_path: Path, broken: str) -> None:
    tenant = tiny_tenant(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/alerts.jsonl").write_text(broken, "utf-8")
    assert [alert(tenant, "late", "A:B", DAY, "gone") for _ in range(2)] == [True, False]


def test_threads_write_one_line(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    threads = [threading.Thread(target=alert, args=(tenant, "late", "A:B", DAY, "gone")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(alerts(tmp_path)) == 1


def test_the_web_address_is_told(tmp_path: Path, hook: Hook) -> None:
    tenant = with_hook(tmp_path, hook.address)
    for _ in range(2):
        alert(tenant, "missing", "A:B", DAY, "gone")
    (heard,), (written,) = hook.heard, alerts(tmp_path)
    assert {**heard, "webhook": "sent"} == written


@pytest.mark.parametrize("hook", [404, 500], indirect=True)
def test_an_address_that_refuses_is_noted(tmp_path: Path, hook: Hook) -> None:
    assert alert(with_hook(tmp_path, hook.address), "missing", "A:B", DAY, "gone")
    assert alerts(tmp_path)[0]["webhook"] == f"failed (HTTPError {hook.status})"


def test_an_address_that_is_not_there_is_noted_and_not_told(tmp_path: Path) -> None:
    tenant = with_hook(tmp_path, "http://127.0.0.1:9/hook?token=hidden")
    assert [alert(tenant, "missing", "A:B", DAY, "gone") for _ in range(2)] == [True, False]
    assert alerts(tmp_path)[0]["webhook"] == "failed (URLError)"
    assert "hidden" not in (tmp_path / "logs/alerts.jsonl").read_text("utf-8")


def test_a_refused_load_is_told_by_the_tick_once(tmp_path: Path) -> None:
    tenant = with_hook(tmp_path, "http://127.0.0.1:9/")
    land(tmp_path, "loyalty", DAY)
    refuse(tenant)
    feed = tenant.feed("Loyalty:Members")
    assert feed is not None
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            assert "failed to load" in str(asked(landing_sensor(tenant, feed), instance))
    (told,) = alerts(tmp_path)
    assert (told["kind"], told["feed"]) == ("load_failed", "Loyalty:Members")
    assert told["message"] == "2026-03-02 of Loyalty:Members was not loaded: a column is missing"

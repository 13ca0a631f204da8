"""Alerts: one line each, once, for the owner's eyes, and a call that may fail."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from rich.console import Console

from c360_assets.automation import sensors
from c360_assets.automation.alerts import (
    Alert,
    Kind,
    open_alerts,
    raise_alert,
    send_again,
    tell_recovery,
)
from c360_assets.automation.jobs import ACTIVATE
from c360_assets.automation.jobs import DAY as DAY_JOB
from c360_assets.automation.sensors import activation_sensor, landing_sensor, stitch_sensor
from c360_assets.reporting.status import read_status
from c360_assets.reporting.status_screen import render_status
from c360_assets.run_tags import DAY_TAG, OWNER_TAG
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.processes import owner_mark
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.automation.test_sensors import asked, ran
from c360_assets_tests.automation.test_waiting import alerts, at, refuse
from c360_assets_tests.ingest.tenants import load


def alert(tenant: Tenant, kind: Kind, feed: str, day: date, message: str) -> bool:
    return raise_alert(tenant, Alert(kind, feed, day, message))


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
    raised = [
        alert(tenant, kind, feed, DAY, "gone")
        for kind in ("late", "missing")
        for feed in ("A:B", "", "A:B")
    ]
    assert raised == [True, True, False] * 2
    assert [
        (a["kind"], a["feed"], a["day"], a["message"], a["tenant"]) for a in alerts(tmp_path)
    ] == [
        (kind, feed, "2026-03-02", "gone", "Tiny")
        for kind in ("late", "missing")
        for feed in ("A:B", "")
    ]
    path = tmp_path / "logs/alerts.jsonl"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_lies_there_day_after_day_is_told_once_until_it_changes(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    days = [DAY + timedelta(days=i) for i in range(5)]
    messages = ["a pipe", "a pipe", "a pipe; a folder", "a folder", "a folder"]
    raised = [
        alert(tenant, "odd_entry", "Shop:Customers", day, message)
        for day, message in zip(days, messages, strict=True)
    ]
    assert raised == [True, False, True, True, False]
    (entry,) = open_alerts(tenant)
    assert entry["message"] == "a folder"
    tell_recovery(tenant, entry, "gone")
    assert open_alerts(tenant) == []
    assert alert(tenant, "odd_entry", "Shop:Customers", days[4], "a folder"), "it came back"


def test_the_file_of_workflow_yaml(tmp_path: Path) -> None:
    assert alert(
        tiny_tenant(tmp_path, "alerts: {file: logs/told/all.jsonl}"), "late", "", DAY, "gone"
    )
    assert len((tmp_path / "logs/told/all.jsonl").read_text("utf-8").splitlines()) == 1


@pytest.mark.parametrize(
    "broken", ["not json", '{"feed": "A:B"}', "[1]", '{"feed": "A:B", "day": "2026-03-02", "ki']
)
def test_a_broken_line_hides_no_other(tmp_path: Path, broken: str) -> None:
    tenant = tiny_tenant(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/alerts.jsonl").write_text(broken, "utf-8")
    assert [alert(tenant, "late", "A:B", DAY, "gone") for _ in range(2)] == [True, False]


def test_threads_write_one_line(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    threads = [
        threading.Thread(target=alert, args=(tenant, "late", "A:B", DAY, "gone")) for _ in range(8)
    ]
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


def test_an_address_that_was_away_is_tried_again(tmp_path: Path) -> None:
    away = with_hook(tmp_path, "http://127.0.0.1:9/hook")
    for feed in ("A:B", "C:D"):
        alert(away, "missing", feed, DAY, "gone")
    old = json.dumps({**alerts(tmp_path)[0], "at": "2026-01-01T00:00:00+00:00", "feed": "old"})
    path = tmp_path / "logs/alerts.jsonl"
    path.write_text(f"no json\n{old}\n{path.read_text()}")
    assert send_again(away) == 0
    with Hook(200) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        back = with_hook(tmp_path, server.address)
        assert [send_again(back), send_again(back)] == [2, 0]
        server.shutdown()
    assert [(h["feed"], h["message"], "webhook" in h) for h in server.heard] == [
        ("A:B", "gone", False),
        ("C:D", "gone", False),
    ]
    lines = path.read_text().splitlines()
    assert lines[:2] == ["no json", old]
    assert [json.loads(line)["webhook"] for line in lines[2:]] == ["sent later", "sent later"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert not alert(back, "missing", "A:B", DAY, "gone"), "it is remembered as raised"


def test_a_run_that_takes_too_long_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clocks go forward by an hour meanwhile, which is no minute of the run."""
    tenant = tiny_tenant(tmp_path, "alerts: {runtime: 90m}")
    begun = at("01:30", 6)
    with dg.DagsterInstance.ephemeral() as instance:
        ran(instance, DAY_JOB, {}, dg.DagsterRunStatus.NOT_STARTED)
        run_id = instance.get_runs()[0].run_id
        instance.add_run_tags(run_id, {OWNER_TAG: owner_mark(run_id)})
        started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, DAY_JOB)
        instance.run_storage.handle_run_event(run_id, started, begun)
        (record,) = instance.get_run_records()
        for minutes, expected in ((89, 0), (91, 1), (95, 1)):
            later = begun.astimezone(UTC) + timedelta(minutes=minutes)
            monkeypatch.setattr(sensors, "now", lambda _, at=later: at.astimezone(begun.tzinfo))
            asked(stitch_sensor(tenant), instance)
            assert len(alerts(tmp_path)) == expected
    (told,) = alerts(tmp_path)
    run = record.dagster_run.run_id[:8]
    assert (told["kind"], told["message"]) == (
        "runtime",
        f"run {run} of job {DAY_JOB} has been going for 91 minutes",
    )


@pytest.mark.parametrize(
    ("setting", "expected"), [("true", [("succeeded", "2026-03-02")]), ("false", [])]
)
def test_a_day_that_is_activated_is_told_if_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, expected: list[tuple[str, str]]
) -> None:
    tenant = tiny_tenant(tmp_path, f"alerts: {{success: {setting}}}")
    monkeypatch.setattr(sensors, "now", lambda _: at("09:00"))
    with dg.DagsterInstance.ephemeral() as instance:
        asked(activation_sensor(tenant), instance)
        assert "succeeded" not in [a["kind"] for a in alerts(tmp_path)]
        ran(instance, ACTIVATE, {DAY_TAG: DAY.isoformat()}, dg.DagsterRunStatus.SUCCESS)
        for _ in range(2):
            assert "activated already" in str(asked(activation_sensor(tenant), instance))
    assert [(a["kind"], a["day"]) for a in alerts(tmp_path) if a["kind"] == "succeeded"] == expected


def test_a_full_disk_has_an_alert_sent_once_and_written_when_there_is_room(
    tmp_path: Path, hook: Hook
) -> None:
    tenant = with_hook(tmp_path, hook.address)
    (tmp_path / "logs").mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        for _ in range(2):
            with pytest.raises(OSError, match="too large"):
                alert(tenant, "late", "A:B", DAY, "gone")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert [alert(tenant, "late", "A:B", DAY, "gone") for _ in range(2)] == [True, False]
    assert [heard["message"] for heard in hook.heard] == ["gone"]
    assert [entry["webhook"] for entry in open_alerts(tenant)] == ["sent"]


def test_status_shows_recent_alerts(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    alert(tenant, "missing", "A:B", DAY, "A:B [never] came")
    old = json.dumps(
        {**alerts(tmp_path)[0], "at": "2026-01-01T00:00:00+00:00", "message": "long ago"}
    )
    path = tmp_path / "logs/alerts.jsonl"
    path.write_text(f"{old}\nno json\n{path.read_text()}")
    found = read_status(tmp_path, datetime.now(UTC))
    assert [a["message"] for a in found.alerts] == ["A:B [never] came"]
    page = StringIO()
    render_status(found, Console(file=page, width=300))
    assert "missing: A:B [never] came" in page.getvalue()
    assert "long ago" not in page.getvalue()


def test_status_has_one_clock_and_names_each_channel_that_failed(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    alert(tenant, "missing", "A:B", DAY, "A:B never came")
    moment = datetime.now(UTC).replace(microsecond=0)
    outcomes = {"webhook": "sent", "notify": {"MAIL": "failed (MAIL is not set)", "CHAT": "sent"}}
    entry = {**alerts(tmp_path)[0], "at": moment.isoformat(), **outcomes}
    (tmp_path / "logs/alerts.jsonl").write_text(json.dumps(entry) + "\n")
    published = tmp_path / "activated/customer_360.duckdb"
    published.parent.mkdir()
    published.touch()
    os.utime(published, (moment.timestamp(), moment.timestamp()))
    page = StringIO()
    render_status(read_status(tmp_path, datetime.now(UTC)), Console(file=page, width=300))
    here = f"{moment.astimezone(ZoneInfo('America/New_York')):%Y-%m-%d %H:%M}"
    assert f"Published   {here}, " in page.getvalue()
    assert f"Alert       {here} missing: A:B never came" in page.getvalue()
    assert "(not sent: MAIL failed (MAIL is not set))" in page.getvalue()


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
    assert told["file"] == "loyalty/members-20260302.csv"


def test_an_alert_names_the_file_with_the_errors_and_not_another_of_the_day(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    whole = land(tmp_path, "shop", DAY)
    for part, visits in (("-0", "1"), ("-1", "often"), ("-10", "2")):
        rows = [f"x{part}{i},,A,B,{visits}" for i in range(3)]
        text = "\n".join([whole.read_text().splitlines()[0], *rows]) + "\n"
        whole.with_name(f"{whole.stem}{part}.csv").write_text(text)
    feed = tenant.feed("Shop:Customers")
    assert feed is not None
    load(tenant, feed, DAY)
    with dg.DagsterInstance.ephemeral() as instance:
        asked(landing_sensor(tenant, feed), instance)
    (told,) = alerts(tmp_path)
    assert told["file"] == "shop/customers-20260302-1.csv"
    assert "most in file shop/customers-20260302-1.csv (3 rows)" in told["message"]

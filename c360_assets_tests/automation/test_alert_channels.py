"""Alerts by e-mail and chat: real servers on loopback, each told what to do, none told a secret."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from c360_assets.automation.alert_texts import TEXTS, command
from c360_assets.automation.alerts import Alert, open_alerts, raise_alert, send_again, tell_recovery
from c360_assets.automation.recoveries import QUESTIONS, Look, tell_recoveries
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.heartbeat import FOLDER, beat
from c360_assets.warehouse.session import Warehouse
from c360_assets_tests.automation.tenants import DAY, tiny_tenant
from c360_assets_tests.automation.test_alerts import Hook, hook  # noqa: F401
from c360_assets_tests.automation.test_readiness import loaded
from c360_assets_tests.automation.test_waiting import alerts
from c360_assets_tests.day.command import c360_here

SECRET = "hunter2secret"
LOAD_FAILED = Alert(
    "load_failed", "Shop:Customers", DAY, "a column is missing", "shop/customers-20260302.csv"
)


class Mailbox:
    """What an SMTP server was given."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    """An SMTP server on this machine, and its address as apprise writes it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        address = f"mailto://127.0.0.1:{port}?from=c360@brand.example&to=data@brand.example"
        yield box, address
    finally:
        server.stop()


def notified(root: Path, **alerts: Any) -> Tenant:
    return tiny_tenant(root, f"alerts: {json.dumps(alerts)}")


def text_of(mail: Message) -> str:
    payload = mail.get_payload(decode=True)
    if mail.is_multipart():
        parts = mail.get_payload()
        assert isinstance(parts, list)
        return "\n".join(text_of(part) for part in parts if isinstance(part, Message))
    assert isinstance(payload, bytes)
    return payload.decode()


def test_a_mail_names_feed_file_remedy_and_command_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: tuple[Mailbox, str]
) -> None:
    box, address = mailbox
    monkeypatch.setenv("BRAND_MAIL", address)
    tenant = notified(tmp_path, notify_env=["BRAND_MAIL"])
    assert [raise_alert(tenant, LOAD_FAILED) for _ in range(2)] == [True, False]
    (mail,) = box.mails
    subject = str(mail["Subject"])
    assert "Shop:Customers" in subject
    assert "could not be loaded" in subject
    text = " ".join(text_of(mail).split())
    for expected in (
        "a column is missing",
        "shop/customers-20260302.csv",
        "deliver the file again",
        f"c360 load Shop:Customers --from 2026-03-02 --to 2026-03-02 --tenant {tmp_path}",
    ):
        assert expected in text
    (entry,) = alerts(tmp_path)
    assert entry["notify"] == {"BRAND_MAIL": "sent"}
    tell_recovery(tenant, entry, "it is loaded")
    subject = str(box.mails[-1]["Subject"])
    assert "Shop:Customers is well again (could not be loaded)" in subject


def test_chat_and_web_address_are_told_beside_each_other(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hook: Hook,  # noqa: F811
) -> None:
    chat = hook.address.replace("http://", "json://")
    monkeypatch.setenv("CHAT", chat)
    monkeypatch.setenv("HOOK", hook.address)
    tenant = notified(tmp_path, notify_env=["CHAT"], webhook_env="HOOK")
    raise_alert(tenant, LOAD_FAILED)
    own, by_apprise = hook.heard
    assert own["command"] == command(tenant, "load_failed", "Shop:Customers", DAY)
    assert "Command: c360 load Shop:Customers" in by_apprise["message"]
    assert alerts(tmp_path)[0]["webhook"] == "sent"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "failed (CHAT is not set)"),
        ("  ", "failed (CHAT is not set)"),
        (f"{SECRET} nonsense", "failed (it holds no address that apprise knows)"),
        (f"jsons://user:{SECRET}@127.0.0.1:9/{SECRET}", "failed (a receiver did not take it)"),
        (
            f"mailto://me:{SECRET}@127.0.0.1:9?from=a@b.example&to=x@y.example",
            "failed (a receiver did not take it)",
        ),
    ],
)
def test_what_cannot_be_sent_is_noted_without_a_secret_and_tried_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    hook: Hook,  # noqa: F811
    value: str | None,
    expected: str,
) -> None:
    monkeypatch.delenv("CHAT", raising=False)
    if value is not None:
        monkeypatch.setenv("CHAT", value)
    tenant = notified(tmp_path, notify_env=["CHAT"])
    assert raise_alert(tenant, LOAD_FAILED)
    assert alerts(tmp_path)[0]["notify"] == {"CHAT": expected}
    monkeypatch.setenv("CHAT", hook.address.replace("http://", "json://"))
    assert [send_again(tenant), send_again(tenant)] == [1, 0]
    assert alerts(tmp_path)[0]["notify"] == {"CHAT": "sent later"}
    said = capfd.readouterr()
    everything = said.out + said.err + (tmp_path / "logs/alerts.jsonl").read_text()
    assert SECRET not in everything


@pytest.mark.parametrize("key", ["notify_env", "webhook_env"])
def test_an_address_in_place_of_a_name_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    tiny_tenant(tmp_path)
    address = f"mailtos://me:{SECRET}@mail.example"
    value = f"['{address}']" if key == "notify_env" else f"'{address}'"
    (tmp_path / "workflow.yaml").write_text(f"alerts: {{{key}: {value}}}")
    for verb in ("check", "run", "status"):
        said = c360_here(monkeypatch, verb, "--tenant", tmp_path)
        assert (said.code, "must be the name of an environment variable" in said.text) == (1, True)
        assert SECRET not in said.text


def test_check_warns_of_a_variable_that_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    tiny_tenant(tmp_path)
    (tmp_path / "workflow.yaml").write_text(
        "alerts: {notify_env: [NOT_SET_HERE], webhook_env: NOT_SET_HERE, webhook: 'http://x/'}"
    )
    said = c360_here(monkeypatch, "check", "--tenant", tmp_path)
    assert said.text.count("the environment variable NOT_SET_HERE is not set here") == 2
    assert (said.code, "keep one of the two" in said.text) == (1, True)


def test_every_kind_has_a_text_and_what_has_a_cause_has_an_end(tmp_path: Path) -> None:
    root = tmp_path / "a brand"
    root.mkdir()
    tenant = tiny_tenant(root)
    assert QUESTIONS.keys() == TEXTS.keys() - {"succeeded", "recovered"}
    for kind, text in TEXTS.items():
        words = command(tenant, kind, "Shop:Customers", DAY)
        assert words.startswith("c360 "), kind
        assert words.endswith(f"--tenant '{root}'"), kind
        assert text.headline
        assert text.what_to_do


def look(tenant: Tenant, **known: Any) -> Look:
    return Look(tenant, Warehouse.open(tenant.root / "warehouse"), datetime.now(UTC), **known)


def test_a_day_that_loads_after_it_was_refused_is_told_once(
    tmp_path: Path,
    hook: Hook,  # noqa: F811
) -> None:
    tenant = tiny_tenant(tmp_path, f"alerts: {{webhook: '{hook.address}'}}")
    alert = Alert("load_failed", "Loyalty:Members", DAY, "a column is missing")
    told = [tell_recoveries(look(tenant))]
    raise_alert(tenant, alert)
    told.append(tell_recoveries(look(tenant)))
    loaded(tmp_path, "Loyalty:Members", DAY)
    told += [tell_recoveries(look(tenant)), tell_recoveries(look(tenant))]
    assert told == [0, 0, 1, 0]
    assert [heard["kind"] for heard in hook.heard] == ["load_failed", "recovered"]
    recovery = hook.heard[-1]
    assert (recovery["of"], recovery["feed"], recovery["day"]) == (
        "load_failed",
        "Loyalty:Members",
        "2026-03-02",
    )
    assert "is loaded" in recovery["message"]
    assert open_alerts(tenant) == []


@pytest.mark.parametrize("kind", ["missing", "stopped", "late"])
@pytest.mark.parametrize(("delivered", "is_well"), [(DAY, True), (DAY - timedelta(days=1), False)])
def test_a_delivery_that_came_after_all_is_told(
    tmp_path: Path, kind: Any, delivered: date, is_well: bool
) -> None:
    tenant = tiny_tenant(tmp_path)
    raise_alert(tenant, Alert(kind, "Shop:Customers", DAY, "did not come"))
    loaded(tmp_path, "Shop:Customers", delivered)
    assert tell_recoveries(look(tenant)) == int(is_well)


def test_an_activation_that_went_on_without_the_feed_waits_for_it_no_more(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    raise_alert(tenant, Alert("late", "Shop:Customers", DAY, "the activation waits for it"))
    assert tell_recoveries(look(tenant)) == 0
    beat(tmp_path, "published")
    sign = tmp_path / FOLDER / "published"
    after = datetime.now(UTC).timestamp() + 2  # an alert is dated by the second
    os.utime(sign, (after, after))
    assert tell_recoveries(replace(look(tenant), at=datetime.now(UTC) + timedelta(minutes=1))) == 1
    assert open_alerts(tenant) == []


def test_what_only_the_orchestrator_knows_is_not_guessed(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    for alert in (
        Alert("runtime", "", DAY, "run 0123abcd of job load has been going for 91 minutes"),
        Alert("overdue", "Shop:Customers", DAY, "too old"),
        Alert("stitch_failed", "", DAY, "failed"),
    ):
        raise_alert(tenant, alert)
    assert tell_recoveries(look(tenant)) == 0
    going_on = {"running": {"0123abcdef"}, "overdue": ["Shop:Customers"], "stitch_is_done": False}
    assert tell_recoveries(look(tenant, **going_on)) == 0
    over: dict[str, Any] = {"running": set(), "overdue": [], "stitch_is_done": True}
    assert tell_recoveries(look(tenant, **over)) == 3

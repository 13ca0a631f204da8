"""Campaigns to receivers beyond this machine's folders: real servers of each kind on loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest
import requests
from pydantic import ValidationError
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, ReadTimeoutError

from c360_assets.customer_360.publication.send_errors import kind_of
from c360_assets.errors import C360Error
from c360_assets.segments.campaign_send import send_campaign
from c360_assets.segments.check_campaigns import check_campaigns
from c360_assets.tenant.models import DestinationConfig, Tenant
from c360_assets.warehouse import remote_places
from c360_assets.warehouse.session import Session
from c360_assets_tests.ingest.servers import sftp_server
from c360_assets_tests.segments.http_server import Receiver, http_receiver
from c360_assets_tests.segments.sending import (
    campaign,
    consent,
    publish,
    recipients,
    sending_tenant,
    sends,
)

PEOPLE = {f"p{n}": f"p{n}@example.com" for n in range(7)}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with http_receiver() as started:
        monkeypatch.setenv("CRM_URL", started.address)
        monkeypatch.setenv("CRM_TOKEN", "t0ken")
        yield started


def tenant_with(root: Path, **settings: Any) -> Tenant:
    tenant = sending_tenant(root)
    return replace(tenant, destinations={"crm": DestinationConfig.model_validate(settings)})


def http_tenant(root: Path, **settings: Any) -> Tenant:
    return tenant_with(root, type="http", url_env="CRM_URL", **settings)


def everybody_agrees(session: Session, names: Sequence[str] = tuple(PEOPLE)) -> None:
    consent(session, {PEOPLE[name]: True for name in names})


def test_http_in_batches(tmp_path: Path, session: Session, receiver: Receiver) -> None:
    tenant = http_tenant(tmp_path, batch=3, token_env="CRM_TOKEN")
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    sent = send_campaign(session, campaign(tenant), "crm")
    assert (sent.accounting.sent, sent.accounting.failed) == (7, 0)
    assert [len(request["rows"]) for request in receiver.requests] == [3, 3, 1]
    assert [request["offset"] for request in receiver.requests] == [0, 3, 6]
    assert {(r["campaign"], r["delivery"], r["mode"], r["total"]) for r in receiver.requests} == {
        ("spring", 1, "full", 7)
    }
    assert sorted(row["email"] for row in receiver.people) == sorted(PEOPLE.values())
    assert {head["Authorization"] for head in receiver.headers} == {"Bearer t0ken"}


def test_http_waits_when_the_receiver_is_busy(
    tmp_path: Path, session: Session, receiver: Receiver
) -> None:
    tenant = http_tenant(tmp_path, batch=4)
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    receiver.answers = [(503, ""), (429, ""), (200, "")]
    send_campaign(session, campaign(tenant), "crm")
    assert receiver.statuses == [503, 429, 200, 200]
    keys = [head["Idempotency-Key"] for head in receiver.headers]
    assert len(set(keys[:3])) == 1
    assert len(set(keys)) == 2
    assert len(receiver.people) == len(PEOPLE)


def test_http_does_not_wait_for_hours(tmp_path: Path, session: Session, receiver: Receiver) -> None:
    """A run holds the tenant: nobody would get anything until the receiver is in the mood."""
    tenant = http_tenant(tmp_path, batch=4)
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    receiver.retry_after = "7200"
    receiver.answers = [(200, ""), (429, "")]
    with pytest.raises(C360Error, match="answered 429 and asks to wait 7,200 seconds, longer"):
        send_campaign(session, campaign(tenant), "crm")
    receiver.retry_after = "in a while"
    receiver.answers = [(503, "")]
    again = send_campaign(session, campaign(tenant), "crm")
    assert (again.delivery, again.again, again.accounting.sent) == (1, True, 7)
    assert sorted(row["email"] for row in receiver.people) == sorted(PEOPLE.values())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (requests.exceptions.SSLError, "SSLError, its certificate is not of that host"),
        (requests.exceptions.ConnectTimeout, "ConnectTimeout, nothing answers there"),
        (requests.exceptions.ProxyError, "ProxyError, no connection, or one that broke off"),
        (ValueError, "ValueError"),
    ],
)
def test_what_went_wrong_is_said_without_the_words_of_others(
    error: type[Exception], said: str
) -> None:
    told = kind_of(error("https://user:secret@crm.example.com"))
    assert (told.startswith(said), "secret" in told) == (True, False)


def test_an_answer_that_never_comes_is_no_broken_connection() -> None:
    """What was tried again and again comes as a connection that broke off."""
    reason = ReadTimeoutError(HTTPConnectionPool("secret.example.com"), "/", "Read timed out.")
    pool = HTTPConnectionPool("secret.example.com")
    told = kind_of(requests.exceptions.ConnectionError(MaxRetryError(pool, "/", reason)))
    assert told == "ReadTimeout, it took the rows and did not answer in time"


def test_http_keeps_to_its_pace(tmp_path: Path, session: Session, receiver: Receiver) -> None:
    tenant = http_tenant(tmp_path, batch=2, per_second=20)
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    began = time.monotonic()
    send_campaign(session, campaign(tenant), "crm")
    # Four requests, each at least a twentieth of a second after the one before.
    assert time.monotonic() - began >= 3 / 20


def test_rows_that_are_rejected_go_again(
    tmp_path: Path, session: Session, receiver: Receiver
) -> None:
    tenant = http_tenant(tmp_path, batch=5)
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    spring = campaign(tenant, mode="add_remove")
    receiver.answers = [(200, '{"rejected": [1, 4]}'), (202, '{"rejected": [0]}')]
    sent = send_campaign(session, spring, "crm")
    assert (sent.accounting.audience, sent.accounting.sent, sent.accounting.failed) == (7, 4, 3)
    assert sent.added == 4
    assert sends(session, "sent, failed, added, state") == [(4, 3, 4, "sent")]
    session.bind("segments/activation_states", "states")
    assert session.rows("SELECT count(*) FROM states") == [(4,)]
    first = [row["email"] for request in receiver.requests for row in request["rows"]]
    refused = {first[1], first[4], first[5]}
    receiver.requests.clear()
    again = send_campaign(session, spring, "crm")
    assert {row["email"] for row in receiver.requests[0]["rows"]} == refused
    assert (again.accounting.sent, again.accounting.failed, again.added) == (7, 0, 3)


def test_a_removal_that_is_rejected_goes_again(
    tmp_path: Path, session: Session, receiver: Receiver
) -> None:
    tenant = http_tenant(tmp_path)
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    spring = campaign(tenant, mode="add_remove")
    send_campaign(session, spring, "crm")
    consent(session, {address: name != "p2" for name, address in PEOPLE.items()})
    receiver.answers = [(200, '{"rejected": [0]}')]
    assert send_campaign(session, spring, "crm").removed == 0
    receiver.requests.clear()
    assert send_campaign(session, spring, "crm").removed == 1
    assert receiver.requests[0]["rows"] == [
        {"action": "remove", "email": PEOPLE["p2"], "given_name": None}
    ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([(400, "p1@example.com is bad")], "answered 400"),
        ([(302, "")], "answered 302"),
        ([(200, ""), (401, "")], "answered 401"),
        ([(200, '{"rejected": [9]}')], "something else than numbers"),
        ([(200, '{"rejected": "all"}')], "something else than numbers"),
    ],
)
def test_http_that_fails_is_sent_again_under_its_number(
    tmp_path: Path,
    session: Session,
    receiver: Receiver,
    answers: list[tuple[int, str]],
    expected: str,
) -> None:
    tenant = http_tenant(tmp_path, batch=3)
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    receiver.answers = answers
    with pytest.raises(C360Error, match=expected) as failed:
        send_campaign(session, campaign(tenant), "crm")
    assert "@" not in str(failed.value)
    assert receiver.address not in str(failed.value)
    assert sends(session, "state, sent, failed") == [("failed", 0, 7)]
    again = send_campaign(session, campaign(tenant), "crm")
    assert (again.delivery, again.again) == (1, True)
    assert len(receiver.people) == len(PEOPLE)


@pytest.mark.parametrize(
    "address", ["http://crm.example.com/hook", "ftp://127.0.0.1/x", "nonsense", ""]
)
def test_http_addresses_that_are_refused(
    tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    tenant = http_tenant(tmp_path)
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    monkeypatch.setenv("CRM_URL", address)
    with pytest.raises(C360Error, match="CRM_URL"):
        send_campaign(session, campaign(tenant), "crm")


def test_an_empty_list_empties_the_receiver(
    tmp_path: Path, session: Session, receiver: Receiver
) -> None:
    tenant = http_tenant(tmp_path)
    publish(tenant, PEOPLE)
    consent(session, {})
    send_campaign(session, campaign(tenant), "crm")
    assert [request["rows"] for request in receiver.requests] == [[]]


def saas(address: str, **settings: Any) -> dict[str, Any]:
    template = '{"who": "{{ row.email }}", "what": "{{ row.action }}"}'
    return {
        "type": "saas",
        "connector": "rest_api",
        "settings": {"url": address, "method": "POST", "body_template": template, **settings},
    }


def test_saas(tmp_path: Path, session: Session, receiver: Receiver) -> None:
    tenant = tenant_with(tmp_path, **saas(receiver.address))
    publish(tenant, PEOPLE)
    everybody_agrees(session)
    receiver.answers = [(200, ""), (422, "p1@example.com is bad")]
    spring = campaign(tenant, mode="add_remove")
    sent = send_campaign(session, spring, "crm")
    assert (sent.accounting.sent, sent.accounting.failed) == (6, 1)
    assert {request["what"] for request in receiver.requests} == {"add"}
    refused = receiver.requests[1]["who"]
    receiver.requests.clear()
    send_campaign(session, spring, "crm")
    assert receiver.requests == [{"who": refused, "what": "add"}]


@pytest.mark.parametrize(
    ("settings", "mode", "expected"),
    [
        (saas("https://x.example.com"), "full", "takes nobody out"),
        ({"type": "saas", "connector": "hubspott"}, "add_remove", "no connector hubspott"),
        ({"type": "saas", "connector": "file"}, "add_remove", "use type: files"),
        ({"type": "saas", "connector": "rest_api"}, "add_remove", "settings: url"),
        (
            saas("https://x.example.com", auth={"type": "bearer", "token": "s3cr3t"}),
            "add_remove",
            "token_env",
        ),
    ],
)
def test_saas_is_checked(
    tmp_path: Path, session: Session, settings: dict[str, Any], mode: str, expected: str
) -> None:
    tenant = tenant_with(tmp_path, **settings)
    tenant = replace(tenant, campaigns={"spring": campaign(tenant, mode=mode).config})
    problems = check_campaigns(session, tenant, {})
    texts = [f"{problem.key}: {problem.message} {problem.remedy}" for problem in problems]
    assert [text for text in texts if expected in text], texts
    assert not [text for text in texts if "s3cr3t" in text]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"type": "http"}, "needs url_env"),
        ({"type": "saas"}, "needs connector"),
        ({"type": "http", "url_env": "U", "path": "x"}, "path is for type files"),
        ({"path": "x", "batch": 5}, "batch is for type http or saas"),
        ({"path": "ftp://host/x"}, "must be a folder or an address"),
        ({"path": "gs://"}, "names no bucket"),
        ({"path": "s3://b/shop #1"}, "must not hold # or"),
        ({"type": "http", "url_env": "https://x.example.com"}, "name of an environment variable"),
        ({"type": "http", "url_env": "U", "tables": {"customer_360": {}}}, "campaigns only"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        DestinationConfig.model_validate(settings)


def test_sftp(tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "served"
    served.mkdir()
    with sftp_server(served) as (port, key):
        tenant = tenant_with(tmp_path, path=f"sftp://127.0.0.1:{port}/in/lists", format="csv")
        publish(tenant, PEOPLE)
        everybody_agrees(session)
        monkeypatch.setenv(remote_places.SFTP_USER, "brand")
        monkeypatch.setenv(remote_places.SFTP_PASSWORD, "secret")
        with pytest.raises(C360Error, match="UnknownHost"):
            send_campaign(session, campaign(tenant), "crm")
        _know(monkeypatch, tmp_path, port, key)
        for _ in range(2):
            send_campaign(session, campaign(tenant), "crm")
    files = [path.relative_to(served).as_posix() for path in served.rglob("*") if path.is_file()]
    assert files == ["in/lists/spring.csv"]
    assert len((served / files[0]).read_text().splitlines()) == len(PEOPLE) + 1
    assert [row[-1] for row in recipients(session)].count(2) == len(PEOPLE)


def _know(monkeypatch: pytest.MonkeyPatch, home: Path, port: int, key: paramiko.PKey) -> None:
    (home / ".ssh").mkdir()
    line = f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
    (home / ".ssh" / "known_hosts").write_text(line)
    monkeypatch.setenv("HOME", str(home))


def test_google_cloud_storage(
    tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    pytest.importorskip("gcsfs", reason="needs the extra gcs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="lists")
    server.start()
    try:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        tenant = tenant_with(tmp_path, path="gs://lists/spring", format="csv")
        publish(tenant, PEOPLE)
        everybody_agrees(session)
        send_campaign(session, campaign(tenant), "crm")
        system, folder = remote_places.open_place("gs://lists/spring")
        content = system.cat_file(f"{folder}/spring.csv").decode()
    finally:
        server.stop()
    assert len(content.splitlines()) == len(PEOPLE) + 1

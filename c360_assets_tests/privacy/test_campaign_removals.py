"""Receivers of campaigns lose somebody who is forgotten: lists of changes, whole lists, hashed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from c360_assets_tests.customer_360.postgres import postgres_or_skip
from c360_assets_tests.day.command import ask, c360_here
from c360_assets_tests.privacy.tenants import OTTILIE
from c360_assets_tests.privacy.test_forget import MAIL, found_in, ours

DESTINATIONS = """
  crm: {type: postgres, url_env: CRM_URL, schema: audience}
  letters: {type: files, path: exports/letters, format: csv}
"""
CAMPAIGN = """
include: [everybody]
channel: email
consent: 'none, because "the receiver asks everybody itself"'
attributes: [email, given_name]
"""
CAMPAIGNS = {
    "whole": "destination: [crm, letters]\nmode: full\n",
    "hashed": "destination: crm\nmode: full\nhash_as: google\n",
    "changes": "destination: [crm, letters]\nmode: add_remove\n",
}
SHARED = "hearth.of.falkensee@example.com"


@pytest.fixture
def server() -> Iterator[str]:
    with postgres_or_skip() as address:
        yield address


def _at_receiver(server: str, sql: str) -> list[tuple[object, ...]]:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(server) as con, con.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.mark.long
def test_receivers_of_campaigns_lose_who_is_forgotten(
    tenant: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_URL", server)
    with (tenant / "destinations.yaml").open("a") as declared:
        declared.write(DESTINATIONS)
    for folder in ("campaigns", "segments"):
        (tenant / folder).mkdir(exist_ok=True)
    everybody = "description: All with an address\ninclude: [{email: {is_not_null: true}}]\n"
    (tenant / "segments" / "everybody.yaml").write_text(everybody)
    for name, text in CAMPAIGNS.items():
        (tenant / "campaigns" / f"{name}.yaml").write_text(f"description: x{CAMPAIGN}{text}")
    run = c360_here(monkeypatch, "run", "--tenant", tenant)
    assert run.code == 0, run.text
    for name in CAMPAIGNS:
        sent = c360_here(monkeypatch, "campaign", "send", name, "--tenant", tenant)
        assert sent.code == 0, sent.text
    people = int(ask(tenant, "SELECT count(DISTINCT email) FROM customer_360")[0][0])
    counts = "SELECT (SELECT count(*) FROM audience.whole), (SELECT count(*) FROM audience.hashed)"
    assert _at_receiver(server, counts) == [(people, people)]

    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert said.code == 0, said.text
    assert ours(found_in(tenant, OTTILIE)).keys() <= {"exports"}
    assert _at_receiver(server, counts) == [(people - 1, people - 1)]
    is_hers = f"email ILIKE '{MAIL}'"
    assert _at_receiver(server, f"SELECT 1 FROM audience.whole WHERE {is_hers}") == []
    left = f"SELECT action, delivery FROM audience.changes WHERE {is_hers} ORDER BY change"
    assert _at_receiver(server, left) == [("add", 1), ("remove", -1)]
    # A receiver that has read up to the delivery before asks for what came since.
    since = "SELECT action FROM audience.changes WHERE change > (SELECT max(change) FROM "
    since += "audience.changes WHERE delivery = 1)"
    assert _at_receiver(server, since) == [("remove",)]
    file = tenant / "campaigns" / "changes.yaml"
    file.write_text(file.read_text().replace("given_name]", "given_name, surname]"))
    again = c360_here(monkeypatch, "campaign", "send", "changes", "--tenant", tenant)
    assert again.code == 0, again.text
    assert _at_receiver(server, left) == [("add", 1), ("remove", -1)]
    named = "SELECT count(surname) > 0 FROM audience.changes WHERE delivery = 2"
    assert _at_receiver(server, named) == [(True,)]
    files = {path.name for path in (tenant / "exports" / "letters").glob("*.csv")}
    assert files >= {"whole-forgotten-00001.csv", "changes-forgotten-00001.csv"}

    # Of two who share a mailbox one goes: the receiver loses the row, who stays keeps the address.
    key = "Web:Accounts=AC-700003"
    args = ["--source-key", key, "--strategy", "exact", "--yes"]
    said = c360_here(monkeypatch, "forget", *args, "--tenant", tenant)
    assert said.code == 0, said.text
    kept = ask(tenant, "SELECT email FROM unified_coalesced WHERE pk = 'AC-700004'")
    assert kept == [(SHARED,)]

    # A campaign that is not declared any more cannot be told to its receiver: a person confirms.
    (tenant / "campaigns" / "hashed.yaml").unlink()
    args = ["--email", "bo.winterstein@example.com", "--yes"]
    said = c360_here(monkeypatch, "forget", *args, "--tenant", tenant)
    assert (said.code, "pending: crm.hashed" in said.text) == (1, True), said.text
    tried = c360_here(monkeypatch, "privacy", "retry", "--tenant", tenant)
    assert "crm.hashed: not taken: there is no campaign hashed" in tried.text
    args = ["privacy", "retry", "--confirmed", "crm.hashed"]
    assert c360_here(monkeypatch, *args, "--tenant", tenant).code == 0

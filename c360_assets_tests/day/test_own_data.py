"""A newcomer's own file: init, feed suggest, check, run, as the README tells it; a source added
later; going back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from c360_assets.warehouse.published_file import database_path
from c360_assets_tests.day.command import ask, c360_here
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.small import CLUB, FIRST, SECOND, THIRD, copy_of, land

CONTACTS = """customer_id,first_name,last_name,email,phone,street,city,state,zip,updated_at
1001,Maria,Lopez,maria.lopez@example.com,212-555-0147,12 Elm St,Albany,NY,12207,2026-05-30 10:00:00
1002,Maria,Lopes,maria.lopez@example.com,,12 Elm Street,Albany,NY,12207,2026-05-31 09:30:00
1003,Peter,Quist,p.quist@example.org,212-555-0163,4 Oak Ave,Troy,NY,12180,2026-05-31 11:00:00
1004,Ida,Quist,ida@example.org,212-555-0163,4 Oak Ave,Troy,NY,12180,2026-05-31 12:00:00
1005,Sam,Reed,sam.reed@example.net,,9 Hill Rd,Utica,NY,13501,2026-06-01 08:00:00
"""


def test_from_a_file_of_five_rows_to_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "my-brand"
    assert c360_here(monkeypatch, "init", root).code == 0
    file = root / "landing/crm/contacts-20260601.csv"
    file.parent.mkdir()
    file.write_text(CONTACTS, "utf-8")
    suggested = c360_here(monkeypatch, "feed", "suggest", file, "--tenant", root)
    assert suggested.code == 0, suggested.text
    assert "maria" not in suggested.stdout.lower()
    feed = root / "feeds/crm/contacts.yaml"
    feed.parent.mkdir()
    feed.write_text(suggested.stdout, "utf-8")
    checked = c360_here(monkeypatch, "check", "--tenant", root)
    assert (checked.code, "0 errors" in checked.text or "no errors" in checked.text) == (0, True), (
        checked.text
    )
    ran = c360_here(monkeypatch, "run", "--tenant", root)
    assert ran.code == 0, ran.text
    assert "5 source records → 4 people" in ran.text
    assert ask(
        root,
        (
            "SELECT count(DISTINCT amperity_id) FROM unified_coalesced "
            "WHERE email = 'maria.lopez@example.com'"
        ),
    ) == [(1,)]
    assert ask(root, "SELECT count(*) FROM customer_360 WHERE given_name IS NOT NULL") == [(4,)]
    again = c360_here(monkeypatch, "init", root)
    assert (again.code, "nothing was written" in again.text) == (1, True)


@pytest.mark.long
def test_a_source_added_later_joins_with_its_history(
    small: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new source with three landed days: two of them load in one run, and the next run loads the
    third and stitches all."""
    root = copy_of(small.root, tmp_path / "tenant")
    declared = (
        CLUB.lstrip()
        .replace("source: Club", "source: WalkIn")
        .replace("club/members-", "walk_in/members-")
    )
    (root / "feeds/walk_in").mkdir()
    (root / "feeds/walk_in/members.yaml").write_text(declared, "utf-8")
    for day, member in (
        (FIRST, "w1,ann@example.com,Ann,Archer"),
        (SECOND, "w2,gus@example.com,Gus,Gray"),
        (THIRD, "w3,,Hal,Hill"),
    ):
        path = land(root, "club/members", day, [tuple(member.split(","))])
        moved = root / "landing/walk_in" / path.name
        moved.parent.mkdir(exist_ok=True)
        path.rename(moved)
    land(root, "club/members", FIRST)
    said = c360_here(
        monkeypatch,
        "load",
        "WalkIn:Members",
        "--from",
        FIRST,
        "--to",
        SECOND,
        "--tenant",
        root,
        "--json",
    )
    ((days, files),) = [(f["days"], f["files"]) for f in json.loads(said.stdout)["feeds"]]
    assert (said.code, days, files) == (0, 2, 2)
    ran = c360_here(monkeypatch, "run", "--tenant", root)
    assert ran.code == 0, ran.text
    came = """SELECT pk, amperity_id IN (SELECT amperity_id FROM unified_coalesced
        WHERE datasource = 'Shop:Customers')
              FROM unified_coalesced WHERE datasource = 'WalkIn:Members' ORDER BY pk"""
    assert ask(root, came) == [("w1", True), ("w2", False), ("w3", False)]
    assert ask(root, "SELECT count(*) FROM customer_360") == [(8,)]


@pytest.mark.long
def test_a_database_can_be_taken_back(
    small: Ran, second: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_of(second.root, tmp_path / "tenant")
    old = database_path(small.root).read_bytes()
    assert ask(root, "SELECT count(*) FROM customer_360") == [(7,)]
    unknown = c360_here(monkeypatch, "rollback", "99", "--tenant", root)
    assert (unknown.code, "no kept database number 99" in unknown.text) == (1, True)
    assert "Published already, unchanged" in c360_here(monkeypatch, "run", "--tenant", root).text
    said = c360_here(monkeypatch, "rollback", "--tenant", root)
    assert said.code == 0, said.text
    assert "from number 1" in said.text
    assert "`c360 rollback 2` takes it back" in said.text
    assert database_path(root).read_bytes() == old
    assert "published, 1" in c360_here(monkeypatch, "database", "history", "--tenant", root).text
    back = c360_here(monkeypatch, "run", "--tenant", root)
    assert back.code == 0, back.text
    assert ask(root, "SELECT count(*) FROM customer_360") == [(7,)], (
        "the next run publishes the warehouse's state"
    )

"""Tables whose feed was taken out of the settings: told, forgotten in, removed."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from c360_assets.configuration import load_tenant
from c360_assets.warehouse.session import open_session
from c360_assets_tests.day.command import Said, c360_here
from c360_assets_tests.privacy.tenants import MEMBERS, SECOND, land
from c360_assets_tests.privacy.test_forget import MAIL, found_in, ours

FEED = "feeds/club/members.yaml"
TABLES = ["domain/Club_Members", "input_validations/Club_Members", "stitched/Club_Members"]
# Known to nobody but the club.
NORA = ("nora.ausserdem", "Ausserdem", "CL-8800193")
NORAS = "CL-8800193,nora.ausserdem@example.com,Nora Ausserdem"


@pytest.fixture
def without_club(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tenant that had a feed with one member more, and no longer has it."""
    land(tenant, "club/members", SECOND, [*MEMBERS, NORAS])
    _verb(monkeypatch, tenant, "load", "Club:Members")
    (tenant / FEED).rename(tenant / "members.kept")
    return tenant


def _verb(environment: pytest.MonkeyPatch, root: Path, *words: str) -> Said:
    said = c360_here(environment, *words, "--tenant", root)
    assert said.code == 0, said.text
    return said


def _members(root: Path) -> list[str]:
    with open_session(root / "warehouse") as session:
        session.bind("domain/Club_Members")
        return [key for (key,) in session.rows("SELECT _pk FROM Club_Members ORDER BY 1")]


def test_check_and_status_tell_of_them(without_club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "3 tables are of nothing that the settings have: "
    checked = _verb(monkeypatch, without_club, "check").text
    assert told in checked
    assert "domain/Club_Members" in checked
    assert "`c360 warehouse remove`" in checked
    status = json.loads(_verb(monkeypatch, without_club, "status", "--json").stdout)
    assert told in status["removed"]
    assert status["tables"] == str(without_club / "warehouse")
    assert told in _verb(monkeypatch, without_club, "privacy", "status").text


@pytest.mark.parametrize("mode", ["delete", pytest.param("delete_pii", marks=pytest.mark.long)])
def test_who_is_only_there_is_found_and_forgotten(
    without_club: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    mail = "Nora.Ausserdem@example.com"
    answered = json.loads(
        _verb(monkeypatch, without_club, "dsar", "--email", mail, "--json").stdout
    )
    answer = json.loads((without_club / answered["folder"] / "answer.json").read_text("utf-8"))
    (row,) = answer["source records"]["Club:Members"]
    assert row["member"] == "CL-8800193"
    _verb(monkeypatch, without_club, "forget", "--email", mail, "--type", mode, "--yes")
    left = NORA if mode == "delete" else NORA[:2]  # of a row that stays the key may stay
    assert ours(found_in(without_club, left)) == {}
    assert ("CL-8800193" in _members(without_club)) == (mode == "delete_pii")


def test_who_is_only_in_a_kept_database_is_found(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a table that was removed, in a file of a database that was taken out of the settings."""
    (tenant / FEED).rename(tenant / "members.kept")
    _verb(monkeypatch, tenant, "warehouse", "remove", *TABLES)
    kept = tenant / "activated" / "history" / "eu.4.duckdb"
    kept.write_bytes((tenant / "activated" / "customer_360.duckdb").read_bytes())
    with duckdb.connect(str(kept)) as con:
        con.execute(
            "INSERT INTO domain.Club_Members SELECT * REPLACE ('CL-8800193' AS member, "
            "'CL-8800193' AS _pk, 'nora.ausserdem@example.com' AS contact, "
            "'Nora Ausserdem' AS name, NULL AS amperity_id) FROM domain.Club_Members LIMIT 1"
        )
    mail = "Nora.Ausserdem@example.com"
    answered = json.loads(_verb(monkeypatch, tenant, "dsar", "--email", mail, "--json").stdout)
    answer = json.loads((tenant / answered["folder"] / "answer.json").read_text("utf-8"))
    (row,) = answer["source records of earlier days that are kept"]["Club:Members"]
    assert row["member"] == "CL-8800193"
    _verb(monkeypatch, tenant, "forget", "--email", mail, "--yes")
    assert ours(found_in(tenant, NORA)) == {}
    # Should the feed come back, she is known by the name that the table had.
    (tenant / "members.kept").rename(tenant / FEED)
    land(tenant, "club/members", SECOND, ["CL-8800193,,N. A."])
    assert "1 row of people who were forgotten is not loaded" in (
        _verb(monkeypatch, tenant, "load", "Club:Members").text
    )


def test_rows_of_who_is_known_elsewhere_go_too(
    without_club: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _verb(monkeypatch, without_club, "forget", "--email", MAIL, "--yes")
    assert _members(without_club) == ["CL-8800192", "CL-8800193"]
    assert ours(found_in(without_club)) == {}


def test_they_are_removed_and_load_again_should_the_feed_come_back(
    without_club: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [without_club / "warehouse" / name for name in TABLES]
    tried = _verb(monkeypatch, without_club, "warehouse", "remove", "--dry-run", "--json")
    assert [table["table"] for table in json.loads(tried.stdout)["tables"]] == TABLES
    assert all(folder.is_dir() for folder in folders)
    declared = c360_here(
        monkeypatch, "warehouse", "remove", "domain/Web_Accounts", "--tenant", without_club
    )
    assert declared.code == 1
    assert "domain/Web_Accounts is one of the settings" in declared.text
    _verb(monkeypatch, without_club, "warehouse", "remove")
    assert not any(folder.exists() for folder in folders)
    assert ours(found_in(without_club, NORA)) == {}
    (without_club / "members.kept").rename(without_club / FEED)
    _verb(monkeypatch, without_club, "load", "Club:Members")
    assert _members(without_club) == ["CL-8800191", "CL-8800192", "CL-8800193"]


def test_files_of_a_database_that_was_taken_out_are_told_and_removed(
    without_club: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = without_club / "activated" / "customer_360.duckdb"
    kept = published.parent / "history" / "eu.4.duckdb"
    files = [published.parent / "eu.duckdb", kept]
    for file in files:
        file.write_bytes(published.read_bytes())
    named = "activated/eu.duckdb, activated/history/eu.4.duckdb; `c360 warehouse remove`"
    for verb in (("status",), ("check",), ("privacy", "status")):
        assert f"2 files are of databases {named}" in _verb(
            monkeypatch, without_club, *verb
        ).text.replace("that the settings do not have, without updates from now on: ", "")
    _verb(monkeypatch, without_club, "warehouse", "remove", "activated/eu.duckdb")
    assert [file.exists() for file in files] == [False, True]
    assert (
        "removed activated/history/eu.4"
        in _verb(monkeypatch, without_club, "warehouse", "remove").text
    )
    assert published.exists()


def test_ids_stay_while_stitch_is_switched_off(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (FEED, "feeds/web/accounts.yaml"):
        text = (tenant / name).read_text("utf-8")
        (tenant / name).write_text(text.replace("stitch: true", "stitch: false"), "utf-8")
    with open_session(tenant / "warehouse") as session:
        ids = session.built("unified_coalesced")
    said = _verb(monkeypatch, tenant, "warehouse", "remove")
    assert "hold people's ids for the day on which it runs again" in said.text
    with open_session(tenant / "warehouse") as session:
        assert session.state("unified_coalesced") == ids
    said = _verb(monkeypatch, tenant, "warehouse", "remove", "stitch_ids")
    assert "removed stitch_ids" in said.text


def test_nothing_is_removed_while_the_settings_have_errors(
    without_club: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = without_club / "database" / "members.sql"
    sql.parent.mkdir(exist_ok=True)
    sql.write_text("SELECT member FROM Club_Members\n", "utf-8")
    said = c360_here(monkeypatch, "warehouse", "remove", "--tenant", without_club)
    assert said.code == 1
    assert "database/members.sql" in said.text
    assert load_tenant(without_club).feed("Club:Members") is None
    assert len(_members(without_club)) == 3

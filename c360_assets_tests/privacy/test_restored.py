"""What a backup brings back: people who were forgotten go again, those who were let in stay."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from c360_assets.configuration import load_tenant
from c360_assets.ingest.upsert import updated_base
from c360_assets.privacy.forgotten_rows import returned_rows
from c360_assets.privacy.people import Finder
from c360_assets.privacy.restored import drop_returned_files
from c360_assets.warehouse.session import open_session
from c360_assets.warehouse.suppression import (
    Suppression,
    ensure_key,
    record_text,
    remember,
    replace_lines,
)
from c360_assets_tests.day.command import c360_here
from c360_assets_tests.privacy.tenants import FIRST, MEMBERS, SECOND, land, write_tenant
from c360_assets_tests.privacy.test_forget import MAIL

KEYS = [
    *("--source-key", "Web:Accounts=AC-700001"),
    *("--source-key", "Club:Members=CL-8800191"),
    *("--source-key", "Club:Members=CL-8800777"),
]


def returned(root: Path) -> dict[str, dict[str, list[str]]]:
    """By mode and table the keys of the stored rows that are to go again."""
    tenant = load_tenant(root)
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        found = returned_rows(Finder(session, tenant), Suppression.of(root))
    return {
        mode: {name: sorted(keys) for name, keys in rows.items()} for mode, rows in found.items()
    }


@pytest.mark.parametrize("mode", ["delete", pytest.param("delete_pii", marks=pytest.mark.long)])
def test_rows_of_a_backup_are_judged_as_those_that_land(
    tenant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """A club card that was given back before she was forgotten goes too, of an order only her
    number is known; those who were let in stay from that day on."""
    here = ("--tenant", tenant)
    backup = tmp_path / "backup"
    former = f"CL-8800777,{MAIL},O. Quastenberg"
    land(tenant, "club/members", SECOND, [*MEMBERS, former])
    assert c360_here(monkeypatch, "load", *here).code == 0
    shutil.copytree(tenant / "warehouse", backup)
    land(tenant, "club/members", SECOND)
    assert c360_here(monkeypatch, "feed", "purge", "Club:Members", "--yes", *here).code == 0
    assert c360_here(monkeypatch, "load", *here).code == 0
    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--type", mode, "--yes", *here)
    assert said.code == 0, said.text
    assert returned(tenant) == {}
    shutil.rmtree(tenant / "warehouse")
    shutil.copytree(backup, tenant / "warehouse")
    assert returned(tenant) == {
        mode: {
            "Club_Members": ["CL-8800191", "CL-8800777"],
            "Web_Accounts": ["AC-700001"],
            "Web_Orders": ["LN-9000001", "LN-9000002"],
        }
    }
    allow = ["privacy", "allow", "--email", MAIL, *KEYS, "--from", SECOND.isoformat()]
    assert c360_here(monkeypatch, *allow, *here).code == 0
    older = returned(tenant)
    assert "Club_Members" not in {name for rows in older.values() for name in rows}
    assert older[mode]["Web_Accounts"] == ["AC-700001"]


@pytest.mark.parametrize(
    ("day", "allowed_from", "goes"),
    [(FIRST, "", True), (FIRST, SECOND.isoformat(), True), (SECOND, SECOND.isoformat(), False)],
)
def test_a_database_with_who_was_let_in_stays(
    tmp_path: Path, day: date, allowed_from: str, goes: bool
) -> None:
    root = write_tenant(tmp_path / "tenant")
    ensure_key(root)
    file = root / "activated" / "customer_360.duckdb"
    file.parent.mkdir()
    with duckdb.connect(str(file)) as con:
        con.execute("CREATE SCHEMA domain")
        con.execute(
            'CREATE TABLE domain."Web_Accounts" AS '
            "SELECT 'AC-1' AS _pk, ?::BIGINT AS _updated, 'ann@example.com' AS mail",
            [updated_base(day, 1, 0) + 1],
        )
        con.execute(
            "CREATE TABLE unified_coalesced AS SELECT 'Web:Accounts' AS datasource, 'AC-1' AS pk"
        )
        texts = [record_text("Web:Accounts", "AC-1")]
        lines = Suppression.of(root).lines_of(con, "record", texts, "delete", "000001")
    remember(root, lines)
    memory = Suppression.of(root).lines
    replace_lines(root, memory.with_columns(allowed_from=pl.lit(allowed_from)))
    dropped = drop_returned_files(load_tenant(root), Suppression.of(root))
    assert (dropped, file.exists()) == (["activated/customer_360.duckdb"] * goes, not goes)

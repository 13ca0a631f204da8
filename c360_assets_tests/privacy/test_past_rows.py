"""People whom no current row names, and whom earlier versions and kept databases hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from c360_assets.configuration import load_tenant
from c360_assets.privacy.erase_files import drop_versions
from c360_assets.privacy.receipts import read_receipts
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets_tests.day.command import ask, c360_here
from c360_assets_tests.privacy.tenants import ACCOUNTS, MEMBERS, SECOND, land
from c360_assets_tests.privacy.test_forget import MAIL, found_in, ours

OTHERS = ACCOUNTS[2:]


@pytest.fixture
def left(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tenant after a delivery of everybody but her."""
    for name in ("web/accounts", "club/members"):
        feed = tenant / "feeds" / f"{name}.yaml"
        feed.write_text(f"load: truncate_and_upsert\n{feed.read_text('utf-8')}", "utf-8")
    land(tenant, "web/accounts", SECOND, OTHERS)
    land(tenant, "club/members", SECOND, MEMBERS[1:])
    said = c360_here(monkeypatch, "load", "--tenant", tenant)
    assert said.code == 0, said.text
    return tenant


@pytest.mark.parametrize(
    "kept_in",
    ["earlier versions and databases", pytest.param("databases", marks=pytest.mark.long)],
)
def test_who_left_is_answered_and_forgotten(
    left: Path, monkeypatch: pytest.MonkeyPatch, kept_in: str
) -> None:
    if kept_in == "databases":
        drop_versions(Warehouse.open(left / "warehouse"))
    said = c360_here(monkeypatch, "dsar", "--email", MAIL, "--json", "--tenant", left)
    assert said.code == 0, said.text
    answer = json.loads((left / json.loads(said.stdout)["folder"] / "answer.json").read_text())
    earlier = answer["source records of earlier days that are kept"]
    assert [row["account"] for row in earlier["Web:Accounts"]] == ["AC-700001"]
    assert [row["member"] for row in earlier["Club:Members"]] == ["CL-8800191"]

    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", left)
    assert said.code == 0, said.text
    assert ours(found_in(left)) == {}
    (receipt,) = read_receipts(left)
    assert receipt.people == 1
    assert len(ask(left, "SELECT DISTINCT amperity_id FROM unified_coalesced")) == 4


def test_an_id_that_ended_names_the_one_that_has_its_records(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((now,),) = ask(tenant, "SELECT amperity_id FROM unified_coalesced WHERE pk = 'AC-700005'")
    ended = "0fffffff-0000-5000-8000-000000000000"
    loaded = load_tenant(tenant)
    with open_session(tenant / "warehouse", loaded.config.timezone) as session:
        columns = session.built("stitch_id_redirects").columns
        session.write(
            "stitch_id_redirects",
            f"SELECT '{ended}' AS amperity_id, '{now}' AS current_amperity_id, 1 AS n_records, "
            "1 AS n_records_at_end, 1 AS last_generation, 1 AS rank",
            columns=dict(columns),
        )
        session.commit()
    for verb in ("dsar", "forget"):
        said = c360_here(monkeypatch, verb, "--id", ended[:8], "--tenant", tenant)
        assert said.code == 1
        assert f"this id has ended; its records are with {now}: give that" in said.text

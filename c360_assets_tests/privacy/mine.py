"""Tables that the settings no longer have: told of, forgotten in, removed when asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from c360_assets_tests.day.command import c360_here
from c360_assets_tests.privacy.tenants import OTTILIE
from c360_assets_tests.privacy.test_forget import MAIL, found_in, ours

GONE = ("domain/Club_Members", "input_validations/Club_Members", "stitched/Club_Members")


def test_tables_of_a_feed_that_was_taken_out(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tenant / "feeds/club/members.yaml").unlink()
    for verb in ("check", "status"):
        said = c360_here(monkeypatch, verb, "--tenant", tenant)
        assert said.code == 0, said.text
        assert f"of nothing that the settings have: {', '.join(GONE)}" in said.text

    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert said.code == 0, said.text
    assert "domain/Club_Members: 1" in said.text
    assert ours(found_in(tenant, OTTILIE)) == {}

    kept = c360_here(monkeypatch, "warehouse", "remove", "domain/Web_Orders", "--tenant", tenant)
    assert kept.code == 1
    assert "is one of the settings" in kept.text
    planned = c360_here(monkeypatch, "warehouse", "remove", "--dry-run", "--tenant", tenant)
    assert [line.split()[2] for line in planned.stdout.splitlines()] == list(GONE)
    assert (tenant / "warehouse/domain/Club_Members").is_dir()
    said = c360_here(monkeypatch, "warehouse", "remove", "--tenant", tenant)
    assert said.code == 0, said.text
    assert not any((tenant / "warehouse" / name).exists() for name in GONE)
    again = c360_here(monkeypatch, "warehouse", "remove", "--tenant", tenant)
    assert "every table is one of the settings" in again.text


def test_a_feed_that_comes_back_loads_what_has_landed(
    tenant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = tenant / "feeds/club/members.yaml"
    shutil.move(feed, tmp_path / "members.yaml")
    removed = c360_here(monkeypatch, "warehouse", "remove", "--tenant", tenant)
    assert removed.code == 0, removed.text
    shutil.move(tmp_path / "members.yaml", feed)
    loaded = c360_here(monkeypatch, "load", "Club:Members", "--json", "--tenant", tenant)
    assert loaded.code == 0, loaded.text
    run = c360_here(monkeypatch, "run", "--tenant", tenant)
    assert run.code == 0, run.text
    assert (tenant / "warehouse/domain/Club_Members").is_dir()
    assert (
        "every table is one"
        in c360_here(monkeypatch, "warehouse", "remove", "--dry-run", "--tenant", tenant).text
    )

"""The SQL of tables that one process leaves to the next is that which this process would make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from c360_assets.automation.instance import REPOSITORY
from c360_assets.configuration import load_tenant
from c360_assets.customer_360.check_sql import check_sql
from c360_assets.customer_360.rendering import render
from c360_assets.customer_360.tables import references
from c360_assets.customer_360.tables.graph import TableNode, plan
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse import kept_answers, statement
from c360_assets.warehouse.kept_answers import keep_answers

TENANT = REPOSITORY / "data"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tenant's folder, below which this process keeps answers."""
    monkeypatch.setattr(kept_answers, "_PLACE", kept_answers._Place(tmp_path, grows=True))
    return tmp_path


def _planned(tenant: Tenant) -> tuple[list[TableNode], list[str]]:
    """What a process that begins finds: its tables, and what it has to say of their SQL."""
    statement.read_statement.cache_clear()
    references.asks_clock.cache_clear()
    # Nothing is remembered of a tenant that is another.
    begun = replace(tenant)
    return plan(begun), sorted(problem.message for problem in check_sql(begun))


def _answers(root: Path) -> set[Path]:
    return set((root / "cache").rglob("*.json"))


def test_kept_sql_is_what_would_be_made(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = load_tenant(TENANT)
    first = _planned(tenant)
    keep_answers(root / "gone", grows=False)
    assert _planned(tenant) == first
    keep_answers(root, grows=True)
    kept = _answers(root)

    def not_needed() -> None:
        raise AssertionError("was rendered again")

    with monkeypatch.context() as patch:
        patch.setattr(render, "_environment", not_needed)
        assert _planned(tenant) == first
    assert _answers(root) == kept


def test_what_is_set_otherwise_is_made_anew(root: Path) -> None:
    tenant = load_tenant(TENANT)
    before, _ = _planned(tenant)
    policy = tenant.merge_policy.model_copy(update={"best_email": "priority"})
    changed = replace(tenant, merge_policy=policy)
    kept, _ = _planned(changed)
    keep_answers(root / "gone", grows=False)
    assert _planned(changed)[0] == kept
    assert kept != before


def test_what_cannot_be_told_whole_is_not_kept(root: Path) -> None:
    text = render._filled("macros.sql", {"unknown": object()})
    assert not _answers(root)
    assert text == render._filled("macros.sql", {})
    assert len(_answers(root)) == 1

"""Counts of data checks that stand while the tables that they were counted in do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from c360_assets.customer_360.checks import run_data_checks
from c360_assets.customer_360.checks.data_checks import CHECKS, Check
from c360_assets.customer_360.checks.run_data_checks import Counts, validate_database
from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.databases import databases
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.test_build import fill, shop
from c360_assets_tests.customer_360.world import AS_OF, build_all, put_gathered, table

ITEMS = "unified_itemized_transactions"
CHANGED = [{"order_id": None, "item_quantity": 1, "item_revenue": 1}]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """The checks that were counted since the list was emptied."""
    checks: list[Check] = []
    count = run_data_checks._counts

    def noted(session: Session, source: str, of_source: Sequence[Check]) -> dict[str, Counts]:
        checks.extend(of_source)
        return count(session, source, of_source)

    monkeypatch.setattr(run_data_checks, "_counts", noted)
    return checks


def _found(
    session: Session, tenant: Tenant, *, as_of: date = AS_OF, anew: bool = False
) -> list[dict[str, object]]:
    validate_database(session, databases(tenant)[0], as_of=as_of, anew=anew)
    return table(session, "database_validation")


def test_only_what_changed_is_counted_again(
    session: Session, tmp_path: Path, counted: list[Check]
) -> None:
    tenant = shop(tmp_path)
    fill(session)
    build_all(session, tenant)
    first = _found(session, tenant)
    all_counted = {check.id for check in counted}
    assert len(all_counted) > len(CHECKS) / 3
    for anew, again in ((False, set()), (True, all_counted)):
        counted.clear()
        assert _found(session, tenant, anew=anew) == first
        assert {check.id for check in counted} == again

    put_gathered(session, tenant, ITEMS, CHANGED)
    counted.clear()
    changed = _found(session, tenant)
    assert counted
    assert all(ITEMS in check.reads or "{orders_of_items}" in check.scope for check in counted)
    assert changed == _found(session, tenant, anew=True) != first

    counted.clear()
    tomorrow = _found(session, tenant, as_of=AS_OF + timedelta(days=1))
    assert counted
    assert all(RUN_CONTEXT in repr(check) for check in counted)
    assert tomorrow == _found(session, tenant, as_of=AS_OF + timedelta(days=1), anew=True)


def test_counts_of_other_code_are_not_taken(
    session: Session, tmp_path: Path, counted: list[Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = shop(tmp_path)
    fill(session)
    build_all(session, tenant)
    first = _found(session, tenant)
    before = {check.id for check in counted}
    counted.clear()
    monkeypatch.setattr(run_data_checks, "room_version", lambda: "of tomorrow")
    assert _found(session, tenant) == first
    assert {check.id for check in counted} == before

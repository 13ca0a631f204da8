"""What a verb of the command line makes, and what it takes as it stands."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from c360_assets.automation.plan import not_current_before
from c360_assets.ingest.custom_runs import CustomDomainTable
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import open_session
from c360_assets_tests.ingest.tenants import feed_of, land, load, tenant_of

DAY = date(2026, 3, 2)
NAMES = {"Names": "SELECT id, name FROM Shop_Customers"}
IN_CAPITALS = {"Names": "SELECT id, upper(name) AS name FROM Shop_Customers"}


@pytest.mark.parametrize(
    ("verb", "sql", "behind"),
    [
        ("activate", NAMES, False),
        ("activate", IN_CAPITALS, True),
        ("run", IN_CAPITALS, False),
    ],
)
def test_an_activation_knows_what_it_takes_as_it_stands(
    tmp_path: Path, verb: str, sql: dict[str, str], behind: bool
) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed, sql=NAMES)
    land(tenant, "c-20260301.csv", "id,name,seen,spent\na,Ann,,1.50\n")
    load(tenant, feed)
    (names,) = tenant.custom_tables
    with open_session(tmp_path / "warehouse") as session:
        make_current(session, CustomDomainTable(tenant, names), RunContext(DAY))
        changed = tenant_of(tmp_path, feed, sql=sql)
        assert ("Names" in not_current_before(session, changed, verb, DAY)) == behind

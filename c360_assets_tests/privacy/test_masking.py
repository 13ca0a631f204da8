"""A masked database shows nobody, and joins as the other one does."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from c360_assets.privacy.search import Searcher
from c360_assets_tests.day.command import ask, c360_here
from c360_assets_tests.privacy.tenants import OTTILIE

ORDERS_OF_ACCOUNTS = """
SELECT count(*), count(DISTINCT u.fk_account), sum(o.paid)
FROM domain.Web_Orders o JOIN unified_coalesced u ON u.fk_account = o.buyer
"""


def test_no_value_and_equal_joins(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tenant / "tenant.yaml"
    databases = "databases: {customer_360: {primary: true}, analysts: {mask: true}}\n"
    config.write_text(config.read_text("utf-8") + databases, "utf-8")
    said = c360_here(monkeypatch, "activate", "--tenant", tenant)
    assert said.code == 0, said.text
    file = tenant / "activated" / "analysts.duckdb"
    values = {value for value in OTTILIE if not value.startswith(("LN-", "OR-"))}
    values |= {"1971-04-09", "winterstein", "Winterstein", "5553 6120", "Kastanienweg"}
    assert Searcher(values).is_in(tenant / "activated" / "customer_360.duckdb")
    found = [value for value in values if Searcher([value]).is_in(file)]
    assert found == []
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.execute(ORDERS_OF_ACCOUNTS).fetchall() == ask(tenant, ORDERS_OF_ACCOUNTS)
        years = con.execute("SELECT DISTINCT birthdate FROM customer_360 ORDER BY 1").fetchall()
    assert {f"{day:%m-%d}" for (day,) in years if day} == {"01-01"}


def test_what_becomes_personal_is_masked_by_the_next_run(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tenant / "tenant.yaml"
    analysts = "{mask: true, tables: [Web_Orders]}"
    databases = f"databases: {{customer_360: {{primary: true}}, analysts: {analysts}}}\n"
    config.write_text(config.read_text("utf-8") + databases, "utf-8")
    file = tenant / "activated" / "analysts.duckdb"

    def shown() -> set[str]:
        said = c360_here(monkeypatch, "run", "--tenant", tenant)
        assert said.code == 0, said.text
        with duckdb.connect(str(file), read_only=True) as con:
            return {sku for (sku,) in con.execute("SELECT sku FROM domain.Web_Orders").fetchall()}

    assert shown() == {"SKU1", "SKU2"}
    # A tag on what is made of a column counts for the column, though the database does not show it.
    custom = tenant / "domain_tables"
    custom.mkdir(exist_ok=True)
    (custom / "Wishes.sql").write_text("SELECT line, sku FROM Web_Orders", "utf-8")
    fields = "{sku: {tags: [compliance/pii]}}"
    (custom / "Wishes.yaml").write_text(f"primary_key: [line]\nfields: {fields}\n", "utf-8")
    assert not shown() & {"SKU1", "SKU2"}

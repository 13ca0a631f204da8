"""A masked database shows nobody, and joins as the other one does."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from c360_assets.customer_360.publication.masking import masked_select
from c360_assets.customer_360.publication.meanings import UNTAGGED
from c360_assets.privacy.search import Searcher
from c360_assets.semantics.tables import ColumnSpec
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


@pytest.mark.parametrize(
    ("type_", "spec", "is_source", "is_plain"),
    [
        ("VARCHAR", ColumnSpec("", UNTAGGED), True, False),
        ("VARCHAR", ColumnSpec("", "What they said"), True, False),
        ("VARCHAR", ColumnSpec("", UNTAGGED, "level"), True, True),
        ("VARCHAR[]", ColumnSpec("", UNTAGGED), True, False),
        ("BIGINT", ColumnSpec("", UNTAGGED), True, False),
        ("DATE", ColumnSpec("", UNTAGGED), True, False),
        ("DATE", ColumnSpec("", "When they married"), True, False),
        ("DATE", ColumnSpec("", UNTAGGED, "joined"), True, True),
        ("DATE", ColumnSpec("", ""), False, True),
        ("DECIMAL(38, 2)", ColumnSpec("", UNTAGGED), True, True),
        ("VARCHAR", ColumnSpec("", ""), False, False),
        ("VARCHAR", ColumnSpec("", "The tier"), False, True),
        ("BIGINT", ColumnSpec("", UNTAGGED), False, False),
        ("TIMESTAMP WITH TIME ZONE", ColumnSpec("", UNTAGGED), True, False),
        ("TIMESTAMP WITH TIME ZONE", ColumnSpec("", UNTAGGED, "update-dt"), True, True),
        ("TIMESTAMP WITH TIME ZONE", ColumnSpec("", "When it was loaded"), False, True),
        ("BIGINT", ColumnSpec("", ""), False, True),
    ],
)
def test_what_has_no_tag_is_masked(
    type_: str, spec: ColumnSpec, is_source: bool, is_plain: bool
) -> None:
    """It may be a note, or the customer number of a brand; a figure that is made is none."""
    select = masked_select({"socio": type_}, {"socio": spec}, "t", (), is_source=is_source)
    assert (select == 'SELECT "socio" AS "socio" FROM t') is is_plain


def test_of_a_time_of_which_nothing_is_known_the_year_is_left() -> None:
    """Shops send a date of birth as a time, too."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Europe/Amsterdam'")
        con.execute("CREATE TABLE t AS SELECT TIMESTAMPTZ '1970-08-04 00:00:00' AS born")
        type_ = con.table("t").types[0]
        spec = {"born": ColumnSpec("", "")}
        select = masked_select({"born": str(type_)}, spec, "t", (), is_source=True)
        shown = con.execute(f"SELECT born::VARCHAR, typeof(born) FROM ({select})").fetchall()
    assert shown == [("1970-01-01 00:00:00+01", str(type_))]

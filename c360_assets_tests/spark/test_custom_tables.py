"""Custom domain tables that workers of Spark compute have the digests of this machine; which they
compute is told before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from c360_assets.errors import C360Error
from c360_assets.ingest.custom_on_spark import (
    custom_table_writer,
    told_of_custom_tables,
    write_custom_table_here,
)
from c360_assets.ingest.custom_runs import custom_table_recipes
from c360_assets.tenant.models import EngineConfig, Tenant
from c360_assets.warehouse.recipe import Outcome, RunContext, make_current
from c360_assets.warehouse.session import open_session
from c360_assets_tests.ingest.tenants import THROUGH, feed_of, land, load, tenant_of

FILE = "id,name,seen,spent\na,Ann,2024-01-01 10:00:00,1.50\nb,Bjørn,,2\nc,,,3\n"
SQL = {
    # Columns of the platform are made anew, and one table reads another.
    "Named": "SELECT * FROM shop_customers WHERE name <> ''",
    "Twice": "SELECT n.id, upper(n.name) AS name, spent * 2 AS doubled FROM Named AS n",
    "Days": "SELECT id, CAST(seen AS DATE) AS day, count(*) AS n FROM Shop_Customers GROUP BY ALL",
    "Nobody": "SELECT * FROM Shop_Customers WHERE id = 'none has it'",
    # Spark does otherwise what the text, the types or only the data tell.
    "Folded": "SELECT id, strip_accents(name) AS name FROM Shop_Customers",
    "Text": "SELECT id, CAST(CAST(spent AS DOUBLE) AS VARCHAR) AS spent FROM Shop_Customers",
    "Divided": "SELECT id, 1 / (spent - spent) AS x FROM Shop_Customers",
}
KEYS = {"Days": ["id", "day"]}
SHARED = {"Shared": "SELECT 'k' AS id, name FROM Shop_Customers"}
DIVIDED = "Divided was computed on this machine and not on Spark: it says DIVIDE_BY_ZERO"


def loaded(root: Path, sql: dict[str, str], tables: str | None = None) -> Tenant:
    feed = feed_of()
    tenant = tenant_of(root, feed, sql=sql, keys=KEYS)
    land(tenant, "c-20240105.csv", FILE)
    load(tenant, feed)
    if tables is None:
        return tenant
    engine = EngineConfig.model_validate({"type": "spark", "master": "local[1]", "tables": tables})
    return replace(tenant, config=tenant.config.model_copy(update={"engine": engine}))


def built(tenant: Tenant) -> dict[str, Outcome]:
    with open_session(tenant.root / "warehouse") as session:
        return {
            recipe.table.name: make_current(session, recipe, RunContext(THROUGH))
            for recipe in custom_table_recipes(tenant, custom_table_writer(tenant))
        }


def digests(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: state.digest for name, made in outcomes.items() for state in made.states.values()}


@pytest.mark.spark
def test_custom_tables_have_the_digests_of_this_machine(spark: Any, tmp_path: Path) -> None:
    here = built(loaded(tmp_path / "here", SQL))
    tenant = loaded(tmp_path / "there Ünï", SQL, "all")
    there = built(tenant)
    assert digests(there) == digests(here)
    assert len(there) == len(SQL)
    warned = {name: list(made.warnings) for name, made in there.items() if made.warnings}
    assert warned == {"Divided": [DIVIDED]}
    assert all(made.reused for made in built(tenant).values())
    written = tenant.root / "warehouse" / "domain" / "Twice"
    assert len(list(written.glob("part-*"))) == 1, "what the workers wrote is the table's file"
    shared = loaded(tmp_path / "shared", SHARED, "all")
    with pytest.raises(C360Error, match=r"primary key id .* shared by 1 key; hashed keys"):
        built(shared)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (
            "all",
            [
                "Spark computes 5 of 7 custom domain tables; this machine computes 2: ",
                "Folded (calls strip_accents(), which is not known to",
                "Text (writes a double as text, otherwise on Spark",
            ],
        ),
        (
            "shipped",
            ["computes 0 of 7 custom", "this machine computes 7: ", "Twice (each is SQL of your"],
        ),
    ],
)
def test_what_stays_here_is_counted_and_named(
    tmp_path: Path, tables: str, words: list[str]
) -> None:
    (problem,) = told_of_custom_tables(loaded(tmp_path, SQL, tables))
    assert problem.key == "engine.tables"
    assert [word for word in words if word not in problem.message] == [], problem.message


def test_without_the_setting_nothing_is_computed_there(tmp_path: Path) -> None:
    for tables in ("none", "shipped"):
        tenant = loaded(tmp_path / tables, {}, tables)
        assert custom_table_writer(tenant) is write_custom_table_here
        assert told_of_custom_tables(tenant) == []
    here = loaded(tmp_path / "here", SQL)
    assert told_of_custom_tables(here) == []

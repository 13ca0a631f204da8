"""Tables that a tenant brings: copies of source tables, static schemas, predictions, and what is
told about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from c360_assets.customer_360.check_sql import check_sql
from c360_assets.customer_360.publication.entries import entries
from c360_assets.customer_360.tables.build import build_table
from c360_assets.customer_360.tables.databases import databases
from c360_assets.customer_360.tables.graph import plan
from c360_assets.customer_360.tables.schemas import departures
from c360_assets.errors import C360Error
from c360_assets.tenant.models import DatabaseTableConfig, Tenant
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import (
    AS_OF,
    build_all,
    custom_table,
    feed,
    make_tenant,
    node_of,
    put,
    put_unified,
    table,
)

SYSTEM = {"_pk": "VARCHAR", "_uuid_pk": "VARCHAR", "_updated": "BIGINT"}
MEMBERS = feed(
    "Club:Members",
    {"mail": {"tags": ["email"]}, "tier": {}, "secret": {}, "customer": {"tags": ["fk-c"]}},
    stitch=True,
)
STORES = feed("Shop:Stores", {"city": {}})


def told(tenant: Tenant, **tables: dict[str, Any]) -> Tenant:
    return replace(
        tenant,
        database_yaml={
            name: DatabaseTableConfig.model_validate(item) for name, item in tables.items()
        },
    )


def copying(root: Path, **tables: dict[str, Any]) -> Tenant:
    return make_tenant(root, feeds=[MEMBERS, STORES], options={"passthrough": tables})


def test_a_copy_has_the_columns_asked_for_and_the_person_where_stitch_knows_one(
    session: Session, tmp_path: Path
) -> None:
    tenant = copying(
        tmp_path,
        club={"source": "Club:Members", "columns": ["tier", "mail"]},
        stores={"source": "Shop_Stores", "columns": ["id", "city"]},
    )
    assert check_sql(tenant) == []
    put_unified(session, [{"amperity_id": "A1"}], fk_c="VARCHAR")
    columns = {
        **dict.fromkeys(("id", "mail", "tier", "secret", "customer"), "VARCHAR"),
        **SYSTEM,
        "amperity_id": "VARCHAR",
    }
    put(
        session,
        "stitched/Club_Members",
        columns,
        [{"id": "1", "mail": "a@x.com", "tier": "gold", "amperity_id": "A1"}],
    )
    put(
        session,
        "domain/Shop_Stores",
        {"id": "VARCHAR", "city": "VARCHAR", **SYSTEM},
        [{"id": "S1", "city": "Reno"}],
    )
    build_all(session, tenant, "club", "stores")
    assert table(session, "club") == [{"amperity_id": "A1", "tier": "gold", "mail": "a@x.com"}]
    assert table(session, "stores") == [{"id": "S1", "city": "Reno"}]
    entry = next(e for e in entries(session, databases(tenant)[0]) if e.name == "club")
    assert {c: (spec.semantic, spec.pii) for c, spec in entry.meaning.items()} == {
        "amperity_id": ("", False), "tier": ("", False), "mail": ("email", True)}  # fmt: skip


def test_other_sql_reads_a_copy_and_a_copy_gives_way_to_sql(tmp_path: Path) -> None:
    tenant = make_tenant(
        tmp_path,
        feeds=[STORES],
        options={
            "passthrough": {
                name: {"source": "Shop:Stores", "columns": ["city"]}
                for name in ("Stores", "own", "customer_360")
            }
        },
        database={"own": "SELECT 1 AS one", "towns": "SELECT DISTINCT city FROM stores"},
    )
    assert node_of(tenant, "towns").deps == ("stores",)
    assert node_of(tenant, "own").file == "database/own.sql"
    assert sorted((p.severity, p.key) for p in check_sql(tenant)) == [
        ("warning", f"customer_360.passthrough.{name}") for name in ("customer_360", "own")
    ]


@pytest.mark.parametrize(
    ("source", "columns", "key"),
    [
        ("Shop:Store", ["id"], "customer_360.passthrough.x.source"),
        ("Shop:Stores", ["town"], "customer_360.passthrough.x.columns[0]"),
    ],
)
def test_what_a_copy_cannot_find_is_an_error(
    tmp_path: Path, source: str, columns: list[str], key: str
) -> None:
    (problem,) = check_sql(copying(tmp_path, x={"source": source, "columns": columns}))
    assert (problem.severity, problem.file, problem.key) == ("error", "tenant.yaml", key)


STATIC = {"amperity_id": "string", "n": "integer", "m": "decimal", "at": "datetime"}


@pytest.mark.parametrize(
    ("columns", "told_of"),
    [
        (
            {
                "amperity_id": "VARCHAR",
                "n": "BIGINT",
                "m": "DECIMAL(38,2)",
                "AT": "TIMESTAMP WITH TIME ZONE",
            },
            [],
        ),
        ({"n": "BIGINT", "m": "DECIMAL(10,1)", "at": "TIMESTAMPTZ"}, ["amperity_id is missing"]),
        (
            {**dict.fromkeys(STATIC, "BIGINT"), "x": "DATE"},
            [
                "x is not declared",
                "amperity_id is BIGINT, not string",
                "m is BIGINT, not decimal",
                "at is BIGINT, not datetime",
            ],
        ),
    ],
)
def test_departures_from_a_static_schema(columns: dict[str, str], told_of: list[str]) -> None:
    assert departures(STATIC, columns) == told_of


def test_a_table_that_leaves_its_static_schema_is_an_error_and_is_not_built(
    session: Session, tmp_path: Path
) -> None:
    def tenant(sql: str) -> Tenant:
        made = make_tenant(tmp_path, database={"extra": sql})
        return told(made, extra={"static_schema": {"amperity_id": "string", "city": "VARCHAR"}})

    put_unified(session, [{"amperity_id": "A1"}])
    good, wide = (
        tenant(f"SELECT amperity_id, city{more} FROM merged_customers") for more in ("", ", state")
    )
    assert check_sql(good) == []
    build_all(session, good)
    session.commit()
    before = session.state("extra")
    (problem,) = check_sql(wide)
    assert (problem.severity, problem.file, problem.message) == (
        "error",
        "database/extra.yaml",
        "state is not declared",
    )
    with pytest.raises(
        C360Error, match=r"database/extra\.yaml: static_schema: of extra, state is not declared"
    ):
        build_table(session, node_of(wide, "extra"), as_of=AS_OF)
    assert session.state("extra") == before


def test_what_is_told_of_tables_and_columns_that_are_not_there_is_a_warning(tmp_path: Path) -> None:
    tenant = told(
        make_tenant(tmp_path),
        customer_36={"description": "x"},
        customer_360={"columns": {"email": {"pii": True}, "mail": {"pii": True}}},
    )
    assert [(p.severity, p.file, p.key) for p in check_sql(tenant)] == [
        ("warning", "database/customer_36.yaml", None),
        ("warning", "database/customer_360.yaml", "columns.mail"),
    ]


@pytest.mark.parametrize(
    ("worth", "winner"), [({"A1": "10", "A2": "20"}, "A2"), ({"A1": "10"}, "A1"), ({}, "A1")]
)
def test_predictions_come_first_where_the_tenant_brings_them(
    session: Session, tmp_path: Path, worth: dict[str, str], winner: str
) -> None:
    sql = "SELECT id AS amperity_id, city AS predicted_clv_next_365d FROM Shop_Stores"
    tenant = make_tenant(
        tmp_path,
        feeds=[STORES],
        custom=[
            custom_table(tmp_path, "predicted_clv_attributes", sql, primary_key=["amperity_id"])
        ],
    )
    assert (
        "predicted_clv_next_365d DESC NULLS LAST, amperity_id ASC"
        in node_of(tenant, "email_ampid_assignment").sql
    )
    put_unified(session, [{"amperity_id": a, "email": "one@x.com"} for a in ("A1", "A2")])
    columns = {"amperity_id": "VARCHAR", "predicted_clv_next_365d": "DOUBLE"}
    rows = [{"amperity_id": a, "predicted_clv_next_365d": w} for a, w in worth.items()] * 2
    put(session, "domain/predicted_clv_attributes", columns, rows)
    build_all(session, tenant, "email_ampid_assignment")
    assert [row["amperity_id"] for row in table(session, "email_ampid_assignment")] == [winner]


def test_without_predictions_they_are_left_out(tmp_path: Path) -> None:
    assert not any("predicted" in node.sql for node in plan(make_tenant(tmp_path)))


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ({"Shop_Stores": "SELECT 1 AS one"}, "Shop:Stores is called so in SQL"),
        ({"c360_catalog": "SELECT 1 AS one"}, "the platform writes a table of this name"),
        ({"database_run": "SELECT 1 AS one"}, "the platform writes a table of this name"),
        ({"extra": "SELECT 1 AS one", "Extra": "SELECT 1 AS one"}, "case does not count"),
        (
            {"customer_360": "SELECT given_name FROM merged_customers"},
            "must have a column amperity_id",
        ),
        (
            {"extra": "SELECT TIME '10:00' AS at FROM merged_customers"},
            "column at is TIME, which no table can hold",
        ),
        (
            {"merged_customers": "SELECT * EXCLUDE (phone) FROM merged_customers"},
            "reads in database/merged_customers.sql",
        ),
    ],
)
def test_what_cannot_be_built_or_published_is_an_error_of_the_check(
    tmp_path: Path, database: dict[str, str], message: str
) -> None:
    problems = check_sql(make_tenant(tmp_path, feeds=[MEMBERS, STORES], database=database))
    assert any(message in str(p) for p in problems if p.severity == "error"), [
        str(p) for p in problems
    ]


def test_a_semicolon_and_a_comment_may_end_the_sql(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, database={"extra": "SELECT 1 AS one, ';' AS mark; -- done\n"})
    assert check_sql(tenant) == []
    build_all(session, tenant, "extra")
    assert table(session, "extra") == [{"one": 1, "mark": ";"}]


def test_a_core_table_that_is_replaced_without_being_read_is_a_warning(tmp_path: Path) -> None:
    database = {
        "unified_scores": "SELECT 1 AS score",
        "unified_coalesced": "SELECT * FROM unified_coalesced WHERE pk > '1'",
    }
    found = [
        p.message
        for p in check_sql(make_tenant(tmp_path, database=database))
        if p.severity == "warning"
    ]
    assert found == ["unified_scores replaces the core table without reading it"]

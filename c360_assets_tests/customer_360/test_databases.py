"""Databases of one brand each beside the group's: whose rows they hold, what is shared, and that
figures add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from c360_assets.customer_360.check_sql import check_sql
from c360_assets.customer_360.tables.build import build_table
from c360_assets.customer_360.tables.databases import SHOWN_KEYS, databases, without_people
from c360_assets.errors import ConfigError
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.customer_360.world import (
    AS_OF,
    feed,
    is_current,
    is_published,
    make_tenant,
    one,
    plan_all,
    publish_database,
    put_gathered,
    put_unified,
    table,
    unpublished,
)

SHOP = feed(
    "Shop:Customers", {"mail": {"tags": ["email"]}, "unit": {"tags": ["database-key"]}}, stitch=True
)
ITEMS = feed(
    "Shop:Items",
    {"order": {"tags": ["txn-item/order-id"]}, "unit": {"tags": ["txn-item/database-key"]}},
)
CONSENT = feed(
    "News:Consent", {"mail": {"tags": ["email-opt/email"]}, "brand": {"tags": ["email-opt/brand"]}}
)
UNITS = {"us": {"filter": {"database_key": "US"}}, "jp": {"filter": {"database_key": "JP"}}}
SHARED = ("unified_itemized_transactions", "email_opt_status")


def brands(root: Path, units: dict[str, dict[str, Any]] = UNITS, **more: Any) -> Tenant:
    return make_tenant(root, feeds=[SHOP, ITEMS, CONSENT], databases=units, **more)


def fill(session: Session, tenant: Tenant) -> None:
    """A1 bought from both units, A2 from one, A3 is known in one, A4's record has no unit."""
    record = {"datasource": "Shop:Customers", "given_name": "Ann"}
    put_unified(
        session,
        [
            {
                "amperity_id": "A1",
                "email": "us@x.com",
                "update_dt": "2025-01-01",
                "database_key": "US",
                **record,
            },
            {
                "amperity_id": "A1",
                "email": "jp@x.com",
                "update_dt": "2026-01-01",
                "database_key": "JP",
                **record,
            },
            {"amperity_id": "A2", "email": "bob@x.com", "database_key": "US", **record},
            {"amperity_id": "A3", "email": "cyd@x.com", "database_key": "JP", **record},
            {"amperity_id": "A4", "email": "dan@x.com", **record},
        ],
        database_key="VARCHAR",
    )
    orders = [
        ("O1", "A1", "US", 10),
        ("O2", "A1", "JP", 20.5),
        ("O3", "A2", "US", 5),
        ("O4", None, "JP", 7),
    ]
    items = [
        {"order_id": o, "amperity_id": a, "database_key": k, "item_revenue": r, "item_quantity": 1,
         "order_datetime": "2026-06-01"}
        for o, a, k, r in orders
    ]  # fmt: skip
    put_gathered(session, tenant, "unified_itemized_transactions", items)
    consents = [("A1", "us@x.com", "US"), ("A1", "jp@x.com", "JP"), ("A2", "bob@x.com", "JP")]
    opt = [
        {"amperity_id": a, "email": e, "brand": b, "is_email_opted_in": True}
        for a, e, b in consents
    ]
    put_gathered(session, tenant, "email_opt_status", opt)


def build(session: Session, tenant: Tenant) -> None:
    for node in plan_all(tenant):
        if node.table not in SHARED:
            build_table(session, node, as_of=AS_OF)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, Tenant]]:
    """The group's database and one per unit, built and published."""
    root = tmp_path_factory.mktemp("brands")
    tenant = brands(root)
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        fill(session, tenant)
        build(session, tenant)
        session.commit()
        for database in databases(tenant):
            publish_database(session, tenant, as_of=AS_OF, database=database)
        yield session, tenant


def ask(tenant: Tenant, database: str, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database_path(tenant.root, database)), read_only=True) as con:
        return con.execute(query).fetchall()


def test_cg21_a_filtered_database_knows_its_own_rows_only(world: tuple[Session, Tenant]) -> None:
    session, tenant = world
    assert one(session, "us/merged_customers", "email", "amperity_id = 'A1'") == {
        "email": "us@x.com"
    }
    assert one(session, "merged_customers", "email", "amperity_id = 'A1'") == {"email": "jp@x.com"}
    people = "SELECT amperity_id FROM customer_360 ORDER BY 1"
    assert ask(tenant, "us", people) == [("A1",), ("A2",)]
    assert ask(tenant, "jp", people) == [("A1",), ("A3",)]
    assert ask(tenant, "customer_360", people) == [("A1",), ("A2",), ("A3",), ("A4",)]


def test_no_row_of_another_unit_is_in_the_file(world: tuple[Session, Tenant]) -> None:
    _, tenant = world
    keyed = (
        "SELECT DISTINCT schema_name || '.' || table_name FROM duckdb_columns() "
        "WHERE column_name = 'database_key' ORDER BY 1"
    )
    for (name,) in ask(tenant, "us", keyed):
        assert ask(tenant, "us", f"SELECT DISTINCT database_key FROM {name}") in ([], [("US",)]), (
            name
        )
    assert ask(tenant, "us", "SELECT * FROM database_filter") == [("US",)]
    assert ask(tenant, "us", "SELECT email FROM email_opt_status") == [("us@x.com",)]
    assert ask(
        tenant, "us", "SELECT count(*) FROM c360_catalog WHERE \"table\" LIKE 'stitch%'"
    ) == [(0,)]
    text = database_path(tenant.root, "us").read_bytes()
    assert b"us@x.com" in text
    assert b"jp@x.com" not in text


def test_figures_add_up_to_the_groups(world: tuple[Session, Tenant]) -> None:
    _, tenant = world
    totals = "SELECT sum(order_revenue), sum(order_quantity), count(*) FROM unified_transactions"
    parts = [ask(tenant, unit, totals)[0] for unit in UNITS]
    assert ask(tenant, "customer_360", totals) == [
        tuple(sum(column) for column in zip(*parts, strict=True))
    ]


def test_what_no_unit_changes_is_built_once(world: tuple[Session, Tenant]) -> None:
    session, tenant = world
    tables = {node.table for node in plan_all(tenant)}
    assert {
        "us/customer_360",
        "jp/unified_transactions",
        "address_standardization",
        "unified_loyalty",
    } <= tables
    assert tables.isdisjoint(
        {"us/address_standardization", "us/unified_itemized_transactions", "us/email_opt_status"}
    )
    assert all(
        is_current(session, node, AS_OF) for node in plan_all(tenant) if node.table not in SHARED
    )
    assert is_published(session, tenant)
    moved = brands(tenant.root, {**UNITS, "us": {"filter": {"database_key": "JP"}}})
    assert {
        n.table
        for n in plan_all(moved)
        if n.table not in SHARED and not is_current(session, n, AS_OF)
    } >= {
        "us/merged_customers",
        "us/unified_transactions",
    }
    assert unpublished(session, moved) == ["us"]


def test_checks_count_the_units_own_rows(world: tuple[Session, Tenant]) -> None:
    _, tenant = world
    checked = "SELECT checked_count FROM reports.database_validation WHERE validation_id = 'CV-T01'"
    assert [ask(tenant, name, checked) for name in ("customer_360", "us", "jp")] == [
        [(4,)],
        [(2,)],
        [(2,)],
    ]


def test_a_filter_that_keeps_every_row_changes_nothing(session: Session, tmp_path: Path) -> None:
    tenant = brands(tmp_path, {"all_of_it": {"filter": {"database_key": "US"}}})
    put_unified(
        session,
        [{"amperity_id": f"A{n}", "email": f"{n}@x.com", "database_key": "US"} for n in range(3)],
        database_key="VARCHAR",
    )
    item = {
        "amperity_id": "A1",
        "order_id": "O1",
        "database_key": "US",
        "item_revenue": 1,
        "order_datetime": "2026-06-01",
    }
    put_gathered(session, tenant, "unified_itemized_transactions", [item])
    put_gathered(session, tenant, "email_opt_status", [])
    build(session, tenant)
    own = [node for node in plan_all(tenant) if node.table.startswith("all_of_it/")]
    assert len(own) > 5
    for node in own:
        group = session.state(node.table.removeprefix("all_of_it/"))
        assert group is not None
        assert session.state(node.table).digest == group.digest, node.table  # type: ignore[union-attr]


def test_a_database_has_its_own_merge_policy_and_tables(session: Session, tmp_path: Path) -> None:
    policies = {"merge_policy.own.yaml": {"best_email": "priority"}}
    units = {"own": {"merge_policy": "merge_policy.own.yaml", "tables": ["customer_360"]}}
    tenant = brands(tmp_path, units, policies=policies)
    fill(session, tenant)
    build(session, tenant)
    session.commit()
    assert "email_pk" in table(session, "own/merged_customers")[0]
    assert session.state("own/unified_transactions") is None
    publish_database(session, tenant, as_of=AS_OF, database=databases(tenant)[1])
    shown = [
        n
        for (n,) in ask(
            tenant,
            "own",
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY 1",
        )
    ]
    assert shown == ["c360_catalog", "customer_360", "database_filter", "run_context"]
    assert ask(tenant, "own", "SELECT count(*) FROM customer_360") == [(4,)]


def test_a_name_that_is_taken_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this name is taken"):
        databases(brands(tmp_path, {"merged_customers": {}}))
    assert [p.key for p in check_sql(brands(tmp_path, {"stitched": {}}))] == ["databases.stitched"]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (["UK", "US", None], None),
        (
            ["US", "JP", "US", None],
            "database uk is empty: no record has the database_key UK; there are JP, US",
        ),
        ([None], "database uk is empty: no record has the database_key UK; none has any"),
        (
            range(SHOWN_KEYS + 1),
            (
                "database uk is empty: no record has the database_key UK; "
                f"there are more than {SHOWN_KEYS} others"
            ),
        ),
    ],
)
def test_a_database_whose_key_no_record_has_is_told_with_the_keys_there_are(
    tmp_path: Path, keys: Sequence[object], says: str | None
) -> None:
    tenant = brands(tmp_path, {"uk": {"filter": {"database_key": "UK"}}, "all": {}})
    with open_session(tmp_path / "warehouse") as session:
        session.execute("SET threads = 1")
        people = [{"amperity_id": f"A{n}", "database_key": key} for n, key in enumerate(keys)]
        put_unified(session, people, database_key="VARCHAR")
        assert [without_people(session, database) for database in databases(tenant)] == [
            None,
            says,
            None,
        ]

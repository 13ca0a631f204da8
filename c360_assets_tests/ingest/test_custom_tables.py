"""Custom domain tables: order, checks, building, reuse, lineage."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from c360_assets.configuration import load_tenant
from c360_assets.errors import C360Error, ConfigError
from c360_assets.ingest.custom_runs import SCHEMA, CustomDomainTable
from c360_assets.ingest.custom_tables import (
    build_custom_table,
    check_sql,
    dependencies,
    fingerprint_of,
    lineage,
    ordered,
    schemas,
)
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.init_tenant import init_tenant
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import open_session
from c360_assets_tests.ingest.tenants import feed_of, land, load, tenant_of

ORDERS = """
SELECT c.id || '-1' AS id, upper(c.name) AS name, spent * 2 AS doubled
FROM Shop_Customers c
WHERE c.name <> ''
"""


def loaded(tmp_path: Path, sql: dict[str, str], **keys: list[str]) -> Tenant:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed, sql=sql, keys=keys)
    land(tenant, "c-20240105.csv", "id,name,seen,spent\na,Ann,,1.50\nb,Bob,,2\nc,,,3\n")
    load(tenant, feed)
    return tenant


def test_tables_are_built_after_those_they_read(tmp_path: Path) -> None:
    tenant = loaded(tmp_path, {"A_Last": "SELECT * FROM z_first", "Z_First": ORDERS})
    order = ordered(tenant)
    assert [t.name for t in order] == ["Z_First", "A_Last"]
    assert dependencies(tenant, order[0]) == ["Shop_Customers"]
    with open_session(tmp_path / "warehouse") as session:
        first, last = (build_custom_table(session, tenant, t) for t in order)
        assert list(first.columns) == ["id", "name", "doubled", "_pk", "_uuid_pk", "_updated"]
        session.bind("domain/A_Last")
        assert session.rows(
            'SELECT name, doubled::VARCHAR, _pk, _updated FROM "A_Last" ORDER BY _pk'
        ) == [
            ("ANN", "3.00", "a-1", 0),
            ("BOB", "4.00", "b-1", 0),
        ]
        assert last.fingerprint == fingerprint_of(session, tenant, order[1])
        session.commit()


@pytest.mark.parametrize(
    ("sql", "reads", "rows"),
    [
        (
            (
                "WITH Shop_Customers AS (SELECT * FROM Shop_Customers "
                "WHERE id > 'a') SELECT id FROM Shop_Customers"
            ),
            True,
            2,
        ),
        (
            (
                "WITH a AS (SELECT id FROM Shop_Customers), "
                "Shop_Customers AS (SELECT 1) SELECT a.* FROM a, Shop_Customers"
            ),
            True,
            3,
        ),
        ("WITH Shop_Customers AS (SELECT 'x' AS id) SELECT id FROM Shop_Customers", False, 1),
        ("WITH T AS (SELECT 'x' AS id) SELECT id FROM T", False, 1),
    ],
)
def test_a_part_may_be_called_like_a_table(
    tmp_path: Path, sql: str, reads: bool, rows: int
) -> None:
    tenant = loaded(tmp_path, {"T": sql})
    (table,) = ordered(tenant)
    assert check_sql(tenant) == []
    assert dependencies(tenant, table) == ["Shop_Customers"] * reads
    with open_session(tmp_path / "warehouse") as session:
        assert build_custom_table(session, tenant, table).rows == rows


def test_the_example_flattens_nested_orders(tmp_path: Path) -> None:
    init_tenant(tmp_path)
    for path in tmp_path.rglob("*.example"):
        path.rename(path.with_suffix(""))
    tenant = load_tenant(tmp_path)
    assert check_sql(tenant) == []
    orders, (items,) = tenant.feed("Example:Orders"), tenant.custom_tables
    assert orders is not None
    shown = re.sub("\n# *", " ", (tmp_path / "feeds/example/orders.yaml").read_text())
    found = re.search(r"such as (\{.*\}\]\})", shown)
    assert found is not None, "the feed shows a record"
    more = (
        '{"order_id": "1002", "customer": null, "line_items": [{"sku": "B", "quantity": 1}, '
        '{"sku": "C", "new": [1]}]}'
    )
    land(
        tenant,
        "example/orders-20240105.ndjson",
        "\n".join([found[1], more, '{"order_id": "1003", "line_items": []}']),
    )
    assert load(tenant, orders).rows_loaded == 3
    with open_session(tmp_path / "warehouse") as session:
        build_custom_table(session, tenant, items)
        session.bind("domain/CDT_Order_Items")
        rows = session.rows(
            "SELECT item_id, customer_id, sku, quantity, revenue::VARCHAR "
            "FROM CDT_Order_Items ORDER BY item_id"
        )
    assert rows == [
        ("1001-1", "c1", "A", 2, "25.00"),
        ("1002-1", None, "B", 1, None),
        ("1002-2", None, "C", None, None),
    ]
    assert lineage(tenant, items)["sku"] == [("Example_Orders", "line_items")]


def test_the_fingerprint_follows_sql_and_inputs(tmp_path: Path) -> None:
    tenant = loaded(tmp_path, {"T": ORDERS})
    with open_session(tmp_path / "warehouse") as session:
        before = fingerprint_of(session, tenant, tenant.custom_tables[0])
        spaced = tenant_of(
            tmp_path, *tenant.feeds, sql={"T": ORDERS.replace("\n", "\n\n-- a note\n")}
        )
        assert fingerprint_of(session, spaced, spaced.custom_tables[0]) == before
        changed = tenant_of(tmp_path, *tenant.feeds, sql={"T": ORDERS.replace("upper", "lower")})
        assert fingerprint_of(session, changed, changed.custom_tables[0]) != before
    land(tenant, "c-20240106.csv", "id,name\nd,Dan\n")
    load(tenant, tenant.feeds[0])
    with open_session(tmp_path / "warehouse") as session:
        assert fingerprint_of(session, tenant, tenant.custom_tables[0]) != before


def test_the_history_says_how_each_run_went(tmp_path: Path) -> None:
    tenant = loaded(tmp_path, {"T": ORDERS})
    broken = tenant_of(
        tmp_path, *tenant.feeds, sql={"T": "SELECT id, name::INTEGER AS n FROM Shop_Customers"}
    )
    for number, (now, force) in enumerate(
        [(tenant, False), (tenant, False), (broken, False), (tenant, True)]
    ):
        with (
            open_session(tmp_path / "warehouse", run_id=f"run {number}") as session,
            suppress(C360Error),
        ):
            recipe = CustomDomainTable(now, now.custom_tables[0])
            make_current(session, recipe, RunContext(date(2026, 1, 1), force))
    with open_session(tmp_path / "warehouse") as session:
        session.bind("custom_table_run")
        found = session.rows(
            "SELECT run_id, outcome, rows, error FROM custom_table_run ORDER BY run_id"
        )
        state = session.state("domain/T")
    assert [row[:3] for row in found] == [
        ("run 0", "succeeded", 2),
        ("run 1", "reused", 2),
        ("run 2", "failed", None),
        ("run 3", "succeeded", 2),
    ]
    assert "3 of 3 values of name in Shop_Customers do not fit INT" in found[2][3]
    assert "Ann" not in found[2][3]
    assert state is not None
    assert state.rows == 2
    assert list(SCHEMA) == list(all_tables()["custom_table_run"].columns)


def test_a_key_must_be_unique_and_the_message_hides_it(tmp_path: Path) -> None:
    tenant = loaded(
        tmp_path,
        {"T": "SELECT 'jane@x.org' AS mail, nullif(id, 'c') AS k FROM Shop_Customers"},
        T=["mail"],
    )
    with (
        open_session(tmp_path / "warehouse") as session,
        pytest.raises(
            C360Error, match=r"domain_tables/T\.sql.*empty in 0 rows.*1 key.*\(3 rows\)"
        ) as caught,
    ):
        build_custom_table(session, tenant, tenant.custom_tables[0])
    assert "jane" not in str(caught.value)
    nulls = loaded(
        tmp_path / "n", {"T": "SELECT nullif(id, 'c') AS k FROM Shop_Customers"}, T=["k"]
    )
    with (
        open_session(tmp_path / "n" / "warehouse") as session,
        pytest.raises(C360Error, match="empty in 1 row"),
    ):
        build_custom_table(session, nulls, nulls.custom_tables[0])


def test_an_engine_error_does_not_quote_values(tmp_path: Path) -> None:
    tenant = loaded(tmp_path, {"T": "SELECT id, name::INTEGER AS n FROM Shop_Customers"})
    with (
        open_session(tmp_path / "warehouse") as session,
        pytest.raises(C360Error, match="3 of 3 values of name") as caught,
    ):
        build_custom_table(session, tenant, tenant.custom_tables[0])
    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "line", "says"),
    [
        ("SELECT id\nFROM Shop_Nothing", 2, "no domain table Shop_Nothing"),
        ("SELECT id,\n       nome\nFROM Shop_Customers", 2, "nome"),
        ("SELECT id FROM Shop_Customers WHERE", None, "cannot be parsed"),
        ("SELECT id FROM Shop_Customers;\nSELECT 1", 2, "exactly one SELECT"),
        ("CREATE TABLE x AS SELECT 1 AS id", None, "exactly one SELECT"),
        ("COPY Shop_Customers TO 'x.csv'", None, "exactly one SELECT"),
        ("ATTACH 'x.duckdb'", None, "exactly one SELECT"),
        ("SELECT *\nFROM read_csv('x.csv')", 2, "read_csv() is not allowed"),
        ("SELECT *\nFROM read_parquet('x')", 2, "read_parquet() is not allowed"),
        ("SELECT * FROM 'x.csv'", None, "no domain table x.csv"),
        ("SELECT *\nFROM glob('*')", 2, "glob() is not allowed"),
        ("SELECT *\nFROM read_text('x')", 2, "read_text() is not allowed"),
        ("SELECT *\nFROM query('SELECT 1')", 2, "query() is not allowed"),
        ("SELECT *\nFROM duckdb_settings()", 2, "duckdb_settings() is not allowed"),
        ("SELECT * FROM information_schema.tables", None, "no domain table"),
        ("SELECT name FROM Shop_Customers", None, "gives no column id"),
        (
            "SELECT id, name, name AS Name FROM Shop_Customers",
            None,
            "2 columns are named name: keep one",
        ),
        (
            "SELECT a.*, b.name FROM Shop_Customers AS a JOIN Shop_Customers AS b USING (id)",
            None,
            "2 columns are named name",
        ),
        ("SELECT * FROM T", None, "circle"),
    ],
)
def test_wrong_sql_is_told_with_its_file_and_line(
    tmp_path: Path, sql: str, line: int | None, says: str
) -> None:
    tenant = tenant_of(tmp_path, feed_of(), sql={"T": sql})
    problems = check_sql(tenant)
    assert len(problems) == 1, problems
    assert says in problems[0].message
    assert problems[0].file in ("domain_tables/T.sql", "domain_tables/T.yaml")
    if line is not None:
        assert problems[0].line == line


def test_good_sql_has_no_problem(tmp_path: Path) -> None:
    sql = """
    WITH parts AS (SELECT id, unnest(string_split(name, ' ')) AS part FROM Shop_Customers)
    SELECT id, count(*) AS n FROM parts GROUP BY id UNION ALL SELECT i::VARCHAR, 0
        FROM range(3) t(i)
    """
    tenant = tenant_of(tmp_path, feed_of(), sql={"T": sql})
    assert check_sql(tenant) == []
    assert schemas(tenant)["T"] == {
        "id": "VARCHAR",
        "n": "BIGINT",
        "_pk": "VARCHAR",
        "_uuid_pk": "VARCHAR",
        "_updated": "BIGINT",
    }


@pytest.mark.parametrize("type_", ["TIME", "TIMETZ", "BIT", "INTERVAL", "UNION(a INTEGER)"])
def test_a_type_that_no_table_can_hold_is_told_before_and_by_the_run(
    tmp_path: Path, type_: str
) -> None:
    says = r"column x is .*, which no table can hold: cast it"
    tenant = loaded(tmp_path, {"T": f"SELECT id, CAST(NULL AS {type_}) AS x FROM Shop_Customers"})
    (problem,) = check_sql(tenant)
    assert re.search(says, problem.message)
    with (
        open_session(tmp_path / "warehouse") as session,
        pytest.raises(C360Error, match=f"domain_tables/T.sql: {says}"),
    ):
        build_custom_table(session, tenant, tenant.custom_tables[0])


@pytest.mark.parametrize("type_", ["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_NS", "TIMESTAMPTZ_NS"])
def test_moments_of_any_unit_are_stored_alike(tmp_path: Path, type_: str) -> None:
    sql = f"SELECT id, CAST('2026-01-02 03:04:05' AS {type_}) AS x FROM Shop_Customers"
    tenant = loaded(tmp_path, {"T": sql})
    with open_session(tmp_path / "warehouse") as session:
        state = build_custom_table(session, tenant, tenant.custom_tables[0])
        assert state.columns["x"] == "TIMESTAMPTZ"
        session.bind("domain/T")
        (moment,) = {row[0] for row in session.rows("SELECT x::VARCHAR FROM T")}
    assert moment == "2026-01-02 03:04:05+00"


def test_system_columns_of_several_tables_are_no_repeated_names(tmp_path: Path) -> None:
    sql = (
        "SELECT a.*, b._pk, b._updated FROM Shop_Customers AS a JOIN Shop_Customers AS b USING (id)"
    )
    assert check_sql(tenant_of(tmp_path, feed_of(), sql={"T": sql})) == []


def test_a_cycle_names_its_tables(tmp_path: Path) -> None:
    tenant = tenant_of(tmp_path, feed_of(), sql={"A": "SELECT * FROM B", "B": "SELECT * FROM A"})
    with pytest.raises(ConfigError, match=r"circle: (A -> B -> A|B -> A -> B)"):
        ordered(tenant)


def test_lineage_goes_through_stars_and_expressions(tmp_path: Path) -> None:
    tenant = tenant_of(tmp_path, feed_of(), sql={"T": ORDERS, "U": "SELECT * FROM T"})
    assert lineage(tenant, tenant.custom_tables[0]) == {
        "id": [("Shop_Customers", "id")],
        "name": [("Shop_Customers", "name")],
        "doubled": [("Shop_Customers", "spent")],
    }
    assert lineage(tenant, tenant.custom_tables[1])["doubled"] == [("T", "doubled")]

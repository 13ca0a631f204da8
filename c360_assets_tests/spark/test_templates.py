"""Every shipped template gives equal rows on DuckDB and on Spark, over a tiny tenant of every kind
of data; of other SQL it is told what does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from c360_assets.customer_360.rendering.render import SHIPPED
from c360_assets.customer_360.tables.build import build_table
from c360_assets.customer_360.tables.graph import plan
from c360_assets.customer_360.tables.references import statement
from c360_assets.customer_360.tables.spark import spark_sql
from c360_assets.errors import C360Error
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session, open_session
from c360_assets.warehouse.spark_differences import DIFFERENCES, known_differences
from c360_assets.warehouse.spark_functions import unknown_to_spark
from c360_assets.warehouse.sql import quote_literal
from c360_assets_tests.customer_360.filled import ZONE, fill, filled_tenant
from c360_assets_tests.customer_360.tables_on_spark import differences
from c360_assets_tests.customer_360.world import AS_OF, make_tenant, put_unified

EVERYTHING = {
    "unified_transactions": {
        "options": ["fiscal_calendar", "net_order_revenue", "order_cost", "order_discount_amount"]
    },
    "transaction_attributes_extended": {
        "blocks": ["returns", "cancellations", "net_order_revenue", "order_cost", "rfm"]
    },
    "customer_attributes": {
        "is_employee": {"domains": ["x.com"], "exceptions": ["e1@x.com"]},
        "is_business": {"exceptions": ["roe"], "address_exceptions": ["9 space rd"]},
        "is_gift_giver": {"exceptions": ["not a gift"]},
        "is_reseller": {"records": 2, "percentile": 500},
        "is_test_account": {},
        "outlier_percentile": 800,
        "churn": {"active": 60, "cooling down": 120, "lost": 730},
    },
    "customer_360": {"hashed": ["email", "phone"]},
    "pii_table": True,
}
OTHERWISE = {
    "unified_transactions": {"order_key": ["datasource", "order_id"], "order_discount_mode": "sum"},
    "transaction_attributes_extended": {"blocks": ["returns"]},
    "customer_attributes": {
        "lifecycle_days": {"new": 10, "active": 100, "lapsed": 300, "dormant": 700},
        "is_gift_giver": {},
    },
    "customer_360": {"template": "base"},
    "merged_households": {"source": "stitch"},
}
PRIORITIES = {
    "source_priority": {"POS": 1, "WEB": 2},
    "field_priority": {"POS": {"phone": 3}},
    "rank": {"address": ["WEB"]},
}
GROUPS = ["txn-item", "pc", "email-opt", "sms-opt", "loy", "loy-event", "fiscal"]
DESCRIBED = ["product_description"]


def tenants(root: Path) -> dict[str, Tenant]:
    """Tenants that between them take every branch of every template."""
    policy = {
        "best_email": "priority",
        "use_blocklist": False,
        "name_completion": "binary",
        "order": "rank_first",
        "full_name": "concat",
        "multi_value": {"phone": ["email_work", "phone"]},
        "custom_groups": {"email_internal": {"columns": ["email_work"]}},
        **PRIORITIES,
    }
    usual = {**PRIORITIES, "email_ampid_assignment": {"email_threshold": 3}}
    three = {**PRIORITIES, "email_ampid_assignment": {"rounds": 3}}
    return {
        "everything": filled_tenant(
            root, [*GROUPS, "email-event"], DESCRIBED, options=EVERYTHING, policy=three
        ),
        "otherwise": filled_tenant(
            root, [*GROUPS, "email-summary"], options=OTHERWISE, policy=policy
        ),
        "usual": filled_tenant(root, [*GROUPS, "email-summary"], options={}, policy=usual),
        "nothing": make_tenant(root, timezone=ZONE),
    }


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize(
    "names",
    [["everything"], pytest.param(["otherwise", "usual", "nothing"], marks=pytest.mark.slow)],
)
def test_every_template_gives_equal_rows_on_spark(
    spark: Any, tmp_path: Path, names: list[str]
) -> None:
    compared: dict[str, set[str]] = {name: set() for name in SHIPPED}
    wrong: list[str] = []
    made = tenants(tmp_path)
    for name in names:
        tenant = made[name]
        folder = tmp_path / name
        with open_session(folder / "warehouse", ZONE) as session:
            session.execute("SET threads = 1")
            if tenant.feeds:
                fill(session, tenant, seed=5)
            else:
                put_unified(session, [])
            for node in plan(tenant):
                build_table(session, node, as_of=AS_OF)
                if node.canonical not in compared[node.name]:
                    compared[node.name].add(node.canonical)
                    wrong += [
                        f"{name}: {text}"
                        for text in differences(session, spark, node, folder, AS_OF)
                    ]
    assert wrong == []
    assert all(compared.values()) or names != ["everything"]


# Function, by SQLGlot's name -> an example over the columns t (text), n (whole number), d (date), m
# (money), p (present or not).
EXAMPLES = {
    "any_value": "any_value(g)",
    "arg_max": "arg_max(t, n) FILTER (WHERE t IS NOT NULL)",
    "avg": "round(avg(n), 4)",
    "median": "median(n)",
    "mode": "mode(g)",
    "logical_and": "bool_and(p)",
}
ROW_EXAMPLES = {
    "between": "n BETWEEN 1 AND 2",
    "ceil": "CAST(ceil(m) AS BIGINT)",
    "concat": "concat(t, '-', g)",
    "contains": "contains(t, 'b')",
    "date_trunc": "date_trunc('month', d)",
    "day": "day(d)",
    "dense_rank": "dense_rank() OVER (PARTITION BY g ORDER BY m)",
    "ends_with": "ends_with(t, 'c')",
    "extract": "extract(year FROM d)",
    "first_value": "first_value(t) OVER (PARTITION BY g ORDER BY n)",
    "floor": "CAST(floor(m) AS BIGINT)",
    "greatest": "greatest(n, 2)",
    "hour": "hour(CAST('2026-01-01 10:00:00' AS TIMESTAMP))",
    "lag": "lag(t) OVER (PARTITION BY g ORDER BY n)",
    "last_value": (
        "last_value(t) OVER (PARTITION BY g ORDER BY n ROWS "
        "BETWEEN UNBOUNDED PRECEDING AND "
        "UNBOUNDED FOLLOWING)"
    ),
    "lead": "lead(t) OVER (PARTITION BY g ORDER BY n)",
    "lpad": "lpad(t, 5, '0')",
    "md5": "md5(t)",
    "month": "month(d)",
    "percent_rank": "percent_rank() OVER (PARTITION BY g ORDER BY n)",
    "rank": "rank() OVER (PARTITION BY g ORDER BY m)",
    "regexp_extract": "regexp_extract(t, '([a-z])', 1)",
    "reverse": "reverse(t)",
    "round": "round(m, 1)",
    "rpad": "rpad(t, 5, '0')",
    "sign": "CAST(sign(n - 1) AS BIGINT)",
    "time_to_str": "strftime(d, '%Y-%m')",
    "try_cast": "TRY_CAST(t AS BIGINT)",
    "year": "year(d)",
}
ROWS = """(VALUES ('abc', 'x', 1, DATE '2026-02-28', CAST('1.25' AS DECIMAL(38, 2)), TRUE),
    ('12', 'x', 2, DATE '2024-02-29', CAST('-1.25' AS DECIMAL(38, 2)), NULL),
    (' É ', 'y', 3, DATE '2026-12-31', CAST('0.05' AS DECIMAL(38, 2)), FALSE),
    (NULL, 'y', 4, NULL, NULL, TRUE)) AS given (t, g, n, d, m, p)"""


@pytest.mark.spark
def test_functions_that_are_called_portable_answer_alike(spark: Any, session: Session) -> None:
    session.execute(f"SET TimeZone = {quote_literal(ZONE)}")
    for examples, group in ((EXAMPLES, "GROUP BY g ORDER BY g"), (ROW_EXAMPLES, "ORDER BY n")):
        query = f"SELECT {_as_columns(examples)} FROM {ROWS} {group}"
        assert spark.sql(spark_sql(query)).toArrow().to_pydict() == _columns(session, query)


def _as_columns(examples: Mapping[str, str]) -> str:
    """What to select for the examples as texts, by name: all at once, as each query takes time."""
    return ", ".join(f"CAST({sql} AS VARCHAR) AS f_{name}" for name, sql in examples.items())


def _columns(session: Session, query: str) -> dict[str, list[Any]]:
    return session.frame(query).to_dict(as_series=False)


# What is said -> an example over the same columns, on Spark an error or another answer.
UNLIKE = {
    "is recursive": (
        "WITH RECURSIVE c AS (SELECT 1 AS k UNION SELECT k + 1 FROM c WHERE k < 3) "
        "SELECT k AS seen FROM c"
    ),
    "ASOF JOIN": "SELECT b.t AS seen FROM r ASOF JOIN r AS b ON r.g = b.g AND r.n > b.n",
    "POSITIONAL JOIN": "SELECT b.t AS seen FROM r POSITIONAL JOIN r AS b",
    "BY NAME": "SELECT t AS seen, g FROM r UNION ALL BY NAME SELECT g, t AS seen FROM r",
    "* REPLACE": "SELECT t AS seen FROM (SELECT * REPLACE (g AS t) FROM r)",
    "SIMILAR TO": "SELECT t SIMILAR TO 'a.c' AS seen FROM r",
    "GLOB": "SELECT t GLOB 'a*' AS seen FROM r",
    "comprehension": "SELECT [x + 1 for x in [1, 2]] AS seen FROM r",
    "slice": "SELECT t[1:2] AS seen FROM r",
    "ANY": "SELECT t AS seen FROM r WHERE n = ANY (SELECT 1)",
    "unnest() inside": "SELECT CAST(unnest([1, 2]) AS VARCHAR) AS seen FROM r",
    "a series": "SELECT x AS seen FROM generate_series(1, 3) AS s (x)",
    "any_value() an order": "SELECT any_value(t ORDER BY n DESC) AS seen FROM r",
    "min() for several": "SELECT min(n, 2) AS seen FROM r",
    "max() for several": "SELECT max(n, 2) AS seen FROM r",
    "does not have": "SELECT CAST(n AS HUGEINT) AS seen FROM r",
    "cut off": "SELECT CAST(n * 1.7 AS BIGINT) AS seen FROM r",
    "'2026-01' for one": "SELECT TRY_CAST('2026-01' AS DATE) AS seen FROM r",
    "'12.7' for one": "SELECT TRY_CAST('12.7' AS BIGINT) AS seen FROM r",
    "all of them": "SELECT regexp_replace(t, '[a-z0-9]', '-') AS seen FROM r",
    "left() with": "SELECT left(t, -1) AS seen FROM r",
    "right() with": "SELECT right(t, -1) AS seen FROM r",
    "from place 0": "SELECT substring(t, 0, 2) AS seen FROM r",
    "computes a place": "SELECT [t, g][n - 1 + 1] AS seen FROM r",
    "a field of a date": "SELECT extract(dow FROM d) AS seen FROM r",
    "a directive": "SELECT strftime(d, '%j') AS seen FROM r",
}
# As near to those as can be, and equal.
ALIKE = (
    "regexp_replace(t, '[a-z0-9]', '-', 'g')",
    "regexp_replace(t, '^[a-z0-9]', '-')",
    "CAST(round(n * 1.7) AS BIGINT)",
    "CAST(t = 'abc' AS VARCHAR)",
    "substring(t, 1, 2)",
    "left(t, 1)",
    "[t, g][-1]",
    "[t, g][n]",
    "[t, g][3]",
    "string_split(t, 'b')[-1]",
    "m / 3",
    "n / 2",
    "m / n",
    "round(m * 0.5, 1)",
    "TRY_CAST(t AS DECIMAL(18, 2))",
    "extract(doy FROM d)",
    "extract(week FROM d)",
    "quarter(d)",
    "strftime(d, '%Y-%m-%d %A %b %y')",
    "strftime(CAST(d AS TIMESTAMP), '%I:%M:%S %p %H')",
)


def test_each_known_difference_is_told_and_no_other() -> None:
    told = {
        words: list(known_differences(statement(_with_rows(sql), "").query))
        for words, sql in UNLIKE.items()
    }
    assert all(len(said) == 1 and words in said[0] for words, said in told.items()), told
    assert len(UNLIKE) == len(DIFFERENCES)
    alike = [_with_rows(f"SELECT {example} AS seen FROM r") for example in ALIKE]
    assert [list(known_differences(statement(sql, "").query)) for sql in alike] == [[]] * len(ALIKE)


@pytest.mark.long
@pytest.mark.spark
def test_what_is_told_differs_and_what_is_near_it_does_not(spark: Any, session: Session) -> None:
    session.execute(f"SET TimeZone = {quote_literal(ZONE)}")

    def are_equal(sql: str) -> bool:
        query = f"SELECT CAST(seen AS VARCHAR) AS seen FROM ({_with_rows(sql)}) ORDER BY seen"
        ours = [row[0] for row in session.rows(query)]
        try:
            return ours == [row.seen for row in spark.sql(spark_sql(query)).collect()]
        except Exception:  # whatever Spark says: it cannot run it
            return False

    equal = [sql for sql in UNLIKE.values() if are_equal(sql)]
    assert equal == []
    numbered = {str(number): text for number, text in enumerate(ALIKE)}
    alike = _with_rows(f"SELECT {_as_columns(numbered)} FROM r ORDER BY n")
    assert spark.sql(spark_sql(alike)).toArrow().to_pydict() == _columns(session, alike)


def _with_rows(sql: str) -> str:
    rows = f"r AS (SELECT * FROM {ROWS})"
    if sql.startswith("WITH RECURSIVE "):
        return sql.replace("RECURSIVE ", f"RECURSIVE {rows}, ", 1)
    return f"WITH {rows} {sql}"


def test_shipped_templates_call_portable_functions_only(tmp_path: Path) -> None:
    found = {text for tenant in tenants(tmp_path).values() for node in plan(tenant)
             for rule in (unknown_to_spark, known_differences)
             for text in rule(statement(node.sql, node.file).query)}  # fmt: skip
    assert found == set()


def test_a_stable_assignment_is_not_for_spark(tmp_path: Path) -> None:
    stable = make_tenant(tmp_path, policy={"email_ampid_assignment": {"rounds": 0}})
    node = next(n for n in plan(stable) if n.name == "email_ampid_assignment")
    with pytest.raises(C360Error, match="Spark cannot run a recursive query"):
        spark_sql(node.sql)

"""The graph of tables, reuse, the grain rule, overrides, checks, and what is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from c360_assets.customer_360.check_sql import bound_schemas, check_sql
from c360_assets.customer_360.checks.run_data_checks import validate_database
from c360_assets.customer_360.rendering.render import SHIPPED, macro_statements
from c360_assets.customer_360.tables.build import build, build_table
from c360_assets.customer_360.tables.databases import databases
from c360_assets.customer_360.tables.graph import TableNode, lineage, plan
from c360_assets.customer_360.tables.references import asks_clock, statement
from c360_assets.errors import C360Error, ConfigError
from c360_assets.ingest.upsert import updated_base
from c360_assets.reporting.summary import DayReport, summarize
from c360_assets.semantics.tables import table_spec
from c360_assets.tenant.engine import EngineConfig
from c360_assets.tenant.local_columns import LOCAL_COLUMNS
from c360_assets.tenant.models import DatabaseTableConfig, Tenant
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import (
    AS_OF,
    build_all,
    custom_table,
    feed,
    is_current,
    is_published,
    make_tenant,
    node_of,
    one,
    publish_database,
    put,
    put_gathered,
    put_unified,
    table,
)

POLICY = {"source_priority": {"CRM": 1}}
SYSTEM = {"_pk": "VARCHAR", "_uuid_pk": "VARCHAR", "_updated": "BIGINT"}
SHOP = feed(
    "Shop:Customers",
    {"mail": {"tags": ["email"]}, "customer": {"tags": ["fk-customer"]}},
    stitch=True,
)
ITEMS = feed(
    "Shop:Items",
    {
        "order": {"tags": ["txn-item/order-id"]},
        "product": {"tags": ["txn-item/product-id"]},
        "customer": {"tags": ["fk-customer"]},
        "paid": {"type": "decimal", "tags": ["txn-item/item-revenue"]},
        "units": {"type": "integer", "tags": ["txn-item/item-quantity"]},
        "at": {"type": "datetime", "tags": ["txn-item/order-datetime"]},
        "shade": {"tags": ["txn-item/shade"]},
    },
)
CONSENT_FIELDS: dict[str, dict[str, Any]] = {
    "mail": {"tags": ["email-opt/email"]},
    "yes": {"type": "boolean", "tags": ["email-opt/is-email-opted-in"]},
}
CONSENT = feed("News:Consent", CONSENT_FIELDS)


def shop(root: Path, **more: Any) -> Tenant:
    return make_tenant(root, policy=POLICY, feeds=[SHOP, ITEMS, CONSENT], **more)


def fill(session: Session) -> None:
    """Two people, three orders, consent: the input of the whole database."""
    put_unified(
        session,
        [
            {
                "amperity_id": "A1",
                "datasource": "Shop:Customers",
                "email": "Ann@x.com",
                "given_name": "Ann",
            },
            {"amperity_id": "A2", "datasource": "Shop:Customers", "email": "bob@x.com,ann@x.com"},
        ],
        fk_customer="VARCHAR",
    )
    columns = {
        **dict.fromkeys(("id", "order", "product", "customer", "shade"), "VARCHAR"),
        "paid": "DECIMAL(38, 4)",
        "units": "BIGINT",
        "at": "TIMESTAMPTZ",
        **SYSTEM,
        "amperity_id": "VARCHAR",
    }
    bought = [
        ("O1", "A1", "10.005", "2026-06-01"),
        ("O2", "A1", "20", "2026-06-29"),
        ("O3", "A2", "5", "2025-01-01"),
    ]
    put(
        session,
        "stitched/Shop_Items",
        columns,
        [
            {
                "id": o,
                "_pk": o,
                "order": o,
                "product": "P",
                "amperity_id": a,
                "paid": paid,
                "units": 1,
                "at": day,
                "shade": "red",
            }
            for o, a, paid, day in bought
        ],
    )
    put_consent(
        session,
        [
            ("1", "ANN@x.com ", True, 1),
            ("2", "ann@x.com", False, 2),
            ("3", "nobody@x.com", None, 1),
            ("4", " ", True, 1),
        ],
    )


def put_consent(session: Session, statements: Sequence[tuple[str, str, bool | None, int]]) -> None:
    """Statements as key, address, answer and `_updated`."""
    put(
        session,
        "domain/News_Consent",
        {"id": "VARCHAR", "mail": "VARCHAR", "yes": "BOOLEAN", **SYSTEM},
        [{"id": i, "_pk": i, "mail": m, "yes": y, "_updated": u} for i, m, y, u in statements],
    )


def test_tagged_columns_are_gathered_from_sources_with_person_and_keys(
    session: Session, tmp_path: Path
) -> None:
    tenant = shop(tmp_path)
    fill(session)
    build_all(
        session,
        tenant,
        only=["unified_itemized_transactions", "email_opt_status", "unified_loyalty"],
    )
    item = table(
        session,
        "unified_itemized_transactions",
        "amperity_id, datasource, pk, order_id, item_revenue, shade, unit_cost",
    )[0]
    assert [str(v) for v in item.values()] == [
        "A1",
        "Shop:Items",
        "O1",
        "O1",
        "10.01",
        "red",
        "None",
    ]
    consents = table(
        session,
        "email_opt_status",
        "amperity_id, email, is_email_opted_in",
        order="amperity_id NULLS LAST",
    )
    assert [tuple(row.values()) for row in consents] == [
        ("A1", "ann@x.com", False),
        ("A2", "ann@x.com", False),
        (None, "nobody@x.com", False),
    ]
    assert table(session, "unified_loyalty") == []
    loyalty = session.state("unified_loyalty")
    assert loyalty is not None
    assert set(table_spec("unified_loyalty").columns) <= set(loyalty.columns)


@pytest.mark.parametrize(
    ("statements", "is_opted_in"),
    [
        ([(True, 1), (False, 2)], False),
        ([(False, 1), (True, 2)], True),
        # None of them is newer, as in a custom domain table: a no is a no.
        ([(True, 0), (False, 0)], False),
        ([(False, 0), (True, 0)], False),
        ([(True, 0), (None, 0)], False),
        ([(True, 0), (True, 0)], True),
    ],
)
def test_of_conflicting_statements_the_newest_counts_else_the_no(
    session: Session,
    tmp_path: Path,
    statements: list[tuple[bool | None, int]],
    is_opted_in: bool,
) -> None:
    fill(session)
    put_consent(
        session,
        [(str(i), "bob@x.com", yes, updated) for i, (yes, updated) in enumerate(statements)],
    )
    build_all(session, shop(tmp_path), only=["email_opt_status"])
    assert table(session, "email_opt_status", "amperity_id, is_email_opted_in") == [
        {"amperity_id": "A2", "is_email_opted_in": is_opted_in}
    ]


@pytest.mark.parametrize(
    ("kind", "values", "is_opted_in"),
    [
        ("datetime", ["2026-03-02 10:00", "2026-03-02 09:00"], False),
        ("datetime", ["2026-03-02 09:00", "2026-03-02 10:00"], True),
        # Equally new: the place in the file.
        ("datetime", ["2026-03-02 09:00", "2026-03-02 09:00"], True),
        # Without a time a statement is as old as its delivery, of 2026-03-03.
        ("datetime", [None, "2026-03-02 10:00"], False),
        ("integer", [2, 1], False),
        ("integer", [1, 2], True),
    ],
)
def test_of_statements_of_one_file_the_one_counts_that_was_updated_last(
    session: Session, tmp_path: Path, kind: str, values: list[Any], is_opted_in: bool
) -> None:
    """A no in the first line, a yes in the second."""
    fill(session)
    timed = feed("News:Consent", {**CONSENT_FIELDS, "changed": {"type": kind}})
    timed = timed.model_copy(update={"last_updated": "changed"})
    type_ = "TIMESTAMPTZ" if kind == "datetime" else "BIGINT"
    place = updated_base(date(2026, 3, 3), 1, 0)
    put(
        session,
        "domain/News_Consent",
        {"id": "VARCHAR", "mail": "VARCHAR", "yes": "BOOLEAN", "changed": type_, **SYSTEM},
        [
            {
                "id": str(line),
                "_pk": str(line),
                "mail": "bob@x.com",
                "yes": line == 1,
                "changed": value,
                "_updated": place + line,
            }
            for line, value in enumerate(values)
        ],
    )
    tenant = make_tenant(tmp_path, policy=POLICY, feeds=[SHOP, ITEMS, timed])
    build_all(session, tenant, only=["email_opt_status"])
    assert table(session, "email_opt_status", "is_email_opted_in") == [
        {"is_email_opted_in": is_opted_in}
    ]


def test_every_built_column_has_its_documented_type(tmp_path: Path) -> None:
    blocks = ["returns", "cancellations", "net_order_revenue", "order_cost", "rfm"]
    options = {
        "unified_transactions": {
            "options": [
                "fiscal_calendar",
                "net_order_revenue",
                "order_cost",
                "order_discount_amount",
            ]
        },
        "transaction_attributes_extended": {"blocks": blocks},
        "customer_360": {"hashed": ["email", "phone"]},
    }
    for best_email in ("priority", "email_ampid_assignment"):
        found = bound_schemas(
            make_tenant(tmp_path, options=options, policy={**POLICY, "best_email": best_email})
        )
        assert set(found) == set(SHIPPED)
        for name in SHIPPED:
            documented = {
                column: spec.type.replace(" ", "")
                for column, spec in table_spec(name).columns.items()
            }
            built = {
                column: type_.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
                for column, type_ in found[name].items()
            }
            assert {c: t for c, t in built.items() if documented.get(c) != t} == {}, name
            if best_email == "email_ampid_assignment":
                assert set(documented) - set(built) <= {"email_blv", *LOCAL_COLUMNS}, name


def test_what_is_current_is_reused_and_the_date_counts_only_where_it_is_used(
    session: Session, tmp_path: Path
) -> None:
    tenant = shop(tmp_path)
    fill(session)
    nodes = plan(tenant)
    assert not any(result.reused for result in build(session, nodes, as_of=AS_OF))
    session.commit()
    assert all(result.reused for result in build(session, nodes, as_of=AS_OF))
    later = date(2026, 7, 1)
    stale = {node.name for node in nodes if not is_current(session, node, later)}
    assert stale == {"transaction_attributes_extended", "customer_attributes"}
    assert not build_table(session, node_of(tenant, "customer_360"), as_of=AS_OF, force=True).reused
    put_unified(session, [{"amperity_id": "A9"}], fk_customer="VARCHAR")
    assert not is_current(session, node_of(tenant, "merged_customers"), AS_OF)


def test_a_person_twice_fails_the_table_and_leaves_the_old_version(
    session: Session, tmp_path: Path
) -> None:
    twice = "SELECT * FROM customer_360 UNION ALL SELECT * FROM customer_360"
    fill(session)
    build_all(session, shop(tmp_path))
    session.commit()
    before = session.state("customer_360")
    with pytest.raises(C360Error, match="2 repeat one") as error:
        build_all(session, shop(tmp_path, database={"customer_360": twice}), only=["customer_360"])
    assert "database/customer_360.sql" in str(error.value)
    assert session.state("customer_360") == before


def test_an_override_extends_the_core_version_and_others_see_it(
    session: Session, tmp_path: Path
) -> None:
    sql = "SELECT * REPLACE (upper(given_name) AS given_name), 1 AS score FROM merged_customers"
    tenant = shop(
        tmp_path,
        database={
            "merged_customers": sql,
            "Loud": "SELECT given_name, score FROM Merged_Customers",
        },
    )
    fill(session)
    build_all(session, tenant, "customer_360", "loud")
    assert one(session, "customer_360", "given_name", "amperity_id = 'A1'") == {"given_name": "ANN"}
    assert one(session, "loud", "score", "given_name = 'ANN'") == {"score": 1}
    node = node_of(tenant, "merged_customers")
    assert (node.source, node.file) == ("tenant", "database/merged_customers.sql")
    assert "email_ampid_assignment" in node.deps
    assert "merged_customers" not in node.deps


def test_an_override_of_a_table_that_stitch_writes_is_stored_apart(
    session: Session, tmp_path: Path
) -> None:
    sql = "SELECT * FROM unified_coalesced WHERE amperity_id <> 'A2'"
    tenant = shop(tmp_path, database={"unified_coalesced": sql})
    fill(session)
    build_all(session, tenant, "merged_customers", "unified_coalesced")
    assert [r["amperity_id"] for r in table(session, "merged_customers", "amperity_id")] == ["A1"]
    assert len(table(session, "unified_coalesced", "pk")) == 2


@pytest.mark.parametrize(
    ("database", "message"),
    [
        (
            {"extra": "SELECT nme FROM merged_customers"},
            "database/extra.sql:1: extra: Binder Error",
        ),
        (
            {"extra": "SELECT 1 AS a\nFROM merged_custmers"},
            "database/extra.sql:2: unknown table merged_custmers",
        ),
        ({"extra": "SELECT FROM WHERE"}, "database/extra.sql:1: the SQL cannot be parsed"),
        ({"extra": "SELECT 1 AS a; SELECT 2 AS b"}, "exactly one SELECT"),
        ({"extra": "DROP TABLE x"}, "exactly one SELECT"),
        ({"a": "SELECT * FROM b", "b": "SELECT * FROM a"}, "in a circle: "),
        ({"extra": "SELECT * FROM extra"}, "extra reads itself"),
        (
            {"extra": "SELECT amperity_id AS a, email AS A FROM customer_360"},
            "database/extra.sql: extra: 2 columns are named a",
        ),
        (
            {"extra": "SELECT * FROM customer_360 AS c JOIN merged_customers AS m USING (email)"},
            "2 columns are named amperity_id",
        ),
        (
            {"customer_360": "SELECT *, 1 AS email FROM customer_360"},
            "2 columns are named email: keep one, or name",
        ),
        ({"extra": "SELECT * FROM read_csv('/etc/passwd')"}, "read_csv() is not allowed"),
        ({"extra": "SELECT * FROM '/etc/passwd'"}, "unknown table /etc/passwd"),
        ({"extra": "SELECT * FROM other.merged_customers"}, "without a schema"),
        (
            {"extra": "SELECT *\nFROM Shop_Customers\nWHERE nope = 1"},
            "database/extra.sql:3: extra: Binder Error",
        ),
    ],
)
def test_bad_sql_is_told_with_file_and_line(
    tmp_path: Path, database: dict[str, str], message: str
) -> None:
    problems = check_sql(shop(tmp_path, database=database))
    assert any(message in str(p) and p.severity == "error" for p in problems), [
        str(p) for p in problems
    ]
    assert all("/etc/passwd" not in str(p) or "unknown" in str(p) for p in problems)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"thresholds": {"CV-A4": 10}},
            (
                "customer_360.validations.thresholds.CV-A4: there is no check CV-A4 — did you "
                "mean CV-A04?"
            ),
        ),
        (
            {"blocking": ["CV-T30"]},
            "customer_360.validations.blocking: there is no check CV-T30 — did you mean CV-T",
        ),
        (
            {"blocking": ["db/unique.extra.onee"]},
            "there is no check db/unique.extra.onee — did you mean db/unique.extra.one?",
        ),
        ({"thresholds": {"db/unique.extra.one": 5}}, "there is no check db/unique.extra.one"),
        (
            {
                "thresholds": {"CV-A04": 1, "CV-T06.product_id": 2},
                "blocking": ["CV-T06", "db/unique", "db/unique.extra.one"],
            },
            None,
        ),
        ({"blocking": ["cv-t06", "db/unique.Extra.ONE"]}, None),
    ],
)
def test_a_setting_for_a_check_that_is_not_there_is_told(
    tmp_path: Path, settings: dict[str, Any], message: str | None
) -> None:
    tenant = shop(
        tmp_path,
        database={"extra": "SELECT amperity_id AS one FROM merged_customers"},
        options={"validations": settings},
    )
    promised = DatabaseTableConfig.model_validate({"columns": {"one": {"unique": True}}})
    found = [
        str(problem) for problem in check_sql(replace(tenant, database_yaml={"extra": promised}))
    ]
    assert [message in text for text in found] == [True] if message is not None else found == []


def test_what_a_table_is_told_to_have_and_has_not_is_a_warning(tmp_path: Path) -> None:
    tenant = shop(tmp_path, database={"extra": "SELECT amperity_id AS one FROM merged_customers"})
    told = DatabaseTableConfig.model_validate(
        {"key": ["ONE", "amperity_idd"], "columns": {"One": {}, "two": {}}}
    )
    found = check_sql(replace(tenant, database_yaml={"extra": told}))
    assert [(problem.severity, problem.key, problem.message) for problem in found] == [
        ("warning", "columns.two", "extra has no column two"),
        ("warning", "key", "extra has no column amperity_idd"),
    ]


def test_good_sql_has_no_problems(tmp_path: Path) -> None:
    cdt = custom_table(tmp_path, "CDT_Extra", "SELECT id, upper(mail) AS mail FROM Shop_Customers")
    good = {
        "extra": "SELECT e.mail, c.amperity_id FROM CDT_Extra AS e CROSS JOIN Shop_Customers AS c"
    }
    assert check_sql(shop(tmp_path, custom=[cdt], database=good)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT current_date AS x",
        "SELECT now() AS x",
        "SELECT localtimestamp AS x",
        "SELECT uuid() AS x",
        "SELECT random() AS x",
        "SELECT age(first_order_datetime) AS x FROM customer_360",
        "SELECT amperity_id FROM customer_360 TABLESAMPLE 10%",
    ],
)
def test_the_clock_and_chance_are_a_warning_and_built_again_on_another_day(
    tmp_path: Path, sql: str
) -> None:
    tenant = shop(tmp_path, database={"extra": sql})
    found = [problem for problem in check_sql(tenant) if "clock or chance" in problem.message]
    assert [(problem.severity, problem.file) for problem in found] == [
        ("warning", "database/extra.sql")
    ]
    assert next(node for node in plan(tenant) if node.name == "extra").uses_as_of


# A query, and what is advised.
SELDOM_MEANT: list[tuple[str, str | None]] = [
    (
        "SELECT a.* FROM merged_customers AS a, customer_360 AS b",
        "joins a table without a condition",
    ),
    (
        (
            "SELECT a.* FROM merged_customers AS a, customer_360 AS b "
            "WHERE a.amperity_id = b.amperity_id"
        ),
        None,
    ),
    ("SELECT a.* FROM merged_customers AS a CROSS JOIN run_context", None),
    (
        "SELECT *, ROW_NUMBER() OVER (ORDER BY amperity_id) AS n FROM customer_360",
        "window without PARTITION BY",
    ),
    (
        (
            "SELECT *, ROW_NUMBER() OVER (PARTITION BY city ORDER BY amperity_id) AS n "
            "FROM customer_360"
        ),
        None,
    ),
    (
        (
            "SELECT * FROM customer_360 "
            f"WHERE city NOT IN ({', '.join(repr(str(n)) for n in range(101))})"
        ),
        "NOT IN over 101",
    ),
    (
        r"SELECT regexp_replace(city, '\\s+', '', 'g') AS c FROM customer_360",
        "doubles a backslash",
    ),
    (r"SELECT regexp_replace(city, '\s+', '', 'g') AS c FROM customer_360", None),
]


def test_what_is_seldom_meant_is_a_warning(tmp_path: Path) -> None:
    queries = {f"extra_{n}": sql for n, (sql, _) in enumerate(SELDOM_MEANT)}
    found = check_sql(make_tenant(tmp_path, database=queries))
    assert {problem.severity for problem in found} == {"warning"}
    told = {str(problem.file): problem.message for problem in found}
    assert len(told) == len(found)
    advices = {f"database/extra_{n}.sql": advice for n, (_, advice) in enumerate(SELDOM_MEANT)}
    expected = {file: advice for file, advice in advices.items() if advice}
    assert told.keys() == expected.keys()
    assert [file for file, advice in expected.items() if advice not in told[file]] == []


UNLIKE_ON_SPARK = {
    "SELECT strip_accents(city) AS c FROM customer_360": "calls strip_accents(), which",
    # As it is written, not as SQLGlot calls it.
    "SELECT Epoch_MS(1) AS c FROM customer_360": "calls epoch_ms(), which",
    "SELECT arg_max(city, given_name) AS c FROM customer_360": "arg_max or arg_min without FILTER",
    "SELECT date_diff('month', birthdate, as_of) AS c FROM customer_360, run_context WHERE TRUE": (
        "counts months"
    ),
}


def test_what_spark_does_otherwise_is_told_where_spark_is_the_engine(tmp_path: Path) -> None:
    sql = {f"extra_{number}": text for number, text in enumerate(UNLIKE_ON_SPARK)}
    text = "SELECT id, strip_accents(id) AS plain FROM CRM_People"
    friends = custom_table(tmp_path, "CDT_Friends", text)
    people = feed("CRM:People", {})
    here = make_tenant(tmp_path, feeds=[people], custom=[friends], database=sql)
    assert check_sql(here) == []
    spark = EngineConfig(type="spark", master="local[2]")
    there = replace(here, config=here.config.model_copy(update={"engine": spark}))
    found = {problem.file: problem.message for problem in check_sql(there)}
    assert "calls strip_accents()" in found.pop("domain_tables/CDT_Friends.sql")
    said = [message for _, message in sorted(found.items())]
    assert len(said) == len(UNLIKE_ON_SPARK)
    for message, words in zip(said, UNLIKE_ON_SPARK.values(), strict=True):
        assert words in message


def test_a_custom_domain_table_is_advised_too(tmp_path: Path) -> None:
    text = "SELECT a.id FROM CRM_People AS a, CRM_People AS b"
    pairs = custom_table(tmp_path, "CDT_Pairs", text)
    tenant = make_tenant(tmp_path, feeds=[feed("CRM:People", {})], custom=[pairs])
    (problem,) = check_sql(tenant)
    assert (problem.severity, problem.file) == ("warning", "domain_tables/CDT_Pairs.sql")
    assert "CDT_Pairs joins a table without a condition" in problem.message


def test_a_tag_of_ones_own_may_be_any_word(tmp_path: Path) -> None:
    fields = {
        word: {"tags": [f"txn-item/{word}"]} for word in ("order-id", "table", "column", "order")
    }
    assert check_sql(make_tenant(tmp_path, feeds=[feed("Shop:Items", fields)])) == []


def test_cycles_stop_the_plan(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="circle"):
        plan(shop(tmp_path, database={"unified_transactions": "SELECT * FROM customer_360"}))


def test_lineage_leads_from_a_column_to_its_sources(session: Session, tmp_path: Path) -> None:
    tenant = shop(tmp_path)
    fill(session)
    build_all(session, tenant)
    schemas = {name: state.columns for name, state in session.pending.items()}
    found = lineage(node_of(tenant, "customer_360"), schemas)
    assert found["lifetime_order_revenue"] == [
        ("transaction_attributes_extended", "lifetime_order_revenue")
    ]
    found = lineage(node_of(tenant, "unified_itemized_transactions"), schemas)
    assert found["item_revenue"] == [("stitched/Shop_Items", "paid")]
    found = lineage(node_of(tenant, "merged_customers"), schemas)
    assert ("unified_coalesced", "given_name") in found["given_name"]
    assert found["email"] == [("email_ampid_assignment", "email")]


def test_what_cannot_be_traced_is_missing_from_the_lineage() -> None:
    schemas = {"merged_customers": {"amperity_id": "VARCHAR", "email": "VARCHAR"}}

    def traced(sql: str) -> dict[str, list[str]]:
        node = TableNode(
            "extra",
            "extra",
            sql,
            ("merged_customers",),
            (("merged_customers", "merged_customers"),),
            False,
            "tenant",
            "extra.sql",
        )
        return {column: [c for _, c in leaves] for column, leaves in lineage(node, schemas).items()}

    assert traced(
        "SELECT m AS r, to_json(m) AS j, email AS e, 1 AS n, count(*) OVER () AS k "
        "FROM merged_customers m"
    ) == {
        "e": ["email"],
        "n": [],
        "k": [],
    }
    assert traced("SELECT COLUMNS('e.*') FROM merged_customers") == {}
    assert (
        traced("SELECT * FROM (PIVOT merged_customers ON amperity_id IN ('A') USING max(email))")
        == {}
    )


def test_checks_count_what_should_be_looked_at(session: Session, tmp_path: Path) -> None:
    tenant = shop(tmp_path, options={"validations": {"thresholds": {"CV-T14": 50}}})
    put_unified(
        session,
        [{"amperity_id": "A1", "email": "a@x.com", "phone": "12"}, {"amperity_id": "A2"}],
        fk_customer="VARCHAR",
    )
    rows: list[dict[str, Any]] = [
        {
            "order_id": "O1",
            "amperity_id": "A1",
            "item_quantity": 1,
            "item_revenue": 10,
            "order_datetime": "2026-01-01",
        },
        {"order_id": "O1", "amperity_id": "A2", "item_quantity": 0, "order_datetime": "2026-07-01"},
        {
            "order_id": "O3",
            "is_return": True,
            "item_quantity": -1,
            "item_revenue": -20,
            "order_datetime": "2026-01-01",
        },
        {"order_id": None, "item_quantity": 1, "item_revenue": 1},
    ]
    put_gathered(session, tenant, "unified_itemized_transactions", rows)
    put(
        session,
        "domain/News_Consent",
        {"id": "VARCHAR", "mail": "VARCHAR", "yes": "BOOLEAN", **SYSTEM},
        [],
    )
    build_all(session, tenant)
    state = validate_database(session, databases(tenant)[0], as_of=AS_OF)
    found = {r["validation_id"]: r for r in table(session, "database_validation")}
    # The screen that ends a run names what warns, the largest shares first.
    warnings = summarize(session, DayReport(AS_OF)).check_warnings
    assert {check.id for check in warnings} == {
        name for name, row in found.items() if row["status"] == "warning"
    }
    assert "CV-T01" in {check.id for check in warnings}
    assert [check.share for check in warnings] == sorted(
        (check.share for check in warnings), reverse=True
    )
    counts = {
        "CV-A06": (1, 1, "warning"),
        "CV-T01": (4, 2, "warning"),
        "CV-T02": (2, 1, "warning"),
        "CV-T03": (4, 1, "warning"),
        "CV-T04": (1, 1, "warning"),
        "CV-T08": (1, 1, "warning"),
        "CV-T14": (4, 1, "ok"),
        "CV-T15": (3, 1, "warning"),
        "CV-T16": (4, 2, "warning"),
        "CV-R01": (1, 0, "ok"),
        "CV-R02.merged_customers": (1, 0, "ok"),
        "CV-E04.email": (None, None, "not_applicable"),
        "CV-F02": (None, None, "not_applicable"),
        "CV-T06.product_category": (None, None, "not_applicable"),
    }
    assert {
        i: (found[i]["checked_count"], found[i]["finding_count"], found[i]["status"])
        for i in counts
    } == counts
    assert state.figures["warnings"] == sum(r["status"] == "warning" for r in found.values())
    blocking = shop(tmp_path, options={"validations": {"blocking": ["CV-T03"]}})
    with pytest.raises(C360Error, match="CV-T03"):
        validate_database(session, databases(blocking)[0], as_of=AS_OF)


@pytest.mark.parametrize(
    ("currencies", "expected"),
    [
        (["BRL", "brl", None], (2, 0, "ok")),
        (["BRL", "BRL", "USD"], (3, 1, "warning")),
        ([None], (0, 0, "not_applicable")),
    ],
)
def test_amounts_of_several_currencies_are_told(
    session: Session,
    tmp_path: Path,
    currencies: list[str | None],
    expected: tuple[int, int, str],
) -> None:
    tenant = make_tenant(tmp_path)
    put_unified(session, [{"amperity_id": "A1"}])
    items = [
        {
            "order_id": f"O{n}",
            "datasource": f"Shop:{currency}",
            "currency": currency,
            "item_quantity": 1,
            "item_revenue": 10,
            "order_datetime": "2026-01-01",
        }
        for n, currency in enumerate(currencies)
    ]
    put_gathered(session, tenant, "unified_itemized_transactions", items)
    build_all(session, tenant, "unified_transactions")
    validate_database(session, databases(tenant)[0], as_of=AS_OF)
    found = one(session, "database_validation", where="validation_id = 'CV-R03'")
    assert (found["checked_count"], found["finding_count"], found["status"]) == expected


@pytest.mark.parametrize(("people", "found"), [(20, 0), (21, 21)])
def test_households_of_more_people_than_live_together_are_told(
    session: Session, tmp_path: Path, people: int, found: int
) -> None:
    tenant = make_tenant(tmp_path)
    home = {"surname": "Vos", "address": "3 Quay", "city": "Bath", "state": "ME", "postal": "04530"}
    put_unified(session, [{"amperity_id": f"A{n}", **home} for n in range(people)])
    build_all(session, tenant, "merged_households")
    validate_database(session, databases(tenant)[0], as_of=AS_OF)
    counts = one(session, "database_validation", "finding_count", "validation_id = 'CV-A07.size'")
    assert counts == {"finding_count": found}


def test_checks_know_a_contact_however_it_is_written(session: Session, tmp_path: Path) -> None:
    own = ("unified_email_events", "email_engagement_summary", "email_opt_status", "sms_opt_status")
    tenant = make_tenant(tmp_path, database={name: f"SELECT * FROM {name}" for name in own})
    people = {"A1": "ida@post.example; kai@post.example", "A2": "Kai@Post.example"}
    put_unified(session, [{"amperity_id": a, "email": email} for a, email in people.items()])
    mails = [{"email": email, "brand": "B"} for email in ("kai@post.example", " KAI@post.example")]
    numbers = [{"phone": phone} for phone in ("(206) 555-0147", "206.555.0147")]
    put_gathered(session, tenant, "unified_email_events", mails)
    put_gathered(session, tenant, "email_engagement_summary", mails)
    for kind, rows in (("email", mails), ("sms", numbers)):
        said = [
            {**row, f"is_{kind}_opted_in": yes}
            for row, yes in zip(rows, (True, False), strict=True)
        ]
        put_gathered(session, tenant, f"{kind}_opt_status", said)
    build_all(session, tenant)
    validate_database(session, databases(tenant)[0], as_of=AS_OF)
    where = "regexp_matches(validation_id, 'E0[124]')"
    counts = table(session, "database_validation", "checked_count, finding_count", where)
    assert counts == [{"checked_count": 1, "finding_count": 1}] * 5


def test_the_published_database_is_whole_described_and_known_as_published(
    session: Session, tmp_path: Path
) -> None:
    tenant = shop(
        tmp_path,
        database={
            "crossover": (
                "SELECT amperity_id, 1 AS one, upper(given_name) AS loud FROM merged_customers"
            )
        },
    )
    told = DatabaseTableConfig.model_validate(
        {
            "description": "Both brands",
            "columns": {
                "one": {"description": "A one"},
                "ONE": {"unique": True},
                "loud": {"description": "LOUD"},
            },
        }
    )
    tenant = replace(tenant, database_yaml={"crossover": told})
    fill(session)
    build_all(session, tenant)
    assert not is_published(session, tenant)
    figures = publish_database(session, tenant, as_of=AS_OF)
    assert is_published(session, tenant)
    assert figures["customers"] == 2
    with duckdb.connect(str(database_path(tmp_path)), read_only=True) as con:
        names = {
            row[0]
            for row in con.execute(
                "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            ).fetchall()
        }
        assert {
            "main.customer_360",
            "main.unified_scores",
            "main.crossover",
            "domain.Shop_Items",
            "reports.database_validation",
        } <= names
        columns = con.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns"
        ).fetchall()
        listed = con.execute('SELECT "schema", "table", "column" FROM c360_catalog').fetchall()
        assert sorted(columns) == sorted(listed)
        described = con.execute(
            "SELECT description FROM c360_catalog WHERE \"column\" = 'one'"
        ).fetchall()
        assert described == [("A one",)]
        bare = con.execute(
            'SELECT "table", "column" FROM c360_catalog WHERE description = \'\' '
            "AND \"schema\" = 'main'"
        ).fetchall()
        assert bare == []
        stats = con.execute(
            "SELECT rows, completion, cardinality, uniqueness, example "
            "FROM reports.column_statistics "
            "WHERE \"schema\" = 'main' AND \"table\" = 'unified_transactions' AND "
            "\"column\" = 'order_id'"
        ).fetchall()
        assert stats == [(3, 1.0, 3, 1.0, "O1")]
        personal = "SELECT count(*), count(example) FROM reports.column_statistics WHERE pii"
        ((marked, shown),) = con.execute(personal).fetchall()
        assert (marked > 20, shown) == (True, 0)
        runs = con.execute(
            "SELECT database, mode, status, profile_count FROM reports.database_run"
        ).fetchall()
        assert runs == [("customer_360", "normal", "succeeded", 2)]
        warned = con.execute(
            "SELECT \"table\", field, count FROM reports.database_warning WHERE kind LIKE 'db/%'"
        ).fetchall()
        assert warned == [("crossover", "one", 1)]
        passed_on = con.execute(
            'SELECT "column", is_pii FROM c360_catalog WHERE "table" = \'crossover\' '
            "ORDER BY position"
        ).fetchall()
        assert passed_on == [("amperity_id", False), ("one", False), ("loud", True)]
        promise = con.execute(
            "SELECT status, finding_count FROM reports.database_validation "
            "WHERE validation_id LIKE 'db/%'"
        ).fetchall()
        assert promise == [("warning", 1)]
        shown = con.execute(
            "SELECT semantic, is_pii FROM c360_catalog WHERE \"schema\" = 'domain' "
            "AND \"column\" = 'paid'"
        ).fetchall()
        assert shown == [("txn-item/item-revenue", False)]


def test_what_is_computed_from_personal_data_is_marked_however_it_is_written(
    session: Session, tmp_path: Path
) -> None:
    written = """SELECT amperity_id AS Id, Email AS Contact, given_name AS "First Name", 1 AS "One",
        m AS everything,
        COLUMNS('(surname)') AS "x_\\1", to_json(m)::VARCHAR AS text FROM merged_customers m"""
    again = 'SELECT Contact AS mail, Id, "One" FROM written'
    tenant = shop(tmp_path, database={"written": written, "again": again})
    fill(session)
    build_all(session, tenant)
    publish_database(session, tenant, as_of=AS_OF)
    with duckdb.connect(str(database_path(tenant.root)), read_only=True) as con:
        found = con.execute(
            "SELECT \"column\", is_pii FROM c360_catalog WHERE \"table\" IN ('written', 'again')"
        ).fetchall()
    personal = dict.fromkeys(
        ["Contact", "First Name", "x_surname", "everything", "text", "mail"], True
    )
    assert dict(found) == {"Id": False, "One": False, **personal}


def test_a_promise_that_blocks_is_known_whatever_case_its_column_is_written_in(
    session: Session, tmp_path: Path
) -> None:
    fill(session)
    for written, named in (("one", "ONE"), ("ONE", "ONE"), ("ONE", "one")):
        tenant = shop(
            tmp_path,
            database={"crossover": "SELECT amperity_id, 1 AS one FROM merged_customers"},
            options={"validations": {"blocking": [f"db/unique.crossover.{named}"]}},
        )
        told = DatabaseTableConfig.model_validate({"columns": {written: {"unique": True}}})
        tenant = replace(tenant, database_yaml={"crossover": told})
        assert check_sql(tenant) == []
        build_all(session, tenant)  # the first time; what is promised changes no table
        with pytest.raises(
            C360Error, match=r"not published: db/unique\.crossover\.one found more than allowed"
        ):
            publish_database(session, tenant, as_of=AS_OF)


def test_a_change_is_not_published_until_it_is(session: Session, tmp_path: Path) -> None:
    tenant = shop(tmp_path)
    fill(session)
    build_all(session, tenant)
    publish_database(session, tenant, as_of=AS_OF)
    assert is_published(session, tenant)
    assert not is_published(
        session, shop(tmp_path, options={"validations": {"thresholds": {"CV-T01": 5}}})
    )
    put_unified(session, [{"amperity_id": "A7"}], fk_customer="VARCHAR")
    assert not is_published(session, tenant)


def test_what_only_gathers_source_columns_is_published_as_a_view_while_it_is_what_the_sources_hold(
    session: Session, tmp_path: Path
) -> None:
    tenant = shop(tmp_path)
    fill(session)
    build_all(session, tenant)
    items = "unified_itemized_transactions"
    stored = table(session, items, "order_id, amperity_id, item_revenue, unit_cost, shade")

    def published() -> tuple[str, list[tuple[Any, ...]]]:
        publish_database(session, tenant, as_of=AS_OF)
        with duckdb.connect(str(database_path(tmp_path)), read_only=True) as con:
            ((kind,),) = con.execute(
                f"SELECT table_type FROM information_schema.tables WHERE table_name = '{items}'"
            ).fetchall()
            return kind, con.execute(
                "SELECT order_id, amperity_id, item_revenue, unit_cost, shade "
                f"FROM {items} ORDER BY ALL"
            ).fetchall()

    rows = [tuple(row.values()) for row in stored]
    assert published() == ("VIEW", rows)
    session.bind("stitched/Shop_Items", "_before")
    session.write("stitched/Shop_Items", "SELECT * FROM _before WHERE \"order\" <> 'O3'")
    assert published() == ("BASE TABLE", rows), (
        "the sources hold another day, on which nothing else was built"
    )


def test_the_sql_of_every_table_runs_as_pasted_on_the_published_file(
    session: Session, tmp_path: Path
) -> None:
    tenant = shop(tmp_path)
    fill(session)
    build_all(session, tenant)
    publish_database(session, tenant, as_of=AS_OF)
    with duckdb.connect(str(database_path(tmp_path)), read_only=True) as con:
        con.execute("SET search_path = 'main,domain'")
        for statement in macro_statements():
            con.execute(statement)
        for node in plan(tenant):
            ((rows,),) = con.execute(f"SELECT count(*) FROM (\n{node.sql})").fetchall()
            assert rows == session.state(node.table).rows, node.name  # type: ignore[union-attr]


def test_the_tenants_day_decides(session: Session, tmp_path: Path) -> None:
    session.execute("SET TimeZone = 'America/New_York'")
    session.timezone = "America/New_York"
    tenant = make_tenant(tmp_path, timezone="America/New_York")
    put_unified(session, [])
    item = {
        "amperity_id": "A1",
        "order_id": "O1",
        "item_revenue": 1,
        "order_datetime": "2026-05-31 02:00:00+00",
    }
    put_gathered(session, tenant, "unified_itemized_transactions", [item])
    build_all(session, tenant, only=["unified_transactions", "transaction_attributes_extended"])
    row = one(
        session, "transaction_attributes_extended", "l30d_order_frequency, days_since_latest_order"
    )
    assert list(row.values()) == [0, 31]


def test_shipped_templates_say_what_tenants_may_and_ask_no_clock(tmp_path: Path) -> None:
    """Reading their tables skips the checks of a tenant's SQL."""
    nodes = [node for node in plan(make_tenant(tmp_path)) if node.source != "tenant"]
    assert len(nodes) > 10
    for node in nodes:
        assert not asks_clock(statement(node.sql, node.file)), node.name

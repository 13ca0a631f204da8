"""Each report on a small table: rows in, figures out."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from c360_assets.tenant.models import CustomField, CustomTable, CustomTableConfig, SqlFile, Tenant, TenantConfig
from c360_assets.validations.reports import REPORTS, report_spec, reports_for
from c360_assets.validations.run import build_report, validate_table, validation_table, worst_findings
from c360_assets.warehouse.session import Session, open_session

TENANT_ID = UUID("00000000-0000-4000-8000-000000000001")


def _tenant(root: Path, tables: dict[str, dict[str, list[str]]], country: str = "US") -> Tenant:
    custom = [
        CustomTable(
            name,
            CustomTableConfig(primary_key=["id"], fields={column: CustomField(tags=t) for column, t in tags.items()}),
            SqlFile(name, root / f"{name}.sql", ""),
        )
        for name, tags in tables.items()
    ]
    return Tenant(root, TenantConfig(id=TENANT_ID, country=country), custom_tables=custom)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with open_session(tmp_path / "warehouse", "America/New_York") as opened:
        yield opened


def _figures(session: Session, root: Path, tags: dict[str, list[str]], values: str, report: str) -> dict[str, object]:
    """The report's figures on a table whose columns after `_pk` are those of `tags`, in order."""
    tenant = _tenant(root, {"T": tags})
    session.write("domain/T", f"SELECT * FROM (VALUES {values}) AS t(_pk, {', '.join(tags)})")
    validate_table(session, tenant, tenant.tables[0])
    session.bind(validation_table(tenant.tables[0]))
    rows = session.rows("SELECT metric, coalesce(text, value::VARCHAR) FROM T WHERE report_id = ?", [report])
    return {name: value if value is None or not _is_number(value) else float(value) for name, value in rows}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


ITEM = {"o": ["txn-item/order-id"], "p": ["txn-item/product-id"], "s": ["txn-item/store-id"]}
MONEY = {
    "ret": ["txn-item/is-return"],
    "can": ["txn-item/is-cancellation"],
    "q": ["txn-item/item-quantity"],
    "r": ["txn-item/item-revenue"],
    "l": ["txn-item/item-list-price"],
    "d": ["txn-item/item-discount-amount"],
    "pct": ["txn-item/item-discount-percent"],
}
SALES = """
    ('1', false, false, 1, 9.00, 10.00, 1.00, 0.1),
    ('2', NULL, NULL, 2, 8.00, 10.00, 1.00, 0.2),
    ('3', true, false, 1, 5.00, 5.00, 0.00, 0.0),
    ('4', true, false, -1, -5.00, -5.00, 0.00, 0.0),
    ('5', false, true, -1, -5.00, -5.00, 1.00, 1.5),
    ('6', true, true, 0, 0.00, 0.00, 0.00, 0.0),
    ('7', false, false, -3, -2.00, 0.00, -2.00, NULL),
    ('8', false, false, NULL, NULL, NULL, NULL, NULL)
"""

CASES = [
    (
        "IV-P01",
        {"mail": ["email"], "mail2": ["email"]},
        "('1', 'a@b.com', NULL), ('2', ' A@B.com ', 'x'), ('3', '', NULL), ('4', 'info@shop.com', 'c@d.org'),"
        " ('5', NULL, chr(160))",
        {
            "record_count": 5,
            "missing_email_count": 2,
            "missing_email_pct": 40,
            "invalid_email_count": 1,
            "invalid_email_pct": 20,
            "unique_email_count": 4,
            "email_uniqueness_pct": 80,
            "blocklisted_email_count": 1,
        },
    ),
    (
        "IV-P02",
        {"tel": ["phone"]},
        "('1', '(206) 555-0111'), ('2', '1 206 555 0111'), ('3', '5550111'), ('4', '0000000000'), ('5', NULL), ('6', 'none'),"
        " ('7', '206.555.0112 ext 12')",
        {
            "record_count": 7,
            "missing_phone_count": 1,
            "invalid_phone_count": 3,
            "unique_phone_count": 4,
            "not_10_digits_count": 3,
            "more_than_10_digits_count": 1,
            "fewer_than_10_digits_count": 2,
            "eleven_digits_leading_1_count": 1,
            "blocklisted_phone_count": 1,
        },
    ),
    ("IV-T01", ITEM, "('1', 'o', 'p', 's'), ('2', 'o', ' ', 's')", {"missing_product_id_count": 1, "missing_product_id_pct": 50}),
    (
        "IV-T02",
        ITEM,
        "('1', 'a', 'p', 's'), ('2', 'a', 'p', NULL), ('3', 'b', 'p', NULL), ('4', NULL, 'p', NULL)",
        {"missing_store_id_count": 3, "orders_without_store_count": 1, "not_evaluated_count": 3},
    ),
    (
        "IV-T04",
        {"o": ["txn-item/order-id"], "moment": ["txn-item/order-datetime"]},
        "('1', 'a', TIMESTAMPTZ '2026-01-01 23:00-05'), ('2', 'a', TIMESTAMPTZ '2026-01-02 01:00+00'),"
        " ('3', 'b', TIMESTAMPTZ '2026-01-01 12:00-05'), ('4', 'b', TIMESTAMPTZ '2026-01-09 12:00-05'), ('5', '', NULL)",
        {"missing_order_id_count": 1, "unique_order_id_count": 2, "reused_order_id_count": 1},
    ),
    ("IV-T05", MONEY, SALES, {"return_and_cancel_count": 1, "return_and_cancel_pct": 12.5}),
    (
        "IV-T06",
        MONEY,
        SALES,
        {
            "canceled_row_count": 2,
            "canceled_positive_revenue_count": 0,
            "canceled_zero_revenue_count": 1,
            "canceled_positive_revenue_pct": 0,
        },
    ),
    ("IV-T07", MONEY, SALES, {"negative_discount_count": 1, "rc_positive_discount_count": 1}),
    (
        "IV-T08",
        MONEY,
        SALES,
        {"discount_percent_mismatch_count": 2, "discount_percent_out_of_range_count": 1, "zero_list_price_count": 2},
    ),
    (
        "IV-T09",
        ITEM,
        "('1', 'o', 'p', 's1'), ('2', 'o', 'p', 's2'), ('3', 'o', 'p', 's2'), ('4', 'o', 'p', NULL)",
        {"distinct_store_count": 2, "top_store_id": "s2", "top_store_pct": 50},
    ),
    ("IV-T10", MONEY, SALES, {"rc_row_count": 4, "rc_positive_quantity_count": 1, "rc_zero_quantity_count": 1}),
    ("IV-T11", MONEY, SALES, {"purchase_negative_quantity_count": 1, "purchase_negative_quantity_pct": 33.333}),
    ("IV-T12", MONEY, SALES, {"returned_row_count": 3, "returned_positive_revenue_count": 1, "returned_zero_revenue_count": 1}),
    ("IV-T13", MONEY, SALES, {"revenue_mismatch_count": 3, "revenue_mismatch_abs_sum": 6}),
    ("IV-T14", MONEY, SALES, {"purchase_negative_revenue_count": 1, "purchase_zero_revenue_count": 0}),
    (
        "IV-T16",
        MONEY,
        SALES,
        {"is_return_null_count": 1, "is_return_true_count": 3, "is_cancellation_null_count": 1, "is_cancellation_true_count": 2},
    ),
    (
        "IV-T17",
        ITEM,
        "('1', 'o', 'p', 's'), ('2', 'o', 'p', 's')",
        {"unique_product_id_count": 1, "product_id_uniqueness_pct": 50},
    ),
    (
        "IV-X05",
        {"ret": ["txn-item/is-return"], "c": ["txn-item/item-cost"], "u": ["txn-item/unit-cost"]},
        "('1', false, 5.0, 5.0), ('2', false, -5.0, 5.0), ('3', true, 5.0, -5.0), ('4', true, -5.0, 0.0),"
        " ('5', NULL, NULL, -1.0)",
        {"item_cost_sign_violation_count": 2, "unit_cost_sign_violation_count": 1, "item_profit_sign_violation_count": None},
    ),
    (
        "IV-X06b",
        {"q": ["txn-item/item-quantity"], "u": ["txn-item/unit-revenue"], "r": ["txn-item/item-revenue"]},
        "('1', 2, 5.00, 10.00), ('2', 2, 5.00, 10.02), ('3', 3, 3.33, 10.00), ('4', NULL, 5.00, 10.00)",
        {"item_revenue_mismatch_count": 1, "item_revenue_mismatch_pct": 33.333, "not_evaluated_count": 1},
    ),
    (
        "IV-X09",
        {"o": ["txn-item/order-id"], "d": ["txn-item/order-discount-amount"]},
        "('1', 'a', 5.0), ('2', 'a', 5.0), ('3', 'b', 1.0), ('4', 'b', 2.0), ('5', 'c', 9.0)",
        {"multi_row_order_count": 2, "repeated_order_count": 1, "order_discount_mode": "prorated"},
    ),
    (
        "IV-X10",
        {"c": ["txn-item/currency"]},
        "('1', 'USD'), ('2', 'usd'), ('3', 'Euro'), ('4', NULL)",
        {"invalid_currency_count": 2, "invalid_currency_pct": 50, "distinct_currency_count": 3},
    ),
    (
        "IV-X14",
        {"g": ["given-name"], "z": ["postal"]},
        "('1', 'Guest', '98101'), ('2', 'Ann', '00000'), ('3', '', NULL)",
        {
            "missing_given_name_count": 1,
            "blocklisted_given_name_count": 1,
            "blocklisted_postal_count": 1,
            "missing_surname_count": None,
        },
    ),
    (
        "IV-X15",
        {"mail": ["email-opt/email"], "ok": ["email-opt/is-email-opted-in"]},
        "('1', 'A@b.com', true), ('2', 'a@b.com ', false), ('3', '', true), ('4', 'c@d.com', NULL)",
        {"missing_email_count": 1, "missing_status_count": 1, "conflicting_status_count": 1},
    ),
    (
        "IV-X17",
        {"d": ["fiscal/calendar-date"]},
        "('1', DATE '2026-01-01'), ('2', DATE '2026-01-02'), ('3', DATE '2026-01-02'), ('4', DATE '2026-01-05')",
        {"duplicate_day_count": 1, "missing_day_count": 2},
    ),
    (
        "IV-C05",
        {"s": ["compliance/request-strategy"]},
        "('1', 'exact'), ('2', ' connected_pii '), ('3', 'Exact'), ('4', NULL)",
        {"invalid_strategy_count": 1, "invalid_strategy_pct": 25, "invalid_values": "Exact"},
    ),
]


@pytest.mark.parametrize(("report", "tags", "values", "expected"), CASES, ids=[c[0] for c in CASES])
def test_figures(
    session: Session, tmp_path: Path, report: str, tags: dict[str, list[str]], values: str, expected: dict[str, object]
) -> None:
    found = _figures(session, tmp_path, tags, values, report)
    assert {name: found.get(name) for name in expected} == expected


def test_channels_are_listed_with_their_rows(session: Session, tmp_path: Path) -> None:
    tags = {"c": ["txn-item/purchase-channel"]}
    found = _figures(session, tmp_path, tags, "('1', 'online'), ('2', 'store'), ('3', 'online'), ('4', '')", "IV-T15")
    assert found["channels"] == "online: 2, store: 1"
    assert found["missing_purchase_channel_count"] == 1


def test_numbers_of_other_countries_are_not_held_against_north_american_rules(session: Session, tmp_path: Path) -> None:
    tenant = _tenant(tmp_path, {"T": {"tel": ["phone"]}}, country="DE")
    session.write("domain/T", "SELECT '1' AS _pk, '+49 30 1234567' AS tel")
    validate_table(session, tenant, tenant.tables[0])
    session.bind("input_validations/T")
    assert session.rows("SELECT value FROM T WHERE metric = 'invalid_phone_count'") == [(0.0,)]


def test_sources_are_compared_and_unchanged_tables_are_not_read_again(session: Session, tmp_path: Path) -> None:
    tenant = _tenant(tmp_path, {"A": {"mail": ["email"]}, "B": {"mail": ["email"]}, "C": {"o": ["txn-item/order-id"]}})
    session.write("domain/A", "SELECT * FROM (VALUES ('1', 'x@y.com'), ('2', 'z@y.com')) AS t(_pk, mail)")
    session.write("domain/B", "SELECT * FROM (VALUES ('1', 'X@y.com'), ('2', NULL)) AS t(_pk, mail)")
    session.write("domain/C", "SELECT '1' AS _pk, 'o1' AS o")
    for table in tenant.tables:
        validate_table(session, tenant, table)
    states = build_report(session, tenant, run_id="run 1")
    session.commit()
    session.bind("iv_p01")
    wide = session.frame("SELECT datasource, exclusive_email_count AS own, all_sources_unique_email_count AS every FROM iv_p01")
    assert wide.sort("datasource").rows() == [("A", 1, 2), ("B", 0, 2)]
    session.bind("input_validation_report")
    listed = session.rows("SELECT report_id, has_findings FROM input_validation_report ORDER BY report_id")
    assert listed == [("IV-P01", True), ("IV-T04", False)]
    for report in REPORTS:
        if report.table in states:
            written, described = states[report.table].columns, report_spec(report).columns
            assert written == {column: described[column].type for column in written}
    assert set(states) >= {"iv_p01", "iv_t04", "input_validation_metric", "input_validation_run"}
    assert build_report(session, tenant, run_id="run 2") == {}
    assert worst_findings(session)[0].datasource == "B"


def test_every_drilldown_runs_on_a_published_schema(session: Session, tmp_path: Path) -> None:
    tags = {f"c{i}": [tag] for i, tag in enumerate(sorted({t for r in REPORTS for t in r.tags if not t.endswith("*")}))}
    tenant = _tenant(tmp_path, {"T": {**tags, "fk": ["fk-customer"]}})
    assert [r.id for r in reports_for(tenant.tables[0])] == [r.id for r in REPORTS]
    columns = ", ".join(f"CAST(NULL AS VARCHAR) AS {c}" for c in [*tags, "fk"])
    session.write("domain/T", f"SELECT '1' AS _pk, {columns}")
    validate_table(session, tenant, tenant.tables[0])
    build_report(session, tenant)
    session.bind("input_validation_report")
    queries = [sql for (sql,) in session.rows("SELECT drilldown_sql FROM input_validation_report")]
    session.execute("CREATE SCHEMA domain")
    session.bind("domain/T", "_t")
    session.execute("CREATE TABLE domain.T AS SELECT * FROM _t")
    ran = [session.frame(sql).height for sql in queries if sql]
    assert len(ran) >= 20


def test_an_empty_table_gives_figures_without_division_by_zero(session: Session, tmp_path: Path) -> None:
    tenant = _tenant(tmp_path, {"T": {"mail": ["email"], **MONEY}})
    columns = ", ".join(f"CAST(NULL AS VARCHAR) AS {c}" for c in ["mail", *MONEY])
    session.write("domain/T", f"SELECT NULL::VARCHAR AS _pk, {columns} WHERE false")
    validate_table(session, tenant, tenant.tables[0])
    session.bind("input_validations/T")
    assert session.rows("SELECT DISTINCT value FROM T WHERE metric LIKE '%_pct'") == [(None,)]


def test_without_extra_reports_only_the_documented_ones_remain() -> None:
    tenant = _tenant(Path("/nowhere"), {"T": {"o": ["txn-item/order-id"], "p": ["txn-item/product-id"]}})
    ids = [r.id for r in reports_for(tenant.tables[0], extra=False)]
    assert ids == ["IV-T01", "IV-T04", "IV-T17"]

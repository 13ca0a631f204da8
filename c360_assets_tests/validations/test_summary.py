"""The summary over all tables: what sources share, findings with queries that show their rows,
history, what stops a feed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from c360_assets.customer_360.tables.references import shared_functions
from c360_assets.errors import C360Error, Problem
from c360_assets.semantics.validity import VALIDITY_MACROS
from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.validations.block_if import check_block_if, stop_if_blocked
from c360_assets.validations.findings import worst_findings
from c360_assets.validations.phones import plan_sql, prepare_functions
from c360_assets.validations.reports import BY_ID, REPORTS, reason_against, report_spec
from c360_assets.validations.run import table_figures, table_report_recipes
from c360_assets.validations.summary import SUMMARY_TABLES, ReportSummary, report_specs
from c360_assets.warehouse.allowed_sql import QUESTIONS, allowed_statement
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import Session
from c360_assets_tests.validations.test_reports import CASES
from c360_assets_tests.validations.world import delivered, opened, put, tenant_with

NEWEST = date(2026, 1, 10)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with opened(tmp_path) as session:
        delivered(session, NEWEST)
        yield session


def validated(session: Session, tenant: Tenant, run_id: str = "run 1") -> list[str]:
    """Write the figures of all tables and the summary; the tables that the summary wrote."""
    session.run_id = run_id
    run = RunContext(NEWEST)
    for recipe in table_report_recipes(tenant):
        make_current(session, recipe, run)
    outcome = make_current(session, ReportSummary(tenant), run)
    for name in SUMMARY_TABLES:
        session.bind(name)
    return [] if outcome.reused else list(outcome.states)


def publish(session: Session, tenant: Tenant) -> None:
    """The schemas `domain` and `reports`, as the published database has them, in this session."""
    prepare_functions(session, tenant)
    session.execute("CREATE SCHEMA IF NOT EXISTS domain; CREATE SCHEMA IF NOT EXISTS reports")
    for schema, stored in [("domain", t.asset) for t in tenant.tables] + [
        ("reports", n) for n in (*SUMMARY_TABLES, "ingest_files")
    ]:
        session.bind(stored, "_stored")
        name = stored.rsplit("/", 1)[-1]
        session.execute(f"CREATE OR REPLACE TABLE {schema}.{name} AS SELECT * FROM _stored")
    for name, spec in report_specs(session, tenant).items():
        session.execute(f"CREATE OR REPLACE VIEW reports.{name} AS {spec.view}")


def test_sources_are_compared_exactly(session: Session, tmp_path: Path) -> None:
    mail = {"mail": ["email"], "tel": ["phone"]}
    tenant = tenant_with(
        tmp_path, {"A": mail, "B": {**mail, "mail2": ["email"]}, "C": {"o": ["txn-item/order-id"]}}
    )
    put(
        session,
        mail,
        "('1', 'x@y.com', '206 555 0111'), ('2', 'z@y.com', NULL), ('3', 'X@y.com ', '')",
        "A",
    )
    put(
        session,
        {**mail, "mail2": []},
        "('1', ' X@Y.com', '1-206-555-0111', 'w@y.com'), ('2', NULL, '555 0112', 'z@Y.com')",
        "B",
    )
    put(session, {"o": []}, "('1', 'o1')", "C")
    validated(session, tenant)
    publish(session, tenant)
    wide = session.rows(
        "SELECT datasource, unique_email_count, exclusive_email_count, "
        "all_sources_unique_email_count,"
        " all_sources_email_uniqueness_pct FROM reports.iv_p01 ORDER BY 1"
    )
    assert wide == [("A", 2, 0, 3, 60.0), ("B", 3, 1, 3, 60.0)]
    shared = (
        "SELECT shared_count FROM input_validation_overlap WHERE semantic = ? "
        "AND datasource = 'A' AND other = 'B'"
    )
    assert [session.rows(shared, [kind]) for kind in ("email", "phone")] == [[(2,)], [(1,)]]
    none_alone = "SELECT exclusive_phone_count FROM reports.iv_p02 WHERE datasource = 'A'"
    assert session.rows(none_alone) == [(0,)]
    assert session.rows("SELECT order_ids_in_other_sources_count FROM reports.iv_t04") == [(0,)]


def test_what_is_current_stays_and_history_grows(session: Session, tmp_path: Path) -> None:
    tenant = tenant_with(tmp_path, {"A": {"mail": ["email"]}})
    put(session, {"mail": []}, "('1', 'x@y.com')", "A")
    assert set(validated(session, tenant)) == set(SUMMARY_TABLES)
    assert validated(session, tenant, "run 2") == []
    put(session, {"mail": []}, "('1', 'x@y.com'), ('2', NULL)", "A")
    validated(session, tenant, "run 3")
    trend = (
        "SELECT run_id, value FROM input_validation_metric "
        "WHERE metric = 'missing_email_count' ORDER BY run_number"
    )
    assert session.rows(trend) == [("run 1", 0.0), ("run 3", 1.0)]
    assert session.rows(
        "SELECT run_id, delivery_day, findings FROM input_validation_run ORDER BY run_number"
    ) == [
        ("run 1", NEWEST, 0),
        ("run 3", NEWEST, 1),
    ]
    publish(session, tenant)
    assert session.rows("SELECT run_id, record_count, missing_email_count FROM reports.iv_p01") == [
        ("run 3", 2, 1)
    ]


def test_a_later_delivery_changes_only_what_its_day_decides(
    session: Session, tmp_path: Path
) -> None:
    """Each edge of a dated condition is crossed by one of the days; between them tables stand."""
    tags = {"moment": ["txn-item/order-datetime"], "born": ["birthdate"]}
    tenant = tenant_with(tmp_path, {"A": tags})
    put(
        session,
        tags,
        "('1', TIMESTAMPTZ '2026-01-14 00:00-05', DATE '1906-01-15'),"
        " ('2', TIMESTAMPTZ '2026-01-01 00:00-05', DATE '2026-01-19')",
        "A",
    )
    (recipe,) = table_report_recipes(tenant)
    made_on = []
    for day in range(NEWEST.day, 22):
        delivered(session, date(2026, 1, day))
        outcome = make_current(session, recipe, RunContext(NEWEST))
        session.bind(recipe.tables[0], "_figures")
        stored = session.frame("SELECT * FROM _figures")
        assert stored.equals(table_figures(session, tenant, tenant.tables[0]))
        if not outcome.reused:
            made_on.append(day)
        assert make_current(session, recipe, RunContext(NEWEST)).reused
    state = session.state(recipe.tables[0])
    assert state is not None
    assert "dated" in state.figures  # so that nobody asks again
    # The order of the 14th, who is 120 years old on the 15th, who was born on the 19th.
    assert made_on == [10, 13, 16, 18]


def test_every_wide_result_is_as_described(session: Session, tmp_path: Path) -> None:
    tenant = tenant_with(tmp_path, {f"T{i}": tags for i, (_, tags, _, _) in enumerate(CASES)})
    for i, (_, tags, values, _) in enumerate(CASES):
        put(session, tags, values, f"T{i}")
    validated(session, tenant)
    publish(session, tenant)
    for report in REPORTS:
        if report.table in report_specs(session, tenant):
            shown = session.frame(f"SELECT * FROM reports.{report.table}")
            described = session.rows(f"DESCRIBE SELECT * FROM reports.{report.table}")
            assert {name: kind for name, kind, *_ in described} == {
                n: c.type for n, c in report_spec(report).columns.items()
            }
            assert shown.height == shown["datasource"].n_unique() > 0


def test_a_findings_query_shows_the_rows_it_counts(session: Session, tmp_path: Path) -> None:
    tenant = tenant_with(tmp_path, {f"T{i}": tags for i, (_, tags, _, _) in enumerate(CASES)})
    for i, (_, tags, values, _) in enumerate(CASES):
        put(session, tags, values, f"T{i}")
    validated(session, tenant)
    publish(session, tenant)
    found = worst_findings(session, None)
    assert {f.report_id for f in found} >= {
        r.id for r in REPORTS if any(i.finding for i in r.items)
    } - {"IV-X01"}
    for f in found:
        allowed_statement(f.drilldown_sql, "drill-down", QUESTIONS, shared_functions())
        rows = session.frame(f.drilldown_sql)
        assert rows["datasource"].unique().to_list() == [f.datasource]
        if f.metric.startswith(("orders_", "reused_")):
            assert rows["order_id"].n_unique() == f.count, f
        elif f.metric in (
            "duplicate_order_product_count",
            "conflicting_status_count",
            "duplicate_day_count",
        ):
            assert rows.height > f.count > 0, f
        elif (
            f.metric.startswith(("invalid_email", "invalid_phone", "blocklisted_", "not_10"))
            and f.report_id < "IV-Q"
        ):
            flags = [c for c in rows.columns if c.startswith(f.metric.removesuffix("_count"))]
            assert sum(int(rows[c].sum()) for c in flags) == f.count, f
        else:
            assert rows.height == f.count, f
    for (sql,) in session.rows(
        "SELECT drilldown_sql FROM input_validation_report WHERE drilldown_sql <> ''"
    ):
        allowed_statement(sql, "drill-down", QUESTIONS, shared_functions())
        session.frame(sql)


def test_worst_comes_first_and_missing_values_last(session: Session, tmp_path: Path) -> None:
    tenant = tenant_with(tmp_path, {"A": {"mail": ["email"]}})
    put(
        session,
        {"mail": []},
        "('1', 'x'), ('2', NULL), ('3', NULL), ('4', 'a@b.com'), ('5', 'c@d.org')",
        "A",
    )
    validated(session, tenant)
    assert [(f.metric, f.count, round(f.share, 3)) for f in worst_findings(session, None)] == [
        ("invalid_email_count", 1, 0.333),
        ("missing_email_count", 2, 0.4),
    ]
    assert all(f.advice and f.reason for f in worst_findings(session, None))


def test_no_more_than_all_rows_are_found_where_a_row_has_several_values(
    session: Session, tmp_path: Path
) -> None:
    tenant = tenant_with(
        tmp_path, {"A": {"home": ["phone", "phone-home"], "work": ["phone", "phone-work"]}}
    )
    values = "('1', '12', '1 206 555 0111'), ('2', '1 206 555 0111', NULL)"
    put(session, {"home": [], "work": []}, values, "A")
    validated(session, tenant)
    invalid, of_odd_length = worst_findings(session, None)
    assert (invalid.metric, of_odd_length.metric) == ("invalid_phone_count", "not_10_digits_count")
    assert (of_odd_length.count, of_odd_length.share) == (3, 1.0)


def test_an_empty_table_gives_figures_without_division_by_zero(
    session: Session, tmp_path: Path
) -> None:
    every = {
        f"c{i}": tags
        for i, tags in enumerate(
            sorted({tuple(r.tags[:1]) for r in REPORTS if "*" not in r.tags[0]})
        )
    }
    tags = {name: list(t) for name, t in every.items()}
    tenant = tenant_with(tmp_path, {"T": tags})
    columns = ", ".join(f"CAST(NULL AS VARCHAR) AS {c}" for c in tags)
    session.write("domain/T", f"SELECT '1' AS _pk, 0::BIGINT AS _updated, {columns} WHERE false")
    frame = table_figures(session, tenant, tenant.tables[0])
    assert frame["report_id"].n_unique() > 20
    assert set(frame.filter(pl.col("metric").str.ends_with("_pct"))["value"]) == {None}
    assert not frame["is_finding"].any()
    validated(session, tenant)


def test_a_report_that_is_not_applicable_says_why(tmp_path: Path) -> None:
    (table,) = tenant_with(tmp_path, {"T": {"o": ["txn-item/order-id"]}}).tables
    assert reason_against(BY_ID["IV-T04"], table) == ""
    assert reason_against(BY_ID["IV-T10"], table) == (
        "no column has txn-item/item-quantity and none txn-item/is-return or "
        "txn-item/is-cancellation"
    )
    assert (
        reason_against(BY_ID["IV-X03"], table, extra=False)
        == "switched off in tenant.yaml (extra_validations)"
    )
    assert "when it is built" in reason_against(BY_ID["IV-X01"], table)


def feed(**options: object) -> FeedConfig:
    return FeedConfig.model_validate(
        {
            "source": "S",
            "feed": "F",
            "files": {"pattern": "'f-'yyyyMMdd'.csv'"},
            "primary_key": ["id"],
            "fields": {"id": {}, "mail": {"tags": ["email"]}, "tel": {"tags": ["phone"]}},
            **options,
        }
    )


def feed_tenant(root: Path, **options: object) -> Tenant:
    settings = options.pop("settings", {})
    base = tenant_with(root, {}, **settings)  # type: ignore[arg-type]
    return Tenant(root, base.config, feeds=[feed(**options)], places={"S:F": "feeds/s/f.yaml"})


FEED_COLUMNS: dict[str, list[str]] = {"id": [], "mail": [], "tel": []}


def test_keys_of_the_load_log(session: Session, tmp_path: Path) -> None:
    tenant = feed_tenant(tmp_path)
    delivered(session, date(2026, 1, 11), read=10, rejected=3)
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "S_F.2026-01-11.error_types.csv"
    log.write_text(
        "feed,delivery_day,error_type,field,rows\nS:F,2026-01-11,missing_primary_key,,2\nS:F,2026-01-11,cast_error,x,1\n"
    )
    put(session, FEED_COLUMNS, "('1', '1', NULL, NULL), ('2', '2', NULL, NULL)", "S_F")
    (table,) = tenant.tables
    frame = table_figures(session, tenant, table).filter(pl.col("report_id") == "IV-X01")
    assert {(r["metric"], r["value"], r["is_finding"]) for r in frame.iter_rows(named=True)} == {
        ("record_count", 2.0, False),
        ("duplicate_pk_count", 5.0, False),
        ("null_pk_count", 2.0, True),
    }


def test_a_trend_is_by_delivery_day(session: Session, tmp_path: Path) -> None:
    tenant = feed_tenant(tmp_path)
    day = (date(2026, 1, 1) - date(1970, 1, 1)).days << 43
    session.write(
        "domain/S_F",
        f"SELECT * FROM (VALUES ('1', '1', 'a@b.com', NULL, {day}), ('2', '2', NULL, "
        f"NULL, {day + 1}),"
        f" ('3', '3', NULL, NULL, {day + (1 << 43)})) AS t(_pk, id, mail, tel, _updated)",
    )
    (table,) = tenant.tables
    frame = (
        table_figures(session, tenant, table)
        .filter(pl.col("metric") == "missing_email_pct")
        .sort("day")
    )
    assert frame.select("day", "value").rows() == [
        (None, 66.667),
        (date(2026, 1, 1), 50.0),
        (date(2026, 1, 2), 100.0),
    ]


def test_a_feed_stops_at_a_finding_only_where_its_file_says_so(
    session: Session, tmp_path: Path
) -> None:
    put(
        session, FEED_COLUMNS, "('1', '1', 'canary bird', NULL), ('2', '2', 'a@b.com', NULL)", "S_F"
    )
    for limits in ({}, {"IV-P01.invalid_email_pct": 50}):
        tenant = feed_tenant(tmp_path, block_if=limits)
        stop_if_blocked(session, tenant, tenant.feeds[0])
    tenant = feed_tenant(
        tmp_path, block_if={"IV-P01.invalid_email_pct": 49, "IV-P01.missing_email_count": 0}
    )
    with pytest.raises(
        C360Error, match=r"S:F.*feeds/s/f.yaml: IV-P01.invalid_email_pct is 50, allowed 49\."
    ) as stopped:
        stop_if_blocked(session, tenant, tenant.feeds[0])
    assert "canary" not in str(stopped.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("IV-P09.invalid_email_pct", "no report IV-P09"),
        ("IV-T04.missing_order_id_count", "does not apply"),
        ("IV-P01.invalid_mail_pct", "no figure invalid_mail_pct"),
    ],
)
def test_a_wrong_key_of_block_if_is_an_error(tmp_path: Path, key: str, words: str) -> None:
    (problem,) = block_if_problems(feed_tenant(tmp_path, block_if={key: 1}))
    assert (problem.severity, problem.file) == ("error", "feeds/s/f.yaml")
    assert words in str(problem)
    right = feed_tenant(tmp_path, block_if={"IV-P01.invalid_email_pct": 1})
    assert block_if_problems(right) == []


def block_if_problems(tenant: Tenant) -> list[Problem]:
    check = ConfigCheck(tenant)
    check_block_if(check)
    return check.problems


@pytest.mark.parametrize(
    ("region", "valid"),
    [
        ("DE", ["+49 30 1234567", "030 1234567", "+33 1 42 68 53 00", "0151 23456789"]),
        ("FR", ["01 42 68 53 00", "+33 1 42 68 53 00", "+49 30 1234567", "030 1234567"]),
        (
            "any",
            [
                "+49 30 1234567",
                "030 1234567",
                "0151 23456789",
                "+33 1 42 68 53 00",
                "01 42 68 53 00",
            ],
        ),
    ],
)
def test_numbers_are_held_against_the_plan_of_the_country(
    session: Session, tmp_path: Path, region: str, valid: list[str]
) -> None:
    numbers = [
        "+49 30 1234567",
        "030 1234567",
        "0151 23456789",
        "+33 1 42 68 53 00",
        "01 42 68 53 00",
        "0000 00 00 01",
        "+33 1 42",
    ]
    tenant = tenant_with(tmp_path, {"T": {"tel": ["phone"]}}, country="DE", phone_region=region)
    put(
        session,
        {"tel": []},
        ", ".join(
            f"('{i}', '{n}')"
            for i, n in enumerate([*numbers, "call me", "999-999-9999", "11111111"])
        ),
    )
    frame = table_figures(session, tenant, tenant.tables[0]).filter(
        pl.col("metric") == "invalid_phone_count"
    )
    assert frame["value"].to_list() == [len(numbers) - len(valid) + 3]


@pytest.mark.parametrize(
    ("region", "listed"),
    [
        ("DE", ["0000 00 00 01", "call me"]),
        ("FR", ["0000 00 00 01", "+33 1 42", "call me"]),
    ],
)
def test_a_drill_down_knows_the_general_form_of_a_plan(
    session: Session, region: str, listed: list[str]
) -> None:
    """A number of another country counts as well formed, as its plan is not the tenant's."""
    numbers = ["030 1234567", "01 42 68 53 00", "+49 30 1234567", "0000 00 00 01", "+33 1 42"]
    for statement in VALIDITY_MACROS:
        session.execute(statement)
    is_in_plan = plan_sql("v", region)
    sql = f"SELECT v FROM (SELECT unnest($1) AS v) WHERE NOT coalesce({is_in_plan}, FALSE)"
    found = session.rows(sql, [[*numbers, "call me"]])
    assert [number for (number,) in found] == listed

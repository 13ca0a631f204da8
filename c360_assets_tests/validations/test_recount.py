"""Every report on the tenant that ships, against an independent count of the same tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.automation.instance import REPOSITORY
from c360_assets.configuration import load_tenant
from c360_assets.ingest.custom_tables import build_custom_table, ordered
from c360_assets.ingest.landing import pending
from c360_assets.ingest.load import load_feed
from c360_assets.validations.declarations import Across, Loaded
from c360_assets.validations.reports import BY_ID, columns
from c360_assets.validations.run import TableReports, newest_day, report_tables, validation_table
from c360_assets.validations.summary import ReportSummary
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import open_session
from c360_assets_tests.validations.recount import Table, email_key, phone_key, recount, table_of


def test_polars_counts_the_same_on_the_shipped_tenant(tmp_path: Path) -> None:
    tenant = load_tenant(REPOSITORY / "data")
    (tmp_path / "landing").symlink_to(REPOSITORY / "data" / "landing")
    for name in (
        "tenant.yaml",
        "workflow.yaml",
        "merge_policy.yaml",
        "stitch.yaml",
        "feeds",
        "domain_tables",
        "database",
    ):
        (tmp_path / name).symlink_to(REPOSITORY / "data" / name)
    tenant = load_tenant(tmp_path)
    with open_session(tmp_path / "warehouse", tenant.config.timezone) as session:
        for feed in tenant.feeds:
            load_feed(
                session, tenant, feed, pending(tenant, feed, session_ledger(session)), commit=True
            )
        for custom in ordered(tenant):
            build_custom_table(session, tenant, custom)
        session.commit()
        tables: dict[str, Table] = {}
        checked: set[str] = set()
        for source in report_tables(tenant):
            session.bind(source.asset, "_stored")
            stored = session.frame("SELECT * FROM _stored")
            counted = table_of(source, stored, newest_day(session, tenant), tenant.config.timezone)
            tables[source.name] = counted
            run = RunContext(newest_day(session, tenant))
            make_current(session, TableReports(tenant, source), run)
            session.bind(validation_table(source), "_figures")
            figures = session.frame("SELECT * FROM _figures WHERE day IS NULL")
            alone = [
                (r, m)
                for r, m in figures.select("report_id", "metric").iter_rows()
                if not _is(r, m, Loaded)
            ]
            found = {
                (r["report_id"], r["metric"]): r["value"] if r["text"] is None else r["text"]
                for r in figures.iter_rows(named=True)
            }
            wanted = recount(counted)
            assert set(alone) - {(r, "record_count") for r, _ in found} == set(wanted) - {
                (r, "record_count") for r, _ in wanted
            }
            for key in alone:
                if key in wanted:
                    assert found[key] == pytest.approx(wanted[key], abs=6e-4), (source.name, key)
                    checked.add(key[0])
        make_current(session, ReportSummary(tenant), run)
        session.bind("input_validation_metric")
        across = session.rows(
            "SELECT datasource, report_id, metric, value FROM input_validation_metric"
        )
    assert checked >= {
        "IV-P01",
        "IV-P02",
        *(f"IV-T{i:02}" for i in range(1, 18)),
        "IV-X02",
        "IV-X03",
        "IV-X14",
        "IV-X15",
        "IV-X18",
    }
    _compare_sources(tables, [row for row in across if _is(row[1], row[2], Across)])


def _is(report: str, metric: str, kind: type) -> bool:
    return any(c.name == metric and isinstance(c.item, kind) for c in columns(BY_ID[report]))


def _compare_sources(tables: dict[str, Table], across: list[tuple[str, str, str, float]]) -> None:
    emails = {name: set(email_key(t)) for name, t in tables.items() if t.emails}
    phones = {name: set(phone_key(t)) for name, t in tables.items() if t.phones}
    ids = {
        name: set(t.frame["order_id"].drop_nulls())
        for name, t in tables.items()
        if t.has("order_id")
    }
    assert len(across) == 4 * len(emails) - len(emails) + 2 * len(phones) + len(ids)
    for name, _, metric, value in across:
        of = ids if "order_id" in metric else emails if "email" in metric else phones
        others = set().union(*(keys for other, keys in of.items() if other != name))
        every = len(set().union(*of.values()))
        rows = sum(tables[n].frame.height for n in of)
        wanted = {
            "all_sources_unique_email_count": every,
            "all_sources_email_uniqueness_pct": 100 * every / rows,
            "all_sources_phone_uniqueness_pct": 100 * every / rows,
            "exclusive_email_count": len(of[name] - others),
            "exclusive_phone_count": len(of[name] - others),
            "order_ids_in_other_sources_count": len(of[name] & others),
        }[metric]
        assert value == pytest.approx(wanted, abs=6e-4), (name, metric)

"""What is remembered of runs: outcomes of tables, warnings, a jump in the number of profiles,
failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.customer_360.tables.build import DatabaseTable, build
from c360_assets.customer_360.tables.graph import plan
from c360_assets.errors import C360Error
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import open_session
from c360_assets_tests.customer_360.world import (
    AS_OF,
    build_all,
    make_tenant,
    node_of,
    publish_database,
    put_unified,
    table,
)


def test_runs_tables_and_jumps_are_remembered(tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path)
    for run, people in (("r1", 2), ("r2", 5)):
        with open_session(tmp_path / "warehouse", run_id=run) as session:
            session.execute("SET threads = 1")
            put_unified(session, [{"amperity_id": f"A{n}"} for n in range(people)])
            build(session, plan(tenant), as_of=AS_OF)
            publish_database(session, tenant, as_of=AS_OF)
    with open_session(tmp_path / "warehouse") as session:
        session.execute("SET threads = 1")
        runs = table(
            session,
            "database_run",
            "run_id, profile_count, started_at <= finished_at AS ordered",
            order="run_id",
        )
        assert runs == [
            {"run_id": "r1", "profile_count": 2, "ordered": True},
            {"run_id": "r2", "profile_count": 5, "ordered": True},
        ]
        outcomes = table(
            session,
            "database_table_run",
            "outcome, rows, rows_before",
            "\"table\" = 'customer_360'",
            "run_id",
        )
        assert [tuple(o.values()) for o in outcomes] == [
            ("succeeded", 2, None),
            ("succeeded", 5, 2),
        ]
        reused = table(
            session,
            "database_table_run",
            "run_id, outcome",
            "\"table\" = 'unified_loyalty'",
            "run_id",
        )
        assert [o["outcome"] for o in reused] == ["succeeded", "reused"]
        jumps = table(
            session, "database_warning", "run_id, count", "kind = 'CV-R02.profile_change'"
        )
        assert jumps == [{"run_id": "r2", "count": 3}]


def test_a_failed_table_is_remembered_and_nothing_else_changes(tmp_path: Path) -> None:
    twice = "SELECT * FROM customer_360 UNION ALL SELECT * FROM customer_360"
    tenant = make_tenant(tmp_path, database={"customer_360": twice})
    with open_session(tmp_path / "warehouse", run_id="r1") as session:
        session.execute("SET threads = 1")
        put_unified(session, [{"amperity_id": "A1"}])
        failing = DatabaseTable(node_of(tenant, "customer_360"), databases=["customer_360"])
        build_all(session, tenant, only=[n.name for n in plan(tenant) if n.name != "customer_360"])
        for _ in range(2):  # of two tables of one run that fail, the first is the database's reason
            with pytest.raises(C360Error) as error:
                make_current(session, failing, RunContext(AS_OF, trigger="schedule"))
        (run,) = table(
            session, "database_run", "run_id, database, trigger, status, profile_count, error"
        )
        assert list(run.values()) == [
            "r1",
            "customer_360",
            "schedule",
            "failed",
            None,
            str(error.value),
        ]
        failed, _ = table(session, "database_table_run", "outcome, error")
        assert failed["outcome"] == "failed"
        assert "1 repeat one" in failed["error"]
        assert session.state("customer_360") is None

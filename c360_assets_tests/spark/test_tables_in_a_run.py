"""Tables that workers of Spark compute in a run have the digests of this machine; what Spark would
compute otherwise is computed here, and told."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from c360_assets.customer_360.tables.build import DatabaseTable, TableWriter, write_here
from c360_assets.customer_360.tables.graph import TableNode, plan
from c360_assets.customer_360.tables.on_spark import writer_of
from c360_assets.customer_360.tables.spark_choice import told_of_tables
from c360_assets.errors import C360Error
from c360_assets.tenant.models import EngineConfig, Tenant
from c360_assets.warehouse.cluster_errors import fault_of_query, sentence
from c360_assets.warehouse.cluster_files import reading
from c360_assets.warehouse.cluster_place import ClusterPlace, end_kept
from c360_assets.warehouse.cluster_sql import spark_type
from c360_assets.warehouse.delta import DeltaPlace
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.recipe import Outcome, RunContext, make_current
from c360_assets.warehouse.session import Session, open_session
from c360_assets.warehouse.spark_types import differences_of_types
from c360_assets_tests.customer_360.filled import ZONE, fill, filled_tenant
from c360_assets_tests.customer_360.world import AS_OF, make_tenant
from c360_assets_tests.warehouse.s3 import s3_of_its_own

ITEMS = "unified_itemized_transactions"
OWN = {
    # Every column with the date of the run, none and one without a name, no row.
    "kinds": f"SELECT i.*, as_of FROM {ITEMS} AS i, run_context",
    "counted": f"SELECT count(*) FROM {ITEMS}",
    "nobody": f"SELECT * FROM {ITEMS} WHERE order_id = 'none has it'",
    # In place of a shipped table, which it reads.
    "unified_product_catalog": "SELECT *, 'mine' AS whose FROM unified_product_catalog",
    # Round after round.
    "steps": f"WITH RECURSIVE s AS (SELECT order_id, 1 AS n FROM {ITEMS} WHERE product_id = 'P1'"
    " UNION ALL SELECT order_id, n + 1 FROM s WHERE n < 3) SELECT * FROM s",
    # What Spark does otherwise, and only the data or the types of columns tell.
    "divided": f"SELECT order_id, 1 / (item_quantity - item_quantity) AS x FROM {ITEMS}",
    "middle": f"SELECT median(item_revenue) AS middle FROM {ITEMS}",
}
TOLD = {
    "divided": "divided was computed on this machine and not on Spark: it says DIVIDE_BY_ZERO",
    "middle": "middle was computed on this machine and not on Spark: column middle is DECIMAL(38,2)"
    " here and DOUBLE there",
}


def on_spark(tenant: Tenant, **engine: Any) -> Tenant:
    settings = EngineConfig.model_validate({"type": "spark", "master": "local[1]", **engine})
    return replace(tenant, config=tenant.config.model_copy(update={"engine": settings}))


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_of_its_own() as client:
        yield client


ALL = {*OWN, ITEMS, "email_ampid_assignment"}


def built(
    session: Session, tenant: Tenant, write: TableWriter, names: Collection[str] = ALL
) -> dict[str, Outcome]:
    """These tables; what they read is made here."""
    run = RunContext(AS_OF)
    writers = {node: write if node.name in names else write_here for node in plan(tenant)}
    made = {
        node.name: make_current(session, DatabaseTable(node, write=writer), run)
        for node, writer in writers.items()
    }
    return {name: made[name] for name in names}


def digests(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    return {name: state.digest for name, made in outcomes.items() for state in made.states.values()}


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize(
    ("warehouse", "names"),
    [("", ALL), ("warehouse: s3://brand/on-spark\n", {ITEMS, "kinds", "nobody"})],
    ids=["folder", "bucket"],
)
def test_tables_have_the_digests_of_this_machine(
    s3: Any, spark: Any, tmp_path: Path, warehouse: str, names: Collection[str]
) -> None:
    policy = {"email_ampid_assignment": {"rounds": 0}}
    declared = filled_tenant(tmp_path / "one", ["txn-item", "pc"], database=OWN, policy=policy)
    there = on_spark(replace(declared, root=tmp_path / "twin Ünï #1"), tables="all")
    for tenant in (declared, there):
        tenant.root.mkdir()
    identity = f"id: {there.config.id}\n"
    (there.root / "tenant.yaml").write_text(identity + warehouse)
    with open_session(declared.root / "warehouse", ZONE) as session:
        fill(session, declared, seed=5, rows=40)
        here = built(session, declared, write_here, names)
    with (
        tenant_lock(there.root, "a test"),
        open_session(there.root / "warehouse", ZONE) as session,
    ):
        fill(session, there, seed=5, rows=40)
        session.commit()
        made = built(session, there, writer_of(there), names)
        assert digests(made) == digests(here)
        told = {name: list(outcome.warnings) for name, outcome in made.items()}
        assert {name: texts for name, texts in told.items() if texts} == {
            name: [text] for name, text in TOLD.items() if name in names
        }
        again = built(session, there, write_here, names)
        assert all(outcome.reused for outcome in again.values()), "the engine changes nothing"
        session.bind("kinds")
        assert session.rows("SELECT count(*) FROM kinds") == [(session.built("kinds").rows,)]
    stored = list((there.root / "warehouse" / "kinds").glob("part-*"))
    assert len(stored) == 1, "what the workers wrote is the table's file"


def unread(node: TableNode) -> dict[str, dict[str, str]]:
    """Nothing is known of the columns that a table reads."""
    return {}


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (
            "shipped",
            [
                "Spark computes 30 of 34 tables of the database; this machine computes 4: ",
                "folded, own, x/folded, x/own (each is SQL of your own",
            ],
        ),
        (
            "all",
            [
                "folded, x/folded (each calls strip_accents(), which is not known to",
                "Spark computes 32 of 34 tables",
            ],
        ),
    ],
)
def test_what_stays_here_is_counted_and_named(
    tmp_path: Path, tables: str, words: list[str]
) -> None:
    tenant = make_tenant(
        tmp_path,
        policy={"email_ampid_assignment": {"rounds": 0}},
        database={
            "own": "SELECT amperity_id, database_key FROM unified_coalesced",
            "folded": "SELECT strip_accents(given_name) AS name FROM unified_coalesced",
        },
        databases={"x": {"filter": {"database_key": "X"}}},
    )
    (problem,) = told_of_tables(on_spark(tenant, tables=tables), unread)
    assert problem.key == "engine.tables"
    assert [word for word in words if word not in problem.message] == [], problem.message


def test_a_cluster_is_asked_for_the_folder_of_the_warehouse(tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path)
    words = f"all its workers must find {tmp_path.resolve() / 'warehouse'} by this path"
    (here,) = told_of_tables(on_spark(tenant, tables="all"), unread)
    cluster = on_spark(tenant, tables="all", master="spark://head:7077")
    (there,) = told_of_tables(cluster, unread)
    assert (words in here.message, words in there.message) == (False, True)


def test_a_cluster_that_failed_is_asked_nothing_more_in_the_run(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        master = f"spark://127.0.0.1:{closed.getsockname()[1]}"
        place = ClusterPlace(master, None, timedelta(minutes=5), tmp_path)
        with pytest.raises(C360Error, match=r"nobody answers at 127\.0\.0\.1"):
            place.kept("database")
        place.give_up("database: it was lost")
        with pytest.raises(C360Error, match="database: it was lost"):
            place.kept("database")
        end_kept()
        with pytest.raises(C360Error, match="nobody answers"):
            place.kept("database")


def test_without_the_setting_nothing_is_computed_there(tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path)
    assert writer_of(tenant) is write_here
    assert writer_of(on_spark(tenant)) is write_here
    assert told_of_tables(tenant, unread) == told_of_tables(on_spark(tenant), unread) == []


COLUMNS = {"d": "DATE", "m": "DECIMAL(38,2)", "n": "BIGINT", "x": "DOUBLE", "l": "VARCHAR[]"}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("WITH p AS (SELECT sum(m) AS s FROM t) SELECT CAST(avg(s) AS INT) FROM p", "avg()"),
        ("SELECT avg(x) FROM t", "avg()"),
        ("SELECT sum(x) FROM t", "sums doubles"),
        ("SELECT max(as_of) - max(d) FROM t, run_context", "one date from another"),
        ("SELECT year(d + INTERVAL 1 DAY) FROM t", "adds an interval"),
        ("SELECT year(d - INTERVAL 1 DAY) FROM t", "takes an interval"),
        ("SELECT CAST(m / n AS VARCHAR) FROM t", "a double as text"),
        ("SELECT len(l) FROM t", "length of a list"),
        ("SELECT avg(other) FROM t", "types cannot be told"),
        (
            "SELECT avg(n), sum(m), n - 1, m / n, CAST(m AS VARCHAR), len('a') FROM t GROUP BY ALL",
            "",
        ),
        ("SELECT date_diff('day', max(d), DATE '2026-01-01') - 1 FROM t", ""),
    ],
)
def test_types_tell_what_the_text_of_sql_does_not(sql: str, words: str) -> None:
    found = list(differences_of_types(sql, {"t": COLUMNS, "run_context": {"as_of": "DATE"}}))
    assert len(found) == bool(words)
    assert all(words in text for text in found)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("VARCHAR", "string"),
        ("DECIMAL(38,2)", "decimal(38,2)"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp"),
        ("STRUCT(a INTEGER, b VARCHAR[])[]", "array<struct<a:int,b:array<string>>>"),
        ("JSON", "string"),
    ],
)
def test_stored_types_have_names_on_spark(type_: str, expected: str) -> None:
    assert spark_type(type_) == expected


def test_a_worker_that_does_not_see_the_warehouse_says_so(tmp_path: Path) -> None:
    numbers = iter([pa.RecordBatch.from_pydict({"id": [0]})])
    rows = reading(DeltaPlace(str(tmp_path / "elsewhere")), 0, ["a"], ["a"], 1)
    with pytest.raises(C360Error, match=r"or a shared folder: reading .*elsewhere failed"):
        list(rows(numbers))


def test_of_a_fault_nothing_is_told_but_its_kind() -> None:
    class FaultError(Exception):
        def getSqlState(self) -> str:  # noqa: N802
            return "22018"

        def getCondition(self) -> str:  # noqa: N802
            return "CAST_INVALID_INPUT"

    fault = FaultError("the value 'canary' of the type")
    assert fault_of_query(fault) == "CAST_INVALID_INPUT"
    assert fault_of_query(OSError("canary")) is None
    assert sentence("database", "computing t", OSError("canary")) == (
        "database: computing t failed on Spark (OSError)"
    )

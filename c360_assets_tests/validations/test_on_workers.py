"""Workers that each see a part of a table, and all rows of a key, tell what one machine tells."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import WriterProperties, write_deltalake

from c360_assets.errors import C360Error
from c360_assets.semantics.tags import tag_info
from c360_assets.tenant.models import EngineConfig, Tenant
from c360_assets.validations.asking import ask_here
from c360_assets.validations.compile import compile_reports
from c360_assets.validations.on_spark import AskWorkers, told_of_validations
from c360_assets.validations.relation import relation
from c360_assets.validations.run import context_of, newest_day, reports_of
from c360_assets.warehouse.cluster_parts import Asked, gathering, spreading
from c360_assets.warehouse.session import Session
from c360_assets_tests.validations.test_additive import COLUMN, SCHEMA, TAGS
from c360_assets_tests.validations.test_reports import CASES
from c360_assets_tests.validations.world import Tags, delivered, opened, put, tenant_with

NEWEST = date(2026, 1, 10)
TASKS = 3
TWO_ROWS = WriterProperties(max_row_group_size=2, write_batch_size=2)
TEXTS = [None, "", " ", "a@b.com", "A@b.com ", "info@x.org", "020 7946 0958", "+44 20 7946 0958"]
TEXTS += ["+1 206 555 0111", "999", "exact", "online", "full_delete"]
OF_TYPE: dict[str, list[Any]] = {
    "decimal": [None, Decimal("1.00"), Decimal("-2.50"), Decimal("0.00")],
    "integer": [None, -1, 0, 3],
    "boolean": [None, True, False],
    "datetime": [None, datetime(2026, 1, 3, 5, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)],
    "date": [None, date(2026, 1, 3), date(2026, 1, 5), date(1900, 1, 1)],
}


def in_turn(asked: Asked) -> pa.Table:
    """What a cluster sends that reads a table in parts: each task alone, then each bucket."""
    asked = replace(asked, tasks=TASKS, buckets=TASKS)
    tasks = pa.RecordBatch.from_pydict({"id": list(range(TASKS))})
    sent = pa.Table.from_batches(spreading(asked)(iter([tasks])))
    gathered = []
    for key in sent.group_by(["question", "bucket"]).aggregate([]).to_pylist():
        is_of_question = pc.field("question") == key["question"]
        rows = sent.filter(is_of_question & (pc.field("bucket") == key["bucket"]))
        gathered.append(gathering(asked)(rows))
    return pa.concat_tables(gathered)


def in_groups(session: Session, table: str) -> None:
    """Store the rows of a table in groups of two: it is by group that tasks share them."""
    state = session.built(table)
    session.bind(table, "_stored")
    rows = session.con.sql("SELECT * FROM _stored").to_arrow_table()
    place = session.warehouse.storage.delta(table)
    write_deltalake(place.uri, rows, mode="overwrite", writer_properties=TWO_ROWS)
    session.pending[table] = replace(state, version=place.open().version(), files=None)


def assert_alike(session: Session, tenant: Tenant) -> None:
    """The answers on the tenant's table, with their types, are the same from workers."""
    (table,) = tenant.tables
    in_groups(session, table.asset)
    shape = relation(table, session.built(table.asset).columns)
    context = context_of(tenant, newest_day(session, tenant))
    scans = compile_reports(reports_of(tenant, table), shape, context)
    here = ask_here(session, tenant, table, scans)
    there = AskWorkers(in_turn, 0)(session, tenant, table, scans)
    assert {grain: repr(there[grain]) for grain in here} == {g: repr(a) for g, a in here.items()}


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_answers_of_parts_are_those_of_the_whole_table(
    tmp_path: Path, case: tuple[str, Mapping[str, Sequence[str]], str, object]
) -> None:
    _, tags, values, _ = case
    with opened(tmp_path) as session:
        delivered(session, NEWEST)
        put(session, tags, values)
        assert_alike(session, tenant_with(tmp_path, {"T": tags}))


@pytest.mark.parametrize(("rows", "country"), [(0, "US"), (60, "US"), (60, "GB")])
def test_answers_on_a_table_with_every_tag(tmp_path: Path, rows: int, country: str) -> None:
    chance = random.Random(rows)
    values = [
        [chance.choice(OF_TYPE.get(tag_info(tag).type, TEXTS)) for tag in TAGS] for _ in range(rows)
    ]
    frame = pl.DataFrame(values, schema=SCHEMA, orient="row").with_row_index("_pk")
    stamped = frame.with_columns(pl.col("_pk").cast(pl.String), _updated=pl.lit(0, dtype=pl.Int64))
    with opened(tmp_path) as session:
        delivered(session, NEWEST)
        session.write("domain/T", stamped)
        assert_alike(session, tenant_with(tmp_path, {"T": COLUMN}, country=country))


def test_a_worker_with_another_engine_is_refused(tmp_path: Path) -> None:
    tags = {"mail": ["email"]}
    tenant = tenant_with(tmp_path, {"T": tags})
    (table,) = tenant.tables

    def others(asked: Asked) -> pa.Table:
        return in_turn(replace(asked, driver={**asked.driver, "duckdb": "0.1"}))

    with opened(tmp_path) as session:
        put(session, tags, "('1', 'a@b.com')")
        scans = compile_reports(reports_of(tenant, table), relation(table), {"newest": "NULL"})
        with pytest.raises(C360Error, match=r"a worker has duckdb .*, the machine that asks 0\.1"):
            AskWorkers(others, 0)(session, tenant, table, scans)


def test_a_small_table_is_asked_here(tmp_path: Path) -> None:
    tags = {"mail": ["email"]}
    tenant = tenant_with(tmp_path, {"T": tags})
    (table,) = tenant.tables
    sent: list[Asked] = []

    def noted(asked: Asked) -> pa.Table:
        sent.append(asked)
        return in_turn(asked)

    with opened(tmp_path) as session:
        put(session, tags, "('1', 'a@b.com'), ('2', NULL)")
        scans = compile_reports(reports_of(tenant, table), relation(table), {"newest": "NULL"})
        small = AskWorkers(noted, 3)(session, tenant, table, scans)
        assert not sent
        assert AskWorkers(noted, 2)(session, tenant, table, scans) == small
        assert len(sent) == 1


def test_what_of_validations_stays_here_is_told(tmp_path: Path) -> None:
    tables: dict[str, Tags] = {
        "T": {"mail": ["email"]},
        "F": {"d": ["fiscal/calendar-date"]},
        "N": {"x": []},
    }
    tenant = tenant_with(tmp_path, tables)
    assert told_of_validations(tenant) == []
    settings = EngineConfig(type="spark", master="local[1]", tables="shipped")
    config = tenant.config.model_copy(update={"engine": settings})
    (problem,) = told_of_validations(replace(tenant, config=config))
    told = "Spark answers the input validations of 2 tables, of each once it has 122,880 rows; this"
    assert told in problem.message
    assert "exclusive_email_count of 1 table" in problem.message
    assert "missing_day_count of 1 table" in problem.message

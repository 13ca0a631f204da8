"""The views and macros of schema `stitch_qa`, on the tables of a small Stitch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import polars as pl
import pytest

from c360_assets.customer_360.publication.stitch_questions import (
    STITCH_QA,
    question_macros,
    question_sql,
)
from c360_assets.semantics.tables import all_tables
from c360_assets.stitch import stitch
from c360_assets_tests.stitch.retail import retail

NAMES = sorted(name for name, spec in all_tables().items() if spec.stage == STITCH_QA)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    members = pl.int_range(pl.len()).cast(pl.String)
    people = retail(400, seed=4).drop("person").with_columns(fk_member=members)
    tables = stitch(people).tables
    with duckdb.connect() as connection:
        # As a publication does it: the file is attached, and is not the database that is in use.
        connection.execute(f"ATTACH ':memory:' AS published; CREATE SCHEMA published.{STITCH_QA}")
        for name, frame in tables.items():
            connection.register("frame", frame.to_arrow())
            connection.execute(f"CREATE TABLE published.main.{name} AS SELECT * FROM frame")
        connection.execute("CREATE SCHEMA published.reports")
        connection.execute(
            "CREATE TABLE published.reports.database_run AS SELECT 1::BIGINT AS stitch_generation, "
            "TIMESTAMPTZ '2026-06-01 04:00' AS started_at, "
            "TIMESTAMPTZ '2026-06-01 04:01' AS finished_at"
        )
        for name in NAMES:
            connection.execute(f"CREATE VIEW published.{STITCH_QA}.{name} AS {question_sql(name)}")
        for statement in question_macros(f"published.{STITCH_QA}"):
            connection.execute(statement)
        connection.execute("USE published")
        yield connection


def rows(con: duckdb.DuckDBPyConnection, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return con.execute(sql, list(parameters)).fetchall()


@pytest.mark.parametrize("name", NAMES)
def test_a_view_holds_what_the_catalogue_says(con: duckdb.DuckDBPyConnection, name: str) -> None:
    described = rows(con, f"DESCRIBE {STITCH_QA}.{name}")
    types = {row[0]: row[1].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for row in described}
    assert types == {column: spec.type for column, spec in all_tables()[name].columns.items()}
    rows(con, f"SELECT * FROM {STITCH_QA}.{name}")


def test_the_figures_of_the_views_agree(con: duckdb.DuckDBPyConnection) -> None:
    ((people, records),) = rows(
        con, "SELECT count(DISTINCT amperity_id), count(*) FROM unified_coalesced"
    )
    for view in ("cluster_size_distribution", "connections_across_sources", "identity_complexity"):
        assert rows(con, f"SELECT sum(n_ids) FROM stitch_qa.{view}") == [(people,)]
    sums = rows(con, "SELECT records, amperity_ids FROM stitch_qa.separated_statistics_overall")
    assert sums == [(records, people)]
    assert rows(con, "SELECT * FROM stitch_qa.null_amperity_ids") == [(0,)]
    now = rows(con, "SELECT ids_now, ids_new FROM stitch_qa.source_changes WHERE datasource = '*'")
    assert now == [(people, people)]
    assert rows(con, "SELECT generation, run_seconds FROM stitch_qa.last_stitch_run") == [(1, 60)]
    weakest = rows(con, "SELECT amperity_id, score FROM stitch_qa.weakest_match")
    lowest = rows(con, "SELECT amperity_id, min(score) FROM unified_scores GROUP BY 1")
    assert sorted(weakest) == sorted(lowest)


def test_questions_with_an_argument(con: duckdb.DuckDBPyConnection) -> None:
    ((person, pairs),) = rows(
        con, "SELECT amperity_id, count(*) FROM unified_scores GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )
    assert len(rows(con, "FROM stitch_qa.cluster_scores(?)", [person])) == pairs
    found = rows(
        con,
        "SELECT finding, n FROM stitch_qa.fk_validation('unified_coalesced', 'unified_customer', "
        "'fk_member')",
    )
    ((both,),) = rows(
        con,
        "SELECT count(*) FROM (SELECT fk_member FROM unified_coalesced "
        "INTERSECT SELECT fk_member FROM unified_customer) WHERE fk_member IS NOT NULL",
    )
    assert dict(found)["values in both"] == both > 0
    assert rows(con, "FROM stitch_qa.null_amperity_ids_of('unified_coalesced')") == [(0,)]


# Question -> its rows about the one address, of which a record holds another besides.
OF_ONE_ADDRESS = {
    "SELECT n_records, n_ids FROM ({common_values}) WHERE value = 'uma@post.example'": [(2, 2)],
    "SELECT value, num_amperity_ids FROM ({many_amperity_ids})": [("uma@post.example", 2)],
    "SELECT amperity_id, num_email, num_name FROM ({many_semantic_values})": [("A1", 2, 0)],
    "SELECT a_pk, b_pk FROM ({unmatched_semantic_values})": [("1", "2")],
}


@pytest.mark.parametrize("question", OF_ONE_ADDRESS)
def test_each_of_several_contacts_of_a_record_is_looked_at(question: str) -> None:
    texts = "given_name, surname, phone, address"
    empty = ", ".join(f"NULL::VARCHAR AS {column}" for column in texts.split(", "))
    views = {name: question_sql(name) for name in NAMES}
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE unified_coalesced AS SELECT *, 'CRM' AS datasource, {empty}, "
            "NULL::DATE AS birthdate FROM (VALUES ('A1', '1', 'Uma@post.example,zo@post.example'), "
            "('A2', '2', 'uma@post.example')) AS records (amperity_id, pk, email)"
        )
        sql = question.format_map(views)
        assert rows(connection, sql) == OF_ONE_ADDRESS[question]


@pytest.mark.parametrize(("config", "of_model"), [("{}", 1), ('{"matching":{"threshold":4.0}}', 0)])
def test_a_link_of_the_model_is_one_above_the_threshold(config: str, of_model: int) -> None:
    scores = "'A1' AS amperity_id, 'model' AS decided_by, 'scored' AS match_type, 3.5 AS score"
    tables = {
        "unified_coalesced": "'A1' AS amperity_id FROM range(2)",
        "unified_scores": scores,
        "stitch_generation": f"'{config}' AS config",
    }
    with duckdb.connect() as connection:
        for name, columns in tables.items():
            connection.execute(f"CREATE TABLE {name} AS SELECT {columns}")
        sql = f"SELECT probabilistic_only FROM ({question_sql('identity_complexity')})"
        assert rows(connection, sql) == [(of_model,)]

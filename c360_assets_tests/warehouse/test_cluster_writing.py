"""Files that workers write beside those of a table have, together, the digest that this machine
makes of the rows, and become the table's content as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from c360_assets.errors import C360Error
from c360_assets.warehouse.cluster_files import ROWS, WRITTEN, Writing
from c360_assets.warehouse.cluster_sql import content_told, refuse_unseen
from c360_assets.warehouse.delta import Content, nothing, typed
from c360_assets.warehouse.digest import ENGINE, digest_sql
from c360_assets.warehouse.session import Session, open_session

ROWS_OF_ALL_KINDS = """
    SELECT i AS n, 'Bjørn ' || i AS "a b", (i / 7)::DECIMAL(38, 2) AS amount,
        {'at': TIMESTAMPTZ '2026-03-29 01:30:00+00' + to_hours(i)} AS s, [i::VARCHAR, NULL] AS l,
        DATE '2026-01-01' + i::INTEGER AS d, CASE WHEN i % 3 = 0 THEN i::DOUBLE / 10 END AS x,
        {'k': i}::JSON AS j
    FROM range(40) AS t(i)"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with open_session(tmp_path / "wärehouse #1", "Europe/Oslo") as opened:
        yield opened


def sent(session: Session, select: str) -> pa.Table:
    """Rows as Spark hands them over, which knows no JSON."""
    return session.con.sql(f"SELECT * REPLACE (j::VARCHAR AS j) FROM ({select})").to_arrow_table()


def written(session: Session, table: str, parts: Sequence[pa.Table]) -> Content:
    """What one worker for each part has written."""
    columns = session.stored_columns(ROWS_OF_ALL_KINDS)
    folder_of(session, table)
    place = session.warehouse.storage.delta(table)
    sql = typed(columns, ROWS)
    writing = Writing(table, place, sql, columns, session.timezone, ENGINE)
    told = [batch for part in parts for batch in writing(iter(part.to_batches(max_chunksize=5)))]
    ((_, no_rows),) = session.rows(digest_sql(table, columns, f"({nothing(columns)})"))
    return content_told(pa.Table.from_batches(told, pa.schema(WRITTEN)), columns, no_rows)


def folder_of(session: Session, table: str) -> Path:
    """As the machine that asks makes it."""
    folder = session.warehouse.path(table)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def files(session: Session, table: str) -> int:
    return len(list(session.warehouse.path(table).glob("part-*.parquet")))


def test_files_of_workers_become_the_content_of_a_table(session: Session) -> None:
    expected = session.write("here", ROWS_OF_ALL_KINDS)
    rows = sent(session, ROWS_OF_ALL_KINDS)
    parts = [rows.slice(0, 13), rows.slice(13, 0), rows.slice(13)]
    state = session.take("there", written(session, "there", parts), fingerprint="f")
    assert (state.digest, state.columns) == (expected.digest, expected.columns)
    assert (state.rows, files(session, "there")) == (40, 2)
    session.commit()
    for name in ("here", "there"):
        session.bind(name)
    here, there = (session.rows(f"SELECT * FROM {name} ORDER BY n") for name in ("here", "there"))
    assert here == there

    again = session.take("there", written(session, "there", [rows]))
    assert (again.version, again.files) == (state.version, state.files)
    assert files(session, "there") == 2, "files of an equal content are of no use"


def test_no_rows_are_a_content_too(session: Session) -> None:
    nobody = f"SELECT * FROM ({ROWS_OF_ALL_KINDS}) LIMIT 0"
    expected = session.write("here", nobody)
    state = session.take("there", written(session, "there", [sent(session, nobody)]))
    assert (state.digest, state.columns, state.files) == (expected.digest, expected.columns, [])


def test_a_worker_whose_digests_are_others_writes_nothing(session: Session) -> None:
    place = session.warehouse.storage.delta("there")
    writing = Writing("there", place, "", {}, "UTC", "duckdb0.9.2")
    with pytest.raises(C360Error, match=r"a worker makes digests as duckdb.*, not as duckdb0\.9"):
        list(writing(iter([])))
    assert not files(session, "there")


def test_of_a_failure_no_value_is_told(session: Session) -> None:
    folder_of(session, "there")
    place = session.warehouse.storage.delta("there")
    writing = Writing(
        "there", place, f"SELECT v::INT AS v FROM {ROWS}", {"v": "INTEGER"}, "UTC", ENGINE
    )
    batch = pa.RecordBatch.from_pydict({"v": ["canary"]})
    with pytest.raises(C360Error, match=r"writing to .* failed \(ConversionException\)") as told:
        list(writing(iter([batch])))
    assert "canary" not in str(told.value)
    assert not files(session, "there")


def test_a_worker_that_does_not_see_the_folder_of_a_table_makes_none(session: Session) -> None:
    place = session.warehouse.storage.delta("there")
    writing = Writing("there", place, f"SELECT v FROM {ROWS}", {"v": "BIGINT"}, "UTC", ENGINE)
    batch = pa.RecordBatch.from_pydict({"v": [1]})
    with pytest.raises(
        C360Error, match=r"or a shared folder: writing to .*: there is no such folder"
    ):
        list(writing(iter([batch])))
    assert not session.warehouse.path("there").exists()


def test_files_that_this_machine_does_not_see_are_no_content(session: Session) -> None:
    content = written(session, "there", [sent(session, ROWS_OF_ALL_KINDS)])
    refuse_unseen(session, "there", content)
    (session.warehouse.path("there") / content.names[0]).unlink()
    with pytest.raises(C360Error, match=r"or a shared folder: what they wrote to .* is not there"):
        refuse_unseen(session, "there", content)

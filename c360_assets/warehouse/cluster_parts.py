"""What workers of a cluster do with questions to a table: DuckDB's own SQL, first on the part of
the rows that a worker reads, then, where a question needs it, on all rows of one key together.

Functions here are sent to workers, which need this package. They know Arrow and DuckDB, and no
Spark. An error on a worker ends in logs and screens of the cluster, so that none carries a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import duckdb
import pyarrow as pa

from c360_assets.errors import C360Error
from c360_assets.warehouse.cluster_files import STAGE, UNSEEN, Batches, rows_of_task, valueless
from c360_assets.warehouse.delta import DeltaPlace, typed
from c360_assets.warehouse.sql_session import SqlSession

PART = "_c360_part"  # in SQL: the rows of a table that one worker has read
GATHERED = "_c360_gathered"  # in SQL: rows that workers have sent, all of each key
SPREAD = "_c360_spread"
BUCKET = "_c360_bucket"
# Rows travel as they are, as a file of Arrow in a value: Spark has no word for some of their types.
SENT = {"question": pa.string(), "bucket": pa.int32(), "rows": pa.binary()}
SENT_DDL = "question string, bucket int, rows binary"
# Answers are equal on all machines only where these are.
SAME = ("duckdb", "phonenumbers")


@dataclass(frozen=True)
class Question:
    """A SELECT over `PART`. Its rows are answers, unless they are to be brought `together`: then
    all rows of one `key`, an SQL expression, are, and answers are the rows of that SELECT over
    `GATHERED`."""

    sql: str
    key: str = ""
    together: str = ""


@dataclass(frozen=True)
class Asked:
    """Questions to a table in a version, by name, and what a worker must know to answer them.

    `columns` are those that are read, with their types; `functions` statements that create what
    the SQL calls, `prepare` what is done once the rows are there. Rows are read in `tasks` parts
    and brought together in `buckets`. `driver`: `versions` of the machine that asks.
    """

    place: DeltaPlace
    version: int
    columns: Mapping[str, str]
    questions: Mapping[str, Question]
    functions: tuple[str, ...]
    prepare: Callable[[SqlSession], None]
    timezone: str
    tasks: int
    buckets: int
    driver: Mapping[str, str]


def versions() -> dict[str, str]:
    """What must be the same on every machine."""
    return {name: version(name) for name in SAME}


def spreading(asked: Asked) -> Callable[[Batches], Batches]:
    """From batches with the numbers of tasks (column `id`) to the answers of each, and to rows that
    are to be brought together (`SENT`)."""

    def on_batches(batches: Batches) -> Batches:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                _refuse_other_versions(asked)
                with valueless(f"reading {asked.place.uri}", UNSEEN):
                    share = (number, asked.tasks)
                    rows = rows_of_task(asked.place, asked.version, list(asked.columns), share)
                with valueless("asking a part of the rows"):
                    yield from _answers_of_part(asked, rows)

    return on_batches


def _answers_of_part(asked: Asked, rows: pa.Table) -> Batches:
    with _engine(asked) as session:
        session.register("_c360_rows", rows)
        session.execute(f"CREATE TEMP VIEW {PART} AS {typed(asked.columns, '_c360_rows')}")
        asked.prepare(session)
        for name, question in asked.questions.items():
            if not question.together:
                yield _sent(name, 0, session.con.sql(question.sql).to_arrow_table())
                continue
            bucket = f"(hash({question.key}) % {asked.buckets})::INTEGER AS {BUCKET}"
            spread = f"SELECT *, {bucket} FROM ({question.sql})"
            session.execute(f"CREATE OR REPLACE TEMP TABLE {SPREAD} AS {spread}")
            numbers = session.rows(f"SELECT DISTINCT {BUCKET} FROM {SPREAD} ORDER BY ALL")
            for (number,) in numbers or [(0,)]:  # of no rows their columns are told
                chosen = f"SELECT * EXCLUDE ({BUCKET}) FROM {SPREAD} WHERE {BUCKET} = {number}"
                yield _sent(name, number, session.con.sql(chosen).to_arrow_table())


def gathering(asked: Asked) -> Callable[[pa.Table], pa.Table]:
    """From all that was sent for one question and bucket to its answers."""

    def on_bucket(sent: pa.Table) -> pa.Table:
        name = sent["question"][0].as_py()
        question = asked.questions[name]
        if not question.together:
            return sent
        _refuse_other_versions(asked)
        with valueless("asking rows of a key"), _engine(asked) as session:
            session.register(GATHERED, tables_sent(sent))
            answers = session.con.sql(question.together).to_arrow_table()
            return pa.Table.from_batches([_sent(name, 0, answers)])

    return on_bucket


@contextmanager
def _engine(asked: Asked) -> Iterator[SqlSession]:
    """DuckDB on one thread, as the cluster has a worker for each core."""
    with duckdb.connect(config={"threads": 1}) as con:
        session = SqlSession(con, asked.timezone)
        for statement in asked.functions:
            session.execute(statement)
        yield session


def _sent(name: str, bucket: int, rows: pa.Table) -> pa.RecordBatch:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    values = {"question": [name], "bucket": [bucket], "rows": [sink.getvalue().to_pybytes()]}
    return pa.RecordBatch.from_pydict(values, schema=pa.schema(SENT))


def tables_sent(sent: pa.Table) -> pa.Table:
    """The rows of all values of the column `rows`, which have the same columns."""
    tables = [pa.ipc.open_stream(rows.as_buffer()).read_all() for rows in sent["rows"]]
    return pa.concat_tables(tables)


def _refuse_other_versions(asked: Asked) -> None:
    for name, here in versions().items():
        if here != asked.driver[name]:
            raise C360Error(
                f"{STAGE}: a worker has {name} {here}, the machine that asks {asked.driver[name]}"
            )

"""Questions to a table of the warehouse that the workers of a cluster answer with DuckDB's SQL.

What a worker does is `cluster_parts`. What is asked, and how answers of parts become one, belongs
to who asks. Unlike the SQL of tables (`cluster_sql`) nothing is translated, so that nothing can be
answered otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import pyarrow as pa

from c360_assets.errors import C360Error
from c360_assets.warehouse.cluster_errors import told
from c360_assets.warehouse.cluster_files import STAGE, without_credentials
from c360_assets.warehouse.cluster_parts import (
    SENT_DDL,
    Asked,
    Question,
    gathering,
    spreading,
    tables_sent,
    versions,
)
from c360_assets.warehouse.cluster_place import ClusterPlace
from c360_assets.warehouse.cluster_sql import ROWS_OF_TASK
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.sql_session import SqlSession

# What each part sends to each bucket has columns of its own: more buckets send more of them.
ROWS_OF_BUCKET = 500_000
# Brings what was asked to where the rows are; returns what was sent back.
Send: TypeAlias = Callable[[Asked], pa.Table]


def asked_of(
    session: Session,
    table: str,
    questions: Mapping[str, Question],
    functions: tuple[str, ...],
    prepare: Callable[[SqlSession], None],
) -> Asked:
    """Questions to the rows that the session sees of a table. `functions` and `prepare` are what
    SQL needs on each worker, as `Asked` says."""
    state = session.built(table)
    return Asked(
        without_credentials(session.warehouse.storage.delta(table)),
        state.version,
        _columns_read(state.columns, questions),
        questions,
        functions,
        prepare,
        session.timezone,
        1 + state.rows // ROWS_OF_TASK,
        1 + state.rows // ROWS_OF_BUCKET,
        versions(),
    )


def answers_of(asked: Asked, send: Send) -> dict[str, pa.Table]:
    """By question the answers of all parts of the table, one below the other, in no order."""
    sent = send(asked)
    names = sent["question"].to_pylist()
    of_question = {name: [other == name for other in names] for name in asked.questions}
    return {name: tables_sent(sent.filter(pa.array(is_))) for name, is_ in of_question.items()}


def sent_by_workers(place: ClusterPlace, asked: Asked) -> pa.Table:
    """What the workers of a cluster send.

    Raises C360Error where the cluster fails, which is then asked nothing more in this run.
    """
    try:
        cluster = place.kept(STAGE)
        with told(STAGE, f"asking {asked.place.uri}"):
            cluster.session.conf.set("spark.sql.shuffle.partitions", str(asked.buckets))
            numbers = cluster.session.range(0, asked.tasks, 1, asked.tasks)
            spread = numbers.mapInArrow(spreading(asked), SENT_DDL)
            by_bucket = spread.groupBy("question", "bucket")
            gathered = by_bucket.applyInArrow(gathering(asked), SENT_DDL)
            return cluster.waited(gathered.toArrow)
    except C360Error as error:
        place.give_up(str(error))
        raise


def _columns_read(
    columns: Mapping[str, str], questions: Mapping[str, Question]
) -> Mapping[str, str]:
    """The columns whose names stand somewhere in the SQL; one, where none does, as rows are
    counted by it."""
    text = "\n".join(question.sql for question in questions.values())
    read = {name: type_ for name, type_ in columns.items() if quote_ident(name)[1:-1] in text}
    return read or dict(list(columns.items())[:1])

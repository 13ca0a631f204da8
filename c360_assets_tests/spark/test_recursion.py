"""Which recursive SQL a cluster is asked for round after round, and that rounds give its rows."""

from __future__ import annotations

import pytest

from c360_assets.warehouse.session import Session
from c360_assets.warehouse.spark_recursion import recursion_in

FIRST = "SELECT 1 AS k, 'a' AS t"
STEPS = f"{FIRST} UNION ALL SELECT k + 1, t || k FROM c WHERE k < 4"
KNOWN = [
    f"WITH RECURSIVE c AS ({STEPS}) SELECT * FROM c",
    f"WITH RECURSIVE a AS (SELECT 3 AS x), C AS ({STEPS}), b AS (SELECT sum(k) AS s FROM c) "
    "SELECT * FROM b, a",
]
# Rows that were there already go, parts and names of its own, keys, two rules, not the whole query.
UNKNOWN = [
    f"WITH RECURSIVE c AS ({STEPS.replace('UNION ALL', 'UNION')}) SELECT * FROM c",
    f"WITH RECURSIVE c AS (WITH z AS ({FIRST}) {STEPS}) SELECT * FROM c",
    f"WITH RECURSIVE c(k, t) AS ({STEPS}) SELECT * FROM c",
    f"WITH RECURSIVE c USING KEY (k) AS ({STEPS}) SELECT * FROM c",
    f"WITH RECURSIVE c AS ({STEPS} UNION ALL SELECT k + 2, t FROM c WHERE k < 2) FROM c",
    f"SELECT * FROM (WITH RECURSIVE c AS ({STEPS}) SELECT * FROM c)",
    f"WITH c AS ({FIRST}) SELECT * FROM c",
]


@pytest.mark.parametrize("sql", UNKNOWN)
def test_other_shapes_are_not_taken_for_rounds(sql: str) -> None:
    assert recursion_in(sql) is None


@pytest.mark.parametrize("sql", KNOWN)
def test_a_recursive_part_is_cut_into_rounds(sql: str, session: Session) -> None:
    recursion = recursion_in(sql)
    assert recursion is not None
    session.execute(f"CREATE TEMP TABLE everything AS {recursion.first}")
    session.execute("CREATE TEMP TABLE c AS FROM everything")
    while session.rows("SELECT 1 FROM c"):
        further = f"SELECT * FROM ({recursion.further}) AS further (k, t)"
        session.execute(f"CREATE OR REPLACE TEMP TABLE c AS {further}")
        session.execute("INSERT INTO everything FROM c")
    session.execute("CREATE OR REPLACE TEMP TABLE c AS FROM everything")
    assert sorted(session.rows(recursion.whole)) == sorted(session.rows(sql))

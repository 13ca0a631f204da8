"""Which columns a table reads of its inputs, and that it stands while nothing of them changes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from c360_assets.customer_360.tables.build import DatabaseTable, build
from c360_assets.customer_360.tables.graph import TableNode, plan
from c360_assets.warehouse.lineage import columns_read
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.test_build import fill, shop
from c360_assets_tests.customer_360.world import AS_OF, UNIFIED, is_current, node_of, put_unified
from c360_assets_tests.examples import examples

SCHEMAS = {
    "people": {"id": "VARCHAR", "name": "VARCHAR", "City": "VARCHAR", "age": "BIGINT"},
    "orders": {"id": "VARCHAR", "paid": "BIGINT"},
}


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT name FROM people", ["name"]),
        ("SELECT count(*) AS n FROM people", []),
        ("SELECT 1 AS one FROM people WHERE age > 1 ORDER BY city", ["City", "age"]),
        ("SELECT * FROM people", ["id", "name", "City", "age"]),
        ("SELECT p.* EXCLUDE (name, city) FROM people AS p", ["id", "age"]),
        ("WITH p AS (SELECT * FROM people) SELECT name FROM p", ["id", "name", "City", "age"]),
        ("SELECT paid FROM orders JOIN people USING (id)", ["id"]),
        ("SELECT paid FROM orders WHERE EXISTS (FROM people WHERE people.age = paid)", None),
        (
            "SELECT paid FROM orders WHERE (SELECT max(age) FROM people AS p WHERE p.id = orders.id"
            ") > 1",
            ["id", "age"],
        ),
        ("SELECT sum(age) OVER (PARTITION BY name) AS s FROM people", ["name", "age"]),
        ("SELECT name FROM people QUALIFY row_number() OVER (ORDER BY age) = 1", ["name", "age"]),
        ("SELECT paid FROM orders NATURAL JOIN people", None),
        ("SELECT p AS whole FROM people AS p", None),
        ("SELECT to_json(people) AS whole FROM people", None),
        ("SELECT #2 FROM people", None),
        ("SELECT COLUMNS('n.*') FROM people", None),
        ("SELECT * FROM (PIVOT people ON name IN ('A') USING max(age))", None),
        ("SELECT rowid FROM people", None),
        ("this is no SQL", None),
    ],
)
def test_a_column_is_read_wherever_it_stands(sql: str, read: list[str] | None) -> None:
    found = columns_read(sql, SCHEMAS)
    if read is None:  # more than is needed is as good
        assert found is None or found["people"] == list(SCHEMAS["people"])
    else:
        assert found is not None
        assert found["people"] == read


def test_what_a_table_does_not_read_keeps_it_current(session: Session, tmp_path: Path) -> None:
    tenant = shop(tmp_path)
    fill(session)
    nodes = plan(tenant)
    build(session, nodes, as_of=AS_OF)
    session.bind("unified_coalesced")
    rows = session.frame("SELECT * FROM unified_coalesced").to_dicts()
    put_unified(session, [{**rows[0], "city": "Rome"}, *rows[1:]], fk_customer="VARCHAR")
    assert not is_current(session, node_of(tenant, "merged_customers"), AS_OF)
    assert is_current(session, node_of(tenant, "unified_transactions"), AS_OF)
    # What was found is kept: with the same inputs nothing is read again.
    build(session, nodes, as_of=AS_OF)
    known = {node.table: session.state(node.table) for node in nodes}
    assert all(result.reused for result in build(session, nodes, as_of=AS_OF))
    assert known == {node.table: session.state(node.table) for node in nodes}


def test_after_any_edits_tables_are_those_of_a_full_build(session: Session, tmp_path: Path) -> None:
    """Edits of values, persons and rows: what is reused is what would be built."""
    tenant = shop(tmp_path)
    fill(session)
    build(session, plan(tenant), as_of=AS_OF)
    nodes = [node for node in plan(tenant) if "unified_coalesced" in node.deps]
    session.bind("unified_coalesced")
    rows = session.frame("SELECT * FROM unified_coalesced").to_dicts()
    chance = random.Random(7)
    reused = 0
    for _ in range(examples(8, 3)):
        rows = _edited(rows, chance)
        put_unified(session, rows, fk_customer="VARCHAR")
        reused += sum(result.reused for result in build(session, nodes, as_of=AS_OF))
        normal = {node.table: session.built(node.table).digest for node in nodes}
        _build_again(session, nodes)
        assert normal == {node.table: session.built(node.table).digest for node in nodes}
    assert reused > 0


def _build_again(session: Session, nodes: Sequence[TableNode]) -> None:
    for node in nodes:
        make_current(session, DatabaseTable(node), RunContext(AS_OF, force=True))


def _edited(rows: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """One edit: a value, a person, a row that comes or goes."""
    rows = [dict(row) for row in rows]
    kind = chance.choice(["value", "value", "value", "person", "add", "remove"])
    place = chance.randrange(len(rows))
    if kind == "remove" and len(rows) > 1:
        del rows[place]
    elif kind == "add":
        number = max(int(row["pk"]) for row in rows) + 1
        rows.append({**rows[place], "pk": str(number)})
    elif kind == "person":
        rows[place]["amperity_id"] = chance.choice(["A1", "A2", "A3"])
    else:
        column = chance.choice([name for name, type_ in UNIFIED.items() if type_ == "VARCHAR"][4:])
        rows[place][column] = chance.choice([None, "ann@x.com", "bob@x.com", "Smith", "1"])
    return rows

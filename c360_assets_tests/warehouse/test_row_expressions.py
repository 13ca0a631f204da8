"""How a column is computed from one row of a table, through parts of a statement and other
tables."""

from __future__ import annotations

import pytest

from c360_assets.warehouse.lineage import row_expressions

SCHEMAS = {"Lines": {"Nr": "VARCHAR", "shop": "VARCHAR"}, "Calls": {"caller": "VARCHAR"}}
VIEWS = {"Numbered": "SELECT 'K' || Nr AS customer FROM Lines"}


@pytest.mark.parametrize(
    ("select", "ways"),
    [
        ("SELECT Nr AS k FROM Lines", [("lines", '"nr"')]),
        ("SELECT l.Nr || l.shop AS k FROM Lines l", [("lines", '"nr" || "shop"')]),
        (
            "WITH part AS (SELECT *, 'K' || Nr AS n FROM Lines) SELECT upper(p.n) AS k FROM part p",
            [("lines", "UPPER(('K' || \"nr\"))")],
        ),
        (
            "WITH part AS (SELECT Nr AS n FROM Lines UNION ALL SELECT caller FROM Calls) "
            "SELECT 'K' || n AS k FROM part",
            [("lines", "'K' || \"nr\""), ("calls", "'K' || \"caller\"")],
        ),
        ("SELECT customer || 'x' AS k FROM Numbered", [("lines", "('K' || \"nr\") || 'x'")]),
        ("SELECT max(Nr) AS k FROM Lines", None),
        ("SELECT first_value(Nr) OVER (ORDER BY shop) AS k FROM Lines", None),
        ("SELECT (SELECT max(caller) FROM Calls) AS k FROM Lines", None),
        ("SELECT Nr || caller AS k FROM Lines, Calls", None),
        ("SELECT 'K' AS k FROM Lines", None),
    ],
)
def test_row_expressions(select: str, ways: list[tuple[str, str]] | None) -> None:
    schemas = {**SCHEMAS, "Numbered": {"customer": "VARCHAR"}}
    assert row_expressions(select, schemas, VIEWS).get("k") == ways

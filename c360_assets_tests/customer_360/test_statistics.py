"""Counts of different values, which small tables list and larger ones count: the same for all
kinds of values."""

from __future__ import annotations

import duckdb

from c360_assets.customer_360.publication.statistics import EXACT_ROWS, LISTED_ROWS, counts_sql

VALUES = {
    "texts": "('a'), ('A'), ('a '), ('a'), (''), (NULL)",
    "nothing": "(NULL::VARCHAR), (NULL)",
    "numbers": "(0.0::DOUBLE), (-0.0), ('NaN'), ('NaN'), ('inf'), (NULL)",
    "amounts": "(1.10::DECIMAL(12, 2)), (1.1), (1.11)",
    "instants": "(TIMESTAMPTZ '2026-01-01 00:00+00'), ('2026-01-01 01:00+01'), (NULL)",
    "days": "(DATE '2026-01-01'), ('2026-01-01'), ('infinity')",
    "lists": "(['a', NULL]), (['a', NULL]), (['a']), ([]), (NULL)",
    "structs": "({'a': 1, 'b': NULL}), ({'a': 1, 'b': NULL}), ({'a': NULL, 'b': NULL})",
    "yes and no": "(true), (false), (true)",
}


def test_listed_and_counted_are_the_same() -> None:
    con = duckdb.connect()
    for kind, values in VALUES.items():
        listed, counted = (
            con.execute(
                f"SELECT {', '.join(counts_sql('v', size, example=True))} "
                f"FROM (VALUES {values}) AS t(v)"
            ).fetchall()
            for size in (LISTED_ROWS, EXACT_ROWS)
        )
        assert listed == counted, kind

"""Redirects of ended ids follow their records wherever these go."""

from __future__ import annotations

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.stitch.cluster.stable_ids import Previous, assign_ids
from c360_assets.stitch.publish.ended_ids import ended_records, redirects
from c360_assets_tests.stitch.tenants import TENANT_ID

N_RECORDS = 8
# Per day the cluster of each record, 0 where it is not there.
DAYS = st.lists(
    st.lists(st.integers(0, 4), min_size=N_RECORDS, max_size=N_RECORDS).filter(any),
    min_size=2,
    max_size=6,
)


def clusters(day: list[int]) -> pl.DataFrame:
    rows = [("S", str(pk), cluster) for pk, cluster in enumerate(day) if cluster]
    return pl.DataFrame(rows, schema=["datasource", "pk", "cluster"], orient="row")


@settings(max_examples=60, deadline=None)
@given(DAYS)
def test_redirects_say_where_the_records_of_an_ended_id_are(days: list[list[int]]) -> None:
    previous: Previous | None = None
    at_end: dict[str, set[str]] = {}
    ended = None
    with duckdb.connect() as con:
        for day in days:
            stable = assign_ids(clusters(day), previous, TENANT_ID, con)
            now = dict(stable.ids.select("pk", "amperity_id").iter_rows())
            if previous is not None:
                ended = ended_records(previous.ids, stable.registry, ended, None)
                for id, pk in previous.ids.select("amperity_id", "pk").iter_rows():
                    if id not in now.values():
                        at_end.setdefault(id, set()).add(pk)
                found = redirects(ended, stable.registry, stable.ids)
                expected = set()
                for id, pks in at_end.items():
                    holders = [now[pk] for pk in pks if pk in now]
                    for holder in set(holders):
                        expected.add((id, holder, holders.count(holder), len(pks)))
                    if not holders:
                        expected.add((id, None, 0, len(pks)))
                columns = ("amperity_id", "current_amperity_id", "n_records", "n_records_at_end")
                assert set(found.select(columns).iter_rows()) == expected
                assert found.filter(pl.col("rank") == 1).height == len(at_end)
            previous = Previous(stable.ids, stable.registry, stable.generation)


def test_ids_that_ended_before_there_was_the_table_are_found_in_the_history() -> None:
    registry = pl.DataFrame(
        {"amperity_id": ["a", "b"], "first_generation": [1, 1], "last_generation": [1, None]},
        schema_overrides={"last_generation": pl.Int64},
    )
    ids = pl.DataFrame({"datasource": ["S", "S"], "pk": ["1", "2"], "amperity_id": ["b", "b"]})
    history = pl.DataFrame(
        {"amperity_id_prev": ["a", None], "datasource": ["S", "S"], "pk": ["1", "2"]}
    )
    ended = ended_records(ids, registry, None, history)
    assert ended.rows() == [("a", "S", "1", 1)]
    assert redirects(ended, registry, ids).rows() == [("a", "b", 1, 1, 1, 1)]

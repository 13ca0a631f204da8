"""Stable ids: the cases of the assignment rule, one table row each, and its invariants on random
partitions.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.stitch.cluster.stable_ids import Previous, StableIds, assign_ids, uuid5
from c360_assets_tests.stitch.tenants import TENANT_ID

Partition = list[list[int]]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def frame(groups: dict[str, list[int]] | dict[int, list[int]], column: str) -> pl.DataFrame:
    rows = []
    for name, members in groups.items():
        rows += [("T", f"{member:02d}", name) for member in members]
    name_type = pl.Int64 if column == "cluster" else pl.String
    return pl.DataFrame(
        rows, schema={"datasource": pl.String, "pk": pl.String, column: name_type}, orient="row"
    )


def yesterday(groups: dict[str, list[int]], generation: int = 3) -> Previous:
    registry = pl.DataFrame({"amperity_id": sorted(groups)}, schema={"amperity_id": pl.String})
    registry = registry.with_columns(
        first_generation=pl.lit(1, pl.Int64), last_generation=pl.lit(None, pl.Int64)
    )
    return Previous(frame(groups, "amperity_id"), registry, generation)


def assigned(result: StableIds) -> dict[str, list[int]]:
    rows = result.ids.group_by("amperity_id", maintain_order=True).agg(pl.col("pk").cast(pl.Int64))
    return dict(rows.iter_rows())


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param({"A": [1, 2]}, [[1, 2]], {"A": [1, 2]}, id="unchanged"),
        pytest.param({"A": [1, 2]}, [[1, 2, 3]], {"A": [1, 2, 3]}, id="grow"),
        pytest.param({"A": [1, 2]}, [[1]], {"A": [1]}, id="shrink"),
        pytest.param({"A": [1, 2], "B": [3]}, [[1, 2, 3]], {"A": [1, 2, 3]}, id="merge"),
        pytest.param(
            {"B": [1], "A": [2]}, [[1, 2]], {"A": [1, 2]}, id="merge, tie: smaller previous id"
        ),
        pytest.param({"A": [1, 2, 3]}, [[1, 2], [3]], {"A": [1, 2], "": [3]}, id="split"),
        pytest.param({"A": [1, 2]}, [[2], [1]], {"A": [1], "": [2]}, id="split, tie: smaller key"),
        pytest.param(
            {"A": [1, 2, 3], "B": [4]}, [[1], [2, 3, 4]], {"A": [2, 3, 4], "": [1]}, id="swap"
        ),
        pytest.param({"A": [1], "B": [2]}, [[2]], {"B": [2]}, id="delete"),
        pytest.param(
            {"a1": [1], "a2": [2], "a3": [3, 4, 5, 6, 7], "a4": [8], "a5": [9, 10]},
            [[1], [2, 3], [4], [5, 6, 7, 8], [11]],
            {"a1": [1], "a2": [2, 3], "a3": [5, 6, 7, 8]},
            id="toy of the paper, without ids for strangers",
        ),
    ],
)
def test_assignment(
    con: duckdb.DuckDBPyConnection,
    before: dict[str, list[int]],
    now: Partition,
    expected: dict[str, list[int]],
) -> None:
    result = assign_ids(frame(dict(enumerate(now)), "cluster"), yesterday(before), TENANT_ID, con)
    got = assigned(result)
    kept = {name: members for name, members in got.items() if name in before}
    assert kept == {name: members for name, members in expected.items() if name}
    fresh = set(got) - set(before)
    assert len(got) == len(now)
    assert all(uuid.UUID(name).version == 5 for name in fresh)


def test_a_new_id_is_derived_from_tenant_generation_and_smallest_key(
    con: duckdb.DuckDBPyConnection,
) -> None:
    result = assign_ids(frame({7: [2, 1]}, "cluster"), None, TENANT_ID, con)
    assert assigned(result) == {str(uuid.uuid5(TENANT_ID, "1\x1fT\x1f01")): [1, 2]}
    again = assign_ids(frame({7: [2, 1]}, "cluster"), yesterday({"A": [9]}), TENANT_ID, con)
    assert assigned(again) == {str(uuid.uuid5(TENANT_ID, "4\x1fT\x1f01")): [1, 2]}


def test_an_id_in_the_registry_is_never_given_again(con: duckdb.DuckDBPyConnection) -> None:
    taken = str(uuid.uuid5(TENANT_ID, "4\x1fT\x1f01"))
    previous = yesterday({taken: [5]})
    result = assign_ids(frame({0: [1]}, "cluster"), previous, TENANT_ID, con)
    assert assigned(result) == {str(uuid.uuid5(TENANT_ID, "4\x1fT\x1f01\x1f1")): [1]}
    ended = dict(result.registry.select("amperity_id", "last_generation").iter_rows())
    assert ended[taken] == 3


def test_switched_off_every_id_is_new(con: duckdb.DuckDBPyConnection) -> None:
    result = assign_ids(
        frame({0: [1]}, "cluster"), yesterday({"A": [1]}), TENANT_ID, con, keep=False
    )
    assert "A" not in assigned(result)


@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=20
    )
)
@settings(max_examples=20, deadline=None)
def test_uuids_are_those_of_the_standard_library(names: list[str]) -> None:
    with duckdb.connect() as con:
        ids = uuid5(pl.Series("n", names, dtype=pl.String), TENANT_ID, con)
    assert ids.to_list() == [str(uuid.uuid5(TENANT_ID, name)) for name in names]


labels = st.lists(st.integers(-1, 5), min_size=12, max_size=12)


def by_label(values: list[int]) -> dict[int, list[int]]:
    """Positions of each label, by label; -1 stands for a record that is not there."""
    groups: dict[int, list[int]] = {label: [] for label in sorted(set(values)) if label >= 0}
    for position, label in enumerate(values):
        if label >= 0:
            groups[label].append(position)
    return groups


@given(before=labels, now=labels)
@settings(max_examples=60, deadline=None)
def test_greedy_matching_is_one_to_one_and_equals_a_pass_over_sorted_edges(
    before: list[int], now: list[int]
) -> None:
    old = {f"id{label}": members for label, members in by_label(before).items()}
    new = by_label(now)
    if not new:
        return
    with duckdb.connect() as con:
        result = assign_ids(frame(new, "cluster"), yesterday(old), TENANT_ID, con)
    edges = []
    for name, members in old.items():
        for cluster in new.values():
            shared = len(set(members) & set(cluster))
            if shared:
                edges.append((-shared, name, min(cluster), cluster))
    expected: dict[str, list[int]] = {}
    for _, name, _, cluster in sorted(edges):
        if name not in expected and cluster not in expected.values():
            expected[name] = cluster
    clusters = assigned(result)
    kept = {name: members for name, members in clusters.items() if name in old}
    assert kept == expected
    assert sorted(clusters.values()) == sorted(new.values())


def test_an_id_in_use_is_not_given_again_where_the_registry_lacks_it() -> None:
    """An empty registry, and the generation that a first run counts from: the record that founded
    the cluster leaves it, and would be given its id again."""
    with duckdb.connect() as con:
        first = assign_ids(clustered([1, 1, 1]), None, TENANT_ID, con)
        empty = first.registry.clear()
        for registry in (empty, pl.DataFrame()):
            lost = Previous(first.ids, registry, 0)
            second = assign_ids(clustered([2, 1, 1]), lost, TENANT_ID, con)
            assert second.ids["amperity_id"].n_unique() == 2
            assert second.registry.height == 2


def test_numbers_of_generations_go_on_from_the_registry() -> None:
    with duckdb.connect() as con:
        first = assign_ids(clustered([1, 2]), None, TENANT_ID, con)
        registry = first.registry.with_columns(first_generation=pl.lit(7, pl.Int64))
        assert (
            assign_ids(
                clustered([1, 2]), Previous(first.ids, registry, 0), TENANT_ID, con
            ).generation
            == 8
        )


def clustered(clusters: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "datasource": "S",
            "pk": [str(pk) for pk in range(len(clusters))],
            "cluster": clusters,
        }
    )


@pytest.mark.parametrize("came", [1, 2])
def test_a_merge_that_is_undone_gives_the_id_back(
    con: duckdb.DuckDBPyConnection, came: int
) -> None:
    """Of two halves of one size, that keeps the id which had it before the other came to it."""
    before = yesterday({"A": [1, 2]})
    ended = frame({"B": [came]}, "amperity_id").with_columns(last_generation=pl.lit(2, pl.Int64))
    previous = replace(before, ended_records=ended)
    clusters = frame({1: [1], 2: [2]}, "cluster")
    ids = assign_ids(clusters, previous, TENANT_ID, con)
    assert assigned(ids)["A"] == [3 - came]

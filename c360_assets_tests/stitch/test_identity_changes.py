"""What changed between two generations, a case per kind, and that the tables reconcile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.stitch.publish.identity_changes import (
    CLUSTER_SCHEMA,
    IDENTITY_SCHEMA,
    Job,
    compare,
    history,
    with_causes,
)

JOB = Job("run-2", datetime(2024, 5, 2, tzinfo=UTC), recorded_days=30)


def ids(groups: dict[str, list[int]]) -> pl.DataFrame:
    rows = []
    for name, members in groups.items():
        rows += [("T", f"{member:02d}", name) for member in members]
    return pl.DataFrame(
        rows,
        schema={"datasource": pl.String, "pk": pl.String, "amperity_id": pl.String},
        orient="row",
    )


@pytest.mark.parametrize(
    ("before", "now", "clusters", "identities"),
    [
        pytest.param({}, {"A": [1]}, {"A": "added"}, {"A": "added"}, id="added"),
        pytest.param({"A": [1]}, {}, {"A": "deleted"}, {"A": "deleted"}, id="deleted"),
        pytest.param({"A": [1, 2]}, {"A": [1, 2]}, {}, {}, id="unchanged"),
        pytest.param(
            {"A": [1]}, {"A": [1, 2]}, {"A": "updated"}, {"A": "recognized"}, id="recognized"
        ),
        pytest.param({"A": [1, 2]}, {"A": [1]}, {"A": "updated"}, {"A": "reduced"}, id="reduced"),
        pytest.param(
            {"A": [1], "B": [2]},
            {"A": [1, 2]},
            {"A": "updated", "B": "deleted"},
            {"A": "merged"},
            id="merged",
        ),
        pytest.param(
            {"A": [1, 2]},
            {"A": [1], "C": [2]},
            {"A": "updated", "C": "added"},
            {"A": "split", "C": "split"},
            id="split",
        ),
        pytest.param(
            {"A": [1, 2], "B": [3]},
            {"A": [1], "B": [2, 3]},
            {"A": "updated", "B": "updated"},
            {"A": "split", "B": "split_merged"},
            id="split and merged",
        ),
    ],
)
def test_kinds_of_change(
    before: dict[str, list[int]],
    now: dict[str, list[int]],
    clusters: dict[str, str],
    identities: dict[str, str],
) -> None:
    changes = compare(ids(now), ids(before))
    assert dict(changes.clusters.iter_rows()) == clusters
    assert dict(changes.identities.select("amperity_id", "action").iter_rows()) == identities


def test_records_and_earlier_ids_of_an_identity_are_counted() -> None:
    """C is taken over by A, with its record 2; its record 6 is gone, as is one of B."""
    before = ids({"A": [1], "B": [3, 4], "C": [2, 6], "D": [7]})
    now = ids({"A": [1, 2, 5], "B": [3], "N": [9]})
    found = compare(now, before).identities.select(
        "amperity_id", "action", "n_records", "n_records_prev", "n_previous_ids"
    )
    assert found.rows() == [
        ("A", "merged", 3, 3, 2),
        ("B", "reduced", 1, 2, 1),
        ("D", "deleted", 0, 1, 1),
        ("N", "added", 1, 0, 0),
    ]


def test_records_that_came_went_or_moved() -> None:
    changes = compare(ids({"A": [1, 4], "B": [3]}), ids({"A": [1, 2, 3]}))
    assert changes.pks.select("pk", "change_type", "amperity_id", "amperity_id_prev").rows() == [
        ("02", "deleted", None, "A"),
        ("03", "updated", "B", "A"),
        ("04", "added", "A", None),
    ]
    assert changes.counts == {
        "records_previous": 3,
        "records_surviving": 2,
        "pks_added": 1,
        "pks_deleted": 1,
        "pks_updated": 1,
    }


labels = st.lists(st.integers(-1, 4), min_size=9, max_size=9)


def by_label(values: list[int]) -> dict[str, list[int]]:
    """Positions of each label; -1 stands for a record that is not there."""
    groups: dict[str, list[int]] = {}
    for position, label in enumerate(values):
        if label >= 0:
            groups.setdefault(f"id{label}", []).append(position)
    return groups


@given(before=labels, now=labels)
@settings(max_examples=60, deadline=None)
def test_change_tables_reconcile(before: list[int], now: list[int]) -> None:
    old, new = ids(by_label(before)), ids(by_label(now))
    changes = compare(new, old)
    kinds = {
        kind: set(changes.clusters.filter(change_type=kind)["amperity_id"])
        for kind in ("added", "deleted", "updated")
    }
    old_ids, new_ids = set(old["amperity_id"]), set(new["amperity_id"])
    assert (kinds["added"], kinds["deleted"]) == (new_ids - old_ids, old_ids - new_ids)
    assert new.height == old.height + changes.counts["pks_added"] - changes.counts["pks_deleted"]
    moved = changes.pks.filter(change_type="updated")
    assert (moved["amperity_id"] != moved["amperity_id_prev"]).all()
    for name in old_ids & new_ids:
        members = set(new.filter(amperity_id=name)["pk"])
        members_before = set(old.filter(amperity_id=name)["pk"])
        assert (name in kinds["updated"]) == (members != members_before)


def test_history_keeps_what_is_recent_and_appends_nothing_for_no_change() -> None:
    first = history(
        compare(ids({"A": [1]}), None).clusters,
        None,
        CLUSTER_SCHEMA,
        Job("run-1", JOB.timestamp - timedelta(days=1)),
    )
    nothing = compare(ids({"A": [1]}), ids({"A": [1]}))
    assert history(nothing.clusters, first, CLUSTER_SCHEMA, JOB).equals(first)
    identities = with_causes(nothing.identities, nothing.pks.with_columns(cause=pl.lit("context")))
    assert history(identities, None, IDENTITY_SCHEMA, JOB).height == 0
    older = first.drop("change_type")
    assert history(nothing.clusters, older, CLUSTER_SCHEMA, JOB)["change_type"].to_list() == [None]
    in_time = Job("run-8", JOB.timestamp + timedelta(days=29), recorded_days=30)
    assert history(nothing.clusters, first, CLUSTER_SCHEMA, in_time).height == 1
    late = Job("run-9", JOB.timestamp + timedelta(days=30), recorded_days=30)
    assert history(nothing.clusters, first, CLUSTER_SCHEMA, late).height == 0

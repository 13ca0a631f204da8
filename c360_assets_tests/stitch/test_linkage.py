"""Clustering against slow, obviously right references on random graphs, and the worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.stitch import connected_components as components
from c360_assets.stitch.cluster import linkage as clustering
from c360_assets.stitch.cluster.linkage import PairSet


def pair_set(
    n: int,
    value: dict[tuple[int, int], float],
    bad: set[tuple[int, int]] = frozenset(),
    good: set[tuple[int, int]] = frozenset(),
) -> PairSet:  # type: ignore[assignment]
    """All pairs of n nodes with one conflict field."""
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    i, j = (np.array([p[k] for p in every], dtype=np.int64) for k in (0, 1))
    values = np.array([value.get(p, -9.0) for p in every])
    return PairSet(
        i,
        j,
        values,
        np.ones(len(every)),
        np.array([[p in bad] for p in every]),
        np.array([[p in good] for p in every]),
    )


def groups(label: np.ndarray) -> set[frozenset[int]]:  # type: ignore[type-arg]
    return {frozenset(np.flatnonzero(label == c).tolist()) for c in np.unique(label)}


# r1..r6 are nodes 0..5: scores as given, conflicts of suffix (3-6) and birthdate (4-6, 5-6).
G16 = {
    (0, 2): 4.5, (0, 1): 4.0, (0, 5): 4.0, (1, 5): 4.0, (2, 3): 3.9, (0, 3): 3.5, (1, 2): 2.5, (1, 3): 2.5,
    (3, 4): 2.2, (0, 4): 1.6, (1, 4): 1.0, (2, 4): 1.0, (2, 5): 0.0, (3, 5): 0.0, (4, 5): 0.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (4.0, [{0, 1, 2}, {3}, {4}, {5}]),
        (3.0, [{0, 1, 2, 3}, {4}, {5}]),
        (2.0, [{0, 1, 2, 3, 4}, {5}]),
    ],
)
def test_g16_levels_of_one_scoring(threshold: float, expected: list[set[int]]) -> None:
    pairs = pair_set(6, {}, bad={(2, 5), (3, 5), (4, 5)})
    score = np.array([G16[(i, j)] for i, j in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)])
    label, log = clustering.hierarchical(6, pairs, score, threshold, np.arange(6))
    assert groups(label) == {frozenset(e) for e in expected}
    assert ((~log.merged) & (log.field == 0)).any(), "the refusal names its field"


@pytest.mark.parametrize(
    ("edges", "bad", "expected"),
    [
        ({(0, 1): 4.9, (0, 2): 3.8, (1, 2): 0.6}, set(), [{0, 1, 2}]),
        ({(0, 1): 4.2, (0, 2): 3.7, (1, 2): 0.0}, {(1, 2)}, [{0, 1}, {2}]),
    ],
)
def test_agreeable_and_disagreeable_triplets(
    edges: dict[tuple[int, int], float], bad: set[tuple[int, int]], expected: list[set[int]]
) -> None:
    pairs = pair_set(3, {}, bad=bad)
    score = np.array(
        [edges[(i, j)] for i, j in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)]
    )
    label, _ = clustering.hierarchical(3, pairs, score, 3.0, np.arange(3))
    assert groups(label) == {frozenset(e) for e in expected}


@st.composite
def graphs(
    draw: st.DrawFn,
) -> tuple[int, dict[tuple[int, int], float], set[tuple[int, int]], list[tuple[int, int]]]:
    n = draw(st.integers(2, 9))
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    score = {p: draw(st.sampled_from([0.0, 1.0, 2.5, 3.0, 3.3, 3.7, 4.0, 4.9])) for p in every}
    bad = {p for p in every if draw(st.integers(0, 5)) == 0}
    joined = [p for p in every if draw(st.integers(0, 11)) == 0]
    return n, score, bad, joined


def sequential(
    n: int,
    score: dict[tuple[int, int], float],
    bad: set[tuple[int, int]],
    good: set[tuple[int, int]],
    label: list[int],
    threshold: float,
) -> list[int]:
    """One pass over the edges, best first: the definition."""
    members = {c: {i for i in range(n) if label[i] == c} for c in set(label)}

    def across(a: int, b: int, which: set[tuple[int, int]]) -> bool:
        return any((min(p, q), max(p, q)) in which for p in members[a] for q in members[b])

    def torn(c: int) -> bool:
        return any((p, q) in bad for p in members[c] for q in members[c] if p < q)

    for (i, j), s in sorted(score.items(), key=lambda e: (-e[1], e[0])):
        a, b = label[i], label[j]
        if s < threshold or a == b:
            continue
        conflict = across(a, b, bad) and not (across(a, b, good) if torn(a) or torn(b) else False)
        if not conflict:
            low, high = min(a, b), max(a, b)
            members[low] |= members.pop(high)
            label = [low if c == high else c for c in label]
    return label


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_hierarchical_equals_one_pass_over_the_edges(
    graph: tuple[int, dict[tuple[int, int], float], set[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    n, score, bad, joined = graph
    good = set(score) - bad
    pairs = pair_set(n, {}, bad=bad, good=good)
    values = np.array(
        [score[(i, j)] for i, j in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)]
    )
    contracted = clustering.contract(
        n,
        np.array([p[0] for p in joined], dtype=np.int64),
        np.array([p[1] for p in joined], dtype=np.int64),
    )
    label, _ = clustering.hierarchical(n, pairs, values, 3.0, contracted)
    assert label.tolist() == sequential(n, score, bad, good, contracted.tolist(), 3.0)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_clusters_of_a_higher_threshold_nest(
    graph: tuple[int, dict[tuple[int, int], float], set[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    n, score, bad, _ = graph
    pairs = pair_set(n, {}, bad=bad)
    values = np.array(
        [score[(i, j)] for i, j in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)]
    )
    low, high = (
        groups(clustering.hierarchical(n, pairs, values, t, np.arange(n))[0]) for t in (2.0, 3.5)
    )
    assert all(any(small <= large for large in low) for small in high)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_mean_linkage_ends_where_no_allowed_merge_is_left(
    graph: tuple[int, dict[tuple[int, int], float], set[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    n, score, bad, _ = graph
    value = {p: s - 3.2 for p, s in score.items()}
    pairs = pair_set(n, value, bad=bad)
    label, log = clustering.mean_linkage(n, pairs, 0.0, np.arange(n))
    found = groups(label)
    strength = {p: v if v > 0 else clustering.REPULSION * v for p, v in value.items()}
    for a in found:
        assert not any((p, q) in bad for p in a for q in a if p < q), (
            "no cluster holds a hard conflict"
        )
        for b in found:
            if min(a) < min(b):
                across = [(min(p, q), max(p, q)) for p in a for q in b]
                mean = sum(strength[p] for p in across) / len(across)
                assert mean <= 1e-12 or any(p in bad for p in across)
                if max(value[p] for p in across) > 0:
                    assert any(
                        (x, y) == (min(a), min(b))
                        for x, y, m in zip(log.a, log.b, log.merged, strict=True)
                        if not m
                    )


def test_a_torn_contraction_takes_what_fits_one_of_its_faces() -> None:
    # Peter and Paula share a key (0, 1); a second Paula (2) fits one face and conflicts with the other.
    pairs = pair_set(
        3, {(0, 1): 12.0, (0, 2): -9.0, (1, 2): 8.0}, bad={(0, 1), (0, 2)}, good={(1, 2)}
    )
    label, _ = clustering.mean_linkage(3, pairs, 0.0, np.array([0, 0, 2]))
    assert groups(label) == {frozenset({0, 1, 2})}


def test_components_are_named_by_their_smallest_node() -> None:
    label = components.components(6, np.array([4, 1]), np.array([5, 4]))
    assert label.tolist() == [0, 1, 2, 3, 1, 1]
    assert (
        components.components(0, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)).tolist()
        == []
    )


def test_a_supersized_component_is_cut_at_its_weak_edges() -> None:
    i = np.array(
        [0, 1, 2, 3, 4, 5], dtype=np.int64
    )  # a chain of seven, weak in the middle, one loose end
    score = np.array([4.5, 4.5, 3.1, 4.5, 4.5, 3.2])
    part = components.components(7, i, i + 1)
    cut, supersized = components.partition(part, i, i + 1, score, 3.0, 5, 4)
    assert groups(cut) == {frozenset({0, 1, 2}), frozenset({3, 4, 5, 6})}
    assert np.array_equal(cut, supersized)
    same, none = components.partition(part, i, i + 1, score, 3.0, 50, 4)
    assert np.array_equal(same, part)
    assert set(none.tolist()) == {-1}

"""Clustering against slow, obviously right references on random graphs, and the worked examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.stitch.cluster.linkage import REPULSION, PairSet, hierarchical, mean_linkage
from c360_assets.stitch.connected_components import components

Pair = tuple[int, int]
Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def all_pairs(n: int) -> list[Pair]:
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def pair_set(
    n: int,
    value: dict[Pair, float],
    bad: set[Pair] | frozenset[Pair] = frozenset(),
    good: set[Pair] | frozenset[Pair] = frozenset(),
) -> PairSet:
    """All pairs of n nodes with one conflict field."""
    every = all_pairs(n)
    return PairSet(
        i=np.array([i for i, _ in every], dtype=np.int64),
        j=np.array([j for _, j in every], dtype=np.int64),
        value=np.array([value.get(pair, -9.0) for pair in every]),
        weight=np.ones(len(every)),
        incompatible=np.array([[pair in bad] for pair in every]),
        compatible=np.array([[pair in good] for pair in every]),
    )


def scores(n: int, score: dict[Pair, float]) -> Array:
    """In the order of `pair_set`."""
    return np.array([score[pair] for pair in all_pairs(n)])


def groups(label: Ints) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(label == cluster).tolist()) for cluster in np.unique(label)}


# r1..r6 are nodes 0..5: scores as given, conflicts of suffix (3-6) and birthdate (4-6, 5-6).
G16 = {
    (0, 2): 4.5, (0, 1): 4.0, (0, 5): 4.0, (1, 5): 4.0, (2, 3): 3.9, (0, 3): 3.5, (1, 2): 2.5,
    (1, 3): 2.5, (3, 4): 2.2, (0, 4): 1.6, (1, 4): 1.0, (2, 4): 1.0, (2, 5): 0.0, (3, 5): 0.0,
    (4, 5): 0.0,
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
    found = hierarchical(pairs, scores(6, G16), threshold, np.arange(6))
    assert groups(found.label) == {frozenset(group) for group in expected}
    refused = ~found.decisions.merged
    assert (refused & (found.decisions.field == 0)).any(), "the refusal names its field"


@pytest.mark.parametrize(
    ("edges", "bad", "expected"),
    [
        ({(0, 1): 4.9, (0, 2): 3.8, (1, 2): 0.6}, set(), [{0, 1, 2}]),
        ({(0, 1): 4.2, (0, 2): 3.7, (1, 2): 0.0}, {(1, 2)}, [{0, 1}, {2}]),
    ],
)
def test_agreeable_and_disagreeable_triplets(
    edges: dict[Pair, float], bad: set[Pair], expected: list[set[int]]
) -> None:
    found = hierarchical(pair_set(3, {}, bad=bad), scores(3, edges), 3.0, np.arange(3))
    assert groups(found.label) == {frozenset(group) for group in expected}


@dataclass(frozen=True)
class Graph:
    """A score for every pair of n nodes, pairs in conflict, pairs that are joined beforehand."""

    n: int
    score: dict[Pair, float]
    bad: set[Pair]
    joined: list[Pair]

    def contracted(self) -> Ints:
        i = np.array([i for i, _ in self.joined], dtype=np.int64)
        j = np.array([j for _, j in self.joined], dtype=np.int64)
        return components(self.n, i, j)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(2, 9))
    every = all_pairs(n)
    some_scores = st.sampled_from([0.0, 1.0, 2.5, 3.0, 3.3, 3.7, 4.0, 4.9])
    return Graph(
        n,
        score={pair: draw(some_scores) for pair in every},
        bad={pair for pair in every if draw(st.integers(0, 5)) == 0},
        joined=[pair for pair in every if draw(st.integers(0, 11)) == 0],
    )


def across(one: set[int], other: set[int]) -> list[Pair]:
    return [(min(p, q), max(p, q)) for p in one for q in other]


def sequential(graph: Graph, good: set[Pair], label: list[int], threshold: float) -> list[int]:
    """One pass over the edges, best first: the definition."""
    members = {
        cluster: {node for node in range(graph.n) if label[node] == cluster}
        for cluster in set(label)
    }

    def torn(cluster: int) -> bool:
        return any(pair in graph.bad for pair in across(members[cluster], members[cluster]))

    for (i, j), score in sorted(graph.score.items(), key=lambda edge: (-edge[1], edge[0])):
        a = label[i]
        b = label[j]
        if score < threshold or a == b:
            continue
        between = across(members[a], members[b])
        conflict = any(pair in graph.bad for pair in between)
        if torn(a) or torn(b):
            conflict = conflict and not any(pair in good for pair in between)
        if not conflict:
            low = min(a, b)
            high = max(a, b)
            members[low] |= members.pop(high)
            label = [low if cluster == high else cluster for cluster in label]
    return label


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_hierarchical_equals_one_pass_over_the_edges(graph: Graph) -> None:
    good = set(graph.score) - graph.bad
    pairs = pair_set(graph.n, {}, bad=graph.bad, good=good)
    contracted = graph.contracted()
    found = hierarchical(pairs, scores(graph.n, graph.score), 3.0, contracted)
    assert found.label.tolist() == sequential(graph, good, contracted.tolist(), 3.0)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_clusters_of_a_higher_threshold_nest(graph: Graph) -> None:
    pairs = pair_set(graph.n, {}, bad=graph.bad)
    score = scores(graph.n, graph.score)
    low = groups(hierarchical(pairs, score, 2.0, np.arange(graph.n)).label)
    high = groups(hierarchical(pairs, score, 3.5, np.arange(graph.n)).label)
    assert all(any(small <= large for large in low) for small in high)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_mean_linkage_ends_where_no_allowed_merge_is_left(graph: Graph) -> None:
    value = {pair: score - 3.2 for pair, score in graph.score.items()}
    weighted = {pair: v if v > 0 else REPULSION * v for pair, v in value.items()}
    pairs = pair_set(graph.n, value, bad=graph.bad)
    found = mean_linkage(pairs, 0.0, np.arange(graph.n))
    decisions = found.decisions
    ends = zip(decisions.a.tolist(), decisions.b.tolist(), decisions.merged.tolist(), strict=True)
    refused = {(a, b) for a, b, merged in ends if not merged}
    clusters = sorted(groups(found.label), key=min)
    for number, one in enumerate(clusters):
        inside = across(set(one), set(one))
        assert not graph.bad.intersection(inside), "no cluster holds a hard conflict"
        for other in clusters[number + 1 :]:
            between = across(set(one), set(other))
            mean = sum(weighted[pair] for pair in between) / len(between)
            assert mean <= 1e-12 or graph.bad.intersection(between)
            if max(value[pair] for pair in between) > 0:
                assert (min(one), min(other)) in refused


def test_a_torn_contraction_takes_what_fits_one_of_its_faces() -> None:
    # Peter and Paula share a key (0, 1); a second Paula (2) fits one face and conflicts with the
    # other.
    value = {(0, 1): 12.0, (0, 2): -9.0, (1, 2): 8.0}
    pairs = pair_set(3, value, bad={(0, 1), (0, 2)}, good={(1, 2)})
    found = mean_linkage(pairs, 0.0, np.array([0, 0, 2]))
    assert groups(found.label) == {frozenset({0, 1, 2})}

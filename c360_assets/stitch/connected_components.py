"""Connected components over scored pairs, and the partition of supersized ones.

Plain graph work on integer arrays. What may be merged inside a component belongs in `linkage`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Nodes = npt.NDArray[np.int64] | npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
CERTAIN = 5.0  # the highest score: equal keys, rules and labels, which no cut may part
SUPERSIZED_STEP = 0.5  # each depth drops edges below the next half score point


@dataclass(frozen=True)
class Edges:
    """Pairs of nodes, i < j, with their scores."""

    i: Nodes
    j: Nodes
    score: Floats

    def take(self, keep: Bools | Ints) -> Edges:
        return Edges(self.i[keep], self.j[keep], self.score[keep])


@dataclass(frozen=True)
class Partition:
    """The part of each node (its smallest node), and the same where the node's component was
    supersized, -1 elsewhere."""

    part: Ints
    supersized: Ints


def components(n_nodes: int, i: Nodes, j: Nodes) -> Ints:
    """Label of each node: the smallest node of its connected component. Local to the graph."""
    # Takes a quarter of a second to import, and an explanation of a pair does without it.
    from scipy import sparse
    from scipy.sparse import csgraph

    ones = np.ones(len(i), dtype=np.int8)
    graph = sparse.coo_matrix((ones, (i, j)), shape=(n_nodes, n_nodes))
    _, label = csgraph.connected_components(graph, directed=False)
    return _smallest_of_group(label)


def partition(
    component: Ints, edges: Edges, threshold: float, min_size: int, max_depth: int
) -> Partition:
    """Split components of at least `min_size` nodes. Local to a component.

    At each depth edges below the next half point above the threshold are dropped inside what is
    still too large; records that become isolated re-attach to the part of their strongest edge
    while it stays below `min_size`. What is still too large at the last depth stays whole. The
    edges are those at or above the threshold, sorted by (i, j).
    """
    part = component
    for depth in range(1, max_depth + 1):
        too_large = _size_of_group(part) >= min_size
        if not too_large.any():
            break
        inside = edges.take(too_large[edges.i] & (part[edges.i] == part[edges.j]))
        cut = min(threshold + SUPERSIZED_STEP * depth, CERTAIN)
        strong = inside.take(inside.score >= cut)
        split = components(len(part), strong.i, strong.j)
        part = np.where(too_large, split, part)
        is_alone = too_large & (_size_of_group(part) == 1)
        part = _attached(part, is_alone, inside, min_size)
    was_supersized = _size_of_group(component) >= min_size
    part = _smallest_of_group(part)
    return Partition(part, np.where(was_supersized, part, -1))


def _attached(part: Ints, is_alone: Bools, edges: Edges, min_size: int) -> Ints:
    """The parts after nodes that stand alone joined the part of their strongest edge, in the order
    of nodes, while it stays below `min_size`."""
    to_others = edges.take(is_alone[edges.i] ^ is_alone[edges.j])
    first_is_alone = is_alone[to_others.i]
    node = np.where(first_is_alone, to_others.i, to_others.j)
    other = np.where(first_is_alone, to_others.j, to_others.i)
    order = np.lexsort((other, -to_others.score, node))
    strongest = order[np.unique(node[order], return_index=True)[1]]
    node = node[strongest]
    target = part[other[strongest]]
    # Sizes are those before anyone joined: the rank says how many come before into one part.
    size = np.bincount(part, minlength=len(part))
    fits = size[target] + _rank_within(target) + 1 < min_size
    attached = part.copy()
    attached[node[fits]] = target[fits]
    return attached


def _size_of_group(group: Ints) -> Ints:
    """For each node how many nodes its group has."""
    return np.bincount(group, minlength=len(group))[group]


def _smallest_of_group(group: Ints) -> Ints:
    """For each node the smallest node of its group."""
    n_nodes = len(group)
    smallest = np.full(group.max() + 1 if n_nodes else 0, n_nodes, dtype=np.int64)
    np.minimum.at(smallest, group, np.arange(n_nodes))
    return smallest[group]


def _rank_within(group: Ints) -> Ints:
    """0, 1, 2, ... within each equal value, in array order."""
    order = np.argsort(group, kind="stable")
    sorted_group = group[order]
    is_start = np.ones(len(group), dtype=bool)
    is_start[1:] = sorted_group[1:] != sorted_group[:-1]
    starts = np.flatnonzero(is_start)
    group_sizes = np.diff(np.append(starts, len(group)))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(starts, group_sizes)
    return rank

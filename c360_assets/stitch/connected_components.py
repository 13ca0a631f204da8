"""Connected components over scored pairs, and the partition of supersized ones.

Plain graph work on integer arrays. What may be merged inside a component belongs in `clustering`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

Ints = npt.NDArray[np.int64]
Nodes = npt.NDArray[np.int64] | npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
CERTAIN = 5.0  # the highest score: equal keys, rules and labels, which no cut may part
SUPERSIZED_STEP = 0.5  # each depth drops edges below the next half score point


def components(n: int, i: Nodes, j: Nodes) -> Ints:
    """Label of each of n nodes: the smallest node of its connected component."""
    graph = sparse.coo_matrix((np.ones(len(i), dtype=np.int8), (i, j)), shape=(n, n))
    _, label = csgraph.connected_components(graph, directed=False)
    smallest = np.full(label.max() + 1 if n else 0, n, dtype=np.int64)
    np.minimum.at(smallest, label, np.arange(n))
    return smallest[label]


def partition(
    part: Ints, i: Nodes, j: Nodes, score: Floats, threshold: float, min_size: int, max_depth: int
) -> tuple[Ints, Ints]:
    """Split components of at least `min_size` nodes; returns (part of each node, supersized part or -1).

    At each depth edges below the next half point above the threshold are dropped inside what is still too large; records that
    become isolated re-attach to the part of their strongest edge while it stays below `min_size`. What is still too large at the
    last depth stays whole. The edges are those at or above the threshold, i < j, sorted by (i, j).
    """
    n = len(part)
    origin = part.copy()
    for depth in range(1, max_depth + 1):
        size = np.bincount(part, minlength=n)
        big = size[part] >= min_size
        if not big.any():
            break
        inside = big[i] & (part[i] == part[j])
        cut = min(threshold + SUPERSIZED_STEP * depth, CERTAIN)
        strong = inside & (score >= cut)
        split = components(n, i[strong], j[strong])
        new = np.where(big, split, part)
        size = np.bincount(new, minlength=n)
        lone = big & (size[new] == 1)
        edge = inside & (lone[i] ^ lone[j])
        node, other = np.where(lone[i], i, j)[edge], np.where(lone[i], j, i)[edge]
        order = np.lexsort((other, -score[edge], node))
        first = order[np.unique(node[order], return_index=True)[1]]
        room = np.bincount(new, minlength=n)
        target = new[other[first]]
        rank = _rank_within(target)
        fits = room[target] + rank + 1 < min_size
        new[node[first][fits]] = target[fits]
        part = new
    supersized = np.bincount(origin, minlength=n)[origin] >= min_size
    smallest = np.full(n, n, dtype=np.int64)
    np.minimum.at(smallest, part, np.arange(n))
    part = smallest[part]
    return part, np.where(supersized, part, -1)


def _rank_within(group: Ints) -> Ints:
    """0, 1, 2, ... within each equal value, in array order."""
    order = np.argsort(group, kind="stable")
    sorted_group = group[order]
    starts = (
        np.flatnonzero(np.concatenate([[True], sorted_group[1:] != sorted_group[:-1]]))
        if len(group)
        else np.zeros(0, dtype=np.int64)
    )
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))
    return rank

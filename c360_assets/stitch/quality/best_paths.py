"""How sure it is that two records of a cluster are one person: the product of the posteriors along
the best path of links between them.

A pair that says little by itself is held together by others, so its own posterior is far too low.
Belongs here: graph work on bare arrays. What is made of the probabilities is `estimate`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Cells of the matrices that are looked at in one go.
CELLS = 4_000_000
# In larger clusters every path would take too long: there a pair counts by its own evidence.
LARGEST_SEARCHED = 1_000


def best_path_probability(i: Ints, j: Ints, probability: Array, cluster: Ints) -> Array:
    """Per pair the probability of its best path; at least its own. Local to a cluster.

    `i`, `j`: positions of records of one cluster; `cluster`: of each record.
    """
    of_record = _Places.of(cluster)
    result = probability.copy()
    size = of_record.size[cluster[i]]
    for n_members in np.unique(size):
        # A cluster of two has one path.
        if n_members < 3 or n_members > LARGEST_SEARCHED:
            continue
        pairs = np.flatnonzero(size == n_members)
        pairs = pairs[np.argsort(cluster[i[pairs]], kind="stable")]
        for stretch in _stretches(cluster[i[pairs]], int(n_members)):
            chosen = pairs[stretch]
            cost = -np.log(np.maximum(probability[chosen], 1e-300))
            _, number = np.unique(cluster[i[chosen]], return_inverse=True)
            ends = of_record.place[i[chosen]], of_record.place[j[chosen]]
            shortest = _shortest(number, *ends, cost, int(n_members))
            result[chosen] = np.exp(-shortest)
    return result


class _Places:
    """The size of each cluster, and the place of each record among those of its cluster."""

    def __init__(self, size: Ints, place: Ints) -> None:
        self.size = size
        self.place = place

    @classmethod
    def of(cls, cluster: Ints) -> _Places:
        order = np.argsort(cluster, kind="stable")
        size = np.bincount(cluster)
        first = np.cumsum(size) - size
        place = np.empty(len(cluster), dtype=np.int64)
        place[order] = np.arange(len(cluster)) - first[cluster[order]]
        return cls(size, place)


def _stretches(cluster_of_pair: Ints, n_members: int) -> Iterator[slice]:
    """What covers the pairs, sorted by cluster, some clusters at a time."""
    starts = np.flatnonzero(np.diff(cluster_of_pair, prepend=-1))
    ends = [*starts[1:], len(cluster_of_pair)]
    step = max(CELLS // n_members**2, 1)
    for first in range(0, len(starts), step):
        yield slice(starts[first], ends[min(first + step, len(starts)) - 1])


def _shortest(number: Ints, one: Ints, other: Ints, cost: Array, n_members: int) -> Array:
    """The cost of the shortest path of each pair, in all clusters of one size at once (Floyd and
    Warshall)."""
    n_clusters = int(number.max()) + 1
    costs = np.full((n_clusters, n_members, n_members), np.inf)
    costs[number, one, other] = cost
    costs[number, other, one] = cost
    for through in range(n_members):
        detour = costs[:, :, through, None] + costs[:, None, through, :]
        np.minimum(costs, detour, out=costs)
    return np.asarray(costs[number, one, other])

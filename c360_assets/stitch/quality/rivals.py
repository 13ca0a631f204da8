"""Which other cluster a record may belong to as well, where it cannot belong to both.

A record of an initial fits the father and the son, whose names keep them apart: whichever it was
put to, the other one has its share of the probability. Belongs here: arithmetic on bare arrays.
What is made of the shares is `estimate`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def own_share(ends: tuple[Ints, Ints], log_odds: Array, vetoed: Bools, cluster: Ints) -> Array:
    """Of each record the probability of its own cluster among those that it fits and that are kept
    apart from its own by other records. Local to a component part.

    `ends`: positions of the records of each pair, with its `log_odds` of one person and whether a
    conflict forbids it; `cluster`: of each record.
    """
    i, j = ends
    n_clusters = int(cluster.max(initial=0)) + 1
    apart = cluster[i] != cluster[j]
    record = np.concatenate([i[apart], j[apart]])
    other = np.concatenate([cluster[j[apart]], cluster[i[apart]]])
    two_clusters = np.minimum(cluster[record], other) * n_clusters + np.maximum(
        cluster[record], other
    )
    forbidden = np.tile(vetoed[apart], 2)
    kept_apart = np.isin(two_clusters, np.unique(two_clusters[forbidden]))
    choices, choice = np.unique(record * n_clusters + other, return_inverse=True)
    count = np.maximum(np.bincount(choice, minlength=len(choices)), 1)
    mean = np.bincount(choice, np.tile(log_odds[apart], 2), len(choices)) / count
    fits = np.bincount(choice, forbidden, len(choices)) == 0
    is_rival = fits & (np.bincount(choice, kept_apart, len(choices)) > 0)
    chooser = choices[is_rival] // n_clusters
    rivals = np.bincount(chooser, np.exp(mean[is_rival]), len(cluster))
    own = _best_of_own(i[~apart], j[~apart], log_odds[~apart], len(cluster))
    return np.asarray(1 / (1 + rivals * np.exp(-own)))


def _best_of_own(i: Ints, j: Ints, log_odds: Array, n_records: int) -> Array:
    """The strongest link of each record inside its cluster, infinite where it is alone."""
    best = np.full(n_records, -np.inf)
    np.maximum.at(best, i, log_odds)
    np.maximum.at(best, j, log_odds)
    return np.where(np.isfinite(best), best, np.inf)

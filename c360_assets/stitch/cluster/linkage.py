"""Clustering of scored pairs inside component parts: mean linkage (default) or hierarchical.

Merges run in rounds of mutual-best pairs of clusters (sort, reduce, relabel), so nothing loops over
records or edges. Mean linkage merges while the mean over the pairs between two clusters is above
the cut: agreement attracts, disagreement repels at a lower weight, and a pair that was compared on
much counts more than one compared on little, because two sparse records of one person have nothing
to say about each other. Hierarchical follows "Entity Matching in the Wild" (SIGMOD 2020), with
existing edges in descending order instead of re-scored unions. Hard conflicts veto a merge in both.
Everything here is local to a component part. Scores come from `rules`, conflicts from `conflicts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from c360_assets.stitch.connected_components import Edges, Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
REPULSION = 0.5  # weight of evidence against, relative to evidence for
NO_FIELD = -1


@dataclass(frozen=True)
class PairSet:
    """All scored pairs inside component parts, i < j, sorted by (i, j)."""

    i: Ints
    j: Ints
    value: Floats  # log-odds, rules applied
    weight: Floats  # how much the pair says in a mean
    incompatible: Bools  # (pairs, fields)
    compatible: Bools  # (pairs, fields)


@dataclass(frozen=True)
class Decisions:
    """Merged or refused pairs of clusters (named by their smallest nodes): the mean (or score) and
    the vetoing field (-1: none)."""

    a: Ints
    b: Ints
    merged: Bools
    evidence: Floats
    field: Ints

    @classmethod
    def joined(cls, rounds: list[Decisions]) -> Decisions:
        """Those of all rounds, in their order."""
        nothing = cls.nothing()
        every = [nothing, *rounds]
        return cls(
            np.concatenate([decisions.a for decisions in every]),
            np.concatenate([decisions.b for decisions in every]),
            np.concatenate([decisions.merged for decisions in every]),
            np.concatenate([decisions.evidence for decisions in every]),
            np.concatenate([decisions.field for decisions in every]),
        )

    @classmethod
    def nothing(cls) -> Decisions:
        no_number = np.zeros(0, dtype=np.int64)
        return cls(no_number, no_number, np.zeros(0, dtype=bool), np.zeros(0), no_number)


@dataclass(frozen=True)
class Clustering:
    """The cluster of each node (its smallest node), and how it came about."""

    label: Ints
    decisions: Decisions


@dataclass(frozen=True)
class _Links:
    """Links between clusters a < b, one per pair of clusters."""

    a: Ints
    b: Ints
    total: Floats  # of the values
    count: Floats  # of the values, weighted
    best: Floats
    n_incompatible: Ints  # (links, fields)
    n_compatible: Ints  # (links, fields)

    def take(self, keep: Bools | Ints) -> _Links:
        return _Links(
            self.a[keep],
            self.b[keep],
            self.total[keep],
            self.count[keep],
            self.best[keep],
            self.n_incompatible[keep],
            self.n_compatible[keep],
        )


class _Clusters:
    """Clusters while they are merged: the label of each node, the links between clusters, and which
    clusters are torn."""

    def __init__(self, pairs: PairSet, value: Floats, total: Floats, contracted: Ints) -> None:
        """`value`, `total`: of each pair, unweighted and weighted."""
        self.label = contracted.copy()
        # (nodes, fields): the cluster holds incompatible values of the field by a contraction.
        self.torn = np.zeros((len(contracted), pairs.incompatible.shape[1]), dtype=bool)
        is_inner = contracted[pairs.i] == contracted[pairs.j]
        if is_inner.any():
            cluster = contracted[pairs.i[is_inner]]
            np.logical_or.at(self.torn, cluster, pairs.incompatible[is_inner])
        every_pair = _Links(
            pairs.i,
            pairs.j,
            total,
            pairs.weight,
            value,
            pairs.incompatible.astype(np.int64),
            pairs.compatible.astype(np.int64),
        )
        self.links = _relabelled(every_pair, contracted)

    def vetoes(self) -> Bools:
        """(links, fields) that forbid a merge.

        A cluster torn inside (by an equal key) is in conflict only if nothing fits.
        """
        links = self.links
        in_conflict = links.n_incompatible > 0
        is_torn = self.torn[links.a] | self.torn[links.b]
        return np.where(is_torn, (links.n_compatible == 0) & in_conflict, in_conflict)

    def merge(self, a: Ints, b: Ints) -> None:
        """Merge each cluster of b into the one of a; no cluster is in two of the pairs."""
        into = np.arange(len(self.label))
        into[b] = a
        self.torn[a] |= self.torn[b]
        self.label = into[self.label]
        self.links = _relabelled(self.links, into)


def _relabelled(links: _Links, label: Ints) -> _Links:
    """Links after relabelling: inner ones dropped, parallel ones added up in a fixed order."""
    one = label[links.a]
    other = label[links.b]
    is_outer = one != other
    links = links.take(is_outer)
    a = np.minimum(one, other)[is_outer]
    b = np.maximum(one, other)[is_outer]
    if not len(a):
        return links
    # Sums of floats depend on their order: sorting makes it the same in every run.
    order = np.lexsort((b, a))
    a = a[order]
    b = b[order]
    is_start = np.concatenate([[True], (a[1:] != a[:-1]) | (b[1:] != b[:-1])])
    starts = np.flatnonzero(is_start)
    return _Links(
        a[starts],
        b[starts],
        np.add.reduceat(links.total[order], starts),
        np.add.reduceat(links.count[order], starts),
        np.maximum.reduceat(links.best[order], starts),
        np.add.reduceat(links.n_incompatible[order], starts, axis=0),
        np.add.reduceat(links.n_compatible[order], starts, axis=0),
    )


def _mutual_best(n_nodes: int, a: Ints, b: Ints, order: Ints) -> Bools:
    """Links that are the first of both their ends in `order` (indices of links, best first)."""
    rank = np.empty(len(a), dtype=np.int64)
    rank[order] = np.arange(len(a))
    first = np.full(n_nodes, len(a), dtype=np.int64)
    np.minimum.at(first, a, rank)
    np.minimum.at(first, b, rank)
    return np.asarray((first[a] == rank) & (first[b] == rank))


def _vetoing_field(vetoes: Bools) -> Ints:
    """The first field of each link that forbids its merge, -1 where none does."""
    if not vetoes.shape[1]:
        return np.full(len(vetoes), NO_FIELD)
    return np.where(vetoes.any(axis=1), np.argmax(vetoes, axis=1), NO_FIELD)


def mean_linkage(pairs: PairSet, cut: float, contracted: Ints) -> Clustering:
    """Clusters by mean linkage over log-odds in rounds of mutual-best merges.

    `contracted`: label of each node after must-links and equal foreign keys. Ties: the pair of
    clusters with the lower nodes.
    """
    n_nodes = len(contracted)
    value = np.where(pairs.value < 0, REPULSION * pairs.value, pairs.value)
    # Below even odds the cut is evidence against, and counts as such.
    cut = REPULSION * cut if cut < 0 else cut
    clusters = _Clusters(pairs, value, value * pairs.weight, contracted)
    clusters.links = _with_best_of_faces(clusters.links, clusters.torn)
    rounds = []
    while len(clusters.links.a):
        links = clusters.links
        mean = links.total / links.count
        allowed = np.flatnonzero((mean > cut) & ~clusters.vetoes().any(axis=1))
        if not len(allowed):
            break
        a = links.a[allowed]
        b = links.b[allowed]
        best_first = np.lexsort((b, a, -mean[allowed]))
        is_chosen = _mutual_best(n_nodes, a, b, best_first)
        chosen = allowed[is_chosen]
        merged = np.ones(len(chosen), dtype=bool)
        no_field = np.full(len(chosen), NO_FIELD)
        rounds.append(Decisions(links.a[chosen], links.b[chosen], merged, mean[chosen], no_field))
        clusters.merge(links.a[chosen], links.b[chosen])
    rounds.append(_refused(clusters, cut))
    return Clustering(clusters.label, Decisions.joined(rounds))


def _with_best_of_faces(links: _Links, torn: Bools) -> _Links:
    """A contraction that joins unlike records is one node with several faces: another record fits
    if it fits one of them."""
    if not len(links.a):
        return links
    has_faces = (torn[links.a] | torn[links.b]).any(axis=1)
    total = np.where(has_faces, links.best * links.count, links.total)
    return _Links(
        links.a,
        links.b,
        total,
        links.count,
        links.best,
        links.n_incompatible,
        links.n_compatible,
    )


def _refused(clusters: _Clusters, cut: float) -> Decisions:
    """Pairs of clusters that stay apart although some pair of their records attracts."""
    attracts = clusters.links.best > max(cut, 0.0)
    links = clusters.links.take(attracts)
    vetoes = clusters.vetoes()[attracts]
    not_merged = np.zeros(len(links.a), dtype=bool)
    mean = links.total / links.count
    return Decisions(links.a, links.b, not_merged, mean, _vetoing_field(vetoes))


def hierarchical(pairs: PairSet, score: Floats, threshold: float, contracted: Ints) -> Clustering:
    """Clusters by merging along edges of score >= threshold, best first, unless members conflict.

    Ties in score go to the higher log-odds, then to the lower nodes. Equals one pass over the
    sorted edges: an edge that is the first open one at both its clusters is what the pass would
    take next there, so all such edges are handled at once.
    """
    n_nodes = len(contracted)
    clusters = _Clusters(pairs, pairs.value, pairs.value, contracted)
    some_torn = bool(clusters.torn.any())
    edges = _best_first(pairs, score, threshold)
    rounds = []
    while True:
        one = clusters.label[edges.i]
        other = clusters.label[edges.j]
        is_open = one != other
        edges = edges.take(is_open)
        a = np.minimum(one, other)[is_open]
        b = np.maximum(one, other)[is_open]
        if not len(a):
            break
        chosen = np.flatnonzero(_mutual_best(n_nodes, a, b, np.arange(len(a))))
        link = clusters.links.a * n_nodes + clusters.links.b
        link_of_chosen = np.searchsorted(link, a[chosen] * n_nodes + b[chosen])
        field = _vetoing_field(clusters.vetoes()[link_of_chosen])
        merged = field == NO_FIELD
        rounds.append(Decisions(a[chosen], b[chosen], merged, edges.score[chosen], field))
        stays = np.ones(len(a), dtype=bool)
        stays[chosen] = False
        if not some_torn:
            # A conflict between clusters only grows: their other edges are refused with it.
            refused = a[chosen[~merged]] * n_nodes + b[chosen[~merged]]
            stays &= ~np.isin(a * n_nodes + b, refused)
        edges = edges.take(stays)
        clusters.merge(a[chosen[merged]], b[chosen[merged]])
    return Clustering(clusters.label, Decisions.joined(rounds))


def _best_first(pairs: PairSet, score: Floats, threshold: float) -> Edges:
    """The edges of the graph: by score, log-odds, nodes."""
    is_edge = score >= threshold
    edges = Edges(pairs.i[is_edge], pairs.j[is_edge], score[is_edge])
    return edges.take(np.lexsort((edges.j, edges.i, -pairs.value[is_edge], -edges.score)))

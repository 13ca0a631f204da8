"""Clustering of scored pairs inside components: mean linkage (default), hierarchical, or components as they are.

Merges run in rounds of mutual-best pairs of clusters (sort, reduce, relabel), so nothing loops over records or edges.
Mean linkage merges while the mean over the pairs between two clusters is above the cut: agreement attracts, disagreement
repels at a lower weight, and a pair that was compared on much counts more than one compared on little, because two sparse
records of one person have nothing to say about each other. Hierarchical follows "Entity Matching in the Wild" (SIGMOD 2020),
with existing edges in descending order instead of re-scored unions. Hard conflicts veto a merge in both. Scores and conflicts
come from `scores`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from c360_assets.stitch.connected_components import Ints, components

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
REPULSION = 0.5  # weight of evidence against, relative to evidence for


@dataclass(frozen=True)
class PairSet:
    """All scored pairs inside component parts, i < j, sorted by (i, j)."""

    i: Ints
    j: Ints
    value: Floats  # log-odds, rules applied
    weight: Floats  # how much the pair says in a mean
    incompatible: Bools  # (pairs, fields)
    compatible: Bools  # (pairs, fields)

    def take(self, keep: Bools) -> PairSet:
        return PairSet(
            self.i[keep],
            self.j[keep],
            self.value[keep],
            self.weight[keep],
            self.incompatible[keep],
            self.compatible[keep],
        )


@dataclass(frozen=True)
class Decision:
    """Merged or refused pairs of clusters (named by their smallest node): mean (or score) and the vetoing field (-1: none)."""

    a: Ints
    b: Ints
    merged: Bools
    evidence: Floats
    field: Ints


@dataclass(frozen=True)
class _Links:
    """Links between clusters a < b, one per pair of clusters: sum and number of values, conflicts per field."""

    a: Ints
    b: Ints
    total: Floats
    count: Floats
    best: Floats
    bad: Ints  # (links, fields)
    good: Ints

    def take(self, keep: Bools | Ints) -> _Links:
        return _Links(
            self.a[keep],
            self.b[keep],
            self.total[keep],
            self.count[keep],
            self.best[keep],
            self.bad[keep],
            self.good[keep],
        )


def _reduce(label: Ints, links: _Links) -> _Links:
    """Links after relabelling: inner ones dropped, parallel ones added up in a fixed order."""
    a, b = label[links.a], label[links.b]
    a, b = np.minimum(a, b), np.maximum(a, b)
    outer = a != b
    links = links.take(outer)
    a, b = a[outer], b[outer]
    if not len(a):
        return _Links(a, b, links.total, links.count, links.best, links.bad, links.good)
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    starts = np.flatnonzero(np.concatenate([[True], (a[1:] != a[:-1]) | (b[1:] != b[:-1])]))
    add = np.add.reduceat
    return _Links(
        a[starts],
        b[starts],
        add(links.total[order], starts),
        add(links.count[order], starts),
        np.maximum.reduceat(links.best[order], starts),
        add(links.bad[order], starts, axis=0),
        add(links.good[order], starts, axis=0),
    )


def _vetoes(links: _Links, torn: Bools) -> Bools:
    """(links, fields) that forbid a merge. A cluster torn inside (by an equal key) is in conflict only if nothing fits."""
    inside = torn[links.a] | torn[links.b]
    return np.where(inside, (links.good == 0) & (links.bad > 0), links.bad > 0)


def _torn(n: int, label: Ints, pairs: PairSet) -> Bools:
    """(nodes, fields): cluster holds incompatible values of the field through a contraction."""
    torn = np.zeros((n, pairs.incompatible.shape[1]), dtype=bool)
    inner = label[pairs.i] == label[pairs.j]
    if inner.any():
        np.logical_or.at(torn, label[pairs.i[inner]], pairs.incompatible[inner])
    return torn


def _mutual_best(n: int, a: Ints, b: Ints, order: Ints) -> Bools:
    """Links that are the first of both their ends in `order` (indices of links, best first)."""
    rank = np.empty(len(a), dtype=np.int64)
    rank[order] = np.arange(len(a))
    first = np.full(n, len(a), dtype=np.int64)
    np.minimum.at(first, a, rank)
    np.minimum.at(first, b, rank)
    return np.asarray((first[a] == rank) & (first[b] == rank))


def mean_linkage(n: int, pairs: PairSet, cut: float, contracted: Ints) -> tuple[Ints, Decision]:
    """Clusters (smallest node of each) by mean linkage over log-odds in rounds of mutual-best merges.

    `contracted`: label of each node after must-links and equal foreign keys. Ties: the pair of clusters with the lower nodes.
    """
    label = contracted.copy()
    torn = _torn(n, label, pairs)
    value = np.where(pairs.value < 0, REPULSION * pairs.value, pairs.value)
    cut = REPULSION * cut if cut < 0 else cut
    links = _reduce(
        label,
        _Links(
            pairs.i,
            pairs.j,
            value * pairs.weight,
            pairs.weight,
            value,
            pairs.incompatible.astype(np.int64),
            pairs.compatible.astype(np.int64),
        ),
    )
    # A contraction that joins unlike records is one node with several faces: another record fits if it fits one of them.
    faces = (torn[links.a] | torn[links.b]).any(axis=1) if len(links.a) else np.zeros(0, dtype=bool)
    links = _Links(
        links.a,
        links.b,
        np.where(faces, links.best * links.count, links.total),
        links.count,
        links.best,
        links.bad,
        links.good,
    )
    log: list[tuple[Ints, Ints, Floats]] = []
    active = links
    while len(active.a):
        mean = active.total / active.count
        allowed = np.flatnonzero((mean > cut) & ~_vetoes(active, torn).any(axis=1))
        if not len(allowed):
            break
        a, b, m = active.a[allowed], active.b[allowed], mean[allowed]
        chosen = _mutual_best(n, a, b, np.lexsort((b, a, -m)))
        into = np.arange(n)
        into[b[chosen]] = a[chosen]
        log.append((a[chosen], b[chosen], m[chosen]))
        torn[a[chosen]] |= torn[b[chosen]]
        label = into[label]
        active = _reduce(into, active)
    merged_a, merged_b, merged_m = (
        np.concatenate(c) if log else np.zeros(0)
        for c in (zip(*log, strict=True) if log else ((), (), ()))
    )
    veto = _vetoes(active, torn)
    refused = active.best > max(cut, 0.0)
    left = active.take(refused)
    field = (
        np.where(veto[refused].any(axis=1), np.argmax(veto[refused], axis=1), -1)
        if veto.shape[1]
        else np.full(len(left.a), -1)
    )
    decision = Decision(
        np.concatenate([merged_a, left.a]).astype(np.int64),
        np.concatenate([merged_b, left.b]).astype(np.int64),
        np.concatenate([np.ones(len(merged_a), dtype=bool), np.zeros(len(left.a), dtype=bool)]),
        np.concatenate([merged_m, left.total / left.count]),
        np.concatenate([np.full(len(merged_a), -1), field]).astype(np.int64),
    )
    return label, decision


def hierarchical(
    n: int, pairs: PairSet, score: Floats, threshold: float, contracted: Ints
) -> tuple[Ints, Decision]:
    """Clusters by merging along edges of score >= threshold, best first, unless members conflict.

    Ties in score go to the higher log-odds, then to the lower nodes.

    Equals one pass over the sorted edges: an edge that is the first open one at both its clusters is what the pass would
    take next there, so all such edges are handled at once.
    """
    label = contracted.copy()
    torn = _torn(n, label, pairs)
    some_torn = bool(torn.any())
    evidence = _reduce(
        label,
        _Links(
            pairs.i,
            pairs.j,
            pairs.value,
            pairs.weight,
            pairs.value,
            pairs.incompatible.astype(np.int64),
            pairs.compatible.astype(np.int64),
        ),
    )
    edge = score >= threshold
    ei, ej, es = pairs.i[edge], pairs.j[edge], score[edge]
    order = np.lexsort((ej, ei, -pairs.value[edge], -es))
    ei, ej, es = ei[order], ej[order], es[order]
    log: list[tuple[Ints, Ints, Bools, Floats, Ints]] = []
    while True:
        a, b = np.minimum(label[ei], label[ej]), np.maximum(label[ei], label[ej])
        open_ = a != b
        ei, ej, es, a, b = ei[open_], ej[open_], es[open_], a[open_], b[open_]
        if not len(a):
            break
        chosen = np.flatnonzero(_mutual_best(n, a, b, np.arange(len(a))))
        veto = _vetoes(evidence, torn)
        key = evidence.a * n + evidence.b
        at = np.searchsorted(key, a[chosen] * n + b[chosen])
        conflict = veto[at].any(axis=1) if veto.shape[1] else np.zeros(len(chosen), dtype=bool)
        field = np.where(conflict, np.argmax(veto[at], axis=1) if veto.shape[1] else 0, -1)
        log.append((a[chosen], b[chosen], ~conflict, es[chosen], field))
        into = np.arange(n)
        good = chosen[~conflict]
        into[b[good]] = a[good]
        torn[a[good]] |= torn[b[good]]
        label = into[label]
        keep = np.ones(len(ei), dtype=bool)
        keep[chosen] = False
        if (
            not some_torn
        ):  # a conflict between clusters only grows: their other edges are refused with it
            refused = a[chosen[conflict]] * n + b[chosen[conflict]]
            keep &= ~np.isin(a * n + b, refused)
        ei, ej, es = ei[keep], ej[keep], es[keep]
        evidence = _reduce(into, evidence)
    if not log:
        empty = np.zeros(0, dtype=np.int64)
        return label, Decision(empty, empty, np.zeros(0, dtype=bool), np.zeros(0), empty)
    a, b, merged, evidence_, field = (np.concatenate(c) for c in zip(*log, strict=True))
    return label, Decision(a, b, merged, evidence_, field)


def contract(n: int, i: Ints, j: Ints) -> Ints:
    """Labels after joining these pairs whatever else is known."""
    return components(n, i, j)

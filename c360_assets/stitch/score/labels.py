"""Where decisions of people enter the matcher: pairs that are one person, or are not, whatever the
evidence says.

A labelled pair is compared even if no block holds it, scores 5.00 or 0.00 (`decided_by` label)
before any rule or key is looked at, and is joined, or is a conflict that no cluster may hold.
Records that a label addresses are not collapsed with others (`trivial_duplicates.collapse`,
`kept_apart`). Reading label tables and working out their pairs is not done here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.agreement_patterns import DIFFERENT, EQUAL, MISSING
from c360_assets.stitch.connected_components import components

LABEL = "label"  # the name beside foreign and separation keys under which the state of a pair goes
Ints = npt.NDArray[np.int64]
Positions = npt.NDArray[np.int64] | npt.NDArray[np.int32]
LabelStates = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Labels:
    """Labelled pairs of comparison records by position, i < j, sorted, each once.

    `same`: one person, or not. `n_records`: how many comparison records there are.
    """

    i: Ints
    j: Ints
    same: npt.NDArray[np.bool_]
    n_records: int

    def __bool__(self) -> bool:
        return len(self.i) > 0

    def states(self, i: Positions, j: Positions) -> LabelStates:
        """Per pair (i < j) the state of a key: missing without a label, equal where it is one
        person, different where it is not. Local to a pair."""
        if not self:
            return np.full(len(i), MISSING, dtype=np.uint8)
        labelled_pair = self._packed(self.i, self.j)
        pair = self._packed(i, j)
        last = len(labelled_pair) - 1
        nearest = np.minimum(np.searchsorted(labelled_pair, pair), last)
        state = np.where(self.same[nearest], EQUAL, DIFFERENT)
        return np.where(labelled_pair[nearest] == pair, state, MISSING).astype(np.uint8)

    def _packed(self, i: Positions, j: Positions) -> Ints:
        """One number per pair, in the order of pairs."""
        return np.asarray(i.astype(np.int64) * self.n_records + j)


def of_records(labels: pl.DataFrame | None, records: pl.DataFrame) -> pl.DataFrame | None:
    """Labels given by record keys (`source1, pk1, source2, pk2, same`) as `rid1, rid2, same`.

    `records`: rid, datasource, pk. Raises C360Error where a label names a record that is not there.
    """
    if labels is None:
        return None
    for side in ("1", "2"):
        keys = records.select(
            **{f"rid{side}": "rid", f"source{side}": "datasource", f"pk{side}": "pk"}
        )
        labels = labels.join(
            keys, on=[f"source{side}", f"pk{side}"], how="left", maintain_order="left"
        )
    is_missing = pl.any_horizontal(pl.col("rid1", "rid2").is_null())
    n_missing = labels.filter(is_missing).height
    if n_missing:
        raise C360Error(f"stitch: {n_missing} labels name a record that is not there")
    return labels.select("rid1", "rid2", "same")


def labelled(pairs: pl.DataFrame | None, rid: Ints) -> Labels:
    """The labels of pairs `rid1, rid2, same` (Boolean) among the records with these ascending rids.

    A pair may be given in either order and more than once. Raises C360Error for a record that does
    not exist, a record paired with itself, and a pair that is labelled both ways or is one person
    by other labels and two by its own.
    """
    if pairs is None or not pairs.height:
        nothing = np.zeros(0, dtype=np.int64)
        return Labels(nothing, nothing, np.zeros(0, dtype=bool), len(rid))
    rid1 = pairs["rid1"].to_numpy()
    rid2 = pairs["rid2"].to_numpy()
    if not np.isin(np.concatenate([rid1, rid2]), rid).all():
        raise C360Error("stitch: a label names a record that is not compared")
    one = np.searchsorted(rid, rid1)
    other = np.searchsorted(rid, rid2)
    positions = pl.DataFrame(
        {"i": np.minimum(one, other), "j": np.maximum(one, other), "same": pairs["same"]}
    )
    frame = positions.unique().sort("i", "j")
    if (frame["i"] == frame["j"]).any() or not frame.select("i", "j").is_unique().all():
        raise C360Error(
            "stitch: labels say of a pair of records that it is one person and that it is not"
        )
    labels = Labels(
        frame["i"].to_numpy(), frame["j"].to_numpy(), frame["same"].to_numpy(), len(rid)
    )
    person = components(len(rid), labels.i[labels.same], labels.j[labels.same])
    contradicting = ~labels.same & (person[labels.i] == person[labels.j])
    n_contradicting = int(contradicting.sum())
    if n_contradicting:
        raise C360Error(
            f"stitch: {n_contradicting} labels hold two records apart that other labels say are "
            "one person"
        )
    return labels

"""Where decisions of people enter the matcher: pairs of records that are one person, or are not, whatever the evidence says.

A labelled pair is compared even if no block holds it, scores 5.00 or 0.00 (`decided_by` label) before any rule or key is looked
at, and is joined, or is a conflict that no cluster may hold. Records that a label addresses are not collapsed with others
(`duplicates.collapse`, `kept_apart`). Reading label tables and working out their pairs is not done here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.connected_components import components

LABEL = "label"  # the name beside foreign and separation keys under which the state of a pair goes
Ints = npt.NDArray[np.int64]
Positions = npt.NDArray[np.int64] | npt.NDArray[np.int32]


@dataclass(frozen=True)
class Labels:
    """Labelled pairs of comparison records by position: i < j, sorted, each once; `same`: one person, or not."""

    i: Ints
    j: Ints
    same: npt.NDArray[np.bool_]

    def states(self, i: Positions, j: Positions, n: int) -> npt.NDArray[np.uint8]:
        """Per pair (i < j, of n records) 0 without a label, 1 one person, 2 not: the states of a key."""
        if not len(self.i):
            return np.zeros(len(i), dtype=np.uint8)
        key = self.i * n + self.j
        wanted = i.astype(np.int64) * n + j
        at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        return np.where(key[at] == wanted, np.where(self.same[at], 1, 2), 0).astype(np.uint8)


def of_records(labels: pl.DataFrame | None, records: pl.DataFrame) -> pl.DataFrame | None:
    """Labels given by record keys (`source1, pk1, source2, pk2, same`) as pairs `rid1, rid2, same`.

    `records`: rid, datasource, pk. Raises C360Error where a label names a record that is not there.
    """
    if labels is None:
        return None
    for n in ("1", "2"):
        keys = records.select(**{f"rid{n}": "rid", f"source{n}": "datasource", f"pk{n}": "pk"})
        labels = labels.join(keys, on=[f"source{n}", f"pk{n}"], how="left", maintain_order="left")
    if missing := labels.filter(pl.any_horizontal(pl.col("rid1", "rid2").is_null())).height:
        raise C360Error(f"stitch: {missing} labels name a record that is not there")
    return labels.select("rid1", "rid2", "same")


def labelled(pairs: pl.DataFrame | None, rid: Ints) -> Labels:
    """The labels of pairs `rid1, rid2, same` (Boolean) among the records with these ascending `rid`.

    A pair may be given in either order and more than once. Raises C360Error for a record that does not exist, a record paired
    with itself, and a pair that is labelled both ways or is one person by other labels and two by its own.
    """
    if pairs is None or not pairs.height:
        nothing = np.zeros(0, dtype=np.int64)
        return Labels(nothing, nothing, np.zeros(0, dtype=bool))
    one, two = (pairs[c].to_numpy() for c in ("rid1", "rid2"))
    if not np.isin(np.concatenate([one, two]), rid).all():
        raise C360Error("stitch: a label names a record that is not compared")
    one, two = np.searchsorted(rid, one), np.searchsorted(rid, two)
    frame = (
        pl.DataFrame({"i": np.minimum(one, two), "j": np.maximum(one, two), "same": pairs["same"]})
        .unique()
        .sort("i", "j")
    )
    if (frame["i"] == frame["j"]).any() or not frame.select("i", "j").is_unique().all():
        raise C360Error(
            "stitch: labels say of a pair of records that it is one person and that it is not"
        )
    found = Labels(frame["i"].to_numpy(), frame["j"].to_numpy(), frame["same"].to_numpy())
    person = components(len(rid), found.i[found.same], found.j[found.same])
    if wrong := int((~found.same & (person[found.i] == person[found.j])).sum()):
        raise C360Error(
            f"stitch: {wrong} labels hold two records apart that other labels say are one person"
        )
    return found

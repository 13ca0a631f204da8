"""Pairs inside parts that no block brought together, against a plain loop."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from c360_assets.stitch.cluster.parts import LARGEST_COMPARED, unmet_pairs


@given(st.lists(st.integers(0, 3), max_size=14), st.integers(1, 3), st.randoms())
def test_pairs_that_did_not_meet(groups: list[int], min_size: int, random: Random) -> None:
    part = np.array([groups.index(group) for group in groups], dtype=np.int64)
    n = len(part)
    inside = [(i, j) for i in range(n) for j in range(i + 1, n) if part[i] == part[j]]
    met = sorted(random.sample(inside, len(inside) // 2))
    small = {c for c in groups if groups.count(c) <= LARGEST_COMPARED * min_size}
    expected = [pair for pair in inside if pair not in met and groups[pair[0]] in small]
    met_i = np.array([i for i, _ in met], dtype=np.int32)
    met_j = np.array([j for _, j in met], dtype=np.int32)
    found = unmet_pairs(part, met_i, met_j, min_size)
    assert list(zip(found.i.tolist(), found.j.tolist(), strict=True)) == expected

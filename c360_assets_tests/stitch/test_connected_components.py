"""Connected components and the partition of supersized ones, on graphs small enough to draw."""

from __future__ import annotations

import numpy as np

from c360_assets.stitch.connected_components import Edges, components, partition


def test_components_are_named_by_their_smallest_node() -> None:
    label = components(6, np.array([4, 1]), np.array([5, 4]))
    assert label.tolist() == [0, 1, 2, 3, 1, 1]
    no_edge = np.zeros(0, dtype=np.int64)
    assert components(0, no_edge, no_edge).tolist() == []


def test_a_supersized_component_is_cut_at_its_weak_edges() -> None:
    # A chain of seven, weak in the middle, one loose end.
    i = np.arange(6)
    edges = Edges(i, i + 1, np.array([4.5, 4.5, 3.1, 4.5, 4.5, 3.2]))
    component = components(7, edges.i, edges.j)
    cut = partition(component, edges, threshold=3.0, min_size=5, max_depth=4)
    assert cut.part.tolist() == [0, 0, 0, 3, 3, 3, 3]
    assert np.array_equal(cut.part, cut.supersized)
    whole = partition(component, edges, threshold=3.0, min_size=50, max_depth=4)
    assert np.array_equal(whole.part, component)
    assert set(whole.supersized.tolist()) == {-1}

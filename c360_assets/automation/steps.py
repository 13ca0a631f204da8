"""From tables to the steps that compute them: Dagster runs a step whole, so a selection must name all of its assets."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg


def whole_steps(
    definitions: dg.Definitions, tables: Sequence[str | dg.AssetKey]
) -> list[dg.AssetKey]:
    """The keys of every asset of each step that computes one of `tables` (warehouse names or asset keys), sorted."""
    wanted = {t if isinstance(t, dg.AssetKey) else dg.AssetKey(t.split("/")) for t in tables}
    found: set[dg.AssetKey] = set()
    for assets in definitions.assets or []:
        if isinstance(assets, dg.AssetsDefinition) and not wanted.isdisjoint(assets.keys):
            found |= set(assets.keys)
    return sorted(found)

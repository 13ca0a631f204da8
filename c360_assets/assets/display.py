"""What Dagster shows of a recipe: the base that serves every recipe, and those of a kind that has
more to show build on.

How recipes become steps belongs to `recipe_assets`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from c360_assets.assets.metadata import (
    Result,
    asset_key,
    described,
    documented,
    materialized,
    state_schema,
)
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.recipe import Outcome, Recipe
from c360_assets.warehouse.session import Session

Shown = Result | dg.AssetCheckResult


class Display:
    """What Dagster shows of a recipe: its tables with their columns, meaning, row counts and
    digests.
    """

    kinds: frozenset[str] = frozenset({"deltalake", "duckdb"})

    def __init__(self, tenant: Tenant, recipe: Recipe) -> None:
        self.tenant = tenant
        self.recipe = recipe

    def specs(self) -> list[dg.AssetSpec]:
        """An asset per table and output of the recipe; an output is made from the recipe's tables
        too.
        """
        recipe = self.recipe
        specs = [self._spec(table, recipe.reads) for table in recipe.tables]
        reads = [*recipe.reads, *recipe.tables]
        return specs + [self._spec(output, reads) for output in recipe.outputs]

    def _spec(self, asset: str, reads: Sequence[str]) -> dg.AssetSpec:
        return dg.AssetSpec(
            asset_key(asset),
            deps=[asset_key(name) for name in reads],
            kinds=set(self.kinds),
            **self.about(asset),
        )

    def about(self, asset: str) -> dict[str, Any]:
        """`description` and `metadata` of an asset before it is made."""
        spec = self.recipe.documents.get(asset)
        return described(spec) if spec is not None else documented(asset)

    def checks(self) -> list[dg.AssetCheckSpec]:
        return []

    def results(self, session: Session, outcome: Outcome) -> Iterator[Shown]:
        """The results of a turn.

        An asset without a state is one that the tenant has no data for.
        """
        for table in self.recipe.tables:
            state = outcome.states.get(table)
            schema = state_schema(table, state) if state is not None else None
            yield materialized(table, state, reused=outcome.reused, schema=schema)
